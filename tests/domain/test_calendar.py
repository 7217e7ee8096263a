"""Where terms begin and end: from the anchor, on the zone's wall clock, with no gap or overlap.

`data/calendar_month.jsonl` holds monthly cases from other billing engines' own tests and docs, with
their source: `nth` counts from 1, `containing` is an instant in the term, `closed_at` one at which
the term was the last to have ended. A calendar anchor is written out as the instant it stands for.
Where an engine cuts the first term short only the end is kept; left out are cases whose rule is not
ours: an unknown zone taken for UTC, a fixed offset in place of a zone, terms before the anchor.
"""

import json
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpaid.domain.calendar import (
    TERMS_MAX,
    UNITS,
    Cadence,
    Schedule,
    boundary,
    read_cadence,
    term_index,
    term_period,
)
from postpaid.domain.errors import Invalid
from tests.support.laws import instants, tried, zones

MONTHLY = Cadence()
DATA = Path(__file__).with_name("data") / "calendar_month.jsonl"
KNOWN = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
SECOND = timedelta(seconds=1)

# anchor, zone, and the boundaries that follow it
BOUNDARIES = [
    (
        "2026-01-31T05:00:00Z",
        "America/New_York",
        ["2026-02-28T05:00:00Z", "2026-03-31T04:00:00Z", "2026-04-30T04:00:00Z"],
    ),
    (
        "2028-01-30T00:00:00Z",
        "UTC",
        ["2028-02-29T00:00:00Z", "2028-03-30T00:00:00Z", "2028-04-30T00:00:00Z"],
    ),
    (
        "2026-11-29T00:00:00Z",
        "UTC",
        ["2026-12-29T00:00:00Z", "2027-01-29T00:00:00Z", "2027-02-28T00:00:00Z"],
    ),
    # Midnight in the zone stays midnight there when the clocks change.
    (
        "2026-09-30T22:00:00Z",
        "Europe/Vienna",
        ["2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z"],
    ),
    # The day of the month is the zone's, not UTC's: this anchor is the 1st in Kolkata.
    (
        "2024-02-29T18:30:00Z",
        "Asia/Kolkata",
        ["2024-03-31T18:30:00Z", "2024-04-30T18:30:00Z", "2024-05-31T18:30:00Z"],
    ),
    # 02:30 on 29 March does not exist in Vienna: the clocks show 03:30.
    (
        "2026-01-29T01:30:00Z",
        "Europe/Vienna",
        ["2026-02-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-04-29T00:30:00Z"],
    ),
    # 02:30 on 25 October comes twice in Vienna: the first counts.
    (
        "2026-08-25T00:30:00Z",
        "Europe/Vienna",
        ["2026-09-25T00:30:00Z", "2026-10-25T00:30:00Z", "2026-11-25T01:30:00Z"],
    ),
    # An anchor on the second 02:30 is kept.
    ("2026-10-25T01:30:00Z", "Europe/Vienna", ["2026-11-25T01:30:00Z", "2026-12-25T01:30:00Z"]),
    # Samoa had no 30 December 2011: that term ends with the 31st's first hours.
    (
        "2011-11-30T15:00:00Z",
        "Pacific/Apia",
        ["2011-12-30T15:00:00Z", "2012-01-29T15:00:00Z", "2012-02-28T15:00:00Z"],
    ),
    # Midnight did not exist in Sao Paulo on 4 November 2018.
    (
        "2018-10-04T03:00:00Z",
        "America/Sao_Paulo",
        ["2018-11-04T03:00:00Z", "2018-12-04T02:00:00Z", "2019-01-04T02:00:00Z"],
    ),
]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("anchor", "name", "expected"), BOUNDARIES, ids=[" ".join(row[:2]) for row in BOUNDARIES]
)
def test_boundaries_are_counted_from_the_anchor(
    anchor: str, name: str, expected: list[str]
) -> None:
    zone, start = ZoneInfo(name), _utc(anchor)

    found = [boundary(start, zone, MONTHLY, k) for k in range(len(expected) + 1)]

    assert found == [start, *map(_utc, expected)]
    assert {instant.tzinfo for instant in found} == {UTC}


def test_the_31st_comes_back_after_february() -> None:
    days = [boundary(_utc("2026-01-31"), ZoneInfo("UTC"), MONTHLY, k).day for k in range(13)]

    assert days == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31]


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case["id"])
def test_terms_are_where_other_engines_have_them(case: dict[str, Any]) -> None:
    anchor, zone = _utc(case["anchor"]), ZoneInfo(case["timezone"])
    if "nth" in case:
        n = case["nth"] - 1
    elif "containing" in case:
        n = term_index(anchor, zone, MONTHLY, _utc(case["containing"]))
    else:
        n = term_index(anchor, zone, MONTHLY, _utc(case["closed_at"])) - 1

    period = term_period(anchor, zone, MONTHLY, n)

    assert "start" in case or "end" in case
    assert period.start == _utc(case.get("start", period.start.isoformat()))
    assert period.end == _utc(case.get("end", period.end.isoformat()))


