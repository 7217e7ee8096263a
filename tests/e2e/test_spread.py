"""On the deployed stack: a subscription in eight shards, from its first usage to its invoice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.dynamo import DynamoTable
from postpaid.store.tables import Range
from postpaid_cli.operate import Target, run_sweep
from postpaid_cli.provision import SITE
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of, wait_for

pytestmark = pytest.mark.stack

LAST_MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
DATES = [LAST_MONTH.replace(day=day).isoformat() for day in range(1, 17)]
PATH = "/v1/subscriptions/spread"


@pytest.fixture(scope="module")
def admin(stack: LocalStack) -> HttpClient:
    """A client, when the subscription is there with its usages."""
    admin = admin_of(stack)
    item = {"id": "spread", "name": "Calls", "metered": True, "unit": "minute"}
    admin.must("POST", "/v1/items", item)
    price = {"id": "spread-usd", "item_id": "spread", "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": "spread", "name": "Blue Harbor Café"})
    subscription: dict[str, Any] = {"id": "spread", "customer_id": "spread", "timezone": "UTC"}
    subscription |= {"start": DATES[0], "closing": {"mode": "manual"}}
    subscription |= {"lines": [{"item_price_id": "spread-usd"}]}
    made = admin.must("POST", "/v1/subscriptions", subscription | {"usage_shards": 8})
    assert made["usage_shards"] == 8
    recorder = HttpClient(stack, stack.keys["usage_key"])
    usages = [{"item_price_id": "spread-usd", "usage_date": on, "quantity": "10"} for on in DATES]
    told = [recorder.must("POST", f"{PATH}/usages", each) for each in (*usages[::-1], usages[0])]
    assert [each["replayed"] for each in told] == [False] * 16 + [True]
    return admin


def _in_shard(stack: LocalStack, slot: int) -> int:
    client = stack.aws.dynamodb()
    try:
        table = DynamoTable(client, stack.outputs["UsageTable"])
        pk = keys.usage_pk(Scope(SITE), "spread", slot)
        return len(table.query(Range(pk=pk, first="2", last="3")))
    finally:
        client.close()


def _pages(admin: HttpClient) -> list[list[dict[str, Any]]]:
    pages, cursor = [], ""
    while True:
        page = admin.must("GET", f"{PATH}/usages?limit=7{cursor}")
        pages.append(page["data"])
        if page["next_cursor"] is None:
            return pages
        cursor = f"&cursor={page['next_cursor']}"


def test_usages_of_every_shard_are_listed_changed_and_billed_as_one(
    stack: LocalStack, admin: HttpClient
) -> None:
    assert [_in_shard(stack, slot) for slot in range(8)].count(0) == 0
    pages = _pages(admin)
    assert [len(page) for page in pages] == [7, 7, 2]
    usages = [usage for page in pages for usage in page]
    assert [usage["usage_date"][:10] for usage in usages] == DATES

    first, second = (f"{PATH}/usages/{usage['id']}" for usage in usages[:2])
    assert admin.send("PUT", first, {"quantity": "211"}, If_Match='"1"').json["version"] == 2
    admin.must("DELETE", second)
    assert admin.must("GET", first)["quantity"] == "211"
    assert admin.send("GET", second).status == 404
    assert admin.send("PATCH", PATH, {"usage_shards": 4}).json["field"] == "usage_shards"

    def look() -> dict[str, Any] | None:
        run_sweep(Target(stack.aws.dynamodb(), stack.aws.functions(), stack.outputs))
        heads = admin.must("GET", f"{PATH}/invoices")["data"]
        return next(iter(heads), None)

    pending = wait_for("the invoice of last month", look)
    closed = admin.must("POST", f"/v1/invoices/{pending['id']}/close")
    assert (closed["status"], closed["total"]) == ("issued", "17.55")  # 211 and 14 times 10
