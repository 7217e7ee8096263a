"""On the deployed stack: the same batch from eight clients at once, and what each is told."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest

from postpaid_cli.stack import LocalStack
from tests.support.client import Reply, admin_of

pytestmark = pytest.mark.stack

CLIENTS, USAGES = 8, 25
# The term is this month's, so that nothing closes it while the test runs.
FIRST = datetime.now(UTC).date().replace(day=1).isoformat()


def test_the_same_batch_from_eight_clients_is_recorded_once(stack: LocalStack) -> None:
    admin = admin_of(stack)
    admin.must("POST", "/v1/items", {"id": "batch", "name": "Calls", "metered": True})
    price = {"id": "batch-usd", "item_id": "batch", "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": "batch", "name": "Blue Harbor"})
    body: dict[str, Any] = {"id": "batch", "customer_id": "batch", "timezone": "UTC"}
    body |= {"start": FIRST, "lines": [{"item_price_id": "batch-usd"}]}
    admin.must("POST", "/v1/subscriptions", body | {"closing": {"mode": "manual"}})
    usages: list[dict[str, Any]] = [
        {
            "subscription_id": "batch",
            "item_price_id": "batch-usd",
            "usage_date": f"{FIRST}T00:00:{second:02d}Z",
            "quantity": str(second + 1),
        }
        for second in range(USAGES)
    ]
    wrong = usages[0] | {"usage_date": "never"}
    barrier = Barrier(CLIENTS)

    def client(_: int) -> Reply:
        barrier.wait()
        return admin.send("POST", "/v1/usages", {"usages": [*usages, wrong]})

    with ThreadPoolExecutor(CLIENTS) as pool:
        replies = list(pool.map(client, range(CLIENTS)))

    assert {reply.status for reply in replies} == {200}
    for index in range(USAGES):
        results = [reply.json["results"][index] for reply in replies]
        assert Counter(each["status"] for each in results) == {201: 1, 200: CLIENTS - 1}
        assert {each["usage"]["billing"] for each in results} == {"on_time"}
        assert {each["usage"]["quantity"] for each in results} == {str(index + 1)}
    for reply in replies:
        refused = reply.json["results"][USAGES]
        assert (refused["status"], refused["problem"]["field"]) == (
            *(422, f"usages[{USAGES}].usage_date"),
        )
    listed = admin.must("GET", "/v1/subscriptions/batch/usages")["data"]
    assert [each["quantity"] for each in listed] == [str(n + 1) for n in range(USAGES)]