def test_a_quarter_is_three_months_of_the_anchor() -> None:
    quarterly = Cadence(count=3)
    anchor, zone = _utc("2026-11-30"), ZoneInfo("UTC")

    found = [boundary(anchor, zone, quarterly, k).date() for k in range(1, 6)]

    assert [day.isoformat() for day in found] == [
        "2027-02-28",
        "2027-05-30",
        "2027-08-30",
        "2027-11-30",
        "2028-02-29",
    ]
    assert term_index(anchor, zone, quarterly, _utc("2027-05-29T23:59:59Z")) == 1
    assert term_index(anchor, zone, quarterly, _utc("2027-05-30T00:00:00Z")) == 2


@pytest.mark.parametrize(
    ("anchor", "at"),
    [
        ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
        ("2026-01-31T00:00:00Z", "2026-01-30T23:59:59Z"),
        ("2026-01-31T00:00:00Z", "2000-01-01T00:00:00Z"),
        ("2026-01-31T00:00:00Z", "2026-02-27T23:59:59Z"),
    ],
)
def test_before_its_second_boundary_a_subscription_is_in_its_first_term(
    anchor: str, at: str
) -> None:
    assert term_index(_utc(anchor), ZoneInfo("UTC"), MONTHLY, _utc(at)) == 0


@given(instants, zones, st.sampled_from((1, 1, 2, 3, 6, 12)), st.integers(0, 10**8))
@example(_utc("2011-11-30T10:00:00Z"), ZoneInfo("Pacific/Apia"), 1, 0)
@example(_utc("2026-10-25T01:30:00Z"), ZoneInfo("Europe/Vienna"), 1, 0)
@tried(20)
def test_terms_tile_ten_years_without_gap_or_overlap(
    anchor: datetime, zone: ZoneInfo, months: int, stride: int
) -> None:
    cadence = Cadence(count=months)
    terms = [term_period(anchor, zone, cadence, n) for n in range(120 // months)]

    assert terms[0].start == anchor
    for n, term in enumerate(terms):
        inside = term.start + (stride * (n + 1) * SECOND) % (term.end - term.start)
        assert term.end == term_period(anchor, zone, cadence, n + 1).start
        assert term_index(anchor, zone, cadence, term.start) == n
        assert term_index(anchor, zone, cadence, inside) == n
        assert term_index(anchor, zone, cadence, term.end - SECOND) == n
        assert term_index(anchor, zone, cadence, term.end) == n + 1
    assert term_index(anchor, zone, cadence, anchor - SECOND) == 0


def _instants_that_show(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Find every instant at which the clocks of a zone show *wall*, without asking for a fold."""
    naive = wall.replace(tzinfo=UTC)
    offsets = {
        (naive + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-48, 49)
    }
    candidates = sorted({naive - offset for offset in offsets if offset is not None})
    return [at for at in candidates if at.astimezone(zone).replace(tzinfo=None) == wall]


@given(instants, zones, st.integers(1, 120))
@example(_utc("2026-01-29T01:30:00Z"), ZoneInfo("Europe/Vienna"), 2)
@example(_utc("2026-08-25T00:30:00Z"), ZoneInfo("Europe/Vienna"), 2)
@example(_utc("2011-11-30T10:00:00Z"), ZoneInfo("Pacific/Apia"), 1)
@example(_utc("2018-10-04T03:00:00Z"), ZoneInfo("America/Sao_Paulo"), 1)
@tried(120)
def test_a_boundary_has_the_anchors_day_and_time_or_the_months_last_day(
    anchor: datetime, zone: ZoneInfo, k: int
) -> None:
    local = anchor.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + k, 12)
    last = monthrange(year, month + 1)[1]
    wall = local.replace(year=year, month=month + 1, day=min(local.day, last), tzinfo=None)

    found = boundary(anchor, zone, MONTHLY, k)

    shown = _instants_that_show(wall, zone)
    if shown:
        assert found == shown[0]
    else:
        # In a gap: as far behind its end as the wall time lies behind its beginning.
        jumped = found.astimezone(zone).replace(tzinfo=None)
        before = (found - (jumped - wall)).astimezone(zone)
        assert jumped > wall
        assert before.replace(tzinfo=None) < wall
        assert jumped - wall == _jump(found, zone)


def _jump(at: datetime, zone: ZoneInfo) -> timedelta:
    """Return how far the clocks of a zone went forward in the two days around an instant."""
    before = (at - timedelta(days=1)).astimezone(zone).utcoffset()
    after = (at + timedelta(days=1)).astimezone(zone).utcoffset()
    assert before is not None
    assert after is not None
    return after - before


@given(instants, zones, st.integers(1, 600))
def test_every_month_has_exactly_one_boundary(anchor: datetime, zone: ZoneInfo, k: int) -> None:
    first = anchor.astimezone(zone)
    local = boundary(anchor, zone, MONTHLY, k).astimezone(zone)
    # A gap at the end of a month can only push a boundary over into the next one's first hours.
    day = date(local.year, local.month, local.day)
    months = (day.year - first.year) * 12 + day.month - first.month

    assert months == k or (months == k + 1 and day.day == 1 and local.hour < 4)


CADENCES = st.builds(Cadence, st.sampled_from(UNITS), st.sampled_from((1, 1, 1, 2, 3, 7)))
APIA = ZoneInfo("Pacific/Apia")


@given(instants, zones, CADENCES, st.integers(-(10**8), 10**8), st.integers(0, 60))
# Samoa's days around 30 December 2011, which it never had: from on the grid and from off it.
@example(_utc("2011-12-28T10:00:00Z"), APIA, Cadence("day"), 0, 0)
@example(_utc("2011-12-30T09:59:59Z"), APIA, Cadence("day"), 0, 0)
@example(_utc("2011-12-30T09:59:59Z"), APIA, Cadence("day"), 7_201, 0)
@example(_utc("2012-02-01T10:00:00Z"), APIA, Cadence("day"), -35 * 86_400, 0)
@example(_utc("2011-12-31T23:00:00Z"), APIA, Cadence("day"), -3 * 86_400, 0)
@example(_utc("2011-12-28T10:00:00Z"), APIA, Cadence("day", 2), 3_600, 0)
@tried(80)
def test_terms_of_every_cadence_tile_the_time_from_the_start_on(
    anchor: datetime, zone: ZoneInfo, cadence: Cadence, offset: int, first: int
) -> None:
    start = anchor + offset * SECOND
    terms = Schedule(start, anchor, zone, cadence)

    assert terms.term(0).start == start
    assert terms.index(start - SECOND) == 0
    for n in range(first, first + 6):
        term, full = terms.term(n), terms.full_term(n)
        middle = term.start + (term.end - term.start) // 2
        assert term.end == full.end == terms.term(n + 1).start
        assert full.start == (term.start if n > 0 else min(full.start, term.start))
        assert [terms.index(at) for at in (term.start, middle, term.end - SECOND)] == [n] * 3
        assert terms.index(term.end) == n + 1


@pytest.mark.parametrize("k", [-TERMS_MAX - 1, TERMS_MAX + 1])
def test_a_term_number_out_of_range_is_a_bug(k: int) -> None:
    with pytest.raises(AssertionError):
        boundary(_utc("2026-01-01"), ZoneInfo("UTC"), MONTHLY, k)


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (29, "2029-03-25T01:30:00Z"),  # clocks skip 02:30: they show 03:30
        (132, "2037-10-25T00:30:00Z"),  # 02:30 comes twice: the first
    ],
)
def test_an_anchor_in_a_repeated_hour_does_not_make_its_boundaries_second(
    k: int, expected: str
) -> None:
    second = _utc("2026-10-25T01:30:00Z")  # 02:30 in Vienna, for the second time that night

    assert second.astimezone(ZoneInfo("Europe/Vienna")).fold == 1
    assert boundary(second, ZoneInfo("Europe/Vienna"), MONTHLY, k) == _utc(expected)


@pytest.mark.parametrize("count", [1, 2, 365, 366])
@pytest.mark.parametrize("unit", UNITS)
def test_a_cadence_is_read_as_it_is_written(unit: str, count: int) -> None:
    assert read_cadence(unit, count, "every.") == Cadence(unit, count)


NO_UNITS: list[object] = [
    *("", "months", "Month", "fortnight", "hour", " day", "day\n"),
    *(None, True, 1, b"month", ["month"], {}, ("month",)),
]
NO_COUNTS: list[object] = [
    *(0, -1, 367, 10**30, "1", "", None, True, False, 1.0, Decimal(1), [1], {}),
]


@pytest.mark.parametrize("unit", NO_UNITS, ids=ascii)
def test_an_unknown_unit_is_refused(unit: object) -> None:
    with pytest.raises(Invalid) as refusal:
        read_cadence(unit, 1, "every.")

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "every.unit")


@pytest.mark.parametrize("count", NO_COUNTS, ids=ascii)
def test_a_count_that_is_no_small_whole_number_is_refused(count: object) -> None:
    with pytest.raises(Invalid) as refusal:
        read_cadence("month", count, "every.")

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "every.count")


@pytest.mark.parametrize(
    ("unit", "count"),
    [("month", 0), ("month", -1), ("month", 367), ("fortnight", 1), ("", 1)],
)
def test_a_cadence_is_one_or_more_of_a_known_unit(unit: str, count: int) -> None:
    with pytest.raises(AssertionError):
        Cadence(unit, count)
