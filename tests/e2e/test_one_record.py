"""On the deployed stack: one usage, sixteen clients at once, one record."""

import http.client
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pytest

from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.dynamo import DynamoTable
from postpaid.store.tables import Item, Range
from postpaid_cli.demo import Client
from postpaid_cli.provision import SITE
from postpaid_cli.stack import LocalStack

pytestmark = pytest.mark.stack

CLIENTS = 16
SUBSCRIPTION = "sixteen"
# The term is this month's, so that nothing closes it while the test runs.
FIRST = datetime.now(UTC).date().replace(day=1).isoformat()
FIFTEENTH = FIRST[:-2] + "15"
SIXTEENTH = FIRST[:-2] + "16"


@pytest.fixture(scope="module")
def path(stack: LocalStack) -> str:
    """The usages of a subscription that all clients write to."""
    admin = Client(stack.base_url, stack.keys["admin_key"])
    admin.call(
        "POST",
        "/v1/items",
        {"id": "sixteen-calls", "name": "Calls", "metered": True, "unit": "minute"},
    )
    admin.call(
        "POST",
        "/v1/item-prices",
        {
            "id": "sixteen-usd",
            "item_id": "sixteen-calls",
            "currency": "USD",
            "pricing_model": "per_unit",
            "unit_amount": "0.05",
        },
    )
    admin.call("POST", "/v1/customers", {"id": "sixteen-customer", "name": "Sixteen"})
    admin.call(
        "POST",
        "/v1/subscriptions",
        {
            "id": SUBSCRIPTION,
            "customer_id": "sixteen-customer",
            "start": FIRST,
            "lines": [{"item_price_id": "sixteen-usd"}],
            "closing": {"mode": "manual"},
        },
    )
    return f"/v1/subscriptions/{SUBSCRIPTION}/usages"


def _post(stack: LocalStack, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    base = urlsplit(stack.base_url)
    connection = http.client.HTTPConnection(str(base.hostname), base.port or 80, timeout=60)
    headers = {
        "Authorization": f"Bearer {stack.keys['usage_key']}",
        "Content-Type": "application/json",
    }
    connection.request("POST", base.path + path, json.dumps(body), headers)
    answer = connection.getresponse()
    parsed = json.loads(answer.read())
    connection.close()
    return answer.status, parsed


def _all_at_once(
    stack: LocalStack, path: str, body: Callable[[int], dict[str, Any]]
) -> list[tuple[int, dict[str, Any]]]:
    barrier = Barrier(CLIENTS)

    def client(number: int) -> tuple[int, dict[str, Any]]:
        barrier.wait()
        return _post(stack, path, body(number))

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(client, range(CLIENTS)))


def _records(stack: LocalStack, date: str) -> list[Item]:
    """Read all that is stored of the subscription at a date, whatever its line."""
    client = stack.aws.dynamodb()
    try:
        table = DynamoTable(client, stack.outputs["UsageTable"])
        pk = keys.usage_pk(Scope(SITE), SUBSCRIPTION, 0)
        return table.query(Range(pk=pk, first=date, last=f"{date}~"))
    finally:
        client.close()


def test_the_same_usage_from_sixteen_clients_at_once_is_one_record(
    stack: LocalStack, path: str
) -> None:
    usage = {"item_price_id": "sixteen-usd", "usage_date": FIFTEENTH, "quantity": "22"}

    answers = _all_at_once(stack, path, lambda _: usage)

    assert Counter(status for status, _ in answers) == {201: 1, 200: CLIENTS - 1}
    assert Counter(body["replayed"] for _, body in answers) == {False: 1, True: CLIENTS - 1}
    assert {body["quantity"] for _, body in answers} == {"22"}
    assert len({body["id"] for _, body in answers}) == 1
    [record] = _records(stack, FIFTEENTH)
    assert (record["q"], record["v"]) == ("22", 1)


def test_of_sixteen_different_quantities_one_is_recorded_and_shown_to_the_others(
    stack: LocalStack, path: str
) -> None:
    def usage(number: int) -> dict[str, Any]:
        quantity = str(number + 1)
        return {"item_price_id": "sixteen-usd", "usage_date": SIXTEENTH, "quantity": quantity}

    answers = _all_at_once(stack, path, usage)

    assert Counter(status for status, _ in answers) == {201: 1, 409: CLIENTS - 1}
    (won,) = [body["quantity"] for status, body in answers if status == http.HTTPStatus.CREATED]
    for number, (status, body) in enumerate(answers):
        if status == http.HTTPStatus.CONFLICT:
            assert body["code"] == "usage_conflict"
            assert body["recorded_quantity"] == won
            assert body["submitted_quantity"] == str(number + 1)
    [record] = _records(stack, SIXTEENTH)
    assert (record["q"], record["v"]) == (won, 1)
