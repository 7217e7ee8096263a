"""The use cases over real tables: what the twin was trusted for holds on DynamoDB, too."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from postpaid.application.due_terms import Due
from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.domain.term import BillingState, TermStatus
from postpaid.store import keys
from tests.support.samples import OCTOBER, SCOPE, at
from tests.support.tables import create_table
from tests.support.world import World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.engine


@pytest.fixture
def world(dynamodb: "DynamoDBClient") -> World:
    """The last hour of October: minutes at 0.05 and 10.00 a month."""
    world = World.at(
        "2026-10-31T23:00",
        usages=create_table(dynamodb, "UsageTable"),
        billing=create_table(dynamodb, "BillingTable"),
    )
    world.price("minutes", "0.05", base_fee="10.00")
    return world


@pytest.mark.parametrize("usage_shards", [1, USAGE_SHARDS_MAX])
def test_the_founding_example(world: World, usage_shards: int) -> None:
    world.subscription("minutes", start="2026-10-01", usage_shards=usage_shards)
    first = world.record("361", "2026-10-05")
    again = world.record("361", "2026-10-05")
    key = world.record("9", "2026-10-06").usage.key
    world.delete(key)

    world.clock.now = at("2026-11-01T01:00")
    world.come_to_rest()

    assert (first.billing, first.replayed) == (BillingState.ON_TIME, False)
    assert (again.usage, again.replayed) == (first.usage, True)
    [invoice] = world.issued()
    assert str(invoice.total) == "28.05"
    assert world.record("1", "2026-10-07").billing is BillingState.LATE
    assert [term.status for term in world.terms()] == [TermStatus.FROZEN, TermStatus.OPEN]
    assert world.term("2026-10-01").due_at is None


DELIVERIES = 3


def test_terms_that_close_all_at_once_are_numbered_without_a_gap(world: World) -> None:
    """Each of two dozen terms is visited twice, by eight workers; the queue brings a term again."""
    names = [f"sub-{n}" for n in range(24)]
    for name in names:
        world.subscription("minutes", subscription_id=name, start="2026-10-01")
        world.record("361", "2026-10-05", subscription_id=name)
    world.clock.now = at("2026-11-01T01:00")

    def visit(name: str) -> bool:
        due = Due(*keys.term(SCOPE, name, OCTOBER.start))
        return any(world.another_process().visit(due) for _ in range(DELIVERIES))

    with ThreadPoolExecutor(max_workers=8) as workers:
        results = list(workers.map(visit, [name for name in names for _ in range(2)]))

    assert all(results)
    issued = world.issued()
    assert [invoice.serial for invoice in issued] == list(range(1, 25))
    assert {invoice.subscription_id for invoice in issued} == {*names}
    assert {str(invoice.total) for invoice in issued} == {"28.05"}
