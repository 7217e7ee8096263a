"""Subscriptions over time as a client sees them: changes, refusals, and what is told of each."""

from typing import Any

import pytest

from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SEATS_PRICE, SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

BAD = "invalid_field"
TO_UTC = {"timezone": "UTC", "closing": {"mode": "auto", "after_hours": 0}}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "changes")


@pytest.fixture
def fresh(shop: Shop, request: pytest.FixtureRequest) -> str:
    """A subscription of its own for the test, since the first of October."""
    number = sum(map(ord, request.node.name)) * 7919 + len(request.node.name)
    name = f"sub-{number}"
    lines = [{"item_price_id": "voip-usd"}, {"item_price_id": "seat-usd", "id": "seats"}]
    body = SUBSCRIPTION | {"id": name, "start": "2026-10-01", "lines": lines, **TO_UTC}
    shop.must("POST", "/v1/subscriptions", body)
    return f"/v1/subscriptions/{name}"


def test_a_line_is_added_changed_and_removed_in_one_request(shop: Shop, fresh: str) -> None:
    asked = {
        "effective": "2026-10-11",
        "changes": [
            {"action": "change", "id": "seats", "quantity": "3"},
            {"action": "add", "id": "texts", "item_price_id": "sms-usd"},
            {"action": "remove", "id": "voip-usd"},
        ],
    }

    changed = shop.must("POST", f"{fresh}/changes", asked)

    assert [
        (each["id"], each["quantity"], each["from"], each["to"]) for each in changed["lines"]
    ] == [
        ("seats", "3", "2026-10-11T00:00:00Z", None),
        ("texts", None, "2026-10-11T00:00:00Z", None),
    ]
    assert changed["version"] == 2
    assert shop.must("POST", f"{fresh}/changes", asked)["version"] == 2, "it is so already"
    coming = shop.must("GET", f"{fresh}/upcoming-invoice")
    assert [(line["kind"], line["line_id"], line["amount"]) for line in coming["lines"]] == [
        ("base_fee", "voip-usd", "3.23"),
        ("credit", "seats", "-13.55"),
        ("recurring", "seats", "13.55"),
        ("recurring", "seats", "20.00"),
    ]


def test_a_subscription_is_shown_with_what_is_to_come(shop: Shop, fresh: str) -> None:
    shop.must("PATCH", fresh, {"timezone": "Asia/Tokyo"})
    shop.must("PATCH", fresh, {"hold_until": "2026-12-24"})
    shop.must("POST", f"{fresh}/cadence", {"unit": "quarter"})
    shop.must("POST", f"{fresh}/suspend", {"from": "2026-12-01", "to": "2027-01-01"})

    shown = shop.must("POST", f"{fresh}/cancel", {"at": "2027-05-01"})

    assert shown == shop.must("GET", fresh)
    assert shown["status"] == "non_renewing"
    assert shown["end"] == "2027-04-30T15:00:00Z", "a day of the zone that is in force then"
    assert shown["hold_until"] == "2026-12-23T15:00:00Z"
    assert shown["timezone"] == "UTC"
    assert shown["scheduled"] == [
        {
            "from": "2026-11-01T00:00:00Z",
            "timezone": "Asia/Tokyo",
            "unit": "quarter",
            "count": 1,
            "anchor": "2026-10-31T15:00:00Z",
        }
    ]
    assert shown["suspensions"] == [{"from": "2026-11-30T15:00:00Z", "to": "2026-12-31T15:00:00Z"}]
    again = shop.must("POST", f"{fresh}/uncancel")
    assert (again["status"], again["end"]) == ("active", None)
    assert shop.must("POST", f"{fresh}/resume", {"at": "2026-11-20"})["suspensions"] == []


def test_an_invoice_now_is_made_once_for_its_key(shop: Shop, fresh: str) -> None:
    usage = {"item_price_id": "voip-usd", "usage_date": "2026-10-05", "quantity": "361"}
    shop.must("POST", f"{fresh}/usages", usage)
    key = {"idempotency-key": "monday"}

    first = shop.call("POST", f"{fresh}/invoice-now", headers=key)
    again = shop.call("POST", f"{fresh}/invoice-now", headers=key)
    other = shop.call("POST", f"{fresh}/invoice-now", {"close": False}, headers=key)

    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert first.json["status"] == "issued"
    # Nineteen of the thirty-one days of the base fee, and the usage.
    assert [line["amount"] for line in first.json["lines"]] == ["6.13", "18.05"]
    assert (other.status, other.code) == (409, "idempotency_key_reused")


def test_an_invoice_now_may_wait_to_be_closed(shop: Shop, fresh: str) -> None:
    pending = shop.must("POST", f"{fresh}/invoice-now", {"close": False})

    assert (pending["status"], pending["number"]) == ("pending", None)
    assert shop.must("POST", f"/v1/invoices/{pending['id']}/close")["status"] == "issued"


