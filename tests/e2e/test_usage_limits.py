"""On the deployed stack: one external id and one maximum, sixteen clients at once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest

from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, Reply, admin_of

pytestmark = pytest.mark.stack

CLIENTS = 16
# The term is this month's, so that nothing closes it while the test runs.
FIRST = datetime.now(UTC).date().replace(day=1).isoformat()


@pytest.fixture(scope="module")
def admin(stack: LocalStack) -> HttpClient:
    admin = admin_of(stack)
    admin.must("POST", "/v1/items", {"id": "named", "name": "Calls", "metered": True})
    price = {"id": "named-usd", "item_id": "named", "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": "named", "name": "Blue Harbor"})
    return admin


def _subscription(admin: HttpClient, name: str, **more: Any) -> str:
    """Make a subscription; return where its usages are."""
    body: dict[str, Any] = {"id": name, "customer_id": "named", "timezone": "UTC", "start": FIRST}
    body |= {"lines": [{"item_price_id": "named-usd"}], "closing": {"mode": "manual"}, **more}
    admin.must("POST", "/v1/subscriptions", body)
    return f"/v1/subscriptions/{name}/usages"


def _usage(number: int, **more: str) -> dict[str, str]:
    date = f"{FIRST}T12:00:{number:02d}Z"
    return {"item_price_id": "named-usd", "usage_date": date, "quantity": str(number + 1), **more}


def _all_at_once(ask: Callable[[int], Reply]) -> list[Reply]:
    barrier = Barrier(CLIENTS)

    def client(number: int) -> Reply:
        barrier.wait()
        return ask(number)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(client, range(CLIENTS)))


def test_one_external_id_from_sixteen_clients_names_one_usage(admin: HttpClient) -> None:
    path = _subscription(admin, "one-name")

    replies = _all_at_once(
        lambda number: admin.send("POST", path, _usage(number, external_id="the one"))
    )

    assert Counter(reply.status for reply in replies) == {201: 1, 409: CLIENTS - 1}
    [made] = [reply.json for reply in replies if reply.status == 201]
    for reply in replies:
        if reply.status == 409:
            assert reply.json["code"] == "external_id_taken"
            assert reply.json["usage_date"] == made["usage_date"]
    [found] = admin.must("GET", "/v1/usages?external_id=the%20one")["data"]
    [stored] = admin.must("GET", path)["data"]
    assert found == stored
    assert found["id"] == made["id"]


def test_sixteen_clients_at_once_record_no_more_than_there_may_be(admin: HttpClient) -> None:
    path = _subscription(admin, "a-maximum", usage_records_max=5)

    replies = _all_at_once(lambda number: admin.send("POST", path, _usage(number)))

    assert Counter(reply.status for reply in replies) == {201: 5, 422: CLIENTS - 5}
    refused = [reply.json for reply in replies if reply.status == 422]
    assert {(each["code"], each["limit"], each["count"]) for each in refused} == {
        ("usage_limit_reached", 5, 5)
    }
    assert len(admin.must("GET", path)["data"]) == 5
    # The same again: what is recorded is repeated, what was refused is refused.
    again = _all_at_once(lambda number: admin.send("POST", path, _usage(number)))
    assert [each.status for each in again] == [
        200 if reply.status == 201 else 422 for reply in replies
    ]
