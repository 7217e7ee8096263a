"""Guards carry weight: without them the schedules of two handlers go wrong, and that is seen."""

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.simulation import orders
from tests.simulation.altered import OLD, Guard
from tests.simulation.bounds import few_tries
from tests.simulation.callsites import all_sites
from tests.simulation.guards import explored_once, meetings, mutants, shown
from tests.simulation.kinds import READS
from tests.simulation.spares import SPARE, UNMET

if TYPE_CHECKING:
    from collections.abc import Iterator

    type Seen = dict[Guard, list[tuple[int, str]]]

_HOT = ("usage.", "charges.", "terms.StoredTerms.look", "terms.StoredTerms.fence:UpdateItem")


@pytest.fixture(scope="module")
def seen() -> "Iterator[Seen]":
    """Every guard there is, and the meetings that have it."""
    found: Seen = defaultdict(list)
    for meeting, explored, guards in explored_once():
        for guard in guards:
            found[guard].append((explored.moments, str(meeting)))
    with few_tries():
        yield found


def test_every_write_that_has_conditions_is_met_by_two_handlers(seen: "Seen") -> None:
    met = {guard.site for guard in seen}

    missed = {
        str(site)
        for site in all_sites()
        if site.operation in {"PutItem", "UpdateItem", "TransactWriteItems"}
    } - met

    assert missed == set(UNMET)


def test_without_the_guards_of_usage_fence_and_charges_two_handlers_go_wrong(seen: "Seen") -> None:
    """All conditions of a call at once; `make simulate` takes every guard, and one by one."""
    named = {str(meeting): meeting for meeting in meetings()}
    survived = []

    for mutant in mutants(seen):
        if str(mutant.guard) in SPARE or not mutant.guard.site.startswith(_HOT):
            continue
        if shown(mutant, [named[name] for name in mutant.where], whole=True) is None:
            survived.append(str(mutant.guard))

    assert survived == []


@pytest.mark.parametrize("name", [name for name, *_ in orders.ORDERS])
def test_another_order_of_calls_goes_wrong(name: str) -> None:
    with few_tries():
        assert orders.caught(name) is not None


def test_what_is_said_to_be_spare_is_there(seen: "Seen") -> None:
    """A guard that is named spare is there, or the list would grow stale."""
    assert SPARE.keys() <= {str(guard) for guard in seen}
    assert {guard.site.split(":")[1] for guard in seen if guard.what == OLD} <= READS
