"""What becomes of an issued invoice, on the deployed stack: it is paid, or voided."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pypdf
import pytest

from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of, exchange, wait_for

pytestmark = pytest.mark.stack

LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)


def _issued(stack: LocalStack, admin: HttpClient, name: str) -> dict[str, Any]:
    """Return an issued invoice of 31.00."""
    admin.must("POST", "/v1/items", {"id": name, "name": "Seats", "metered": False, "type": "plan"})
    price = {"id": f"{name}-usd", "item_id": name, "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "31"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": name, "name": "Blue Harbor Café"})
    subscription = {"id": name, "customer_id": name, "start": LAST_MONTH.isoformat()}
    admin.must(
        "POST", "/v1/subscriptions", {**subscription, "lines": [{"item_price_id": f"{name}-usd"}]}
    )

    def look() -> dict[str, Any] | None:
        aws = stack.aws
        run_sweep(Target(aws.dynamodb(), aws.functions(), stack.outputs))
        heads = admin.must("GET", f"/v1/subscriptions/{name}/invoices")["data"]
        return next((head for head in heads if head["status"] == "issued"), None)

    return wait_for("an issued invoice", look)


def test_an_invoice_is_paid_in_two_parts_each_once_and_never_beyond_what_is_due(
    stack: LocalStack,
) -> None:
    admin = admin_of(stack)
    invoice = _issued(stack, admin, "in-parts")
    path = f"/v1/invoices/{invoice['id']}"
    part = {"amount": "10.00", "method": "transfer", "reference": "42"}

    first = admin.send("POST", f"{path}/payments", part, Idempotency_Key="once")
    again = admin.send("POST", f"{path}/payments", part, Idempotency_Key="once")
    too_much = admin.send("POST", f"{path}/payments", {"amount": "21.01"})
    refused = admin.send("POST", f"{path}/void")
    between = admin.must("GET", path)
    admin.must("POST", f"{path}/payments", {"amount": "21"})

    assert (first.status, again.status, again.json) == (201, 200, first.json)
    assert (too_much.status, too_much.json["field"]) == (422, "amount")
    assert (refused.status, refused.json["code"]) == (409, "invoice_paid")
    told = ("amount_paid", "amount_due", "payment")
    assert [between[name] for name in told] == ["10.00", "21.00", "part_paid"]
    assert [admin.must("GET", path)[name] for name in told] == ["31.00", "0.00", "paid"]
    amounts = [each["amount"] for each in admin.must("GET", f"{path}/payments")["data"]]
    assert amounts == ["21.00", "10.00"]


def _pdf(admin: HttpClient, path: str) -> str | None:
    """Return the words of an invoice's document, None while there is none."""
    reply = admin.send("GET", f"{path}/pdf")
    if reply.status == 409:
        return None
    link = urlsplit(reply.json["url"])
    body = exchange(link.netloc, "GET", f"{link.path}?{link.query}", None, {}).body
    return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)


def test_a_voided_invoice_keeps_all_it_says_and_takes_no_payment(stack: LocalStack) -> None:
    admin = admin_of(stack)
    invoice = _issued(stack, admin, "voided")
    path = f"/v1/invoices/{invoice['id']}"
    before = admin.must("GET", path)
    assert "VOID" not in wait_for("a document", lambda: _pdf(admin, path))

    admin.must("POST", f"{path}/void", {"reason": "sent to the wrong company"})
    marked = wait_for("another document", lambda: _pdf(admin, path))
    assert "VOID" in marked
    assert f"{before['number']} · void" in marked
    again = admin.must("POST", f"{path}/void", {"reason": "another"})
    payment = admin.send("POST", f"{path}/payments", {"amount": "31"})

    assert (again["status"], again["void_reason"]) == ("voided", "sent to the wrong company")
    kept = ("number", "lines", "total", "period")
    assert [again[name] for name in kept] == [before[name] for name in kept]
    assert (payment.status, payment.json["code"]) == (409, "invoice_not_issued")
