"""The deployed stack as a client finds it; the journeys over it are in tests/e2e."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from postpaid_cli.stack import LocalStack

pytestmark = pytest.mark.stack


def test_the_stack_says_where_it_answers_and_with_which_keys(stack: LocalStack) -> None:
    connection = stack.connection()

    assert connection.keys() >= {
        "base_url",
        "admin_key",
        "usage_key",
        "invoice_bucket",
        "aws_endpoint",
    }
    texts = [*connection.values(), *connection["chargebee"].values()]
    assert all(value and isinstance(value, str | dict) for value in texts)


def test_the_chargebee_entry_is_what_its_sdk_takes(stack: LocalStack) -> None:
    entry = stack.connection()["chargebee"]

    assert entry.keys() == {"site", "domain", "api_key"}
    assert f"http://{entry['site']}.{entry['domain']}" == stack.base_url
    assert entry["api_key"] == stack.keys["admin_key"]


@pytest.mark.parametrize("path", ["/v1/items", "/nowhere"])
def test_every_path_is_answered_by_our_own_code(stack: LocalStack, path: str) -> None:
    base = urlsplit(stack.base_url)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=30)
    try:
        connection.request("GET", f"{base.path}{path}")
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    finally:
        connection.close()

    assert answer.status in {401, 404}
    assert answer.getheader("content-type") == "application/problem+json"
    assert problem["code"]


def test_the_tables_are_made_as_the_template_says(stack: LocalStack) -> None:
    client = stack.aws.dynamodb()
    try:
        usage = client.describe_table(TableName=stack.outputs["UsageTable"])["Table"]
        billing = client.describe_table(TableName=stack.outputs["BillingTable"])["Table"]
    finally:
        client.close()

    assert "GlobalSecondaryIndexes" not in usage
    assert {index["IndexName"] for index in billing["GlobalSecondaryIndexes"]} == {"due", "list"}
    # The local stack turns protection off, and the emulator understood it.
    assert not usage["DeletionProtectionEnabled"]
