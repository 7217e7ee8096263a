"""Several series of invoice numbers on the deployed stack, drawn from by requests at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of

pytestmark = pytest.mark.stack

TODAY = datetime.now(UTC).date()
LATER = TODAY + timedelta(days=400)  # until then only a request closes an invoice
INVOICES = 9  # for each series


def _subscribe(admin: HttpClient, name: str) -> dict[str, Any]:
    """Return the pending opening invoice of a new subscription of the customer of this name."""
    customer = name.rsplit("-", 1)[0]
    body = {"id": name, "customer_id": customer, "start": str(TODAY), "hold_until": str(LATER)}
    lines = {"lines": [{"item_price_id": "numbered-usd"}]}
    admin.must("POST", "/v1/subscriptions", body | lines)
    [head] = admin.must("GET", f"/v1/subscriptions/{name}/invoices")["data"]
    assert (head["status"], head["series"]) == ("pending", None)
    return dict(head)


def test_each_series_is_numbered_without_a_gap_by_those_who_close_at_once(
    stack: LocalStack,
) -> None:
    admin = admin_of(stack)
    series = {"numbered-north": "NORTH-", "numbered-south": "SOUTH-"}
    named = [{"id": name, "number_prefix": prefix} for name, prefix in series.items()]
    admin.must("PATCH", "/v1/site", {"series": named})
    item = {"id": "numbered", "name": "Seats", "metered": False, "type": "plan"}
    admin.must("POST", "/v1/items", item)
    price = {"id": "numbered-usd", "item_id": "numbered", "currency": "USD"}
    flat = {"pricing_model": "flat_fee", "amount": "7"}
    admin.must("POST", "/v1/item-prices", price | flat)
    for name in series:
        admin.must("POST", "/v1/customers", {"id": name, "name": name, "series": name})
    heads = [_subscribe(admin, f"{name}-{n}") for n in range(INVOICES) for name in series]

    def close(head: dict[str, Any]) -> dict[str, Any]:
        return dict(admin.must("POST", f"/v1/invoices/{head['id']}/close"))

    with ThreadPoolExecutor(max_workers=6) as clients:
        closed = list(clients.map(close, heads))

    for name, prefix in series.items():
        numbers = sorted(each["number"] for each in closed if each["series"] == name)
        assert numbers == [f"{prefix}{n:06d}" for n in range(1, INVOICES + 1)]
    unknown = admin.send("POST", "/v1/customers", {"name": "X", "series": "numbered-west"})
    assert (unknown.status, unknown.json["code"]) == (404, "series_not_found")
    assert unknown.json["field"] == "series"
