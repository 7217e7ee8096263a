"""Paying and voiding invoices as a client does it, and what is refused."""

from typing import Any

import pytest

from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

BAD = "invalid_field"


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "settling")


@pytest.fixture
def pending(shop: Shop, request: pytest.FixtureRequest) -> str:
    """The path of a pending opening invoice of the test's own."""
    number = sum(place * ord(char) for place, char in enumerate(request.node.name, start=1))
    name = f"sub-{number}"
    lines = [{"item_price_id": "seat-usd"}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "lines": lines})
    [opening] = shop.invoices(name)
    return f"/v1/invoices/{opening['id']}"


@pytest.fixture
def issued(shop: Shop, pending: str) -> str:
    """The path of an issued invoice of the test's own, of 20.00."""
    assert shop.must("POST", f"{pending}/close")["total"] == "20.00"
    return pending


def told(shop: Shop, invoice: str) -> tuple[Any, ...]:
    shown = shop.must("GET", invoice)
    return tuple(shown[name] for name in ("status", "amount_paid", "amount_due", "payment"))


def test_an_invoice_is_paid_in_parts(shop: Shop, issued: str) -> None:
    assert told(shop, issued) == ("issued", "0.00", "20.00", "due")
    said = {
        "id": "wire-7",
        "amount": "12.50",
        "paid_on": "2026-11-05",
        "method": "wire",
        "reference": "RF18 5390",
    }

    first = shop.call("POST", f"{issued}/payments", said)
    again = shop.call("POST", f"{issued}/payments", said)

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json == shop.must("GET", f"{issued}/payments")["data"][0]
    assert first.json == said | {
        "invoice_id": issued.rpartition("/")[2],
        "currency": "USD",
        "recorded_at": first.json["recorded_at"],
    }
    assert told(shop, issued) == ("issued", "12.50", "7.50", "part_paid")
    rest = shop.must("POST", f"{issued}/payments", {"amount": 7.5})
    assert rest["id"].startswith("pay_")
    assert (rest["amount"], rest["paid_on"], rest["method"]) == ("7.50", "2026-10-20", None)
    assert told(shop, issued) == ("issued", "20.00", "0.00", "paid")
    page = shop.must("GET", f"{issued}/payments")
    assert [each["amount"] for each in page["data"]] == ["7.50", "12.50"]
    assert page["next_cursor"] is None
    heads = {each["id"]: each for each in shop.must("GET", "/v1/invoices?limit=100")["data"]}
    assert heads[issued.rpartition("/")[2]]["payment"] == "paid"


def test_a_payment_without_an_id_is_named_after_its_key(shop: Shop, issued: str) -> None:
    target, key = f"{issued}/payments", {"idempotency-key": "monday"}

    first = shop.call("POST", target, {"amount": "5"}, headers=key)
    again = shop.call("POST", target, {"amount": "5"}, headers=key)
    other = shop.call("POST", target, {"amount": "6"}, headers=key)
    named = shop.call("POST", target, {"amount": "6", "id": "mine"}, headers=key)

    assert (first.status, again.status, named.status) == (201, 200, 201)
    assert first.json == again.json
    check_refusal(other, status=409, code="idempotency_key_reused", said=None, secrets=[shop.admin])
    assert told(shop, issued)[1] == "11.00"


def test_a_voided_invoice_is_shown_with_all_it_said(shop: Shop, issued: str) -> None:
    before = shop.must("GET", issued)

    voided = shop.must("POST", f"{issued}/void", {"reason": " a typing error "})

    assert voided == before | {
        "status": "voided",
        "amount_paid": None,
        "amount_due": None,
        "payment": None,
        "voided_at": voided["voided_at"],
        "void_reason": "a typing error",
    }
    assert voided["voided_at"].startswith("2026-10-20T12:")
    assert shop.must("POST", f"{issued}/void") == voided == shop.must("GET", issued)
    assert shop.must("GET", f"{issued}/payments")["data"] == []


# path, body, status, code, field
REFUSED: list[tuple[str, object, int, str, str | None]] = [
    ("payments", {}, 422, "missing_field", "amount"),
    ("payments", {"amount": "0"}, 422, BAD, "amount"),
    ("payments", {"amount": "-5"}, 422, BAD, "amount"),
    ("payments", {"amount": "1.005"}, 422, BAD, "amount"),
    ("payments", {"amount": "20.01"}, 422, BAD, "amount"),
    ("payments", {"amount": None}, 422, BAD, "amount"),
    ("payments", {"amount": "5", "currency": "USD"}, 422, "unknown_field", "currency"),
    ("payments", {"amount": "5", "id": "a/b"}, 422, BAD, "id"),
    ("payments", {"amount": "5", "paid_on": "2026-11-31"}, 422, BAD, "paid_on"),
    ("payments", {"amount": "5", "paid_on": "2026-11-05T00:00:00Z"}, 422, BAD, "paid_on"),
    ("payments", {"amount": "5", "method": "m" * 51}, 422, BAD, "method"),
    ("payments", {"amount": "5", "reference": "a\nb"}, 422, BAD, "reference"),
    ("payments", {"amount": "5", "reference": "r" * 101}, 422, BAD, "reference"),
    ("void", {"reason": "r" * 251}, 422, BAD, "reason"),
    ("void", {"reason": ""}, 422, BAD, "reason"),
    ("void", {"why": "x"}, 422, "unknown_field", "why"),
]


