"""Ids of odd characters on their way through a URL, a gateway and back."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, admin_of

pytestmark = pytest.mark.stack

FIRST = datetime.now(UTC).date().replace(day=1).isoformat()


@pytest.fixture(scope="module")
def admin(stack: LocalStack) -> HttpClient:
    admin = admin_of(stack)
    admin.must("POST", "/v1/items", {"id": "odd", "name": "Odd", "metered": True})
    price = {"id": "odd-usd", "item_id": "odd", "pricing_model": "per_unit", "unit_amount": "1"}
    admin.must("POST", "/v1/item-prices", price)
    admin.must("POST", "/v1/customers", {"id": "odd", "name": "Odd"})
    return admin


@pytest.mark.parametrize(
    "odd",
    ["a b", "50%", "a%23b", "a%2Fb", "a#b", "a+b", 'say "hi"', "a?b=c&d", "~a;b@c:d", "#~%" * 33],
)
def test_an_id_of_odd_characters_finds_its_own_usage(admin: HttpClient, odd: str) -> None:
    lines = [{"item_price_id": "odd-usd", "id": odd}]
    subscription = {"id": odd, "customer_id": "odd", "start": FIRST, "lines": lines}
    admin.must("POST", "/v1/subscriptions", subscription)
    path = f"/v1/subscriptions/{quote(odd, safe='')}"

    made = admin.must(
        "POST", f"{path}/usages", {"line_id": odd, "usage_date": FIRST, "quantity": "1"}
    )

    assert (made["subscription_id"], made["line_id"]) == (odd, odd)
    assert admin.must("GET", path)["id"] == odd
    assert admin.must("GET", f"{path}/usages/{made['id']}")["line_id"] == odd
    listed = admin.must("GET", f"{path}/usages?line_id={quote(odd, safe='')}")["data"]
    assert [usage["id"] for usage in listed] == [made["id"]]
    assert admin.must("DELETE", f"{path}/usages/{made['id']}")["deleted"] is True


def test_an_id_that_is_not_ascii_is_refused_and_not_found(admin: HttpClient) -> None:
    refused = admin.send("POST", "/v1/customers", {"id": "café", "name": "Café"})
    unknown = admin.send("GET", f"/v1/customers/{quote('café')}")

    assert (refused.status, refused.json["code"]) == (422, "invalid_field")
    assert refused.json["field"] == "id"
    assert (unknown.status, unknown.json["code"]) == (404, "customer_not_found")


def test_what_the_gateway_hands_on_is_refused_by_us_in_our_form(admin: HttpClient) -> None:
    usage = {"item_price_id": "odd-usd", "usage_date": FIRST, "quantity": "1"}
    path = "/v1/subscriptions/nobody/usages"
    replies = {
        404: admin.send("POST", path, usage),
        401: HttpClient(admin.stack, "nothing").send("POST", path, usage),
        405: admin.send("PUT", path, usage),
        415: admin.send("POST", path, usage, Content_Type="text/plain"),
        413: admin.send("POST", path, {"note": "x" * 2_000_000}),
        400: admin.send("POST", f"{path}?a=1&a=2", usage),
    }

    for status, reply in replies.items():
        assert (reply.status, reply.json["status"]) == (status, status)
        assert reply.headers["content-type"] == "application/problem+json"
    assert replies[401].headers["www-authenticate"] == 'Bearer realm="postpaid"'
    assert replies[405].headers["allow"] == "GET, POST"
