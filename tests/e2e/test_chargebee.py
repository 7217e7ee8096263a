"""Chargebee's own SDK, as it comes from PyPI, against the deployed stack: all it is asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from chargebee import Chargebee, InvalidRequestError

from postpaid_cli.stack import LocalStack
from tests.support.bee import (
    DAY,
    HOUR,
    MONTH,
    NOVEMBER,
    OCTOBER,
    Bee,
    bee_on,
    drafts,
    stock,
    subscribe,
    travel,
    use,
)
from tests.support.chargebee_judge import PUBLISHED, published
from tests.support.chargebee_operations import OPERATIONS

pytestmark = pytest.mark.stack

P0_AND_P1, P2 = 42, 5
MINUTES = {5: "100", 10: "39", 15: "22"}


@pytest.fixture(scope="module")
def bee(stack: LocalStack) -> Iterator[Bee]:
    with bee_on(stack, "bee") as found:
        yield found


@dataclass(frozen=True, slots=True)
class Month:
    """A metered subscription's October, as it was seen on the way."""

    genesis: Any
    created: Any
    machine: Any
    pending: Any
    stale: Any
    synced: Any
    closed: Any
    by_draft_id: Any
    usages: list[Any]
    document: str
    statement: str


@dataclass(frozen=True, slots=True)
class Charged:
    """An invoice with what was charged once, before and after its close, and its document."""

    pending: Any
    closed: Any
    document: str


@pytest.fixture(scope="module")
def month(bee: Bee) -> Month:
    cb = bee.sdk
    genesis = cb.TimeMachine.start_afresh("delorean", {"genesis_time": OCTOBER}).time_machine
    stock(cb)
    cb.Customer.create({"id": "harbor", "company": "Blue Harbor Café", "net_term_days": 14})
    created = subscribe(cb, "calls", "line-usd", "minutes-usd", start_date=OCTOBER)
    subscribe(cb, "short", "line-usd", "data-usd", start_date=OCTOBER)
    for day, count in MINUTES.items():
        travel(cb, OCTOBER + day * DAY + HOUR)
        use(cb, "calls", "minutes-usd", count, OCTOBER + day * DAY, id=f"day-{day}")
    machine = travel(cb, NOVEMBER + HOUR)
    [pending] = drafts(cb, "calls")
    use(cb, "calls", "minutes-usd", "200", NOVEMBER - 60, note="came late")
    synced = cb.Invoice.sync_usages(pending.id).invoice
    closed = cb.Invoice.close(pending.id).invoice
    listed = cb.Usage.list({"invoice_id": {"is": closed.id}, "sort_by": {"asc": "usage_date"}})
    return Month(
        genesis=genesis,
        created=created,
        machine=machine,
        pending=pending,
        stale=cb.Invoice.retrieve(closed.id).invoice,
        synced=synced,
        closed=closed,
        by_draft_id=cb.Invoice.retrieve(pending.id).invoice,
        usages=[each.usage for each in listed.list],
        document=bee.document(lambda: cb.Invoice.pdf(closed.id)),
        statement=bee.document(lambda: cb.Usage.pdf({"invoice": {"id": closed.id}})),
    )


def test_a_month_begins_with_what_is_paid_in_advance(bee: Bee, month: Month) -> None:
    invoices = bee.sdk.Invoice.invoices_for_subscription("calls").list
    [opening] = [each.invoice for each in invoices if each.invoice.id != month.closed.id]

    assert (month.genesis.genesis_time, month.genesis.time_travel_status) == (OCTOBER, "succeeded")
    assert month.created.subscription.status == "active"
    assert month.created.customer.id == "harbor"
    assert (opening.total, [line.entity_id for line in opening.line_items]) == (1000, ["line-usd"])
    assert opening.line_items[0].date_to == NOVEMBER


def test_it_ends_with_a_pending_invoice_that_takes_usage_until_it_is_closed(month: Month) -> None:
    assert month.machine.time_travel_status == "succeeded"
    assert month.machine.destination_time == NOVEMBER + HOUR
    assert month.pending.id.startswith("draft_")
    assert (month.pending.status, month.pending.total) == ("pending", 1000 + 161 * 5)
    assert (month.synced.id, month.synced.total) == (month.pending.id, 2805)


