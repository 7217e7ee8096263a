"""Move a test site's clock on, and do on the way what the sweeps would have done.

It is the same work on the same index, only that nobody waits: the clock stands at the instant at
which something is due while that is done. A request that ends early, or dies, has moved the clock
as far as the work was done; the next one goes on from there.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.due_terms import HOUR, HOURS_KEPT_OPEN, Due
from postpaid.application.ports import Lost
from postpaid.domain.errors import Conflict

# What is still due after so many visits waits for something else, such as its document.
_VISITS = 3
# As often as the schedule sweeps, which is how long a run that died holds its term.
_BETWEEN = timedelta(minutes=5)


class UpcomingDue(Protocol):
    """What will be due on a site's own clock."""

    def upcoming(self, hour: datetime, until: datetime) -> list[tuple[datetime, Due]]:
        """Read what is due in an hour, up to an instant, in order of time."""
        ...


@dataclass(frozen=True, slots=True)
class Hands:
    """How the clock is set, what is due on it, and who does it; *is_late* ends the request.

    *set_clock* leaves a clock that is further on as it is, and raises `Lost` if the site has
    started afresh. *report* is told of a failure that nobody else sees.
    """

    due: UpcomingDue
    set_clock: Callable[[datetime], None]
    work: Callable[[Due, datetime], None]
    is_late: Callable[[], bool]
    report: Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far a clock came, and whether that is where it was to go, with all that was due."""

    now: datetime
    done: bool


def advance_clock(to: datetime, *, hands: Hands, now: datetime) -> Advanced:
    """Move a test site's clock from *now* to an instant; stop where the request's time is over.

    It may stand there already: what was due on the way and is not done is done then. Raises
    `Conflict` with code `started_afresh` if the site gets another clock meanwhile.
    """
    visits: dict[Due, int] = {}
    reached = min(now, to)
    # A request that died in the middle of its work may have been in an hour before: clocks tick.
    hour = reached.replace(minute=0, second=0) - HOURS_KEPT_OPEN * HOUR
    while hour <= to:
        until = min(to, hour + HOUR - timedelta(seconds=1))
        coming = [
            (at + visits.get(due, 0) * _BETWEEN, due)
            for at, due in hands.due.upcoming(hour, until)
            if visits.get(due, 0) < _VISITS
        ]
        if not coming:
            hour += HOUR
            visits.clear()
            continue
        if hands.is_late():
            return Advanced(reached, done=False)
        at, due = min(coming, key=lambda each: (each[0], each[1].pk, each[1].sk))
        reached = max(reached, min(at, to))
        _set(reached, hands)
        visits[due] = visits.get(due, 0) + 1
        with suppress(Lost):  # another visit is at it
            hands.work(due, reached)
    _set(to, hands)
    return Advanced(to, done=True)


def _set(instant: datetime, hands: Hands) -> None:
    try:
        hands.set_clock(instant)
    except Lost:
        raise started_afresh() from None


def started_afresh() -> Conflict:
    """Return the refusal of what began in a generation that the site has left since."""
    return Conflict("started_afresh", "another request had the site start afresh meanwhile")
