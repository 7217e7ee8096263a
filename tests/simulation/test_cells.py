"""Every place that reaches out to AWS, every fault it can meet, once and until the SDK gives up."""

from typing import TYPE_CHECKING

import pytest

from postpaid.domain.term import TERM_STEPS
from tests.simulation.callsites import all_sites
from tests.simulation.cells import Job, Runner, each_fault, table
from tests.simulation.laws import INVOICE_STEPS
from tests.simulation.plant import running
from tests.simulation.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where a request that records reaches out.
_RECORDING = ("usage.", "terms.StoredTerms.look", "subscriptions.", "queue.")


@pytest.fixture(scope="module")
def runner() -> "Iterator[Runner]":
    """The whole service in this process."""
    with running() as plant:
        yield Runner(plant)


def test_every_fault_at_every_place_leaves_the_books_right(runner: Runner) -> None:
    """I-01 to I-16, I-30 to I-34, I-40 and I-70 to I-73, in whatever way a call can fail."""
    cells = table(runner)
    assert {cell.site for cell in cells} == all_sites()
    failures, steps = [], set()

    for cell, job in cells.items():
        outcome = runner.run(job)
        assert outcome.met >= set(job.faults), f"{cell} was not met by {job}"
        steps |= outcome.steps
        failures += [f"{cell}: {each}\n    {replay(job)}" for each in outcome.broken]

    assert not failures, "\n".join(failures)
    # I-13: every step of the graphs was taken, and none beside them.
    assert steps >= {
        ("term", was.value, to.value) for was, after in TERM_STEPS.items() for to in after
    }
    assert steps >= {
        ("invoice", was, to) for was, after in INVOICE_STEPS.items() for to in after if was != to
    }


def test_every_fault_at_every_call_of_a_batch_leaves_the_books_right(runner: Runner) -> None:
    """Its places are those of a single recording; what comes before and behind them is not."""
    jobs = list(each_fault(runner, "batch", _RECORDING))
    assert len({job.faults[0].call for job in jobs}) > 10
    failures = []

    for job in jobs:
        outcome = runner.run(job)
        assert outcome.met >= set(job.faults), f"{job} met no fault"
        failures += [f"{each}\n    {replay(job)}" for each in outcome.broken]

    assert not failures, "\n".join(failures)


def replay(job: Job) -> str:
    """Return the command that makes a run again."""
    return f".venv/bin/python -m tests.simulation --replay {job}"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_makes_the_same_calls_each_time(runner: Runner, scenario: str) -> None:
    """A run is repeated by its choices alone, or a failure could not be."""
    first, second = (runner.run(Job(scenario)).calls for _ in range(2))

    assert [str(call.site) for call in first] == [str(call.site) for call in second]
