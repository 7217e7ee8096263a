"""Transactions of the ChargeOver door: payments that were made elsewhere are recorded."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.over_shop import OverShop

pytestmark = pytest.mark.engine


def seats(shop: OverShop, package_id: str, quantity: str = "1", **changes: Any) -> int:
    """Make a package with an invoice of 20 for each seat; return the invoice's integer."""
    lines = [{"item_price_id": "seat", "quantity": quantity}]
    number = shop.package(package_id, lines=lines, **changes)
    made: int = shop.over.act(f"/package/{number}/_action/invoice")["id"]
    return made


@pytest.fixture(scope="module")
def shop(functions: Functions) -> OverShop:
    shop = OverShop.at(functions, "co-transactions")
    shop.advance("2015-09-02")
    shop.over.create("/customer", {"company": "Other", "external_key": "other"})
    return shop


@pytest.fixture
def invoice(shop: OverShop, request: pytest.FixtureRequest) -> int:
    """An invoice over 40 of the test's own."""
    name = request.node.name
    return seats(shop, f"sub-{sum(n * ord(c) for n, c in enumerate(name, start=1))}", "2")


def balance(shop: OverShop, number: int) -> tuple[Any, ...]:
    shown = shop.over.get(f"/invoice/{number}")
    return tuple(shown[name] for name in ("payments", "balance", "is_paid", "paid_date"))


def test_an_invoice_is_paid_in_parts_and_closed(shop: OverShop, invoice: int) -> None:
    customer = shop.over.get("/customer/external_key:harbor")["customer_id"]
    body = {
        "customer_id": customer,
        "amount": 15.95,
        "transaction_type": "pay",
        "transaction_date": "2015-09-01",
        "transaction_method": "Visa",
        "transaction_detail": "told by the shop",
        "gateway_status": 1,
        "gateway_transid": "abcd1234",
        "gateway_msg": "My test message",
        "gateway_method": "visa",
        "applied_to": [{"invoice_id": invoice, "applied": "15.95"}],
    }

    first = shop.over.create("/transaction", body)

    shown = shop.over.get(f"/transaction/{first}")
    assert {name: shown[name] for name in body if name != "applied_to"} == {
        name: each for name, each in body.items() if name != "applied_to"
    }
    assert shown["applied_to"] == [{"invoice_id": str(invoice), "applied": 15.95}]
    assert (shown["transaction_id"], shown["applied"], shown["unapplied"]) == (first, 15.95, 0)
    assert balance(shop, invoice) == (15.95, 24.05, False, None)

    rest = shop.over.create("/transaction", {"applied_to": [{"invoice_id": str(invoice)}]})

    assert balance(shop, invoice) == (40, 0, True, "2015-09-02")
    closed = shop.over.get(f"/invoice/{invoice}")
    assert (closed["invoice_status_str"], closed["invoice_status_state"]) == ("closed-paid", "c")
    assert shop.over.get(f"/transaction/{rest}")["amount"] == 24.05
    assert rest == first + 1


def test_what_creates_says_where_the_transaction_is(shop: OverShop, invoice: int) -> None:
    answer = shop.over.call("POST", "/transaction", {"applied_to": [{"invoice_id": invoice}]})

    number = answer.json["response"]["id"]
    assert answer.headers["location"] == f"/api/v3/transaction/{number}"
    assert shop.over.get(f"/transaction/{number}")["external_key"].startswith("pay_")


