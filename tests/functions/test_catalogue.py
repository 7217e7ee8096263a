"""What is sold, and to whom, as a client changes and ends it."""

from typing import Any

import pytest

from tests.support.functions import Answer, Functions
from tests.support.refusals import check_refusal
from tests.support.shop import CALLS_PRICE, SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

BAD, MISSING, UNKNOWN = "invalid_field", "missing_field", "unknown_field"
YEARLY = CALLS_PRICE | {"id": "voip-year", "cadence": {"unit": "year"}}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    """A shop with a family, a yearly price and a customer that only came by."""
    shop = open_shop(functions, "catalogue")
    shop.must("POST", "/v1/item-families", {"id": "phones", "name": "Phones"})
    shop.must("POST", "/v1/item-prices", YEARLY)
    shop.must("POST", "/v1/customers", {"id": "passer-by", "name": "Passer-by"})
    return shop


def refused(answer: Answer, status: int, code: str, field: str | None = None) -> None:
    check_refusal(answer, status=status, code=code, said=field, secrets=[])


def test_a_family_lives(shop: Shop) -> None:
    body = {"id": "data", "name": "Data", "description": "Bits\nand bytes"}
    made = shop.call("POST", "/v1/item-families", body)
    assert made.status == 201
    assert made.json.items() >= {**body, "archived": False}.items()
    assert shop.call("POST", "/v1/item-families", body).status == 200
    item = {"id": "video", "name": "Video", "family_id": "data", "description": "Moving"}
    assert shop.must("POST", "/v1/items", item).items() >= item.items()

    changed = shop.must("PATCH", "/v1/item-families/data", {"name": "Bits", "description": None})
    assert (changed["name"], changed["description"]) == ("Bits", None)
    shop.must("PATCH", "/v1/item-families/data", {"archived": True})

    assert shop.must("GET", "/v1/item-families/data")["archived"] is True
    assert shop.must("GET", "/v1/items/video")["family_id"] == "data"
    answer = shop.call("POST", "/v1/items", item | {"id": "film"})
    refused(answer, 404, "item_family_not_found", "family_id")
    listed = {each["id"] for each in shop.must("GET", "/v1/item-families")["data"]}
    assert listed >= {"data", "phones"}
    generated = shop.must("POST", "/v1/item-families", {"name": "Nameless"})["id"]
    assert generated.startswith("family_")


def test_an_item_changes_and_ends(shop: Shop) -> None:
    shop.must("POST", "/v1/items", {"id": "fax", "name": "Fax", "metered": True, "unit": "page"})
    shop.must("POST", "/v1/item-prices", CALLS_PRICE | {"id": "fax-usd", "item_id": "fax"})
    before = shop.must("GET", "/v1/items/fax")

    change = {"name": "Telefax", "unit": None, "family_id": "phones", "aggregation": "max"}
    changed = shop.must("PATCH", "/v1/items/fax", change)

    assert changed == before | change | {"updated_at": changed["updated_at"]}
    assert shop.must("PATCH", "/v1/items/fax", {"archived": True})["archived"] is True
    price = CALLS_PRICE | {"id": "fax-eur", "item_id": "fax", "currency": "EUR"}
    refused(shop.call("POST", "/v1/item-prices", price), 409, "archived", "item_id")
    lines = {"lines": [{"item_price_id": "fax-usd"}], "id": "faxes"}
    answer = shop.call("POST", "/v1/subscriptions", SUBSCRIPTION | lines)
    refused(answer, 409, "archived", "lines[0].item_price_id")


