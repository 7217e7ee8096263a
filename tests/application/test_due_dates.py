"""An issued invoice is due some days later, as its customer's invoices are when it closes."""

from dataclasses import replace
from datetime import date

import pytest

from postpaid.application.render_invoice import document_of
from postpaid.domain.customer import Customer
from postpaid.domain.invoice import Invoice
from postpaid.store.customers import StoredCustomers, item_from_customer
from postpaid.store.tables import Put
from tests.support.samples import MANUAL, SCOPE
from tests.support.world import World


def pays_within(world: World, days: int) -> Customer:
    """Give the customer so many days to pay."""
    found = world.stores.customers.get("globex")
    assert found is not None
    customer = replace(found, payment_days=days)
    world.billing.put(Put(item_from_customer(SCOPE, customer)))
    return customer


def october(days: int) -> World:
    """Sixty minutes of October are to be billed, to one who has so many days to pay."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    pays_within(world, days)
    world.record("60", "2026-10-05")
    world.skip_to("2026-11-01T01:00")
    world.sweep()
    return world


def closed(world: World) -> Invoice:
    return world.close(world.invoices()[0])


@pytest.mark.parametrize(
    ("days", "due_on"),
    [
        (0, date(2026, 11, 1)),
        (1, date(2026, 11, 2)),
        (30, date(2026, 12, 1)),
        (365, date(2027, 11, 1)),
    ],
)
def test_an_issued_invoice_is_due_so_many_days_after_its_issue(days: int, due_on: date) -> None:
    world = october(days)

    invoice = closed(world)

    assert (invoice.issued_on, invoice.due_on) == (date(2026, 11, 1), due_on)
    assert world.stores.invoices.get(invoice.id) == invoice
    assert world.content(invoice).payment_days == days
    assert document_of(invoice, world.content(invoice)).due_on == due_on


def test_it_stays_due_when_it_was_whatever_its_customer_is_given_later() -> None:
    world = october(30)
    invoice = closed(world)
    pays_within(world, 60)

    assert closed(world) == invoice
    voided = world.void(invoice)
    assert voided.due_on == date(2026, 12, 1)


def test_the_days_are_those_at_the_close() -> None:
    world = october(30)
    pays_within(world, 14)

    assert closed(world).due_on == date(2026, 11, 15)


def test_what_is_skipped_or_deleted_is_never_due() -> None:
    world = october(30)

    assert world.throw_away(world.invoices()[0]).due_on is None


def test_an_invoice_of_nothing_prints_no_day_to_pay_it() -> None:
    world = october(30)
    invoice = closed(world)
    content = world.content(invoice)
    paid = replace(content, balance=content.charges)

    assert document_of(invoice, paid).due_on is None


def test_a_customers_days_are_read_as_they_were_stored() -> None:
    world = october(30)

    assert StoredCustomers(world.billing, SCOPE).get("globex") == pays_within(world, 30)
    item = item_from_customer(SCOPE, pays_within(world, 0))
    assert "payment_days" not in item, "what is usual is absent"