def test_a_price_has_versions_and_an_open_term_keeps_its_own(shop: Shop, fresh: str) -> None:
    price = shop.must("POST", "/v1/item-prices", SEATS_PRICE | {"id": "desk-usd"})
    line = {"action": "add", "id": "desk", "item_price_id": "desk-usd"}
    shop.must("POST", f"{fresh}/changes", {"effective": "2026-10-01", "changes": [line]})

    newer = shop.must(
        "PATCH",
        "/v1/item-prices/desk-usd",
        {"pricing_model": "flat_fee", "amount": "30", "name": "A desk", "tax": None},
    )

    assert (newer["version"], newer["amount"], newer["name"]) == (2, "30", "A desk")
    assert shop.must("PATCH", "/v1/item-prices/desk-usd", {"name": "A desk"})["version"] == 2
    assert shop.must("GET", "/v1/item-prices/desk-usd/versions/1") == price
    assert shop.must("GET", "/v1/item-prices/desk-usd/versions/2") == newer
    coming = shop.must("GET", f"{fresh}/upcoming-invoice")["lines"]
    desk = [(line["price_version"], line["amount"]) for line in coming if line["line_id"] == "desk"]
    assert desk == [(1, "20.00"), (2, "30.00")]


OWN_SEATS = {"pricing_model": "per_unit", "unit_amount": "62"}
OWN_CALLS = {"pricing_model": "tiered", "tiers": [{"up_to": "100", "unit_amount": "0.1"}, {}]}


def _pricings(shown: dict[str, Any]) -> dict[str, Any]:
    return {line["id"]: line["pricing"] for line in shown["lines"]}


def test_a_line_is_made_at_a_price_of_its_own_and_keeps_it_until_another_is_asked_for(
    shop: Shop,
) -> None:
    lines: list[dict[str, Any]] = [
        {"item_price_id": "voip-usd", "pricing": OWN_CALLS},
        {"item_price_id": "seat-usd", "id": "seats", "pricing": OWN_SEATS},
        {"item_price_id": "seat-usd", "id": "other"},
    ]
    body = SUBSCRIPTION | {"id": "agreed", "start": "2026-10-01", "lines": lines, **TO_UTC}
    path = "/v1/subscriptions/agreed"

    made = shop.must("POST", "/v1/subscriptions", body)

    assert _pricings(made) == {
        "voip-usd": {
            "pricing_model": "tiered",
            "tiers": [
                {"up_to": "100", "unit_amount": "0.1", "flat_amount": "0"},
                {"up_to": None, "unit_amount": "0", "flat_amount": "0"},
            ],
        },
        "seats": OWN_SEATS,
        "other": None,
    }
    assert shop.must("POST", "/v1/subscriptions", body) == made == shop.must("GET", path)
    without = body | {"lines": [line | {"pricing": None} for line in lines]}
    assert shop.call("POST", "/v1/subscriptions", without).code == "already_exists"
    usage = {"item_price_id": "voip-usd", "usage_date": "2026-10-05", "quantity": "361"}
    shop.must("POST", f"{path}/usages", usage)

    def change(**more: object) -> Any:
        changes = [{"action": "change", "id": "seats", **more}]
        asked = {"effective": "2026-10-22", "changes": changes}
        return _pricings(shop.must("POST", f"{path}/changes", asked))["seats"]

    assert change(quantity="2") == OWN_SEATS
    # Ten days of two: 62.00 a month each, and then 31.00.
    coming = shop.must("GET", f"{path}/upcoming-invoice")["lines"]
    assert [(line["line_id"], line["amount"]) for line in coming] == [
        ("voip-usd", "10.00"),
        ("voip-usd", "10.00"),
        ("seats", "-20.00"),
        ("seats", "40.00"),
        ("seats", "124.00"),
        ("other", "20.00"),
    ]
    halved = OWN_SEATS | {"unit_amount": "31"}
    assert change(pricing=halved) == halved
    assert change(quantity="1", pricing=None) is None


