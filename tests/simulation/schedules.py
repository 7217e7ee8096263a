"""All schedules of two handlers: whatever order their calls can come in, and either dying anywhere.

A handler is a function of the answers it got. So it is not kept suspended, but run again from its
first call with the answers so far, up to the call that is next, which says what it would do; that
is done, and the answer noted. What is stored and the two lists of answers are all there is to a
moment, so moments that are reached in several ways are explored once, and the ways to them are
counted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import BillingError
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import (
    ConditionFailed,
    Item,
    Key,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    Write,
)
from tests.simulation.altered import Altered
from tests.simulation.callsites import CallSite, find_site
from tests.support.faults import Calls
from tests.support.world import Clock, World

type Handler = Callable[[World], object]

_READS = frozenset({"get", "query", "batch_get"})
# What a call may raise, and a handler may end with.
_REFUSALS = (ConditionFailed, TransactionRefused, KeyError)
_ENDS = (BillingError, Lost, Unavailable)
_MOMENTS_MAX = 200_000


class Described(BaseException):
    """What a call would do, to whatever world."""

    def __init__(self, apply: Callable[[World], object]) -> None:
        super().__init__()
        self.apply = apply


class Suspended(BaseException):
    """A handler has come to a call it has no answer to."""

    def __init__(self, step: "Step") -> None:
        super().__init__(step.name)
        self.step = step


@dataclass(frozen=True, slots=True)
class Step:
    """The next call of a handler: from where, and what it does to a world."""

    name: str
    site: CallSite | None
    apply: Callable[[World], object]

    @property
    def writes(self) -> bool:
        """Whether it may change what is stored."""
        return self.name.rpartition(".")[2] not in _READS


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call returned or raised."""

    value: object = None
    error: Exception | None = None

    @property
    def said(self) -> str:
        """All that a handler learns by it; a refusal shows what is there, and not in its text."""
        return repr((self.value, self.error, None if self.error is None else vars(self.error)))


class Replayed(Calls):
    """Gives a handler the answers it had, and then suspends it."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__()
        self._answers = answers
        self._given = 0

    def make[Result](self, name: str, call: Callable[[], Result]) -> Result:
        """Answer a call from memory, or suspend."""
        if self._given == len(self._answers):
            site = find_site() if name.startswith(("usages", "billing")) else None
            try:
                call()
            except Described as described:
                raise Suspended(Step(name, site, described.apply)) from None
            raise AssertionError(f"{name} is not what this world is made of")
        answer = self._answers[self._given]
        self._given += 1
        if answer.error is not None:
            answer.error.__traceback__ = None
            raise answer.error
        value: Any = answer.value
        return value  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class DescribingTable:
    """A table that only says what is asked of it; *name* is the world's attribute."""

    name: str

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        raise Described(lambda world: self._of(world).get(key, consistent=consistent))

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        raise Described(lambda world: self._of(world).batch_get(keys))

    def put(self, put: Put) -> None:
        raise Described(lambda world: self._of(world).put(put))

    def update(self, update: Update) -> Item:
        raise Described(lambda world: self._of(world).update(update))

    def query(self, span: Range) -> list[Item]:
        raise Described(lambda world: self._of(world).query(span))

    def transact(self, writes: Sequence[Write]) -> None:
        raise Described(lambda world: self._of(world).transact(writes))

    def _of(self, world: World) -> Table:
        table: Table = getattr(world, self.name)
        return table


class DescribingObjects(dict[str, bytes]):
    """A bucket that only says what is asked of it."""

    def __getitem__(self, key: str) -> bytes:
        raise Described(lambda world: world.objects[key])

    def setdefault(self, key: str, value: Any = None) -> Any:
        """Say that an object is stored."""
        raise Described(lambda world: world.objects.setdefault(key, value))


class DescribingQueue(list[Any]):
    """A queue that only says what is sent to it; *name* is the world's attribute."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def append(self, message: object) -> None:
        """Say that a message is sent."""
        raise Described(lambda world: getattr(world, self.name).append(message))


@dataclass(frozen=True, slots=True)
class Ended:
    """A handler that came to its end: what it gave or raised; or died, and has no answer."""

    value: object = None
    died: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """A handler with its answers so far; *known* names them all."""

    handler: Handler
    answers: tuple[Answer, ...] = ()
    known: int = 0
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What is stored, and how far each of the two is."""

    stored: World
    name: int
    processes: tuple[Process, Process]
    deaths: int

    @property
    def key(self) -> tuple[object, ...]:
        """What this moment has in common with those that are the same."""
        one, other = self.processes
        return self.name, one.known, other.known, _state(one), _state(other), self.deaths


def _state(process: Process) -> str:
    if process.ended is None:
        return "under way"
    return "died" if process.ended.died else "ended"


@dataclass
class Explored:
    """What two handlers can come to: each end once, and in how many ways it is reached."""

    ends: list[tuple[World, tuple[Ended, Ended]]] = field(default_factory=list)
    schedules: int = 0
    moments: int = 0


