"""Who may do what: every route there is, asked by every kind of caller; and nobody sees another."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from postpaid.api.http import Route
from postpaid.api.native.routes import ROUTES, USAGE_WRITES
from postpaid.domain.api_key import KeyScope
from tests.support.events import sqs_event
from tests.support.functions import Answer, Functions
from tests.support.shop import (
    CALLS,
    CALLS_PRICE,
    CUSTOMER,
    SETUP,
    SETUP_PRICE,
    SUBSCRIPTION,
    USAGE,
    USAGES,
    Shop,
    open_shop,
)

pytestmark = pytest.mark.engine

FAMILY = {"id": "telephony", "name": "Telephony", "description": "All that rings"}
# What is sent to a route that changes something; all of it may be sent again and again.
BODIES: dict[tuple[str, str], object] = {
    ("PATCH", "v1/site"): {"number_prefix": "INV-"},
    ("POST", "v1/api-keys"): {"scopes": ["read"]},
    ("POST", "v1/item-families"): FAMILY,
    ("PATCH", "v1/item-families/{}"): {"description": "All that rings"},
    ("POST", "v1/items"): CALLS,
    ("PATCH", "v1/items/{}"): {"name": "VoIP calls"},
    ("POST", "v1/item-prices"): CALLS_PRICE,
    ("POST", "v1/customers"): CUSTOMER,
    ("PATCH", "v1/customers/{}"): {"email": CUSTOMER["email"]},
    ("POST", "v1/subscriptions"): SUBSCRIPTION,
    ("PATCH", "v1/subscriptions/{}"): {"closing": {"mode": "manual"}},
    ("POST", "v1/subscriptions/{}/usages"): USAGE,
    ("POST", "v1/usages"): {"usages": [USAGE | {"subscription_id": "calls"}]},
    ("PUT", "v1/subscriptions/{}/usages/{}"): {"quantity": "22"},
    ("POST", "v1/test-clock/advance"): {"to": "2026-10-20T13:00:00Z"},
    # Nobody may bring this town to nothing: who may is told of the field.
    ("POST", "v1/test-clock/start-afresh"): {"at": "2000-01-01"},
    ("PATCH", "v1/item-prices/{}"): {"name": "VoIP calls"},
    ("POST", "v1/subscriptions/{}/changes"): {
        "effective": "term_end",
        "changes": [{"action": "change", "id": "seat-usd", "item_price_id": "seat-usd"}],
    },
    ("POST", "v1/subscriptions/{}/cancel"): {"at": "2027-06-01"},
    ("POST", "v1/subscriptions/{}/suspend"): {"from": "2027-01-01", "to": "2027-02-01"},
    ("POST", "v1/subscriptions/{}/resume"): {"at": "2026-12-31"},
    ("POST", "v1/subscriptions/{}/cadence"): {"unit": "month"},
    ("POST", "v1/invoices/{}/payments"): {"id": "wire-1", "amount": "5.00"},
    ("POST", "v1/invoices/{}/charges"): {"id": "setup", "item_price_id": "setup-usd"},
}
DELETION = "DELETE v1/customers/{}"
CHANGES = ("changes", "cancel", "uncancel", "suspend", "resume", "cadence", "invoice-now")
QUERIES = {("GET", "v1/usages"): "?external_id=x"}
HEADERS = {
    "v1/subscriptions/{}/invoice-now": {"idempotency-key": "once"},
    "v1/subscriptions/{}/usages/{}": {"if-match": '"1"'},
}


@dataclass(frozen=True, slots=True)
class Town:
    """Two sites with equal shops; *theirs* has things of its own beside."""

    ours: Shop
    theirs: Shop
    routes: list[Route[Any]]
    ids: dict[str, tuple[str, ...]]
    callers: dict[str, str | None]

    def ask(self, route: Route[Any], key: str | None, ids: tuple[str, ...] | None = None) -> Answer:
        """Call a route with our ids, or others."""
        filled = iter(_named(self.ids, route) if ids is None else ids)
        path = re.sub(r"\{\}", lambda _: next(filled), route.template)
        body = BODIES.get((route.method, route.template))
        headers = HEADERS.get(route.template, {})
        target = f"/{path}{QUERIES.get((route.method, route.template), '')}"
        return self.ours.functions.call(route.method, target, body, key=key, headers=headers)


def _named(ids: dict[str, tuple[str, ...]], route: Route[Any]) -> tuple[str, ...]:
    """Return the ids for a route: its own, or those of its path."""
    return ids.get(f"{route.method} {route.template}", ids[route.template])


def _ids(shop: Shop) -> dict[str, tuple[str, ...]]:
    """Return, by template, ids of things that a shop has."""
    usage = shop.must("POST", USAGES, USAGE)["id"]
    issued = shop.must("GET", "/v1/subscriptions/calls/invoices")["data"][-1]["id"]
    spare = shop.must("POST", "/v1/api-keys", {"scopes": ["read"]})["id"]
    voidable = _voidable(shop, "wrong", "harbor")
    waiting = _pending(shop, "waiting", "harbor")
    shop.must("POST", "/v1/item-families", FAMILY)
    shop.must("POST", "/v1/customers", CUSTOMER | {"id": "leaver"})
    return {
        "v1/api-keys/{}": (spare,),
        "v1/item-families/{}": ("telephony",),
        "v1/items/{}": ("voip",),
        "v1/item-prices/{}": ("voip-usd",),
        "v1/item-prices/{}/versions/{}": ("voip-usd", "1"),
        "v1/customers/{}": ("harbor",),
        DELETION: ("leaver",),
        "v1/customers/{}/credits": ("harbor",),
        "v1/customers/{}/invoices": ("harbor",),
        **{f"v1/subscriptions/{{}}/{name}": ("calls",) for name in CHANGES},
        "v1/subscriptions/{}": ("calls",),
        "v1/subscriptions/{}/invoices": ("calls",),
        "v1/subscriptions/{}/upcoming-invoice": ("calls",),
        "v1/subscriptions/{}/usages": ("calls",),
        "v1/subscriptions/{}/usages/{}": ("calls", usage),
        "v1/invoices/{}": (issued,),
        "v1/invoices/{}/close": (issued,),
        "v1/invoices/{}/sync": (waiting,),
        "v1/invoices/{}/charges": (waiting,),
        "v1/invoices/{}/charges/{}": (waiting, "setup"),
        "v1/invoices/{}/pdf": (issued,),
        "v1/invoices/{}/usages-pdf": (issued,),
        "v1/invoices/{}/void": (voidable,),
        "v1/invoices/{}/delete": (_pending(shop, "unwanted", "harbor"),),
        "v1/invoices/{}/payments": (issued,),
    }


def _native_writes(functions: Functions) -> list[Route[Any]]:
    routes = functions.modules["RecordUsageFunction"].ROUTES
    return [route for route in routes if route.template.startswith("v1/")]


@pytest.fixture(scope="module")
def town(functions: Functions) -> Town:
    ours, theirs = open_shop(functions, "town-ours"), open_shop(functions, "town-theirs")
    for shop in (ours, theirs):
        shop.must("POST", "/v1/items", SETUP)
        shop.must("POST", "/v1/item-prices", SETUP_PRICE)
        [opening] = shop.invoices()
        shop.must("POST", f"/v1/invoices/{opening['id']}/close")
        _render(shop, opening["id"])
        _state_usages(shop, opening["id"])
    revoked = ours.new_key(KeyScope.ADMIN)
    ours.must("DELETE", f"/v1/api-keys/{revoked.split('_')[2]}")
    callers = {
        "nobody": None,
        "garbage": "garbage",
        "revoked": revoked,
        **{scope.value: ours.new_key(scope) for scope in KeyScope},
    }
    writes = _native_writes(functions)
    # What is deleted is asked for before.
    routes = sorted([*ROUTES, *writes], key=lambda route: route.method == "DELETE")
    ids = {route.template: () for route in routes if "{}" not in route.template}
    return Town(ours, theirs, routes, {**ids, **_ids(ours)}, callers)


def _pending(shop: Shop, subscription_id: str, customer_id: str) -> str:
    """Return an invoice that stays pending, however far the clock is moved here."""
    lines = [{"item_price_id": "seat-usd"}]
    body = {"id": subscription_id, "customer_id": customer_id, "lines": lines}
    body["start"] = "2027-01-01"
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | body)
    [opening] = shop.invoices(subscription_id)
    return str(opening["id"])


def _voidable(shop: Shop, subscription_id: str, customer_id: str) -> str:
    """Return an invoice that may be voided, or is: nothing else is asked of it."""
    lines = [{"item_price_id": "seat-usd"}]
    body = {"id": subscription_id, "customer_id": customer_id, "lines": lines}
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | body)
    [opening] = shop.invoices(subscription_id)
    if opening["status"] == "pending":
        shop.must("POST", f"/v1/invoices/{opening['id']}/close")
    return str(opening["id"])


def _render(shop: Shop, invoice_id: str) -> None:
    """Note a document, as the renderer does; what it says is not the question here."""
    key = {"pk": {"S": f"{shop.site.scope.site}~1#invoice#{invoice_id}"}, "sk": {"S": "META"}}
    shop.functions.dynamodb.update_item(
        TableName=shop.functions.billing._name,
        Key=key,
        UpdateExpression="SET #r = :done, pdf_hash = :hash",
        ConditionExpression="#r = :pending",
        ExpressionAttributeNames={"#r": "r"},
        ExpressionAttributeValues={
            ":done": {"S": "DONE"},
            ":pending": {"S": "PENDING"},
            ":hash": {"S": "0" * 64},
        },
    )


def _state_usages(shop: Shop, invoice_id: str) -> None:
    """Have the document of an invoice's usages made."""
    shop.functions.messages("RenderQueue")
    path = f"/v1/invoices/{invoice_id}/usages-pdf"
    assert shop.call("GET", path).code == "pdf_not_ready"
    event = sqs_event(shop.functions.messages("RenderQueue"))
    assert shop.functions.invoke("RenderInvoiceFunction", event) == {"batchItemFailures": []}


