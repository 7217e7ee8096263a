"""A host whose clock is wrong makes things late at most, never early."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from postpaid.domain.term import TermStatus
from postpaid.runtime import clock
from postpaid.runtime.clock import note_server_date, real_now
from tests.simulation.plant import Plant, running
from tests.simulation.runs import begun, run, skip_to
from tests.simulation.scenarios import SCENARIOS
from tests.support.samples import at


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    """The service, on a clock that stands where a test sets it."""
    with running() as plant:
        yield plant


@pytest.fixture(autouse=True)
def right_again() -> Iterator[None]:
    """What one test found of its clock is not the next one's business."""
    yield
    clock._Host.ahead = timedelta()


@pytest.mark.parametrize(
    ("ours", "theirs", "taken"),
    [
        ("2026-11-01T00:10", "2026-11-01T00:00", "2026-11-01T00:00"),
        ("2026-11-01T00:00:06", "2026-11-01T00:00", "2026-11-01T00:00"),
        # An answer was under way for a while, and says whole seconds.
        ("2026-11-01T00:00:05", "2026-11-01T00:00", "2026-11-01T00:00:05"),
        ("2026-10-31T23:50", "2026-11-01T00:00", "2026-10-31T23:50"),
    ],
)
def test_a_clock_that_is_ahead_goes_by_the_platforms(
    plant: Plant, ours: str, theirs: str, taken: str
) -> None:
    plant.clock.instant = at(ours)

    note_server_date(format_datetime(at(theirs), usegmt=True))

    assert real_now() == at(taken)


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Sun, 99 Nov 2026 00:00:00 GMT", "Sat, 31 Oct 2026 23:00:00 -0000"]
)
def test_what_is_no_date_says_nothing(plant: Plant, date: str) -> None:
    plant.clock.instant = at("2026-11-01")

    note_server_date(date)

    assert real_now() == at("2026-11-01")


@pytest.mark.parametrize("told", [True, False], ids=["by message", "by schedule"])
def test_a_host_that_is_ten_minutes_ahead_closes_nothing_early(plant: Plant, told: bool) -> None:
    begin = begun(plant, SCENARIOS["close"])
    run(plant, begin)
    plant.begin(begin.backend.copy(), begin.now)
    if not told:
        plant.backend.queues["close"].clear()
    message = list(plant.backend.queues["close"])
    skip_to(plant, at("2026-11-01T00:05"))
    plant.backend.date = format_datetime(at("2026-10-31T23:55"), usegmt=True)

    plant.dispatch()
    assert plant.backend.queues["close"] == message, "nothing is due yet"
    plant.deliver("close")
    assert [term.status for term in plant.world().terms()] == [TermStatus.OPEN]

    plant.backend.date = format_datetime(at("2026-11-01T00:05"), usegmt=True)
    for _ in range(2):
        plant.sweep()
        plant.skip(minutes=6)
    assert plant.world().term("2026-10-01").status is TermStatus.FROZEN
