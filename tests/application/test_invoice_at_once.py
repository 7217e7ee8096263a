"""A subscription is invoiced at once: what waits comes first, and nothing is charged twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from postpaid.application.cancel_subscription import CancelSubscription, cancel_subscription
from postpaid.application.invoice_at_once import invoice_at_once
from postpaid.application.invoice_now import content_now, invoice_now
from postpaid.application.ports import Unavailable
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Item
from tests.support.changes import a_shop, change, next_invoice, rows, subscribed
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")


def at_once(world: World) -> Invoice | None:
    return invoice_at_once("sub", office=world.office, new_run=world._new_run)


def a_package(*price_ids: str, now: str = "2026-10-01T08:00") -> World:
    """Return a subscription as the ChargeOver door makes it: without proration, closing at once."""
    world = a_shop(now)
    world.subscription(*price_ids, start="2026-10-01", prorate=False, closing=AUTO_AT_ONCE)
    return world


def used(world: World, quantity: str, on: str) -> World:
    world.clock.now = max(world.now, at(f"{on}T12:00"))
    world.record(quantity, on)
    return world


def stored(world: World) -> list[Item]:
    assert isinstance(world.billing, MemoryTable)
    return list(world.billing.copy().items())


# --- what is invoiced


def test_what_was_used_so_far_is_invoiced_and_the_base_comes_with_the_rest() -> None:
    world = used(a_package("minutes"), "361", "2026-10-15")

    made = at_once(world)

    assert made is not None
    assert (made.status, made.number > 0) == (InvoiceStatus.ISSUED, True)
    assert rows(world, made) == [("usage", "minutes", "36.10")]
    assert next_invoice(world, "2026-11-01T00:10") == [("base_fee", "minutes", "62.00")]


def test_an_opening_invoice_that_waits_comes_first() -> None:
    world = a_package("seats")

    made = at_once(world)

    assert made is not None
    assert rows(world, made) == [("recurring", "seats", "31.00")]


def test_terms_that_wait_are_closed_the_oldest_first_and_then_the_open_one_is_cut() -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", prorate=False, closing=MANUAL)
    for quantity, on in (("10", "2026-10-05"), ("20", "2026-11-05"), ("30", "2026-12-05")):
        used(world, quantity, on)

    found = [at_once(world) for _ in range(3)]

    assert [str(each and each.total) for each in found] == ["63.00", "64.00", "3.00"]


def test_what_charges_nothing_is_passed_over() -> None:
    world = a_shop()
    world.price("free", "1", item_id="item-minutes")
    world.subscription("free", start="2026-10-01", closing=MANUAL)
    world.clock.now = at("2026-11-05T12:00")
    world.record("4", "2026-11-05", item_price_id="free")

    made = at_once(world)

    assert made is not None
    assert rows(world, made) == [("usage", "free", "4.00")]


def test_a_subscription_that_has_ended_is_invoiced_for_the_last_time() -> None:
    world = used(a_package("minutes"), "361", "2026-10-15")
    cancel_subscription(CancelSubscription(subscription_id="sub", at="now"), office=world.office)

    made = at_once(world)

    assert made is not None
    assert ("usage", "minutes", "36.10") in rows(world, made)
    with pytest.raises(Conflict) as refusal:
        at_once(world)
    assert refusal.value.code == "subscription_ended"


def test_one_that_cannot_be_made_is_returned_with_its_reason() -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    used(world, "10", "2026-10-05")
    world.clock.now = at("2026-11-02")
    world.change_site(bounds=AmountBounds(highest=(Money(100, "USD"),)))

    made = at_once(world)

    assert made is not None
    assert made.status is InvoiceStatus.PENDING
    assert made.parked is not None


# --- when there is nothing


def test_nothing_to_invoice_changes_nothing() -> None:
    world = a_package("minutes", "seats")
    world.sweep()
    world.clock.now = at("2026-10-15T12:00")
    before = stored(world)

    assert at_once(world) is None

    assert stored(world) == before
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("recurring", "seats", "31.00"),
    ]


@pytest.mark.parametrize(
    ("start", "more", "code"),
    [
        ("2026-10-20", {}, "subscription_not_started"),
        ("2026-10-01", {"trial_end": "2026-10-20"}, "in_trial"),
    ],
)
def test_what_has_not_begun_or_is_tried_is_not_invoiced(
    start: str, more: dict[str, Any], code: str
) -> None:
    world = a_shop()
    world.subscription("minutes", start=start, **more)

    with pytest.raises(Conflict) as refusal:
        at_once(world)

    assert refusal.value.code == code


def test_an_unknown_subscription_is_not_found() -> None:
    with pytest.raises(NotFound):
        at_once(a_shop())


# --- what the invoice would say is what it says


def _changed(world: World) -> World:
    world.clock.now = at("2026-10-10T12:00")
    world.change_lines(change("seats", quantity="3"), effective="2026-10-10")
    return world


def _late(world: World) -> World:
    used(world, "10", "2026-10-05")
    world.skip_to("2026-11-03T12:00")
    world.come_to_rest()
    world.record("5", "2026-10-06")
    world.reconcile()
    return world


LIVES: dict[str, Callable[[], World]] = {
    "used": lambda: used(a_package("minutes"), "361", "2026-10-15"),
    "prorated": lambda: used(subscribed("minutes", "seats"), "361", "2026-10-15"),
    "another quantity": lambda: _changed(subscribed("seats")),
    "without proration": lambda: used(_changed(a_package("seats", "minutes")), "5", "2026-10-15"),
    "cut before": lambda: used(
        _cut(used(a_package("minutes"), "1", "2026-10-05")), "2", "2026-10-09"
    ),
    "late usage": lambda: _late(subscribed("minutes")),
}


def _cut(world: World) -> World:
    invoice_now("sub", office=world.office)
    world.come_to_rest()
    return world


@pytest.mark.parametrize("life", LIVES)
def test_what_an_invoice_would_say_now_is_what_it_says(life: str) -> None:
    world = LIVES[life]()
    world.come_to_rest()
    said = content_now("sub", office=world.office)

    edited = invoice_now("sub", office=world.office)

    [cut] = [each for each in world.invoices() if each.period_end == edited.outcome]
    closed = world.close(cut)
    assert closed.content_hash is not None
    assert replace(said, invoice_id=cut.id) == world.content(closed)
    assert said.lines


def test_looking_stores_nothing() -> None:
    world = used(a_package("minutes"), "361", "2026-10-15")
    before = stored(world)

    content_now("sub", office=world.office)

    assert stored(world) == before


# --- faults, and others at the same time


def charged(world: World) -> list[tuple[str, str, str]]:
    """Go on to November; return all lines that were invoiced."""
    next_invoice(world, "2026-11-01T00:10")
    return sorted(row for invoice in world.issued() for row in rows(world, invoice))


WHOLE = [("base_fee", "minutes", "62.00"), ("usage", "minutes", "36.10")]


def again(world: World) -> object:
    try:
        return at_once(world)
    except Conflict as refusal:
        if refusal.code != "term_just_began":
            raise
        return refusal


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_whatever_call_fails_all_is_charged_once(
    moment: Moment, error: type[BaseException]
) -> None:
    start = used(a_package("minutes"), "361", "2026-10-15")
    clean = start.copy()
    at_once(clean)
    calls = len(clean.calls.names)
    assert calls > 10
    for at_call in range(calls):
        world = start.copy()
        world.calls.arm(at_call, moment, fail(error()))
        with pytest.raises(error):
            at_once(world)

        world.clock.now = at("2026-10-15T13:00")
        again(world)
        assert charged(world) == WHOLE


def test_of_two_at_once_neither_charges_what_the_other_does() -> None:
    for run in every_meeting(used(a_package("minutes"), "361", "2026-10-15"), again, again):
        made = {each.id for each in (run.first, run.second) if isinstance(each, Invoice)}
        assert len(made) == 1
        assert charged(run.world) == WHOLE