def _expected(route: Route[Any], caller: str) -> int | str:
    if caller in {"nobody", "garbage", "revoked"}:
        return 401
    return "allowed" if caller in {route.scope.value, "admin"} else 403


@pytest.mark.parametrize(
    "caller",
    ["nobody", "garbage", "revoked", *(scope.value for scope in KeyScope)],
)
def test_a_route_admits_those_with_its_scope_and_nobody_else(town: Town, caller: str) -> None:
    town.ours.must("POST", USAGES, USAGE)

    answers = {
        f"{route.method} {route.template}": town.ask(route, town.callers[caller])
        for route in town.routes
    }

    assert {
        # Neither a version that is another by now nor a date too long ago is a question of who may.
        name: "allowed" if answer.status in {200, 201, 412, 422} else answer.status
        for name, answer in answers.items()
    } == {f"{each.method} {each.template}": _expected(each, caller) for each in town.routes}
    for answer in answers.values():
        if answer.status in {401, 403}:
            code = {401: "unauthenticated", 403: "forbidden"}[answer.status]
            assert (answer.code, "www-authenticate" in answer.headers) == (
                code,
                answer.status == 401,
            )


@pytest.mark.parametrize("caller", ["nobody", "garbage", "revoked", "usage:read", "read"])
def test_a_caller_without_the_right_changes_nothing(town: Town, caller: str) -> None:
    before = town.ours.functions.written()

    for route in town.routes:
        if route.method != "GET":
            town.ask(route, town.callers[caller])

    assert town.ours.functions.written() == before