def test_one_transaction_pays_several_invoices(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-several")
    shop.advance("2015-09-02")
    one, two, three = (
        seats(shop, name, size) for name, size in (("a", "1"), ("b", "2"), ("c", "3"))
    )
    rows = [{"invoice_id": two, "applied": 30}, {"invoice_id": one}, {"invoice_id": three}]

    made = shop.over.create("/transaction", {"amount": "110.00", "applied_to": rows})

    shown = shop.over.get(f"/transaction/{made}")
    assert shown["amount"] == 110
    assert [(each["invoice_id"], each["applied"]) for each in shown["applied_to"]] == [
        (str(two), 30),
        (str(one), 20),
        (str(three), 60),
    ]
    assert [balance(shop, each)[1] for each in (one, two, three)] == [0, 10, 0]
    # It is found by each of its invoices, and is there once.
    for where in (
        "",
        "?where=customer_external_key:EQUALS:harbor",
        *(f"?where=applied_to.invoice_id:EQUALS:{each}" for each in (one, two, three)),
    ):
        assert shop.over.get(f"/transaction{where}") == [shown]
        assert shop.over.get(f"/transaction/_count{where}") == 1
    for each in (one, two, three):
        assert shop.over.get(f"/transaction/{each * 128 + 1}") == shown


def test_a_customer_that_was_deleted_still_pays_what_it_owes(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-left")
    shop.advance("2015-09-02")
    owed = seats(shop, "last")
    shop.native("POST", "/v1/subscriptions/last/cancel", {"at": "now"})
    customer = shop.over.get("/customer/external_key:harbor")["customer_id"]
    assert shop.over.call("DELETE", f"/customer/{customer}").status == 200

    for named in ({"customer_id": customer}, {"customer_external_key": "harbor"}):
        rows = [{"invoice_id": owed, "applied": 10}]
        shop.over.create("/transaction", {"applied_to": rows, **named})

    assert balance(shop, owed)[1] == 0


def test_of_several_invoices_all_are_paid_or_none(shop: OverShop, invoice: int) -> None:
    small = seats(shop, "small")
    before = shop.over.functions.written()
    rows = [{"invoice_id": invoice, "applied": 40}, {"invoice_id": small, "applied": 20.01}]

    message = shop.over.refused("POST", "/transaction", {"applied_to": rows})

    assert message.startswith(
        "Missing or invalid parameter. applied_to.1.applied: must not be more"
    )
    assert shop.over.functions.written() == before


def test_a_transaction_that_was_cut_off_is_finished_by_the_same_again(
    shop: OverShop, invoice: int
) -> None:
    other = seats(shop, "cut-off")
    rows = [{"invoice_id": invoice}, {"invoice_id": other}]
    body = {"external_key": "wire-7", "applied_to": rows}
    first = shop.over.create("/transaction", body)
    _forget_payment(shop, other, "wire-7")  # as if the run had died behind the first

    assert balance(shop, other)[0] == 0
    assert shop.over.get(f"/transaction/{first}")["amount"] == 40
    again = shop.over.create("/transaction", body)

    assert again == first
    shown = shop.over.get(f"/transaction/{first}")
    assert shown["amount"] == 60
    assert [each["invoice_id"] for each in shown["applied_to"]] == [str(invoice), str(other)]


def _forget_payment(shop: OverShop, number: int, payment_id: str) -> None:
    """Take a payment away, as if it had never been stored."""
    functions = shop.over.functions
    identifier = shop.over.get(f"/invoice/{number}")["external_key"]
    pk = {"S": f"{shop.over.site.scope.site}~1#invoice#{identifier}"}
    functions.dynamodb.delete_item(
        TableName=functions.billing._name, Key={"pk": pk, "sk": {"S": f"PAY#{payment_id}"}}
    )
    functions.dynamodb.update_item(
        TableName=functions.billing._name,
        Key={"pk": pk, "sk": {"S": "META"}},
        UpdateExpression="REMOVE paid, pv",
    )


@pytest.mark.parametrize("named", ["external_key", "idempotency-key"])
def test_the_same_transaction_again_is_recorded_once(
    shop: OverShop, invoice: int, named: str
) -> None:
    body: dict[str, Any] = {"applied_to": [{"invoice_id": invoice, "applied": 25}]}
    key = f"{named}-{invoice}"
    headers = {named: key} if named == "idempotency-key" else {}
    body |= {} if headers else {named: key}

    first = shop.over.call("POST", "/transaction", body, headers=headers)
    again = shop.over.call("POST", "/transaction", body, headers=headers)
    body["applied_to"] = [{"invoice_id": invoice, "applied": 10}]
    other = shop.over.call("POST", "/transaction", body, headers=headers)

    assert first.status == again.status == 201
    assert first.json["response"] == again.json["response"]
    assert other.status == 400
    assert balance(shop, invoice)[0] == 25


def test_the_same_transaction_twice_at_once_is_recorded_once(shop: OverShop, invoice: int) -> None:
    body = {"external_key": f"race-{invoice}", "applied_to": [{"invoice_id": invoice}]}
    together = threading.Barrier(4)

    def pay(_: int) -> int:
        together.wait()
        return shop.over.call("POST", "/transaction", body).status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(pay, range(4)))

    assert set(statuses) == {201}
    assert balance(shop, invoice)[:2] == (40, 0)


def test_a_payment_of_the_native_api_is_a_transaction_here_and_the_other_way_round(
    shop: OverShop, invoice: int
) -> None:
    identifier = shop.over.get(f"/invoice/{invoice}")["external_key"]
    said = {"id": f"native-{invoice}", "amount": "5.00", "method": "wire", "reference": "RF18"}
    shop.native("POST", f"/v1/invoices/{identifier}/payments", said)
    made = shop.over.create(
        "/transaction", {"applied_to": [{"invoice_external_key": identifier, "applied": 7}]}
    )

    rows = shop.over.get(f"/transaction?where=applied_to.invoice_id:EQUALS:{invoice}")
    payments = shop.native("GET", f"/v1/invoices/{identifier}/payments")["data"]

    assert [(row["amount"], row["gateway_method"], row["gateway_transid"]) for row in rows] == [
        (5, "wire", "RF18"),
        (7, "", ""),
    ]
    assert [row["applied_to"][0]["invoice_id"] for row in rows] == [str(invoice)] * 2
    assert [each["amount"] for each in payments] == ["7.00", "5.00"]
    assert rows[1]["transaction_id"] == made


def test_transactions_are_listed_by_what_they_say(shop: OverShop, invoice: int) -> None:
    body = {"applied_to": [{"invoice_id": invoice, "applied": 3}], "gateway_transid": "only-here"}
    made = shop.over.create("/transaction", body | {"transaction_date": "2015-08-31"})

    for where in (
        f"transaction_id:EQUALS:{made}",
        "gateway_transid:EQUALS:only-here",
        "transaction_date:LT:2015-09-01,customer_external_key:EQUALS:harbor",
        f"applied_to.invoice_id:EQUALS:{invoice},amount:LTE:3",
    ):
        [row] = shop.over.get(f"/transaction?where={where}")
        assert row == shop.over.get(f"/transaction/{made}")
        assert shop.over.get(f"/transaction/_count?where={where}") == 1
    assert shop.over.get("/transaction?where=transaction_id:EQUALS:999999") == []
    assert shop.over.get("/transaction?where=customer_external_key:EQUALS:other") == []
    shop.over.refused("GET", "/transaction?where=card:EQUALS:1")


@pytest.mark.parametrize("target", ["/transaction/999999", "/transaction/abc", "/transaction/0"])
def test_a_transaction_that_does_not_exist_is_missing(shop: OverShop, target: str) -> None:
    assert shop.over.refused("GET", target, status=404) == "This transaction does not exist."


# what is sent beside one row that pays 5 of the invoice, and what it is refused with
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"transaction_type": "ref"}, "transaction_type: only payments are recorded here"),
    ({"transaction_type": "cre"}, "transaction_type: only payments"),
    ({"transaction_type": "spl"}, "transaction_type: only payments"),
    ({"gateway_status": 0}, "gateway_status: a payment that failed is not recorded"),
    ({"gateway_id": 1}, "gateway_id: there are no payment gateways here"),
    ({"creditcard_id": 7}, "creditcard_id: cards and bank accounts are never stored here"),
    ({"number": "4111111111111111"}, "number: cards and bank accounts are never stored here"),
    ({"ach_id": 7}, "ach_id: cards"),
    ({"amount": 6}, "amount: must be what is applied to the invoices, 5 in all"),
    ({"amount": "5.001"}, "amount: must be what is applied"),
    ({"amount": -5}, "amount: must not be negative"),
    ({"transaction_date": "soon"}, "transaction_date: must be a date or a time"),
    ({"transaction_method": "m" * 51}, "transaction_method: "),
    ({"gateway_transid": "a\nb"}, "gateway_transid: has a form or characters"),
    ({"transaction_detail": "d" * 251}, "transaction_detail: "),
    ({"external_key": "a/b"}, "external_key: may hold only printable ASCII"),
    ({"customer_id": 999999}, "customer_id: there is no such customer"),
    ({"customer_external_key": "nobody"}, "customer_external_key: "),
    ({"customer_external_key": "other"}, "applied_to.0.invoice_id: is an invoice of another"),
    ({"shoe_size": 4}, "shoe_size: is not a field that is known here"),
    ({"custom_1": "x"}, "custom_1: is not kept here"),
    ({"applied_to": []}, "A required parameter was missing: applied_to."),
    ({"applied_to": [{"applied": 5}]}, "A required parameter was missing: applied_to.0.invoice_id"),
    ({"applied_to": [{"invoice_id": 999999}]}, "applied_to.0.invoice_id: there is no such invoice"),
    ({"applied_to": [{"invoice_external_key": "x"}]}, "applied_to.0.invoice_external_key: there"),
    ({"applied_to": [{"invoice_id": "five"}]}, "applied_to.0.invoice_id: must be a whole number"),
    ({"applied_to": 5}, "applied_to: "),
]


