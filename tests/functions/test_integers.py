"""A thing is found by the integer that it was shown with, in the list of its kind."""

from typing import Any

import pytest

from tests.support.functions import Functions
from tests.support.shop import SUBSCRIPTION, Shop, bare_shop, open_shop

pytestmark = pytest.mark.engine

LISTS = ("item-families", "items", "item-prices", "customers", "subscriptions", "invoices")


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    """A shop whose integers are not all the same."""
    shop = open_shop(functions, "integers")
    shop.must("POST", "/v1/item-families", {"id": "phones", "name": "Phones"})
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "more", "start": "2026-12-01"})
    return shop


def found(shop: Shop, listing: str, integer: object) -> list[Any]:
    page = shop.must("GET", f"/v1/{listing}?integer_id={integer}")
    assert page["next_cursor"] is None
    return list(page["data"])


@pytest.mark.parametrize("listing", LISTS)
def test_each_thing_of_a_list_is_found_by_its_integer(shop: Shop, listing: str) -> None:
    things = shop.must("GET", f"/v1/{listing}")["data"]
    assert things

    for thing in things:
        assert found(shop, listing, thing["integer_id"]) == [thing]
    assert found(shop, listing, 10**6) == []
    assert found(shop, listing, "9" * 18) == []


def test_what_is_created_is_found_at_once_with_all_its_changes(shop: Shop) -> None:
    made = shop.must("POST", "/v1/customers", {"id": "new", "name": "New"})
    changed = shop.call("PATCH", "/v1/customers/new", {"name": "Newer"}).json

    assert found(shop, "customers", made["integer_id"]) == [changed]


def test_the_integer_of_another_site_leads_nowhere(functions: Functions, shop: Shop) -> None:
    other = bare_shop(functions, "integers-b")

    for listing in LISTS:
        for thing in shop.must("GET", f"/v1/{listing}")["data"]:
            assert found(other, listing, thing["integer_id"]) == []


@pytest.mark.parametrize("listing", LISTS)
@pytest.mark.parametrize(
    "text", ["", "0", "01", "-1", "%2B1", "1.0", "1e3", "x", "%D9%A1", "1" * 19, "1%202"]
)
def test_what_is_no_integer_is_refused(shop: Shop, listing: str, text: str) -> None:
    answer = shop.call("GET", f"/v1/{listing}?integer_id={text}")

    assert (answer.status, answer.code, answer.json["field"]) == (
        *(400, "malformed_request", "integer_id"),
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [("cursor=x", "cursor"), ("limit=0", "limit"), ("status=active", "status")],
)
def test_what_would_do_nothing_beside_an_integer_is_refused(
    shop: Shop, query: str, field: str
) -> None:
    answer = shop.call("GET", f"/v1/customers?integer_id=1&{query}")

    assert (answer.status, answer.json["field"]) == (400, field)
    assert shop.call("GET", "/v1/customers?integer_id=1&limit=100").status == 200


@pytest.mark.parametrize("path", ["late-usages", "subscriptions/calls/invoices"])
def test_lists_of_other_things_take_no_integer(shop: Shop, path: str) -> None:
    answer = shop.call("GET", f"/v1/{path}?integer_id=1")

    assert (answer.status, answer.json["field"]) == (400, "integer_id")


def test_a_site_that_starts_afresh_finds_its_catalogue_only(functions: Functions) -> None:
    shop = open_shop(functions, "integers-c")
    before = {name: shop.must("GET", f"/v1/{name}")["data"] for name in LISTS}

    shop.must("POST", "/v1/test-clock/start-afresh", {"at": "2026-10-01"})

    for name in ("items", "item-prices"):
        for thing in before[name]:
            assert found(shop, name, thing["integer_id"]) == [thing]
    for name in ("customers", "subscriptions", "invoices"):
        for thing in before[name]:
            assert found(shop, name, thing["integer_id"]) == []
