"""Bounds and refreshing, on the deployed stack: in a currency that no other test uses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of, wait_for

pytestmark = pytest.mark.stack

LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
BOUNDED = "/v1/subscriptions/bounded"


@pytest.fixture(scope="module")
def admin(stack: LocalStack) -> HttpClient:
    """A subscription of calls at 0.05 francs, since the first of last month."""
    admin = admin_of(stack)
    calls = {"id": "bounded", "name": "VoIP calls", "metered": True, "unit": "minute"}
    admin.must("POST", "/v1/items", calls)
    price = {"id": "bounded", "item_id": "bounded", "currency": "CHF"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": "bounded", "name": "Blue Harbor Café"})
    body: dict[str, Any] = {"id": "bounded", "customer_id": "bounded", "timezone": "UTC"}
    body |= {"start": LAST_MONTH.isoformat(), "lines": [{"item_price_id": "bounded"}]}
    admin.must("POST", "/v1/subscriptions", body)
    return admin


def test_an_absurd_invoice_is_parked_refreshed_and_closed_by_who_has_looked(
    stack: LocalStack, admin: HttpClient
) -> None:
    usage = {"item_price_id": "bounded", "usage_date": LAST_MONTH.isoformat()}
    admin.must("POST", f"{BOUNDED}/usages", usage | {"quantity": "361000"})
    bounds = {"highest_totals": {"CHF": "1000"}}
    assert admin.must("PATCH", "/v1/site", {"bounds": bounds})["bounds"] == {
        "highest_totals": {"CHF": "1000.00"},
        "median_factor": None,
    }

    def look() -> dict[str, Any] | None:
        aws = stack.aws
        run_sweep(Target(aws.dynamodb(), aws.functions(), stack.outputs))
        heads = admin.must("GET", f"{BOUNDED}/invoices")["data"]
        return next((head for head in heads if head["parked"]), None)

    head = wait_for("a parked invoice", look)

    path = f"/v1/invoices/{head['id']}"
    assert head["broken_bound"] == {
        "bound": "highest_total",
        "figure": "18050.00 CHF",
        "limit": "1000.00 CHF",
        "acceptable": True,
    }
    refused = admin.send("POST", f"{path}/close")
    assert (refused.status, refused.json["code"]) == (409, "bound_exceeded")
    # A second usage that belongs there: refreshed, still parked, and closed by one who has looked.
    other = (LAST_MONTH + timedelta(days=1)).isoformat()
    admin.must("POST", f"{BOUNDED}/usages", usage | {"usage_date": other, "quantity": "1000"})
    synced = admin.must("POST", f"{path}/sync")
    assert (synced["total"], synced["broken_bound"]["figure"]) == ("18100.00", "18100.00 CHF")
    closed = admin.must("POST", f"{path}/close", {"accept_bounds": True})
    assert (closed["status"], closed["total"], closed["parked"]) == ("issued", "18100.00", None)
    again = admin.send("POST", f"{path}/sync")
    assert (again.status, again.json["code"]) == (409, "invoice_not_pending")
    admin.must("PATCH", "/v1/site", {"bounds": {}})
