"""Subscriptions over time: trial, hold, suspension, cancellation, cycles, cadence, zone."""

from typing import Any

import pytest

from postpaid.application.cancel_subscription import uncancel_subscription
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_schedule import ChangeCadence, change_cadence, change_zone
from postpaid.application.compose_invoice import upcoming_content
from postpaid.application.edit_subscription import Edited, Request
from postpaid.application.invoice_now import invoice_now
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import BillingError, Conflict, Invalid
from postpaid.domain.invoice import InvoiceStatus
from postpaid.domain.subscription import SubscriptionState
from postpaid.domain.term import TermStatus
from tests.support.changes import (
    a_shop,
    add,
    change,
    next_invoice,
    remove,
    subscribed,
)
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World

SEAT = ("recurring", "seats", "31.00")
MIXED = ("minutes", "seats")


def spans(world: World) -> list[tuple[str, str]]:
    """Return the first and last instants of the terms, short where they are midnights of UTC."""

    def short(text: str) -> str:
        return text[:16].removesuffix("T00:00")

    return [
        (short(term.period.start.isoformat()), short(term.period.end.isoformat()))
        for term in world.terms()
    ]


def state(world: World) -> SubscriptionState:
    return world.subscription_of().state(world.now)


# --- trial


def test_a_trial_is_a_term_at_nothing_and_what_is_paid_in_advance_begins_at_its_end() -> None:
    world = a_shop("2026-09-17T08:00")
    world.subscription(*MIXED, start="2026-09-17", trial_end="2026-10-01", closing=AUTO_AT_ONCE)
    assert world.invoices() == []
    assert state(world) is SubscriptionState.IN_TRIAL
    world.record("500", "2026-09-20")

    assert next_invoice(world, "2026-10-01T00:10") == [SEAT]
    world.record("100", "2026-10-05")
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("usage", "minutes", "10.00"),
        SEAT,
    ]
    assert spans(world)[:2] == [("2026-09-17", "2026-10-01"), ("2026-10-01", "2026-11-01")]
    manifest = world.content(world.invoices()[0]).manifest
    assert [quantity for _, _, quantity in manifest] == ["500"], "what was free is on record"


def test_a_trial_of_metered_lines_alone_makes_no_invoice() -> None:
    world = a_shop("2026-09-17T08:00")
    world.subscription("minutes", start="2026-09-17", trial_end="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("500", "2026-09-20")

    world.skip_to("2026-10-01T00:10")
    world.come_to_rest()

    [invoice] = world.invoices()
    assert invoice.status is InvoiceStatus.SKIPPED
    assert invoice.serial is None


def test_a_trial_ends_before_the_grid_of_the_calendar_goes_on() -> None:
    world = a_shop("2026-09-17T08:00")
    world.subscription(
        "seats", start="2026-09-17", trial_end="2026-10-16", by_calendar=True, closing=AUTO_AT_ONCE
    )

    # The first charged term is the rest of October: 16 of 31 days.
    assert next_invoice(world, "2026-10-16T00:10") == [("recurring", "seats", "16.00")]
    assert next_invoice(world, "2026-11-01T00:10") == [SEAT]


# --- start in the past and the future


def test_a_subscription_that_began_in_the_past_catches_up_term_by_term() -> None:
    world = a_shop("2026-12-10T08:00")
    world.subscription("seats", start="2026-09-01", closing=AUTO_AT_ONCE)

    assert next_invoice(world, "2026-12-10T09:00") == [SEAT] * 4


def test_a_subscription_that_begins_later_charges_nothing_until_then() -> None:
    world = a_shop("2026-10-01T08:00")
    world.subscription("seats", start="2026-10-20", closing=AUTO_AT_ONCE)
    assert state(world) is SubscriptionState.FUTURE

    assert next_invoice(world, "2026-10-19T23:00") == []
    assert next_invoice(world, "2026-10-20T00:10") == [SEAT]
    assert state(world) is SubscriptionState.ACTIVE


# --- cancel


def test_cancelled_at_once_the_last_usage_is_billed_and_no_more_is_taken() -> None:
    world = subscribed(*MIXED)
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-11T12:00")

    cancelled = world.cancel("now").subscription

    assert cancelled.state(world.now) is SubscriptionState.ENDED
    with pytest.raises(Invalid) as refusal:
        world.record("1", "2026-10-12")
    assert refusal.value.code == "usage_date_out_of_range"
    world.record("7", "2026-10-10")  # before its end: the last invoice is pending still
    assert next_invoice(world, "2026-10-11T13:00") == [
        ("base_fee", "minutes", "20.00"),
        ("usage", "minutes", "10.70"),
    ]
    assert next_invoice(world, "2026-12-05T00:00") == []
    assert [term.status for term in world.terms()] == [TermStatus.FROZEN]


def test_what_is_left_of_an_advance_is_given_back_if_the_caller_says_so() -> None:
    world = subscribed("seats")
    world.clock.now = at("2026-10-22T12:00")

    world.cancel("now", credit_unused=True)

    # Paid to the end of October; the 22nd is not charged, nor the nine days after it.
    assert next_invoice(world, "2026-10-22T13:00") == [("credit", "seats", "-10.00")]
    last = world.issued()[-1]
    assert (str(last.total), str(world.content(last).credit_granted)) == ("0.00", "10.00")


def test_cancelled_at_the_end_of_its_term_a_subscription_goes_on_until_then() -> None:
    world = subscribed(*MIXED)
    world.clock.now = at("2026-10-11T12:00")

    world.cancel("term_end")

    assert state(world) is SubscriptionState.NON_RENEWING
    world.record("100", "2026-10-20")
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("usage", "minutes", "10.00"),
    ]
    assert spans(world) == [("2026-10-01", "2026-11-01")]