def test_an_admin_of_one_site_reaches_nothing_of_another(town: Town) -> None:
    theirs = _only_theirs(town)
    named = [route for route in town.routes if "{}" in route.template]

    refused = {route: town.ask(route, town.ours.admin, _named(theirs, route)) for route in named}
    served = {route: town.ask(route, town.theirs.admin, _named(theirs, route)) for route in named}

    assert {answer.status for answer in refused.values()} == {404}
    assert {answer.status for answer in served.values()} <= {200, 201}


def test_ids_of_another_site_answer_like_ids_that_do_not_exist(town: Town) -> None:
    theirs = _only_theirs(town)
    before = _snapshot(town.theirs)
    compared = 0
    for route in town.routes:
        foreign = _named(theirs, route)
        for place in range(len(foreign)):
            unknown = tuple(_unlike(each) for each in foreign)
            # Each id in turn is theirs; those before it are ours, so that the path leads to it.
            ours = _named(town.ids, route)[:place]
            asked, missing = (*ours, *foreign[place:]), (*ours, *unknown[place:])

            answer, reference = (town.ask(route, town.ours.admin, ids) for ids in (asked, missing))

            assert answer.status == 404
            assert _anonymous(answer, asked) == _anonymous(reference, missing)
            compared += 1
    assert compared >= 15
    assert _snapshot(town.theirs) == before


