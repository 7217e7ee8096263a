"""One-time charges of the native door: put on, listed, taken off, and what is refused."""

from typing import Any

import pytest

from postpaid.domain.one_time import CHARGES_MAX
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SETUP, SETUP_PRICE, SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

type Json = dict[str, Any]

BAD, MISSING = "invalid_field", "missing_field"
CHARGE = {"item_price_id": "setup-usd"}
EUROS = SETUP_PRICE | {"id": "setup-eur", "currency": "EUR"}
GONE = SETUP_PRICE | {"id": "gone-usd"}
TIERS = [{"up_to": "10", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1"}]
TIERED = {"pricing_model": "tiered", "tiers": TIERS}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    shop = open_shop(functions, "one-time")
    shop.must("POST", "/v1/items", SETUP | {"unit": "visit"})
    for price in (SETUP_PRICE, EUROS, GONE):
        shop.must("POST", "/v1/item-prices", price)
    shop.must("PATCH", "/v1/item-prices/gone-usd", {"archived": True})
    return shop


@pytest.fixture
def pending(shop: Shop, request: pytest.FixtureRequest) -> str:
    """The path of a pending opening invoice of the test's own, of 20.00."""
    number = sum(place * ord(char) for place, char in enumerate(request.node.name, start=1))
    name = f"sub-{number}"
    lines = [{"item_price_id": "seat-usd"}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "lines": lines})
    [opening] = shop.invoices(name)
    return f"/v1/invoices/{opening['id']}"


def once(invoice: Json) -> list[tuple[str, str, str]]:
    """Return the one-time lines of an invoice: id, quantity, amount."""
    return [
        (line["line_id"], line["quantity"], line["amount"])
        for line in invoice["lines"]
        if line["kind"] == "one_time"
    ]


# --- putting on


def test_a_charge_is_put_on_listed_and_invoiced(shop: Shop, pending: str) -> None:
    said = CHARGE | {
        "id": "visit-7",
        "quantity": "2.50",
        "from": "2026-10-05",
        "to": "2026-10-06T12:00:00+02:00",
        "comment": "as agreed",
    }

    first = shop.call("POST", f"{pending}/charges", said)
    again = shop.call("POST", f"{pending}/charges", said)

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert first.json == {
        "id": "visit-7",
        "integer_id": first.json["integer_id"],
        "invoice_id": pending.rpartition("/")[2],
        "item_price_id": "setup-usd",
        "price_version": 1,
        "name": "Setup",
        "quantity": "2.5",
        "pricing": None,
        "from": "2026-10-05T04:00:00Z",
        "to": "2026-10-06T10:00:00Z",
        "comment": "as agreed",
        "added_at": first.json["added_at"],
        "removed_at": None,
    }
    assert first.json["added_at"].startswith("2026-10-20T12:")
    page = shop.must("GET", f"{pending}/charges")
    assert page == {"data": [first.json], "next_cursor": None}
    draft = shop.must("GET", pending)
    assert (once(draft), draft["total"]) == ([("visit-7", "2.5", "122.50")], "142.50")

    closed = shop.must("POST", f"{pending}/close")

    [line] = [line for line in closed["lines"] if line["kind"] == "one_time"]
    assert line == draft["lines"][-1]
    assert (line["item_price_id"], line["price_version"]) == ("setup-usd", 1)
    assert line["period"] == {"start": "2026-10-05T04:00:00Z", "end": "2026-10-06T10:00:00Z"}
    assert (line["days"], line["days_in_period"]) == (None, None)
    assert closed["total"] == "142.50"
    assert shop.must("GET", f"{pending}/charges") == page
    assert shop.call("POST", f"{pending}/charges", said).status == 200, "it is there, and charged"


def test_one_of_an_item_price_is_charged_if_nothing_else_is_said(shop: Shop, pending: str) -> None:
    added = shop.call("POST", f"{pending}/charges", CHARGE)

    assert added.status == 201
    assert added.json["id"].startswith("chg_")
    assert (added.json["quantity"], added.json["from"], added.json["comment"]) == ("1", None, None)
    draft = shop.must("GET", pending)
    assert once(draft) == [(added.json["id"], "1", "49.00")]
    assert draft["lines"][-1]["period"] == draft["lines"][0]["period"]


def test_a_charge_may_have_a_price_of_its_own(shop: Shop, pending: str) -> None:
    added = shop.must("POST", f"{pending}/charges", CHARGE | {"pricing": TIERED, "quantity": 12})

    assert added["pricing"]["tiers"][0]["unit_amount"] == "2"
    draft = shop.must("GET", pending)
    assert once(draft) == [(added["id"], "12", "22.00")]
    assert draft["lines"][-1]["pricing"] == added["pricing"]


def test_each_request_without_an_id_and_a_key_is_a_charge_of_its_own(
    shop: Shop, pending: str
) -> None:
    for _ in range(2):
        assert shop.call("POST", f"{pending}/charges", CHARGE).status == 201

    assert len(once(shop.must("GET", pending))) == 2


def test_a_charge_without_an_id_is_named_after_its_key(shop: Shop, pending: str) -> None:
    target, key = f"{pending}/charges", {"idempotency-key": "monday"}

    first = shop.call("POST", target, CHARGE, headers=key)
    again = shop.call("POST", target, CHARGE, headers=key)
    other = shop.call("POST", target, CHARGE | {"quantity": "2"}, headers=key)
    named = shop.call("POST", target, CHARGE | {"id": "mine"}, headers=key)

    assert (first.status, again.status, named.status) == (201, 200, 201)
    assert first.json == again.json
    check_refusal(other, status=409, code="idempotency_key_reused", said=None, secrets=[shop.admin])
    assert [each["id"] for each in shop.must("GET", target)["data"]] == [first.json["id"], "mine"]
    shop.must("POST", f"{pending}/close")
    late = shop.call("POST", target, CHARGE, headers=key)
    assert (late.status, late.json) == (200, first.json)


def test_a_key_counts_for_its_invoice_alone(shop: Shop, pending: str) -> None:
    lines = [{"item_price_id": "seat-usd"}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "another", "lines": lines})
    other = f"/v1/invoices/{shop.invoices('another')[0]['id']}"
    key = {"idempotency-key": "tuesday"}

    for invoice in (pending, other):
        assert shop.call("POST", f"{invoice}/charges", CHARGE, headers=key).status == 201


