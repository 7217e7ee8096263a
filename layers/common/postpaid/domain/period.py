"""Half-open intervals of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The interval `[start, end)` between two UTC instants; never empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        assert self.start.tzinfo is UTC
        assert self.end.tzinfo is UTC
        assert self.start < self.end, "a period has a length"

    def contains(self, instant: datetime) -> bool:
        """Tell whether *instant* lies in the period: its start does, its end does not."""
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval `[start, end)`, without end if that is None; never empty."""

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        assert self.end is None or self.start < self.end, "an interval has a length"

    def contains(self, instant: datetime) -> bool:
        """Tell whether *instant* lies in the interval."""
        return self.start <= instant and (self.end is None or instant < self.end)


def without(period: Period, holes: Iterable[Interval | Period]) -> list[Period]:
    """Return what is left of a period when holes are taken out of it, in order of time."""
    left = []
    start: datetime | None = period.start
    for hole in sorted(holes, key=lambda hole: hole.start):
        if start is None or hole.start >= period.end:
            break
        if hole.end is not None and hole.end <= start:
            continue
        if hole.start > start:
            left.append(Period(start, hole.start))
        start = hole.end
    if start is not None and start < period.end:
        left.append(Period(start, period.end))
    return left