@pytest.mark.parametrize(
    ("target", "body", "field"),
    [
        ("/v1/item-prices", CALLS_PRICE | {"id": "p", "item_id": "theirs"}, "item_id"),
        ("/v1/subscriptions", SUBSCRIPTION | {"id": "s", "customer_id": "theirs"}, "customer_id"),
        (
            "/v1/subscriptions",
            SUBSCRIPTION | {"id": "s", "lines": [{"item_price_id": "theirs"}]},
            "item_price_id",
        ),
        (USAGES, USAGE | {"item_price_id": "theirs"}, "item_price_id"),
        ("/v1/invoices/{waiting}/charges", {"id": "c", "item_price_id": "theirs"}, "item_price_id"),
    ],
)
def test_ids_of_another_site_in_a_body_are_unknown(
    town: Town, target: str, body: dict[str, Any], field: str
) -> None:
    _only_theirs(town)
    unknown = {
        name: [{"item_price_id": "nobody"}]
        if name == "lines" and field == "item_price_id"
        else "nobody"
        if name == field
        else value
        for name, value in body.items()
    }
    [waiting] = town.ids["v1/invoices/{}/charges"]
    target = target.format(waiting=waiting)
    before = town.ours.functions.written()

    answer = town.ours.call("POST", target, body)
    reference = town.ours.call("POST", target, unknown)

    assert answer.status in {404, 422}
    assert _anonymous(answer, ("theirs",)) == _anonymous(reference, ("nobody",))
    assert town.ours.functions.written() == before


def test_lists_show_what_is_ours_alone(town: Town) -> None:
    _only_theirs(town)

    for name in ("item-families", "items", "item-prices", "customers", "subscriptions"):
        shown = [each["id"] for each in town.ours.must("GET", f"/v1/{name}")["data"]]
        seen = [each["id"] for each in town.theirs.must("GET", f"/v1/{name}")["data"]]
        assert "theirs" not in shown
        assert "theirs" in seen
    ours = {key["id"] for key in town.ours.must("GET", "/v1/api-keys")["data"]}
    theirs = {key["id"] for key in town.theirs.must("GET", "/v1/api-keys")["data"]}
    assert ours
    assert ours.isdisjoint(theirs)


def test_the_two_functions_agree_on_which_routes_are_usage_writes(town: Town) -> None:
    served = _native_writes(town.ours.functions)

    assert [(route.method, route.template) for route in served] == list(USAGE_WRITES)
    assert {route.scope for route in served} == {KeyScope.USAGE_WRITE}


