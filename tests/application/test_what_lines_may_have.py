"""Archived prices, and prices that are meant for one cadence: what goes on a line, what stays."""

from typing import Any

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_lines import LineChange
from postpaid.application.change_schedule import ChangeCadence, change_cadence, change_zone
from postpaid.application.edit_subscription import Edited
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import Conflict, Invalid, LimitExceeded
from postpaid.domain.usage import Aggregation
from tests.support.changes import add, change, remove
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World

MONTH, QUARTER, YEAR = Cadence("month"), Cadence("quarter"), Cadence("year")


@pytest.fixture
def shop() -> World:
    """Minutes at a monthly, a quarterly and a yearly price, and at one for any cadence; seats."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", cadence=MONTH)
    for name, cadence in (("quarterly", QUARTER), ("yearly", YEAR), ("any", None)):
        world.price(name, "0.04", item_id="item-minutes", cadence=cadence)
    world.price("seats", "31", metered=False)
    return world


def subscribed(world: World, *price_ids: str, **more: Any) -> World:
    world.subscription(*price_ids, start="2026-10-01", closing=AUTO_AT_ONCE, **more)
    return world


def recadence(
    world: World, cadence: Cadence, at_: str = "term_end", *changes: LineChange
) -> Edited:
    command = ChangeCadence(subscription_id="sub", cadence=cadence, at=at_, changes=changes)
    return change_cadence(command, office=world.office)


# --- cadences


@pytest.mark.parametrize(
    ("price_id", "cadence"),
    [
        ("minutes", MONTH),
        ("quarterly", QUARTER),
        ("quarterly", Cadence("month", 3)),
        ("yearly", Cadence("month", 12)),
        ("yearly", Cadence("half_year", 2)),
        ("any", Cadence("day", 10)),
    ],
)
def test_a_price_goes_on_a_subscription_of_its_cadence(
    shop: World, price_id: str, cadence: Cadence
) -> None:
    made = shop.subscription(price_id, cadence=cadence)

    assert [line.item_price_id for line in made.lines] == [price_id]


@pytest.mark.parametrize(
    ("price_id", "cadence", "every"),
    [
        ("minutes", YEAR, "1 month"),
        ("minutes", Cadence("month", 2), "1 month"),
        ("minutes", Cadence("half_month", 2), "1 month"),
        ("quarterly", MONTH, "1 quarter"),
        ("yearly", Cadence("day", 365), "1 year"),
    ],
)
def test_a_price_for_another_cadence_is_refused(
    shop: World, price_id: str, cadence: Cadence, every: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        shop.subscription("any", price_id, cadence=cadence)

    assert (refusal.value.code, refusal.value.field) == (
        "invalid_field",
        "lines[1].item_price_id",
    )
    assert refusal.value.message == f"is charged every {every}: the subscription is not"
    assert shop.stores.subscriptions.get("sub") is None


@pytest.mark.parametrize(
    "to", [change("minutes", item_price_id="yearly"), add("yearly", "more")], ids=["change", "add"]
)
def test_a_line_gets_no_price_for_another_cadence(shop: World, to: LineChange) -> None:
    subscribed(shop, "minutes")
    before = shop.subscription_of()

    with pytest.raises(Invalid) as refusal:
        shop.change_lines(change("minutes", item_price_id="any"), to)

    assert refusal.value.field == "changes[1].item_price_id"
    assert shop.subscription_of() == before


def test_a_cadence_that_the_price_of_a_line_is_not_for_is_refused(shop: World) -> None:
    subscribed(shop, "minutes", "seats")

    for at_ in ("term_end", "now"):
        with pytest.raises(Invalid) as refusal:
            recadence(shop, YEAR, at_)
        assert refusal.value.field == "unit"
        assert refusal.value.message == "the price 'minutes' is charged every 1 month"
    assert shop.subscription_of().version == 1
    assert change_zone("sub", "Asia/Tokyo", office=shop.office).new, "a zone is no cadence"


def test_a_line_that_is_gone_by_then_holds_no_cadence_up(shop: World) -> None:
    subscribed(shop, "minutes", "seats")
    shop.change_lines(remove("minutes"), effective="2026-10-20")

    assert recadence(shop, YEAR).new


def test_a_line_is_held_to_the_cadence_that_is_to_come(shop: World) -> None:
    subscribed(shop, "any")
    recadence(shop, YEAR)

    for effective in ("now", "term_end"):
        with pytest.raises(Invalid):
            shop.change_lines(change("any", item_price_id="minutes"), effective=effective)
    with pytest.raises(Invalid):
        shop.change_lines(change("any", item_price_id="yearly"), effective="now")
    edited = shop.change_lines(change("any", item_price_id="yearly"), effective="term_end")

    assert edited.subscription.lines[-1].item_price_id == "yearly"


@pytest.mark.parametrize("at_", ["term_end", "now"])
def test_lines_change_together_with_the_cadence(shop: World, at_: str) -> None:
    subscribed(shop, "minutes")
    shop.record("100", "2026-10-03")
    to = change("minutes", item_price_id="yearly")

    edited = recadence(shop, YEAR, at_, to)
    again = recadence(shop, YEAR, at_, to) if at_ == "term_end" else edited

    assert [line.item_price_id for line in edited.subscription.lines] == ["minutes", "yearly"]
    assert again.subscription == edited.subscription
    shop.skip_to("2026-11-02T00:30")
    shop.record("100", "2026-11-01")
    shop.skip_to("2027-11-02T00:30")
    shop.come_to_rest(rounds_max=20)
    used = [
        (line.item_price_id, str(line.amount))
        for invoice in shop.issued()
        for line in shop.content(invoice).lines
    ]
    assert sorted(used) == [("minutes", "5.00"), ("yearly", "4.00")]


def test_a_seat_that_is_changed_with_the_cadence_is_given_back_and_charged_anew() -> None:
    world = World.at("2026-10-01T08:00")
    world.price("monthly", "31", metered=False, cadence=MONTH)
    world.price("yearly", "365", item_id="item-monthly", cadence=YEAR)
    subscribed(world, "monthly")
    world.sweep()
    world.clock.now = at("2026-10-11")

    recadence(world, YEAR, "now", change("monthly", item_price_id="yearly"))
    world.sweep()
    world.come_to_rest()

    said = [
        (line.item_price_id, line.kind.value, str(line.amount))
        for invoice in world.issued()
        for line in world.content(invoice).lines
    ]
    assert said == [
        ("monthly", "recurring", "31.00"),
        ("monthly", "credit", "-21.00"),
        ("yearly", "recurring", "365.00"),
    ]


def test_a_change_that_is_not_for_the_new_cadence_is_refused_with_it(shop: World) -> None:
    subscribed(shop, "minutes", "seats")
    before = shop.subscription_of()

    for to, field in (
        (change("minutes", item_price_id="quarterly"), "changes[0].item_price_id"),
        (change("seats", quantity=2), "unit"),
    ):
        with pytest.raises(Invalid) as refusal:
            recadence(shop, YEAR, "term_end", to)
        assert refusal.value.field == field
    with pytest.raises(Invalid) as refusal:
        recadence(shop, YEAR, "term_end", *[change("seats", quantity=2)] * 51)
    assert refusal.value.field == "changes"
    assert shop.subscription_of() == before


# --- archived


def archive(world: World, what: str) -> None:
    if what == "price":
        world.reprice("minutes", archived=True)
    else:
        world.change_item("item-minutes", archived=True)


@pytest.mark.parametrize("what", ["price", "item"])
def test_what_is_archived_goes_on_no_new_line(shop: World, what: str) -> None:
    subscribed(shop, "seats")
    archive(shop, what)

    with pytest.raises(Conflict) as refusal:
        shop.subscription("seats", "minutes", subscription_id="other")
    assert (refusal.value.code, refusal.value.field) == ("archived", "lines[1].item_price_id")
    with pytest.raises(Conflict) as refusal:
        shop.change_lines(add("minutes"))
    assert (refusal.value.code, refusal.value.field) == ("archived", "changes[0].item_price_id")


def test_no_line_is_changed_to_an_archived_price(shop: World) -> None:
    subscribed(shop, "any", "seats")
    shop.reprice("minutes", archived=True)
    shop.reprice("seats", archived=True)

    for to in (change("any", item_price_id="minutes"), change("seats", item_price_id="seats")):
        with pytest.raises(Conflict) as refusal:
            shop.change_lines(to)
        assert refusal.value.code == "archived"


@pytest.mark.parametrize("what", ["price", "item"])
def test_lines_that_are_there_stay_as_they_are(shop: World, what: str) -> None:
    subscribed(shop, "minutes", "seats")
    archive(shop, what)
    shop.reprice("seats", archived=True)

    assert shop.change_lines(change("seats", quantity=3), effective="now").new
    shop.record("100", "2026-10-05")
    shop.skip_to("2026-11-01T00:30")
    shop.come_to_rest()

    charged = [
        (line.line_id, line.kind.value, str(line.quantity))
        for invoice in shop.issued()
        for line in shop.content(invoice).lines
    ]
    assert ("minutes", "usage", "100") in charged
    assert ("seats", "recurring", "3") in charged


def test_a_creation_that_comes_again_finds_what_is_there(shop: World) -> None:
    made = subscribed(shop, "minutes", "any").subscription_of()
    shop.reprice("minutes", archived=True)

    assert shop.subscription("minutes", "any", start="2026-10-01", closing=AUTO_AT_ONCE) == made
    with pytest.raises(Conflict) as refusal:
        shop.subscription("minutes", start="2026-10-01")
    assert refusal.value.code == "already_exists"


def test_an_addition_that_comes_again_finds_what_is_there(shop: World) -> None:
    subscribed(shop, "seats")
    made = shop.change_lines(add("minutes", "calls"), effective="2026-10-05")
    shop.reprice("minutes", archived=True)

    again = shop.change_lines(add("minutes", "calls"), effective="2026-10-05")

    assert (made.new, again.new) == (True, False)
    assert again.subscription == made.subscription


# --- how usage is counted


def test_a_line_counts_as_it_did_when_it_was_made(shop: World) -> None:
    """A term's usage of a line is one quantity, whatever entries it has."""
    subscribed(shop, "minutes")
    shop.change_item("item-minutes", aggregation=Aggregation.MAX, unit="second")

    shop.change_lines(change("minutes", item_price_id="any"), add("any", "new"), effective="now")
    shop.change_lines(remove("minutes"), effective="2026-10-10")
    shop.change_lines(add("any", "minutes"), effective="2026-10-12")

    lines = shop.subscription_of().lines
    assert {(line.id, line.unit, line.aggregation) for line in lines} == {
        ("minutes", "minute", Aggregation.SUM),
        ("new", "second", Aggregation.MAX),
    }
    assert len(lines) == 4