def test_its_invoice_is_ten_and_361_minutes_in_minor_units(month: Month) -> None:
    closed = month.closed
    lines = {
        line.entity_id: (line.quantity, line.unit_amount, line.amount, line.metered)
        for line in closed.line_items
    }

    assert lines == {
        "line-usd": (1, 1000, 1000, False),
        "minutes-usd": (361, 5, 1805, True),
    }
    assert (closed.total, closed.sub_total, closed.tax, closed.amount_due) == (2805, 2805, 0, 2805)
    assert (closed.currency_code, closed.recurring) == ("USD", True)
    assert closed.status in {"posted", "payment_due"}
    assert closed.id.startswith("INV-")
    assert month.by_draft_id.id == month.stale.id == closed.id


def test_its_usages_say_on_which_invoice_and_line_they_are(month: Month) -> None:
    [line] = [each for each in month.closed.line_items if each.entity_id == "minutes-usd"]

    assert [usage.quantity for usage in month.usages] == ["100", "39", "22", "200"]
    assert {usage.invoice_id for usage in month.usages} == {month.closed.id}
    assert {usage.line_item_id for usage in month.usages} == {line.id}


def test_its_documents_can_be_downloaded(month: Month) -> None:
    for words in ("28.05", "361", "18.05", "10.00", month.closed.id, "Blue Harbor Café"):
        assert words in month.document
    for words in (month.closed.id, "4 usages", "361", "day-5"):
        assert words in month.statement


@pytest.fixture(scope="module")
def charged(bee: Bee, month: Month) -> Charged:
    cb = bee.sdk
    cb.Customer.create({"id": "newcomer", "company": "Newcomer"})
    rows = [{"item_price_id": "line-usd"}, {"item_price_id": "minutes-usd"}]
    params = {"id": "new", "subscription_items": rows, "auto_close_invoices": False}
    cb.Subscription.create_with_items("newcomer", {**params, "start_date": OCTOBER})
    travel(cb, NOVEMBER + 2 * HOUR)
    [draft, *_] = drafts(cb, "new")
    price = {"item_price_id": "setup-usd", "quantity": 2, "date_from": OCTOBER}
    charge = {"item_price": {**price, "date_to": OCTOBER + DAY}, "comment": "as agreed"}
    key = {"chargebee-idempotency-key": "set-up"}
    pending = cb.Invoice.add_charge_item(draft.id, charge, headers=key).invoice
    again = cb.Invoice.add_charge_item(draft.id, charge, headers=key)
    assert (again.is_idempotency_replayed, again.invoice.total) == (True, pending.total)
    closed = cb.Invoice.close(draft.id).invoice
    with pytest.raises(InvalidRequestError) as refusal:
        cb.Invoice.add_charge_item(closed.id, charge)
    assert refusal.value.api_error_code == "invalid_state_for_request"
    return Charged(pending, closed, bee.document(lambda: cb.Invoice.pdf(closed.id)))


def test_what_is_charged_once_is_on_the_invoice_it_was_put_on(charged: Charged) -> None:
    [line] = [each for each in charged.closed.line_items if each.entity_id == "setup-usd"]

    assert (line.entity_type, line.metered) == ("charge_item_price", False)
    assert (line.quantity, line.unit_amount, line.amount) == (2, 4900, 9800)
    assert (line.date_from, line.date_to) == (OCTOBER, OCTOBER + DAY)
    assert charged.closed.total == charged.pending.total == 1000 + 9800
    for words in ("Set-up", "2026-10-01", "49.00", "98.00"):
        assert words in charged.document
    assert "as agreed" not in charged.document


@pytest.fixture(scope="module")
def tour(bee: Bee, month: Month, charged: Charged) -> Bee:
    """Everything that the month has no need of."""
    cb = bee.sdk
    _tour_catalogue(cb)
    _tour_customers(cb)
    _tour_subscriptions(cb)
    _tour_usages(cb)
    cb.Invoice.list({"customer_id": {"is": "harbor"}, "sort_by": {"desc": "date"}, "limit": 1})
    cb.Invoice.invoices_for_customer("harbor", {"limit": 2})
    opening = cb.Invoice.invoices_for_subscription("calls").list[-1].invoice
    assert cb.Invoice.void_invoice(opening.id, {"comment": "a gift"}).invoice.status == "voided"
    return bee


