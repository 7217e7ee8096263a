"""A small shop on a site of its own, set up over the native API as a client would do it.

Its clock stands, and ticks, at noon on 20 October 2026, in the term that began on 1 October.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from postpaid.application.due_terms import Due
from postpaid.domain.api_key import KeyScope
from postpaid.domain.instants import instant_from_text
from postpaid.domain.site import Site
from postpaid.outbound import queue
from postpaid.store import keys
from tests.support.events import sqs_event
from tests.support.functions import Answer, Functions

CLOCK = datetime(2026, 10, 20, 12, tzinfo=UTC)
NEW_YORK = "America/New_York"

CALLS = {"id": "voip", "name": "VoIP calls", "metered": True, "unit": "minute"}
CALLS_PRICE = {
    "id": "voip-usd",
    "item_id": "voip",
    "pricing_model": "per_unit",
    "unit_amount": "0.05",
    "base_fee": "10.00",
}
TEXTS = {"id": "sms", "name": "Texts", "metered": True, "unit": "text", "recording": "events"}
TEXTS_PRICE = {
    "id": "sms-usd",
    "item_id": "sms",
    "pricing_model": "per_unit",
    "unit_amount": "0.01",
}
SEATS = {"id": "seat", "name": "Seats", "type": "addon"}
SEATS_PRICE = {"id": "seat-usd", "item_id": "seat", "pricing_model": "flat_fee", "amount": "20"}
# What is charged once; not on the shelf of every shop.
SETUP = {"id": "setup", "name": "Setup", "type": "charge"}
SETUP_PRICE = {
    "id": "setup-usd",
    "item_id": "setup",
    "pricing_model": "per_unit",
    "unit_amount": "49",
}
CUSTOMER = {"id": "harbor", "name": "Blue Harbor", "email": "accounts@blue-harbor.example"}
SUBSCRIPTION = {
    "id": "calls",
    "customer_id": "harbor",
    "timezone": NEW_YORK,
    "start": "2026-09-01",
    "lines": [
        {"item_price_id": "voip-usd"},
        {"item_price_id": "sms-usd", "id": "texts"},
        {"item_price_id": "seat-usd"},
    ],
    "closing": {"mode": "manual"},
}
USAGE = {"item_price_id": "voip-usd", "usage_date": "2026-10-15", "quantity": "22"}
USAGES = "/v1/subscriptions/calls/usages"


@dataclass(frozen=True, slots=True)
class Shop:
    """A site with everything above but the usage, and its first key."""

    functions: Functions
    site: Site
    admin: str

    def call(self, method: str, target: str, body: object = None, **options: Any) -> Answer:
        """Send a request with the admin's key, unless another is given."""
        return self.functions.call(method, target, body, **{"key": self.admin, **options})

    def must(self, method: str, target: str, body: object = None, **options: Any) -> Any:
        """Send a request that must succeed; return its JSON."""
        answer = self.call(method, target, body, **options)
        assert answer.status in {200, 201}, (method, target, answer)
        return answer.json

    def new_key(self, *scopes: KeyScope) -> str:
        """Create another key."""
        return self.functions.new_key(self.site, *scopes)

    def work(self, subscription_id: str = "calls") -> None:
        """Have the worker visit a subscription's first term, and what follows that is due."""
        start = self.must("GET", f"/v1/subscriptions/{subscription_id}")["start"]
        term = keys.term(self.site.scope, subscription_id, instant_from_text(start))
        body = json.dumps(queue.due_message([Due(*term)]))
        answer = self.functions.invoke("CloseWorkerFunction", sqs_event([body]))
        assert answer == {"batchItemFailures": []}

    def invoices(self, subscription_id: str = "calls") -> list[Any]:
        """List the heads of a subscription's invoices, newest first."""
        page = self.must("GET", f"/v1/subscriptions/{subscription_id}/invoices")
        return list(page["data"])


def bare_shop(functions: Functions, site_id: str, clock: datetime | None = CLOCK) -> Shop:
    """Create a site with nothing on it but its key."""
    site = functions.new_site(site_id, clock=clock)
    return Shop(functions, site, functions.new_key(site))


def open_shop(functions: Functions, site_id: str) -> Shop:
    """Create a site, its catalogue, a customer and a subscription."""
    shop = stocked_shop(functions, site_id)
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION)
    return shop


def stocked_shop(functions: Functions, site_id: str, clock: datetime | None = CLOCK) -> Shop:
    """Create a site, its catalogue and a customer."""
    shop = bare_shop(functions, site_id, clock)
    for item in (CALLS, TEXTS, SEATS):
        shop.must("POST", "/v1/items", item)
    for price in (CALLS_PRICE, TEXTS_PRICE, SEATS_PRICE):
        shop.must("POST", "/v1/item-prices", price)
    shop.must("POST", "/v1/customers", CUSTOMER)
    return shop
