"""The ChargeOver door on the deployed stack, by plain HTTP, as the vendor's libraries speak it."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from postpaid_cli.provision import provision_local
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient, Reply, exchange, wait_for
from tests.support.over import basic

pytestmark = pytest.mark.stack

ARTICLE = {
    "line_item_id": None,
    "usage_value": 22,
    "from": "2015-09-15 00:00:00",
    "to": "2015-09-15 23:59:59",
}
CALLS_MIN = 60


@dataclass
class Article:
    """A test site whose clock begins with September 2015, and every call that was made of it."""

    stack: LocalStack
    keys: dict[str, str]
    calls: set[str] = field(default_factory=set)

    def send(self, method: str, target: str, body: object = None, *, keys: bool = True) -> Reply:
        """Send a request to a path below `/api/v3`; bytes go as they are."""
        base = urlsplit(self.stack.base_url)
        headers = {} if body is None else {"Content-Type": "application/json"}
        if keys:
            headers["Authorization"] = basic(self.keys["public_key"], self.keys["private_key"])
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        reply = exchange(base.netloc, method, f"{base.path}/api/v3{target}", raw, headers)
        self.calls.add(f"{method} {target}")
        assert reply.json.keys() == {"code", "status", "message", "details", "response"}
        assert reply.json["code"] == reply.status
        return reply

    def must(self, method: str, target: str, body: object = None) -> Any:
        """Send a request that must succeed by exactly the status that clients wait for."""
        reply = self.send(method, target, body)
        is_action = "action" in target or target.startswith("/_")
        wanted = {"GET": 200, "PUT": 202, "DELETE": 200, "POST": 200 if is_action else 201}
        if "bulk" in target and target.startswith("/usage"):
            wanted["POST"] = 201
        assert reply.status == wanted[method], (method, target, reply)
        return reply.json["response"]

    def refused(self, method: str, target: str, body: object = None, status: int = 400) -> str:
        """Send what must be refused; return the message."""
        reply = self.send(method, target, body)
        assert reply.status == status, (method, target, reply)
        assert reply.json["status"] == "Error"
        return str(reply.json["message"])

    def to(self, instant: str) -> None:
        """Move the site's clock; whatever is due till then is done."""
        native = HttpClient(self.stack, self.keys["admin_key"])

        def look() -> bool | None:
            reply = native.send("POST", "/v1/test-clock/advance", {"to": instant})
            assert reply.status in {200, 409, 422, 503}, reply
            return True if reply.status == 200 else None

        wait_for(f"the clock at {instant}", look)


@pytest.fixture(scope="module")
def article(stack: LocalStack) -> Article:
    keys = provision_local(
        stack.outputs, stack.engine.endpoint, "2015-09-01T00:00:00Z", site_id="article"
    )
    return Article(stack, keys)


@dataclass(frozen=True)
class Voip:
    """The article's package: 10.00 a month and 0.05 a minute."""

    customer: int
    item: int
    package: int
    line: int


@pytest.fixture(scope="module")
def voip(article: Article) -> Voip:
    customer = article.must(
        "POST",
        "/customer",
        {"company": "Another Customer", "external_key": "voip-customer", "bill_state": "VT"},
    )["id"]
    item = article.must(
        "POST",
        "/item",
        {
            "name": "VoIP Service",
            "type": "service",
            "external_key": "voip",
            "units": "minute",
            "is_usage": True,
            "pricemodel": {
                "base": 10,
                "setup": 0,
                "paycycle": "mon",
                "pricemodel": "uni",
                "tiers": [{"unit_from": 1, "unit_to": 9999, "amount": 0.05}],
            },
        },
    )["id"]
    package = article.must(
        "POST",
        "/package",
        {
            "customer_id": customer,
            "paycycle": "mon",
            "external_key": "package-713",
            "holduntil_datetime": "2015-10-01 00:00:00",
            "line_items": [{"item_id": item, "external_key": "line-854"}],
        },
    )["id"]
    shown = article.must("GET", f"/package/{package}")
    assert next(iter(shown)) == "line_items"
    [line] = shown["line_items"]
    assert line["tierset"]["base"] == 10
    assert line["tierset"]["tiers"][0]["amount"] == 0.05
    return Voip(customer, item, package, line["line_item_id"])
