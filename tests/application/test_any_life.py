"""Whatever happens to a subscription, its invoices come to what its days and its usage cost.

The expectation is counted day by day and usage by usage, from what was asked, and knows nothing of
terms that are cut, advances, credits and segments. Only where a day's grid interval lies is taken
from the schedule, which has tests of its own.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.application.cancel_subscription import uncancel_subscription
from postpaid.application.change_schedule import ChangeCadence, change_cadence, change_zone
from postpaid.application.invoice_now import invoice_now
from postpaid.application.rate_line import rate_line
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.invoice import InvoiceStatus, LineKind
from postpaid.domain.invoice_content import plain_line
from postpaid.domain.term import TermStatus
from tests.support.changes import by_unit, change
from tests.support.laws import tried
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World

SEAT, MINUTE, BASE_FEE, SETUP = 31, 1, 17, 5
START = "2026-10-01"


@dataclass
class Life:
    """A subscription and what its days should cost, kept beside it."""

    world: World
    # (from, quantity, price) of seats, in the order they were asked; a later ask wins behind its
    # date.
    seats: list[tuple[datetime, int, int]] = field(default_factory=list)
    minute: int = MINUTE
    suspended: list[list[datetime | None]] = field(default_factory=list)
    used: int = 0
    owed: int = 0  # for what was used, at the price of its date

    @classmethod
    def begun(
        cls, zone: str, cadence: Cadence, by_calendar: bool, *, own: bool = False, **more: Any
    ) -> "Life":
        """Begin a life at these prices: the catalogue's, or the lines' *own* beside others."""
        world = World.at("2026-10-01T20:00")
        fees = {"base_fee": str(BASE_FEE), "setup_fee": str(SETUP)}
        world.price("seats", str(SEAT + 9 * own), metered=False, setup_fee=str(SETUP))
        world.price("minutes", str(MINUTE + 9 * own), **fees)
        if own:
            more["own"] = {"seats": by_unit(SEAT), "minutes": by_unit(MINUTE)}
        made = world.subscription(
            "seats",
            "minutes",
            timezone=zone,
            cadence=cadence,
            by_calendar=by_calendar,
            closing=AUTO_AT_ONCE,
            **{"start": START, **more},
        )
        world.sweep()
        return cls(world, [(made.start, 1, SEAT)])

    # --- what can happen

    def go_through(self, events: list[tuple[int, str, int]]) -> None:
        """Let one thing happen after another, and then the end."""
        for hours, name, number in events:
            self.wait(hours)
            try:
                getattr(self, name)(number)
            except (Conflict, Invalid):
                continue  # suspended already, or not; what is so by now: nothing happened
        self.end()

    def wait(self, hours: int) -> None:
        self.world.skip_to((self.world.now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M"))
        self.world.come_to_rest(rounds_max=40)

    def take_seats(self, quantity: int) -> None:
        self.world.change_lines(change("seats", quantity=quantity), effective="now")
        self.seats.append((self.world.now, quantity, self.seats[-1][2]))

    def agree_on_prices(self, more: int) -> None:
        seat, minute = SEAT + more, MINUTE + 1 + more % 7
        self.world.change_lines(
            change("seats", pricing=by_unit(seat)),
            change("minutes", pricing=by_unit(minute)),
            effective="now",
        )
        self.seats.append((self.world.now, self.seats[-1][1], seat))
        self.minute = minute

    def use(self, quantity: int) -> None:
        on = self.world.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.world.record(str(quantity), on)
        self.used += quantity
        self.owed += quantity * self.minute

    def suspend(self, hours: int) -> None:
        until = self.world.now + timedelta(hours=hours) if hours else None
        text = until and until.strftime("%Y-%m-%dT%H:%M:%SZ")
        command = SuspendSubscription(subscription_id="sub", until=text)
        suspend_subscription(command, office=self.world.office)
        self.suspended.append([self.world.now, until])

    def resume(self, _: int) -> None:
        resume_subscription("sub", None, office=self.world.office)
        for span in self.suspended:
            if span[1] is None or span[1] > self.world.now:
                span[1] = self.world.now

    def invoice_now(self, _: int) -> None:
        invoice_now("sub", office=self.world.office)

    def to_another_cadence(self, which: int) -> None:
        cadence = [Cadence("week", 2), Cadence("month"), Cadence("quarter"), Cadence("day", 9)]
        command = ChangeCadence(
            subscription_id="sub",
            cadence=cadence[which % 4],
            at="now" if which % 2 else "term_end",
            by_calendar=which % 3 == 0,
        )
        change_cadence(command, office=self.world.office)

    def to_another_zone(self, which: int) -> None:
        name = ("UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati")[which % 4]
        change_zone("sub", name, office=self.world.office)

    def cancel_later(self, hours: int) -> None:
        when = self.world.now + timedelta(hours=hours + 1)
        self.world.cancel(when.strftime("%Y-%m-%dT%H:%M:%SZ"), credit_unused=True)

    def cancel_and_think_again(self, hours: int) -> None:
        self.cancel_later(hours)
        uncancel_subscription("sub", office=self.world.office)

    def end(self) -> None:
        self.world.clock.now += timedelta(minutes=7)
        with suppress(Conflict):  # it has ended by itself
            self.world.cancel("now", credit_unused=self.world.subscription_of().prorate)
        self.world.clock.now += timedelta(hours=2)
        self.world.come_to_rest(rounds_max=40)

    # --- what it should come to

    def expected_by_time(self) -> tuple[Fraction, Fraction]:
        """Return what the seats and the base fee of all days cost."""
        subscription = self.world.subscription_of()
        assert subscription.end is not None
        later = [each.start for each in subscription.later if each.start < subscription.end]
        starts = [subscription.start, *later]
        ends = [*starts[1:], subscription.end]
        seats = fee = Fraction(0)
        for since, until in zip(starts, ends, strict=True):
            schedule = subscription.schedule_at(since)
            place = schedule.zone
            day, last = (each.astimezone(place).date() for each in (since, until))
            while day < last:
                over = _midnight(day + timedelta(days=1), place) - timedelta(seconds=1)
                whole = schedule.interval(max(since, min(over, until - timedelta(seconds=1))))
                dates = [each.astimezone(place).date() for each in (whole.start, whole.end)]
                days = (dates[1] - dates[0]).days
                if not self._is_suspended(over):
                    seats += Fraction(self._seats_cost(over), days)
                    fee += Fraction(BASE_FEE, days)
                day += timedelta(days=1)
        return seats, fee

    def _seats_cost(self, instant: datetime) -> int:
        return [quantity * price for since, quantity, price in self.seats if since <= instant][-1]

    def _is_suspended(self, instant: datetime) -> bool:
        return any(
            since is not None and since <= instant and (until is None or instant < until)
            for since, until in self.suspended
        )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


EVENTS = ("take_seats", "use", "suspend", "resume", "invoice_now", "to_another_cadence")
OTHERS = ("to_another_zone", "cancel_later", "cancel_and_think_again", "agree_on_prices")
_events = st.lists(
    st.tuples(st.integers(1, 500), st.sampled_from((*EVENTS, *OTHERS)), st.integers(1, 400)),
    max_size=9,
)


@given(
    zone=st.sampled_from(("UTC", "America/New_York", "Pacific/Auckland")),
    cadence=st.sampled_from((Cadence(), Cadence("week"), Cadence("quarter"), Cadence("day", 3))),
    by_calendar=st.booleans(),
    events=_events,
)
@tried(60)
def test_a_life_costs_its_days_and_its_usage(
    zone: str, cadence: Cadence, by_calendar: bool, events: list[tuple[int, str, int]]
) -> None:
    life = Life.begun(zone, cadence, by_calendar)

    life.go_through(events)

    _check(life)


@given(
    zone=st.sampled_from(("UTC", "America/New_York", "Pacific/Auckland")),
    cadence=st.sampled_from((Cadence(), Cadence("week"), Cadence("day", 3))),
    prorate=st.booleans(),
    trial_end=st.sampled_from((None, "2026-10-09", "2026-11-20T05:00:00Z")),
    start=st.sampled_from((START, "2026-10-01T08:30:00Z")),
    events=_events,
)
@tried(25)
def test_i_22_i_24_i_25_no_life_breaks_a_bound_however_it_is_charged(
    zone: str,
    cadence: Cadence,
    prorate: bool,
    trial_end: str | None,
    start: str,
    events: list[tuple[int, str, int]],
) -> None:
    life = Life.begun(zone, cadence, False, prorate=prorate, trial_end=trial_end, start=start)

    life.go_through(events)

    assert [each.parked for each in life.world.invoices() if each.parked] == []
    assert all(term.status is TermStatus.FROZEN for term in life.world.terms())


@given(
    zone=st.sampled_from(("UTC", "America/New_York", "Pacific/Auckland")),
    cadence=st.sampled_from((Cadence(), Cadence("week"), Cadence("day", 3))),
    prorate=st.booleans(),
    trial_end=st.sampled_from((None, "2026-10-09")),
    events=_events,
)
@tried(25)
def test_a_life_at_prices_of_its_own_is_invoiced_as_if_the_catalogue_said_them(
    zone: str,
    cadence: Cadence,
    prorate: bool,
    trial_end: str | None,
    events: list[tuple[int, str, int]],
) -> None:
    lives = [
        Life.begun(zone, cadence, False, own=own, prorate=prorate, trial_end=trial_end)
        for own in (False, True)
    ]

    for life in lives:
        life.go_through(events)

    one, other = lives
    assert one.world.invoices() == other.world.invoices()
    assert one.world.objects == other.world.objects, "byte by byte"


def _check(life: Life) -> None:
    world = life.world
    terms = world.terms()
    assert all(term.status is TermStatus.FROZEN for term in terms)
    assert all(left.period.end == right.period.start for left, right in pairwise(terms))
    assert [term.n for term in terms] == list(range(len(terms)))
    done = {InvoiceStatus.ISSUED, InvoiceStatus.SKIPPED}
    contents = [world.content(invoice) for invoice in world.invoices() if invoice.status in done]
    assert len(contents) == len(world.invoices())
    lines = [line for content in contents for line in content.lines]

    for line in map(plain_line, lines):
        assert _again(line) == Decimal(line["amount"]), "a line is rated again from what it says"

    billed = [entry for content in contents for entry in content.manifest]
    assert len({place for place, _, _ in billed}) == len(billed), "a usage is billed once"
    assert sum(int(quantity) for _, _, quantity in billed) == life.used
    usage = [line for line in lines if line.kind is LineKind.USAGE]
    assert sum(line.amount.minor for line in usage) == 100 * life.owed

    seats, fee = life.expected_by_time()
    for kinds, expected in (
        ({LineKind.RECURRING, LineKind.CREDIT}, seats),
        ({LineKind.BASE_FEE}, fee),
    ):
        charged = [line for line in lines if line.kind in kinds]
        off = abs(sum(line.amount.minor for line in charged) - 100 * expected)
        assert off <= len(charged), f"{off} cents off in {len(charged)} lines"

    setups = [line for line in lines if line.kind is LineKind.SETUP]
    assert [line.amount.minor for line in setups] == [100 * SETUP] * 2
    assert {line.line_id for line in setups} == {"seats", "minutes"}

    paid = sum(content.total.minor for content in contents)
    balance = world.stores.credits.balance("globex", "USD").amount.minor
    assert paid - balance == sum(line.amount.minor for line in lines)


def _again(line: Mapping[str, Any]) -> Decimal:
    """Rate a line anew from its plain form alone, as anybody can with `postpaid rate`."""
    exact = Fraction(rate_line(line["pricing"], line["quantity"] or "1", None))
    cents = 100 * exact
    if line["days"] is not None:
        left = line["days"] + line["days_after"]
        at_start, at_end = (
            _half_up(cents * each / line["days_in_period"]) for each in (left, line["days_after"])
        )
        whole = at_start - at_end
    else:
        whole = _half_up(cents)
    return Decimal(-whole if line["kind"] == "credit" else whole) / 100


def _half_up(number: Fraction) -> int:
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def test_the_expectation_notices_a_day() -> None:
    life = Life.begun("UTC", Cadence(), by_calendar=False)
    life.wait(24 * 9)
    life.take_seats(3)
    life.end()
    _check(life)

    life.seats[-1] = (life.seats[-1][0] + timedelta(days=1), 3, SEAT)
    life.seats.append((at("2026-10-01"), 5, SEAT))

    with pytest.raises(AssertionError, match="cents off"):
        _check(life)