@pytest.mark.parametrize(("said", "message"), REFUSED, ids=[str(row[0])[:60] for row in REFUSED])
def test_what_is_no_payment_is_refused_by_its_field_and_not_stored(
    shop: OverShop, paid_of: int, said: dict[str, Any], message: str
) -> None:
    before = shop.over.functions.written()

    rows = [{"invoice_id": paid_of, "applied": 5}]
    refused = shop.over.refused("POST", "/transaction", {"applied_to": rows} | said)

    assert refused.removeprefix("Missing or invalid parameter. ").startswith(message)
    assert shop.over.functions.written() == before


@pytest.fixture(scope="module")
def paid_of(shop: OverShop) -> int:
    return seats(shop, "refusals", "2")


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ([0], "applied_to.0.applied: must be greater than 0"),
        ([40.01], "applied_to.0.applied: must not be more than the 40.00 USD"),
        ([1.001], "applied_to.0.applied: must have at most 2 places"),
        ([1, 1], "applied_to.1.invoice_id: is named twice"),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused_by_its_place(
    shop: OverShop, paid_of: int, amounts: list[float], message: str
) -> None:
    rows = [{"invoice_id": paid_of, "applied": each} for each in amounts]

    refused = shop.over.refused("POST", "/transaction", {"applied_to": rows})

    assert refused.startswith(f"Missing or invalid parameter. {message}")