def test_the_same_id_with_other_content_is_refused(shop: Shop, pending: str) -> None:
    shop.must("POST", f"{pending}/charges", CHARGE | {"id": "a"})

    answer = shop.call("POST", f"{pending}/charges", CHARGE | {"id": "a", "quantity": "2"})

    check_refusal(answer, status=409, code="already_exists", said="id", secrets=[shop.admin])


# --- taking off


def test_a_charge_is_taken_off_once_and_its_id_stays_taken(shop: Shop, pending: str) -> None:
    for name in ("wrong", "right"):
        shop.must("POST", f"{pending}/charges", CHARGE | {"id": name})

    removed = shop.must("DELETE", f"{pending}/charges/wrong")
    again = shop.must("DELETE", f"{pending}/charges/wrong")

    assert removed == again
    assert (removed["id"], removed["removed_at"][:13]) == ("wrong", "2026-10-20T12")
    assert [each["id"] for each in shop.must("GET", f"{pending}/charges")["data"]] == ["right"]
    late = shop.call("POST", f"{pending}/charges", CHARGE | {"id": "wrong"})
    check_refusal(late, status=409, code="already_exists", said="id", secrets=[shop.admin])
    assert [line[0] for line in once(shop.must("POST", f"{pending}/close"))] == ["right"]
    assert shop.must("DELETE", f"{pending}/charges/wrong") == removed, "it was off before the close"


def test_a_late_repeat_by_its_key_is_told_that_the_charge_was_taken_off(
    shop: Shop, pending: str
) -> None:
    key = {"idempotency-key": "wednesday"}
    added = shop.must("POST", f"{pending}/charges", CHARGE, headers=key)
    shop.must("DELETE", f"{pending}/charges/{added['id']}")

    late = shop.call("POST", f"{pending}/charges", CHARGE, headers=key)

    check_refusal(late, status=409, code="idempotency_key_reused", said=None, secrets=[shop.admin])
    assert "taken off" in late.json["detail"]