def test_a_subscription_ends_at_a_date_in_a_later_term() -> None:
    world = subscribed(*MIXED)

    world.cancel("2026-11-16")

    found = next_invoice(world, "2026-11-01T00:10")
    # November is known to be half a month: 15 of 30 days in advance.
    assert found == [("base_fee", "minutes", "62.00"), ("recurring", "seats", "15.50")]
    assert next_invoice(world, "2026-11-16T00:10") == [("base_fee", "minutes", "31.00")]
    assert spans(world)[-1] == ("2026-11-01", "2026-11-16")


def test_a_cancellation_is_taken_back_and_the_term_has_its_end_again() -> None:
    world = subscribed("seats")
    world.cancel("2026-10-20", credit_unused=True)
    assert spans(world) == [("2026-10-01", "2026-10-20")]

    uncancel_subscription("sub", office=world.office)

    assert spans(world) == [("2026-10-01", "2026-11-01")]
    assert next_invoice(world, "2026-11-01T00:10") == [SEAT]
    assert uncancel_subscription("sub", office=world.office).new is False


def test_a_term_that_opened_short_and_goes_on_after_all_charges_the_rest() -> None:
    world = subscribed("seats")
    world.cancel("2026-11-16")
    assert next_invoice(world, "2026-11-01T00:10") == [("recurring", "seats", "15.50")]

    uncancel_subscription("sub", office=world.office)

    assert next_invoice(world, "2026-12-01T00:10") == [("recurring", "seats", "15.50"), SEAT]


def test_a_cancellation_may_be_moved() -> None:
    world = subscribed("seats")
    world.cancel("2026-10-20")
    world.cancel("2026-10-25", credit_unused=True)

    assert spans(world) == [("2026-10-01", "2026-10-25")]
    assert next_invoice(world, "2026-10-25T00:10") == [("credit", "seats", "-7.00")]


def test_a_subscription_that_never_began_ends_without_an_invoice() -> None:
    world = a_shop("2026-10-01T08:00")
    world.subscription("seats", start="2026-10-20", closing=AUTO_AT_ONCE)

    world.cancel("now")

    assert state(world) is SubscriptionState.ENDED
    [opening] = world.invoices()
    assert opening.status is InvoiceStatus.DELETED
    assert world.cancel("now").subscription == world.subscription_of()
    assert next_invoice(world, "2026-12-20T00:00") == []
    with pytest.raises(Conflict):
        uncancel_subscription("sub", office=world.office)
    with pytest.raises(Invalid):
        world.record("1", "2026-10-21", item_price_id="seats")


