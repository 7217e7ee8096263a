"""Move a test site's clock on, and do on the way what the sweeps would have done.

It is the same work on the same index, only that nobody waits: the clock stands at the instant at
which something is due while that is done. A request that ends early, or dies, has moved the clock
as far as the work was done; the next one goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.due_terms import HOUR, Due
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Site

ADVANCE_MAX = timedelta(days=1100)
# What is still due after so many visits waits for something else, such as its document.
_VISITS = 3


class UpcomingDue(Protocol):
    """What will be due on a site's own clock."""

    def upcoming(self, hour: datetime, until: datetime) -> list[tuple[datetime, Due]]:
        """Read what is due in an hour, up to an instant, in order of time."""
        ...


@dataclass(frozen=True, slots=True)
class Hands:
    """How the clock is set, what is due on it, and who does it; *is_late* ends the request."""

    due: UpcomingDue
    set_clock: Callable[[datetime], None]
    work: Callable[[Due, datetime], None]
    is_late: Callable[[], bool]


def advance_clock(site: Site, to: datetime, *, hands: Hands, now: datetime) -> datetime:
    """Move a test site's clock from *now* to an instant and return how far it came.

    That is *to*, unless the time of the request was over before. Raises `Conflict` with code
    `live_site`; `Invalid` if the instant is not ahead, or further than some years.
    """
    if not site.test:
        raise Conflict("live_site", "a live site has no clock of its own")
    if not now < to <= now + ADVANCE_MAX:
        raise Invalid(
            "invalid_field",
            f"must lie after {instant_text(now)}, the present there, and at most "
            f"{ADVANCE_MAX.days} days ahead",
            field="to",
        )
    visits: dict[Due, int] = {}
    reached = now
    hour = now.replace(minute=0, second=0)
    while hour <= to:
        until = min(to, hour + HOUR - timedelta(seconds=1))
        coming = [
            (at, due) for at, due in hands.due.upcoming(hour, until) if visits.get(due, 0) < _VISITS
        ]
        if not coming:
            hour += HOUR
            visits.clear()
            continue
        if hands.is_late():
            return reached
        at, due = coming[0]
        reached = max(reached, at)
        hands.set_clock(reached)
        visits[due] = visits.get(due, 0) + 1
        hands.work(due, reached)
    hands.set_clock(to)
    return to
