"""Faults do what their names say: how often a request takes effect, and what its caller sees."""

from collections.abc import Iterator

import pytest

from postpaid.application.ports import Unavailable
from postpaid.store import keys
from postpaid.store.counters import StoredIds
from tests.simulation.callsites import CallSite, all_sites
from tests.simulation.kinds import Kind, Mode, kinds_of
from tests.simulation.network import Fault
from tests.simulation.plant import BILLING, Plant, running
from tests.simulation.wire import Backend
from tests.support.faults import Killed
from tests.support.samples import SCOPE, at


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    """The service, of which only the SDK is used here."""
    with running() as plant:
        yield plant


# What happens to a call that adds 1, how often it is added, and what its caller sees.
EFFECTS: list[tuple[Kind, Mode, int, type[BaseException] | None]] = [
    (Kind.DROPPED, Mode.ONCE, 1, None),
    (Kind.DROPPED, Mode.ALWAYS, 0, Unavailable),
    (Kind.LOST_ANSWER, Mode.ONCE, 2, None),
    (Kind.LOST_ANSWER, Mode.ALWAYS, 3, Unavailable),
    (Kind.THROTTLED, Mode.ONCE, 1, None),
    (Kind.THROTTLED, Mode.ALWAYS, 0, Unavailable),
    (Kind.ERROR, Mode.ONCE, 1, None),
    (Kind.ERROR, Mode.ALWAYS, 0, Unavailable),
    (Kind.ERROR_APPLIED, Mode.ONCE, 2, None),
    (Kind.ERROR_APPLIED, Mode.ALWAYS, 3, Unavailable),
    (Kind.DUPLICATED, Mode.ONCE, 2, None),
    (Kind.LANDS_SOON, Mode.ONCE, 1, None),
    (Kind.LANDS_SOON, Mode.ALWAYS, 0, Unavailable),
    (Kind.KILLED_BEFORE, Mode.ONCE, 0, Killed),
    (Kind.KILLED_AFTER, Mode.ONCE, 1, Killed),
]


@pytest.mark.parametrize(("kind", "mode", "added", "raised"), EFFECTS)
def test_a_fault_does_what_its_name_says(
    plant: Plant, kind: Kind, mode: Mode, added: int, raised: type[BaseException] | None
) -> None:
    plant.begin(Backend(), at("2026-10-05"), (Fault(0, kind, mode),))

    if raised is None:
        add(plant)
    else:
        with pytest.raises(raised):
            add(plant)

    assert total(plant) == added * 20
    assert {fault.kind for fault in plant.network.met} == {kind}


@pytest.mark.parametrize(
    ("kind", "calls"), [(Kind.LANDS_SOON, 3), (Kind.LANDS_LATER, 10), (Kind.LANDS_LAST, None)]
)
def test_a_request_lands_when_it_is_said_to(plant: Plant, kind: Kind, calls: int | None) -> None:
    plant.begin(Backend(), at("2026-10-05"), (Fault(0, kind),))
    add(plant)

    for _ in range((calls or 20) - 1):
        look(plant)
    assert total(plant) == 20

    look(plant)
    assert total(plant) == (20 if calls is None else 40)
    plant.network.heal()
    assert plant.network.land_last() is (calls is None)
    assert total(plant) == 40


def test_who_is_killed_always_dies_twice_at_the_same_place(plant: Plant) -> None:
    plant.begin(Backend(), at("2026-10-05"), (Fault(0, Kind.KILLED_BEFORE, Mode.ALWAYS),))

    for _ in range(2):
        with pytest.raises(Killed):
            add(plant)
    add(plant)

    assert total(plant) == 20


def test_a_fault_that_its_call_cannot_have_is_not_met(plant: Plant) -> None:
    plant.begin(Backend(), at("2026-10-05"), (Fault(0, Kind.CONFLICT),))

    add(plant)

    assert plant.network.met == set()


def test_a_place_is_a_method_and_the_call_it_leads_to(plant: Plant) -> None:
    plant.begin(Backend(), at("2026-10-05"))
    add(plant)

    assert [call.site for call in plant.network.calls] == [
        CallSite("counters.StoredIds.number", "UpdateItem")
    ]
    assert len(all_sites()) > 80
    assert {site.operation for site in all_sites()} == {
        *("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems"),
        *("GetObject", "HeadObject", "PutObject", "SendMessage"),
    }


def test_every_kind_of_fault_has_an_operation_that_meets_it() -> None:
    operations = ("Query", "BatchGetItem", "TransactWriteItems", "PutObject")
    assert {kind for each in operations for kind in kinds_of(each)} == set(Kind)


def add(plant: Plant) -> None:
    """Reserve twenty numbers, in one call."""
    StoredIds(plant.functions.billing, SCOPE, {}).number("turns")


def look(plant: Plant) -> None:
    """Make a call that changes nothing that is counted."""
    key = keys.counter(SCOPE, "others")
    StoredIds(plant.functions.billing, SCOPE, {}).number("others")
    assert key.pk


def total(plant: Plant) -> int:
    """Return how many numbers are reserved."""
    item = plant.backend.tables[BILLING].get(keys.counter(SCOPE, "turns"))
    return 0 if item is None else int(str(item["last"]))