def test_usage_that_raced_with_a_cancellation_is_on_the_last_invoice() -> None:
    world = subscribed("minutes")
    copy = world.copy()
    usage = world.record("70", "2026-10-20").usage  # by a copy of the subscription that went on
    copy.clock.now = at("2026-10-11T12:00")
    copy.cancel("now")
    copy.ledger().add(usage)

    assert next_invoice(copy, "2026-10-11T13:00") == [
        ("base_fee", "minutes", "20.00"),
        ("usage", "minutes", "7.00"),
    ]


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("2026-09-20", "invalid_field"),
        ("2026-10-01", "invalid_field"),
        ("tomorrow", "invalid_field"),
        ("2100-06-01", "invalid_field"),
    ],
)
def test_an_end_that_cannot_be_is_refused(when: str, code: str) -> None:
    world = subscribed("seats")
    with pytest.raises(BillingError) as refusal:
        world.cancel(when)
    assert (refusal.value.code, refusal.value.field) == (code, "at")


def test_an_ended_subscription_is_not_changed_any_more() -> None:
    world = subscribed("seats")
    world.clock.now = at("2026-10-22T12:00")
    world.cancel("now")

    for ask in (
        lambda: world.cancel("now"),
        lambda: world.change_lines(add("desks")),
        lambda: uncancel_subscription("sub", office=world.office),
        lambda: invoice_now("sub", office=world.office),
        lambda: upcoming_content("sub", books=world.books),
    ):
        with pytest.raises(Conflict) as refusal:
            ask()
        assert refusal.value.code == "subscription_ended"


# --- cycles


def test_a_fixed_number_of_cycles_ends_by_itself() -> None:
    world = a_shop()
    made = world.subscription(*MIXED, start="2026-10-01", cycles=2, closing=AUTO_AT_ONCE)
    assert made.end == at("2026-12-01")

    assert next_invoice(world, "2026-12-01T00:10") == [
        SEAT,
        ("base_fee", "minutes", "62.00"),
        SEAT,
        ("base_fee", "minutes", "62.00"),
    ]
    assert state(world) is SubscriptionState.ENDED
    assert next_invoice(world, "2027-03-01T00:00") == []


@pytest.mark.parametrize(
    ("cycles", "trial_end", "end"),
    [
        (1, None, "2026-11-01"),
        (12, None, "2027-10-01"),
        (3, "2026-10-15", "2027-01-15"),
    ],
)
def test_cycles_are_counted_behind_the_trial(cycles: int, trial_end: str | None, end: str) -> None:
    world = a_shop()
    made = world.subscription("seats", start="2026-10-01", cycles=cycles, trial_end=trial_end)
    assert made.end == at(end)


@pytest.mark.parametrize("cycles", [0, 1201, -1])
def test_a_number_of_cycles_has_bounds(cycles: int) -> None:
    with pytest.raises(Invalid) as refusal:
        a_shop().subscription("seats", start="2026-10-01", cycles=cycles)
    assert refusal.value.field == "cycles"


def test_cycles_that_would_never_end_are_refused() -> None:
    with pytest.raises(Invalid) as refusal:
        a_shop().subscription(
            "seats", start="2026-10-01", cycles=1000, cadence=Cadence("year", 300)
        )
    assert refusal.value.field == "cycles"


# --- suspend and hold


def suspend(world: World, since: object = None, until: object = None) -> Edited:
    command = SuspendSubscription(subscription_id="sub", since=since, until=until)
    return suspend_subscription(command, office=world.office)


