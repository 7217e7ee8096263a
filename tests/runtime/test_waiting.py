"""Waiting: as long as is said, with a bounded number of looks, on a clock of the test's own."""

from dataclasses import dataclass, field

import pytest

from postpaid.runtime import waiting
from postpaid.runtime.waiting import wait_for


@dataclass
class Time:
    """A clock that passes only while somebody sleeps, or looks for long."""

    milliseconds: int = 100_000
    slept: list[int] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.milliseconds / 1000

    def sleep(self, milliseconds: int) -> None:
        self.slept.append(milliseconds)
        self.milliseconds += milliseconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(waiting, "monotonic", time.monotonic)
    monkeypatch.setattr(waiting, "sleep", time.sleep)
    return time


def test_what_is_there_is_returned_without_waiting(time: Time) -> None:
    assert wait_for(lambda: "here", 15) == "here"
    assert time.slept == []


@pytest.mark.parametrize("looks", [2, 3, 5, 18])
def test_what_comes_is_returned_when_it_is_there(time: Time, looks: int) -> None:
    answers = iter([*[None] * (looks - 1), "here", "never asked for"])

    assert wait_for(lambda: next(answers), 15) == "here"
    assert len(time.slept) == looks - 1
    assert next(answers) == "never asked for"


@pytest.mark.parametrize(("seconds", "looks"), [(0, 1), (1, 4), (2, 5), (15, 18)])
def test_what_never_comes_is_given_up_in_time(time: Time, seconds: int, looks: int) -> None:
    asked: list[None] = []

    assert wait_for(lambda: asked.append(None), seconds) is None
    assert len(asked) == looks
    assert sum(time.slept) == seconds * 1000


def test_a_look_that_takes_long_is_time_as_well(time: Time) -> None:
    looks: list[None] = []

    def look() -> None:
        looks.append(None)
        time.milliseconds += 6000

    assert wait_for(look, 15) is None
    assert len(looks) == 3
    assert time.milliseconds <= 100_000 + 15_000 + 6_000


def test_the_last_pause_is_as_long_as_there_is_time(time: Time) -> None:
    def look() -> None:
        time.milliseconds += 100

    assert wait_for(look, 2) is None
    assert sum(time.slept) == 2000 - 100 * len(time.slept)
    assert time.slept[-1] < 1000


def test_looks_are_bounded_even_where_no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[None] = []
    monkeypatch.setattr(waiting, "monotonic", lambda: 0.0)
    monkeypatch.setattr(waiting, "sleep", lambda _: None)

    assert wait_for(lambda: looks.append(None), 15) is None
    assert len(looks) == 18


def test_what_a_look_raises_is_passed_on(time: Time) -> None:
    def look() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        wait_for(look, 15)


def test_what_is_false_is_there_all_the_same(time: Time) -> None:
    assert wait_for(lambda: 0, 15) == 0
    assert time.slept == []
