"""Recording: put, then look. Every way it can be answered, and what that answer is worth."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordUsage, record_usage
from postpaid.domain.errors import BillingError, Conflict, Invalid, NotFound
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import BillingState, Term, TermStatus
from postpaid.domain.usage import Recording, Usage, UsageKey
from postpaid.store.memory import MemoryTable
from postpaid.store.usage import StoredUsages
from tests.support.faults import Killed, Moment, fail
from tests.support.samples import (
    MANUAL,
    OCTOBER,
    SCOPE,
    a_line,
    a_subscription,
    a_term,
    a_usage,
    at,
)
from tests.support.world import World


def live(world: World) -> list[tuple[datetime, Decimal]]:
    """Return the dates and quantities that would be billed."""
    usages = world.ledger().in_period(replace(OCTOBER, end=at("2099-01-01")))
    return [(usage.key.at, usage.quantity) for usage in usages if not usage.deleted]


# --- the outcomes


def test_a_usage_is_recorded(world: World) -> None:
    outcome = world.record("361", "2026-10-05", note="calls", request="digest")

    assert not outcome.replayed
    assert outcome.billing is BillingState.ON_TIME
    assert outcome.usage == Usage(
        key=UsageKey("sub", at("2026-10-05"), "minutes"),
        item_price_id="minutes",
        quantity=Decimal(361),
        recorded_at=world.now,
        note="calls",
        request="digest",
    )
    assert world.ledger().get(outcome.usage.key) == outcome.usage


def test_the_same_again_is_a_replay_that_shows_the_first(world: World) -> None:
    first = world.record("361", "2026-10-05", note="the first")
    world.clock.now += timedelta(hours=5)

    for quantity in ("361", "361.000"):
        again = world.record(quantity, "2026-10-05T00:00:00Z", note="the second", request="other")
        assert again.replayed
        assert again.usage == first.usage
        assert again.billing is BillingState.ON_TIME

    assert live(world) == [(at("2026-10-05"), Decimal(361))]


def test_another_quantity_is_a_conflict_that_shows_both(world: World) -> None:
    world.record("361", "2026-10-05")

    with pytest.raises(Conflict) as refusal:
        world.record("362.50", "2026-10-05")

    assert refusal.value.code == "usage_conflict"
    assert refusal.value.details == {"recorded_quantity": "361", "submitted_quantity": "362.5"}
    assert live(world) == [(at("2026-10-05"), Decimal(361))]


def test_a_deleted_usage_is_recorded_again_with_any_quantity(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.delete(key)

    again = world.record("7", "2026-10-05")

    assert not again.replayed
    assert again.usage.version == 3
    assert live(world) == [(at("2026-10-05"), Decimal(7))]
    assert world.record("7", "2026-10-05").replayed
    with pytest.raises(Conflict, match="another quantity"):
        world.record("361", "2026-10-05")


def test_a_request_that_was_answered_does_not_undo_a_deletion(world: World) -> None:
    key = world.record("361", "2026-10-05", request="digest").usage.key
    world.delete(key)

    with pytest.raises(Conflict) as refusal:
        world.record("361", "2026-10-05", request="digest")
    assert refusal.value.code == "usage_deleted"
    assert live(world) == []

    assert not world.record("361", "2026-10-05", request="another digest").replayed
    world.delete(key)
    # The tombstone knows the request it was recorded with last.
    assert not world.record("361", "2026-10-05", request="digest").replayed


def test_an_identity_belongs_to_a_line_whatever_names_it(world: World) -> None:
    first = world.record("361", "2026-10-05", item_price_id=None, line_id="minutes")

    assert world.record("361", "2026-10-05", item_price_id="minutes").usage == first.usage
    both = world.record("361", "2026-10-05", item_price_id="minutes", line_id="minutes")
    assert both.usage == first.usage


def test_a_date_is_a_day_of_the_subscriptions_zone(world: World) -> None:
    world.subscription(
        "minutes", subscription_id="ny", start="2026-10-01", timezone="America/New_York"
    )

    outcome = world.record("1", "2026-10-04", subscription_id="ny")

    assert outcome.usage.key.at == at("2026-10-04T04:00")


# --- where it will be billed


def test_usage_of_an_open_term_is_on_time(world: World) -> None:
    assert world.record("1", "2026-10-01").billing is BillingState.ON_TIME
    assert world.record("1", "2026-10-31").billing is BillingState.ON_TIME


@pytest.fixture
def november(world: World) -> World:
    """The first of November, the term of October in GRACE until somebody closes it."""
    world.subscription("minutes", subscription_id="manual", start="2026-10-01", closing=MANUAL)
    world.record("1", "2026-10-05", subscription_id="manual")
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    return world


def record_manual(world: World, on: str, quantity: str = "1") -> BillingState:
    return world.record(quantity, on, subscription_id="manual").billing


def test_usage_of_a_term_in_grace_is_on_time(november: World) -> None:
    assert november.term("2026-10-01", "manual").status is TermStatus.GRACE
    assert record_manual(november, "2026-10-06") is BillingState.ON_TIME
    assert record_manual(november, "2026-10-05") is BillingState.ON_TIME  # a replay


def test_usage_of_a_term_that_closes_is_pending(november: World) -> None:
    november.stores.terms.fence("manual", OCTOBER.start, "run", november.now)

    assert record_manual(november, "2026-10-06") is BillingState.PENDING
    assert record_manual(november, "2026-10-05") is BillingState.PENDING  # a replay
    assert record_manual(november, "2026-11-01") is BillingState.ON_TIME


def test_usage_of_a_frozen_term_is_late_and_changes_no_invoice(november: World) -> None:
    [invoice] = [each for each in november.invoices() if each.subscription_id == "manual"]
    issued = november.close(invoice)

    assert record_manual(november, "2026-10-06") is BillingState.LATE
    assert record_manual(november, "2026-11-01") is BillingState.ON_TIME
    assert november.close(invoice) == issued
    assert len(november.content(issued).manifest) == 1


def test_usage_of_a_term_that_is_yet_to_begin_is_on_time(world: World) -> None:
    """The roll is late: the newest term is over and still OPEN, so no later one can be closed."""
    world.clock.now = at("2026-11-01T00:10")

    assert world.record("1", "2026-11-01").billing is BillingState.ON_TIME
    assert world.record("1", "2026-10-31").billing is BillingState.ON_TIME


@dataclass
class OneTerm:
    """Terms of which a look finds this one."""

    found: Term | None

    def look(self, subscription_id: str, at: datetime) -> Term | None:
        return self.found

    def get(self, subscription_id: str, start: datetime) -> Term | None:
        raise NotImplementedError

    fence = settle = get


@dataclass
class OneSubscription:
    """Subscriptions of which the kept copy and the stored one may differ."""

    stored: Subscription | None
    kept: Subscription | None = None
    reads: list[bool] = field(default_factory=list)

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        self.reads.append(fresh)
        return self.stored if fresh else self.kept


def record_with(**parts: Any) -> Any:
    """Record a usage over parts made by hand."""
    command = RecordUsage(
        subscription_id="sub",
        line_id=None,
        item_price_id="minutes",
        usage_date="2026-10-05",
        quantity=Decimal(1),
    )
    return record_usage(
        replace(command, **parts.pop("command", {})),
        **{
            "subscriptions": OneSubscription(a_subscription()),
            "ledger": StoredUsages(MemoryTable(), SCOPE),
            "terms": OneTerm(a_term()),
            "now": at("2026-10-05T12:00"),
            **parts,
        },
    )


BEFORE = Period(at("2026-09-01"), at("2026-10-05"))


@pytest.mark.parametrize(
    ("found", "billing"),
    [
        (a_term(), BillingState.ON_TIME),
        (a_term(status=TermStatus.GRACE), BillingState.ON_TIME),
        (a_term(status=TermStatus.CLOSING), BillingState.PENDING),
        (a_term(status=TermStatus.FROZEN), BillingState.LATE),
        # The query saw a roll half done: the successor will be there, but what of it is unknown.
        (a_term(status=TermStatus.GRACE, period=BEFORE), BillingState.PENDING),
        (a_term(status=TermStatus.FROZEN, period=BEFORE), BillingState.PENDING),
        (a_term(period=BEFORE), BillingState.ON_TIME),
        (None, BillingState.PENDING),
    ],
)
def test_the_answer_says_no_more_than_the_look_saw(
    found: Term | None, billing: BillingState
) -> None:
    assert record_with(terms=OneTerm(found)).billing is billing


def test_a_look_that_fails_leaves_the_usage_recorded_and_pending(world: World) -> None:
    for moment in Moment:
        day = "2026-10-04" if moment is Moment.BEFORE else "2026-10-05"
        world.calls.names.clear()
        world.calls.arm(2, moment, fail(Unavailable("no answer")))

        outcome = world.record("361", day)

        assert world.calls.names == ["billing.get", "usages.put", "billing.query"]
        assert outcome.billing is BillingState.PENDING
        assert not outcome.replayed
        assert (at(day), Decimal(361)) in live(world)


@pytest.mark.parametrize("moment", Moment)
def test_a_put_that_was_not_confirmed_is_unavailable_and_safe_to_repeat(
    world: World, moment: Moment
) -> None:
    world.calls.names.clear()
    world.calls.arm(1, moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        world.record("361", "2026-10-05")

    again = world.record("361", "2026-10-05")

    assert again.replayed is (moment is Moment.AFTER)
    assert live(world) == [(at("2026-10-05"), Decimal(361))]


def test_a_process_that_ends_is_not_held_up(world: World) -> None:
    world.calls.names.clear()
    world.calls.arm(2, Moment.BEFORE, fail(Killed()))

    with pytest.raises(Killed):
        world.record("361", "2026-10-05")

    assert live(world) == [(at("2026-10-05"), Decimal(361))]


# --- who is refused, and by whom


@dataclass(frozen=True, kw_only=True)
class Refused:
    error: type[BillingError]
    code: str
    field: str | None
    command: dict[str, Any]


def refused(error: type[BillingError], code: str, field_: str | None, **command: Any) -> Refused:
    return Refused(error=error, code=code, field=field_, command=command)


@pytest.mark.parametrize(
    "case",
    [
        refused(Invalid, "missing_field", "item_price_id", item_price_id=None),
        refused(NotFound, "line_not_found", "item_price_id", item_price_id="other"),
        refused(NotFound, "line_not_found", "line_id", line_id="other"),
        refused(Conflict, "line_ambiguous", "item_price_id", item_price_id="twice"),
        refused(Invalid, "not_metered", "item_price_id", item_price_id="seats"),
        refused(Invalid, "invalid_field", "usage_date", usage_date="5 October"),
        refused(Invalid, "invalid_field", "usage_date", usage_date="2026-10-05T12:00:00"),
        refused(Invalid, "invalid_field", "usage_date", usage_date=20261005),
        refused(Invalid, "usage_date_out_of_range", "usage_date", usage_date="2026-09-30"),
        refused(Invalid, "usage_date_out_of_range", "usage_date", usage_date="2026-11-01"),
        refused(Invalid, "missing_field", "id", item_price_id="calls"),
        refused(Invalid, "invalid_field", "id", event_id="e1"),
        refused(Invalid, "invalid_field", "id", item_price_id="calls", event_id="a/b"),
        refused(Invalid, "invalid_field", "id", item_price_id="calls", event_id=""),
        refused(Invalid, "invalid_field", "note", note="n" * 501),
        refused(Invalid, "invalid_field", "external_id", external_id="a/b"),
        refused(Invalid, "invalid_field", "external_id", external_id=""),
    ],
    ids=lambda case: f"{case.code} {case.command}",
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_written(case: Refused) -> None:
    subscription = a_subscription(
        lines=(
            a_line(),
            a_line("calls", recording=Recording.EVENTS),
            a_line("seats", metered=False, quantity=Decimal(1)),
            a_line("twice.1", item_price_id="twice"),
            a_line("twice.2", item_price_id="twice"),
        )
    )
    table = MemoryTable()

    with pytest.raises(case.error) as refusal:
        record_with(
            command=case.command,
            subscriptions=OneSubscription(subscription, subscription),
            ledger=StoredUsages(table, SCOPE),
        )

    assert (refusal.value.code, refusal.value.field) == (case.code, case.field)
    assert table._items == {}


def test_an_unknown_subscription_is_not_found() -> None:
    with pytest.raises(NotFound) as refusal:
        record_with(subscriptions=OneSubscription(None))

    assert refusal.value.code == "subscription_not_found"


@pytest.mark.parametrize(
    ("now", "start", "day", "accepted"),
    [
        ("2026-10-05T12:00", "2026-10-01", "2026-10-01", True),
        ("2026-10-05T12:00", "2026-10-01", "2026-09-30T23:59:59Z", False),
        ("2026-10-05T12:00", "2026-10-01", "2026-10-31T23:59:59Z", True),  # ahead, in the term
        ("2026-10-05T12:00", "2026-10-01", "2026-11-01T00:00:00Z", False),
        ("2026-10-31T23:59:59", "2026-10-01", "2026-11-01", False),
        ("2026-11-01", "2026-10-01", "2026-11-30", True),
        ("2026-10-05T12:00", "2025-01-01", "2025-08-31T12:00:00Z", True),  # 400 days back
        ("2026-10-05T12:00", "2025-01-01", "2025-08-31T11:59:59Z", False),
        ("2026-11-30T23:59:59", "2026-12-01", "2026-12-01", False),  # it may never begin
    ],
)
def test_dates_are_accepted_from_the_start_to_the_end_of_the_present_term(
    now: str, start: str, day: str, accepted: bool
) -> None:
    subscription = OneSubscription(a_subscription(start=at(start)))

    command = {"usage_date": day}

    if accepted:
        record_with(subscriptions=subscription, command=command, now=at(now))
        return
    with pytest.raises(Invalid) as refusal:
        record_with(subscriptions=subscription, command=command, now=at(now))
    assert refusal.value.code == "usage_date_out_of_range"
    assert "accepted_from" in refusal.value.details


# --- a subscription that a process keeps


def test_a_kept_subscription_that_allows_is_not_read_again() -> None:
    subscriptions = OneSubscription(None, kept=a_subscription())

    record_with(subscriptions=subscriptions)

    assert subscriptions.reads == [False]


@pytest.mark.parametrize(
    "stale",
    [
        None,
        a_subscription(lines=(a_line("other"),)),
        a_subscription(start=at("2026-10-06")),
        a_subscription(lines=(a_line(recording=Recording.EVENTS),)),
        a_subscription(lines=(a_line(), a_line("second", item_price_id="minutes"))),
        a_subscription(lines=(a_line(metered=False, quantity=Decimal(1)),)),
    ],
    ids=["unknown", "no such line", "later", "events", "ambiguous", "not metered"],
)
def test_a_stale_subscription_never_refuses_what_a_fresh_one_allows(
    stale: Subscription | None,
) -> None:
    subscriptions = OneSubscription(a_subscription(), kept=stale)

    outcome = record_with(subscriptions=subscriptions)

    assert outcome.usage == a_usage(recorded_at=at("2026-10-05T12:00"))
    assert subscriptions.reads == [False, True]


def test_the_refusal_is_the_fresh_subscriptions() -> None:
    stale = a_subscription(start=at("2026-10-06"))
    fresh = a_subscription(lines=(a_line("other"),))

    with pytest.raises(NotFound) as refusal:
        record_with(subscriptions=OneSubscription(fresh, kept=stale))

    assert refusal.value.code == "line_not_found"


# --- lines that record events


def test_events_of_one_date_are_told_apart_by_their_ids(world: World) -> None:
    world.price("calls", "0.01", recording=Recording.EVENTS)
    world.subscription("calls", subscription_id="events", start="2026-10-01")

    def record(event_id: str, quantity: str = "1", on: str = "2026-10-05") -> bool:
        return world.record(
            quantity, on, item_price_id="calls", subscription_id="events", event_id=event_id
        ).replayed

    assert not record("e1")
    assert not record("e2")
    assert record("e1")
    assert not record("e1", on="2026-10-06")
    with pytest.raises(Conflict, match="another quantity"):
        record("e2", "2")


# --- others at the same time


@dataclass
class Fickle:
    """A ledger in which every tombstone gives way to another, for so many times."""

    times: int
    version: int = 2

    def of(self, subscription: Subscription) -> "Fickle":
        return self

    def add(self, usage: Usage, *, records_max: int | None) -> Usage | None:
        return replace(usage, version=self.version, deleted=True)

    def add_again(self, usage: Usage, over: Usage) -> Usage | None:
        self.times -= 1
        self.version += 2
        return replace(usage, version=self.version, deleted=True) if self.times > 0 else None


def test_a_usage_that_changes_under_every_attempt_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        record_with(ledger=Fickle(times=5))


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_usage_that_was_stored_at_last_is_recorded(times: int) -> None:
    """Once durable, never say no: not even when it took the last attempt."""
    assert not record_with(ledger=Fickle(times=times)).replayed