def test_suspended_days_cost_nothing_and_take_no_usage() -> None:
    world = subscribed(*MIXED)
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-11T12:00")
    suspend(world)
    assert state(world) is SubscriptionState.SUSPENDED
    with pytest.raises(Invalid) as refusal:
        world.record("1", "2026-10-12")
    assert refusal.value.code == "subscription_suspended"
    world.clock.now = at("2026-10-21T12:00")

    resume_subscription("sub", None, office=world.office)

    world.record("50", "2026-10-22")
    # Ten days without: base fee for 10 and 11, of a seat ten days back.
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "20.00"),
        ("base_fee", "minutes", "22.00"),
        ("usage", "minutes", "15.00"),
        ("credit", "seats", "-10.00"),
        SEAT,
    ]


def test_a_term_that_is_suspended_throughout_makes_no_invoice() -> None:
    world = subscribed(*MIXED)
    suspend(world, "2026-11-01", "2026-12-01")

    october = next_invoice(world, "2026-11-01T00:10")
    november = next_invoice(world, "2026-12-01T00:10")
    december = next_invoice(world, "2027-01-01T00:10")

    assert october == [("base_fee", "minutes", "62.00")]
    assert november == [SEAT]
    assert december == [("base_fee", "minutes", "62.00"), SEAT]


def test_a_suspension_to_come_is_dropped_and_one_that_overlaps_is_refused() -> None:
    world = subscribed("seats")
    suspend(world, "2026-10-10", "2026-10-20")

    for since, until in (("2026-10-15", None), ("2026-10-05", "2026-10-11"), ("2026-10-01", None)):
        with pytest.raises(Conflict) as refusal:
            suspend(world, since, until)
        assert refusal.value.code == "already_suspended"
    assert suspend(world, "2026-10-10", "2026-10-20").new is False
    suspend(world, "2026-10-20", "2026-10-25")
    resume_subscription("sub", "2026-10-02", office=world.office)
    resume_subscription("sub", "2026-10-02", office=world.office)
    assert world.subscription_of().suspensions == ()
    with pytest.raises(Conflict) as refusal:
        resume_subscription("sub", None, office=world.office)
    assert refusal.value.code == "not_suspended"


def hold(world: World, until: str | None) -> None:
    world.change_closing(ChangeClosing(subscription_id="sub", hold_until=until))


def test_on_hold_terms_end_and_their_invoices_wait_and_take_usage() -> None:
    world = subscribed("minutes")
    hold(world, "2026-12-15")
    assert next_invoice(world, "2026-12-01T00:10") == []
    world.record("100", "2026-10-20")

    assert next_invoice(world, "2026-12-15T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("usage", "minutes", "10.00"),
        ("base_fee", "minutes", "62.00"),
    ]
    assert len(world.issued()) == 2


def test_a_hold_that_is_lifted_lets_what_waits_close() -> None:
    world = subscribed("minutes")
    hold(world, "2026-12-15")
    assert next_invoice(world, "2026-11-01T00:10") == []

    hold(world, None)

    assert next_invoice(world, "2026-11-02T00:10") == [("base_fee", "minutes", "62.00")]


def test_a_subscription_that_is_made_on_hold_opens_when_the_hold_ends() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-01", hold_until="2026-10-20", closing=AUTO_AT_ONCE)

    assert next_invoice(world, "2026-10-19T23:00") == []
    assert next_invoice(world, "2026-10-20T00:10") == [SEAT]


# --- invoice now


def test_invoice_now_bills_what_was_used_and_the_rest_of_the_term_goes_on() -> None:
    world = subscribed(*MIXED)
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-11T12:00")

    edited = invoice_now("sub", office=world.office)

    assert edited.outcome == world.now
    found = next_invoice(world, "2026-10-11T13:00")
    assert found == [("base_fee", "minutes", "20.00"), ("usage", "minutes", "10.00")]
    world.record("50", "2026-10-20")
    # What was paid in advance is not paid again; the base fee is shared by days.
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "42.00"),
        ("usage", "minutes", "5.00"),
        SEAT,
    ]
    assert [end for _, end in spans(world)] == ["2026-10-11T12:00", "2026-11-01", "2026-12-01"]


