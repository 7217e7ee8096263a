"""Processes that take one step at a time, and what may go wrong at each step.

A process is a generator that sends one request after another. All that it knows is what it was
answered, so that list of answers is its state: to go on, the generator is run again up to there.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from spec.closers import Close, Done, Service
from spec.items import Written
from spec.reads import Look, Read
from spec.rules import Rules
from spec.stores import Landing, Store
from spec.writers import Again, Answer, Change, Command, Steps, Told
from spec.writes import Effect, Write, said


class Fault(StrEnum):
    """What may go wrong; each time costs one unit of a configuration's budget."""

    LOST = "done, but the answer is lost: the SDK sends it again"
    LATE = "no answer: the SDK sends it again, and this one lands later"
    LATE_AND_GONE = "no answer: the sender gives up, and it lands later"
    TWICE = "done, and delivered once more later"
    FAILS = "fails"
    CRASH = "crashes and is started again"
    CRASH_AND_GONE = "crashes, and nobody starts it again"


type Result = Answer | Done

# Who waits for a transaction whose sender went on, or is gone.
_NOBODY = -1


class Process(NamedTuple):
    """Where a process stands: what it was answered, or in the end its result.

    *started* counts how often; *delayed* are its writes that are still under way; one that *waits*
    is not answered before its transaction is visible in every item.
    """

    history: tuple[Hashable, ...] = ()
    started: int = 1
    delayed: tuple[Write, ...] = ()
    waits: bool = False
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """A process's name and job."""

    name: str
    job: Command | Change | Service

    @property
    def is_client(self) -> bool:
        """Whether somebody keeps what it was told."""
        return not isinstance(self.job, Service.__value__)

    def steps(self, rules: Rules, started: int, again: Again) -> Steps[Answer] | Steps[Done]:
        """Begin; a close that is started again is another run."""
        if isinstance(self.job, Close):
            return self.job.steps(rules, f"{self.name}.{started}", again.knowing)
        return self.job.steps(rules)


class Move(NamedTuple):
    """One step of a process: the store and the process after it, and how to tell of it."""

    store: Store
    process: Process
    what: object = ""
    answer: str = ""
    fault: Fault | None = None

    def __str__(self) -> str:
        if self.fault is not None:
            return f"{self.what} !! {self.fault}".lstrip()
        return f"{self.what} -> {self.answer}" if self.answer else str(self.what)