def test_what_is_paid_is_not_voided_and_what_is_void_not_paid(shop: OverShop, invoice: int) -> None:
    void = seats(shop, "voided")
    shop.over.act(f"/invoice/{void}/_action/void")
    shop.over.create("/transaction", {"applied_to": [{"invoice_id": invoice, "applied": 1}]})

    paid = shop.over.refused("POST", f"/invoice/{invoice}?action=void")
    row = {"invoice_id": void, "applied": 1}
    voided = shop.over.refused("POST", "/transaction", {"applied_to": [row]})

    assert paid == "1.00 USD of the invoice was paid"
    assert voided.endswith("applied_to.0.invoice_id: the invoice is voided")


@pytest.mark.parametrize(
    ("method", "target", "message"),
    [
        ("POST", "/transaction?action=pay", "create(transaction, _action, pay). Nothing is coll"),
        ("POST", "/transaction/5?action=refund", "create(transaction, 5, _action, refund). Noth"),
        ("POST", "/transaction/5/_action/void", "create(transaction, 5, _action, void). A paym"),
        ("POST", "/transaction/5/_action/email", "create(transaction, 5, _action, email). No e"),
        ("PUT", "/transaction/5", "modify(transaction, 5). A payment that was recorded stays"),
        ("DELETE", "/transaction/5", "delete(transaction, 5). A payment that was recorded stays"),
    ],
)
def test_what_is_not_done_to_transactions_is_said_with_the_reason(
    shop: OverShop, method: str, target: str, message: str
) -> None:
    refused = shop.over.refused(method, target, {"amount": 5})

    assert refused.startswith(f"The command requested is not supported: {message}")


# --- who asks


@pytest.mark.parametrize(
    ("method", "target", "needed"),
    [
        ("GET", "/transaction", KeyScope.READ),
        ("GET", "/transaction/_count", KeyScope.READ),
        ("GET", "/transaction/999999", KeyScope.READ),
        ("POST", "/transaction", KeyScope.ADMIN),
    ],
)
def test_a_route_admits_those_with_its_scope_and_nobody_else(
    shop: OverShop, method: str, target: str, needed: KeyScope
) -> None:
    for scope in KeyScope:
        caller = Over.on(shop.over.functions, shop.over.site, scope)
        answer = caller.call(method, target)
        assert (answer.status == 403) == (scope not in {needed, KeyScope.ADMIN}), scope


def test_another_site_sees_and_pays_none_of_them(
    functions: Functions, shop: OverShop, invoice: int
) -> None:
    other = OverShop.at(functions, "co-transactions-other").over
    made = shop.over.create("/transaction", {"applied_to": [{"invoice_id": invoice}]})

    assert other.get("/transaction") == []
    other.refused("GET", f"/transaction/{made}", status=404)
    other.refused("POST", "/transaction", {"applied_to": [{"invoice_id": invoice}]})
