"""Which version of a price counts when, and where terms fall after changes of zone and cadence."""

from typing import Any

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_schedule import ChangeCadence, change_cadence, change_zone
from postpaid.application.compose_invoice import upcoming_content
from postpaid.application.edit_subscription import Request
from postpaid.application.invoice_now import invoice_now
from postpaid.application.suspend_subscription import SuspendSubscription, suspend_subscription
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import Conflict, Invalid
from tests.support.changes import a_shop, add, change, next_invoice, remove, subscribed
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World

SEAT = ("recurring", "seats", "31.00")


def dearer(world: World, price_id: str = "seats") -> None:
    """Double a price in its next version."""
    amount = {"seats": "62", "minutes": "0.20"}[price_id]
    world.reprice(price_id, pricing={"pricing_model": "per_unit", "unit_amount": amount})


def test_the_rest_of_a_term_that_was_cut_keeps_its_versions() -> None:
    world = subscribed("seats", "minutes")
    dearer(world)
    dearer(world, "minutes")
    world.clock.now = at("2026-10-11T12:00")
    invoice_now("sub", office=world.office)
    world.record("10", "2026-10-15")
    world.clock.now = at("2026-10-22T12:00")

    world.cancel("now", credit_unused=True)

    # What is given back is what was paid: ten days at 31 a month.
    found = next_invoice(world, "2026-10-22T13:00")
    assert ("credit", "seats", "-10.00") in found
    assert ("usage", "minutes", "1.00") in found


def test_a_line_that_resumes_in_mid_term_has_the_version_that_its_term_began_with() -> None:
    world = subscribed("seats")
    dearer(world)
    command = SuspendSubscription(subscription_id="sub", since="2026-10-22", until="2026-11-16")
    suspend_subscription(command, office=world.office)

    assert next_invoice(world, "2026-11-01T00:10") == [("credit", "seats", "-10.00")]
    # Half of November at the new price, and December.
    assert next_invoice(world, "2026-12-01T00:10") == [
        ("recurring", "seats", "31.00"),
        ("recurring", "seats", "62.00"),
    ]


def test_a_change_that_was_to_come_has_the_version_of_the_term_it_comes_in() -> None:
    world = subscribed("seats")
    world.change_lines(change("seats", quantity=2), effective="2026-11-16")
    dearer(world)

    assert next_invoice(world, "2026-11-01T00:10") == [("recurring", "seats", "62.00")]
    assert next_invoice(world, "2026-12-01T00:10") == [
        ("credit", "seats", "-31.00"),
        ("recurring", "seats", "62.00"),
        ("recurring", "seats", "124.00"),
    ]


def test_a_version_that_holds_less_than_the_one_before_is_refused() -> None:
    world = a_shop()
    bounded = {"pricing_model": "tiered", "tiers": [{"up_to": "10", "unit_amount": "1"}]}
    world.priced("few", bounded, metered=False)

    for price_id, most in (("seats", "1000"), ("few", "9")):
        tiers = [{"up_to": most, "unit_amount": "1"}]
        with pytest.raises(Invalid) as refusal:
            world.reprice(price_id, pricing={"pricing_model": "tiered", "tiers": tiers})
        assert refusal.value.field == "tiers"
    more = [{"up_to": "11", "unit_amount": "1"}]
    assert world.reprice("few", pricing={"pricing_model": "tiered", "tiers": more}).version == 2


def test_no_invoice_is_to_come_for_what_was_withdrawn() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-20")
    world.cancel("now")

    with pytest.raises(Conflict) as refusal:
        upcoming_content("sub", books=world.books)
    assert refusal.value.code == "subscription_ended"


def test_without_proration_a_term_that_was_cut_owes_its_fees_once() -> None:
    world = a_shop()
    world.subscription("seats", "minutes", start="2026-10-01", prorate=False, closing=AUTO_AT_ONCE)
    world.sweep()
    world.clock.now = at("2026-10-11T12:00")
    world.change_lines(add("desks"))
    world.record("100", "2026-10-05")
    invoice_now("sub", office=world.office)

    assert next_invoice(world, "2026-10-11T13:00") == [
        ("usage", "minutes", "10.00"),
        ("recurring", "desks", "62.00"),
    ]
    assert next_invoice(world, "2026-11-01T00:10") == [
        SEAT,
        ("base_fee", "minutes", "62.00"),
        ("recurring", "desks", "62.00"),
    ]