def test_a_line_that_came_before_an_early_invoice_is_charged_for_each_part() -> None:
    world = subscribed("seats")
    world.clock.now = at("2026-10-11")
    world.change_lines(add("desks"))
    world.clock.now = at("2026-10-21T09:00")

    invoice_now("sub", office=world.office)

    # Desks: ten days so far, and in advance the eleven to the end of October.
    assert next_invoice(world, "2026-10-21T10:00") == [
        ("recurring", "desks", "20.00"),
        ("recurring", "desks", "22.00"),
    ]
    assert next_invoice(world, "2026-11-01T00:10") == [SEAT, ("recurring", "desks", "62.00")]


def test_a_line_that_goes_after_an_early_invoice_is_given_back_once() -> None:
    world = subscribed("seats", "desks")
    world.clock.now = at("2026-10-11T09:00")
    invoice_now("sub", office=world.office)
    assert next_invoice(world, "2026-10-11T10:00") == []
    world.clock.now = at("2026-10-22")

    world.change_lines(change("seats", quantity=2), remove("desks"))

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("credit", "seats", "-10.00"),
        ("recurring", "seats", "20.00"),
        ("recurring", "seats", "62.00"),
        ("credit", "desks", "-20.00"),
    ]


def test_the_rest_of_a_cancelled_term_gives_back_what_is_unused() -> None:
    world = subscribed("seats")
    world.cancel("2026-10-25", credit_unused=True)
    world.clock.now = at("2026-10-11T09:00")
    invoice_now("sub", office=world.office)

    assert next_invoice(world, "2026-10-25T00:10") == [("credit", "seats", "-7.00")]


def test_a_term_that_began_this_second_may_be_cancelled_now() -> None:
    world = subscribed("minutes")
    world.clock.now = at("2026-10-11T09:00")
    invoice_now("sub", office=world.office)

    world.cancel("now")

    assert [term.status for term in world.terms()] == [TermStatus.GRACE, TermStatus.GRACE]
    assert next_invoice(world, "2026-10-11T10:00") == [("base_fee", "minutes", "20.00")]
    assert state(world) is SubscriptionState.ENDED


def test_invoice_now_has_its_times() -> None:
    trial = a_shop()
    trial.subscription("seats", start="2026-10-01", trial_end="2026-10-15")
    future = a_shop()
    future.subscription("seats", start="2026-10-20")
    twice = subscribed("seats")
    twice.clock.now = at("2026-10-11T09:00")
    invoice_now("sub", office=twice.office)

    for world, code in (
        (trial, "in_trial"),
        (future, "subscription_not_started"),
        (twice, "term_just_began"),
    ):
        with pytest.raises(Conflict) as refusal:
            invoice_now("sub", office=world.office)
        assert refusal.value.code == code


def test_invoice_now_that_comes_again_with_its_key_is_the_same_invoice() -> None:
    world = subscribed("seats")
    world.clock.now = at("2026-10-11T09:00")
    key = Request(digest="k", content="c")
    first = invoice_now("sub", office=world.office, request=key)
    world.clock.now = at("2026-10-11T09:05")

    again = invoice_now("sub", office=world.office, request=key)

    assert again.outcome == first.outcome
    assert len(world.terms()) == 2


# --- cadence and zone


def cadence(world: World, unit: str, count: int = 1, **more: Any) -> Edited:
    command = ChangeCadence(subscription_id="sub", cadence=Cadence(unit, count), **more)
    return change_cadence(command, office=world.office)


def test_another_cadence_begins_with_the_next_term() -> None:
    world = subscribed(*MIXED)

    cadence(world, "quarter")

    assert next_invoice(world, "2026-11-01T00:10") == [("base_fee", "minutes", "62.00"), SEAT]
    assert spans(world) == [("2026-10-01", "2026-11-01"), ("2026-11-01", "2027-02-01")]


def test_another_cadence_at_once_gives_back_what_was_paid_and_begins_anew() -> None:
    world = subscribed("seats")
    world.clock.now = at("2026-10-22T09:00")

    cadence(world, "week", at="now")

    assert next_invoice(world, "2026-10-22T10:00") == [("credit", "seats", "-10.00"), SEAT]
    assert spans(world)[1] == ("2026-10-22T09:00", "2026-10-29T09:00")


