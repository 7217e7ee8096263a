"""Find what is due: terms to roll or close, invoices to issue, documents that are missing.

The index is kept by hours. Nothing is ever added to an hour that has passed, so the dispatcher
remembers the first hour that was not yet empty and begins there; a daily look further back does not
trust even that.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

HOUR = timedelta(hours=1)
# A write that was slow, or came from a host whose clock is behind, may still land in a past hour.
HOURS_KEPT_OPEN = 3
MESSAGE_ITEMS_MAX = 10


@dataclass(frozen=True, slots=True)
class Due:
    """The key of a term or an invoice that is due."""

    pk: str
    sk: str


class DueIndex(Protocol):
    """What is due on one clock."""

    def in_hour(self, hour: datetime, until: datetime) -> Iterator[Due]:
        """Read what is due in an hour, up to an instant; eventually consistent."""
        ...

    def place(self) -> datetime | None:
        """Read the hour from which on something may be due; None while there is no site."""
        ...

    def remember(self, hour: datetime) -> None:
        """Store that hour; a later one stays if another sweep stored it meanwhile."""
        ...


def dispatch_due(
    index: DueIndex,
    send: Callable[[Sequence[Due]], None],
    *,
    now: datetime,
    look_back: timedelta | None = None,
) -> int:
    """Send everything that is due, in messages of up to ten; return how much that was.

    *look_back* searches that far behind the remembered place as well. What is sent twice, because
    a sweep overlaps another or the work is still queued, is done once.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    place = index.place() or this_hour - HOURS_KEPT_OPEN * HOUR
    first = place if look_back is None else min(place, this_hour - look_back)
    found = 0
    first_left: datetime | None = None
    # The newest first: what is stuck in old hours must not keep a sweep from the present one.
    hour = this_hour
    while hour >= first:
        chunk: list[Due] = []
        for due in index.in_hour(hour, now):
            first_left = hour
            found += 1
            chunk.append(due)
            if len(chunk) == MESSAGE_ITEMS_MAX:
                send(chunk)
                chunk = []
        if chunk:
            send(chunk)
        hour -= HOUR
    reached = min(first_left or this_hour, this_hour - HOURS_KEPT_OPEN * HOUR)
    if reached > place:
        index.remember(reached)
    return found
