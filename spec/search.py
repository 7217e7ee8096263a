"""Visit every state that a configuration can reach, breadth first, until an invariant fails."""

from dataclasses import dataclass
from time import perf_counter

from spec.configuration import Configuration
from spec.items import Billing, Status
from spec.processes import Move
from spec.rules import DESIGNED, Rules
from spec.states import FAULTS_MASK, UNSETTLED_MASK, Machine, Wrong

NO_INVARIANTS: frozenset[str] = frozenset()
_ROOT = -1

# What the moves of a lane add to a state, by the bits of the state that they depend on.
type _Known = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and the choices that lead there by the shortest way."""

    number: str
    what: str
    choices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """What a search came to.

    *judged* counts the books that were checked when all was quiet; *billings* are what clients were
    told, *status_steps* where terms went.
    """

    states: int
    transitions: int
    judged: int
    seconds: float
    violation: Violation | None
    billings: frozenset[Billing]
    status_steps: frozenset[tuple[Status, Status]]


def visit(
    configuration: Configuration, rules: Rules = DESIGNED, but_for: frozenset[str] = NO_INVARIANTS
) -> Visit:
    """Visit every state; stops at the first violation, to which no way is shorter.

    Invariants whose number is in *but_for* are not checked.
    """
    return _Search(Machine(configuration, rules, but_for)).run()


class _Search:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        # How each state was reached first; the way back to the start is a shortest one.
        self._parents: dict[int, int] = {}
        self._lanes: list[tuple[int, int, _Known, _Known]] = [
            (lane, mask, {}, {}) for lane, mask in enumerate(self._machine.lane_masks)
        ]
        self._judged: set[int] = set()
        self._transitions = 0

    def run(self) -> Visit:
        begun = perf_counter()
        first = self._machine.begin()
        self._parents[first] = _ROOT
        level = [first]
        violation = None
        while level and violation is None:
            violation = self._judge(level)
            if violation is None:
                level, violation = self._next_level(level)
        return Visit(
            states=len(self._parents),
            transitions=self._transitions,
            judged=len(self._judged),
            seconds=perf_counter() - begun,
            violation=violation,
            billings=frozenset(self._machine.billings),
            status_steps=frozenset(self._machine.status_steps),
        )

    def _next_level(self, level: list[int]) -> tuple[list[int], Violation | None]:
        """Return the states that are first reached from those of a level."""
        parents, lanes, machine = self._parents, self._lanes, self._machine
        upcoming: list[int] = []
        transitions = 0
        for state in level:
            for lane, mask, sound, faulty in lanes:
                part = state & mask
                try:
                    deltas = sound.get(part)
                    if deltas is None:
                        deltas = sound[part] = machine.deltas(state, lane, faulty=False)
                    if state & FAULTS_MASK:
                        more = faulty.get(part)
                        if more is None:
                            more = faulty[part] = machine.deltas(state, lane, faulty=True)
                        deltas += more
                except Wrong as wrong:
                    return [], self._behind(state, lane, wrong)
                transitions += len(deltas)
                for delta in deltas:
                    after = state + delta
                    if after not in parents:
                        parents[after] = state
                        upcoming.append(after)
        self._transitions += transitions
        return upcoming, None

    def _judge(self, level: list[int]) -> Violation | None:
        """Check the books of the quiet states of a level; those of others that agree are known."""
        ledger_mask = self._machine.ledger_mask
        for state in level:
            if not state & UNSETTLED_MASK and state & ledger_mask not in self._judged:
                try:
                    if self._machine.judge(state):
                        self._judged.add(state & ledger_mask)
                except Wrong as wrong:
                    return Violation(wrong.number, wrong.what, self._choices(state))
        return None

    def _behind(self, state: int, lane: int, wrong: Wrong) -> Violation:
        """Return the violation that one of the moves of a lane leads to."""
        choices = self._choices(state)
        for index, (its_lane, move) in enumerate(self._machine.every_move(state)):
            if its_lane == lane and self._is_wrong(state, lane, move):
                return Violation(wrong.number, wrong.what, (*choices, index))
        raise AssertionError("a store that was refused once is refused again")

    def _is_wrong(self, state: int, lane: int, move: Move) -> bool:
        try:
            self._machine.delta(state, lane, move)
        except Wrong:
            return True
        return False

    def _choices(self, state: int) -> tuple[int, ...]:
        """Return which move to take at each state on the way to this one."""
        choices: list[int] = []
        while (parent := self._parents[state]) != _ROOT:
            choices.append(self._choice(parent, state))
            state = parent
        return tuple(reversed(choices))

    def _choice(self, before: int, after: int) -> int:
        for index, (lane, move) in enumerate(self._machine.every_move(before)):
            if self._is_wrong(before, lane, move):
                continue  # to take such a move is where a search ends
            if before + self._machine.delta(before, lane, move) == after:
                return index
        raise AssertionError("every state but the first was reached by a move")