def test_another_cadence_may_follow_the_calendar_and_count_its_cycles() -> None:
    world = subscribed("seats")
    world.clock.now = at("2026-10-11T09:00")

    edited = cadence(world, "year", by_calendar=True, cycles=2)

    assert edited.subscription.end == at("2028-01-01")
    # November and December of a year of 365 days.
    assert next_invoice(world, "2026-11-01T00:10") == [("recurring", "seats", "5.18")]


def test_a_change_of_cadence_that_was_to_come_is_replaced() -> None:
    world = subscribed("seats")
    cadence(world, "quarter")
    cadence(world, "year")

    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    assert spans(world)[-1] == ("2026-11-01", "2027-11-01")


# zone, the end of October there, the term that follows
ZONES = [
    ("America/New_York", ("2026-11-01", "2026-12-01T05:00")),
    ("Asia/Tokyo", ("2026-11-01", "2026-11-30T15:00")),
    ("Pacific/Kiritimati", ("2026-11-01", "2026-11-30T10:00")),
]


@pytest.mark.parametrize(("zone", "expected"), ZONES)
def test_another_zone_counts_from_the_next_boundary_and_costs_no_day(
    zone: str, expected: tuple[str, str]
) -> None:
    world = subscribed("seats")

    change_zone("sub", zone, office=world.office)

    assert world.subscription_of().schedule_at(world.now).zone.key == "UTC"
    assert next_invoice(world, "2026-11-01T00:10") == [SEAT]
    assert spans(world)[-1] == expected
    assert next_invoice(world, expected[1] + ":01") == [SEAT]


def test_a_date_is_a_day_of_the_zone_that_is_in_force_then() -> None:
    world = subscribed("minutes")
    change_zone("sub", "America/New_York", office=world.office)
    world.skip_to("2026-11-02")
    world.sweep()

    dates = [
        world.record("1", on).usage.key.at for on in ("2026-10-31", "2026-11-01", "2026-11-02")
    ]

    assert dates == [at("2026-10-31"), at("2026-11-01T04:00"), at("2026-11-02T05:00")]


def test_a_zone_that_was_to_come_is_taken_back() -> None:
    world = subscribed("seats")
    change_zone("sub", "Asia/Tokyo", office=world.office)
    change_zone("sub", "UTC", office=world.office)

    assert world.subscription_of().later == ()
    assert change_zone("sub", "UTC", office=world.office).new is False
    with pytest.raises(Invalid) as refusal:
        change_zone("sub", "Mars/Olympus", office=world.office)
    assert refusal.value.field == "timezone"


# --- prices over time


def test_a_new_version_of_a_price_counts_from_the_next_term() -> None:
    world = subscribed(*MIXED)
    world.record("100", "2026-10-05")
    world.reprice("minutes", pricing={"pricing_model": "per_unit", "unit_amount": "0.20"})
    world.reprice("seats", pricing={"pricing_model": "per_unit", "unit_amount": "40"})

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("usage", "minutes", "10.00"),
        ("recurring", "seats", "40.00"),
    ]
    world.record("100", "2026-11-05")
    assert next_invoice(world, "2026-12-01T00:10")[1] == ("usage", "minutes", "20.00")


def test_the_newest_version_is_taken_in_mid_term_if_one_asks() -> None:
    world = subscribed("seats")
    world.reprice("seats", pricing={"pricing_model": "per_unit", "unit_amount": "62"})
    world.clock.now = at("2026-10-22")

    world.change_lines(change("seats", item_price_id="seats"))

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("credit", "seats", "-10.00"),
        ("recurring", "seats", "20.00"),
        ("recurring", "seats", "62.00"),
    ]


def test_the_coming_invoice_is_foretold_by_the_rating_that_will_make_it() -> None:
    world = subscribed(*MIXED)
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-22")
    world.change_lines(change("seats", quantity=2))
    world.clock.now = at("2026-10-31T23:59")

    foretold = upcoming_content("sub", books=world.books)

    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    issued = world.content(world.issued()[-1])
    assert (foretold.lines, foretold.total) == (issued.lines, issued.total)
