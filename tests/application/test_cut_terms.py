"""Terms that are cut, go on, or end elsewhere: each day is charged once, and none is lost."""

from collections.abc import Callable

import pytest

from postpaid.application.cancel_subscription import (
    CancelSubscription,
    cancel_subscription,
    uncancel_subscription,
)
from postpaid.application.change_closing import ChangeClosing, change_closing
from postpaid.application.change_schedule import ChangeCadence, change_cadence, change_zone
from postpaid.application.edit_subscription import Request
from postpaid.application.invoice_now import invoice_now
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.site import ClosingPolicy
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term
from tests.support.changes import Row, a_shop, add, change, next_invoice, remove, subscribed
from tests.support.samples import AUTO_AT_ONCE, MANUAL, at
from tests.support.world import World


def now(world: World, instant: str) -> None:
    world.clock.now = at(instant)
    invoice_now("sub", office=world.office)


def unprorated(*price_ids: str) -> World:
    world = a_shop()
    world.subscription(*price_ids, start="2026-10-01", prorate=False, closing=AUTO_AT_ONCE)
    world.sweep()
    return world


def goes_on_after_all(world: World) -> World:
    """Begin a November that is paid up to the 16th, where the subscription was to end."""
    world.cancel("2026-11-16")
    next_invoice(world, "2026-11-01T00:10")
    uncancel_subscription("sub", office=world.office)
    return world


# --- what was paid in advance


def test_invoice_now_charges_what_an_end_that_was_taken_back_had_left_out() -> None:
    world = goes_on_after_all(subscribed("seats"))

    now(world, "2026-11-20T09:00")

    # Four days up to the cut, eleven after it: the half of November that was not paid.
    assert next_invoice(world, "2026-12-01T00:10") == [
        ("recurring", "seats", "4.13"),
        ("recurring", "seats", "11.37"),
        ("recurring", "seats", "31.00"),
    ]


def test_a_cut_before_the_end_of_what_was_paid_charges_only_what_follows_that() -> None:
    world = goes_on_after_all(subscribed("seats"))

    now(world, "2026-11-10T09:00")

    assert next_invoice(world, "2026-12-01T00:10") == [
        ("recurring", "seats", "15.50"),
        ("recurring", "seats", "31.00"),
    ]


def test_another_cadence_now_charges_the_days_before_it_that_were_not_paid() -> None:
    world = goes_on_after_all(subscribed("seats"))
    world.clock.now = at("2026-11-20T09:00")

    weekly = ChangeCadence(subscription_id="sub", cadence=Cadence("week"), at="now")
    change_cadence(weekly, office=world.office)

    assert next_invoice(world, "2026-11-21") == [
        ("recurring", "seats", "4.13"),
        ("recurring", "seats", "31.00"),
    ]


@pytest.mark.parametrize("by_calendar", [True, False])
def test_the_same_cadence_now_gives_back_the_rest_and_charges_it_anew(by_calendar: bool) -> None:
    world = a_shop()
    half = Cadence("half_month")
    start = "2026-10-01"
    world.subscription("seats", start=start, cadence=half, closing=AUTO_AT_ONCE)
    world.sweep()
    world.clock.now = at("2026-10-11T09:30")

    again = ChangeCadence(subscription_id="sub", cadence=half, at="now", by_calendar=by_calendar)
    change_cadence(again, office=world.office)
    charged = next_invoice(world, "2026-10-11T10:00")

    # The 1st and the 16th are what they were: five of fifteen days, back and forth.
    assert charged == [("credit", "seats", "-10.33"), ("recurring", "seats", "10.33")]


def test_a_suspension_that_ends_with_the_cut_is_credited_and_the_rest_stays_paid() -> None:
    world = subscribed("seats")
    command = SuspendSubscription(subscription_id="sub", since="2026-10-11", until="2026-10-16")
    suspend_subscription(command, office=world.office)

    now(world, "2026-10-16")

    assert next_invoice(world, "2026-10-16T01:00") == [("credit", "seats", "-5.00")]
    assert next_invoice(world, "2026-11-01T00:10") == [("recurring", "seats", "31.00")]


