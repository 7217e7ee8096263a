"""Who may do what at the Chargebee door: every route, asked by every kind of caller."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from postpaid.api.chargebee.forms import MEDIA_TYPE
from postpaid.api.chargebee.routes import ROUTES, USAGE_WRITES
from postpaid.api.http import Route
from postpaid.domain.api_key import KeyScope
from tests.support.functions import Answer, Functions
from tests.support.shop import Shop, open_shop

pytestmark = pytest.mark.engine

CALLERS = ("nobody", "garbage", "revoked", *(scope.value for scope in KeyScope))
# What stands for an id in a path, by the word before it.
IDS = {
    "customers": "harbor",
    "item_families": "telephony",
    "item_prices": "voip-usd",
    "items": "voip",
    "subscriptions": "calls",
    "time_machines": "delorean",
}


@dataclass(frozen=True, slots=True)
class Town:
    """A shop, all routes, and a key for each kind of caller."""

    shop: Shop
    routes: list[Route[Any]]
    callers: Mapping[str, str | None]
    invoice: str

    def ask(self, route: Route[Any], caller: str) -> Answer:
        """Send an empty form: who may is decided before what it says."""
        key = self.callers[caller]
        headers = {"content-type": MEDIA_TYPE}
        if key is not None:
            headers["authorization"] = f"Basic {b64encode(f'{key}:'.encode()).decode()}"
        body = b"" if route.method == "POST" else None
        return self.shop.functions.call(route.method, self._path(route), body, headers=headers)

    def _path(self, route: Route[Any]) -> str:
        ids = IDS | {"invoices": self.invoice}
        parts = route.template.split("/")
        filled = [
            ids[before] if part == "{}" else part
            for before, part in zip(["", *parts], parts, strict=False)
        ]
        return "/" + "/".join(filled)


@pytest.fixture(scope="module")
def town(functions: Functions) -> Town:
    shop = open_shop(functions, "bee-scopes")
    shop.must("POST", "/v1/item-families", {"id": "telephony", "name": "Telephony"})
    revoked = shop.new_key(KeyScope.ADMIN)
    shop.must("DELETE", f"/v1/api-keys/{revoked.split('_')[2]}")
    callers = {
        "nobody": None,
        "garbage": "garbage",
        "revoked": revoked,
        **{scope.value: shop.new_key(scope) for scope in KeyScope},
    }
    writes = functions.modules["RecordUsageFunction"].ROUTES
    ours = [route for route in writes if route.template.startswith("api/v2/")]
    return Town(shop, [*ROUTES, *ours], callers, f"draft_{shop.invoices()[0]['id']}")


@pytest.mark.parametrize("caller", CALLERS)
def test_a_route_admits_those_with_its_scope_and_nobody_else(town: Town, caller: str) -> None:
    for route in town.routes:
        answer = town.ask(route, caller)
        if caller in {"nobody", "garbage", "revoked"}:
            expected: Any = (401, "api_authentication_failed")
        elif caller in {route.scope.value, "admin"}:
            assert answer.status not in {401, 403, 500}, (route, answer)
            assert answer.status < 400 or answer.json["api_error_code"]
            continue
        else:
            expected = (403, "api_authorization_failed")
        assert (answer.status, answer.json["api_error_code"]) == expected, route
        assert ("www-authenticate" in answer.headers) == (answer.status == 401)


@pytest.mark.parametrize("caller", [each for each in CALLERS if each != "admin"])
def test_a_caller_without_the_right_changes_nothing(town: Town, caller: str) -> None:
    refused = [route for route in town.routes if route.scope.value != caller]
    before = town.shop.functions.written()

    for route in refused:
        town.ask(route, caller)

    assert refused
    assert town.shop.functions.written() == before


def test_the_two_functions_agree_on_which_routes_are_usage_writes(town: Town) -> None:
    served = town.shop.functions.modules["RecordUsageFunction"].ROUTES
    ours = [route for route in served if route.template.startswith("api/v2/")]

    assert [(route.method, route.template) for route in ours] == list(USAGE_WRITES)
    assert {route.scope for route in ours} == {KeyScope.USAGE_WRITE}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v2/nothing_here", 404, "resource_not_found"),
        ("POST", "/api/v2/usage_events", 404, "resource_not_found"),
        ("POST", "/api/v2/invoices/INV-000001/record_payment", 404, "resource_not_found"),
        ("POST", "/api/v2/invoices/2026/INV-000001/record_payment", 404, "resource_not_found"),
        ("PUT", "/api/v2/invoices/2026/INV-000001", 405, "http_method_not_supported"),
        ("PUT", "/api/v2/customers", 405, "http_method_not_supported"),
        ("GET", "/api/v2/subscriptions/calls/delete_usage", 405, "http_method_not_supported"),
    ],
)
def test_what_is_not_served_is_refused_in_the_words_of_the_door(
    town: Town, method: str, path: str, status: int, code: str
) -> None:
    answer = town.shop.functions.call(method, path, key=town.callers["admin"])

    assert (answer.status, answer.json["api_error_code"]) == (status, code)
    assert {"message", "type"} <= answer.json.keys()
