"""Terms begin and end where other engines have them.

A bill cycle day is an anchor on that day; a first cycle is the first term of a subscription that
starts off the grid of its anchor.
"""

from calendar import monthrange
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from postpaid.domain.calendar import (
    Cadence,
    Schedule,
    boundary,
    boundary_index,
    calendar_anchor,
)
from postpaid.domain.errors import Invalid
from postpaid.domain.instants import check_zone, zone
from postpaid.domain.invoice import line_amount
from postpaid.domain.period import Period
from postpaid.domain.rating import Whole
from tests.golden.cases import NO_ZONE, cases_of, read_cases

FILE = "calendar.jsonl"
LONG_BEFORE = timedelta(days=800)
KINDS = {
    "terms": ("next_boundary", "term_containing", "term_closed", "nth_term"),
    "steps": ("add", "add_days", "advance_n", "nth_days"),
    "counts": ("elapsed_cycles", "whole_periods"),
    "first": ("first_cycle",),
    "floor": ("floor", "local_day", "local_date"),
    "shares": ("days_between", "days_fixed", "proration"),
}


def by_id(case: dict[str, Any]) -> str:
    return str(case["id"])


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _zone(case: dict[str, Any]) -> ZoneInfo:
    return zone(check_zone(case.get("timezone", "UTC"), "timezone"))


def _cadence(interval: str, count: int = 1) -> Cadence:
    return Cadence("day", 30) if interval == "P30D" else Cadence(interval, count)


def _check(case: dict[str, Any], start: datetime, end: datetime) -> None:
    assert "expected_start" in case or "expected_end" in case
    assert start == _utc(case.get("expected_start", start.isoformat()))
    assert end == _utc(case.get("expected_end", end.isoformat()))


def _schedule(case: dict[str, Any], at: datetime) -> Schedule:
    """Return the terms of a case whose subscription started long before, if it does not say."""
    place, cadence = _zone(case), _cadence(case["interval"], case["count"])
    if case["anchor"] == "calendar":
        inside = _utc(case.get("calendar_anchor_from", at.isoformat()))
        anchor = calendar_anchor(inside, place, cadence)
        return Schedule(at - LONG_BEFORE, anchor, place, cadence)
    anchor = _utc(case["anchor"])
    start = _utc(case["not_before"]) if "not_before" in case else anchor
    return Schedule(min(start, at), anchor, place, cadence)


@pytest.mark.parametrize("case", cases_of(FILE, *KINDS["terms"]), ids=by_id)
def test_a_term_is_where_it_is_elsewhere(case: dict[str, Any]) -> None:
    at = _utc(case.get("at") or case.get("from") or case["anchor"])
    schedule = _schedule(case, at)
    if case["kind"] == "nth_term":
        period = schedule.term(case["n"] - 1)
    elif case["kind"] == "next_boundary":  # the first term of one that starts there
        period = Schedule(at, schedule.anchor, schedule.zone, schedule.cadence).term(0)
    else:
        period = schedule.term(schedule.index(at) - (case["kind"] == "term_closed"))

    end = min(period.end, _utc(case.get("ends_at", period.end.isoformat())))

    _check(case, period.start, end)


def _anchored_on_day(case: dict[str, Any]) -> Schedule:
    """Return the terms of a subscription with a bill cycle day, which Kill Bill and Meteroid have.

    Their quarters and years begin in the month of the start; months keep the day from a long one.
    """
    place, start, day = _zone(case), _utc(case["from"]), case["bill_cycle_day"]
    local = start.astimezone(place)
    month = 1 if case["interval"] == "month" else local.month
    last = monthrange(local.year, month)[1]
    anchor = datetime(local.year, month, min(day, last), tzinfo=place).astimezone(UTC)
    return Schedule(start, anchor, place, _cadence(case["interval"]))


@pytest.mark.parametrize("case", cases_of(FILE, *KINDS["first"]), ids=by_id)
def test_a_first_cycle_ends_on_the_first_boundary(case: dict[str, Any]) -> None:
    first = _anchored_on_day(case).term(0)

    _check(case, first.start, first.end)


@pytest.mark.parametrize("case", cases_of(FILE, *KINDS["counts"]), ids=by_id)
def test_as_many_terms_have_passed_as_elsewhere(case: dict[str, Any]) -> None:
    start, end = _utc(case["from"]), _utc(case["to"])
    if "bill_cycle_day" in case:
        passed = _anchored_on_day(case).index(end)
    else:
        passed = boundary_index(start, _zone(case), _cadence(case["interval"]), end)

    assert str(passed) == case["expected_value"]


@pytest.mark.parametrize("case", cases_of(FILE, *KINDS["steps"]), ids=by_id)
def test_steps_lead_to_the_same_instant(case: dict[str, Any]) -> None:
    start, place = _utc(case["from"]), _zone(case)
    if case["kind"] == "add":
        (unit, steps), *others = case["duration"].items()
        assert not others
        cadence = _cadence(unit.removesuffix("s"))
    else:
        steps, cadence = case["n"], _cadence(case.get("interval", "day"))

    _check(case, start, boundary(start, place, cadence, steps))


@pytest.mark.parametrize("case", cases_of(FILE, *KINDS["floor"]), ids=by_id)
def test_days_and_weeks_begin_when_they_do_in_the_zone(case: dict[str, Any]) -> None:
    place = _zone(case)
    if case["kind"] == "floor":
        found = calendar_anchor(_utc(case["from"]), place, Cadence(case["unit"]))
        _check(case, found, found)
    else:
        found = calendar_anchor(_utc(case["at"]), place, Cadence("day")).astimezone(place)
        shown = found.day if case["kind"] == "local_day" else found.date()
        assert str(shown) == case["expected_value"]


@pytest.mark.parametrize("case", cases_of(FILE, *KINDS["shares"]), ids=by_id)
def test_a_part_of_a_term_has_as_many_days_as_elsewhere(case: dict[str, Any]) -> None:
    start, end, place = _utc(case["from"]), _utc(case["to"]), _zone(case)
    if case["kind"] == "days_between":
        longer = Period(start - LONG_BEFORE, end)
        share = Whole(longer, place).share(Period(start, end))
        assert share is not None
        assert str(share.days) == case["expected_value"]
    else:  # the first, short term of a month that ends at *to*
        terms = Schedule(start, end, place, Cadence("month"))
        share = Whole(terms.full_term(0), place).share(terms.term(0))
        assert share is not None
        assert share.of == case["days_in_period"]
        # A thousand million yen show nine decimals of a share.
        amount = line_amount(Decimal(10**9), "JPY", share)
        assert amount.minor == Decimal(case["expected_value"]).scaleb(9)


@pytest.mark.parametrize(
    "case", [case for case in read_cases(FILE) if case["id"] in NO_ZONE], ids=by_id
)
def test_what_is_no_zone_is_refused_and_not_taken_for_another(case: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refusal:
        check_zone(case["timezone"], "timezone")

    assert refusal.value.field == "timezone"


def test_every_kind_of_calendar_case_is_tried() -> None:
    kinds = Counter(case["kind"] for case in read_cases(FILE))

    assert kinds.keys() == {kind for group in KINDS.values() for kind in group}
    assert kinds.total() == 151