def _tour_catalogue(cb: Chargebee) -> None:
    cb.ItemFamily.create({"id": "old", "name": "Old"})
    assert cb.ItemFamily.update("old", {"name": "Older"}).item_family.name == "Older"
    assert cb.ItemFamily.retrieve("old").item_family.id == "old"
    assert cb.ItemFamily.delete("old").item_family.status == "deleted"
    assert len(cb.ItemFamily.list({"id": {"in": ["voice", "old"]}}).list) == 1
    cb.Item.create({"id": "fax", "name": "Fax", "type": "addon", "item_family_id": "voice"})
    assert cb.Item.update("fax", {"description": "Paper"}).item.description == "Paper"
    price = {"id": "fax-usd", "name": "Fax", "item_id": "fax", "pricing_model": "per_unit"}
    cb.ItemPrice.create({**price, **MONTH, "price": 7, "currency_code": "USD"})
    assert cb.ItemPrice.update("fax-usd", {"price": 8}).item_price.price == 8
    assert cb.ItemPrice.retrieve("fax-usd").item_price.item_id == "fax"
    assert cb.ItemPrice.delete("fax-usd").item_price.status == "archived"
    assert cb.Item.delete("fax").item.status == "archived"
    assert cb.Item.retrieve("fax").item.archived_at
    items = cb.Item.list({"metered": {"is": True}, "sort_by": {"asc": "name"}}).list
    assert [each.item.id for each in items] == ["data", "minutes"]
    first = cb.ItemPrice.list({"limit": 2})
    second = cb.ItemPrice.list({"limit": 2, "offset": first.next_offset})
    assert not {each.item_price.id for each in first.list} & {
        each.item_price.id for each in second.list
    }


def _tour_customers(cb: Chargebee) -> None:
    cb.Customer.create({"id": "gone", "first_name": "Zoë", "meta_data": {"Plan": 1}, "phone": None})
    assert cb.Customer.update("gone", {"email": "zoe@example.com"}).customer.first_name == "Zoë"
    assert cb.Customer.retrieve("gone").customer.meta_data == {"plan": 1}
    assert cb.Customer.delete("gone").customer.deleted is True
    found = cb.Customer.list({"email": {"is": "zoe@example.com"}, "include_deleted": True}).list
    assert [each.customer.id for each in found] == ["gone"]


def _tour_subscriptions(cb: Chargebee) -> None:
    changed = cb.Subscription.update_for_items(
        "calls", {"subscription_items": [{"item_price_id": "seats-usd", "quantity": 3}]}
    )
    assert len(changed.subscription.subscription_items) == 3
    assert cb.Subscription.retrieve("calls").customer.id == "harbor"
    [pending] = drafts(cb, "short")
    assert cb.Invoice.delete(pending.id, {"comment": "a trial"}).invoice.deleted is True
    cancelled = cb.Subscription.cancel_for_items("short", {"cancel_option": "immediately"})
    assert cancelled.subscription.status == "cancelled"
    active = cb.Subscription.list({"status": {"is": "active"}, "customer_id": {"is": "harbor"}})
    assert [each.subscription.id for each in active.list] == ["calls"]


def _tour_usages(cb: Chargebee) -> None:
    made = use(cb, "calls", "minutes-usd", "1.5", NOVEMBER + 60)
    assert cb.Usage.retrieve("calls", {"id": made.id}).usage.quantity == "1.5"
    assert cb.Usage.delete("calls", {"id": made.id}).usage.id == made.id
    again = use(cb, "calls", "minutes-usd", "2", NOVEMBER + 60)
    between = {"usage_date": {"between": [NOVEMBER, NOVEMBER + HOUR]}}
    assert [each.usage.id for each in cb.Usage.list(between).list] == [again.id]


def test_every_operation_of_p0_and_p1_is_served(
    tour: Bee, record_property: Callable[[str, object], None]
) -> None:
    wanted = {each.name for each in OPERATIONS if not each.is_p2}
    beyond = {each.name for each in OPERATIONS if each.is_p2}
    done = tour.wire.succeeded()
    record_property(
        "came_to",
        f"Chargebee SDK: {len(done & wanted)} of {P0_AND_P1} operations of P0 and P1, "
        f"{len(done & beyond)} of {P2} of P2",
    )

    assert len(wanted) == P0_AND_P1
    assert sorted(wanted - done) == []


def test_every_answer_is_as_our_models_say(tour: Bee) -> None:
    assert tour.wire.faults() == []


def test_every_answer_is_as_chargebee_publishes(tour: Bee) -> None:
    interface = published()
    if interface is None:
        pytest.skip(f"Chargebee's published interface is not here: {PUBLISHED}")
    faults = [
        (each.method, each.path, found)
        for each in tour.wire.exchanges
        if (found := each.faults_as_published(interface))
    ]

    assert faults == []
    assert len(tour.wire.exchanges) > 60