def test_what_is_given_back_is_shown_as_the_customers_credit(shop: Shop) -> None:
    customer = {"id": "credited", "name": "Credited"}
    shop.must("POST", "/v1/customers", customer)
    lines = [{"item_price_id": "seat-usd"}]
    body = {"id": "refunded", "customer_id": "credited", "start": "2026-10-01", "lines": lines}
    shop.must("POST", "/v1/subscriptions", body | TO_UTC)
    assert shop.must("GET", "/v1/customers/credited/credits")["data"] == []

    ended = shop.must(
        "POST", "/v1/subscriptions/refunded/cancel", {"at": "now", "credit_unused": True}
    )

    assert ended["status"] == "ended"
    [last, opening] = shop.invoices("refunded")
    closed = shop.must("POST", f"/v1/invoices/{last['id']}/close")
    assert (closed["total"], closed["credit_granted"]) == ("0.00", "7.74")
    assert [line["kind"] for line in closed["lines"]] == ["credit"]
    assert shop.must("GET", "/v1/customers/credited/credits")["data"] == [
        {"currency": "USD", "amount": "7.74"}
    ]
    # The opening invoice was never closed: it draws on the credit.
    paid = shop.must("POST", f"/v1/invoices/{opening['id']}/close")
    assert (paid["credit_balance"], paid["credit_applied"]) == ("7.74", "7.74")
    assert paid["total"] == "12.26"
    assert shop.must("GET", "/v1/customers/credited/credits")["data"] == []


def test_a_version_that_was_shown_guards_a_change(shop: Shop, fresh: str) -> None:
    shown = shop.call("GET", fresh)
    assert shown.headers["etag"] == '"1"'
    one = {"if-match": '"1"'}
    change = {"changes": [{"action": "change", "id": "seats", "quantity": 2}]}
    assert shop.must("POST", f"{fresh}/changes", change, headers=one)["version"] == 2

    stale = shop.call("POST", f"{fresh}/cancel", headers=one)

    check_refusal(stale, status=412, code="version_mismatch", said="If-Match", secrets=[shop.admin])
    assert stale.json["version"] == 2
    assert shop.must("POST", f"{fresh}/cancel", headers={"if-match": "*"})["version"] == 3


_SEATS = {"action": "change", "id": "seats", "quantity": "2"}
# path, body, code, field
REFUSED: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("changes", {}, 422, "missing_field", "changes"),
    ("changes", {"changes": []}, 422, BAD, "changes"),
    ("changes", {"changes": [_SEATS] * 51}, 422, BAD, "changes"),
    ("changes", {"changes": [_SEATS | {"action": "hide"}]}, 422, BAD, "changes[0].action"),
    ("changes", {"changes": [_SEATS | {"x": 1}]}, 422, "unknown_field", "changes[0].x"),
    ("changes", {"changes": [_SEATS | {"id": "no"}]}, 422, "line_not_found", "changes[0].id"),
    ("changes", {"changes": [_SEATS | {"quantity": "-1"}]}, 422, BAD, "changes[0].quantity"),
    ("changes", {"changes": [_SEATS | {"pricing": "5"}]}, 422, BAD, "changes[0].pricing"),
    (
        *("changes", {"changes": [_SEATS | {"pricing": {"pricing_model": "per_unit"}}]}),
        *(422, "missing_field", "changes[0].pricing.unit_amount"),
    ),
    ("changes", {"changes": [_SEATS], "effective": "2025-01-01"}, 422, BAD, "effective"),
    ("changes", {"changes": [_SEATS], "effective": 5}, 422, BAD, "effective"),
    ("cancel", {"at": "never"}, 422, BAD, "at"),
    ("cancel", {"at": "2026-10-01"}, 422, BAD, "at"),
    ("cancel", {"credit_unused": "yes"}, 422, BAD, "credit_unused"),
    ("cancel", {"reason": "x"}, 422, "unknown_field", "reason"),
    ("suspend", {"from": "2026-10-25", "to": "2026-10-24"}, 422, BAD, "to"),
    ("suspend", {"from": "2026-09-25"}, 422, BAD, "from"),
    ("suspend", {"from": "x"}, 422, BAD, "from"),
    ("suspend", {"since": "2026-10-25"}, 422, "unknown_field", "since"),
    ("resume", {}, 409, "not_suspended", None),
    ("resume", {"at": "x"}, 422, BAD, "at"),
    ("cadence", {"unit": "eon"}, 422, BAD, "unit"),
    ("cadence", {"unit": "month", "count": 0}, 422, BAD, "count"),
    ("cadence", {"unit": "month", "cycles": 0}, 422, BAD, "cycles"),
    ("cadence", {"unit": "month", "at": "later"}, 422, BAD, "at"),
    ("invoice-now", {"close": 1}, 422, BAD, "close"),
    ("uncancel", {"at": "now"}, 422, "unknown_field", "at"),
]


