"""A site of the ChargeOver door with a package, made in the native API: `calls` of `harbor`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from postpaid.domain.subscription import Subscription
from postpaid.store.books import SiteStores
from tests.support.functions import Functions
from tests.support.over import Over

_events = count(1)
CLOCK = datetime(2015, 9, 1, 0, 0, 30, tzinfo=UTC)
VOIP = {
    "id": "voip",
    "name": "VoIP Service",
    "metered": True,
    "unit": "minute",
    "recording": "events",
}
VOIP_PRICE = {
    "id": "voip",
    "item_id": "voip",
    "name": "VoIP Service",
    "pricing_model": "per_unit",
    "unit_amount": "0.05",
    "base_fee": "10.00",
}
SEAT = {"id": "seat", "name": "Seat", "type": "plan"}
SEAT_PRICE = {"id": "seat", "item_id": "seat", "pricing_model": "per_unit", "unit_amount": "20"}
PACKAGE: dict[str, Any] = {
    "id": "calls",
    "customer_id": "harbor",
    "start": "2015-09-01",
    "prorate": False,
    "lines": [{"item_price_id": "voip", "id": "voip-line"}],
    "closing": {"mode": "auto", "after_hours": 0},
}


@dataclass(frozen=True, slots=True)
class OverShop:
    """One site, by both doors."""

    over: Over
    key: str

    @classmethod
    def at(cls, functions: Functions, site_id: str) -> "OverShop":
        """Make a site, a catalogue and a customer."""
        over = Over.at(functions, site_id, CLOCK)
        shop = cls(over, functions.new_key(over.site))
        over.create(
            "/customer",
            {"company": "Blue Harbor", "external_key": "harbor", "bill_addr1": "1 Pier"}
            | {"bill_city": "Salem", "bill_state": "MA", "terms_days": 30},
        )
        for path, body in (("items", VOIP), ("items", SEAT)):
            shop.native("POST", f"/v1/{path}", body)
        for body in (VOIP_PRICE, SEAT_PRICE):
            shop.native("POST", "/v1/item-prices", body)
        return shop

    def native(self, method: str, target: str, body: object = None) -> Any:
        """Send a request to the native API that must succeed."""
        answer = self.over.functions.call(method, target, body, key=self.key)
        assert answer.status in {200, 201, 202}, (target, answer)
        return answer.json

    def package(self, package_id: str = "calls", **changes: Any) -> int:
        """Make a package; return its integer."""
        self.native("POST", "/v1/subscriptions", PACKAGE | {"id": package_id} | changes)
        return self.subscription(package_id).number

    def subscription(self, package_id: str = "calls") -> Subscription:
        """Read a package as it is stored."""
        functions = self.over.functions
        stores = SiteStores.of(functions.usages, functions.billing, self.over.site.scope)
        found = stores.subscriptions.get(package_id)
        assert found is not None
        return found

    def use(self, quantity: str, on: str, package_id: str = "calls", **more: Any) -> None:
        """Record usage."""
        body = {"line_id": "voip-line", "usage_date": on, "quantity": quantity}
        body |= {"id": f"event-{next(_events)}", **more}
        self.native("POST", f"/v1/subscriptions/{package_id}/usages", body)

    def advance(self, to: str) -> None:
        """Move the clock on, and all that falls due on the way is done."""
        for _ in range(30):
            if self.native("POST", "/v1/test-clock/advance", {"to": to})["done"]:
                return
        raise AssertionError("the clock does not arrive")

    def invoices(self, package_id: str = "calls") -> list[Any]:
        """List the invoices of a package at this door, the oldest first."""
        where = f"where=package_external_key:EQUALS:{package_id}&limit=500&expand=line_items"
        return list(self.over.get(f"/invoice?{where}"))