class Program:
    """What one actor does, under some rules."""

    def __init__(self, index: int, actor: Actor, rules: Rules) -> None:
        self._index = index
        self.actor = actor
        self._rules = rules
        self._ahead: Callable[[int, tuple[Hashable, ...]], Read | Write | Result | Again]
        self._ahead = cache(self._run)

    def _run(self, started: int, history: tuple[Hashable, ...]) -> Read | Write | Result | Again:
        """Return what comes after these answers: the next request, or the end."""
        again, answers = Again(), history
        if history and isinstance(history[0], Again):
            again, answers = history[0], history[1:]
        steps = self.actor.steps(self._rules, started, again)
        try:
            request = next(steps)
            for answer in answers:
                request = steps.send(answer)
        except StopIteration as end:
            result: Result | Again = end.value
            return result
        return request

    def _answered(self, process: Process, answer: Hashable, *, waits: bool = False) -> Process:
        """Return the process after an answer."""
        history = (*process.history, answer)
        ahead = self._ahead(process.started, history)
        if isinstance(ahead, Again):
            kept = () if ahead.knowing is None else (ahead,)
            return process._replace(history=kept, waits=waits)
        if isinstance(ahead, Answer | Done):
            return process._replace(history=(), started=1, waits=False, result=ahead)
        return process._replace(history=history, waits=waits)

    def _gone(self, process: Process) -> Process:
        """Return the process after nobody goes on with it."""
        result = Answer(Told.UNKNOWN) if self.actor.is_client else Done()
        return Process(delayed=process.delayed, result=result)

    def steps(self, store: Store, process: Process, *, torn: bool) -> Iterator[Move]:
        """Yield what the process may do next if nothing goes wrong, and what lands of it."""
        for delayed in dict.fromkeys(process.delayed):
            yield from self._landing(store, process, delayed, torn=torn)
        request = self._request(store, process)
        if isinstance(request, Read):
            for answer in request.answers(store):
                yield Move(store, self._answered(process, answer), request, _told(answer))
        elif request is not None:
            effect = request.effect(store)
            if not _collides(store, effect):
                torn_now = torn and request.is_transaction() and bool(effect.stored)
                after = self._answered(process, effect.answer, waits=torn_now)
                done = _applied(store, effect, self._index if torn_now else None)
                yield Move(done, after, request, str(effect))

    def faults(self, store: Store, process: Process, *, torn: bool) -> Iterator[Move]:
        """Yield what may go wrong with the process's next step."""
        if process.result is not None:
            return
        if process.history:
            again = Process(started=process.started + 1, delayed=process.delayed)
            yield Move(store, again, fault=Fault.CRASH)
            yield Move(store, self._gone(process), fault=Fault.CRASH_AND_GONE)
        request = self._request(store, process)
        if isinstance(request, Look):
            yield Move(store, self._answered(process, None), request, fault=Fault.FAILS)
        if not isinstance(request, Write):
            return
        late = process._replace(delayed=(*process.delayed, request))
        yield Move(store, late, request, fault=Fault.LATE)
        yield Move(store, self._gone(late), request, fault=Fault.LATE_AND_GONE)
        effect = request.effect(store)
        if not effect.stored or _collides(store, effect):
            return
        torn_now = torn and request.is_transaction()
        done = _applied(store, effect, self._index if torn_now else None)
        yield Move(done, process._replace(waits=torn_now), request, fault=Fault.LOST)
        after = self._answered(process, effect.answer, waits=torn_now)
        twice = after._replace(delayed=(*after.delayed, request))
        yield Move(done, twice, request, fault=Fault.TWICE)

    def _request(self, store: Store, process: Process) -> Read | Write | None:
        """Return what the process sends next; None if it has ended or must wait."""
        if process.result is not None:
            return None
        if process.waits and any(each.owner == self._index for each in store.landing):
            return None
        ahead = self._ahead(process.started, process.history)
        assert isinstance(ahead, Read | Write), "a process with an open history goes on"
        return ahead

    def _landing(
        self, store: Store, process: Process, delayed: Write, *, torn: bool
    ) -> Iterator[Move]:
        effect = delayed.effect(store)
        if _collides(store, effect):
            return
        rest = list(process.delayed)
        rest.remove(delayed)
        after = process._replace(delayed=tuple(rest))
        owner = _NOBODY if torn and delayed.is_transaction() and effect.stored else None
        done = _applied(store, effect, owner)
        what = f"{delayed}, sent before, lands" if effect.stored else f"{delayed} lands too late"
        yield Move(done, after, what)


def _applied(store: Store, effect: Effect, owner: int | None) -> Store:
    """Return the store after a write; with an owner its items become visible one by one."""
    if owner is None:
        return store.having(*effect.stored) if effect.stored else store
    # The invariants' own notes are no items of a table: they are there when it is decided.
    notes = [item for item in effect.stored if isinstance(item, Written)]
    stored = (Landing(owner, each.name, each) for each in effect.stored if each not in notes)
    checked = (Landing(owner, name, None) for name in effect.checked)
    noted = store.having(*notes) if notes else store
    return Store(noted.items, (*store.landing, *stored, *checked))


def land(store: Store) -> Iterator[Move]:
    """Yield the store after any one item of a decided transaction became visible."""
    for each in store.landing:
        rest = Store(store.items, tuple(other for other in store.landing if other is not each))
        after = rest if each.item is None else rest.having(each.item)
        what = f"{each.name} becomes visible: {each.item}" if each.item else f"{each.name} is free"
        yield Move(after, Process(), what)


def _told(answer: Hashable) -> str:
    """Return an answer as a trace shows it."""
    if type(answer) is tuple:
        return said(answer)
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return "nothing there" if answer is None else str(answer)


def _collides(store: Store, effect: Effect) -> bool:
    """Tell whether a write meets a transaction that holds one of its items: it is sent again."""
    if not store.landing:
        return False
    held = {each.name for each in store.landing}
    return any(item.name in held for item in effect.stored) or not held.isdisjoint(effect.checked)