def test_a_price_that_is_added_again_reopens_the_line_it_had() -> None:
    world = subscribed("seats", "minutes")
    world.change_lines(remove("minutes"), effective="2026-10-10")

    back = world.change_lines(add("minutes"), effective="2026-10-20").subscription

    assert [line.id for line in back.lines] == ["seats", "minutes", "minutes"]
    world.record("3", "2026-10-21")
    with pytest.raises(Invalid):
        world.record("3", "2026-10-12")


def test_to_ask_for_what_is_so_already_takes_off_what_was_to_come() -> None:
    world = subscribed("seats")
    world.change_lines(change("seats", quantity=9), effective="2026-10-25")

    world.change_lines(change("seats", quantity=1), effective="2026-10-15")

    assert next_invoice(world, "2026-11-01T00:10") == [SEAT]


def test_a_suspended_trial_is_a_trial() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-01", trial_end="2026-10-20")
    suspend_subscription(SuspendSubscription(subscription_id="sub"), office=world.office)
    world.clock.now = at("2026-10-05")

    with pytest.raises(Conflict) as refusal:
        invoice_now("sub", office=world.office)
    assert refusal.value.code == "in_trial"
    weekly = ChangeCadence(subscription_id="sub", cadence=Cadence("week"), at="now")
    with pytest.raises(Conflict) as refusal:
        change_cadence(weekly, office=world.office)
    assert refusal.value.code == "in_trial"


# --- zones


def spans(world: World) -> list[str]:
    return [term.period.end.isoformat()[:16].removesuffix("T00:00") for term in world.terms()]


def test_a_zone_that_changes_at_the_end_of_a_trial_makes_no_term_of_six_weeks() -> None:
    world = a_shop()
    world.subscription(
        "seats",
        start="2026-10-01",
        trial_end="2026-10-20",
        by_calendar=True,
        closing=AUTO_AT_ONCE,
    )
    change_zone("sub", "America/New_York", office=world.office)

    # The rest of October to midnight in New York: thirteen days there, where it began on the 19th.
    assert next_invoice(world, "2026-10-20T00:10") == [("recurring", "seats", "13.00")]
    assert next_invoice(world, "2026-11-01T04:10") == [SEAT]
    assert spans(world) == ["2026-10-20", "2026-11-01T04:00", "2026-12-01T05:00"]


@pytest.mark.parametrize("zone_first", [True, False])
def test_a_change_of_zone_and_of_cadence_come_together_in_either_order(zone_first: bool) -> None:
    world = subscribed("seats")
    weekly = ChangeCadence(subscription_id="sub", cadence=Cadence("week"))
    asked: list[Any] = [
        lambda: change_zone("sub", "Asia/Tokyo", office=world.office),
        lambda: change_cadence(weekly, office=world.office),
    ]
    for ask in asked if zone_first else asked[::-1]:
        ask()

    next_invoice(world, "2026-11-20T00:00")

    # Weeks of Tokyo's midnights; the first one is nine hours short.
    assert spans(world)[:3] == ["2026-11-01", "2026-11-07T15:00", "2026-11-14T15:00"]


# --- holds


def hold(world: World, until: object, request: Request) -> None:
    world.change_closing(ChangeClosing(subscription_id="sub", hold_until=until, request=request))


def test_a_hold_has_an_end_in_sight_and_is_made_over_the_version_that_was_shown() -> None:
    world = subscribed("seats")

    with pytest.raises(Invalid) as refusal:
        hold(world, "2099-01-01", Request())
    assert refusal.value.field == "hold_until"
    with pytest.raises(Conflict) as stale:
        hold(world, "2026-12-01", Request(version=7))
    assert stale.value.code == "version_mismatch"
    hold(world, "2026-12-01", Request(version=1))
    assert world.subscription_of().hold_until == at("2026-12-01")
