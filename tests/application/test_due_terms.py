"""Finding what is due, whatever became of the sweeps before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from postpaid.application.due_terms import Due, dispatch_due
from postpaid.application.ports import Unavailable
from tests.support.samples import at

HOUR = timedelta(hours=1)
NOON = at("2026-11-01T12:00")


@dataclass
class Index:
    """What is due, by hour and minute; an hour is read as the real index is."""

    entries: dict[datetime, list[str]]
    at_place: datetime | None = NOON - 5 * HOUR
    hours_read: list[datetime] = field(default_factory=list)

    def in_hour(self, hour: datetime, until: datetime) -> Iterator[Due]:
        self.hours_read.append(hour)
        for instant, names in sorted(self.entries.items()):
            if hour <= instant < hour + HOUR and instant <= until:
                yield from (Due("pk", name) for name in names)

    def place(self) -> datetime | None:
        return self.at_place

    def remember(self, hour: datetime) -> None:
        self.at_place = hour


@dataclass
class Sent:
    """The messages that were sent; *room* says for how many there was room."""

    messages: list[list[str]] = field(default_factory=list)
    room: int = 1000

    def __call__(self, due: Sequence[Due]) -> None:
        if len(self.messages) == self.room:
            raise Unavailable("no answer")
        self.messages.append([each.sk for each in due])

    @property
    def names(self) -> list[str]:
        return [name for message in self.messages for name in message]


def due(*hours: float) -> dict[datetime, list[str]]:
    """Return an entry for each number of hours since noon."""
    return {NOON + hour * HOUR: [f"{hour:+}"] for hour in hours}


def test_everything_from_the_place_to_now_is_sent() -> None:
    index, sent = Index(due(-6, -5, -4.5, -1, 0, 0.5, 0.75, 1)), Sent()

    found = dispatch_due(index, sent, now=NOON + 0.5 * HOUR)

    assert sent.names == ["+0", "+0.5", "-1", "-5", "-4.5"]
    assert found == 5
    assert index.hours_read == [NOON - n * HOUR for n in range(6)]


def test_messages_hold_ten_and_never_mix_hours() -> None:
    index = Index({NOON - HOUR: [str(n) for n in range(23)], NOON: ["last"]})
    sent = Sent()

    assert dispatch_due(index, sent, now=NOON) == 24

    assert [len(message) for message in sent.messages] == [1, 10, 10, 3]
    assert sent.names == ["last", *(str(n) for n in range(23))]


def test_nothing_due_sends_nothing() -> None:
    sent = Sent()

    assert dispatch_due(Index({}), sent, now=NOON) == 0
    assert sent.messages == []


@pytest.mark.parametrize(
    ("entries", "place"),
    [
        ((), -3),  # hours stay open for a while, for what lands late
        ((-4.5,), -5),  # this may be left again: the next sweep looks
        ((-3.5,), -4),
        ((-1,), -3),
        ((-6,), -3),  # before the place, where only a deep look comes
    ],
)
def test_the_place_moves_to_the_first_hour_that_was_not_empty(
    entries: tuple[float, ...], place: int
) -> None:
    index = Index(due(*entries))

    dispatch_due(index, Sent(), now=NOON)

    assert index.at_place == NOON + place * HOUR


def test_the_place_never_moves_back() -> None:
    index = Index(due(-40), at_place=NOON - 2 * HOUR)

    dispatch_due(index, Sent(), now=NOON, look_back=timedelta(days=2))

    assert index.at_place == NOON - 2 * HOUR


def test_missed_hours_are_swept_by_the_next_sweep() -> None:
    index, sent = Index(due(-200, -60, -3), at_place=NOON - 201 * HOUR), Sent()

    dispatch_due(index, sent, now=NOON)

    assert sent.names == ["-3", "-60", "-200"]


def test_what_is_stuck_in_old_hours_does_not_keep_the_present_hour_waiting() -> None:
    index, sent = Index(due(-200, -60, 0), at_place=NOON - 201 * HOUR), Sent(room=1)

    with pytest.raises(Unavailable):
        dispatch_due(index, sent, now=NOON)

    assert sent.names == ["+0"]


def test_a_second_sweep_sends_again_what_is_still_due() -> None:
    index, first, second = Index(due(-4, -1)), Sent(), Sent()

    dispatch_due(index, first, now=NOON)
    dispatch_due(index, second, now=NOON + timedelta(minutes=5))

    assert first.names == second.names == ["-1", "-4"]


def test_what_lands_late_in_an_hour_that_is_kept_open_is_found() -> None:
    index, sent = Index({}), Sent()
    dispatch_due(index, sent, now=NOON)
    index.entries |= due(-2.9)

    dispatch_due(index, sent, now=NOON + timedelta(minutes=5))

    assert sent.names == ["-2.9"]


def test_a_deep_sweep_finds_what_was_passed_over() -> None:
    index, shallow, deep = Index(due(-47, -49), at_place=NOON - 3 * HOUR), Sent(), Sent()

    dispatch_due(index, shallow, now=NOON)
    dispatch_due(index, deep, now=NOON, look_back=timedelta(hours=48))

    assert shallow.names == []
    assert deep.names == ["-47"]


def test_a_deep_sweep_does_not_look_less_deep_than_an_ordinary_one() -> None:
    index, sent = Index(due(-60), at_place=NOON - 61 * HOUR), Sent()

    dispatch_due(index, sent, now=NOON, look_back=timedelta(hours=2))

    assert sent.names == ["-60"]


@pytest.mark.parametrize("room", [0, 1])
def test_a_sweep_that_ends_half_way_leaves_the_place_where_it_was(room: int) -> None:
    entries = due(-4, -3.5, -1)
    index = Index(entries)

    with pytest.raises(Unavailable):
        dispatch_due(index, Sent(room=room), now=NOON)

    assert index.at_place == NOON - 5 * HOUR
    sent = Sent()
    dispatch_due(index, sent, now=NOON + HOUR)
    assert sent.names == ["-1", "-4", "-3.5"]


def test_a_clock_without_a_place_is_swept_from_its_last_hours() -> None:
    index, sent = Index(due(-4, -3, 0), at_place=None), Sent()

    dispatch_due(index, sent, now=NOON)

    assert sent.names == ["+0", "-3"]
