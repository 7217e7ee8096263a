"""One payment of several invoices: of all of them or of none, and each once."""

import pytest

from postpaid.application.catalog import Created
from postpaid.application.ports import Unavailable
from postpaid.application.record_payment import RecordPayment
from postpaid.application.record_payments import record_payments
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.invoice import Invoice
from postpaid.domain.payment import Payment
from tests.support.changes import a_shop
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")


def three_invoices() -> World:
    """Three invoices, of 31.00, 62.00 and 31.00, are out."""
    world = a_shop()
    for name, price in (("a", "seats"), ("b", "desks"), ("c", "seats")):
        world.subscription(price, subscription_id=name, start="2026-10-01", closing=AUTO_AT_ONCE)
    world.sweep()
    return world


def invoices(world: World) -> list[Invoice]:
    return sorted(world.issued(), key=lambda each: each.subscription_id)


def pay(world: World, *amounts: str, payment_id: str = "wire") -> list[Created[Payment]]:
    stores = world.stores
    commands = [
        RecordPayment(invoice_id=invoice.id, id=payment_id, amount=amount)
        for invoice, amount in zip(invoices(world), amounts, strict=False)
    ]
    return record_payments(
        commands,
        invoices=stores.invoices,
        payments=stores.payments,
        site=stores.site,
        now=world.now,
    )


def paid(world: World) -> list[str]:
    return [str(each.amount_paid) for each in invoices(world)]


def test_each_invoice_has_its_part() -> None:
    world = three_invoices()

    recorded = pay(world, "31", "10.50", "1")

    assert [(each.new, each.thing.id) for each in recorded] == [(True, "wire")] * 3
    assert paid(world) == ["31.00", "10.50", "1.00"]
    assert [each.new for each in pay(world, "31", "10.50", "1")] == [False] * 3
    assert paid(world) == ["31.00", "10.50", "1.00"]


@pytest.mark.parametrize(
    ("amounts", "field"),
    [
        (("31", "62.01", "31"), "[1].amount"),
        (("31", "62", "0"), "[2].amount"),
        (("31.001", "62", "31"), "[0].amount"),
    ],
)
def test_one_part_that_cannot_be_leaves_all_unpaid(amounts: tuple[str, ...], field: str) -> None:
    world = three_invoices()

    with pytest.raises(Invalid) as refusal:
        pay(world, *amounts)

    assert refusal.value.field == field
    assert paid(world) == ["0.00"] * 3


def test_a_part_that_was_said_otherwise_before_is_refused_by_its_place() -> None:
    world = three_invoices()
    world.pay(invoices(world)[1], "5", "wire")

    with pytest.raises(Conflict) as refusal:
        pay(world, "31", "6", "31")

    assert (refusal.value.code, refusal.value.field) == ("already_exists", "[1].id")
    assert paid(world) == ["0.00", "5.00", "0.00"]


def test_a_voided_invoice_is_refused_by_its_place() -> None:
    world = three_invoices()
    world.void(invoices(world)[2])
    voided = [each for each in world.invoices() if each.voided_at is not None]

    stores = world.stores
    commands = [
        RecordPayment(invoice_id=each.id, id="wire", amount="1")
        for each in (*invoices(world), *voided)
    ]
    with pytest.raises(Conflict) as refusal:
        record_payments(
            commands,
            invoices=stores.invoices,
            payments=stores.payments,
            site=stores.site,
            now=world.now,
        )

    assert (refusal.value.code, refusal.value.field) == ("invoice_not_issued", "[2]")
    assert paid(world) == ["0.00", "0.00"]


def test_an_unknown_invoice_is_not_found() -> None:
    world = three_invoices()
    stores = world.stores

    with pytest.raises(NotFound):
        record_payments(
            [RecordPayment(invoice_id="inv_unknown", id="wire", amount="1")],
            invoices=stores.invoices,
            payments=stores.payments,
            site=stores.site,
            now=world.now,
        )


# --- what a door keeps with it


def test_what_a_door_keeps_with_a_payment_is_part_of_what_it_says() -> None:
    world = three_invoices()
    invoice = invoices(world)[0]
    kept = {"door": {"detail": "told by the shop", "invoices": [1, 2]}}

    first = world.pay(invoice, "10", annotations=kept)
    again = world.pay(invoice, "10", annotations=kept)

    [stored] = world.stores.payments.of_invoice(invoice.id)
    assert (first.new, again.new) == (True, False)
    assert stored == first.thing == again.thing
    assert stored.annotations == kept
    for other in ({}, {"door": {"detail": "another"}}):
        with pytest.raises(Conflict):
            world.pay(invoice, "10", annotations=other)


def test_a_door_keeps_no_more_than_four_kibibytes() -> None:
    world = three_invoices()

    with pytest.raises(LimitExceeded):
        world.pay(invoices(world)[0], "10", annotations={"door": "x" * 4096})

    assert paid(world)[0] == "0.00"


# --- faults, and others at the same time


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_whatever_call_fails_a_repeat_pays_the_rest(
    moment: Moment, error: type[BaseException]
) -> None:
    start = three_invoices()
    clean = start.copy()
    pay(clean, "31", "62", "31")
    calls = len(clean.calls.names)
    assert calls > 9
    for at_call in range(calls):
        world = start.copy()
        world.calls.arm(at_call, moment, fail(error()))
        with pytest.raises(error):
            pay(world, "31", "62", "31")

        pay(world, "31", "62", "31")
        assert paid(world) == ["31.00", "62.00", "31.00"]


def test_the_same_twice_at_once_is_recorded_once() -> None:
    def process(world: World) -> object:
        return pay(world, "31", "62", "31")

    for run in every_meeting(three_invoices(), process, process):
        assert isinstance(run.first, list)
        assert isinstance(run.second, list)
        assert paid(run.world) == ["31.00", "62.00", "31.00"]


def test_of_two_that_pay_the_same_invoices_none_is_paid_too_much() -> None:
    def process(payment_id: str) -> object:
        return lambda world: pay(world, "31", "62", "31", payment_id=payment_id)

    for run in every_meeting(three_invoices(), process("a"), process("b")):  # type: ignore[arg-type]
        assert paid(run.world) == ["31.00", "62.00", "31.00"]
        refused = [each for each in (run.first, run.second) if isinstance(each, BillingError)]
        assert all(isinstance(each, Invalid) for each in refused)
