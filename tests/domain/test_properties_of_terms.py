"""Terms tile time: for every zone, anchor and cadence, over twenty years."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from postpaid.domain.calendar import UNITS, Cadence, Schedule
from postpaid.domain.period import Period
from tests.support.laws import ZONE_NAMES, instants, tried, zones

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
TWENTY_YEARS = timedelta(days=20 * 365 + 5)
DAYS = {"day": 1, "week": 7, "half_month": 16, "month": 31, "quarter": 92, "half_year": 184}
APIA, VIENNA = ZoneInfo("Pacific/Apia"), ZoneInfo("Europe/Vienna")

cadences = st.builds(Cadence, st.sampled_from(UNITS), st.sampled_from((1, 1, 1, 2, 3, 7, 30)))
# How far the start lies from the anchor: on it, within a term of it, or years from it.
offsets = st.just(0) | st.integers(-(10**7), 10**7) | st.integers(-(10**8), 10**8)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _longest(cadence: Cadence) -> timedelta:
    """Return what no term of a cadence exceeds, a move across the date line included."""
    return cadence.count * DAYS.get(cadence.unit, 366) * DAY + 2 * DAY


def _twenty_years(schedule: Schedule) -> list[list[Period]]:
    """Return the terms that begin in twenty years in one run; of very many, the ends in two."""
    count = schedule.index(schedule.start + TWENTY_YEARS) + 1
    runs = [range(count)] if count < 300 else [range(150), range(count - 150, count)]
    return [[schedule.term(n) for n in run] for run in runs]


def _follow(terms: list[Period]) -> bool:
    return all(one.end == next_.start for one, next_ in pairwise(terms))


# --- tiles


@pytest.mark.parametrize("wall", ["2009-01-01T00:00:00", "2009-01-31T23:30:00"])
def test_in_every_zone_twenty_years_of_months_have_no_gap_and_no_overlap(wall: str) -> None:
    local = datetime.fromisoformat(wall)
    for name in ZONE_NAMES:
        zone = ZoneInfo(name)
        anchor = local.replace(tzinfo=zone).astimezone(UTC)
        schedule = Schedule(anchor, anchor, zone, Cadence())

        terms = [schedule.term(n) for n in range(241)]

        assert terms[0].start == anchor, name
        assert _follow(terms), name
        assert (terms[-1].start.astimezone(zone).date() - local.date()).days >= 20 * 365, name


@given(instants, zones, cadences, offsets)
@example(_utc("2011-12-28T10:00:00Z"), APIA, Cadence("day"), 0)
@example(_utc("2011-12-28T10:00:00Z"), APIA, Cadence("day", 2), 3_600)
@example(_utc("2026-10-25T01:30:00Z"), VIENNA, Cadence("day"), 0)
@example(_utc("2026-01-31T23:00:00Z"), VIENNA, Cadence("half_month"), 86_399)
@tried(60)
def test_terms_tile_twenty_years_from_the_start_on(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int
) -> None:
    start = anchor + offset * SECOND
    schedule = Schedule(start, anchor, zone, cadence)

    runs = _twenty_years(schedule)

    assert runs[0][0].start == start
    assert runs[-1][-1].contains(start + TWENTY_YEARS)
    assert all(map(_follow, runs))
    assert runs[0][-1].end <= runs[-1][0].start or len(runs) == 1
    assert max(term.end - term.start for run in runs for term in run) <= _longest(cadence)


@given(instants, zones, cadences, offsets, st.integers(0, int(TWENTY_YEARS.total_seconds())))
@example(_utc("2011-12-28T10:00:00Z"), APIA, Cadence("day"), 0, 2 * 86_400)
@example(_utc("2011-12-28T10:00:00Z"), APIA, Cadence("day"), 0, 2 * 86_400 - 1)
@example(_utc("2011-12-30T09:59:59Z"), APIA, Cadence("day"), 0, 1)
@example(_utc("2026-10-24T01:30:00Z"), VIENNA, Cadence("day"), 0, 86_400 - 3_600)
@tried(400)
def test_every_instant_lies_in_one_term_which_its_number_finds(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int, after: int
) -> None:
    start = anchor + offset * SECOND
    schedule = Schedule(start, anchor, zone, cadence)
    instant = start + after * SECOND

    n = schedule.index(instant)

    nearby = range(max(n - 2, 0), n + 3)
    assert [each for each in nearby if schedule.term(each).contains(instant)] == [n]
    term = schedule.term(n)
    assert [schedule.index(at) for at in (term.start, term.end - SECOND, term.end)] == [n, n, n + 1]


@given(instants, zones, cadences, offsets, st.integers(0, 400))
@tried(200)
def test_a_term_is_found_by_every_instant_in_it(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int, n: int
) -> None:
    n = min(n, TWENTY_YEARS // _longest(cadence))
    schedule = Schedule(anchor + offset * SECOND, anchor, zone, cadence)
    term = schedule.term(n)

    middle = term.start + (term.end - term.start) // 2

    assert {schedule.index(at) for at in (term.start, middle, term.end - SECOND)} == {n}


@given(instants, zones, cadences, offsets, st.integers(1, 10**9))
def test_before_the_start_it_is_the_first_term(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int, before: int
) -> None:
    start = anchor + offset * SECOND
    schedule = Schedule(start, anchor, zone, cadence)

    assert schedule.index(start) == schedule.index(start - before * SECOND) == 0


# --- days of the month


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the clocks of a zone ever show a time."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


def _months_later(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last))


@st.composite
def _late_days(draw: st.DrawFn) -> datetime:
    """Draw the wall time of one of the last three days of a month."""
    start = draw(instants).replace(tzinfo=None)
    last = monthrange(start.year, start.month)[1]
    return start.replace(day=last - draw(st.integers(0, 2)))


@given(_late_days(), zones, st.sampled_from((1, 2, 3, 6, 12)))
@example(datetime.fromisoformat("2026-01-31"), VIENNA, 1)
@example(datetime.fromisoformat("2011-11-30T10:00:00"), APIA, 1)
@tried(100)
def test_a_late_day_of_the_month_comes_back_wherever_there_is_one(
    wall: datetime, zone: ZoneInfo, months: int
) -> None:
    assume(_exists(wall, zone))
    anchor = wall.replace(tzinfo=zone).astimezone(UTC)
    schedule = Schedule(anchor, anchor, zone, Cadence("month", months))

    for n in range(240 // months):
        expected = _months_later(wall, n * months)
        found = schedule.term(n).start.astimezone(zone).replace(tzinfo=None)
        if _exists(expected, zone):
            assert found == expected
        else:  # clocks skipped it: by an hour, and in Samoa once by a day
            assert timedelta(0) < found - expected <= DAY


def test_the_31st_comes_back_for_twenty_years() -> None:
    anchor = _utc("2026-01-31T12:00:00Z")
    schedule = Schedule(anchor, anchor, ZoneInfo("America/New_York"), Cadence())

    days = [schedule.term(n).start.day for n in range(240)]

    assert days == [monthrange(2026 + n // 12, n % 12 + 1)[1] for n in range(240)]


@given(instants, zones, st.sampled_from((1, 2, 3)))
def test_half_months_begin_on_the_first_and_the_sixteenth(
    anchor: datetime, zone: ZoneInfo, count: int
) -> None:
    schedule = Schedule(anchor, anchor, zone, Cadence("half_month", count))

    starts = [schedule.term(n).start.astimezone(zone) for n in range(1, 480 // count)]

    for start in starts:
        midnight = start.replace(hour=0, minute=0, second=0, fold=0, tzinfo=None)
        assert start.day in (1, 16)
        assert start.replace(tzinfo=None) == midnight or not _exists(midnight, zone)


# --- a start off the grid


@given(instants, zones, cadences, offsets)
@example(_utc("2026-01-31T05:00:00Z"), ZoneInfo("America/New_York"), Cadence(), 86_400 * 20)
@example(_utc("2012-02-01T10:00:00Z"), APIA, Cadence("day"), -35 * 86_400)
@tried(200)
def test_a_start_off_the_grid_makes_one_short_term_that_ends_on_it(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int
) -> None:
    start = anchor + offset * SECOND
    schedule = Schedule(start, anchor, zone, cadence)
    # The same grid from long before, so that all terms around the start are whole.
    grid = Schedule(start - 3 * _longest(cadence), anchor, zone, cadence)
    here = grid.index(start)

    first = schedule.term(0)

    assert schedule.full_term(0) == grid.term(here)
    assert first == Period(start, grid.term(here).end)
    for n in range(1, 6):
        assert schedule.term(n) == schedule.full_term(n) == grid.term(here + n)


@given(instants, zones, cadences, st.integers(1, 10**8))
@tried(150)
def test_the_anchor_itself_begins_a_term(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, before: int
) -> None:
    assume(cadence.unit != "half_month")  # which has the calendar's days, whatever the anchor
    schedule = Schedule(anchor - before * SECOND, anchor, zone, cadence)

    term = schedule.term(schedule.index(anchor))

    assert term.start == anchor


@given(instants, zones, cadences, offsets)
def test_where_a_grid_is_anchored_does_not_matter_within_it(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int
) -> None:
    """Days and weeks can be counted from any boundary; months only from one on an early day."""
    local = anchor.astimezone(zone)
    assume(cadence.unit in ("day", "week", "half_month") or local.day < 28)
    assume(local.fold == 0)  # an anchor in a repeated hour is kept, its boundaries are the first
    start = anchor + offset * SECOND
    schedule = Schedule(start, anchor, zone, cadence)
    other = schedule.term(1).start
    assume(other.astimezone(zone).time() == local.time() or cadence.unit == "half_month")

    moved = Schedule(start, other, zone, cadence)

    assert [moved.term(n) for n in range(6)] == [schedule.term(n) for n in range(6)]


# --- a change of zone


@given(instants, zones, zones, cadences, st.integers(1, 24))
@example(_utc("2026-01-01T05:00:00Z"), ZoneInfo("America/New_York"), APIA, Cadence(), 2)
@example(_utc("2011-12-28T10:00:00Z"), VIENNA, APIA, Cadence("day"), 1)
@tried(200)
def test_after_a_change_of_zone_intervals_follow_one_another(
    anchor: datetime, zone: ZoneInfo, other: ZoneInfo, cadence: Cadence, n: int
) -> None:
    there = Schedule(anchor, anchor, zone, cadence)
    start = there.term(min(n, TWENTY_YEARS // _longest(cadence))).start

    moved = there.in_zone(other, start)

    assert (moved.start, moved.zone, moved.cadence) == (start, other, cadence)
    at = start
    for _ in range(6):
        interval = moved.interval(at)
        middle = at + (interval.end - at) // 2
        assert interval.start == at
        assert {moved.interval(each) for each in (middle, interval.end - SECOND)} == {interval}
        assert interval.end - at <= _longest(cadence) + DAY
        at = interval.end
