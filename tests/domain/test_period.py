"""Half-open intervals."""

from datetime import timedelta, timezone

import pytest

from postpaid.domain.period import Period
from tests.support.samples import NOVEMBER, OCTOBER, at


@pytest.mark.parametrize(
    ("instant", "inside"),
    [
        ("2026-09-30T23:59:59", False),
        ("2026-10-01T00:00:00", True),
        ("2026-10-15T12:00:00", True),
        ("2026-10-31T23:59:59", True),
        ("2026-11-01T00:00:00", False),
        ("2026-11-01T00:00:01", False),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(instant: str, inside: bool) -> None:
    assert OCTOBER.contains(at(instant)) == inside


def test_an_instant_between_two_periods_belongs_to_the_later_one_only() -> None:
    assert [period.contains(OCTOBER.end) for period in (OCTOBER, NOVEMBER)] == [False, True]


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_period_is_never_empty(seconds: int) -> None:
    with pytest.raises(AssertionError):
        Period(OCTOBER.start, OCTOBER.start + timedelta(seconds=seconds))


def test_a_period_lies_between_utc_instants() -> None:
    vienna = timezone(timedelta(hours=2))

    with pytest.raises(AssertionError):
        Period(OCTOBER.start.astimezone(vienna), OCTOBER.end)
    with pytest.raises(AssertionError):
        Period(OCTOBER.start, OCTOBER.end.astimezone(vienna))
    with pytest.raises(AssertionError):
        Period(OCTOBER.start, OCTOBER.end.replace(tzinfo=None))


def test_periods_are_ordered_by_their_start() -> None:
    assert sorted([NOVEMBER, OCTOBER]) == [OCTOBER, NOVEMBER]
