"""`add_charge_item` at the Chargebee door: what goes on a pending invoice, and what is refused."""

from typing import Any

import pytest
from chargebee import Chargebee

from tests.support.chargebee import Door, refused, require_published
from tests.support.functions import Functions
from tests.support.sdk import sdk_on
from tests.support.shop import SETUP, SETUP_PRICE, SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

type Json = dict[str, Any]

OCTOBER_5, OCTOBER_6 = 1791158400, 1791244800  # midnight UTC
KEY = {"chargebee-idempotency-key": "monday"}
WRONG, TAKEN, FULL = "param_wrong_value", "duplicate_entry", "resource_limit_exceeded"
NOT_THERE = "resource_not_found"
STATE = (409, "invalid_state_for_request", None)
PRICE, QUANTITY = "item_price[item_price_id]", "item_price[quantity]"
SETUP_OF_ONE = {PRICE: "setup-usd"}
TIERS = {
    "item_tiers[starting_unit][0]": 1,
    "item_tiers[ending_unit][0]": 10,
    "item_tiers[price][0]": 200,
    "item_tiers[starting_unit][1]": 11,
    "item_tiers[price][1]": 150,
}
HOURS = {
    "id": "hours-usd",
    "item_id": "setup",
    "pricing_model": "tiered",
    "tiers": [{"up_to": "10", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1"}],
}
FLAT = {"id": "visit-usd", "item_id": "setup", "pricing_model": "flat_fee", "amount": "25"}
EUROS = SETUP_PRICE | {"id": "setup-eur", "currency": "EUR"}
GONE = SETUP_PRICE | {"id": "gone-usd"}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    shop = open_shop(functions, "bee-charges")
    shop.must("POST", "/v1/items", SETUP)
    for price in (SETUP_PRICE, HOURS, FLAT, EUROS, GONE):
        shop.must("POST", "/v1/item-prices", price)
    shop.must("PATCH", "/v1/item-prices/gone-usd", {"archived": True})
    return shop


@pytest.fixture(scope="module")
def door(shop: Shop) -> Door:
    return Door(shop.functions, shop.admin)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A subscription's id that is the test's own."""
    number = sum(place * ord(char) for place, char in enumerate(request.node.name, start=1))
    return f"sub-{number}"


@pytest.fixture
def pending(shop: Shop, name: str) -> str:
    """The native id of a pending opening invoice of 20.00."""
    lines = [{"item_price_id": "seat-usd"}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "lines": lines})
    [opening] = shop.invoices(name)
    return str(opening["id"])


def added(door: Door, pending: str, form: Json, **options: Any) -> Json:
    """Put a charge on, and return the invoice."""
    path = f"invoices/draft_{pending}/add_charge_item"
    shown: Json = door.must(door.post(path, form, **options))["invoice"]
    return shown


def once(invoice: Json) -> list[tuple[Any, ...]]:
    """Return the one-time lines: price, quantity, price of a unit, amount."""
    return [
        (line["entity_id"], line["quantity"], line["unit_amount"], line["amount"])
        for line in invoice["line_items"]
        if line["entity_type"] == "charge_item_price"
    ]


def test_the_published_interface_was_there_to_check_against() -> None:
    assert "/invoices/{invoice-id}/add_charge_item" in require_published()["paths"]


# --- what goes on


def test_a_charge_is_on_the_invoice_at_once_and_after_the_close(
    shop: Shop, door: Door, pending: str
) -> None:
    shown = added(door, pending, SETUP_OF_ONE | {QUANTITY: 2})

    assert (shown["id"], shown["status"]) == (f"draft_{pending}", "pending")
    assert (shown["sub_total"], shown["total"], shown["amount_due"]) == (11800, 11800, 11800)
    assert once(shown) == [("setup-usd", 2, 4900, 9800)]
    line = shown["line_items"][-1]
    assert (line["metered"], line["pricing_model"], line["description"]) == (
        False,
        "per_unit",
        "Setup",
    )
    assert line["date_from"] == shown["line_items"][0]["date_from"]
    assert line["date_to"] == shown["line_items"][0]["date_to"]
    assert door.must(door.get(f"invoices/draft_{pending}"))["invoice"] == shown

    closed = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]

    assert (closed["total"], closed["line_items"]) == (11800, shown["line_items"])
    [kept] = shop.must("GET", f"/v1/invoices/{pending}/charges")["data"]
    assert (kept["item_price_id"], kept["quantity"]) == ("setup-usd", "2")


# What is sent beside the item price, and its line: quantity, price of a unit, amount.
LINES: list[tuple[str, Json, tuple[Any, ...]]] = [
    ("setup-usd", {}, (1, 4900, 4900)),
    ("setup-usd", {"item_price[unit_price]": 1250, QUANTITY: 3}, (3, 1250, 3750)),
    ("setup-usd", {"item_price[unit_price]": 0}, (1, 0, 0)),
    ("setup-usd", {"item_price[unit_price_in_decimal]": "0.125", QUANTITY: 8}, (8, 13, 100)),
    ("setup-usd", {"item_price[quantity_in_decimal]": "2.5"}, (2, 4900, 12250)),
    ("visit-usd", {QUANTITY: 3}, (1, 2500, 2500)),
    ("visit-usd", {"item_price[unit_price]": 990}, (1, 990, 990)),
    ("hours-usd", {QUANTITY: 12}, (12, 183, 2200)),
    ("hours-usd", {QUANTITY: 12, **TIERS}, (12, 192, 2300)),
    # An empty value is none.
    ("setup-usd", {QUANTITY: "", "item_price[unit_price]": "", "comment": ""}, (1, 4900, 4900)),
]


@pytest.mark.parametrize(("price", "form", "line"), LINES)
def test_a_charge_is_of_its_price_or_of_one_that_is_sent(
    door: Door, pending: str, price: str, form: Json, line: tuple[Any, ...]
) -> None:
    shown = added(door, pending, {PRICE: price} | form)

    assert once(shown) == [(price, *line)]
    assert shown["total"] == 2000 + line[-1]


def test_decimals_and_tiers_are_shown_exactly(door: Door, pending: str) -> None:
    exact = {"item_price[quantity_in_decimal]": "2.5", "item_price[unit_price_in_decimal]": "0.003"}
    added(door, pending, SETUP_OF_ONE | exact)
    shown = added(door, pending, {PRICE: "hours-usd", QUANTITY: 12, **TIERS})

    decimal, tiered = shown["line_items"][-2:]
    assert (decimal["quantity_in_decimal"], decimal["unit_amount_in_decimal"]) == ("2.5", "0.003")
    assert (decimal["amount"], decimal["amount_in_decimal"]) == (1, "0.0075")
    assert tiered["pricing_model"] == "tiered"
    rows = [
        (row["quantity_used"], row["unit_amount"])
        for row in shown["line_item_tiers"]
        if row["line_item_id"] == tiered["id"]
    ]
    assert rows == [(10, 200), (2, 150)]


def test_a_charge_has_the_time_that_is_sent_and_a_comment_that_is_kept(
    shop: Shop, door: Door, pending: str, name: str
) -> None:
    times = {"item_price[date_from]": OCTOBER_5, "item_price[date_to]": OCTOBER_6}
    more = {"comment": "as agreed", "subscription_id": name}

    shown = added(door, pending, SETUP_OF_ONE | times | more)

    line = shown["line_items"][-1]
    assert (line["date_from"], line["date_to"]) == (OCTOBER_5, OCTOBER_6)
    [kept] = shop.must("GET", f"/v1/invoices/{pending}/charges")["data"]
    assert (kept["from"], kept["to"]) == ("2026-10-05T00:00:00Z", "2026-10-06T00:00:00Z")
    assert kept["comment"] == "as agreed"
    assert "as agreed" not in str(shown)


def test_a_charge_is_taxed_with_the_others(shop: Shop, door: Door, name: str) -> None:
    tax = {"inclusive": False, "rates": [{"name": "VAT", "percent": "20"}]}
    shop.must("POST", "/v1/customers", {"id": "taxed", "name": "Taxed", "tax": tax})
    lines = [{"item_price_id": "seat-usd"}]
    body = SUBSCRIPTION | {"id": name, "customer_id": "taxed", "lines": lines}
    shop.must("POST", "/v1/subscriptions", body)
    [opening] = shop.invoices(name)

    shown = added(door, opening["id"], SETUP_OF_ONE)

    assert (shown["sub_total"], shown["tax"], shown["total"]) == (6900, 1380, 8280)
    line = shown["line_items"][-1]
    assert (line["is_taxed"], line["tax_amount"], line["tax_rate"]) == (True, 980, 20)


def test_a_charge_that_breaks_a_bound_is_put_on_and_the_invoice_says_why(
    functions: Functions,
) -> None:
    shop = open_shop(functions, "bee-bound")
    shop.must("POST", "/v1/items", SETUP)
    shop.must("POST", "/v1/item-prices", SETUP_PRICE)
    shop.must("PATCH", "/v1/site", {"bounds": {"highest_totals": {"USD": "60.00"}}})
    door = Door(functions, shop.admin)
    pending = shop.invoices()[0]["id"]

    shown = added(door, pending, SETUP_OF_ONE)
    answer = door.post(f"invoices/draft_{pending}/close")

    assert refused(answer) == STATE
    assert (shown["status"], shown["total"]) == ("pending", 6900)
    assert [note["note"] for note in shown["notes"]] == [answer.json["message"]]
    [charge] = shop.must("GET", f"/v1/invoices/{pending}/charges")["data"]
    shop.must("DELETE", f"/v1/invoices/{pending}/charges/{charge['id']}")
    assert door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]["total"] == 2000


# --- again


def test_a_charge_is_put_on_once_by_its_key_and_twice_without(door: Door, pending: str) -> None:
    path = f"invoices/draft_{pending}/add_charge_item"
    first = door.post(path, SETUP_OF_ONE, headers=KEY)
    again = door.post(path, SETUP_OF_ONE, headers=KEY)

    assert first.json == again.json
    assert "chargebee-idempotency-replayed" not in first.headers
    assert again.headers["chargebee-idempotency-replayed"] == "true"
    other = door.post(path, SETUP_OF_ONE | {QUANTITY: 2}, headers=KEY)
    assert refused(other) == (422, "unable_to_process_request", "chargebee-idempotency-key")
    assert len(once(added(door, pending, SETUP_OF_ONE))) == 2
    door.must(door.post(f"invoices/draft_{pending}/close"))
    late = door.post(path, SETUP_OF_ONE, headers=KEY)
    assert late.json == first.json, "as it was answered then"
    assert refused(door.post(path, SETUP_OF_ONE)) == STATE


# --- what is refused

# form, status, api_error_code, param
REFUSED: list[tuple[Json, int, str, str]] = [
    ({}, 400, WRONG, PRICE),
    ({QUANTITY: 1}, 400, WRONG, PRICE),
    ({PRICE: ""}, 400, WRONG, PRICE),
    ({PRICE: "nothing"}, 404, NOT_THERE, PRICE),
    ({PRICE: "nothing", "item_price[unit_price]": 5}, 404, NOT_THERE, PRICE),
    ({PRICE: "x" * 101}, 400, WRONG, PRICE),
    ({PRICE: "seat-usd"}, 400, WRONG, PRICE),
    ({PRICE: "seat-usd", "item_price[unit_price]": 5}, 400, WRONG, PRICE),
    ({PRICE: "voip-usd"}, 400, WRONG, PRICE),
    ({PRICE: "voip-usd", QUANTITY: 3}, 400, WRONG, PRICE),
    ({PRICE: "setup-eur"}, 400, WRONG, PRICE),
    ({PRICE: "gone-usd"}, 409, "invalid_state_for_request", PRICE),
    (SETUP_OF_ONE | {QUANTITY: 0}, 400, WRONG, QUANTITY),
    (SETUP_OF_ONE | {QUANTITY: "1.5"}, 400, WRONG, QUANTITY),
    (
        SETUP_OF_ONE | {QUANTITY: 1, "item_price[quantity_in_decimal]": "1"},
        400,
        WRONG,
        QUANTITY,
    ),
    (
        SETUP_OF_ONE | {"item_price[quantity_in_decimal]": "0"},
        400,
        WRONG,
        "item_price[quantity_in_decimal]",
    ),
    (
        SETUP_OF_ONE | {"item_price[quantity_in_decimal]": "-1"},
        400,
        WRONG,
        "item_price[quantity_in_decimal]",
    ),
    (
        SETUP_OF_ONE | {"item_price[quantity_in_decimal]": "0." + "0" * 20 + "1"},
        400,
        WRONG,
        "item_price[quantity_in_decimal]",
    ),
    (SETUP_OF_ONE | {"item_price[unit_price]": -1}, 400, WRONG, "item_price[unit_price]"),
    (
        SETUP_OF_ONE | {"item_price[unit_price]": 1, "item_price[unit_price_in_decimal]": "1"},
        400,
        WRONG,
        "item_price[unit_price]",
    ),
    (
        SETUP_OF_ONE | {"item_price[unit_price_in_decimal]": "0." + "0" * 20 + "1"},
        400,
        WRONG,
        "item_price[unit_price_in_decimal]",
    ),
    ({PRICE: "hours-usd", "item_price[unit_price]": 1}, 400, WRONG, "item_price[unit_price]"),
    (
        {PRICE: "hours-usd", "item_price[unit_price_in_decimal]": "1"},
        400,
        WRONG,
        "item_price[unit_price_in_decimal]",
    ),
    (SETUP_OF_ONE | TIERS, 400, WRONG, "item_tiers"),
    (
        {PRICE: "hours-usd", "item_price[unit_price]": 1, **TIERS},
        400,
        WRONG,
        "item_price[unit_price]",
    ),
    (
        {PRICE: "hours-usd", **TIERS, "item_tiers[starting_unit][1]": 12},
        400,
        WRONG,
        "item_tiers[starting_unit][1]",
    ),
    (
        {
            PRICE: "hours-usd",
            "item_tiers[starting_unit][0]": 1,
            "item_tiers[price_in_decimal][0]": "0." + "0" * 20 + "1",
        },
        400,
        WRONG,
        "item_tiers[price_in_decimal][0]",
    ),
    (
        {PRICE: "hours-usd", "item_tiers[item_price_id][0]": "x"},
        400,
        WRONG,
        "item_tiers[item_price_id][0]",
    ),
    (
        SETUP_OF_ONE | {"item_price[date_from]": OCTOBER_5},
        400,
        WRONG,
        "item_price[date_to]",
    ),
    (
        SETUP_OF_ONE | {"item_price[date_to]": OCTOBER_5},
        400,
        WRONG,
        "item_price[date_from]",
    ),
    (
        SETUP_OF_ONE | {"item_price[date_from]": OCTOBER_6, "item_price[date_to]": OCTOBER_5},
        400,
        WRONG,
        "item_price[date_to]",
    ),
    (SETUP_OF_ONE | {"item_price[date_from]": "soon"}, 400, WRONG, "item_price[date_from]"),
    (SETUP_OF_ONE | {"comment": "c" * 301}, 400, WRONG, "comment"),
    (SETUP_OF_ONE | {"subscription_id": "another"}, 400, WRONG, "subscription_id"),
    (SETUP_OF_ONE | {"colour": "red"}, 400, WRONG, "colour"),
    (SETUP_OF_ONE | {"item_price[colour]": "red"}, 400, WRONG, "item_price[colour]"),
]


@pytest.mark.parametrize(("form", "status", "code", "param"), REFUSED)
def test_what_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop, door: Door, pending: str, form: Json, status: int, code: str, param: str
) -> None:
    writes = shop.functions.written()

    answer = door.post(f"invoices/draft_{pending}/add_charge_item", form)

    assert refused(answer) == (status, code, param), answer.text
    assert shop.functions.written() == writes


def test_a_closed_or_unknown_invoice_takes_no_charge(door: Door, pending: str) -> None:
    number = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]["id"]

    for invoice in (number, f"draft_{pending}"):
        answer = door.post(f"invoices/{invoice}/add_charge_item", SETUP_OF_ONE)
        assert refused(answer) == STATE
    for invoice in ("INV-999999", "draft_inv_nothing"):
        answer = door.post(f"invoices/{invoice}/add_charge_item", SETUP_OF_ONE)
        assert refused(answer) == (404, NOT_THERE, None)


def test_an_invoice_takes_fifty_charges(shop: Shop, door: Door, pending: str) -> None:
    path = f"/v1/invoices/{pending}/charges"
    for number in range(50):
        shop.must("POST", path, {"id": f"c{number}", "item_price_id": "setup-usd"})

    answer = door.post(f"invoices/draft_{pending}/add_charge_item", SETUP_OF_ONE)

    assert refused(answer) == (400, FULL, None)


def test_the_sdk_puts_a_charge_on(shop: Shop, pending: str) -> None:
    with sdk_on(shop.functions, shop.admin) as cb:
        assert isinstance(cb, Chargebee)
        invoice = cb.Invoice.add_charge_item(
            f"draft_{pending}",
            {
                "item_price": {
                    "item_price_id": "hours-usd",
                    "quantity": 12,
                    "date_from": OCTOBER_5,
                    "date_to": OCTOBER_6,
                },
                "item_tiers": [
                    {"starting_unit": 1, "ending_unit": 10, "price": 200},
                    {"starting_unit": 11, "price": 150},
                ],
                "comment": "by the hour",
            },
        ).invoice

    line = invoice.line_items[-1]
    assert (line.entity_type, line.quantity, line.amount) == ("charge_item_price", 12, 2300)
    assert (line.date_from, line.date_to) == (OCTOBER_5, OCTOBER_6)
    assert invoice.total == 4300
