"""Chargebee's SDK on a site of a deployed stack, and what is made with it again and again."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pypdf
from chargebee import Chargebee, InvalidRequestError

from postpaid_cli.provision import provision_local
from postpaid_cli.stack import LocalStack
from tests.support.client import exchange, wait_for
from tests.support.sdk import Wire, sdk_at

OCTOBER, NOVEMBER = 1790812800, 1793491200  # of 2026
HOUR, DAY = 3600, 86_400
MONTH = {"period": 1, "period_unit": "month"}


@dataclass(frozen=True, slots=True)
class Bee:
    """The SDK on a site of its own, and what it was answered."""

    stack: LocalStack
    sdk: Chargebee
    wire: Wire

    def page(self, url: str) -> str:
        """Download a document and return its words."""
        link = urlsplit(url)
        reply = exchange(link.netloc, "GET", f"{link.path}?{link.query}", None, {})
        assert (reply.status, reply.headers["content-type"]) == (200, "application/pdf")
        pages = pypdf.PdfReader(io.BytesIO(reply.body)).pages
        return " ".join(" ".join(page.extract_text() for page in pages).split())

    def document(self, ask: Callable[[], Any]) -> str:
        """Ask for a document until it is made, and return its words."""

        def look() -> str | None:
            try:
                return str(ask().download.download_url)
            except InvalidRequestError as refusal:
                if refusal.api_error_code != "invalid_state_for_request":
                    raise
                return None

        return self.page(wait_for("a document", look))


@contextmanager
def bee_on(stack: LocalStack, site_id: str) -> Iterator[Bee]:
    """Make a test site whose clock begins with October, and return the SDK on it."""
    keys = provision_local(
        stack.outputs, stack.engine.endpoint, "2026-10-01T00:00:00Z", site_id=site_id
    )
    wire = Wire()
    with sdk_at(stack, keys["admin_key"], wire) as sdk:
        sdk.env.time_travel_retry_delay_ms = 500
        yield Bee(stack, sdk, wire)


def stock(cb: Chargebee) -> None:
    """Make the catalogue of the founding example, and seats, data and a setup."""
    cb.ItemFamily.create({"id": "voice", "name": "Voice"})
    for item, kind, metered in (
        ("line", "plan", False),
        ("minutes", "addon", True),
        ("seats", "addon", False),
        ("data", "addon", True),
        ("setup", "charge", False),
    ):
        params = {"id": item, "name": item.title(), "type": kind, "item_family_id": "voice"}
        cb.Item.create({**params, "metered": metered, "unit": "unit"})
    tiers = [
        {"starting_unit": 1, "ending_unit": 100, "price": 10},
        {"starting_unit": 101, "price": 7},
    ]
    for price, item, more in (
        ("line-usd", "line", {"pricing_model": "flat_fee", "price": 1000}),
        ("minutes-usd", "minutes", {"pricing_model": "per_unit", "price": 5}),
        ("seats-usd", "seats", {"pricing_model": "per_unit", "price": 300}),
        ("data-usd", "data", {"pricing_model": "tiered", "tiers": tiers}),
    ):
        params = {"id": price, "name": price, "item_id": item, "currency_code": "USD"}
        cb.ItemPrice.create({**params, **MONTH, **more})
    setup = {"id": "setup-usd", "name": "Set-up", "item_id": "setup", "currency_code": "USD"}
    cb.ItemPrice.create({**setup, "pricing_model": "per_unit", "price": 4900})


def subscribe(cb: Chargebee, name: str, *prices: str, **more: Any) -> Any:
    rows: list[dict[str, Any]] = [{"item_price_id": each} for each in prices]
    for row in rows:
        if row["item_price_id"] == "seats-usd":
            row["quantity"] = 2
    params = {"id": name, "subscription_items": rows, "auto_close_invoices": False, **more}
    return cb.Subscription.create_with_items("harbor", params)


def use(cb: Chargebee, subscription: str, price: str, quantity: str, at: int, **more: Any) -> Any:
    usage = {"item_price_id": price, "quantity": quantity, "usage_date": at, **more}
    return cb.Usage.create(subscription, usage).usage


def travel(cb: Chargebee, to: int) -> Any:
    machine = cb.TimeMachine.travel_forward("delorean", {"destination_time": to}).time_machine
    cb.TimeMachine.wait_for_time_travel_completion(machine)
    return cb.TimeMachine.retrieve("delorean").time_machine


def drafts(cb: Chargebee, subscription: str) -> list[Any]:
    """Return a subscription's pending invoices, newest first."""
    asked = {"subscription_id": {"is": subscription}, "status": {"is": "pending"}}
    return [each.invoice for each in cb.Invoice.list(asked).list]
