"""A subscription that changes, on the deployed stack: lines, an invoice now, an end."""

import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pypdf
import pytest

from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of, exchange, wait_for

pytestmark = pytest.mark.stack

THIS_MONTH = datetime.now(UTC).date().replace(day=1)
SUBSCRIPTION = "/v1/subscriptions/changing"


@pytest.fixture(scope="module")
def admin(stack: LocalStack) -> HttpClient:
    """A subscription of a seat and calls since the first of this month, in UTC."""
    admin = admin_of(stack)
    seats = {"id": "changing-seats", "name": "Seats", "type": "addon", "unit": "seat"}
    calls = {"id": "changing-calls", "name": "VoIP calls", "metered": True, "unit": "minute"}
    for item in (seats, calls):
        admin.must("POST", "/v1/items", item)
    for name, amount, more in (
        ("changing-seats", "20", {}),
        ("changing-calls", "0.05", {"base_fee": "10"}),
    ):
        price = {"id": name, "item_id": name, "currency": "USD", "unit_amount": amount}
        admin.must("POST", "/v1/item-prices", price | {"pricing_model": "per_unit"} | more)
    admin.must("POST", "/v1/customers", {"id": "changing", "name": "Blue Harbor Café"})
    lines = [
        {"item_price_id": "changing-seats", "id": "seats"},
        {"item_price_id": "changing-calls"},
    ]
    body: dict[str, Any] = {"id": "changing", "customer_id": "changing", "lines": lines}
    body |= {"timezone": "UTC", "start": THIS_MONTH.isoformat(), "closing": {"mode": "manual"}}
    admin.must("POST", "/v1/subscriptions", body)
    usage = {"item_price_id": "changing-calls", "usage_date": THIS_MONTH.isoformat()}
    admin.must("POST", f"{SUBSCRIPTION}/usages", usage | {"quantity": "361"})
    return admin


def test_a_subscription_changes_is_invoiced_at_once_and_ends(admin: HttpClient) -> None:
    change = {"action": "change", "id": "seats", "quantity": 3}
    asked = {"effective": THIS_MONTH.isoformat(), "changes": [change]}
    changed = admin.must("POST", f"{SUBSCRIPTION}/changes", asked)
    assert [line["quantity"] for line in changed["lines"]] == [None, "3"]

    made = admin.must("POST", f"{SUBSCRIPTION}/invoice-now")

    assert made["status"] == "issued"
    lines = [(line["kind"], line["amount"]) for line in made["lines"] if line["kind"] != "base_fee"]
    # The seat that was paid for the month is given back, three are charged in its place.
    assert [kind for kind, _ in lines[:2]] == ["credit", "recurring"]
    assert ("usage", "18.05") in lines
    ended = admin.must("POST", f"{SUBSCRIPTION}/cancel", {"at": "now"})
    assert ended["end"] is not None
    wait_for("the end", lambda: admin.must("GET", SUBSCRIPTION)["status"] == "ended" or None)
    text = _document(admin, made)
    for words in ("Credit for unused time", "Base fee", "18.05", made["total"], made["number"]):
        assert words in text


def _document(admin: HttpClient, invoice: dict[str, Any]) -> str:
    def link() -> str | None:
        reply = admin.send("GET", f"/v1/invoices/{invoice['id']}/pdf")
        return str(reply.json["url"]) if reply.status == 200 else None

    url = urlsplit(wait_for("the document", link))
    pdf = exchange(url.netloc, "GET", f"{url.path}?{url.query}", None, {})
    pages = pypdf.PdfReader(io.BytesIO(pdf.body)).pages
    return " ".join(page.extract_text() for page in pages)
