"""Creating items, item prices and customers: once, and equally as often as asked."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.catalog import (
    Created,
    CreateItem,
    CreateItemPrice,
    create_item,
    create_item_price,
)
from postpaid.application.customers import CreateCustomer, create_customer
from postpaid.application.ports import Unavailable
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.customer import Customer
from postpaid.domain.errors import BillingError, Conflict, Invalid, NotFound
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.pricing.per_unit import PerUnit
from postpaid.domain.site import Address
from postpaid.domain.usage import Recording
from postpaid.store.tables import TransactionRefused
from tests.support.faults import Moment, fail
from tests.support.samples import MANUAL, PAYER
from tests.support.world import World

VOICE = CreateItem(
    id="voice",
    name="Voice",
    type=ItemType.PLAN,
    metered=True,
    unit="minute",
    recording=Recording.ONE_PER_DATE,
)
MINUTES = CreateItemPrice(
    id="minutes",
    item_id="voice",
    name="Call minutes",
    currency="USD",
    pricing={"pricing_model": "per_unit", "unit_amount": "0.05"},
    base_fee="10.00",
)
INITECH = CreateCustomer(id="initech", address=PAYER, closing=None)


@pytest.fixture
def shop() -> World:
    return World.at("2026-10-05T12:00")


def add_item(world: World, command: CreateItem = VOICE) -> Created[Item]:
    stores = world.stores
    return create_item(
        command,
        items=stores.items,
        families=stores.families,
        ids=stores.ids(world.blocks),
        now=world.now,
    )


def add_price(world: World, command: CreateItemPrice = MINUTES) -> Created[ItemPrice]:
    stores = world.stores
    return create_item_price(
        command,
        items=stores.items,
        prices=stores.prices,
        ids=stores.ids(world.blocks),
        now=world.now,
    )


def add_customer(world: World, command: CreateCustomer = INITECH) -> Created[Customer]:
    stores = world.stores
    return create_customer(
        command,
        customers=stores.customers,
        sites=stores.sites,
        ids=stores.ids(world.blocks),
        now=world.now,
    )


def test_everything_is_created_with_the_next_integer(shop: World) -> None:
    item = add_item(shop)
    price = add_price(shop)
    customer = add_customer(shop)

    assert (item.new, price.new, customer.new) == (True, True, True)
    assert item.thing == shop.stores.items.get("voice")
    assert price.thing == shop.stores.prices.newest("minutes")
    assert customer.thing == shop.stores.customers.get("initech")
    assert (item.thing.number, price.thing.number, customer.thing.number) == (1, 1, 2)
    assert (price.thing.charge.model, price.thing.base_fee) == (
        PerUnit(Decimal("0.05")),
        Decimal(10),
    )
    assert price.thing.version == 1


def test_a_price_without_a_name_has_its_items(shop: World) -> None:
    add_item(shop)

    assert add_price(shop, replace(MINUTES, name=None)).thing.name == "Voice"
    assert add_price(shop, replace(MINUTES, id="m2", name="")).thing.name == ""


def test_creating_equally_again_changes_nothing(shop: World) -> None:
    first = add_item(shop), add_price(shop), add_customer(shop)

    second = (
        add_item(shop),
        add_price(shop, replace(MINUTES, base_fee="10")),
        add_customer(shop),
    )

    assert [made.new for made in second] == [False] * 3
    assert [made.thing for made in second] == [made.thing for made in first]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"type": ItemType.ADDON},
        {"metered": False},
        {"unit": None},
        {"recording": Recording.EVENTS},
        {"description": "By the minute"},
        {"annotations": {"vat_class": 3}},
    ],
    ids=str,
)
def test_an_id_stands_for_one_item(shop: World, changes: dict[str, Any]) -> None:
    add_item(shop)

    with pytest.raises(Conflict) as refusal:
        add_item(shop, replace(VOICE, **changes))

    assert (refusal.value.code, refusal.value.field) == ("already_exists", "id")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"item_id": "other"},
        {"currency": "EUR"},
        {"base_fee": None},
        {"pricing": {"pricing_model": "flat_fee", "amount": "0.05"}},
        {"pricing": {"pricing_model": "per_unit", "unit_amount": "0.06"}},
        {"cadence": Cadence("month", 1)},
        {"description": "By the minute"},
        {"annotations": {"vat_class": 3}},
    ],
    ids=str,
)
def test_an_id_stands_for_one_price(shop: World, changes: dict[str, Any]) -> None:
    add_item(shop)
    add_item(shop, replace(VOICE, id="other"))
    first = add_price(shop).thing

    with pytest.raises(Conflict) as refusal:
        add_price(shop, replace(MINUTES, **changes))

    assert refusal.value.code == "already_exists"
    assert shop.stores.prices.newest("minutes") == first


@pytest.mark.parametrize(
    "changes",
    [
        {"address": Address(name="Other")},
        {"closing": MANUAL},
        {"payment_days": 30},
        {"annotations": {"crm": "0041"}},
    ],
    ids=str,
)
def test_an_id_stands_for_one_customer(shop: World, changes: dict[str, Any]) -> None:
    add_customer(shop)

    with pytest.raises(Conflict):
        add_customer(shop, replace(INITECH, **changes))


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"id": "a/b"}, Invalid, "id"),
        ({"item_id": ""}, Invalid, "item_id"),
        ({"item_id": "nothing"}, NotFound, "item_id"),
        ({"currency": "usd"}, Invalid, "currency"),
        ({"base_fee": "-1"}, Invalid, "base_fee"),
        ({"base_fee": 1.5}, Invalid, "base_fee"),
        ({"setup_fee": "-1"}, Invalid, "setup_fee"),
        ({"setup_fee": 1.5}, Invalid, "setup_fee"),
        ({"pricing": {"pricing_model": "barter"}}, Invalid, "pricing_model"),
        ({"pricing": {"pricing_model": "per_unit"}}, Invalid, "unit_amount"),
    ],
    ids=str,
)
def test_a_price_that_cannot_be_is_refused(
    shop: World, changes: dict[str, Any], error: type[BillingError], field: str
) -> None:
    add_item(shop)

    with pytest.raises(error) as refusal:
        add_price(shop, replace(MINUTES, **changes))

    assert refusal.value.field == field
    assert shop.stores.prices.newest("minutes") is None


def test_only_a_metered_item_has_a_base_fee(shop: World) -> None:
    add_item(shop, replace(VOICE, metered=False, unit=None))
    flat = {"pricing_model": "flat_fee", "amount": "5"}

    with pytest.raises(Invalid) as refusal:
        add_price(shop, replace(MINUTES, pricing=flat))
    assert refusal.value.field == "base_fee"
    price = add_price(shop, replace(MINUTES, pricing=flat, base_fee=None)).thing

    assert price.charge.model == FlatFee(Decimal(5))


@pytest.mark.parametrize("role", [*ItemType])
def test_a_plan_and_an_addon_have_a_setup_fee_metered_or_not_and_a_charge_has_none(
    shop: World, role: ItemType
) -> None:
    add_item(shop, replace(VOICE, type=role, metered=False, unit=None))
    flat = {"pricing_model": "flat_fee", "amount": "5"}
    asked = replace(MINUTES, pricing=flat, base_fee=None, setup_fee="7.50")

    if role is ItemType.CHARGE:
        with pytest.raises(Invalid) as refusal:
            add_price(shop, asked)
        assert refusal.value.field == "setup_fee"
        asked = replace(asked, setup_fee=None)
        add_price(shop, asked)
        with pytest.raises(Invalid) as refusal:
            shop.reprice("minutes", setup_fee="7.50")
        assert refusal.value.field == "setup_fee"
        return

    assert add_price(shop, asked).thing.setup_fee == Decimal("7.50")
    assert not add_price(shop, asked).new
    with pytest.raises(Conflict):
        add_price(shop, replace(asked, setup_fee="8"))


def test_a_setup_fee_is_of_a_version(shop: World) -> None:
    add_item(shop)
    add_price(shop, replace(MINUTES, setup_fee="7.50"))

    dearer = shop.reprice("minutes", setup_fee="8")
    none = shop.reprice("minutes", setup_fee=None)
    again = shop.reprice("minutes", base_fee="12")

    fees = [(each.version, each.setup_fee) for each in (dearer, none, again)]
    assert fees == [(2, Decimal(8)), (3, None), (4, None)]
    stored = shop.stores.prices.versions([("minutes", 1), ("minutes", 3)])
    assert [stored["minutes", n].setup_fee for n in (1, 3)] == [Decimal("7.50"), None]
    with pytest.raises(Invalid) as refusal:
        shop.reprice("minutes", setup_fee="-1")
    assert refusal.value.field == "setup_fee"


def test_items_are_refused_by_their_own_rules(shop: World) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"id": " a"}, "id"),
        ({"type": ItemType.CHARGE}, "metered"),
        ({"metered": False, "recording": Recording.EVENTS}, "recording"),
    ]
    for changes, field in cases:
        with pytest.raises(Invalid) as refusal:
            add_item(shop, replace(VOICE, **changes))
        assert refusal.value.field == field
    with pytest.raises(Invalid):
        add_customer(shop, replace(INITECH, id=".."))


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("add", [add_item, add_price, add_customer])
def test_a_creation_without_an_answer_is_safe_to_repeat(
    shop: World, add: Any, moment: Moment
) -> None:
    if add is add_price:
        add_item(shop)
    write = "billing.transact" if add is add_price else "billing.put"
    shop.calls.arm(write, moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        add(shop)

    assert add(shop).new is (moment is Moment.BEFORE)
    assert not add(shop).new


def test_a_price_that_meets_another_one_is_neither_created_nor_a_conflict(shop: World) -> None:
    add_item(shop)
    shop.calls.arm("billing.transact", Moment.BEFORE, fail(TransactionRefused({})))
    with pytest.raises(Unavailable):
        add_price(shop)
    assert shop.stores.prices.newest("minutes") is None

    assert add_price(shop).new
