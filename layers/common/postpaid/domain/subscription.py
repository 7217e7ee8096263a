"""A subscription: a customer's lines over time."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from postpaid.domain.calendar import Cadence, Schedule
from postpaid.domain.errors import BillingError, Conflict, Invalid, NotFound
from postpaid.domain.instants import YEAR_MAX, instant_text, parse_moment, zone
from postpaid.domain.line import ENTRIES_MAX, Line
from postpaid.domain.period import Interval, Period, without
from postpaid.domain.site import ClosingPolicy, LatePolicy
from postpaid.domain.usage_url import UsageUrl

CYCLES_MAX = 1200
USAGE_RECORDS_MOST = 10**9
USAGE_SHARDS_MAX = 16
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


class SubscriptionState(StrEnum):
    """What a subscription is at an instant."""

    FUTURE = "future"
    IN_TRIAL = "in_trial"
    ACTIVE = "active"
    NON_RENEWING = "non_renewing"  # active, and its end is known
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A customer's lines, invoiced every *cadence* from *start* on the wall clock of *timezone*.

    *lines* are entries with dates, those of the past included. Up to *trial_end* nothing is
    charged. Terms end on the grid of *anchor*; if *start* is off it, the first term is short, and
    *prorate* says whether its recurring charges are too. An anchor that is to come is where the
    first term ends, however long that is: it is a whole one. *later* are the schedules that came
    after that first one, each from a boundary on. *end* is where the last term ends; *cycles* is
    how many terms were asked for. While suspended nothing is charged by time. No invoice closes by
    itself before *hold_until*. The opening invoice closes at the start, or with *opening_pending*
    by the closing policy like any other. *late* is what becomes of usage that comes after its term
    was frozen. *usage_records_max* is how many usages may ever be recorded, None for any number.
    *closing* overrides the customer's and the site's policy, *series* the customer's series of
    invoice numbers. *usage_shards* is over how many partitions its usages are spread; where each of
    them is depends on it, so it never changes. *requests* are the last changes that came with an
    idempotency key, as (key, content, outcome). *changed_at* is when a request last changed it.
    *annotations_text* is what a door keeps with it, as JSON: it stays a text until someone asks,
    because the recording path never does. *usage_urls* are asked what was used of metered lines, by
    the lines' ids, when a term is to close.
    """

    id: str
    number: int
    customer_id: str
    currency: str
    timezone: str
    start: datetime
    anchor: datetime
    cadence: Cadence
    lines: tuple[Line, ...]
    closing: ClosingPolicy | None
    created_at: datetime
    prorate: bool = True
    trial_end: datetime | None = None
    cycles: int | None = None
    end: datetime | None = None
    later: tuple[Schedule, ...] = ()
    suspensions: tuple[Interval, ...] = ()
    hold_until: datetime | None = None
    usage_shards: int = 1
    requests: tuple[tuple[str, str, str], ...] = ()
    late: LatePolicy = LatePolicy.SUPPLEMENT
    usage_records_max: int | None = None
    series: str | None = None
    opening_pending: bool = False
    version: int = 1
    changed_at: datetime | None = None
    annotations_text: str = ""
    usage_urls: Mapping[str, UsageUrl] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.usage_records_max is not None:
            assert 1 <= self.usage_records_max <= USAGE_RECORDS_MOST
        assert 1 <= len(self.lines) <= ENTRIES_MAX
        assert 1 <= self.usage_shards <= USAGE_SHARDS_MAX
        assert self.trial_end is None or self.start < self.trial_end
        assert self.trial_end is None or self.anchor <= self.trial_end
        assert self.end is None or self.start <= self.end
        starts = [self.start, *(schedule.start for schedule in self.later)]
        assert starts == sorted(set(starts)), "schedules follow each other"
        assert len({line.number for line in self.lines}) == len(self.lines), "entries have numbers"
        seen: dict[str, datetime | None] = {}
        for line in self.lines:
            if line.id in seen:
                before = seen[line.id]
                assert before is not None, "an entry ends before the next one of its line"
                assert line.since is not None
                assert before <= line.since, "line ids are unique at any time"
            seen[line.id] = line.until

    @property
    def annotations(self) -> Mapping[str, Any]:
        """What a door keeps with it: plain JSON, a copy; numbers are int or exact `Decimal`."""
        found: dict[str, Any] = {}
        if self.annotations_text:
            found = json.loads(self.annotations_text, parse_float=Decimal)
        return found

    @property
    def updated_at(self) -> datetime:
        """When it became what it is now; one whose last change is not known says when it began."""
        return self.changed_at or self.created_at

    # --- terms

    def cadences_from(self, instant: datetime) -> list[Cadence]:
        """Return the cadence at an instant, and those that are to come after it."""
        later = (each.cadence for each in self.later if each.start > instant)
        return [self.schedule_at(instant).cadence, *later]

    @property
    def billed_from(self) -> datetime:
        """Where the terms begin that are charged: at the end of the trial, or the start."""
        return self.trial_end or self.start

    @property
    def schedule(self) -> Schedule:
        """Where the terms fall, before any change of schedule."""
        start, anchor = self.billed_from, self.anchor
        first = Period(start, anchor) if start < anchor else None
        return Schedule(start, anchor, zone(self.timezone), self.cadence, first)

    def schedule_at(self, instant: datetime) -> Schedule:
        """Return where the terms fall around an instant."""
        for schedule in reversed(self.later):
            if schedule.start <= instant:
                return schedule
        return self.schedule

    def zone_at(self, instant: datetime) -> ZoneInfo:
        """Return the zone in which dates and terms around an instant are meant."""
        return self.schedule_at(instant).zone

    def term_from(self, start: datetime) -> Period | None:
        """Return the term that begins at *start*; None at the end of the subscription."""
        end = self._natural_end(start)
        if self.end is not None:
            end = min(end, self.end)
        return Period(start, end) if start < end else None

    def term_at(self, instant: datetime) -> Period:
        """Return the period of the term that contains *instant*, else the first or last one.

        A term that was ended early has its rest beside it.
        """
        inside = max(instant, self.start)
        if self.end is not None:
            inside = min(inside, max(self.end - timedelta(seconds=1), self.start))
        if self._in_trial(inside):
            start = self.start
        else:
            schedule = self.schedule_at(inside)
            start = max(schedule.start, schedule.interval(inside).start)
        return self.term_from(start) or Period(start, self._natural_end(start))

    def whole_term(self, period: Period) -> Period:
        """Return what a term is a part of, if it is short: an interval of its schedule's grid."""
        if self._in_trial(period.start):
            return period
        return self.schedule_at(period.start).interval(period.start)

    def is_trial(self, period: Period) -> bool:
        """Tell whether a term is rated at nothing."""
        return self._in_trial(period.start)

    def state(self, now: datetime) -> SubscriptionState:
        """Return what the subscription is at an instant."""
        if self.end is not None and self.end <= max(now, self.start):
            return SubscriptionState.ENDED
        if now < self.start:
            return SubscriptionState.FUTURE
        if self.suspended(now):
            return SubscriptionState.SUSPENDED
        if self._in_trial(now):
            return SubscriptionState.IN_TRIAL
        return SubscriptionState.ACTIVE if self.end is None else SubscriptionState.NON_RENEWING

    def moment(self, value: object, field: str) -> datetime:
        """Read a date (its midnight in the zone of that date) or an instant with an offset.

        Raises `Invalid` naming *field*.
        """
        for schedule in reversed(self.later):
            try:
                found = parse_moment(value, schedule.zone, field)
            except BillingError:
                break  # no zone makes it readable, or the day is missing here: say so once, below
            if found >= schedule.start:
                return found
        return parse_moment(value, self.schedule.zone, field)

    # --- lines

    def lines_at(self, instant: datetime) -> Iterator[Line]:
        """Return the entries in force at an instant; none while the subscription is suspended."""
        if not self.suspended(instant):
            yield from (line for line in self.lines if line.in_force(instant))

    def lines_in(self, period: Period) -> Iterator[Line]:
        """Return the entries that are in force at some time of a period, suspensions aside."""
        for line in self.lines:
            began = line.since is None or line.since < period.end
            if began and (line.until is None or period.start < line.until):
                yield line

    def shown_lines(self, now: datetime) -> list[Line]:
        """Return the entries in force now or later, suspended or not."""
        now = max(now, self.start)
        return [line for line in self.lines if line.until is None or now < line.until]

    def in_force(self, line: Line, period: Period) -> list[Period]:
        """Return the parts of a term in which an entry is in force and not suspended."""
        since = period.start if line.since is None else max(period.start, line.since)
        until = period.end if line.until is None else min(period.end, line.until)
        if self.end is not None:
            until = min(until, self.end)
        if since >= until:
            return []
        return without(Period(since, until), self.suspensions)

    def suspended(self, instant: datetime) -> bool:
        """Tell whether the subscription is suspended at an instant."""
        return any(each.contains(instant) for each in self.suspensions)

    def metered_line(self, *, line_id: str | None, item_price_id: str | None, at: datetime) -> Line:
        """Find the metered entry that a client names by its line or its item price, at a date.

        An item price that was the line's before names the line still: its usage is rated by the
        price of its date.

        Raises `Invalid` if neither or a recurring line is named, or if it is not in force then;
        `NotFound` if no line answers to the name, `Conflict` if several lines share the price.
        """
        field = "item_price_id" if line_id is None else "line_id"
        if line_id is None and item_price_id is None:
            raise Invalid("missing_field", "name an item_price_id or a line_id", field=field)
        named = [
            line
            for line in self.lines
            if (line_id is None or line.id == line_id)
            and (item_price_id is None or line.item_price_id == item_price_id)
        ]
        if not named:
            raise NotFound(
                "line_not_found",
                f"subscription '{self.id}' has no such line",
                field=field,
            )
        if not named[0].metered:
            raise Invalid("not_metered", "the line is not metered", field=field)
        ids = {line.id for line in named}
        there = [line for line in self.lines if line.id in ids and line.in_force(at)]
        found = [line for line in there if line.item_price_id == item_price_id] or there
        if len(found) > 1:
            raise Conflict(
                "line_ambiguous",
                "several lines of the subscription have this item price; name a line_id",
                field=field,
                details={"line_ids": [line.id for line in found]},
            )
        if not found:
            raise Invalid(
                "line_not_in_force", "the line is not in force at this date", field="usage_date"
            )
        return found[0]

    def _in_trial(self, instant: datetime) -> bool:
        return self.trial_end is not None and instant < self.trial_end

    def _natural_end(self, start: datetime) -> datetime:
        """Return where a term ends that begins at *start*, the end of the subscription aside."""
        if self.trial_end is not None and start < self.trial_end:
            return self.trial_end
        end = self.schedule_at(start).interval(start).end
        return min([end, *(each.start for each in self.later if start < each.start)])