def test_a_new_line_is_charged_up_to_a_known_end_when_its_term_is_cut() -> None:
    world = subscribed("seats")
    world.cancel("2026-10-20")
    world.change_lines(add("desks"), effective="2026-10-05")

    now(world, "2026-10-15T09:00")

    assert next_invoice(world, "2026-10-20T00:10") == [
        ("recurring", "desks", "20.00"),
        ("recurring", "desks", "10.00"),
    ]


# --- usage and its limits


def test_usage_of_a_line_that_never_came_is_billed_by_its_first_price() -> None:
    world = subscribed("seats")
    world.change_lines(add("minutes"), effective="2026-10-20")
    world.record("100", "2026-10-25")
    world.clock.now = at("2026-10-11T12:00")

    world.cancel("now")

    assert next_invoice(world, "2026-10-11T13:00") == [("usage", "minutes", "10.00")]


CAPPED = {"pricing_model": "per_unit", "unit_amount": "1", "maximum": "31"}


def test_a_maximum_of_no_day_takes_no_usage_away() -> None:
    world = World.at("2026-10-01T08:00")
    world.priced("cap", CAPPED)
    world.subscription("cap", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.sweep()
    now(world, "2026-10-11T09:00")
    world.record("5", "2026-10-11T12:00:00Z", item_price_id="cap")

    now(world, "2026-10-11T15:00")

    assert ("usage", "cap", "5.00") in next_invoice(world, "2026-10-11T16:00")


def test_without_proration_a_minimum_is_owed_once_and_by_the_price_that_came_last() -> None:
    world = World.at("2026-10-01T08:00")
    for name, minimum in (("low", "31"), ("high", "62")):
        pricing = {"pricing_model": "per_unit", "unit_amount": "1", "minimum": minimum}
        world.priced(name, pricing, item_id=None if name == "low" else "item-low")
    world.subscription("low", start="2026-10-01", prorate=False, closing=AUTO_AT_ONCE)
    world.sweep()

    world.change_lines(change("low", item_price_id="high"), effective="2026-10-11")

    assert next_invoice(world, "2026-11-01T00:10") == [("usage", "low", "62.00")]


# --- without proration

WITHOUT_PRORATION: list[tuple[str, tuple[str, ...], Callable[[World], object], list[Row]]] = [
    (
        "a base fee of a line that was removed before the cut",
        ("seats", "minutes"),
        lambda world: world.change_lines(remove("minutes"), effective="2026-10-05"),
        [("base_fee", "minutes", "62.00"), ("recurring", "seats", "31.00")],
    ),
    (
        "another quantity before the cut",
        ("seats",),
        lambda world: world.change_lines(change("seats", quantity=2), effective="2026-10-05"),
        [("recurring", "seats", "62.00")],
    ),
    (
        "a new line before the cut",
        ("seats",),
        lambda world: world.change_lines(add("desks"), effective="2026-10-05"),
        [
            ("recurring", "desks", "62.00"),
            ("recurring", "seats", "31.00"),
            ("recurring", "desks", "62.00"),
        ],
    ),
]


@pytest.mark.parametrize(
    ("price_ids", "happens", "expected"),
    [row[1:] for row in WITHOUT_PRORATION],
    ids=[row[0] for row in WITHOUT_PRORATION],
)
def test_without_proration_a_cut_neither_loses_nor_doubles(
    price_ids: tuple[str, ...], happens: Callable[[World], object], expected: list[Row]
) -> None:
    world = unprorated(*price_ids)
    happens(world)

    now(world, "2026-10-11T09:00")

    assert next_invoice(world, "2026-11-01T00:10") == expected


def test_without_proration_nobody_can_ask_for_what_is_unused() -> None:
    world = unprorated("seats")

    with pytest.raises(Invalid) as refusal:
        world.cancel("now", credit_unused=True)

    assert refusal.value.field == "credit_unused"
    assert world.subscription_of().end is None


# --- schedules


@pytest.mark.parametrize("timezone", ["Asia/Tokyo", "America/New_York"])
def test_a_counted_number_of_terms_stays_that_number_in_another_zone(timezone: str) -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-01", cycles=3, closing=AUTO_AT_ONCE)
    world.sweep()

    change_zone("sub", timezone, office=world.office)

    assert next_invoice(world, "2027-03-01") == [("recurring", "seats", "31.00")] * 2
    assert len(world.terms()) == 3


def test_another_cadence_now_does_not_drop_a_zone_that_is_to_come() -> None:
    world = subscribed("seats")
    change_zone("sub", "Asia/Tokyo", office=world.office)
    world.clock.now = at("2026-10-10")
    before = world.subscription_of()
    weekly = ChangeCadence(subscription_id="sub", cadence=Cadence("week"), at="now")

    with pytest.raises(Conflict) as refusal:
        change_cadence(weekly, office=world.office)

    assert refusal.value.code == "change_scheduled"
    assert world.subscription_of() == before


def test_there_and_back_to_a_zone_keeps_another_anchor_that_is_to_come() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-15", closing=AUTO_AT_ONCE)
    by_calendar = ChangeCadence(subscription_id="sub", cadence=Cadence("month"), by_calendar=True)
    change_cadence(by_calendar, office=world.office)
    boundaries = _boundaries(world.subscription_of())

    change_zone("sub", "Asia/Tokyo", office=world.office)
    change_zone("sub", "UTC", office=world.office)

    assert _boundaries(world.subscription_of()) == boundaries


def _boundaries(subscription: Subscription) -> list[str]:
    instant, found = subscription.start, []
    for _ in range(5):
        period = subscription.term_from(instant)
        assert period is not None
        instant = period.end
        found.append(f"{instant:%Y-%m-%dT%H:%M}")
    return found


# --- asking


def test_resuming_now_leaves_a_suspension_alone_that_is_to_come() -> None:
    world = subscribed("seats")
    command = SuspendSubscription(subscription_id="sub", since="2026-10-20", until="2026-10-25")
    suspend_subscription(command, office=world.office)

    with pytest.raises(Conflict) as refusal:
        resume_subscription("sub", None, office=world.office)
    assert refusal.value.code == "not_suspended"
    assert len(world.subscription_of().suspensions) == 1

    resume_subscription("sub", "2026-10-20", office=world.office)
    assert world.subscription_of().suspensions == ()


@pytest.mark.parametrize("seconds", ["2026-09-30T23:59:59", "2026-10-01T00:00:00"])
def test_a_clock_that_is_behind_cannot_cut_a_term_before_its_start(seconds: str) -> None:
    world = subscribed("seats")
    world.clock.now = at(seconds)

    with pytest.raises(Conflict):
        invoice_now("sub", office=world.office)
    assert len(world.terms()) == 1


def test_withdrawing_twice_with_one_key_is_one_and_with_other_content_is_refused() -> None:
    world = a_shop("2026-09-20T08:00")
    world.subscription("seats", start="2026-10-01", closing=AUTO_AT_ONCE)
    command = CancelSubscription(subscription_id="sub", at="now")
    key = Request(digest="k", content="one")

    first = cancel_subscription(command, office=world.office, request=key)
    again = cancel_subscription(command, office=world.office, request=key)

    assert first.subscription == again.subscription == world.subscription_of()
    assert [note[:2] for note in first.subscription.requests] == [("k", "one")]


def test_two_changes_of_closing_at_once_leave_the_terms_by_the_one_that_is_stored() -> None:
    world = subscribed("minutes")
    stores = world.stores

    def set_to(policy: ClosingPolicy, terms: object) -> Subscription:
        return change_closing(
            ChangeClosing(subscription_id="sub", policy=policy),
            scope=world.scope,
            subscriptions=stores.subscriptions,
            terms=terms,  # type: ignore[arg-type]
            invoices=stores.invoices,
            customers=stores.customers,
            sites=stores.sites,
            now=world.now,
        )

    set_to(MANUAL, stores.terms)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    assert _october(world).due_at is None

    class Slow:
        """Terms that another change overtakes before anything is written."""

        def __init__(self) -> None:
            self.waited = False

        def __getattr__(self, name: str) -> object:
            if not self.waited:
                self.waited = True
                set_to(MANUAL, stores.terms)
            return getattr(stores.terms, name)

    set_to(AUTO_AT_ONCE, Slow())

    assert world.subscription_of().closing == MANUAL
    assert _october(world).due_at is None


def _october(world: World) -> Term:
    return next(term for term in world.terms() if term.n == 0)
