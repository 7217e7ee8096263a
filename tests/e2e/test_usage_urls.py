"""A usage URL on the deployed stack: a function asks a server, and a term closes with that."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of, wait_for
from tests.support.questions import http, serving

pytestmark = pytest.mark.stack

LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
GOOD = http(b'{"line_items": [{"usage_amount": 361}]}')


def _subscribe(admin: HttpClient, name: str, url: str) -> None:
    item = {"id": name, "name": "VoIP calls", "type": "plan", "metered": True, "unit": "minute"}
    admin.must("POST", "/v1/items", item)
    price = {"id": f"{name}-usd", "item_id": name, "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05", "base_fee": "10.00"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": name, "name": "Blue Harbor Café"})
    line = {"item_price_id": f"{name}-usd", "usage_url": url}
    body = {"id": name, "customer_id": name, "start": LAST_MONTH.isoformat(), "lines": [line]}
    admin.must("POST", "/v1/subscriptions", body)


def _swept(stack: LocalStack, admin: HttpClient, name: str) -> list[dict[str, Any]]:
    """Sweep once, and return the subscription's invoices."""
    aws = stack.aws
    run_sweep(Target(aws.dynamodb(), aws.functions(), stack.outputs))
    return list(admin.must("GET", f"/v1/subscriptions/{name}/invoices")["data"])


def test_a_month_closes_with_what_its_url_answered_once(
    stack: LocalStack, usage_url_port: int
) -> None:
    admin = admin_of(stack)
    with serving(GOOD, port=usage_url_port) as server:
        _subscribe(admin, "asked", f"http://127.0.0.1:{usage_url_port}/usage?key=abc")

        def look() -> dict[str, Any] | None:
            heads = _swept(stack, admin, "asked")
            return next((head for head in heads if head["status"] == "issued"), None)

        invoice = wait_for("an issued invoice", look)

    assert invoice["total"] == "28.05"
    [request] = server.requests
    assert json.loads(request.partition(b"\r\n\r\n")[2])["package"]["external_key"] == "asked"
    start = LAST_MONTH.isoformat()
    [usage] = admin.must("GET", f"/v1/subscriptions/asked/usages?start={start}")["data"]
    assert (usage["quantity"], usage["source"]) == ("361", "usage_url")


def test_one_that_leads_elsewhere_keeps_its_invoice_open(
    stack: LocalStack, usage_url_port: int
) -> None:
    admin = admin_of(stack)
    away = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    with serving(away, port=usage_url_port) as server:
        _subscribe(admin, "led-away", f"http://127.0.0.1:{usage_url_port}/usage")

        def look() -> bool | None:
            _swept(stack, admin, "led-away")
            return True if server.requests else None

        wait_for("a request", look)
        [head] = _swept(stack, admin, "led-away")
        closed = admin.send("POST", f"/v1/invoices/{head['id']}/close")

    assert (head["status"], head["parked"]) == ("pending", None)
    assert (closed.status, closed.json["code"]) == (409, "usage_url_unanswered")


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1:1"])
def test_no_other_host_is_let_in_by_the_parameter(stack: LocalStack, host: str) -> None:
    admin = admin_of(stack)
    name = f"inside-{len(host)}"
    item = {"id": name, "name": "VoIP calls", "type": "plan", "metered": True}
    admin.must("POST", "/v1/items", item)
    price = {"id": f"{name}-usd", "item_id": name, "currency": "USD"}
    admin.must("POST", "/v1/item-prices", price | {"pricing_model": "per_unit", "unit_amount": "1"})
    admin.must("POST", "/v1/customers", {"id": name, "name": "Blue Harbor Café"})
    line = {"item_price_id": f"{name}-usd", "usage_url": f"http://{host}/latest"}

    refused = admin.send(
        "POST", "/v1/subscriptions", {"id": name, "customer_id": name, "lines": [line]}
    )

    assert (refused.status, refused.json["field"]) == (422, "lines[0].usage_url")
