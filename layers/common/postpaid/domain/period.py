"""Half-open intervals of time."""

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
