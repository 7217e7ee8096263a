"""Two processes that meet: the second does all it has to do between two calls of the first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from postpaid.application.ports import Lost
from postpaid.domain.errors import Conflict, Invalid, NotFound
from tests.support.faults import Killed, Moment
from tests.support.world import World

type Process = Callable[[World], object]


@dataclass(frozen=True)
class Run:
    """A world in which two processes met, and what each of them came to."""

    world: World
    first: object
    second: object


def outcome(process: Process, world: World) -> object:
    """Run a process; return what it gives or raises."""
    try:
        return process(world)
    except (Conflict, Invalid, NotFound, Lost, Killed) as ended:
        return ended


def _meet(came: list[object], process: Process, world: World) -> None:
    came.append(outcome(process, world))


def every_meeting(begin: World, first: Process, second: Process) -> Iterator[Run]:
    """Let the second process happen at every point of the first."""
    clean = begin.copy()
    first(clean)
    calls = len(clean.calls.names)
    assert calls > 1

    for at_call in range(calls + 1):
        world = begin.copy()
        other, came = world.another_process(), list[object]()
        world.calls.arm(
            at_call,
            Moment.BEFORE,
            partial(_meet, came, second, other),
        )
        result = outcome(first, world)
        if at_call == calls:  # behind the last call
            came.append(outcome(second, other))
        try:
            assert len(came) == 1
            yield Run(world, result, came[0])
        except BaseException as error:
            where = world.calls.names[at_call] if at_call < calls else "the end"
            error.add_note(f"the second process came before call {at_call}, {where}")
            raise
