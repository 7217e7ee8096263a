"""Changing how invoices close, those that are pending included."""

from datetime import timedelta

import pytest

from postpaid.application.change_closing import ChangeClosing, change_closing
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import NotFound
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.subscription import Subscription
from tests.support.faults import Moment
from tests.support.samples import AUTO_AT_ONCE, MANUAL, at
from tests.support.world import World

IN_TWO_DAYS = ClosingPolicy(ClosingMode.AUTO, after_hours=48)


def change(
    world: World, policy: ClosingPolicy | None, subscription_id: str = "sub"
) -> Subscription:
    return world.change_closing(ChangeClosing(subscription_id=subscription_id, policy=policy))


def test_a_policy_is_stored_with_the_next_version(world: World) -> None:
    changed = change(world, MANUAL)

    assert changed == world.stores.subscriptions.get("sub")
    assert (changed.closing, changed.version) == (MANUAL, 2)
    assert change(world, None).closing is None


def test_an_unknown_subscription_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        change(world, MANUAL, "other")


@pytest.fixture
def waiting() -> World:
    """Two invoices that wait to be closed by request, in December."""
    world = World.at("2026-10-05")
    world.price("minutes", "0.05", base_fee="10")
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    for month in (11, 12):
        world.skip_to(f"2026-{month}-01T00:30")
        world.sweep()
    assert [term.status.value for term in world.terms()] == ["GRACE", "GRACE", "OPEN"]
    return world


@pytest.mark.parametrize(
    ("policy", "closed_by_now", "closed_tomorrow"),
    [(AUTO_AT_ONCE, 2, 2), (IN_TWO_DAYS, 1, 1), (None, 1, 2), (MANUAL, 0, 0)],
    ids=["at once", "in two days", "the site's", "manual"],
)
def test_a_policy_counts_for_invoices_that_wait_already(
    waiting: World, policy: ClosingPolicy | None, closed_by_now: int, closed_tomorrow: int
) -> None:
    change(waiting, policy)

    waiting.sweep()
    assert len(waiting.issued()) == closed_by_now
    waiting.skip_to("2026-12-02T00:30")
    waiting.sweep()
    assert len(waiting.issued()) == closed_tomorrow


def test_invoices_that_wait_go_back_to_waiting_for_a_request(world: World) -> None:
    world.skip_to("2026-11-01T00:30")
    world.sweep()
    change(world, MANUAL)

    world.skip_to("2026-11-02")
    world.sweep()

    assert [term.status.value for term in world.terms()] == ["GRACE", "OPEN"]
    assert world.term("2026-10-01").due_at is None


def test_what_began_to_close_keeps_its_way(waiting: World) -> None:
    october = at("2026-10-01")
    fenced = waiting.stores.terms.fence("sub", october, "run", waiting.now + timedelta(minutes=5))

    change(waiting, IN_TWO_DAYS)

    assert waiting.term("2026-10-01") == fenced
    assert waiting.term("2026-11-01").due_at == at("2026-12-03")


def test_a_change_that_came_second_is_made_over_the_first(world: World) -> None:
    other = world.another_process()
    world.calls.arm("billing.put", Moment.BEFORE, lambda: void(change(other, IN_TWO_DAYS)))

    changed = change(world, MANUAL)

    assert (changed.closing, changed.version) == (MANUAL, 3)


def void(_: object) -> None:
    """Make a statement of an expression."""


class Elbowed:
    """Subscriptions to which others are always faster."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription:
        return self._subscription

    def replace(self, subscription: Subscription) -> None:
        raise Lost


def test_a_change_that_always_comes_second_is_unavailable(world: World) -> None:
    stores = world.stores
    known = stores.subscriptions.get("sub")
    assert known is not None

    with pytest.raises(Unavailable):
        change_closing(
            ChangeClosing(subscription_id="sub", policy=MANUAL),
            scope=world.scope,
            subscriptions=Elbowed(known),
            terms=stores.terms,
            invoices=stores.invoices,
            customers=stores.customers,
            sites=stores.sites,
            now=world.now,
        )
