"""Guards carry weight: without them the schedules of two handlers go wrong, and that is seen."""

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.simulation import orders
from tests.simulation.altered import OLD, Altered, Guard
from tests.simulation.bounds import few_tries
from tests.simulation.callsites import all_sites
from tests.simulation.guards import caught, meet, meetings, mutants
from tests.simulation.kinds import READS
from tests.simulation.spares import SPARE, UNMET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.guards import Mutant

    type Seen = dict[Guard, list[tuple[int, str]]]


@pytest.fixture(scope="module")
def seen() -> "Iterator[Seen]":
    """Every guard there is, and the meetings that have it."""
    found: Seen = defaultdict(list)
    with few_tries():
        for meeting in meetings():
            altered = Altered()
            explored = meet(meeting, altered)
            for guard in altered.seen:
                found[guard].append((explored.moments, str(meeting)))
        yield found


def test_every_write_that_has_conditions_is_met_by_two_handlers(seen: "Seen") -> None:
    met = {guard.site for guard in seen}

    missed = {
        str(site)
        for site in all_sites()
        if site.operation in {"PutItem", "UpdateItem", "TransactWriteItems"}
    } - met

    assert missed == set(UNMET)


def test_without_the_guards_of_a_call_two_handlers_go_wrong(seen: "Seen") -> None:
    """All conditions of a call at once, and each read that has to be new; one by one: `simulate`."""
    named = {str(meeting): meeting for meeting in meetings()}
    survived = []

    for mutant in _largest(mutants(seen)):
        how = caught(mutant.gone, [named[name] for name in mutant.where])
        if how is None and mutant.name not in SPARE:
            survived.append(mutant.name)

    assert survived == []


def _largest(found: "list[Mutant]") -> "Iterator[Mutant]":
    """Yield the mutants that no other one holds, but for those that are spare."""
    for mutant in found:
        if mutant.name not in SPARE and not any(mutant.gone < other.gone for other in found):
            yield mutant


@pytest.mark.parametrize("name", [name for name, *_ in orders.ORDERS])
def test_another_order_of_calls_goes_wrong(name: str) -> None:
    with few_tries():
        assert orders.caught(name) is not None


def test_reads_that_may_be_old_are_not_asked_to_be_new(seen: "Seen") -> None:
    """A guard that is named spare is there, or the list would grow stale."""
    names = {mutant.name for mutant in mutants(seen)}

    assert SPARE.keys() <= names
    assert {guard.site.split(":")[1] for guard in seen if guard.what == OLD} <= READS
