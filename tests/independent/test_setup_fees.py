"""Each line is set up once, by the invoice that a rule in a few plain lines names.

A subscription is led through a life, and what was asked of it is kept beside it: since when each of
its lines is there, when it was suspended, what was so when a term began. Its invoices are then held
to the second rater's rule, which knows nothing of pins, advances, covers and what terms hand on.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.application.change_schedule import ChangeCadence, change_cadence
from postpaid.application.invoice_now import invoice_now
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import BillingError
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import LineKind
from tests.independent.second_rater import Term, set_up_at
from tests.support.changes import add, change, remove
from tests.support.laws import tried
from tests.support.samples import AUTO_AT_ONCE
from tests.support.world import World

METERED, RECURRING = "calls", "seats"
LINES = (METERED, RECURRING)
NEVER = 10**12


@dataclass
class Life:
    """A subscription, and beside it what was asked: all times are whole seconds."""

    world: World
    switched: dict[str, list[tuple[int, bool]]]  # since when a line is there or not, as asked
    suspended: list[list[int]] = field(default_factory=list)
    in_advance: list[set[str]] = field(default_factory=list)  # by term: what was so at its start

    @classmethod
    def begun(cls, lines: set[str], *, prorate: bool, trial: bool) -> "Life":
        world = World.at("2026-10-01T00:00")
        world.price("always", "0.01")
        for each in LINES:
            more = {"metered": False} if each == RECURRING else {"base_fee": "3"}
            world.price(each, "30", setup_fee="5", **more)
            world.price(f"{each}-else", "60", setup_fee="7", item_id=f"item-{each}")
        world.subscription(
            "always",
            *sorted(lines),
            start="2026-10-01",
            cadence=Cadence("day", 4),
            closing=AUTO_AT_ONCE,
            prorate=prorate,
            trial_end="2026-10-06" if trial else None,
        )
        start = _seconds(world.now)
        life = cls(world, {each: [(start, each in lines)] for each in LINES})
        life.look()
        return life

    # --- what can happen

    def wait(self, hours: int, _: str) -> None:
        until = self.world.now + timedelta(hours=hours)
        self.world.skip_to(until.strftime("%Y-%m-%dT%H:%M"))
        self.world.come_to_rest(rounds_max=60)

    def add(self, back: int, line: str) -> None:
        since = self._back(back)
        self.world.change_lines(add(line, line), effective=instant_text(since))
        self.switched[line].append((_seconds(since), True))

    def remove(self, back: int, line: str) -> None:
        since = self._back(back)
        self.world.change_lines(remove(line), effective=instant_text(since))
        self.switched[line].append((_seconds(since), False))

    def reprice(self, back: int, line: str) -> None:
        self._change(back, line, item_price_id=f"{line}-else" if back % 2 else line)

    def count(self, back: int, line: str) -> None:
        self._change(back, line, quantity=1 + back % 3)

    def _change(self, back: int, line: str, **to: Any) -> None:
        since = self._back(back)
        self.world.change_lines(change(line, **to), effective=instant_text(since))
        self.switched[line].append((_seconds(since), True))  # a removal behind it is off

    def suspend(self, back: int, line: str) -> None:
        since = self._back(back)
        until = None if line == METERED else since + timedelta(hours=101)
        command = SuspendSubscription(
            subscription_id="sub",
            since=instant_text(since),
            until=until and instant_text(until),
        )
        suspend_subscription(command, office=self.world.office)
        self.suspended.append([_seconds(since), _seconds(until) if until else NEVER])

    def resume(self, back: int, _: str) -> None:
        since = self._back(back)
        resume_subscription("sub", instant_text(since), office=self.world.office)
        now = _seconds(since)
        span = min(each for each in self.suspended if each[1] > now)
        self.suspended.remove(span)
        if span[0] < now:
            self.suspended.append([span[0], now])

    def invoice_now(self, _: int, __: str) -> None:
        invoice_now("sub", office=self.world.office)

    def to_another_cadence(self, back: int, _: str) -> None:
        cadence = Cadence("day", 2 + back % 4)
        command = ChangeCadence(subscription_id="sub", cadence=cadence, at="now")
        change_cadence(command, office=self.world.office)

    def go_through(self, events: list[tuple[str, int, str]]) -> None:
        for name, number, line in events:
            try:
                getattr(self, name)(number, line)
            except BillingError:
                continue  # it is so already, or cannot be: nothing happened
            finally:
                self.look()
        self.wait(1, "")
        self.look()
        self.world.cancel("now")
        self.world.come_to_rest(rounds_max=60)

    def look(self) -> None:
        """Note of each new term which lines are there when it begins, as is known by then."""
        for term in self.world.terms()[len(self.in_advance) :]:
            start = _seconds(term.period.start)
            self.in_advance.append({each for each in LINES if self.costs(each, start)})

    # --- what should come of it

    def costs(self, line: str, second: int) -> bool:
        """Tell whether a line is there at a time, and not suspended; the last that was asked."""
        there = [on for since, on in self.switched[line] if since <= second][-1:] == [True]
        return there and not any(since <= second < until for since, until in self.suspended)

    def times(self, line: str, end: int) -> list[tuple[int, int]]:
        """Return when a line was there, and not suspended."""
        steps = {since for since, _ in self.switched[line]}
        steps |= {step for span in self.suspended for step in span}
        bounds = [*sorted(step for step in steps if step < end), end]
        return [(since, until) for since, until in pairwise(bounds) if self.costs(line, since)]

    def expected(self) -> dict[str, int | None]:
        subscription, terms = self.world.subscription_of(), self.world.terms()
        assert subscription.end is not None
        assert len(terms) == len(self.in_advance)
        end = _seconds(subscription.end)
        return {
            line: set_up_at(
                line == METERED,
                [
                    Term(
                        _seconds(term.period.start),
                        _seconds(term.period.end),
                        subscription.trial_end is not None
                        and term.period.start < subscription.trial_end,
                        line in there,
                    )
                    for term, there in zip(terms, self.in_advance, strict=True)
                ],
                self.times(line, end),
            )
            for line in LINES
        }

    def charged(self) -> dict[str, list[tuple[LineKind, int]]]:
        """Return what was charged of each line, and by the invoice of which boundary."""
        starts = [term.period.start for term in self.world.terms()]
        found: dict[str, list[tuple[LineKind, int]]] = {line: [] for line in LINES}
        for invoice in self.world.invoices():
            assert invoice.parked is None, invoice.parked
            boundary = bisect_right(starts, invoice.period_end) - 1
            if starts[boundary] != invoice.period_end:
                boundary += 1  # the last term's end
            for line in self.world.content(invoice).lines:
                if line.line_id in found:
                    found[line.line_id].append((line.kind, boundary))
        return found

    def _back(self, hours: int) -> datetime:
        """Return an instant some hours ago; one before the open term is refused, some are at it."""
        start = self.world.terms()[-1].period.start
        return max(start, self.world.now - timedelta(hours=hours))


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


WAITS = st.tuples(st.just("wait"), st.sampled_from((7, 24, 48, 96, 130)), st.just(""))
# Of an open term, what is 300 hours back is its very start.
ACTS = st.tuples(
    st.sampled_from(("add", "remove", "reprice", "count", "suspend", "resume")),
    st.sampled_from((0, 5, 300)),
    st.sampled_from(LINES),
)
CUTS = st.tuples(
    st.sampled_from(("invoice_now", "to_another_cadence")), st.integers(0, 9), st.just("")
)


@given(
    lines=st.sets(st.sampled_from(LINES)),
    prorate=st.booleans(),
    trial=st.booleans(),
    events=st.lists(WAITS | ACTS | ACTS | ACTS | CUTS, min_size=3, max_size=16),
)
@tried(200)
def test_whatever_happens_each_line_is_set_up_once_and_where_the_rule_says(
    lines: set[str], prorate: bool, trial: bool, events: list[tuple[str, int, str]]
) -> None:
    life = Life.begun(lines, prorate=prorate, trial=trial)

    life.go_through(events)

    expected = life.expected()
    for line, found in life.charged().items():
        setups = [boundary for kind, boundary in found if kind is LineKind.SETUP]
        assert setups == [each for each in [expected[line]] if each is not None], line
        # Nothing of a line comes before its setup, and nothing comes without it.
        others = [boundary for kind, boundary in found if kind is not LineKind.SETUP]
        assert not others or min(others) >= setups[0], line


ADVANCED = Term(0, 10, free=False, in_advance=True)
IDLE = Term(10, 20, free=False, in_advance=False)
TRIAL = Term(0, 10, free=True, in_advance=True)


@pytest.mark.parametrize(
    ("metered", "terms", "times", "expected"),
    [
        (False, [ADVANCED, IDLE], [(0, 20)], 0),
        (True, [ADVANCED, IDLE], [(0, 20)], 1),
        # Charged in advance, and never in force.
        (False, [ADVANCED, IDLE], [], 0),
        (True, [ADVANCED, IDLE], [], None),
        (False, [ADVANCED._replace(in_advance=False), IDLE], [(10, 11)], 2),
        (True, [ADVANCED, IDLE], [(19, 20)], 2),
        (False, [TRIAL, IDLE], [(0, 10)], None),
        (False, [TRIAL, IDLE], [(0, 12)], 2),
        (False, [TRIAL, IDLE._replace(in_advance=True)], [(0, 12)], 1),
    ],
)
def test_the_rule(
    metered: bool, terms: list[Term], times: list[tuple[int, int]], expected: int | None
) -> None:
    assert set_up_at(metered, terms, times) == expected
