"""Items, item prices, customers and subscriptions: read as they were stored, added once."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.catalog import ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.site import Address, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Recording
from postpaid.runtime.cache import Cache
from postpaid.store import keys
from postpaid.store.catalog import StoredItems, StoredPrices, item_from_price
from postpaid.store.customers import StoredCustomers
from postpaid.store.subscriptions import StoredSubscriptions, item_from_subscription
from postpaid.store.tables import Put, Table
from tests.support.samples import (
    AUTO_AT_ONCE,
    MANUAL,
    SCOPE,
    a_catalog_item,
    a_customer,
    a_line,
    a_price,
    a_subscription,
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
        lambda table: StoredItems(table, SCOPE).add(a_catalog_item(number=2)),
        lambda table: StoredPrices(table, SCOPE).add(a_price(number=2)),
        lambda table: StoredCustomers(table, SCOPE).add(a_customer(number=2)),
    ],
    ids=["item", "price", "customer"],
)
def test_an_id_is_taken_once(billing: Table, add: Callable[[Table], None]) -> None:
    StoredItems(billing, SCOPE).add(a_catalog_item())
    StoredPrices(billing, SCOPE).add(a_price())
    StoredCustomers(billing, SCOPE).add(a_customer())

    with pytest.raises(Lost):
        add(billing)

    assert StoredItems(billing, SCOPE).get("voice") == a_catalog_item()
    assert StoredPrices(billing, SCOPE).newest("minutes") == a_price()
    assert StoredCustomers(billing, SCOPE).get("globex") == a_customer()
