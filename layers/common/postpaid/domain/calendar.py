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
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from postpaid.domain.errors import Invalid
from postpaid.domain.period import Period

TERMS_MAX = 100_000
COUNT_MAX = 366
_MONTHS_A_YEAR = 12
_HALF_MONTH_DAY = 16
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
# ChargeOver's twice a month: always on the 1st and the 16th, whatever the anchor.
_HALF_MONTH = "half_month"
UNITS = (*_DAYS, *_MONTHS, _HALF_MONTH)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a subscription is invoiced: every *count* units.

    Units are day, week, month, quarter, half_year, year, and half_month: the 1st and the 16th.
    """

    unit: str = "month"
    count: int = 1

    def __post_init__(self) -> None:
        assert self.unit in UNITS
        assert 1 <= self.count <= COUNT_MAX

    @property
    def on_fixed_days(self) -> bool:
        """Tell whether terms fall on the same days of the month, whatever the anchor."""
        return self.unit == _HALF_MONTH

    def agrees(self, other: "Cadence") -> bool:
        """Tell whether both make the same terms: every 3 months is every quarter."""
        return _length(self) == _length(other)


def _length(cadence: Cadence) -> tuple[str, int]:
    for units, name in ((_DAYS, "day"), (_MONTHS, "month")):
        if cadence.unit in units:
            return name, cadence.count * units[cadence.unit]
    return cadence.unit, cadence.count


_DAILY = Cadence("day", 1)


MONTHLY = Cadence()


def read_cadence(unit: object, count: object, field: str) -> Cadence:
    """Read a cadence; raises `Invalid` naming `unit` or `count` behind *field*."""
    if unit not in UNITS:
        raise Invalid("invalid_field", f"must be one of {', '.join(UNITS)}", field=f"{field}unit")
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not (whole and isinstance(count, int) and 1 <= count <= COUNT_MAX):
        raise Invalid(
            "invalid_field",
            f"must be a whole number from 1 to {COUNT_MAX}",
            field=f"{field}count",
        )
    return Cadence(str(unit), count)


def boundary(anchor: datetime, zone: ZoneInfo, cadence: Cadence, k: int) -> datetime:
    """Return the k-th boundary as a UTC instant; k may be negative, and k = 0 is the anchor.

    Units are counted on the wall clock of *zone*: same local time as the anchor; months keep the
    anchor's day, or take the month's last day where it has fewer. A local time that clocks skip
    counts by the offset before the gap; one that comes twice, as the first.
    """
    assert -TERMS_MAX <= k <= TERMS_MAX
    local = anchor.astimezone(zone)
    if cadence.unit == _HALF_MONTH:
        return _half_month(local, k * cadence.count)
    if k == 0:
        return anchor
    if cadence.unit in _DAYS:
        # Naive arithmetic on the wall clock, then the zone's offset of that day.
        days = timedelta(days=k * cadence.count * _DAYS[cadence.unit])
        return (local.replace(tzinfo=None) + days).replace(tzinfo=zone, fold=0).astimezone(UTC)
    months = local.year * _MONTHS_A_YEAR + local.month - 1
    year, month = divmod(months + k * cadence.count * _MONTHS[cadence.unit], _MONTHS_A_YEAR)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)


def calendar_anchor(start: datetime, zone: ZoneInfo, cadence: Cadence) -> datetime:
    """Return the start of the calendar unit that *start* lies in: its Monday, month, quarter, year.

    Midnight in *zone*; the anchor of subscriptions that are billed by the calendar.
    """
    day = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if cadence.unit == "week":
        day = (day.replace(tzinfo=None) - timedelta(days=day.weekday())).replace(tzinfo=zone)
    elif cadence.unit in _MONTHS:
        months = _MONTHS[cadence.unit]
        day = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    elif cadence.unit == _HALF_MONTH:
        return _half_month(day, 0)
    return day.astimezone(UTC)


def boundary_index(anchor: datetime, zone: ZoneInfo, cadence: Cadence, instant: datetime) -> int:
    """Return the greatest k whose boundary is not after *instant*; negative before the anchor."""
    k = _estimate(anchor.astimezone(zone), instant.astimezone(zone), cadence)
    # The estimate counts whole days or months, so clock changes and short months can make it wrong
    # by a step or two.
    while boundary(anchor, zone, cadence, k) > instant:
        k -= 1
    while boundary(anchor, zone, cadence, k + 1) <= instant:
        k += 1
    return k


@dataclass(frozen=True, slots=True)
class Schedule:
    """The terms of a subscription: they tile the time from *start* on.

    Boundaries lie on the grid of *anchor*; where *start* is off the grid, the first term is short.
    *first* is the whole that the first term is or is part of, if the grid alone does not say: after
    a change of zone the boundary before it was another zone's, and what is left of its day would be
    no term. Such a schedule is asked for the interval around an instant, its terms have no numbers
    of their own.
    """

    start: datetime
    anchor: datetime
    zone: ZoneInfo
    cadence: Cadence
    first: Period | None = None

    def term(self, n: int) -> Period:
        """Return the n-th term, n = 0 being the first."""
        assert n >= 0
        full = self.full_term(n)
        return Period(max(full.start, self.start), full.end)

    def index(self, instant: datetime) -> int:
        """Return the number of the term that contains *instant*; 0 if that is before the start."""
        if instant <= self.start:
            return 0
        k = boundary_index(self.anchor, self.zone, self.cadence, instant)
        return k - self._first - self._lost_days(k)

    def full_term(self, n: int) -> Period:
        """Return the n-th term as it would be without the start: what a short one is part of."""
        k = self._first + n
        k += self._lost_days(k)
        return Period(
            boundary(self.anchor, self.zone, self.cadence, k),
            boundary(self.anchor, self.zone, self.cadence, k + 1),
        )

    def interval(self, instant: datetime) -> Period:
        """Return the whole interval of the grid that contains *instant*, also before the start."""
        if self.first is not None and instant < self.first.end:
            return self.first
        k = boundary_index(self.anchor, self.zone, self.cadence, instant)
        return Period(
            boundary(self.anchor, self.zone, self.cadence, k),
            boundary(self.anchor, self.zone, self.cadence, k + 1),
        )

    def in_zone(self, zone: ZoneInfo, start: datetime) -> "Schedule":
        """Return the same days and times of day on the wall clock of another zone, from *start*.

        Of each boundary the nearest one there takes the place, so that the first term is longer or
        shorter by the hours between the zones.
        """
        anchor = self.anchor.astimezone(self.zone).replace(tzinfo=zone, fold=0).astimezone(UTC)

        def nearest(instant: datetime) -> datetime:
            k = boundary_index(anchor, zone, self.cadence, instant)
            before, after = (boundary(anchor, zone, self.cadence, each) for each in (k, k + 1))
            return before if instant - before <= after - instant else after

        here = self.interval(start)
        begins = start if here.start == start else nearest(here.start)
        return Schedule(start, anchor, zone, self.cadence, Period(begins, nearest(here.end)))

    @property
    def _first(self) -> int:
        assert self.first is None, "terms are numbered on a grid"
        return boundary_index(self.anchor, self.zone, self.cadence, self.start)

    def _lost_days(self, k: int) -> int:
        """Count the days from the first to the k-th boundary that the zone skipped whole.

        Samoa and Tokelau, which moved across the date line, never had 30 December 2011: a daily
        subscription has no term for it, where any other cadence has one that is a day shorter.
        """
        if self.cadence != _DAILY:
            return 0
        now, start = (
            boundary(self.anchor, self.zone, self.cadence, each).astimezone(self.zone).utcoffset()
            for each in (k, self._first)
        )
        assert now is not None
        assert start is not None
        return (now - start + timedelta(hours=12)) // timedelta(days=1)


def term_period(anchor: datetime, zone: ZoneInfo, cadence: Cadence, n: int) -> Period:
    """Return the n-th term of a subscription that starts at its anchor."""
    return Schedule(anchor, anchor, zone, cadence).term(n)


def term_index(anchor: datetime, zone: ZoneInfo, cadence: Cadence, instant: datetime) -> int:
    """Return the number of the term that contains *instant*; 0 if that is before the anchor."""
    return Schedule(anchor, anchor, zone, cadence).index(instant)


def _estimate(start: datetime, now: datetime, cadence: Cadence) -> int:
    if cadence.unit in _DAYS:
        return (now.date() - start.date()).days // (cadence.count * _DAYS[cadence.unit])
    if cadence.unit == _HALF_MONTH:
        return (_halves(now) - _halves(start)) // cadence.count
    months = (now.year - start.year) * _MONTHS_A_YEAR + now.month - start.month
    return months // (cadence.count * _MONTHS[cadence.unit])


def _halves(local: datetime) -> int:
    """Count half months since the year 0."""
    month = local.year * _MONTHS_A_YEAR + local.month - 1
    return 2 * month + (local.day >= _HALF_MONTH_DAY)


def _half_month(local: datetime, steps: int) -> datetime:
    """Return midnight of the 1st or the 16th, *steps* halves on from the one *local* lies in."""
    month, half = divmod(_halves(local) + steps, 2)
    year, index = divmod(month, _MONTHS_A_YEAR)
    day = _HALF_MONTH_DAY if half else 1
    return datetime(year, index + 1, day, tzinfo=local.tzinfo).astimezone(UTC)
