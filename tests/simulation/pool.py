"""Work on every core: runs, meetings and guards, each process with the whole service for itself."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import batched
from multiprocessing import get_context

from tests.simulation import orders
from tests.simulation.altered import Altered, Guard
from tests.simulation.bounds import few_tries
from tests.simulation.cells import Job, Runner
from tests.simulation.guards import Meeting, Mutant, meet, meetings, shown
from tests.simulation.plant import running

_CHUNK = 60


@dataclass
class Report:
    """What work came to. *failures* are the command that does it again, and what was broken."""

    runs: int = 0
    schedules: int = 0
    moments: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    # Which guards a meeting had, and how large it was.
    guards: dict[Guard, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, other: "Report") -> None:
        """Take over another report."""
        self.runs += other.runs
        self.schedules += other.schedules
        self.moments += other.moments
        self.failures += other.failures
        for guard, where in other.guards.items():
            self.guards.setdefault(guard, []).extend(where)


class Pool:
    """Processes that stay."""

    def __init__(self, workers: int | None = None) -> None:
        processes = workers or len(os.sched_getaffinity(0))
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"))

    def runs(self, jobs: Iterable[Job]) -> Iterator[Report]:
        """Make runs, and yield a report for every few of them."""
        yield from self._pool.map(_runs, batched(jobs, _CHUNK, strict=False))

    def meetings(self, names: Iterable[str]) -> Iterator[Report]:
        """Explore meetings, and yield a report for each."""
        yield from self._pool.map(explored_meeting, names)

    def mutants(self, wanted: Iterable[Mutant]) -> Iterator[tuple[str, str | None]]:
        """Take guards away; yield each mutant with how it shows, None if it does not."""
        yield from self._pool.map(_mutant, wanted)

    def orders(self, names: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Change the order of calls; yield each with how that shows."""
        yield from self._pool.map(_order, names)

    def close(self) -> None:
        """Let the processes end."""
        self._pool.shutdown()


_runner: list[Runner] = []
_kept: list[ExitStack] = []  # for as long as the process lives


def _here() -> Runner:
    if not _runner:
        stack = ExitStack()
        _runner.append(Runner(stack.enter_context(running())))
        _kept.append(stack)
    return _runner[0]


def _runs(jobs: tuple[Job, ...]) -> Report:
    report = Report()
    for job in jobs:
        outcome = _here().run(job)
        report.runs += 1
        report.failures += [(f"--replay {job}", each) for each in outcome.broken]
    return report


def explored_meeting(name: str) -> Report:
    """Explore a meeting by its name."""
    altered = Altered()
    try:
        with few_tries(3):
            explored = meet(_named(name), altered)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is reported
        return Report(failures=[(f"--meeting '{name}'", f"{type(error).__name__}: {error}")])
    return Report(
        schedules=explored.schedules,
        moments=explored.moments,
        guards={guard: [(explored.moments, name)] for guard in altered.seen},
    )


def _mutant(mutant: Mutant) -> tuple[str, str | None]:
    with few_tries():
        return str(mutant.guard), shown(mutant, [_named(name) for name in mutant.where])


def _order(name: str) -> tuple[str, str | None]:
    with few_tries():
        return name, orders.caught(name)


_meetings: dict[str, Meeting] = {}


def _named(name: str) -> Meeting:
    if not _meetings:
        _meetings.update({str(each): each for each in meetings()})
    return _meetings[name]