def last_cycle_end(schedule: Schedule, cycles: int, field: str) -> datetime:
    """Return where the last of a number of terms ends; raises `Invalid` naming *field*."""
    if not 1 <= cycles <= CYCLES_MAX:
        raise Invalid(
            "invalid_field", f"must be a whole number from 1 to {CYCLES_MAX}", field=field
        )
    try:
        end = schedule.term(cycles - 1).end
    except (OverflowError, ValueError):
        end = _LATEST
    if end >= _LATEST:
        raise Invalid("invalid_field", f"would end after the year {YEAR_MAX}", field=field)
    return end


def check_usage_date(
    subscription: Subscription, at: datetime, *, earliest: datetime, now: datetime
) -> None:
    """Refuse a usage date outside what is accepted: `[max(start, earliest), end of the term now)`.

    Nothing is accepted before the subscription begins. Raises `Invalid` with code
    `usage_date_out_of_range` and the bounds, or with code `subscription_suspended`.
    """
    if now < subscription.start:
        # It can be withdrawn until then, and what was used would be in no term.
        begins = instant_text(subscription.start)
        raise Invalid(
            "usage_date_out_of_range",
            f"the subscription begins at {begins}: usage is accepted from then on",
            field="usage_date",
            details={"accepted_from": begins},
        )
    first = max(subscription.start, earliest)
    until = subscription.term_at(now).end
    if subscription.end is not None:
        until = min(until, subscription.end)
    if not first <= at < until:
        raise Invalid(
            "usage_date_out_of_range",
            f"must lie from {instant_text(first)} to before {instant_text(until)}",
            field="usage_date",
            details={"accepted_from": instant_text(first), "accepted_before": instant_text(until)},
        )
    if subscription.suspended(at):
        raise Invalid(
            "subscription_suspended",
            "the subscription is suspended at this date",
            field="usage_date",
        )
