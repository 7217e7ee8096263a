"""Items, item prices, customers and subscriptions: read as they were stored, added once."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.site import Address, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Aggregation, Recording
from postpaid.runtime.cache import Cache
from postpaid.store import keys
from postpaid.store.catalog import StoredItems, StoredPrices, item_from_price
from postpaid.store.customers import StoredCustomers, begun_write
from postpaid.store.item_families import StoredItemFamilies
from postpaid.store.listing import StoredLists
from postpaid.store.subscriptions import StoredSubscriptions, item_from_subscription
from postpaid.store.tables import ConditionFailed, Put, Table
from tests.support.samples import (
    AUTO_AT_ONCE,
    MANUAL,
    SCOPE,
    a_catalog_item,
    a_customer,
    a_family,
    a_line,
    a_price,
    a_subscription,
    at,
)

OTHER_SCOPE = Scope("acme", 2)


# --- items and prices


def test_an_item_is_read_as_it_was_stored(billing: Table) -> None:
    items = StoredItems(billing, SCOPE)
    fee = a_catalog_item("f#e~e", type=ItemType.CHARGE, metered=False, unit=None)
    events = a_catalog_item("events", recording=Recording.EVENTS)
    items.add(fee)
    items.add(events)

    assert items.get("f#e~e") == fee
    assert items.get("events") == events
    assert items.get("fee") is None
    assert StoredItems(billing, Scope("other")).get("events") is None


def test_the_catalogue_is_the_same_in_every_generation_of_a_site(billing: Table) -> None:
    first, later = (StoredPrices(billing, Scope("acme", generation)) for generation in (1, 7))
    first.add(a_price())
    StoredItems(billing, SCOPE).add(a_catalog_item())
    later.replace(a_price(version=2))

    assert StoredItems(billing, OTHER_SCOPE).get("voice") == a_catalog_item()
    assert first.newest("minutes") == later.newest("minutes") == a_price(version=2)
    assert later.versions([("minutes", 1), ("minutes", 2)]).keys() == {
        ("minutes", 1),
        ("minutes", 2),
    }


def test_a_price_is_read_as_it_was_stored(billing: Table) -> None:
    prices = StoredPrices(billing, SCOPE)
    flat = a_price("f#lat", charge=Charge(model=FlatFee(Decimal("19.99"))), base_fee=None)
    flat = replace(flat, setup_fee=Decimal("49.90"))
    prices.add(a_price())
    prices.add(flat)

    assert prices.newest("minutes") == a_price()
    assert prices.newest("f#lat") == flat
    assert prices.newest("other") is None
    assert prices.versions([("f#lat", 1), ("minutes", 1), ("minutes", 1)]) == {
        ("minutes", 1): a_price(),
        ("f#lat", 1): flat,
    }


def test_every_version_of_a_price_is_kept(billing: Table) -> None:
    prices = StoredPrices(billing, SCOPE)
    prices.add(a_price())
    second = a_price(version=2, base_fee=Decimal(12))
    billing.put(
        Put(item_from_price(SCOPE, second) | keys.price_version(SCOPE, "minutes", 2)._asdict())
    )

    assert prices.versions([("minutes", 1), ("minutes", 2)]) == {
        ("minutes", 1): a_price(),
        ("minutes", 2): second,
    }
    with pytest.raises(KeyError):
        prices.versions([("minutes", 1), ("minutes", 3)])


def test_everything_that_may_be_said_of_a_price_is_stored(billing: Table) -> None:
    prices = StoredPrices(billing, SCOPE)
    price = a_price(
        cadence=Cadence("month", 3),
        description="By the minute\nor part",
        annotations_text='{"a":1}',
    )
    prices.add(price)
    assert prices.newest("minutes") == price

    later = replace(price, version=2, created_at=at("2026-11-03"), begun_at=price.created_at)
    prices.replace(replace(later, archived=True))
    assert prices.newest("minutes") == replace(later, archived=True)
    assert prices.versions([("minutes", 1)])["minutes", 1] == price


def test_a_price_is_listed_once_where_it_was_first_created(billing: Table) -> None:
    prices = StoredPrices(billing, SCOPE)
    prices.add(a_price())
    prices.add(a_price("texts", created_at=at("2026-10-02")))
    lists = StoredLists(billing, SCOPE, oldest=at("2026-10-01"), newest=at("2026-12-31"))

    first = a_price().created_at
    second = a_price(version=2, created_at=at("2026-11-03"), begun_at=first)
    prices.replace(second)
    prices.replace(replace(second, version=3, created_at=at("2026-12-03")))

    things, more = lists.prices(None, 9)
    assert [(each.id, each.version) for each in things] == [("texts", 1), ("minutes", 3)]
    assert more is None
    page, place = lists.prices(None, 1)
    rest, _ = lists.prices(place, 1)
    assert [each.id for each in (*page, *rest)] == ["texts", "minutes"]


def test_a_version_that_was_stored_before_stays_where_it_was_listed(billing: Table) -> None:
    """Before, a version was listed by its own creation, and kept no other."""
    prices = StoredPrices(billing, SCOPE)
    prices.add(a_price())
    old = a_price(version=2, created_at=at("2026-11-03"))
    prices.replace(old)
    there = prices.newest("minutes")
    assert there == old
    assert there.first_created_at == at("2026-11-03")

    row = billing.get(keys.entity(SCOPE, "item_price", "minutes"))
    prices.replace(
        replace(old, version=3, created_at=at("2026-12-03"), begun_at=there.first_created_at)
    )
    now = billing.get(keys.entity(SCOPE, "item_price", "minutes"))

    assert row is not None
    assert now is not None
    assert (row["lpk"], row["lsk"]) == (now["lpk"], now["lsk"])


# --- what changes in place

LATER = at("2026-11-03")
KEPT = '{"a":{"b":[1,true,null]}}'


def families(table: Table) -> StoredItemFamilies:
    return StoredItemFamilies(table, SCOPE)


def items(table: Table) -> StoredItems:
    return StoredItems(table, SCOPE)


def customers_of(table: Table) -> StoredCustomers:
    return StoredCustomers(table, SCOPE)


THINGS = pytest.mark.parametrize(
    ("store_of", "thing", "fields"),
    [
        pytest.param(
            families,
            a_family(),
            {"name": "Phones", "description": "All that rings", "archived": True},
            id="family",
        ),
        pytest.param(
            items,
            a_catalog_item(),
            {
                "name": "Calls",
                "description": "By the minute",
                "family_id": "tele#phony",
                "archived": True,
                "aggregation": Aggregation.LAST,
            },
            id="item",
        ),
        pytest.param(
            customers_of,
            a_customer(),
            {"address": Address(name="P"), "payment_days": 365, "closing": MANUAL},
            id="customer",
        ),
    ],
)


@THINGS
def test_a_changed_thing_is_read_as_it_was_stored(
    billing: Table, store_of: Any, thing: Any, fields: dict[str, Any]
) -> None:
    store = store_of(billing)
    store.add(thing)
    changed = replace(thing, **fields, annotations_text=KEPT, version=2, changed_at=LATER)

    store.replace(changed)

    assert store.get(thing.id) == changed
    plain = replace(thing, version=3, changed_at=LATER)
    store.replace(plain)
    assert store.get(thing.id) == plain, "what is taken away is gone"


@THINGS
def test_a_thing_is_replaced_by_its_next_version_only(
    billing: Table, store_of: Any, thing: Any, fields: dict[str, Any]
) -> None:
    store = store_of(billing)
    second = replace(thing, **fields, version=2, changed_at=LATER)
    with pytest.raises(Lost):
        store.replace(second)
    assert store.get(thing.id) is None

    store.add(thing)
    with pytest.raises(Lost):
        store.replace(replace(second, version=3))
    store.replace(second)
    for late in (second, replace(second, version=4)):
        with pytest.raises(Lost):
            store.replace(late)
    with pytest.raises(Lost):
        store.add(thing)

    assert store.get(thing.id) == second


def test_the_tally_of_a_customer_ends_what_may_begin(billing: Table) -> None:
    customers = StoredCustomers(billing, SCOPE)
    customers.add(a_customer())
    deleted = a_customer(deleted=True, version=2, changed_at=LATER)
    assert customers.begun("globex") == 0
    billing.update(begun_write(SCOPE, "globex"))
    assert customers.begun("globex") == 1

    for stale in (0, 2):
        with pytest.raises(Lost):
            customers.delete(deleted, begun=stale)
    with pytest.raises(Lost):
        customers.delete(replace(deleted, version=3), begun=1)
    assert customers.get("globex") == a_customer()
    customers.delete(deleted, begun=1)

    assert customers.get("globex") == deleted
    with pytest.raises(ConditionFailed):
        billing.update(begun_write(SCOPE, "globex"))
    with pytest.raises(Lost):
        customers.delete(replace(deleted, version=3), begun=1)
    assert customers.subscriptions("globex", after=None, limit=9) == []


# --- customers


def test_a_customer_is_read_as_it_was_stored(billing: Table) -> None:
    customers = StoredCustomers(billing, SCOPE)
    plain = a_customer("p#lain", address=Address(name="P"))
    manual = a_customer("manual", closing=MANUAL, series="e#u")
    customers.add(plain)
    customers.add(manual)

    assert customers.get("p#lain") == plain
    assert customers.get("manual") == manual
    assert customers.get("other") is None


def test_a_customers_subscriptions_are_paged_by_their_ids(billing: Table) -> None:
    customers = StoredCustomers(billing, SCOPE)
    ids = ["a", "a#b", "b", "c~", "d"]
    for subscription_id in reversed(ids):
        note = keys.customer_subscription(SCOPE, "globex", subscription_id)
        billing.put(Put({**note._asdict(), "s": 1}))

    found: list[str] = []
    after: str | None = None
    while page := customers.subscriptions("globex", after=after, limit=2):
        found += page
        after = page[-1]

    assert sorted(found) == ids
    assert len(found) == len(ids)
    assert customers.subscriptions("other", after=None, limit=2) == []


# --- subscriptions


def store(table: Table, subscription: Subscription) -> None:
    table.put(Put(item_from_subscription(SCOPE, subscription)))


def test_a_subscription_is_read_as_it_was_stored(billing: Table) -> None:
    subscription = a_subscription(
        "s#u~b",
        annotations_text='{"a":1}',
        changed_at=LATER,
        timezone="America/New_York",
        closing=AUTO_AT_ONCE,
        version=7,
        lines=(
            a_line(),
            a_line("se#ats", metered=False, unit=None, quantity=Decimal("2.5"), number=3),
            a_line("calls", recording=Recording.EVENTS, price_version=4),
        ),
    )
    store(billing, subscription)

    subscriptions = StoredSubscriptions(billing, SCOPE)
    assert subscriptions.get("s#u~b") == subscription
    assert subscriptions.get("s#u~b", fresh=False) == subscription
    assert subscriptions.get("other") is None


def test_a_subscription_is_replaced_by_its_next_version(billing: Table) -> None:
    subscriptions = StoredSubscriptions(billing, SCOPE)
    first = a_subscription()
    store(billing, first)
    second = replace(first, closing=MANUAL, version=2)

    subscriptions.replace(second)
    for late in (second, replace(first, version=4), replace(first, id="other", version=2)):
        with pytest.raises(Lost):
            subscriptions.replace(late)

    assert subscriptions.get("sub") == second
    assert subscriptions.get("other") is None


def test_a_kept_subscription_serves_those_who_need_no_fresh_one(billing: Table) -> None:
    first = a_subscription()
    second = replace(first, closing=MANUAL, version=2)
    subscriptions = StoredSubscriptions(billing, SCOPE, Cache[Subscription]())
    store(billing, first)
    assert subscriptions.get("sub", fresh=False) == first
    store(billing, second)

    assert subscriptions.get("sub", fresh=False) == first
    assert subscriptions.get("sub") == second
    assert subscriptions.get("sub", fresh=False) == second  # the fresh one is kept now


# --- all of them


@pytest.mark.parametrize(
    "add",
    [
        lambda table: StoredItemFamilies(table, SCOPE).add(a_family(number=2)),
        lambda table: StoredItems(table, SCOPE).add(a_catalog_item(number=2)),
        lambda table: StoredPrices(table, SCOPE).add(a_price(number=2)),
        lambda table: StoredCustomers(table, SCOPE).add(a_customer(number=2)),
    ],
    ids=["family", "item", "price", "customer"],
)
def test_an_id_is_taken_once(billing: Table, add: Callable[[Table], None]) -> None:
    StoredItemFamilies(billing, SCOPE).add(a_family())
    StoredItems(billing, SCOPE).add(a_catalog_item())
    StoredPrices(billing, SCOPE).add(a_price())
    StoredCustomers(billing, SCOPE).add(a_customer())

    with pytest.raises(Lost):
        add(billing)

    assert StoredItemFamilies(billing, SCOPE).get("telephony") == a_family()
    assert StoredItems(billing, SCOPE).get("voice") == a_catalog_item()
    assert StoredPrices(billing, SCOPE).newest("minutes") == a_price()
    assert StoredCustomers(billing, SCOPE).get("globex") == a_customer()
