"""An opening invoice closes at once, or stays pending like any other if it is asked to."""

from datetime import datetime
from typing import Any

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.site import ClosingMode, ClosingPolicy
from tests.support.changes import a_shop
from tests.support.samples import AUTO_AT_ONCE, MANUAL, at
from tests.support.world import World

IN_TWO_DAYS = ClosingPolicy(ClosingMode.AUTO, after_hours=48)


def opening(closing: ClosingPolicy | None, *, pending: bool = True, **more: Any) -> World:
    """A subscription begins on the fifth of October; it is the first."""
    world = a_shop()
    world.subscription(
        "seats", start="2026-10-05", closing=closing, opening_pending=pending, **more
    )
    return world


def the_invoice(world: World) -> Invoice:
    [found] = [each for each in world.invoices() if each.term_start is None]
    return found


# The policy of the subscription, whether its opening invoice stays pending, what holds it, and when
# it closes by itself.
DUE: list[tuple[ClosingPolicy, bool, str | None, str | None]] = [
    (MANUAL, False, None, "2026-10-05"),
    (IN_TWO_DAYS, False, None, "2026-10-05"),
    (MANUAL, True, None, None),
    (AUTO_AT_ONCE, True, None, "2026-10-05"),
    (IN_TWO_DAYS, True, None, "2026-10-07"),
    (IN_TWO_DAYS, False, "2026-10-06", "2026-10-06"),
    (IN_TWO_DAYS, True, "2026-10-06", "2026-10-07"),
    (IN_TWO_DAYS, True, "2026-10-20", "2026-10-20"),
    (MANUAL, True, "2026-10-20", None),
]


def _at(day: str | None) -> datetime | None:
    return None if day is None else at(day)


@pytest.mark.parametrize(("closing", "pending", "hold", "due"), DUE)
def test_it_is_due_as_the_policy_says_counted_from_the_start(
    closing: ClosingPolicy, pending: bool, hold: str | None, due: str | None
) -> None:
    world = opening(closing, pending=pending, hold_until=hold)

    assert the_invoice(world).due_at == _at(due)
    world.skip_to("2026-10-21")
    world.come_to_rest()
    closed = the_invoice(world).status is InvoiceStatus.ISSUED
    assert closed is (due is not None)


@pytest.mark.parametrize(("closing", "pending", "hold", "due"), DUE)
@pytest.mark.parametrize("before", [MANUAL, IN_TWO_DAYS])
def test_a_changed_policy_counts_for_it(
    before: ClosingPolicy, closing: ClosingPolicy, pending: bool, hold: str | None, due: str | None
) -> None:
    world = opening(before, pending=pending)
    command = ChangeClosing(subscription_id="sub", policy=closing, hold_until=hold)

    world.change_closing(command)

    assert the_invoice(world).due_at == _at(due)


def test_the_policy_may_be_the_customers_or_the_sites() -> None:
    world = a_shop()
    world.customer("manual", closing=MANUAL)
    world.subscription("seats", start="2026-10-05", customer_id="manual", opening_pending=True)

    assert the_invoice(world).due_at is None


def test_one_that_waits_for_a_request_is_closed_by_it_once_its_subscription_has_begun() -> None:
    world = opening(MANUAL)
    with pytest.raises(Conflict) as early:
        world.close(the_invoice(world))
    assert early.value.code == "invoice_not_due"
    world.skip_to("2026-10-05")

    assert world.close(the_invoice(world)).serial == 1


@pytest.mark.parametrize(
    ("closing", "due"), [(MANUAL, None), (IN_TWO_DAYS, "2026-10-07")], ids=["manual", "auto"]
)
def test_one_that_was_parked_and_goes_on_is_due_by_its_policy(
    closing: ClosingPolicy, due: str | None
) -> None:
    world = opening(closing)
    world.skip_to("2026-10-06")
    world.change_site(bounds=AmountBounds((Money(100, "USD"),)))
    assert world.close(the_invoice(world)).parked
    world.change_site(bounds=AmountBounds())

    world.sync(the_invoice(world))

    found = the_invoice(world)
    assert (found.parked, found.due_at) == (None, _at(due))


def test_it_is_kept_with_the_subscription_and_chosen_when_that_is_created() -> None:
    world = opening(MANUAL)
    assert world.subscription_of().opening_pending

    again = world.subscription("seats", start="2026-10-05", closing=MANUAL, opening_pending=True)
    assert again == world.subscription_of()
    with pytest.raises(Conflict) as taken:
        world.subscription("seats", start="2026-10-05", closing=MANUAL)
    assert taken.value.code == "already_exists"