# --- what a door keeps with a subscription


def test_a_subscription_is_annotated(shop: World) -> None:
    kept = {"plan": "gold", "seats": [1, True]}
    made = shop.subscription("any", start="2026-10-01", annotations=kept)

    assert shop.subscription_of().annotations == kept
    assert shop.subscription("any", start="2026-10-01", annotations=kept) == made
    with pytest.raises(Conflict):
        shop.subscription("any", start="2026-10-01")
    with pytest.raises(LimitExceeded):
        shop.subscription("any", subscription_id="big", annotations={"a": "x" * 2_048})

    shop.change_lines(add("seats"))
    assert shop.subscription_of().annotations == kept
    assert shop.subscription("any", start="2026-10-01").version == 2, "it was changed since"


def test_what_a_door_keeps_with_a_subscription_is_changed_whole(shop: World) -> None:
    shop.subscription("any", start="2026-10-01", annotations={"a": 1})

    changed = shop.change_closing(ChangeClosing(subscription_id="sub", annotations={"b": 2}))
    assert (changed.annotations, changed.version) == ({"b": 2}, 2)
    kept = shop.change_closing(ChangeClosing(subscription_id="sub", policy=AUTO_AT_ONCE))
    assert kept.annotations == {"b": 2}
    with pytest.raises(LimitExceeded):
        shop.change_closing(ChangeClosing(subscription_id="sub", annotations={"a": "x" * 2_048}))
    assert shop.subscription_of() == kept
