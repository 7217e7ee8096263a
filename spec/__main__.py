"""Search the configurations and the mutants; say what was found, one line each."""

import argparse
import sys
from collections.abc import Sequence

from spec.configurations import CONFIGURATIONS
from spec.mutants import MUTANTS, SPARES, Mutant
from spec.report import configuration_line, mutant_line, replay_command, spare_line, trace
from spec.rules import DESIGNED
from spec.search import NO_INVARIANTS, Violation, visit

_CONFIGURATIONS = {each.name: each for each in CONFIGURATIONS}
_MUTANTS = {each.name: each for each in (*MUTANTS, *SPARES)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked; return 0 if all configurations hold and all mutants are caught."""
    parser = argparse.ArgumentParser(prog="python -m spec", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these configurations and mutants")
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--traces", action="store_true", help="show how each mutant goes wrong")
    parser.add_argument("--replay", nargs=2, metavar=("NAME", "CHOICES"), help="show one run")
    asked = parser.parse_args(arguments)
    names = [asked.replay[0]] if asked.replay else asked.names
    if unknown := {*names} - {*_CONFIGURATIONS, *_MUTANTS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if asked.replay:
        try:
            choices = tuple(int(choice) for choice in asked.replay[1].split("."))
            _show(asked.replay[0], choices)
        except ValueError as error:
            parser.error(str(error))
        return 0
    return _search(frozenset(names), quick=asked.quick, traces=asked.traces)


def _search(names: frozenset[str], *, quick: bool, traces: bool) -> int:
    states = violations = 0
    for configuration in CONFIGURATIONS:
        if configuration.name not in names if names else quick and not configuration.quick:
            continue
        found = visit(configuration, DESIGNED)
        _say(configuration_line(configuration, found))
        states += found.states
        if found.violation is not None:
            violations += 1
            _show_violation(configuration.name, found.violation)
    mutants = [each for each in MUTANTS if not names or each.name in names]
    spares = [each for each in SPARES if not names or each.name in names]
    caught = sum(_is_caught(mutant, traces=traces) for mutant in mutants)
    safe = sum(_is_safe(spare) for spare in spares)
    _say(f"{states:,} states, {violations} violations, {caught}/{len(mutants)} mutants caught")
    return int(violations > 0 or caught < len(mutants) or safe < len(spares))


def _is_caught(mutant: Mutant, *, traces: bool) -> bool:
    found = visit(_CONFIGURATIONS[mutant.configuration], mutant.rules, mutant.but_for)
    _say(mutant_line(mutant, found))
    if traces and found.violation is not None:
        _show_violation(mutant.name, found.violation)
    return found.violation is not None and found.violation.number == mutant.caught_by


def _is_safe(spare: Mutant) -> bool:
    found = visit(_CONFIGURATIONS[spare.configuration], spare.rules)
    _say(spare_line(spare, found))
    if found.violation is not None:
        _show_violation(spare.name, found.violation)
    return found.violation is None


def _show_violation(name: str, violation: Violation) -> None:
    _show(name, violation.choices)
    _say(f"      {replay_command(name, violation)}")


def _show(name: str, choices: tuple[int, ...]) -> None:
    mutant = _MUTANTS.get(name)
    configuration = _CONFIGURATIONS[mutant.configuration if mutant else name]
    rules, but_for = (mutant.rules, mutant.but_for) if mutant else (DESIGNED, NO_INVARIANTS)
    for line in trace(configuration, choices, rules, but_for):
        _say(line)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