# --- what is refused

# body, status, code, field
REFUSED: list[tuple[Json, int, str, str | None]] = [
    ({}, 422, MISSING, "item_price_id"),
    ({"item_price_id": None}, 422, BAD, "item_price_id"),
    ({"item_price_id": ""}, 422, BAD, "item_price_id"),
    ({"item_price_id": "x" * 3000}, 422, BAD, "item_price_id"),
    ({"item_price_id": "nothing"}, 404, "item_price_not_found", "item_price_id"),
    ({"item_price_id": "seat-usd"}, 422, BAD, "item_price_id"),
    ({"item_price_id": "voip-usd"}, 422, BAD, "item_price_id"),
    ({"item_price_id": "setup-eur"}, 422, BAD, "item_price_id"),
    ({"item_price_id": "gone-usd"}, 409, "archived", "item_price_id"),
    (CHARGE | {"id": ""}, 422, BAD, "id"),
    (CHARGE | {"id": "a/b"}, 422, BAD, "id"),
    (CHARGE | {"id": 7}, 422, BAD, "id"),
    (CHARGE | {"id": "x" * 101}, 422, BAD, "id"),
    (CHARGE | {"quantity": "0"}, 422, BAD, "quantity"),
    (CHARGE | {"quantity": -1}, 422, BAD, "quantity"),
    (CHARGE | {"quantity": "many"}, 422, BAD, "quantity"),
    (CHARGE | {"quantity": True}, 422, BAD, "quantity"),
    (CHARGE | {"quantity": "9" * 19}, 422, BAD, "quantity"),
    (CHARGE | {"pricing": {}}, 422, BAD, "pricing.pricing_model"),
    (CHARGE | {"pricing": "free"}, 422, BAD, "pricing"),
    (CHARGE | {"pricing": {"pricing_model": "per_unit"}}, 422, MISSING, "pricing.unit_amount"),
    (
        CHARGE | {"pricing": {"pricing_model": "tiered", "tiers": []}},
        422,
        BAD,
        "pricing.tiers",
    ),
    (
        CHARGE | {"pricing": {"pricing_model": "tiered", "tiers": TIERS[:1]}, "quantity": "11"},
        422,
        "not_ratable",
        "quantity",
    ),
    (CHARGE | {"from": "2026-10-05"}, 422, MISSING, "to"),
    (CHARGE | {"to": "2026-10-05"}, 422, MISSING, "from"),
    (CHARGE | {"from": "2026-10-05", "to": "2026-10-05"}, 422, BAD, "to"),
    (CHARGE | {"from": "2026-10-32", "to": "2026-11-05"}, 422, BAD, "from"),
    (CHARGE | {"from": "2026-10-05", "to": "later"}, 422, BAD, "to"),
    (CHARGE | {"from": "2026-10-05", "to": "2026-10-06T00:00:00"}, 422, BAD, "to"),
    (CHARGE | {"from": 1, "to": 2}, 422, BAD, "from"),
    (CHARGE | {"comment": ""}, 422, BAD, "comment"),
    (CHARGE | {"comment": "c" * 301}, 422, BAD, "comment"),
    (CHARGE | {"comment": "a\x00b"}, 422, BAD, "comment"),
    (CHARGE | {"amount": "5"}, 422, "unknown_field", "amount"),
    (CHARGE | {"currency": "USD"}, 422, "unknown_field", "currency"),
]