@pytest.mark.parametrize(("path", "body", "status", "code", "field"), REFUSED)
def test_what_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop, issued: str, path: str, body: object, status: int, code: str, field: str | None
) -> None:
    before = shop.functions.written()

    answer = shop.call("POST", f"{issued}/{path}", body)

    check_refusal(answer, status=status, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


def test_too_much_is_refused_with_what_is_due(shop: Shop, issued: str) -> None:
    shop.must("POST", f"{issued}/payments", {"amount": "19.99"})

    answer = shop.call("POST", f"{issued}/payments", {"amount": "0.02"})

    check_refusal(answer, status=422, code=BAD, said="amount", secrets=[shop.admin])
    assert answer.json["amount_due"] == "0.01"


def test_a_pending_invoice_is_neither_paid_nor_voided(shop: Shop, pending: str) -> None:
    assert told(shop, pending) == ("pending", None, None, None)
    for path, body in (("payments", {"amount": "5"}), ("void", None)):
        answer = shop.call("POST", f"{pending}/{path}", body)
        check_refusal(
            answer, status=409, code="invoice_not_issued", said=None, secrets=[shop.admin]
        )


def test_an_invoice_is_paid_or_voided_but_not_both(shop: Shop, issued: str) -> None:
    shop.must("POST", f"{issued}/payments", {"amount": "5", "id": "one"})

    void = shop.call("POST", f"{issued}/void")
    taken = shop.call("POST", f"{issued}/payments", {"amount": "6", "id": "one"})

    check_refusal(void, status=409, code="invoice_paid", said=None, secrets=[shop.admin])
    assert void.json["amount_paid"] == "5.00"
    check_refusal(taken, status=409, code="already_exists", said="id", secrets=[shop.admin])


def test_credit_that_was_spent_keeps_its_invoice(shop: Shop) -> None:
    shop.must("POST", "/v1/customers", {"id": "credited", "name": "Credited"})
    body = {
        "id": "refunded",
        "customer_id": "credited",
        "start": "2026-10-01",
        "lines": [{"item_price_id": "seat-usd"}],
        "timezone": "UTC",
        "closing": {"mode": "manual"},
    }
    shop.must("POST", "/v1/subscriptions", body)
    ended = {"at": "now", "credit_unused": True}
    shop.must("POST", "/v1/subscriptions/refunded/cancel", ended)
    [last, opening] = [f"/v1/invoices/{each['id']}" for each in shop.invoices("refunded")]
    assert shop.must("POST", f"{last}/close")["credit_granted"] == "7.74"
    assert shop.must("POST", f"{opening}/close")["credit_applied"] == "7.74"

    answer = shop.call("POST", f"{last}/void")

    check_refusal(answer, status=409, code="credit_spent", said=None, secrets=[shop.admin])
    assert (answer.json["credit_granted"], answer.json["credit_balance"]) == ("7.74", "0.00")
    shop.must("POST", f"{opening}/void")
    owed = shop.must("GET", "/v1/customers/credited/credits")["data"]
    assert owed == [{"currency": "USD", "amount": "7.74"}]
    shop.must("POST", f"{last}/void")
    assert shop.must("GET", "/v1/customers/credited/credits")["data"] == []


def test_a_pending_invoice_is_deleted_once_and_shows_what_it_would_have_said(
    shop: Shop, pending: str
) -> None:
    deleted = shop.must("POST", f"{pending}/delete", {"reason": "a test customer"})
    again = shop.must("POST", f"{pending}/delete")

    assert deleted == again == shop.must("GET", pending)
    assert (deleted["status"], deleted["number"], deleted["document"]) == ("deleted", None, None)
    assert deleted["delete_reason"] == "a test customer"
    assert deleted["deleted_at"].startswith("2026-10-20T")
    assert (deleted["total"], deleted["amount_due"]) == ("20.00", None)
    assert [line["amount"] for line in deleted["lines"]] == ["20.00"]
    heads = {each["id"]: each for each in shop.must("GET", "/v1/invoices?limit=100")["data"]}
    assert heads[pending.rpartition("/")[2]]["status"] == "deleted"
    for path, code in (
        ("close", "invoice_not_pending"),
        ("sync", "invoice_not_pending"),
        ("void", "invoice_not_issued"),
    ):
        answer = shop.call("POST", f"{pending}/{path}")
        check_refusal(answer, status=409, code=code, said=None, secrets=[shop.admin])


def test_an_issued_invoice_is_not_deleted(shop: Shop, issued: str) -> None:
    answer = shop.call("POST", f"{issued}/delete")

    check_refusal(answer, status=409, code="invoice_not_pending", said=None, secrets=[shop.admin])


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"reason": 7}, BAD, "reason"),
        ({"reason": "x" * 251}, BAD, "reason"),
        ({"because": "why"}, "unknown_field", "because"),
    ],
)
def test_a_deletion_that_says_something_else_is_refused(
    shop: Shop, pending: str, body: dict[str, Any], code: str, field: str
) -> None:
    answer = shop.call("POST", f"{pending}/delete", body)

    check_refusal(answer, status=422, code=code, said=field, secrets=[shop.admin])
    assert shop.must("GET", pending)["status"] == "pending"


def test_an_opening_invoice_stays_pending_if_it_is_asked_to(shop: Shop) -> None:
    lines = [{"item_price_id": "seat-usd"}]
    body = {"id": "patient", "lines": lines, "start": "2026-10-01", "opening_pending": True}

    made = shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | body)

    assert made["opening_pending"] is True
    assert shop.must("GET", "/v1/subscriptions/patient")["opening_pending"] is True
    assert shop.must("GET", "/v1/subscriptions/calls")["opening_pending"] is False
    head = {"S": f"{shop.site.scope.site}~1#invoice#{shop.invoices('patient')[0]['id']}"}
    [item] = [each for each in shop.functions.billing_items() if each["pk"] == head]
    assert "due_at" not in item, "it waits for a request, as its subscription says"