@pytest.mark.parametrize(("path", "body", "status", "code", "field"), REFUSED)
def test_a_change_that_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop, path: str, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    lines = [{"item_price_id": "seat-usd", "id": "seats"}]
    sub = {"id": "refusing", "customer_id": "harbor", "start": "2026-10-01", "lines": lines}
    shop.must("POST", "/v1/subscriptions", sub | TO_UTC)
    before = shop.functions.written()

    answer = shop.call("POST", f"/v1/subscriptions/refusing/{path}", body)

    check_refusal(answer, status=status, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code", "field"),
    [
        ("PATCH", "/v1/subscriptions/calls", {"timezone": "Mars"}, 422, BAD, "timezone"),
        ("PATCH", "/v1/subscriptions/calls", {"timezone": None}, 422, BAD, "timezone"),
        ("PATCH", "/v1/subscriptions/calls", {"hold_until": "x"}, 422, BAD, "hold_until"),
        ("PATCH", "/v1/subscriptions/calls", {"hold_until": "2099-01-01"}, 422, BAD, "hold_until"),
        (
            *("PATCH", "/v1/subscriptions/calls", {"timezone": "UTC", "closing": None}),
            *(422, BAD, "timezone"),
        ),
        ("PATCH", "/v1/item-prices/none", {"name": "x"}, 404, "item_price_not_found", None),
        ("PATCH", "/v1/item-prices/seat-usd", {}, 422, "missing_field", None),
        ("PATCH", "/v1/item-prices/seat-usd", {"amount": "3"}, 422, "unknown_field", "amount"),
        (
            "PATCH",
            "/v1/item-prices/seat-usd",
            {"currency": "EUR"},
            422,
            "unknown_field",
            "currency",
        ),
        ("PATCH", "/v1/item-prices/seat-usd", {"base_fee": "3"}, 422, BAD, "base_fee"),
        (
            *("PATCH", "/v1/item-prices/voip-usd"),
            {"pricing_model": "tiered", "tiers": [{"up_to": "5", "unit_amount": "1"}]},
            *(422, BAD, "tiers"),
        ),
        ("GET", "/v1/item-prices/seat-usd/versions/9", None, 404, "item_price_not_found", None),
        ("GET", "/v1/item-prices/seat-usd/versions/x", None, 404, "item_price_not_found", None),
        ("GET", "/v1/item-prices/none/versions/1", None, 404, "item_price_not_found", None),
        ("GET", "/v1/customers/nobody/credits", None, 404, "customer_not_found", None),
        ("GET", "/v1/customers/harbor/credits?x=1", None, 400, "malformed_request", "x"),
        ("POST", "/v1/subscriptions/none/cancel", {}, 404, "subscription_not_found", None),
        (
            "POST",
            "/v1/subscriptions/none/changes",
            {"changes": [_SEATS]},
            404,
            "subscription_not_found",
            None,
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop,
    method: str,
    target: str,
    body: dict[str, Any] | None,
    status: int,
    code: str,
    field: str | None,
) -> None:
    before = shop.functions.written()

    answer = shop.call(method, target, body)

    check_refusal(answer, status=status, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


@pytest.mark.parametrize("tag", ["1", "'1'", '"x"', '"1", "2"', ""])
def test_an_entity_tag_that_is_none_is_refused(shop: Shop, fresh: str, tag: str) -> None:
    answer = shop.call("POST", f"{fresh}/cancel", headers={"if-match": tag or " "})

    check_refusal(answer, status=422, code=BAD, said="If-Match", secrets=[shop.admin])


# fields of a new subscription, the one that is refused
NEW: list[tuple[dict[str, Any], str]] = [
    ({"trial_end": "2026-09-30"}, "trial_end"),
    ({"trial_end": "soon"}, "trial_end"),
    ({"trial_end": "2040-01-01"}, "trial_end"),
    ({"cycles": 0}, "cycles"),
    ({"cycles": "3"}, "cycles"),
    ({"cycles": 1201}, "cycles"),
    ({"hold_until": "2026-09-30"}, "hold_until"),
    ({"cadence": {"unit": "year", "count": 300}, "cycles": 1000}, "cycles"),
]


@pytest.mark.parametrize(("fields", "field"), NEW)
def test_a_life_that_cannot_be_is_refused_at_its_beginning(
    shop: Shop, fields: dict[str, Any], field: str
) -> None:
    body = SUBSCRIPTION | {"id": "unborn", "start": "2026-10-01", **TO_UTC, **fields}

    answer = shop.call("POST", "/v1/subscriptions", body)

    check_refusal(answer, status=422, code=BAD, said=field, secrets=[shop.admin])
    assert shop.call("GET", "/v1/subscriptions/unborn").status == 404


def test_a_trial_is_shown_and_makes_no_opening_invoice(shop: Shop) -> None:
    body = SUBSCRIPTION | {"id": "trying", "start": "2026-10-15", **TO_UTC}

    made = shop.must("POST", "/v1/subscriptions", body | {"trial_end": "2026-11-15", "cycles": 2})

    assert (made["status"], made["trial_end"]) == ("in_trial", "2026-11-15T00:00:00Z")
    assert (made["cycles"], made["end"]) == (2, "2027-01-15T00:00:00Z")
    assert made["current_term"]["end"] == "2026-11-15T00:00:00Z"
    assert shop.invoices("trying") == []
