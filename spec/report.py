"""What a search found, in words: one line each, and a trace of what went wrong."""

from collections.abc import Iterator

from spec.configuration import Configuration
from spec.mutants import Mutant
from spec.processes import Move
from spec.rules import DESIGNED, Rules
from spec.search import NO_INVARIANTS, Violation, Visit
from spec.states import FAULTS_MASK, Machine, Wrong


def configuration_line(configuration: Configuration, visit: Visit) -> str:
    """Return what there is to say of a configuration."""
    found = "0 violations" if visit.violation is None else f"VIOLATED {visit.violation.number}"
    return (
        f"{configuration.name:22}{visit.states:>11,} states {visit.transitions:>11,} transitions  "
        f"{found:14}{visit.seconds:>6.1f} s  {configuration.about}"
    )


def mutant_line(mutant: Mutant, visit: Visit) -> str:
    """Return what there is to say of a mutant."""
    found = "NOT CAUGHT"
    if visit.violation is not None:
        steps = len(visit.violation.choices)
        found = f"caught by {visit.violation.number} after {steps} steps"
        if visit.violation.number != mutant.caught_by:
            found = f"MISTAKEN for {visit.violation.number}, not {mutant.caught_by}"
    return f"{mutant.name:28}{found:32}{visit.seconds:>6.1f} s  {mutant.about}"


def spare_line(spare: Mutant, visit: Visit) -> str:
    """Return what there is to say of a condition that another one makes up for."""
    found = "safe without it" if visit.violation is None else f"VIOLATED {visit.violation.number}"
    return f"{spare.name:28}{found:32}{visit.seconds:>6.1f} s  {spare.about}"


def trace(
    configuration: Configuration,
    choices: tuple[int, ...],
    rules: Rules = DESIGNED,
    but_for: frozenset[str] = NO_INVARIANTS,
) -> Iterator[str]:
    """Yield what happens if these moves are taken, and which invariant fails behind them.

    Raises `ValueError` if there is no such move.
    """
    machine = Machine(configuration, rules, but_for)
    state = machine.begin()
    for step, choice in enumerate(choices, start=1):
        lane, move = _move(machine, state, choice)
        actor = "" if lane == len(configuration.actors) else configuration.actors[lane].name
        yield f"{step:>4}  {actor:14}{move}"
        try:
            state += machine.delta(state, lane, move)
        except Wrong as wrong:
            yield f"      {wrong.number}: {wrong.what}"
            return
        result = machine.result_of(state, lane)
        if result:
            yield f"      {'':14}= {result}"
    if machine.is_quiet(state):
        try:
            machine.judge(state)
        except Wrong as wrong:
            yield f"      all is quiet, sweeps finish the rest; {wrong.number}: {wrong.what}"


def _move(machine: Machine, state: int, choice: int) -> tuple[int, Move]:
    every = machine.every_move(state)
    if not 0 <= choice < len(every):
        raise ValueError(f"there are moves 0 to {len(every) - 1}, not {choice}")
    lane, move = every[choice]
    if move.fault is not None and not state & FAULTS_MASK:
        raise ValueError("there are no faults left")
    return lane, move


def replay_command(name: str, violation: Violation) -> str:
    """Return the command that shows a violation again."""
    return f"python -m spec --replay {name} {'.'.join(map(str, violation.choices))}"