def test_a_price_is_described_and_ends(shop: Shop) -> None:
    price = CALLS_PRICE | {"id": "short", "description": "For a while"}
    made = shop.must("POST", "/v1/item-prices", price)
    said = (made["description"], made["cadence"], made["archived"])
    assert said == ("For a while", None, False)

    ended = shop.must("PATCH", "/v1/item-prices/short", {"archived": True, "description": None})

    assert (ended["version"], ended["archived"], ended["description"]) == (2, True, None)
    add = {"changes": [{"action": "add", "item_price_id": "short", "id": "short"}]}
    answer = shop.call("POST", "/v1/subscriptions/calls/changes", add)
    refused(answer, 409, "archived", "changes[0].item_price_id")
    shop.must("PATCH", "/v1/item-prices/short", {"archived": False})
    assert shop.call("POST", "/v1/subscriptions/calls/changes", add).status == 200


def test_a_price_is_for_its_cadence(shop: Shop) -> None:
    shown = shop.must("GET", "/v1/item-prices/voip-year")["cadence"]
    assert shown == {"unit": "year", "count": 1}
    yearly = {"id": "yearly", "lines": [{"item_price_id": "voip-year"}]}
    answer = shop.call("POST", "/v1/subscriptions", SUBSCRIPTION | yearly)
    refused(answer, 422, BAD, "lines[0].item_price_id")
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | yearly | {"cadence": {"unit": "year"}})

    answer = shop.call("POST", "/v1/subscriptions/yearly/cadence", {"unit": "month"})

    refused(answer, 422, BAD, "unit")
    change = {"action": "change", "id": "voip-year", "item_price_id": "voip-usd"}
    body = {"unit": "month", "changes": [change]}
    changed = shop.must("POST", "/v1/subscriptions/yearly/cadence", body)
    assert [each["unit"] for each in changed["scheduled"]] == ["month"]
    assert [line["item_price_id"] for line in changed["lines"]] == ["voip-year", "voip-usd"]


def test_a_customer_changes(shop: Shop) -> None:
    shop.must("POST", "/v1/customers", {"id": "mover", "name": "Mover", "payment_days": 14})
    before = shop.must("GET", "/v1/customers/mover")
    assert (before["payment_days"], before["deleted"]) == (14, False)

    change = {
        "address": ["1 New Road", "Harbour"],
        "email": "new@mover.example",
        "closing": {"mode": "manual", "after_hours": 0},
        "tax": {"rates": [{"name": "VAT", "percent": "20"}], "inclusive": False},
        "payment_days": 30,
    }
    changed = shop.must("PATCH", "/v1/customers/mover", change)
    assert changed == before | change | {"updated_at": changed["updated_at"]}

    nothing: dict[str, Any] = {"email": None, "closing": None, "tax": None, "address": []}
    bare = shop.must("PATCH", "/v1/customers/mover", nothing)
    assert bare == changed | nothing | {"updated_at": bare["updated_at"]}