@pytest.mark.parametrize(("body", "status", "code", "field"), REFUSED)
def test_what_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop, pending: str, body: Json, status: int, code: str, field: str | None
) -> None:
    before = shop.functions.written()

    answer = shop.call("POST", f"{pending}/charges", body)

    check_refusal(answer, status=status, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


def test_a_key_that_is_too_long_is_refused_by_its_header(shop: Shop, pending: str) -> None:
    answer = shop.call("POST", f"{pending}/charges", CHARGE, headers={"idempotency-key": "k" * 256})

    check_refusal(answer, status=422, code=BAD, said="Idempotency-Key", secrets=[shop.admin])


def test_nothing_is_put_on_or_taken_off_an_invoice_that_is_closed_or_deleted(
    shop: Shop, pending: str
) -> None:
    shop.must("POST", f"{pending}/charges", CHARGE | {"id": "a"})
    shop.must("POST", f"{pending}/close")
    shop.must("POST", f"{pending}/void")
    writes = shop.functions.written()

    for method, path, body in (
        ("POST", "charges", CHARGE | {"id": "b"}),
        ("DELETE", "charges/a", None),
    ):
        answer = shop.call(method, f"{pending}/{path}", body)
        check_refusal(
            answer, status=409, code="invoice_not_pending", said=None, secrets=[shop.admin]
        )
        assert "voided" in answer.json["detail"]
    assert shop.functions.written() == writes


def test_a_deleted_invoice_shows_the_charges_that_went_with_it(shop: Shop, pending: str) -> None:
    shop.must("POST", f"{pending}/charges", CHARGE | {"id": "a"})

    deleted = shop.must("POST", f"{pending}/delete")

    assert (once(deleted), deleted["total"]) == ([("a", "1", "49.00")], "69.00")
    assert [each["id"] for each in shop.must("GET", f"{pending}/charges")["data"]] == ["a"]
    answer = shop.call("POST", f"{pending}/charges", CHARGE)
    check_refusal(answer, status=409, code="invoice_not_pending", said=None, secrets=[shop.admin])


@pytest.mark.parametrize("charge", ["none", "x" * 3000, "%C3%A9", "META", "~", "%23"])
def test_a_charge_that_is_not_there_is_not_found(shop: Shop, pending: str, charge: str) -> None:
    answer = shop.call("DELETE", f"{pending}/charges/{charge}")

    assert (answer.status, answer.code) == (404, "charge_not_found")
    assert len(answer.text) < 8000


@pytest.mark.parametrize("invoice", ["none", "x" * 3000, "%C3%A9"])
def test_an_invoice_that_is_not_there_is_not_found(shop: Shop, invoice: str) -> None:
    for method, path, body in (
        ("GET", "charges", None),
        ("POST", "charges", CHARGE),
        ("DELETE", "charges/a", None),
    ):
        answer = shop.call(method, f"/v1/invoices/{invoice}/{path}", body)
        assert (answer.status, answer.code) == (404, "invoice_not_found")


def test_a_list_of_charges_takes_no_parameters(shop: Shop, pending: str) -> None:
    answer = shop.call("GET", f"{pending}/charges?limit=1")

    check_refusal(answer, status=400, code="malformed_request", said="limit", secrets=[shop.admin])


def test_an_invoice_takes_fifty_charges_those_taken_off_included(shop: Shop, pending: str) -> None:
    for number in range(CHARGES_MAX):
        shop.must("POST", f"{pending}/charges", CHARGE | {"id": f"c{number}"})
    shop.must("DELETE", f"{pending}/charges/c0")

    answer = shop.call("POST", f"{pending}/charges", CHARGE | {"id": "more"})

    check_refusal(answer, status=422, code="limit_exceeded", said=None, secrets=[shop.admin])
    shown = [each["id"] for each in shop.must("GET", f"{pending}/charges")["data"]]
    assert shown == [f"c{number}" for number in range(1, CHARGES_MAX)], "in the order they came in"


LARGEST = "9" * 18 + "." + "9" * 20


def test_the_largest_charge_is_exact(shop: Shop, pending: str) -> None:
    own = {"pricing_model": "per_unit", "unit_amount": LARGEST}

    shop.must("POST", f"{pending}/charges", CHARGE | {"quantity": LARGEST, "pricing": own})

    # 10^36 less 0.02, and the seat.
    assert shop.must("POST", f"{pending}/close")["total"] == f"1{'0' * 34}19.98"
