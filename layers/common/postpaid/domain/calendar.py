"""Where the boundaries of billing terms fall.

The k-th boundary is computed from the anchor, never from the boundary before it, so that a
subscription anchored on the 31st comes back to the 31st after February:

>>> from zoneinfo import ZoneInfo
>>> anchor = datetime(2026, 1, 31, 5, tzinfo=UTC)
>>> [boundary(anchor, ZoneInfo("America/New_York"), Cadence(), k).isoformat() for k in (1, 2)]
['2026-02-28T05:00:00+00:00', '2026-03-31T04:00:00+00:00']
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from postpaid.domain.period import Period

MONTHS_MAX = 94_000  # 7 833 years: counted from 2099 they stay within the calendar, to 9999
_MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a subscription is invoiced: every *count* units; the unit is the month."""

    unit: str = "month"
    count: int = 1

    def __post_init__(self) -> None:
        assert self.unit == "month"
        assert self.count >= 1


def boundary(anchor: datetime, zone: ZoneInfo, cadence: Cadence, k: int) -> datetime:
    """Return the k-th boundary (k = 0 is the anchor itself) as a UTC instant.

    Months are counted on the wall clock of *zone*: same day of the month as the anchor, or the
    month's last day where it has fewer; same local time. A local time that clocks skip counts as
    the instant after the gap; one that comes twice, as the first.
    """
    assert 0 <= k * cadence.count <= MONTHS_MAX
    if k == 0:
        return anchor
    local = anchor.astimezone(zone)
    months = local.year * _MONTHS_A_YEAR + local.month - 1 + k * cadence.count
    year, month = divmod(months, _MONTHS_A_YEAR)
    day = min(local.day, monthrange(year, month + 1)[1])
    moved = local.replace(year=year, month=month + 1, day=day, fold=0)
    return moved.astimezone(UTC)


def term_period(anchor: datetime, zone: ZoneInfo, cadence: Cadence, n: int) -> Period:
    """Return the n-th term (n = 0 starts at the anchor)."""
    return Period(boundary(anchor, zone, cadence, n), boundary(anchor, zone, cadence, n + 1))


def term_index(anchor: datetime, zone: ZoneInfo, cadence: Cadence, instant: datetime) -> int:
    """Return the number of the term that contains *instant*; 0 if that is before the anchor."""
    if instant <= anchor:
        return 0
    start, now = anchor.astimezone(zone), instant.astimezone(zone)
    months = (now.year - start.year) * _MONTHS_A_YEAR + now.month - start.month
    # The estimate is at most one too high (the day of the month may still come); step down once,
    # then up, so that clock changes around the boundary cannot mislead it.
    n = max(0, months // cadence.count - 1)
    while boundary(anchor, zone, cadence, n + 1) <= instant:
        n += 1
    return n