def test_a_customer_is_deleted_when_its_subscriptions_have_ended(shop: Shop) -> None:
    shop.must("POST", "/v1/customers", {"id": "leaver", "name": "Leaver"})
    body = SUBSCRIPTION | {"id": "last", "customer_id": "leaver", "start": "2026-10-01"}
    shop.must("POST", "/v1/subscriptions", body)
    answer = shop.call("DELETE", "/v1/customers/leaver")
    assert (answer.status, answer.code) == (409, "customer_in_use")
    assert answer.json["subscription_id"] == "last"

    shop.must("POST", "/v1/subscriptions/last/cancel", {"at": "now"})
    deleted = shop.must("DELETE", "/v1/customers/leaver")

    assert deleted["deleted"] is True
    assert shop.must("DELETE", "/v1/customers/leaver") == deleted
    assert shop.must("GET", "/v1/customers/leaver") == deleted
    assert len(shop.must("GET", "/v1/customers/leaver/invoices")["data"]) == 2
    answer = shop.call("POST", "/v1/subscriptions", body | {"id": "more"})
    refused(answer, 404, "customer_not_found", "customer_id")
    answer = shop.call("POST", "/v1/customers", {"id": "leaver", "name": "Leaver"})
    refused(answer, 409, "already_exists", "id")
    answer = shop.call("PATCH", "/v1/customers/leaver", {"name": "Back"})
    refused(answer, 404, "customer_not_found")


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code", "field"),
    [
        ("GET", "/v1/item-families/none", None, 404, "item_family_not_found", None),
        ("PATCH", "/v1/item-families/none", {"name": "x"}, 404, "item_family_not_found", None),
        ("PATCH", "/v1/item-families/phones", {}, 422, MISSING, None),
        ("PATCH", "/v1/item-families/phones", {"name": None}, 422, BAD, "name"),
        ("PATCH", "/v1/item-families/phones", {"name": "x" * 51}, 422, BAD, "name"),
        ("PATCH", "/v1/item-families/phones", {"id": "x"}, 422, UNKNOWN, "id"),
        ("POST", "/v1/item-families", {"id": "a/b", "name": "x"}, 422, BAD, "id"),
        ("POST", "/v1/item-families", {"id": "x"}, 422, MISSING, "name"),
        (
            *("POST", "/v1/item-families", {"name": "x", "description": "x" * 501}),
            *(422, BAD, "description"),
        ),
        ("PATCH", "/v1/items/none", {"name": "x"}, 404, "item_not_found", None),
        ("PATCH", "/v1/items/voip", {}, 422, MISSING, None),
        ("PATCH", "/v1/items/voip", {"metered": False}, 422, UNKNOWN, "metered"),
        ("PATCH", "/v1/items/voip", {"archived": None}, 422, BAD, "archived"),
        ("PATCH", "/v1/items/voip", {"archived": "yes"}, 422, BAD, "archived"),
        ("PATCH", "/v1/items/voip", {"aggregation": "mean"}, 422, BAD, "aggregation"),
        ("PATCH", "/v1/items/voip", {"description": "a\tb"}, 422, BAD, "description"),
        ("PATCH", "/v1/items/voip", {"description": "x" * 2001}, 422, BAD, "description"),
        (
            *("PATCH", "/v1/items/voip", {"family_id": "none"}),
            *(404, "item_family_not_found", "family_id"),
        ),
        ("PATCH", "/v1/item-prices/voip-usd", {"archived": None}, 422, BAD, "archived"),
        (
            *("PATCH", "/v1/item-prices/voip-usd", {"cadence": {"unit": "year"}}),
            *(422, UNKNOWN, "cadence"),
        ),
        (
            *("POST", "/v1/item-prices", YEARLY | {"id": "x", "cadence": {"unit": "eon"}}),
            *(422, BAD, "cadence.unit"),
        ),
        (
            *("POST", "/v1/item-prices", YEARLY | {"id": "x", "cadence": {"count": 0}}),
            *(422, BAD, "cadence.count"),
        ),
        ("PATCH", "/v1/customers/none", {"name": "x"}, 404, "customer_not_found", None),
        ("PATCH", "/v1/customers/passer-by", {}, 422, MISSING, None),
        ("PATCH", "/v1/customers/passer-by", {"name": None}, 422, BAD, "name"),
        ("PATCH", "/v1/customers/passer-by", {"email": "nobody"}, 422, BAD, "email"),
        ("PATCH", "/v1/customers/passer-by", {"payment_days": 366}, 422, BAD, "payment_days"),
        ("PATCH", "/v1/customers/passer-by", {"payment_days": "30"}, 422, BAD, "payment_days"),
        ("PATCH", "/v1/customers/passer-by", {"annotations": {}}, 422, UNKNOWN, "annotations"),
        (
            *("PATCH", "/v1/customers/passer-by", {"series": "none"}),
            *(404, "series_not_found", "series"),
        ),
        ("POST", "/v1/customers", {"name": "x", "payment_days": -1}, 422, BAD, "payment_days"),
        ("DELETE", "/v1/customers/none", None, 404, "customer_not_found", None),
        ("DELETE", "/v1/customers/harbor", None, 409, "customer_in_use", None),
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
