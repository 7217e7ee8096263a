"""Packages for the ChargeOver door that were made natively, and a client of that door."""

from dataclasses import dataclass
from typing import Any

from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.shop import Shop, bare_shop

EVENTS = {"type": "plan", "metered": True, "recording": "events"}
ITEMS: list[dict[str, Any]] = [
    {"id": "voip", "name": "VoIP", "unit": "minute", **EVENTS},
    {"id": "peak", "name": "Peak", "aggregation": "max", **EVENTS},
    {"id": "level", "name": "Level", "aggregation": "last", **EVENTS},
    {"id": "daily", "name": "Daily", "type": "plan", "metered": True},
    {"id": "seat", "name": "Seats", "type": "addon"},
]
PRICE = {"pricing_model": "per_unit", "unit_amount": "0.05", "base_fee": "10.00"}
LINES = [{"item_price_id": item["id"], "id": f"l-{item['id']}"} for item in ITEMS]


@dataclass(frozen=True, slots=True)
class Packages:
    """A shop whose packages were made natively, and a client of this door."""

    shop: Shop
    over: Over

    def package(self, name: str, *items: str, zone: str = "UTC", customer: str = "harbor") -> Any:
        """Subscribe a customer to items, by default to all; return the subscription."""
        lines = [
            {"item_price_id": each, "id": f"{name}-{each}"}
            for each in items or [item["id"] for item in ITEMS]
        ]
        body = {
            "id": name,
            "customer_id": customer,
            "timezone": zone,
            "start": "2026-09-01",
            "lines": lines,
            "closing": {"mode": "manual"},
        }
        return self.shop.must("POST", "/v1/subscriptions", body)

    def line(self, name: str, item: str = "voip", **more: Any) -> int:
        """Subscribe to an item alone; return the integer of the line."""
        [line] = self.package(name, item, **more)["lines"]
        return int(line["integer_id"])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """List usages."""
        rows: list[dict[str, Any]] = self.over.get(f"/usage?{query}")
        return rows

    def native(self, name: str) -> list[dict[str, Any]]:
        """List a subscription's usages natively."""
        return list(self.shop.must("GET", f"/v1/subscriptions/{name}/usages")["data"])


def packages_on(functions: Functions, site_id: str) -> Packages:
    """Open a shop with everything but packages."""
    shop = bare_shop(functions, site_id)
    for item in ITEMS:
        shop.must("POST", "/v1/items", item)
        price = PRICE if item["id"] != "seat" else {"pricing_model": "flat_fee", "amount": "20"}
        body = {"id": item["id"], "item_id": item["id"], **price}
        shop.must("POST", "/v1/item-prices", body)
    for name in ("harbor", "pier"):
        shop.must("POST", "/v1/customers", {"id": name, "name": name.title()})
    return Packages(shop, Over.on(functions, shop.site))
