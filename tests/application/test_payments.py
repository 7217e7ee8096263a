"""Payments: each is recorded once, and together they never come to more than what is due."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from postpaid.application.catalog import Created
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.invoice import Invoice, PaymentState
from postpaid.domain.money import Money
from postpaid.domain.payment import PAYMENTS_MAX, Payment
from postpaid.store.payments import StoredPayments
from tests.support.changes import subscribed
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.samples import AUTO_AT_ONCE, a_site, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")


def a_seat() -> World:
    """One invoice, of 31.00, is out."""
    return subscribed("seats")


def the_invoice(world: World) -> Invoice:
    [invoice] = world.invoices()
    return invoice


def ledger(world: World) -> list[Payment]:
    return world.stores.payments.of_invoice(the_invoice(world).id)


def audit(world: World) -> str:
    """Check that ledger and head say the same, and not too much; return what is paid."""
    invoice, payments = the_invoice(world), ledger(world)
    assert [each.n for each in payments] == list(range(len(payments), 0, -1))
    assert invoice.payments == len(payments)
    assert invoice.amount_paid is not None
    assert invoice.amount_due is not None
    assert invoice.amount_paid.minor == sum(each.amount.minor for each in payments)
    assert invoice.amount_due.minor >= 0
    return str(invoice.amount_paid)


# --- what is recorded


def test_an_invoice_is_due_then_partly_paid_then_paid() -> None:
    world = a_seat()
    told = []
    for number, amount in enumerate([None, "10", "20.99", "0.01"]):
        if amount is not None:
            assert world.pay(the_invoice(world), amount, f"p{number}").new
        invoice = the_invoice(world)
        assert invoice.payment is not None
        told.append((str(invoice.amount_paid), str(invoice.amount_due), invoice.payment.value))

    assert told == [
        ("0.00", "31.00", "due"),
        ("10.00", "21.00", "part_paid"),
        ("30.99", "0.01", "part_paid"),
        ("31.00", "0.00", "paid"),
    ]
    assert [(each.id, str(each.amount)) for each in ledger(world)] == [
        ("p3", "0.01"),
        ("p2", "20.99"),
        ("p1", "10.00"),
    ]
    assert audit(world) == "31.00"


def test_a_payment_says_what_was_said_of_it() -> None:
    world = a_seat()
    invoice = the_invoice(world)

    recorded = world.pay(
        invoice, "10.00", "wire 7", paid_on="2026-09-30", method="wire", reference="RF18"
    )

    assert recorded.thing == Payment(
        id="wire 7",
        invoice_id=invoice.id,
        n=1,
        amount=Money(1000, "USD"),
        paid_on=date(2026, 9, 30),
        method="wire",
        reference="RF18",
        recorded_at=world.now,
    )
    assert ledger(world) == [recorded.thing]


@pytest.mark.parametrize(("zone", "day"), [("UTC", 1), ("Asia/Tokyo", 2), ("America/New_York", 1)])
def test_a_payment_is_dated_today_in_the_zone_of_the_site(zone: str, day: int) -> None:
    world = World.at("2026-10-01T20:00", a_site(timezone=zone, created_at=at("2026-10-01")))
    world.price("seats", "31", metered=False)
    world.subscription("seats", start="2026-10-01", closing=AUTO_AT_ONCE, timezone="UTC")
    world.sweep()

    paid = world.pay(the_invoice(world), "1").thing

    assert paid.paid_on == date(2026, 10, day)


def test_an_invoice_over_nothing_is_paid() -> None:
    world = a_seat()
    free = replace(the_invoice(world), total=Money(0, "USD"))

    assert (str(free.amount_due), free.payment) == ("0.00", PaymentState.PAID)


# --- again


def test_the_same_payment_again_changes_nothing_on_any_day() -> None:
    world = a_seat()
    first = world.pay(the_invoice(world), "31", method="cash")
    world.clock.now = at("2026-10-09")

    again = world.pay(the_invoice(world), "31.00", method="cash")
    dated = world.pay(the_invoice(world), "31.00", method="cash", paid_on="2026-10-01")

    assert (first.new, again.new, dated.new) == (True, False, False)
    assert first.thing == again.thing == dated.thing
    assert audit(world) == "31.00"


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "9"},
        {"method": "card"},
        {"method": None},
        {"reference": "R"},
        {"paid_on": "2026-10-02"},
    ],
)
def test_another_payment_of_the_same_id_is_refused(other: dict[str, Any]) -> None:
    world = a_seat()
    said: dict[str, Any] = {"amount": "10", "method": "cash"}
    world.pay(the_invoice(world), **said)

    with pytest.raises(Conflict) as refusal:
        world.pay(the_invoice(world), **said | other)

    assert refusal.value.code == "already_exists"
    assert audit(world) == "10.00"


# --- what is refused

# amount, what is said of it
AMOUNTS: list[tuple[object, str]] = [
    ("0", "greater than 0"),
    ("-1", "greater than 0"),
    ("1.001", "at most 2 places"),
    ("ten", "plain decimal"),
    ("1e1", "plain decimal"),
    (True, "decimal number"),
    (None, "decimal number"),
    ("31.01", "still due"),
    ("999999999999999999", "still due"),
]


@pytest.mark.parametrize(("amount", "said"), AMOUNTS)
def test_an_amount_that_cannot_be_is_refused(amount: object, said: str) -> None:
    world = a_seat()

    with pytest.raises(Invalid, match=said) as refusal:
        world.pay(the_invoice(world), amount)

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "amount")
    assert audit(world) == "0.00"


def test_who_pays_too_much_is_told_what_is_due() -> None:
    world = a_seat()
    world.pay(the_invoice(world), "30.50")

    with pytest.raises(Invalid) as refusal:
        world.pay(the_invoice(world), "1", "another")

    assert refusal.value.details == {"amount_due": "0.50"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"payment_id": "a/b"}, "id"),
        ({"payment_id": ""}, "id"),
        ({"paid_on": "yesterday"}, "paid_on"),
        ({"paid_on": "2026-02-30"}, "paid_on"),
        ({"paid_on": 5}, "paid_on"),
    ],
)
def test_an_id_or_a_date_that_cannot_be_is_refused(more: dict[str, Any], field: str) -> None:
    world = a_seat()

    with pytest.raises(Invalid) as refusal:
        world.pay(the_invoice(world), "1", **more)

    assert refusal.value.field == field
    assert audit(world) == "0.00"


@pytest.mark.parametrize("status", ["pending", "skipped", "voided"])
def test_only_an_issued_invoice_is_paid(status: str) -> None:
    world = World.at("2026-10-01T08:00")
    world.price("seats", "0" if status == "skipped" else "31", metered=False)
    world.subscription("seats", start="2026-10-01", closing=AUTO_AT_ONCE)
    if status != "pending":
        world.sweep()
    if status == "voided":
        world.void(the_invoice(world))

    with pytest.raises(Conflict, match=f"is {status}") as refusal:
        world.pay(the_invoice(world), "1")

    assert refusal.value.code == "invoice_not_issued"
    assert ledger(world) == []


def test_an_unknown_invoice_is_not_found() -> None:
    world = a_seat()

    with pytest.raises(NotFound):
        world.pay(replace(the_invoice(world), id="inv_unknown"), "1")


def test_an_invoice_takes_a_hundred_payments() -> None:
    world = a_seat()
    for number in range(PAYMENTS_MAX):
        world.pay(the_invoice(world), "0.01", f"p{number}")

    with pytest.raises(LimitExceeded):
        world.pay(the_invoice(world), "0.01", "one more")

    assert not world.pay(the_invoice(world), "0.01", "p7").new
    assert audit(world) == "1.00"
    assert all(newer.n > older.n for newer, older in pairwise(ledger(world)))


# --- others at the same time


def paying(amount: str, payment_id: str) -> Process:
    def process(world: World) -> object:
        return world.pay(the_invoice(world), amount, payment_id)

    return process


@pytest.mark.parametrize(("one", "other"), [("10.00", "21.00"), ("15.00", "16.00"), ("1", "2")])
def test_of_two_payments_that_fit_both_are_recorded(one: str, other: str) -> None:
    for run in every_meeting(a_seat(), paying(one, "a"), paying(other, "b")):
        assert isinstance(run.first, Created)
        assert isinstance(run.second, Created)
        paid = Money.rounded(Decimal(one) + Decimal(other), "USD")
        assert audit(run.world) == str(paid)


def test_of_two_payments_of_all_that_is_due_one_is_refused() -> None:
    for run in every_meeting(a_seat(), paying("31.00", "a"), paying("31.00", "b")):
        [refusal] = [each for each in (run.first, run.second) if isinstance(each, BillingError)]
        assert refusal.details == {"amount_due": "0.00"}
        assert audit(run.world) == "31.00"


def test_a_payment_that_comes_twice_at_once_is_one() -> None:
    for run in every_meeting(a_seat(), paying("31.00", "a"), paying("31.00", "a")):
        assert isinstance(run.first, Created)
        assert isinstance(run.second, Created)
        assert {run.first.new, run.second.new} == {True, False}
        assert run.first.thing == run.second.thing
        assert audit(run.world) == "31.00"


def test_who_never_comes_first_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_seat()

    def lost(*_: object, **__: object) -> None:
        raise Lost

    monkeypatch.setattr(StoredPayments, "add", lost)

    with pytest.raises(Unavailable):
        world.pay(the_invoice(world), "1")


# --- faults


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_whatever_call_fails_a_repeat_records_it_once(
    moment: Moment, error: type[BaseException]
) -> None:
    start = a_seat()
    invoice = the_invoice(start)
    clean = start.copy()
    clean.pay(invoice, "31.00")
    calls = len(clean.calls.names)
    assert calls > 2
    for at_call in range(calls):
        world = start.copy()
        world.calls.arm(at_call, moment, fail(error()))
        with pytest.raises(error):
            world.pay(invoice, "31.00")
        assert world.calls.sprung

        world.pay(invoice, "31.00")
        assert audit(world) == "31.00"
        assert len(ledger(world)) == 1
