"""Families, items, prices and customers change and end; what others made of them stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from postpaid.application.catalog import CreateItemPrice, create_item_price
from postpaid.application.item_families import CreateItemFamily, create_item_family
from postpaid.application.ports import Unavailable
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.site import Address
from postpaid.domain.tax import TaxRates
from postpaid.domain.usage import Aggregation
from postpaid.store.tables import ConditionFailed, TransactionRefused
from tests.support.faults import Moment, fail
from tests.support.names import named
from tests.support.samples import AUTO_AT_ONCE, MANUAL, PAYER, at
from tests.support.world import World

LATER = "2026-10-06T08:00"
HUGE = {"a": "x" * 8_192}


@pytest.fixture
def shop() -> World:
    """A family with an item that has a price; a day later nothing else happened."""
    world = World.at("2026-10-05T12:00")
    world.family("telephony")
    world.item("voice", family_id="telephony")
    world.price("minutes", "0.05", item_id="voice")
    world.clock.now = at(LATER)
    return world


type Change = Callable[..., Any]


def family(world: World, **fields: Any) -> Any:
    return world.change_family("telephony", **fields)


def item(world: World, **fields: Any) -> Any:
    return world.change_item("voice", **fields)


def price(world: World, **fields: Any) -> Any:
    return world.reprice("minutes", **fields)


def customer(world: World, **fields: Any) -> Any:
    return world.change_customer("globex", **fields)


def stored(world: World, change: Change) -> Any:
    """Read the thing that a change is of."""
    stores = world.stores
    read: dict[Change, Callable[[], Any]] = {
        family: lambda: stores.families.get("telephony"),
        item: lambda: stores.items.get("voice"),
        price: lambda: stores.prices.newest("minutes"),
        customer: lambda: stores.customers.get("globex"),
    }
    return read[change]()


CHANGES: list[tuple[Change, dict[str, Any]]] = [
    (family, {"name": "Phones"}),
    (family, {"description": "All that rings"}),
    (family, {"archived": True}),
    (item, {"name": "Calls"}),
    (item, {"unit": "second"}),
    (item, {"unit": None}),
    (item, {"description": "By the minute"}),
    (item, {"family_id": None}),
    (item, {"archived": True}),
    (item, {"aggregation": Aggregation.MAX}),
    (price, {"name": "A minute"}),
    (price, {"description": "On weekdays"}),
    (price, {"archived": True}),
    (customer, {"address": Address(name="Globex Ltd")}),
    (customer, {"closing": MANUAL}),
    (customer, {"tax": TaxRates((), inclusive=True)}),
    (customer, {"payment_days": 14}),
]


@pytest.mark.parametrize(("change", "fields"), CHANGES, ids=named)
def test_a_change_is_stored_as_the_next_version(
    shop: World, change: Change, fields: dict[str, Any]
) -> None:
    before = stored(shop, change)

    changed = change(shop, **fields)

    assert changed == stored(shop, change)
    [(name, value)] = fields.items()
    assert getattr(changed, name) == value != getattr(before, name)
    assert (changed.version, changed.updated_at) == (before.version + 1, at(LATER))
    assert (changed.id, changed.number) == (before.id, before.number)
    assert change(shop, **fields) == changed, "nothing is different the second time"


@pytest.mark.parametrize("change", [family, item, price, customer])
def test_what_a_door_keeps_is_changed_whole(shop: World, change: Change) -> None:
    change(shop, annotations={"a": 1, "b": [True]})
    changed = change(shop, annotations={"a": True})

    assert stored(shop, change).annotations == {"a": True}
    assert changed.version == 3, "true is not 1"
    assert change(shop, annotations={}).annotations_text == ""


@pytest.mark.parametrize("change", [family, item, price, customer])
def test_what_a_door_keeps_has_a_limit(shop: World, change: Change) -> None:
    before = stored(shop, change)

    with pytest.raises(LimitExceeded) as refusal:
        change(shop, annotations=HUGE)

    assert refusal.value.field == "annotations"
    assert stored(shop, change) == before


@pytest.mark.parametrize(
    ("change", "fields", "error", "field"),
    [
        (family, {"name": ""}, Invalid, "name"),
        (family, {"name": "x" * 51}, Invalid, "name"),
        (family, {"description": "x" * 501}, Invalid, "description"),
        (item, {"description": "x" * 2001}, Invalid, "description"),
        (item, {"family_id": "nothing"}, NotFound, "family_id"),
        (item, {"family_id": "a/b"}, Invalid, "family_id"),
        (price, {"description": ""}, Invalid, "description"),
        (customer, {"payment_days": -1}, Invalid, "payment_days"),
        (customer, {"payment_days": 366}, Invalid, "payment_days"),
        (customer, {"series": "nothing"}, NotFound, "series"),
    ],
    ids=named,
)
def test_a_change_that_cannot_be_is_refused(
    shop: World, change: Change, fields: dict[str, Any], error: type[BillingError], field: str
) -> None:
    before = stored(shop, change)

    with pytest.raises(error) as refusal:
        change(shop, **fields)

    assert refusal.value.field == field
    assert stored(shop, change) == before


@pytest.mark.parametrize("change", [family, item, price, customer])
@pytest.mark.parametrize("times", [1, 3])
def test_a_change_that_meets_others_is_made_over_theirs(
    shop: World, change: Change, times: int
) -> None:
    write = "billing.transact" if change is price else "billing.put"
    refusal = TransactionRefused({}) if change is price else ConditionFailed(None)
    other, met = shop.another_process(), list[int]()

    def spring() -> None:
        met.append(len(met))
        change(other, annotations={"met": len(met)})
        if len(met) < times:
            shop.calls.arm(write, Moment.BEFORE, spring)

    shop.calls.arm(write, Moment.BEFORE, spring)
    changed = change(shop, **({"payment_days": 5} if change is customer else {"archived": True}))

    assert changed.annotations == {"met": times}
    assert changed.version == times + 2
    shop.calls.arm(write, Moment.BEFORE, fail(refusal))
    change(shop, annotations={})


@pytest.mark.parametrize(
    ("process", "code"),
    [
        (lambda world: world.change_family("nothing", name="x"), "item_family_not_found"),
        (lambda world: world.change_item("nothing", name="x"), "item_not_found"),
        (lambda world: world.reprice("nothing", name="x"), "item_price_not_found"),
        (lambda world: world.change_customer("nothing", payment_days=1), "customer_not_found"),
    ],
    ids=["family", "item", "price", "customer"],
)
def test_what_is_not_there_is_not_changed(shop: World, process: Any, code: str) -> None:
    with pytest.raises(NotFound) as refusal:
        process(shop)

    assert refusal.value.code == code


# --- families


def new_family(world: World, **more: Any) -> Any:
    stores = world.stores
    command = CreateItemFamily(**{"id": "data", "name": "Data", **more})
    return create_item_family(
        command, families=stores.families, ids=stores.ids(world.blocks), now=world.now
    )


def test_a_family_is_created_once(shop: World) -> None:
    first = new_family(shop, annotations={"a": 1})
    again = new_family(shop, annotations={"a": 1})

    assert (first.new, again.new) == (True, False)
    assert first.thing == again.thing == shop.stores.families.get("data")
    for other in ({"name": "Other"}, {"description": "x"}, {"annotations": {"a": True}}):
        with pytest.raises(Conflict) as refusal:
            new_family(shop, **{"annotations": {"a": 1}, **other})
        assert refusal.value.code == "already_exists"


@pytest.mark.parametrize("moment", Moment)
def test_a_family_without_an_answer_is_safe_to_repeat(shop: World, moment: Moment) -> None:
    shop.calls.arm("billing.transact", moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        new_family(shop)

    assert new_family(shop).new is (moment is Moment.BEFORE)
    assert not new_family(shop).new


def test_an_item_is_in_a_family_that_takes_items(shop: World) -> None:
    with pytest.raises(NotFound) as refusal:
        shop.item("video", family_id="nothing")
    assert (refusal.value.code, refusal.value.field) == ("item_family_not_found", "family_id")
    shop.change_family("telephony", archived=True)
    with pytest.raises(NotFound) as refusal:
        shop.item("video", family_id="telephony")
    assert refusal.value.code == "item_family_not_found"
    assert shop.stores.items.get("video") is None

    # One that is there is as it was, and so is its creation when it comes again.
    there = shop.item("voice", family_id="telephony")
    assert there.family_id == "telephony"
    assert shop.change_item("voice", name="Calls").family_id == "telephony"
    with pytest.raises(NotFound):
        shop.item("voice", family_id="telephony")


# --- items and prices


def test_a_list_shows_a_price_where_it_was_first_created(shop: World) -> None:
    shop.price("texts", "0.10", item_id="voice")

    changed = shop.reprice("minutes", base_fee="10")
    again = shop.reprice("minutes", base_fee="11")

    assert (changed.first_created_at, changed.updated_at) == (at("2026-10-05T12:00"), at(LATER))
    assert again.first_created_at == at("2026-10-05T12:00")
    things, more = shop.stores.lists(shop.now).prices(None, 9)
    assert [(each.id, each.version) for each in things] == [("texts", 1), ("minutes", 3)]
    assert more is None


def test_an_archived_item_takes_no_more_prices(shop: World) -> None:
    shop.change_item("voice", archived=True)

    with pytest.raises(Conflict) as refusal:
        shop.price("texts", "0.10", item_id="voice")
    assert (refusal.value.code, refusal.value.field) == ("archived", "item_id")
    assert shop.price("minutes", "0.05", item_id="voice").version == 1, "it is there already"
    assert shop.reprice("minutes", base_fee="10").version == 2
    with pytest.raises(Conflict) as refusal:
        shop.price("minutes", "0.06", item_id="voice")
    assert refusal.value.code == "already_exists"

    shop.change_item("voice", archived=False)
    assert shop.price("texts", "0.10", item_id="voice").version == 1


def test_a_price_that_has_its_items_name_is_the_same_after_the_item_is_renamed(
    shop: World,
) -> None:
    first = shop.stores.prices.newest("minutes")
    shop.change_item("voice", name="Calls")

    assert shop.price("minutes", "0.05", item_id="voice") == first


def test_a_price_keeps_its_cadence(shop: World) -> None:
    stores = shop.stores
    command = CreateItemPrice(
        id="yearly",
        item_id="voice",
        name=None,
        currency="USD",
        pricing={"pricing_model": "per_unit", "unit_amount": "0.05"},
        base_fee=None,
        cadence=Cadence("year"),
        description="A year ahead",
    )
    made = create_item_price(
        command, items=stores.items, prices=stores.prices, ids=stores.ids({}), now=shop.now
    ).thing

    assert made == shop.stores.prices.newest("yearly")
    assert shop.reprice("yearly", base_fee="1").cadence == Cadence("year")
    assert shop.stores.prices.newest("yearly") == replace(
        made,
        base_fee=shop.reprice("yearly", base_fee="1").base_fee,
        version=2,
        begun_at=made.created_at,
    )


# --- customers


def test_parts_of_an_address_change_alone(shop: World) -> None:
    shop.change_customer(address_parts={"email": "due@globex.example"})
    changed = shop.change_customer(address_parts={"lines": ("10 Elm Street",)})

    assert changed.address == replace(PAYER, email="due@globex.example", lines=("10 Elm Street",))


def test_a_customers_policy_counts_from_the_next_end_of_a_term() -> None:
    world = World.voip()
    world.change_customer(closing=MANUAL)
    world.skip_to("2026-11-01T00:30")
    world.sweep()
    assert world.term("2026-10-01").due_at is None

    world.change_customer(closing=AUTO_AT_ONCE)
    assert world.term("2026-10-01").due_at is None, "it has ended already"
    world.skip_to("2026-12-01T00:30")
    world.come_to_rest()

    assert [invoice.period_end for invoice in world.issued()] == [at("2026-12-01")]
    assert world.change_customer(closing=None).closing is None


def test_a_customer_that_was_changed_back_is_created_again_equally(shop: World) -> None:
    shop.change_customer(payment_days=30)
    with pytest.raises(Conflict):
        shop.customer()

    shop.change_customer(payment_days=0)
    assert shop.customer().version == 3
