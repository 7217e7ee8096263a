"""A subscription made by Chargebee's SDK is invoiced exactly as its native twin."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from chargebee import Chargebee

from postpaid.domain.instants import instant_from_text
from tests.support.functions import Functions
from tests.support.sdk import sdk_on

CLOCK = instant_from_text("2026-10-01T00:00:00Z")
START = int(CLOCK.timestamp())
MONTH = {"period": 1, "period_unit": "month"}
NOT_ALIKE = {"subscription_id", "invoice_id", "line_id", "item_price_id", "id"}


@dataclass(frozen=True, slots=True)
class Price:
    """One price in both dialects; *fraction* gives usages that are no whole numbers."""

    chargebee: dict[str, Any]
    native: dict[str, Any]
    fraction: bool = False


TIERS = [
    {"starting_unit": 1, "ending_unit": 100, "price": 10},
    {"starting_unit": 101, "ending_unit": 500, "price": 8},
    {"starting_unit": 501, "price": 5},
]
NATIVE_TIERS = [
    {"up_to": "100", "unit_amount": "0.10"},
    {"up_to": "500", "unit_amount": "0.08"},
    {"up_to": None, "unit_amount": "0.05"},
]
EXACT_TIERS = [
    {
        "starting_unit_in_decimal": "0",
        "ending_unit_in_decimal": "10.5",
        "price_in_decimal": "0.015",
    },
    {"starting_unit_in_decimal": "10.5", "price_in_decimal": "0.001"},
]
PRICES = {
    "flat": Price(
        {"pricing_model": "flat_fee", "price": 2500},
        {"pricing_model": "flat_fee", "amount": "25"},
    ),
    "per unit": Price(
        {"pricing_model": "per_unit", "price": 5},
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
    ),
    "per unit, exact": Price(
        {"pricing_model": "per_unit", "price_in_decimal": "0.00437"},
        {"pricing_model": "per_unit", "unit_amount": "0.00437"},
        fraction=True,
    ),
    "tiered": Price(
        {"pricing_model": "tiered", "tiers": TIERS},
        {"pricing_model": "tiered", "tiers": NATIVE_TIERS},
    ),
    "tiered, exact": Price(
        {"pricing_model": "tiered", "tiers": EXACT_TIERS},
        {
            "pricing_model": "tiered",
            "tiers": [
                {"up_to": "10.5", "unit_amount": "0.015"},
                {"up_to": None, "unit_amount": "0.001"},
            ],
        },
        fraction=True,
    ),
    "volume": Price(
        {"pricing_model": "volume", "tiers": TIERS},
        {"pricing_model": "volume", "tiers": NATIVE_TIERS},
    ),
    "stairstep": Price(
        {
            "pricing_model": "stairstep",
            "tiers": [
                {"starting_unit": 1, "ending_unit": 300, "price": 1000},
                {"starting_unit": 301, "price": 3000},
            ],
        },
        {
            "pricing_model": "stairstep",
            "tiers": [
                {"up_to": "300", "flat_amount": "10"},
                {"up_to": None, "flat_amount": "30"},
            ],
        },
    ),
    "packages in tiers": Price(
        {
            "pricing_model": "tiered",
            "tiers": [
                {
                    "starting_unit": 1,
                    "ending_unit": 250,
                    "price": 500,
                    "pricing_type": "package",
                    "package_size": 100,
                },
                {"starting_unit": 251, "price": 300, "pricing_type": "flat_fee"},
            ],
        },
        {
            "pricing_model": "tiered",
            "tiers": [
                {"up_to": "250", "unit_amount": "5", "package_size": "100"},
                {"up_to": None, "flat_amount": "3"},
            ],
        },
    ),
    "volume by the package": Price(
        {
            "pricing_model": "volume",
            "tiers": [
                {"starting_unit": 1, "price": 700, "pricing_type": "package", "package_size": 50}
            ],
        },
        {
            "pricing_model": "volume",
            "tiers": [{"up_to": None, "unit_amount": "7", "package_size": "50"}],
        },
    ),
    "free units": Price(
        {"pricing_model": "per_unit", "price": 5, "free_quantity": 50},
        {"pricing_model": "per_unit", "unit_amount": "0.05", "free_units": "50"},
    ),
}


@dataclass(frozen=True, slots=True)
class Shop:
    """One site, by both doors."""

    cb: Chargebee
    functions: Functions
    key: str

    def native(self, method: str, path: str, body: object = None) -> Any:
        answer = self.functions.call(method, path, body, key=self.key)
        assert answer.status in {200, 201, 202}, answer
        return answer.json


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Iterator[Shop]:
    site = functions.new_site("twins", clock=CLOCK)
    key = functions.new_key(site)
    with sdk_on(functions, key) as cb:
        cb.ItemFamily.create({"id": "all", "name": "All"})
        cb.Customer.create({"id": "harbor", "company": "Blue Harbor"})
        yield Shop(cb, functions, key)


def _by_the_sdk(shop: Shop, name: str, price: Price, metered: bool, calculation: str) -> None:
    cb = shop.cb
    cb.Item.create(
        {
            "id": name,
            "name": "Thing",
            "type": "plan",
            "item_family_id": "all",
            "metered": metered,
            "unit": "unit",
            **({"usage_calculation": calculation} if metered else {}),
        }
    )
    cb.ItemPrice.create(
        {"id": name, "name": "Price", "item_id": name, "currency_code": "USD"}
        | MONTH
        | price.chargebee
    )
    row: dict[str, Any] = {"item_price_id": name}
    cb.Subscription.create_with_items(
        "harbor",
        {
            "id": name,
            "subscription_items": [row if metered else row | {"quantity": 361}],
            "start_date": START,
            "auto_close_invoices": False,
        },
    )


def _by_the_native_door(
    shop: Shop, name: str, price: Price, metered: bool, calculation: str
) -> None:
    aggregation = calculation.partition("_")[0]
    item = {"id": name, "name": "Thing", "type": "plan", "metered": metered, "unit": "unit"}
    shop.native("POST", "/v1/items", item | {"aggregation": aggregation})
    body = {"id": name, "item_id": name, "name": "Price", "currency": "USD"}
    shop.native("POST", "/v1/item-prices", body | price.native)
    line: dict[str, Any] = {"item_price_id": name}
    shop.native(
        "POST",
        "/v1/subscriptions",
        {
            "id": name,
            "customer_id": "harbor",
            "start": "2026-10-01T00:00:00Z",
            "lines": [line if metered else line | {"quantity": "361"}],
            "closing": {"mode": "manual", "after_hours": 1},
        },
    )


def _alike(invoice: Any) -> Any:
    if isinstance(invoice, dict):
        return {n: _alike(v) for n, v in invoice.items() if n not in NOT_ALIKE}
    return [_alike(each) for each in invoice] if isinstance(invoice, list) else invoice


@pytest.mark.parametrize("calculation", ["sum_of_usages", "last_usage", "max_usage"])
@pytest.mark.parametrize("name", PRICES)
def test_usage_comes_to_the_same_upcoming_invoice(shop: Shop, name: str, calculation: str) -> None:
    price = PRICES[name]
    ours, theirs = (f"{who}-{calculation}-{name}".replace(" ", "-") for who in ("cb", "v1"))
    _by_the_sdk(shop, ours, price, metered=True, calculation=calculation)
    _by_the_native_door(shop, theirs, price, metered=True, calculation=calculation)
    for day, amount in enumerate(
        ("100.5", "200", "60.25") if price.fraction else ("100", "200", "61")
    ):
        for subscription in (ours, theirs):
            shop.cb.Usage.create(
                subscription,
                {
                    "item_price_id": subscription,
                    "quantity": amount,
                    "usage_date": START + day * 86400,
                },
            )

    invoices = [
        shop.native("GET", f"/v1/subscriptions/{each}/upcoming-invoice") for each in (ours, theirs)
    ]

    assert _alike(invoices[0]) == _alike(invoices[1])
    assert Decimal(invoices[0]["total"]) > 0


@pytest.mark.parametrize("name", [n for n, price in PRICES.items() if not price.fraction])
def test_what_recurs_comes_to_the_same_invoice(shop: Shop, name: str) -> None:
    ours, theirs = (f"{who}-recurs-{name}".replace(" ", "-") for who in ("cb", "v1"))
    _by_the_sdk(shop, ours, PRICES[name], metered=False, calculation="")
    _by_the_native_door(shop, theirs, PRICES[name], metered=False, calculation="sum_of_usages")

    found = []
    for each in (ours, theirs):
        [head] = shop.native("GET", f"/v1/subscriptions/{each}/invoices")["data"]
        found.append(shop.native("POST", f"/v1/invoices/{head['id']}/close"))

    same = [
        {n: v for n, v in _alike(each).items() if n in {"lines", "total", "subtotal", "period"}}
        for each in found
    ]
    assert same[0] == same[1]
    assert Decimal(found[0]["total"]) > 0


def test_usage_by_one_door_reads_back_by_the_other(shop: Shop) -> None:
    _by_the_sdk(shop, "doors", PRICES["per unit"], metered=True, calculation="sum_of_usages")
    mine = shop.cb.Usage.create(
        "doors", {"id": "own-1", "item_price_id": "doors", "quantity": "7", "usage_date": START}
    ).usage
    theirs = shop.native(
        "POST",
        "/v1/subscriptions/doors/usages",
        {"item_price_id": "doors", "usage_date": "2026-10-02", "quantity": "8"},
    )

    shown = shop.native("GET", "/v1/subscriptions/doors/usages")["data"]

    assert [(each["quantity"], each.get("external_id")) for each in shown] == [
        ("7", "own-1"),
        ("8", None),
    ]
    assert mine.id == "own-1"
    assert shown[1] == {n: v for n, v in theirs.items() if n not in {"billing", "replayed"}}


@dataclass(frozen=True, slots=True)
class Once:
    """One charge in both dialects."""

    chargebee: dict[str, Any]
    native: dict[str, Any]
    amount: str


DAY = 86_400
ONCE = {
    "plain": Once({}, {}, "49.00"),
    "several": Once({"quantity": 3}, {"quantity": "3"}, "147.00"),
    "a part": Once({"quantity_in_decimal": "2.5"}, {"quantity": "2.5"}, "122.50"),
    "another price": Once(
        {"unit_price": 1250, "quantity": 2},
        {"pricing": {"pricing_model": "per_unit", "unit_amount": "12.5"}, "quantity": "2"},
        "25.00",
    ),
    "another price, exact": Once(
        {"unit_price_in_decimal": "0.125", "quantity": 9},
        {"pricing": {"pricing_model": "per_unit", "unit_amount": "0.125"}, "quantity": "9"},
        "1.13",
    ),
    "a time": Once(
        {"date_from": START + 4 * DAY, "date_to": START + 5 * DAY},
        {"from": "2026-10-05", "to": "2026-10-06"},
        "49.00",
    ),
}


def _opening(shop: Shop, name: str, price: str) -> str:
    """Return the native id of a pending invoice of 25.00."""
    lines = [{"item_price_id": price}]
    body = {"id": name, "customer_id": "harbor", "start": "2026-10-01T00:00:00Z", "lines": lines}
    manual = {"closing": {"mode": "manual"}, "opening_pending": True}
    shop.native("POST", "/v1/subscriptions", body | manual)
    [head] = shop.native("GET", f"/v1/subscriptions/{name}/invoices")["data"]
    return str(head["id"])


@pytest.fixture(scope="module")
def counter(shop: Shop) -> Shop:
    """A plan, and what is charged once: by the unit and in tiers."""
    for item, kind in (("desk", "plan"), ("setup", "charge"), ("hours", "charge")):
        shop.native("POST", "/v1/items", {"id": item, "name": item.title(), "type": kind})
    prices = {"desk": PRICES["flat"].native, "hours": PRICES["tiered"].native}
    prices["setup"] = {"pricing_model": "per_unit", "unit_amount": "49"}
    for item, price in prices.items():
        body = {"id": f"{item}-usd", "item_id": item, "name": item.title(), "currency": "USD"}
        shop.native("POST", "/v1/item-prices", body | price)
    return shop


def _charges_alike(invoices: list[Any]) -> list[Any]:
    names = {"lines", "total", "subtotal", "taxes", "period"}
    return [_alike({n: v for n, v in each.items() if n in names}) for each in invoices]


@pytest.mark.parametrize("name", ONCE)
def test_a_one_time_charge_comes_to_the_same_invoice(counter: Shop, name: str) -> None:
    shop, once = counter, ONCE[name]
    ours, theirs = (
        _opening(shop, f"{who}-once-{name}".replace(" ", "-").replace(",", ""), "desk-usd")
        for who in ("cb", "v1")
    )
    price = {"item_price_id": "setup-usd"}
    params = {"item_price": price | once.chargebee, "comment": "as agreed"}
    shop.cb.Invoice.add_charge_item(f"draft_{ours}", params)
    body = {"comment": "as agreed", **price, **once.native}
    shop.native("POST", f"/v1/invoices/{theirs}/charges", body)

    kept = [
        shop.native("GET", f"/v1/invoices/{each}/charges")["data"][0] for each in (ours, theirs)
    ]
    shown = [shop.cb.Invoice.retrieve(f"draft_{each}").invoice for each in (ours, theirs)]
    closed = [shop.native("POST", f"/v1/invoices/{each}/close") for each in (ours, theirs)]

    same = [_alike(each | {"integer_id": 0, "added_at": ""}) for each in kept]
    assert same[0] == same[1]
    lines = [[_alike(_of_sdk(line)) for line in each.line_items] for each in shown]
    assert lines[0] == lines[1]
    assert [len(each) for each in lines] == [2, 2], "each door lists what the other put on"
    alike = _charges_alike(closed)
    assert alike[0] == alike[1]
    assert closed[0]["lines"][-1]["amount"] == once.amount


def _of_sdk(line: Any) -> dict[str, Any]:
    return {n: v for n, v in line.raw_data.items() if n not in NOT_ALIKE}


def test_a_charge_in_tiers_of_its_own_comes_to_the_same_invoice(counter: Shop) -> None:
    ours, theirs = (_opening(counter, f"{who}-tiers", "desk-usd") for who in ("cb", "v1"))
    tiers = [
        {"starting_unit": 1, "ending_unit": 10, "price": 200},
        {"starting_unit": 11, "price": 150},
    ]
    price = {"item_price_id": "hours-usd", "quantity": 12}
    counter.cb.Invoice.add_charge_item(f"draft_{ours}", {"item_price": price, "item_tiers": tiers})
    plain = [{"up_to": "10", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1.5"}]
    pricing = {"pricing_model": "tiered", "tiers": plain}
    body = {"item_price_id": "hours-usd", "quantity": "12", "pricing": pricing}
    counter.native("POST", f"/v1/invoices/{theirs}/charges", body)

    closed = [counter.native("POST", f"/v1/invoices/{each}/close") for each in (ours, theirs)]

    alike = _charges_alike(closed)
    assert alike[0] == alike[1]
    assert closed[0]["lines"][-1]["amount"] == "23.00"