def _only_theirs(town: Town) -> dict[str, tuple[str, ...]]:
    """Make things on their site whose ids ours has not; making them again changes nothing."""
    shop = town.theirs
    shop.must("POST", "/v1/item-families", FAMILY | {"id": "theirs"})
    shop.must("POST", "/v1/items", CALLS | {"id": "theirs", "name": "VoIP calls"})
    shop.must("POST", "/v1/item-prices", CALLS_PRICE | {"id": "theirs", "item_id": "theirs"})
    shop.must("PATCH", "/v1/item-prices/theirs", {"name": "Theirs"})
    for customer_id in ("theirs", "their-leaver"):
        if shop.call("GET", f"/v1/customers/{customer_id}").status != 200:
            shop.must("POST", "/v1/customers", CUSTOMER | {"id": customer_id})
    lines = [{"item_price_id": price} for price in ("theirs", "voip-usd", "seat-usd")]
    subscription = SUBSCRIPTION | {"id": "theirs", "customer_id": "theirs", "lines": lines}
    shop.must("POST", "/v1/subscriptions", subscription)
    usage = shop.must(
        "POST", "/v1/subscriptions/theirs/usages", USAGE | {"item_price_id": "theirs"}
    )
    [*_, opening] = shop.invoices("theirs")
    if shop.must("POST", f"/v1/invoices/{opening['id']}/close")["document"] == "pending":
        _render(shop, opening["id"])
        _state_usages(shop, opening["id"])
    spare = shop.must("POST", "/v1/api-keys", {"scopes": ["read"]})
    waiting = _pending(shop, "theirs-waiting", "theirs")
    charge = {"id": "theirs", "item_price_id": "setup-usd"}
    added = shop.call("POST", f"/v1/invoices/{waiting}/charges", charge)
    assert added.status in {201, 200} or added.code == "already_exists", "it was taken off"
    none = {route.template: () for route in town.routes if "{}" not in route.template}
    return none | {
        "v1/api-keys/{}": (spare["id"],),
        "v1/item-families/{}": ("theirs",),
        "v1/items/{}": ("theirs",),
        "v1/item-prices/{}": ("theirs",),
        "v1/item-prices/{}/versions/{}": ("theirs", "2"),
        "v1/customers/{}": ("theirs",),
        DELETION: ("their-leaver",),
        "v1/customers/{}/credits": ("theirs",),
        "v1/customers/{}/invoices": ("theirs",),
        **{f"v1/subscriptions/{{}}/{name}": ("theirs",) for name in CHANGES},
        "v1/subscriptions/{}": ("theirs",),
        "v1/subscriptions/{}/invoices": ("theirs",),
        "v1/subscriptions/{}/upcoming-invoice": ("theirs",),
        "v1/subscriptions/{}/usages": ("theirs",),
        "v1/subscriptions/{}/usages/{}": ("theirs", usage["id"]),
        "v1/invoices/{}": (opening["id"],),
        "v1/invoices/{}/close": (opening["id"],),
        "v1/invoices/{}/sync": (waiting,),
        "v1/invoices/{}/charges": (waiting,),
        "v1/invoices/{}/charges/{}": (waiting, "theirs"),
        "v1/invoices/{}/pdf": (opening["id"],),
        "v1/invoices/{}/usages-pdf": (opening["id"],),
        "v1/invoices/{}/void": (_voidable(shop, "theirs-too", "theirs"),),
        "v1/invoices/{}/delete": (_pending(shop, "theirs-unwanted", "theirs"),),
        "v1/invoices/{}/payments": (opening["id"],),
    }


def _unlike(identifier: str) -> str:
    """Return an id of the same length and kind that nobody has."""
    return identifier[:-6] + "zzzzzz"


def _anonymous(answer: Answer, ids: tuple[str, ...]) -> tuple[Any, ...]:
    """Return everything of an answer but the request's id and the ids that were asked for."""
    text = answer.text.replace(answer.request_id, "REQUEST")
    for identifier in ids:
        text = text.replace(f"'{identifier}'", "'ID'")
    return answer.status, dict(answer.headers), text


def _snapshot(shop: Shop) -> list[Any]:
    """Read all that is stored of a site."""
    site = shop.site.scope.site
    items = [*shop.functions.usage_items(), *shop.functions.billing_items()]
    return [item for item in items if re.match(rf"{site}[~#]", item["pk"]["S"])]
