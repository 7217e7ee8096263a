"""All schedules of two handlers at once, each of which may die at any of its calls."""

from collections import Counter
from decimal import Decimal
from math import comb

import pytest

from postpaid.application.ports import Lost
from postpaid.store import keys
from postpaid.store.tables import ConditionFailed, Put, Update, equals
from tests.simulation.guards import explored_once
from tests.simulation.schedules import Explorer
from tests.support.faults import Faulty
from tests.support.samples import SCOPE
from tests.support.world import World

KEY = keys.counter(SCOPE, "turns")


@pytest.fixture
def bare() -> World:
    """A world with one number, 0."""
    world = World.at("2026-10-05T12:00")
    world.billing.put(Put({**KEY._asdict(), "turns": 0}))
    return world


def test_whatever_order_two_handlers_come_in_all_that_was_promised_holds() -> None:
    """I-01 to I-16, I-30, I-34, I-70 to I-73, and of changes that one came first."""
    met: Counter[str] = Counter()

    for meeting, explored, _ in explored_once():
        met[meeting.begin.name] += 1
        assert explored.schedules >= len(explored.ends) > 0, meeting

    assert met.total() > 500
    assert set(met) == {
        *(
            "asking",
            "ended",
            "graced",
            "frozen",
            "coming",
            "issued",
            "documented",
            "held",
            "stranded",
            "unratable",
            "mended",
            "bounded",
            "last",
            "over",
            "credit",
            "named",
            "charged",
            "first",
            "overcharged",
            "opened",
            "unopened",
            "shop",
        )
    }


@pytest.mark.parametrize(("mine", "others"), [(1, 1), (2, 3), (4, 4)])
def test_every_order_of_calls_is_counted(bare: World, mine: int, others: int) -> None:
    """Reads leave nothing behind: what differs is only who comes first."""

    def reads(count: int) -> object:
        def handler(world: World) -> object:
            for _ in range(count):
                world.stores.customers.get("globex")
            return count

        return handler

    first, second = reads(mine), reads(others)
    assert callable(first)
    assert callable(second)
    explored = Explorer(bare, deaths=0).explore(first, second)

    # Each makes its stores first, which reads the site, and in the end steps out of the way.
    steps = [2 * count + 1 for count in (mine, others)]
    assert explored.schedules == comb(sum(steps), steps[0])
    assert len(explored.ends) == 1


def test_a_lost_update_is_found(bare: World) -> None:
    """Two who read a number and write the next one: with a condition one fails, without it lies."""

    def handler(world: World, *, careful: bool) -> object:
        table = Faulty(world.billing, world.calls, "billing")
        item = StoredThing(table).get()
        StoredThing(table).store(item, careful=careful)
        return item + 1

    ends = {
        careful: {
            tuple(str(end.value) for end in both)
            for _, both in Explorer(bare, deaths=0)
            .explore(*[lambda world, careful=careful: handler(world, careful=careful)] * 2)
            .ends
        }
        for careful in (True, False)
    }

    assert ("1", "1") in ends[False]
    assert ("1", "1") not in ends[True]


class StoredThing:
    """A store of a number."""

    def __init__(self, table: Faulty) -> None:
        self._table = table

    def get(self) -> int:
        """Read it."""
        item = self._table.get(KEY)
        assert item is not None
        return int(Decimal(str(item["turns"])))

    def store(self, turns: int, *, careful: bool) -> None:
        """Write the next one."""
        still = equals("turns", turns) if careful else None
        try:
            self._table.update(Update(KEY, still, set={"turns": turns + 1}))
        except ConditionFailed:
            raise Lost from None
