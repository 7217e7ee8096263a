"""Threads end, and say so: a failure of one stops the others and is raised."""

from threading import Event

import pytest

from tests.soak.threads import at_once


def test_all_works_are_done_at_the_same_time() -> None:
    met = [Event(), Event()]

    def meet(mine: Event, other: Event) -> None:
        mine.set()
        assert other.wait(5)

    at_once([lambda: meet(met[0], met[1]), lambda: meet(met[1], met[0])])

    assert all(each.is_set() for each in met)


def test_a_failure_stops_the_others_and_is_raised() -> None:
    over = Event()

    def fail() -> None:
        raise RuntimeError("this one")

    def last() -> None:
        assert over.wait(5)

    with pytest.raises(RuntimeError, match="this one"):
        at_once([last, fail], over.set)

    assert over.is_set()
