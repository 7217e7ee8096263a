"""All schedules of two requests under one key, and each guard of a claim taken away in turn.

What is done counts up, so that acting twice shows, however alike the two answers would be.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from postpaid.application.ports import Lost
from postpaid.application.replay import (
    CLAIM_HELD,
    Claim,
    Replayed,
    Reply,
    RequestKey,
    Turn,
    answered_once,
)
from postpaid.domain.errors import Conflict
from postpaid.store import keys
from postpaid.store.fields import number
from postpaid.store.replies import StoredReplies
from postpaid.store.tables import Update
from tests.simulation.altered import Altered, Guard
from tests.simulation.schedules import Ended, Explorer, Handler
from tests.support.faults import Faulty
from tests.support.samples import SCOPE
from tests.support.world import World

KEY = RequestKey("POST", "/api/v2/customers", "k")
DONE = keys.counter(SCOPE, "acts")
# Guards without which nothing goes wrong here, and why they are there.
SPARE = {
    "replies.StoredReplies.take_over:UpdateItem reply META OneOf since": (
        "an update must not make an item that is not there: tests/store/test_replies.py"
    ),
}


def once(world: World, run: str | None = None) -> Replayed:
    """Ask, under the one key, for something that counts."""
    billing = Faulty(world.billing, world.calls, "billing")

    def act(_turn: Turn) -> Reply:
        counted = billing.update(Update(DONE, None, add={"n": 1}))
        return Reply(200, str(number(counted, "n")))

    return answered_once(
        KEY,
        "content",
        act,
        scope=SCOPE,
        replies=StoredReplies(billing, SCOPE),
        run=run or world._new_run(),
        now=world.now,
    )


def thought_dead(world: World) -> Claim:
    """Return the claim of a run that stood still for a minute."""
    then = world.now - CLAIM_HELD
    return Claim(key=KEY, content="content", since=then, run="slow", at=then)


def _slow(world: World, end: Callable[[StoredReplies], object]) -> object:
    replies = StoredReplies(Faulty(world.billing, world.calls, "billing"), SCOPE)
    try:
        end(replies)
    except Lost:
        return "lost"
    return "stored"


def answers_late(world: World) -> object:
    """Answer as a run that was thought dead."""
    claim = thought_dead(world)
    return _slow(world, lambda replies: replies.answer(claim, Reply(200, "late")))


def gives_up_late(world: World) -> object:
    """Fail as a run that was thought dead."""
    claim = thought_dead(world)
    return _slow(world, lambda replies: replies.give_up(claim))


@dataclass(frozen=True)
class Meeting:
    """Two who meet at a moment."""

    begin: World
    first: Handler
    second: Handler


def _meetings() -> Iterator[Meeting]:
    begins = {name: World.at("2026-10-05T12:00") for name in ("fresh", "dead", "given up")}
    claim = thought_dead(begins["dead"])
    for name in ("dead", "given up"):
        StoredReplies(begins[name].billing, SCOPE).claim(claim)
    StoredReplies(begins["given up"].billing, SCOPE).give_up(claim)
    for world in begins.values():
        yield Meeting(world, once, once)
    yield Meeting(begins["dead"], answers_late, once)
    yield Meeting(begins["dead"], gives_up_late, once)


MEETINGS = list(_meetings())


def settle(meeting: Meeting, world: World, ends: tuple[Ended, Ended]) -> None:
    """Check what two came to, and what the next one is told when a minute has passed."""
    done = world.billing.get(DONE)
    count = 0 if done is None else number(done, "n")
    acted = [
        end.value.reply
        for end in ends
        if isinstance(end.value, Replayed) and not end.value.replayed
    ]
    died = any(end.died for end in ends)
    for end in ends:
        if isinstance(end.value, Conflict):
            assert end.value.code == "request_in_progress"
    assert len(acted) <= 1, "two were told that they did it"
    assert count <= 1 or died, "it was done twice"
    world.clock.now += CLAIM_HELD + timedelta(seconds=1)
    after = once(world.another_process(), run="after")
    late = meeting.first is answers_late and ends[0].value == "stored"
    if late:
        assert after == Replayed(Reply(200, "late"), replayed=True)
        assert not acted
    elif acted:
        assert after == Replayed(acted[0], replayed=True)
    for end in ends:
        if isinstance(end.value, Replayed):
            assert end.value.reply == after.reply


def explore(meeting: Meeting, altered: Altered | None = None) -> int:
    """Go through all schedules of a meeting; return how many there are."""
    explorer = Explorer(meeting.begin, deaths=1, altered=altered)
    explored = explorer.explore(meeting.first, meeting.second)
    for world, ends in explored.ends:
        settle(meeting, world.copy(), ends)
    return explored.schedules


@pytest.mark.parametrize("meeting", MEETINGS)
def test_a_request_is_done_once_in_whatever_order_and_whoever_dies(meeting: Meeting) -> None:
    assert explore(meeting) > 1


def _seen() -> set[Guard]:
    found = set()
    for meeting in MEETINGS:
        altered = Altered()
        explore(meeting, altered)
        found |= altered.seen
    return found


def test_every_guard_of_a_claim_carries_weight() -> None:
    seen = _seen()
    spare = set()

    for guard in sorted(seen):
        for meeting in MEETINGS:
            try:
                explore(meeting, Altered(frozenset({guard})))
            except AssertionError:
                break
        else:
            spare.add(str(guard))

    assert {str(guard) for guard in seen} >= {
        "replies.StoredReplies.claim:PutItem reply META Either pk or expires",
        "replies.StoredReplies.answer:UpdateItem reply META OneOf run",
        "replies.StoredReplies.give_up:UpdateItem reply META OneOf run",
        "replies.StoredReplies.take_over:UpdateItem reply META Absent status",
    }
    assert spare == SPARE.keys()
