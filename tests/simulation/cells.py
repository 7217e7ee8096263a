"""Which faults are tried where: every place, every kind that it can meet, once and until given up.

The places come from the source, so that a call that no scenario comes by is a failure, not a gap.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from tests.simulation.callsites import CallSite, all_sites
from tests.simulation.kinds import READS, Kind, Mode, kinds_of
from tests.simulation.network import Call, Fault
from tests.simulation.plant import Plant
from tests.simulation.runs import Begun, Outcome, begun, run
from tests.simulation.scenarios import MONEY, PAIRED, SCENARIOS


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One place, one kind of fault, once or always."""

    site: CallSite
    kind: Kind
    mode: Mode

    def __str__(self) -> str:
        return f"{self.site} * {self.kind} * {self.mode}"


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is to be made: a scenario and its faults."""

    scenario: str
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.scenario, *map(str, self.faults)])


class Runner:
    """Makes runs in this process; what a scenario begins with is made once."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._begun: dict[str, Begun] = {}
        self._clean: dict[str, list[Call]] = {}

    def run(self, job: Job) -> Outcome:
        """Make a run."""
        if job.scenario not in self._begun:
            self._begun[job.scenario] = begun(self._plant, SCENARIOS[job.scenario])
        return run(self._plant, self._begun[job.scenario], *job.faults)

    def clean(self, scenario: str) -> list[Call]:
        """Return the calls of a scenario in which nothing fails."""
        if scenario not in self._clean:
            outcome = self.run(Job(scenario))
            assert not outcome.broken, (scenario, outcome.broken)
            self._clean[scenario] = outcome.calls
        return self._clean[scenario]


def table(runner: Runner) -> dict[Cell, Job]:
    """Return for each cell the shortest run that has it.

    A place that is only reached behind a fault is in it with that one before. Raises
    `AssertionError` for a place that nothing reaches.
    """
    reached: dict[CallSite, tuple[int, Job, Call]] = {}
    for scenario in SCENARIOS:
        calls = runner.clean(scenario)
        _note(reached, Job(scenario), calls)
        for number, call in enumerate(calls):
            if call.operation == "BatchGetItem":
                before = Job(scenario, (Fault(number, Kind.STALE),))
                _note(reached, before, runner.run(before).calls)
    missing = all_sites() - reached.keys()
    assert not missing, f"no scenario comes by {', '.join(map(str, sorted(missing)))}"
    cells = {}
    for site, (number, job, call) in sorted(reached.items()):
        for kind in kinds_of(call.operation, consistent=call.consistent):
            for mode in Mode:
                faults = (*job.faults, Fault(number, kind, mode))
                cells[Cell(site, kind, mode)] = Job(job.scenario, faults)
    return cells


def _told_apart(call: Call) -> Iterator[tuple[Kind, Mode]]:
    yield Kind.ERROR, Mode.ALWAYS
    yield Kind.KILLED_BEFORE, Mode.ONCE
    if call.operation in READS:
        if not call.consistent:
            yield Kind.STALE, Mode.ONCE
        return
    yield Kind.KILLED_AFTER, Mode.ONCE
    yield Kind.ERROR_APPLIED, Mode.ALWAYS
    for kind in (Kind.LOST_ANSWER, Kind.LANDS_SOON, Kind.LANDS_LATER, Kind.LANDS_LAST):
        yield kind, Mode.ONCE
    if call.operation == "TransactWriteItems":
        yield Kind.CONFLICT, Mode.ONCE


def _note(reached: dict[CallSite, tuple[int, Job, Call]], job: Job, calls: Iterable[Call]) -> None:
    for number, call in enumerate(calls):
        known = reached.get(call.site)
        better = known is None or (len(job.faults), number) < (len(known[1].faults), known[0])
        if better:
            reached[call.site] = (number, job, call)


def singles(runner: Runner) -> Iterator[Job]:
    """Yield a run for every call of the money scenarios, every kind and mode.

    Of that of one-time charges only for those that read or write charges, or store what was read.
    """
    for scenario in MONEY:
        yield from each_fault(runner, scenario.name)
    yield from each_fault(runner, "charge", ("charges.", "closing."))


def each_fault(runner: Runner, scenario: str, methods: tuple[str, ...] = ("",)) -> Iterator[Job]:
    """Yield a run for every call of a scenario from methods whose names begin so."""
    for number, call in enumerate(runner.clean(scenario)):
        if call.site.method.startswith(methods):
            for kind in kinds_of(call.operation, consistent=call.consistent):
                for mode in Mode:
                    yield Job(scenario, (Fault(number, kind, mode),))


def pairs(runner: Runner) -> Iterator[Job]:
    """Yield a run for every two calls of a money scenario and every two faults at them.

    Of faults that no process can tell from each other there is one: an attempt that was dropped,
    throttled or failed, and that the SDK makes again, is as if it had not been.
    """
    for scenario in (each for each in MONEY if each.name in PAIRED):
        faults = [
            [Fault(number, kind, mode) for kind, mode in _told_apart(call)]
            for number, call in enumerate(runner.clean(scenario.name))
        ]
        for first, second in combinations(faults, 2):
            for one in first:
                for other in second:
                    yield Job(scenario.name, (one, other))
