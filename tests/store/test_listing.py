"""Lists: everything that was created is seen exactly once, either way round, at any page size."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from postpaid.application.entries import Appended
from postpaid.domain.money import Money
from postpaid.domain.site import LatePolicy, Scope
from postpaid.store import keys
from postpaid.store.catalog import StoredItems, StoredPrices
from postpaid.store.customers import StoredCustomers, item_from_customer
from postpaid.store.invoices import item_from_invoice
from postpaid.store.item_families import StoredItemFamilies
from postpaid.store.listing import StoredLists
from postpaid.store.manifests import item_from_appended
from postpaid.store.subscriptions import item_from_subscription
from postpaid.store.tables import Put, Table
from tests.support.samples import (
    SCOPE,
    a_catalog_item,
    a_customer,
    a_family,
    a_price,
    a_subscription,
    an_invoice,
    at,
)

BEGUN, NOW = at("2026-07-15"), at("2026-11-20")

type Page = Callable[[str | None, int], tuple[list[str], str | None]]


def lists(table: Table, scope: Scope = SCOPE) -> StoredLists:
    return StoredLists(table, scope, oldest=BEGUN, newest=NOW)


def customers(table: Table, *, ascending: bool = False) -> Page:
    """Return the list of customers as one of their ids."""

    def page(after: str | None, limit: int) -> tuple[list[str], str | None]:
        things, more = lists(table).customers(after, limit, ascending=ascending)
        return [customer.id for customer in things], more

    return page


def read_all(page: Page, limit: int) -> list[str]:
    """Follow a list to its end; every page but the last is full."""
    found: list[str] = []
    after: str | None = None
    while True:
        ids, after = page(after, limit)
        found += ids
        if after is None:
            return found
        assert len(ids) == limit


def add_customers(table: Table, *made: tuple[str, datetime]) -> list[str]:
    """Store customers and return their ids, the newest first."""
    store = StoredCustomers(table, SCOPE)
    for customer_id, created_at in made:
        store.add(a_customer(customer_id, created_at=created_at))
    return [each[0] for each in sorted(made, key=lambda each: (each[1], each[0]), reverse=True)]


@pytest.mark.parametrize("limit", [2, 7, 28, 100])
def test_every_thing_is_seen_once_over_the_months(billing: Table, limit: int) -> None:
    # Months with many, one and none; ids in no order, so that all shards are met.
    days = [0, 0, 1, 2, 5, 5, 5, 16, 18, 20, 21, 47, 90, 91, 92, 93, 94, 95, 100, 101, 110]
    made = [
        (f"c{(n * 7919) % 1000}", BEGUN + timedelta(days=day, hours=n))
        for n, day in enumerate(days)
    ] + [(f"same-{n}", at("2026-10-01")) for n in range(7)]

    newest_first = add_customers(billing, *made)

    assert read_all(customers(billing), limit) == newest_first
    assert read_all(customers(billing, ascending=True), limit) == newest_first[::-1]


def test_a_month_with_more_than_a_page_of_things_is_read_on(billing: Table) -> None:
    made = [(f"c{n}", at("2026-10-03") + timedelta(minutes=n // 3)) for n in range(230)]
    made += [("older", at("2026-09-30T23:59:59")), ("newer", at("2026-11-01"))]

    newest_first = add_customers(billing, *made)

    assert read_all(customers(billing), 100) == newest_first
    assert read_all(customers(billing), 33) == newest_first
    assert read_all(customers(billing, ascending=True), 100) == newest_first[::-1]
    assert read_all(customers(billing, ascending=True), 33) == newest_first[::-1]


def test_what_is_created_while_a_list_is_read_moves_nothing(billing: Table) -> None:
    old = add_customers(
        billing, *((f"c{n}", at("2026-10-01") + n * timedelta(days=3)) for n in range(10))
    )
    page = customers(billing)
    first, after = page(None, 4)

    add_customers(billing, ("new", NOW))
    second, after = page(after, 4)
    third, after = page(after, 4)

    assert first + second + third == old
    assert after is None


def test_what_is_created_while_the_oldest_come_first_comes_last(billing: Table) -> None:
    old = add_customers(
        billing, *((f"c{n}", at("2026-10-01") + n * timedelta(days=3)) for n in range(10))
    )[::-1]
    page = customers(billing, ascending=True)
    first, after = page(None, 4)

    add_customers(billing, ("new", NOW))
    second, after = page(after, 100)

    assert first + second == [*old, "new"]
    assert after is None


@pytest.mark.parametrize("months", [1, 5, 11, 12, 13, 25])
def test_a_list_over_the_turn_of_years_is_read_either_way(billing: Table, months: int) -> None:
    begun = at("2026-11-15")
    made = [("first", begun), ("last", begun + months * timedelta(days=31))]
    newest_first = add_customers(billing, *made)
    long = StoredLists(billing, SCOPE, oldest=begun, newest=made[1][1])

    for ascending in (False, True):
        found, more = long.customers(None, 10, ascending=ascending)
        assert [each.id for each in found] == newest_first[:: -1 if ascending else 1]
        assert more is None


def test_the_place_of_a_thing_is_where_a_list_goes_on_behind_it(billing: Table) -> None:
    made = [a_subscription(f"s{n}", created_at=at(f"2026-{n % 3 + 8:02d}-05")) for n in range(9)]
    for subscription in made:
        billing.put(Put(item_from_subscription(SCOPE, subscription)))
    shown = lists(billing)
    whole, _ = shown.subscriptions(None, 100)

    for n, subscription in enumerate(whole):
        place = shown.place_of(subscription)
        assert shown.subscriptions(place, 100) == (whole[n + 1 :], None)
        behind, _ = shown.subscriptions(place, 100, ascending=True)
        assert behind == whole[:n][::-1]


def test_an_empty_list_ends_at_once(billing: Table) -> None:
    assert lists(billing).customers(None, 10) == ([], None)
    assert lists(billing).invoices(None, 10) == ([], None)
    assert lists(billing).invoices(None, 10, ascending=True) == ([], None)


def test_a_place_before_the_first_month_is_the_end(billing: Table) -> None:
    add_customers(billing, ("c", BEGUN))

    assert customers(billing)("2026-06-30T00:00:00Z#x", 10) == ([], None)
    assert customers(billing, ascending=True)("2026-06-30T00:00:00Z#x", 10) == (["c"], None)


def test_a_place_after_the_last_month_is_the_beginning(billing: Table) -> None:
    add_customers(billing, ("c", BEGUN), ("d", NOW))

    assert customers(billing)("2027-01-01T00:00:00Z#x", 10) == (["d", "c"], None)
    assert customers(billing, ascending=True)("2027-01-01T00:00:00Z#x", 10) == ([], None)


def test_ids_of_every_kind_go_through_a_list(billing: Table) -> None:
    ids = ["a#b", "a~b", "%23", "~", "a b", "!", "Z" * 100]
    newest_first = add_customers(billing, *((each, NOW) for each in ids))

    assert read_all(customers(billing), 2) == newest_first
    assert read_all(customers(billing, ascending=True), 2) == newest_first[::-1]


def test_each_list_holds_its_own_kind(billing: Table) -> None:
    item, price = a_catalog_item(), a_price()
    customer, subscription, invoice = a_customer(), a_subscription(), an_invoice()
    StoredItemFamilies(billing, SCOPE).add(a_family())
    StoredItems(billing, SCOPE).add(item)
    StoredPrices(billing, SCOPE).add(price)
    billing.put(Put(item_from_customer(SCOPE, customer)))
    billing.put(Put(item_from_subscription(SCOPE, subscription)))
    billing.put(Put(item_from_invoice(SCOPE, keys.LIVE, invoice, NOW)))
    late = Appended(
        subscription_id="sub",
        start=at("2026-10-01"),
        k=1,
        content_hash="hash",
        amount=Money(5, "USD"),
        policy=LatePolicy.SUPPLEMENT,
        found_at=NOW,
        billed_in=None,
    )
    billing.put(Put(item_from_appended(SCOPE, late)))
    shown = lists(billing)

    for ascending in (False, True):
        assert shown.item_families(None, 9, ascending=ascending) == ([a_family()], None)
        assert shown.items(None, 9, ascending=ascending) == ([item], None)
        assert shown.prices(None, 9, ascending=ascending) == ([price], None)
        assert shown.customers(None, 9, ascending=ascending) == ([customer], None)
        assert shown.subscriptions(None, 9, ascending=ascending) == ([subscription], None)
        assert shown.invoices(None, 9, ascending=ascending) == ([invoice], None)
        assert shown.late_usages(None, 9, ascending=ascending) == ([late], None)


def test_a_list_shows_one_site_and_generation(billing: Table) -> None:
    add_customers(billing, ("c", NOW))

    for scope in (Scope("acme", 2), Scope("acm"), Scope("other")):
        assert lists(billing, scope).customers(None, 9) == ([], None)


def test_the_catalogue_of_clocks_before_is_listed_in_every_generation(billing: Table) -> None:
    ahead, behind = NOW + timedelta(days=800), BEGUN - timedelta(days=800)
    made = [a_catalog_item(f"i{n}", created_at=each) for n, each in enumerate((ahead, NOW, behind))]
    for item in made:
        StoredItems(billing, SCOPE).add(item)
    add_customers(billing, ("c", ahead))
    scope = Scope("acme", 2)
    afresh = StoredLists(billing, scope, oldest=BEGUN, newest=NOW, former=(behind, ahead))

    assert afresh.items(None, 9) == (made, None)
    first, place = afresh.items(None, 1)
    assert (first, afresh.items(place, 9)) == (made[:1], (made[1:], None))
    assert afresh.customers(None, 9) == ([], None)
    assert lists(billing).items(None, 9) == ([made[1]], None)
