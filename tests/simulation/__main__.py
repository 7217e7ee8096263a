"""Everything that the instruments can find, ending with one line; or one thing of it again.

python -m tests.simulation                            all of it, half an hour on two cores
python -m tests.simulation --replay close 12:error:always 20:killed_after:once
python -m tests.simulation --meeting 'graced record close'
python -m tests.simulation --guard 'usage.StoredUsages.add:PutItem …'
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.simulation.altered import Guard
from tests.simulation.cells import Job, Runner, pairs, singles, table
from tests.simulation.guards import meetings, mutants
from tests.simulation.network import Fault
from tests.simulation.orders import ORDERS
from tests.simulation.plant import running
from tests.simulation.pool import Pool, Report, explored_meeting
from tests.simulation.spares import SPARE

_PROGRAM = ".venv/bin/python -m tests.simulation"
# What a broken invariant means to who sends usage.
_LOST = ("I-01", "I-03")
_TWICE = ("I-05", "I-09", "I-10", "I-16")
_FALSE = ("I-04",)


@dataclass
class Totals:
    """What all parts came to."""

    runs: int = 0
    pairs: int = 0
    schedules: int = 0
    moments: int = 0
    cells: int = 0
    all_cells: int = 0
    killed: int = 0
    mutants: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    model: str = ""
    model_holds: bool = False

    def line(self) -> str:
        """Return the one line that sums up."""
        lost, twice, false = (self._broken(laws) for laws in (_LOST, _TWICE, _FALSE))
        other = len(self.failures) - lost - twice - false
        parts = [
            f"{self.runs} runs",
            f"{self.pairs} pairs",
            f"{self.schedules:.3g} schedules"
            if self.schedules > 10**9
            else f"{self.schedules} schedules",
            f"{self.cells}/{self.all_cells} cells",
            f"{lost} lost",
            f"{twice} double-billed",
            f"{false} false on_time",
            f"{self.killed}/{self.mutants} guard mutants killed",
        ]
        return ", ".join(parts) + (f", {other} otherwise broken" if other else "")

    @property
    def good(self) -> bool:
        """Whether nothing was found and nothing was left out."""
        whole = self.cells == self.all_cells and self.killed == self.mutants
        return whole and self.model_holds and not self.failures

    def _broken(self, laws: Iterable[str]) -> int:
        return sum(any(law in what for law in laws) for _, what in self.failures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked; return 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog=_PROGRAM)
    parser.add_argument("--replay", nargs="+", metavar=("SCENARIO", "FAULT"))
    parser.add_argument("--meeting", metavar="'MOMENT ONE OTHER'")
    parser.add_argument("--guard", metavar="'SITE WHAT'")
    asked = parser.parse_args(arguments)
    if asked.replay:
        scenario, *faults = asked.replay
        return _replay(Job(scenario, tuple(map(Fault.read, faults))))
    if asked.meeting:
        return _meeting(asked.meeting)
    return _guard(asked.guard) if asked.guard else _all()


def _all() -> int:
    began = time.monotonic()
    totals = Totals()
    # It has a core for itself for some minutes, and the others the rest.
    model = subprocess.Popen(
        [sys.executable, "-m", "spec"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    pool = Pool()
    try:
        where = _schedules(pool, totals)
        _guards(pool, totals, where)
        _faults(pool, totals)
    finally:
        pool.close()
        said, _ = model.communicate()
    totals.model, totals.model_holds = said.rstrip().rpartition("\n")[2], model.returncode == 0
    _say(f"model: {totals.model}")
    if not totals.model_holds:
        _say(said)
    for command, what in totals.failures:
        _say(f"{what}\n    {_PROGRAM} {command}")
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    _say(f"{totals.moments} moments explored; {minutes} min {seconds} s")
    _say(totals.line())
    return 0 if totals.good else 1


def _faults(pool: Pool, totals: Totals) -> None:
    with running() as plant:
        runner = Runner(plant)
        cells, ones, twos = table(runner), list(singles(runner)), list(pairs(runner))
    totals.all_cells = len(cells)
    failed = _collected(pool.runs(cells.values()), totals, "cells")
    broken = {command for command, _ in failed.failures}
    totals.cells = sum(f"--replay {job}" not in broken for job in cells.values())
    singled = _collected(pool.runs(ones), totals, "single faults")
    paired = _collected(pool.runs(twos), totals, "pairs of faults")
    totals.runs = failed.runs + singled.runs
    totals.pairs = paired.runs


def _schedules(pool: Pool, totals: Totals) -> dict[Guard, list[tuple[int, str]]]:
    found = _collected(pool.meetings([str(each) for each in meetings()]), totals, "meetings")
    totals.schedules, totals.moments = found.schedules, found.moments
    return found.guards


def _guards(pool: Pool, totals: Totals, where: dict[Guard, list[tuple[int, str]]]) -> None:
    wanted = mutants(where)
    unknown = SPARE.keys() - {str(mutant.guard) for mutant in wanted}
    totals.failures += [("", f"there is no guard '{each}' that could be spare") for each in unknown]
    spare = 0
    for name, how in pool.mutants(wanted):
        if name in SPARE:
            spare += 1
            if how is not None:
                totals.failures.append((f"--guard '{name}'", f"not spare: {how}"))
            continue
        totals.mutants += 1
        totals.killed += how is not None
        if how is None:
            totals.failures.append((f"--guard '{name}'", f"nothing goes wrong without {name}"))
    for order, how in pool.orders([name for name, *_ in ORDERS]):
        totals.mutants += 1
        totals.killed += how is not None
        if how is None:
            totals.failures.append(("", f"nothing shows another order of calls: {order}"))
    _say(f"guards: {totals.killed} of {totals.mutants} mutants killed, {spare} spare")


def _collected(reports: Iterable[Report], totals: Totals, what: str) -> Report:
    all_of_it = Report()
    for report in reports:
        all_of_it.add(report)
        for command, broken in report.failures[:1]:
            _say(f"{broken}\n    {_PROGRAM} {command}")
    totals.failures += all_of_it.failures
    _say(f"{what}: {all_of_it.runs or all_of_it.moments}, {len(all_of_it.failures)} broken")
    return all_of_it


def _replay(job: Job) -> int:
    with running() as plant:
        outcome = Runner(plant).run(job)
        calls = [str(call.site) for call in outcome.calls]
    faults = {fault.call: fault for fault in job.faults}
    for number, call in enumerate(calls):
        _say(f"{number:4} {call}" + (f"    <- {faults[number].kind}" if number in faults else ""))
    for each in outcome.broken:
        _say(each)
    return int(bool(outcome.broken))


def _meeting(name: str) -> int:
    report = explored_meeting(name)
    for _, what in report.failures:
        _say(what)
    _say(f"{report.moments} moments, {report.schedules} schedules")
    return int(bool(report.failures))


def _guard(name: str) -> int:
    pool = Pool()
    try:
        where = _schedules(pool, Totals())
        found = dict(pool.mutants([each for each in mutants(where) if str(each.guard) == name]))
    finally:
        pool.close()
    for each, how in found.items():
        _say(f"{each}: {how or 'nothing goes wrong'}")
    return 0 if found else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
