"""A package made by the ChargeOver door is invoiced exactly as its twins of the other doors."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from chargebee import Chargebee

from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.sdk import sdk_on

CLOCK = datetime(2026, 10, 1, tzinfo=UTC)
START = int(CLOCK.timestamp())
CLOSED = "2026-11-30T00:00:00Z"
LOOKS = 60
# What each invoice has alone; and its number, dates of issue and state, which are no matter here.
ALIKE = ("period", "currency", "timezone", "customer", "lines", "subtotal", "total", "amount_due")
NOT_ALIKE = {"line_id", "item_price_id"}


@dataclass(frozen=True, slots=True)
class Price:
    """One price in the dialects that can say it; *used* are a month's usages, if it is metered."""

    over: dict[str, Any]
    native: dict[str, Any]
    chargebee: dict[str, Any] | None = None
    used: tuple[str, ...] = ("100", "200", "61")
    usage_type: str = "add"
    total: str = ""
    item: dict[str, Any] = field(default_factory=dict)

    @property
    def metered(self) -> bool:
        """Whether it is charged by usage."""
        return bool(self.used)


def tiers(*rows: tuple[float | None, float | None, float]) -> list[dict[str, Any]]:
    return [{"unit_from": low, "unit_to": high, "amount": amount} for low, high, amount in rows]


UNITS = tiers((1, 9999, 0.05))
STEPS = tiers((1, 100, 0.05), (101, 600, 0.04))
NATIVE_STEPS = [
    {"up_to": "100", "unit_amount": "0.05"},
    {"up_to": None, "unit_amount": "0.04"},
]
CHARGEBEE_STEPS = [
    {"starting_unit": 1, "ending_unit": 100, "price": 5},
    {"starting_unit": 101, "price": 4},
]
PRICES = {
    "the founding example": Price(
        {"pricemodel": "uni", "base": 10, "tiers": UNITS},
        {"pricing_model": "per_unit", "unit_amount": "0.05", "base_fee": "10"},
        total="28.05",
    ),
    "units": Price(
        {"pricemodel": "uni", "tiers": UNITS},
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        {"pricing_model": "per_unit", "price": 5},
        total="18.05",
    ),
    "exact units": Price(
        {"pricemodel": "uni", "tiers": tiers((0, None, 0.00437))},
        {"pricing_model": "per_unit", "unit_amount": "0.00437"},
        {"pricing_model": "per_unit", "price_in_decimal": "0.00437"},
        used=("100.5", "200", "60.25"),
    ),
    "units in steps": Price(
        {"pricemodel": "uni", "base": 10, "tiers": STEPS},
        {"pricing_model": "tiered", "tiers": NATIVE_STEPS, "base_fee": "10"},
        total="25.44",
    ),
    "tiers": Price(
        {"pricemodel": "tie", "tiers": STEPS},
        {"pricing_model": "tiered", "tiers": NATIVE_STEPS},
        {"pricing_model": "tiered", "tiers": CHARGEBEE_STEPS},
        total="15.44",
    ),
    "tiers by fractions": Price(
        {"pricemodel": "tie", "tiers": tiers((0, 10.5, 0.015), (10.5, 9999, 0.001))},
        {
            "pricing_model": "tiered",
            "tiers": [
                {"up_to": "10.5", "unit_amount": "0.015"},
                {"up_to": None, "unit_amount": "0.001"},
            ],
        },
        used=("7.25", "8"),
    ),
    "volume": Price(
        {"pricemodel": "vol", "tiers": STEPS},
        {"pricing_model": "volume", "tiers": NATIVE_STEPS},
        {"pricing_model": "volume", "tiers": CHARGEBEE_STEPS},
        total="14.44",
    ),
    "units, the whole at one price": Price(
        {"pricemodel": "uni", "base": 10, "tiers": STEPS, "tier_mode": "whole"},
        {"pricing_model": "volume", "tiers": NATIVE_STEPS, "base_fee": "10"},
        total="24.44",
    ),
    "volume by tiers": Price(
        {"pricemodel": "vol", "tiers": STEPS, "tier_mode": "progressive"},
        {"pricing_model": "tiered", "tiers": NATIVE_STEPS},
        total="15.44",
    ),
    "more than the last tier": Price(
        {"pricemodel": "tie", "tiers": tiers((1, 100, 0.05), (101, 200, 0.04))},
        {"pricing_model": "tiered", "tiers": NATIVE_STEPS},
        {"pricing_model": "tiered", "tiers": CHARGEBEE_STEPS},
        total="15.44",
    ),
    "flat, whatever is used": Price(
        {"pricemodel": "fla", "base": 25},
        {"pricing_model": "per_unit", "unit_amount": "0", "base_fee": "25"},
        item={"is_usage": True},
        total="25.00",
    ),
    "set up once": Price(
        {"pricemodel": "uni", "base": 10, "setup": 40, "tiers": UNITS},
        {
            "pricing_model": "per_unit",
            "unit_amount": "0.05",
            "base_fee": "10",
            "setup_fee": "40",
        },
        total="68.05",
    ),
    "the greatest": Price(
        {"pricemodel": "uni", "tiers": UNITS},
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        {"pricing_model": "per_unit", "price": 5},
        usage_type="max",
        total="10.00",
    ),
    "the last": Price(
        {"pricemodel": "uni", "tiers": UNITS},
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        {"pricing_model": "per_unit", "price": 5},
        usage_type="lat",
        total="3.05",
    ),
    "flat": Price(
        {"pricemodel": "fla", "base": 25, "setup": 5},
        {"pricing_model": "flat_fee", "amount": "25", "setup_fee": "5"},
        used=(),
        total="30.00",
    ),
    "flat, without setup": Price(
        {"pricemodel": "fla", "base": 25},
        {"pricing_model": "flat_fee", "amount": "25"},
        {"pricing_model": "flat_fee", "price": 2500},
        used=(),
        total="25.00",
    ),
    "seats": Price(
        {"pricemodel": "uni", "tiers": UNITS},
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        {"pricing_model": "per_unit", "price": 5},
        used=(),
        item={"is_usage": False},
        total="18.05",
    ),
    "seats in steps": Price(
        {"pricemodel": "tie", "tiers": STEPS},
        {"pricing_model": "tiered", "tiers": NATIVE_STEPS},
        {"pricing_model": "tiered", "tiers": CHARGEBEE_STEPS},
        used=(),
        item={"is_usage": False},
        total="15.44",
    ),
}
AGGREGATIONS = {"add": "sum", "max": "max", "lat": "last"}
CALCULATIONS = {"add": "sum_of_usages", "max": "max_usage", "lat": "last_usage"}


