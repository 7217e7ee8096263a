"""States as integers: what every process and the store may do next, worked out once.

A state is the store, where each process stands and how many faults are left. Stores and processes
are numbered as they are met, and a state is those numbers side by side in one integer. What a
process does depends on the store and on itself, so what that adds to the integer is the same in all
states that differ elsewhere.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from spec.configuration import Configuration
from spec.healing import Healer, Stuck
from spec.invariants import (
    QUIET_INVARIANTS,
    STEP_INVARIANTS,
    STORE_INVARIANTS,
    number_of,
)
from spec.processes import Move, Process, Program, land
from spec.rules import Rules
from spec.stores import Store
from spec.writers import Answer, Correct, Delete, Record

if TYPE_CHECKING:
    from spec.items import Billing, Status

# From the lowest bit: faults left, what is unsettled, the store, one process after another.
_COUNT_BITS = 6
_STORE_BITS = 24
_PROCESS_BITS = 20
_STORE_SHIFT = 2 * _COUNT_BITS
FAULTS_MASK = (1 << _COUNT_BITS) - 1
UNSETTLED_MASK = FAULTS_MASK << _COUNT_BITS
_STORE_MASK = ((1 << _STORE_BITS) - 1) << _STORE_SHIFT


class Wrong(Exception):
    """An invariant does not hold: in a state, or after one more *move* of a lane."""

    def __init__(self, number: str, what: str) -> None:
        super().__init__(number, what)
        self.number = number
        self.what = what


class Machine:
    """The states of one configuration under some rules.

    A *lane* is a process; the last lane is the landing of what transactions decided. Invariants
    whose number is in *but_for* are not checked.
    """

    def __init__(self, configuration: Configuration, rules: Rules, but_for: frozenset[str]) -> None:
        self.configuration = configuration
        self._store_invariants = [
            each for each in STORE_INVARIANTS if number_of(each) not in but_for
        ]
        self._step_invariants = [each for each in STEP_INVARIANTS if number_of(each) not in but_for]
        self._quiet_invariants = [
            each for each in QUIET_INVARIANTS if number_of(each) not in but_for
        ]
        actors = configuration.actors
        self._programs = [Program(index, actor, rules) for index, actor in enumerate(actors)]
        self._stores: list[Store] = []
        self._store_numbers: dict[object, int] = {}
        self._processes: list[list[Process]] = [[] for _ in actors]
        self._process_numbers: list[dict[Process, int]] = [{} for _ in actors]
        self._healer = Healer(configuration.keys(), rules, gathers=configuration.gathers)
        self._healed: dict[int, Store] = {}
        # What was seen: a model in which nothing happens would hold as well.
        self.billings: set[Billing] = set()
        self.status_steps: set[tuple[Status, Status]] = set()
        self._shifts = [
            _STORE_SHIFT + _STORE_BITS + _PROCESS_BITS * index for index in range(len(actors))
        ]
        own = [((1 << _PROCESS_BITS) - 1) << shift for shift in self._shifts]
        self.lane_masks = [_STORE_MASK | mask for mask in own] + [_STORE_MASK]
        clients = [mask for mask, actor in zip(own, actors, strict=True) if actor.is_client]
        self.ledger_mask = _STORE_MASK | sum(clients)

    def begin(self) -> int:
        """Return the first state."""
        state = self.configuration.budget
        state |= self._number_of_store(self.configuration.store) << _STORE_SHIFT
        for lane, shift in enumerate(self._shifts):
            state |= self._number_of_process(lane, Process()) << shift
            state += self._unsettled(lane, Process()) << _COUNT_BITS
        return state

    def deltas(self, state: int, lane: int, *, faulty: bool) -> tuple[int, ...]:
        """Return what the moves of a lane add to a state, sound or *faulty*; raises `Wrong`."""
        moves = self.moves(state, lane)
        return tuple(
            self.delta(state, lane, move) for move in moves if (move.fault is not None) is faulty
        )

    def moves(self, state: int, lane: int) -> Iterator[Move]:
        """Yield the moves of a lane, faults last, whether or not the state has any left."""
        store, torn = self.store_at(state), self.configuration.torn
        if lane == len(self._programs):
            yield from land(store)
            return
        process, program = self._process_at(state, lane), self._programs[lane]
        yield from program.steps(store, process, torn=torn)
        yield from program.faults(store, process, torn=torn)

    def delta(self, state: int, lane: int, move: Move) -> int:
        """Return what a move adds to a state; raises `Wrong`."""
        before = self.store_at(state)
        if move.store is not before:
            self._check_step(before, move.store)
            self._note_steps(before, move.store)
        was = state >> _STORE_SHIFT & ((1 << _STORE_BITS) - 1)
        delta = (self._number_of_store(move.store) - was) << _STORE_SHIFT
        if lane < len(self._programs):
            process = self._process_at(state, lane)
            number = self._number_of_process(lane, move.process)
            was = state >> self._shifts[lane] & ((1 << _PROCESS_BITS) - 1)
            delta += (number - was) << self._shifts[lane]
            unsettled = self._unsettled(lane, move.process) - self._unsettled(lane, process)
            delta += unsettled << _COUNT_BITS
        return delta - (move.fault is not None)

    def every_move(self, state: int) -> list[tuple[int, Move]]:
        """Return the moves of all lanes, each with its lane; a choice is an index in this list."""
        lanes = range(len(self.lane_masks))
        return [(lane, move) for lane in lanes for move in self.moves(state, lane)]

    def result_of(self, state: int, lane: int) -> str:
        """Return what a client was told; empty if it waits or is none."""
        if lane == len(self._programs) or not self._programs[lane].actor.is_client:
            return ""
        return str(self._process_at(state, lane).result or "")

    def is_quiet(self, state: int) -> bool:
        """Tell whether every client has its answer and no write is under way."""
        return not state & UNSETTLED_MASK

    def judge(self, state: int) -> bool:
        """Let sweeps finish what a quiet state left, and check the books; raises `Wrong`.

        Returns whether there was something to judge: decided transactions become visible first.
        """
        store = self.store_at(state)
        if store.landing:
            return False
        healed = self._heal(state >> _STORE_SHIFT & ((1 << _STORE_BITS) - 1))
        ledger = list(self._ledger(state))
        for invariant in self._quiet_invariants:
            for what in invariant(healed, ledger):
                raise Wrong(number_of(invariant), what)
        return True

    def store_at(self, state: int) -> Store:
        """Return the store of a state."""
        return self._stores[state >> _STORE_SHIFT & ((1 << _STORE_BITS) - 1)]

    def _process_at(self, state: int, lane: int) -> Process:
        return self._processes[lane][state >> self._shifts[lane] & ((1 << _PROCESS_BITS) - 1)]

    def _ledger(self, state: int) -> Iterator[tuple[Record | Correct | Delete, Answer]]:
        for lane, program in enumerate(self._programs):
            job, result = program.actor.job, self._process_at(state, lane).result
            if isinstance(job, Record | Correct | Delete):
                assert isinstance(result, Answer), "a quiet state has told every client something"
                yield job, result

    def _heal(self, number: int) -> Store:
        healed = self._healed.get(number)
        if healed is None:
            try:
                healed = self._healer.heal(self._stores[number])
            except Stuck as stuck:
                raise Wrong("I-34", str(stuck)) from None
            for before, after in self._healer.steps:
                self._check_step(before, after)
                self._check_store(after)
            self._healed[number] = healed
        return healed

    def _note_steps(self, before: Store, after: Store) -> None:
        for was, now in zip(before.terms(), after.terms(), strict=False):
            if was != now:
                self.status_steps.add((was.status, now.status))

    def _check_step(self, before: Store, after: Store) -> None:
        for invariant in self._step_invariants:
            for what in invariant(before, after):
                raise Wrong(number_of(invariant), what)

    def _check_store(self, store: Store) -> None:
        for invariant in self._store_invariants:
            for what in invariant(store):
                raise Wrong(number_of(invariant), what)

    def _number_of_store(self, store: Store) -> int:
        identity = store.identity()
        number = self._store_numbers.get(identity)
        if number is None:
            if not store.landing:
                self._check_store(store)
            number = self._store_numbers[identity] = len(self._stores)
            assert number < 1 << _STORE_BITS, "more stores than a state has room for"
            self._stores.append(store)
        return number

    def _number_of_process(self, lane: int, process: Process) -> int:
        numbers = self._process_numbers[lane]
        number = numbers.get(process)
        if number is None:
            number = numbers[process] = len(numbers)
            assert number < 1 << _PROCESS_BITS, "more processes than a state has room for"
            self._processes[lane].append(process)
            if isinstance(process.result, Answer) and process.result.billing is not None:
                self.billings.add(process.result.billing)
        return number

    def _unsettled(self, lane: int, process: Process) -> int:
        """Count what keeps a state from being quiet: clients that wait, writes under way."""
        waits = process.result is None and self._programs[lane].actor.is_client
        return waits + len(process.delayed)