class Explorer:
    """Explores all schedules of two handlers. *altered* tables may lack a guard."""

    def __init__(self, begin: World, *, deaths: int = 1, altered: Altered | None = None) -> None:
        self._begin = begin
        self._deaths = deaths
        self._altered = altered
        self._reached: dict[tuple[int, int], Ended | Step] = {}
        self._made: dict[tuple[int, int, int], tuple[World, int, Answer]] = {}
        self._names: dict[object, int] = {}
        self._ways: dict[tuple[object, ...], int] = {}
        self._ends: dict[tuple[object, ...], tuple[World, tuple[Ended, Ended]]] = {}

    def explore(self, one: Handler, other: Handler) -> Explored:
        """Return everything that two handlers can come to."""
        stored = self._begin.copy()
        begin = Moment(
            stored, self._name(_said(stored)), (Process(one), Process(other)), self._deaths
        )
        schedules = self._visit(begin)
        return Explored([*self._ends.values()], schedules, len(self._ways))

    def _visit(self, moment: Moment) -> int:
        """Explore what can come after a moment; return in how many ways it can go on."""
        key = moment.key
        if key in self._ways:
            return self._ways[key]
        assert len(self._ways) < _MOMENTS_MAX, "these handlers do not come to an end"
        afterwards = list(self._after(moment))
        if not afterwards:
            one, other = (process.ended for process in moment.processes)
            assert one is not None
            assert other is not None
            self._ends.setdefault(
                (moment.name, repr(one), repr(other)), (moment.stored, (one, other))
            )
        ways = sum(self._visit(each) for each in afterwards) if afterwards else 1
        self._ways[key] = ways
        return ways

    def _after(self, moment: Moment) -> Iterator[Moment]:
        for index, process in enumerate(moment.processes):
            if process.ended is not None:
                continue
            stepped = self._step(moment, index, process)
            yield stepped
            if moment.deaths and stepped.processes[index].ended is None:
                dead = replace(process, ended=Ended(died=True))
                yield self._with(moment, index, dead, deaths=moment.deaths - 1)

    def _step(self, moment: Moment, index: int, process: Process) -> Moment:
        """Make the next call of a process, or let it end."""
        reached = self._next(index, process)
        if isinstance(reached, Ended):
            return self._with(moment, index, replace(process, ended=reached))
        made = (moment.name, index, process.known)
        if made not in self._made:
            stored = moment.stored.copy() if reached.writes else moment.stored
            answer = self._make(reached, stored)
            name = self._name(_said(stored)) if reached.writes else moment.name
            self._made[made] = stored, name, answer
        stored, name, answer = self._made[made]
        known = self._name((process.known, answer.said))
        gone_on = replace(process, answers=(*process.answers, answer), known=known)
        return self._with(moment, index, gone_on, stored=stored, name=name)

    def _make(self, step: Step, stored: World) -> Answer:
        if self._altered is not None:
            self._altered.site = step.site
            stored = self._altered.over(stored)
        try:
            return Answer(step.apply(stored))
        except _REFUSALS as error:
            error.__traceback__ = None
            return Answer(error=error)

    def _next(self, index: int, process: Process) -> Ended | Step:
        """Return the next call of a process, or its end: a function of the answers it had."""
        if (index, process.known) not in self._reached:
            self._reached[index, process.known] = self._run(index, process)
        return self._reached[index, process.known]

    def _run(self, index: int, process: Process) -> Ended | Step:
        blocks = {} if index else {kind: [*ids] for kind, ids in self._begin.blocks.items()}
        view = World(
            Clock(self._begin.now),
            usages=DescribingTable("usages"),
            billing=DescribingTable("billing"),
            objects=DescribingObjects(),
            close_queue=DescribingQueue("close_queue"),
            render_queue=DescribingQueue("render_queue"),
            pull_queue=DescribingQueue("pull_queue"),
            report_queue=DescribingQueue("report_queue"),
            answers=self._begin.answers,
            calls=Replayed(process.answers),
            blocks=blocks,
            scope=self._begin.scope,
            runs=count(1000 * (index + 1)),
        )
        try:
            return Ended(process.handler(view))
        except Suspended as suspended:
            return suspended.step
        except _ENDS as error:
            error.__traceback__ = None
            return Ended(error)

    def _with(
        self,
        moment: Moment,
        index: int,
        process: Process,
        *,
        stored: World | None = None,
        name: int | None = None,
        deaths: int | None = None,
    ) -> Moment:
        one, other = moment.processes
        return Moment(
            stored or moment.stored,
            moment.name if name is None else name,
            (process, other) if index == 0 else (one, process),
            moment.deaths if deaths is None else deaths,
        )

    def _name(self, thing: object) -> int:
        return self._names.setdefault(thing, len(self._names))


def _said(world: World) -> str:
    """Return all that is stored, as text."""
    assert isinstance(world.usages, MemoryTable)
    assert isinstance(world.billing, MemoryTable)
    kept = (world.usages.items(), world.billing.items(), sorted(world.objects))
    queues = (world.close_queue, world.render_queue, world.pull_queue, world.report_queue)
    return repr((kept, queues))