@dataclass(frozen=True, slots=True)
class Town:
    """One site, by three doors."""

    over: Over
    cb: Chargebee
    key: str

    def native(self, method: str, path: str, body: object = None) -> Any:
        answer = self.over.functions.call(method, f"/v1{path}", body, key=self.key)
        assert answer.status in {200, 201, 202}, answer
        return answer.json

    def travel(self, to: str) -> None:
        """Move the clock on; each look at it works on what falls due on the way."""
        self.native("POST", "/test-clock/advance", {"to": to})
        for _ in range(LOOKS):
            if self.native("GET", "/test-clock")["status"] != "in_progress":
                return
        raise AssertionError("the clock does not arrive")

    def invoices(self, subscription_id: str) -> list[Any]:
        """Return what its issued invoices say, the oldest first."""
        heads = self.native("GET", f"/subscriptions/{subscription_id}/invoices")["data"]
        found = [self.native("GET", f"/invoices/{head['id']}") for head in reversed(heads)]
        issued = [each for each in found if each["status"] == "issued"]
        return [_alike({name: each[name] for name in ALIKE}) for each in issued]


@pytest.fixture(scope="module")
def town(functions: Functions) -> Iterator[Town]:
    """Make every price by every door, use it alike for a month, and let the invoices close."""
    over = Over.at(functions, "co-twins", CLOCK)
    key = functions.new_key(over.site)
    over.create("/customer", {"company": "Blue Harbor", "external_key": "harbor"})
    with sdk_on(functions, key) as cb:
        town = Town(over, cb, key)
        cb.ItemFamily.create({"id": "all", "name": "All"})
        for name, price in PRICES.items():
            made = [_by_this_door(town, name, price), _by_the_native_door(town, name, price)]
            if price.chargebee is not None:
                made.append(_by_the_sdk(town, name, price))
            for each in made:
                _use(town, each, price)
        _hold(town)
        town.travel(CLOSED)
        yield town


@pytest.mark.parametrize("name", PRICES)
def test_a_package_and_its_twins_have_the_same_invoices(town: Town, name: str) -> None:
    price = PRICES[name]

    mine = town.invoices(_id("co", name))

    assert mine == town.invoices(_id("v1", name))
    if price.chargebee is not None:
        assert mine == town.invoices(_id("cb", name))
    assert mine
    assert Decimal(mine[0]["total"]) > 0
    if price.total:
        assert mine[0]["total"] == price.total


def test_a_held_package_has_one_invoice_when_the_hold_is_over(town: Town) -> None:
    first, *rest = town.invoices("held")

    assert first["period"] == {"start": "2026-10-01T00:00:00Z", "end": "2026-11-10T00:00:00Z"}
    assert [(line["kind"], line["description"], line["amount"]) for line in first["lines"]] == [
        ("base_fee", "Calls of the harbor", "10.00"),
        ("usage", "Calls of the harbor", "18.05"),
        ("setup", "Thing", "5.00"),
        ("recurring", "Thing", "25.00"),
    ]
    assert first["lines"][3]["period"]["end"] == "2026-12-10T00:00:00Z"
    assert rest == []


def _hold(town: Town) -> None:
    """Make a package that is held over its first regular end, and use it."""
    lines = [
        {
            "item_external_key": _id("co", "the founding example"),
            "external_key": "calls",
            "descrip": "Calls of the harbor",
        },
        {"item_external_key": _id("co", "flat"), "external_key": "fixed"},
    ]
    body = {"external_key": "held", "customer_external_key": "harbor", "line_items": lines}
    town.over.create("/package", body | {"holduntil_datetime": "2026-11-10 00:00:00"})
    usage = {"id": "one", "line_id": "calls", "quantity": "361", "usage_date": "2026-10-02"}
    town.native("POST", "/subscriptions/held/usages", usage)


def _id(door: str, name: str) -> str:
    return f"{door}-{name}".replace(" ", "-").replace(",", "")


def _by_this_door(town: Town, name: str, price: Price) -> str:
    key = _id("co", name)
    body = {"external_key": key, "name": "Thing", "units": "unit", "pricemodel": price.over}
    usage_type = {"usage_type": price.usage_type} if price.metered else {}
    town.over.create("/item", body | price.item | usage_type)
    line = {"item_external_key": key} | ({} if price.metered else {"line_quantity": 361})
    town.over.create(
        "/package",
        {"external_key": key, "customer_external_key": "harbor", "line_items": [line]},
    )
    return key


def _by_the_native_door(town: Town, name: str, price: Price) -> str:
    key = _id("v1", name)
    item = {"id": key, "name": "Thing", "type": "plan", "metered": price.metered, "unit": "unit"}
    aggregation = AGGREGATIONS[price.usage_type]
    recording = {"recording": "events"} if price.metered else {}
    town.native("POST", "/items", item | {"aggregation": aggregation} | recording)
    town.native("POST", "/item-prices", {"id": key, "item_id": key} | price.native)
    line: dict[str, Any] = {"item_price_id": key}
    town.native(
        "POST",
        "/subscriptions",
        {
            "id": key,
            "customer_id": "harbor",
            "start": "2026-10-01T00:00:00Z",
            "lines": [line if price.metered else line | {"quantity": "361"}],
            "closing": {"mode": "auto", "after_hours": 0},
        },
    )
    return key


def _by_the_sdk(town: Town, name: str, price: Price) -> str:
    cb, key = town.cb, _id("cb", name)
    item = {"id": key, "name": "Thing", "type": "plan", "item_family_id": "all", "unit": "unit"}
    calculation = {"usage_calculation": CALCULATIONS[price.usage_type]} if price.metered else {}
    cb.Item.create(item | {"metered": price.metered} | calculation)
    month = {"period": 1, "period_unit": "month", "currency_code": "USD"}
    cb.ItemPrice.create(
        {"id": key, "name": "Thing", "item_id": key} | month | (price.chargebee or {})
    )
    row: dict[str, Any] = {"item_price_id": key}
    cb.Subscription.create_with_items(
        "harbor",
        {
            "id": key,
            "subscription_items": [row if price.metered else row | {"quantity": 361}],
            "start_date": START,
            "auto_close_invoices": True,
        },
    )
    return key


def _use(town: Town, key: str, price: Price) -> None:
    for day, quantity in enumerate(price.used, start=1):
        body = {
            "item_price_id": key,
            "usage_date": f"2026-10-{day:02d}T00:00:00Z",
            "quantity": quantity,
        }
        if not key.startswith("cb-"):
            body["id"] = f"event-{day}"  # only these record events
        town.native("POST", f"/subscriptions/{key}/usages", body)


def _alike(invoice: Any) -> Any:
    if isinstance(invoice, dict):
        return {n: _alike(v) for n, v in invoice.items() if n not in NOT_ALIKE}
    return [_alike(each) for each in invoice] if isinstance(invoice, list) else invoice
