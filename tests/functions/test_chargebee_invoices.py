"""Invoices at the Chargebee door: shown, listed, closed, voided, deleted, downloaded."""

from collections.abc import Iterator
from typing import Any

import pytest
from chargebee import Chargebee, InvalidRequestError

from postpaid.api.chargebee import invoice_lists
from postpaid.domain.api_key import KeyScope
from postpaid.runtime import waiting
from tests.support.chargebee import FORM, Door, refused, require_published
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.names import named
from tests.support.sdk import sdk_on
from tests.support.shop import SUBSCRIPTION, USAGE, Shop, open_shop

pytestmark = pytest.mark.engine

type Json = dict[str, Any]

OCTOBER_20 = 1792454400  # midnight UTC, the site's zone
KEY = {"chargebee-idempotency-key": "monday"}
WRONG, UNSUPPORTED = "param_wrong_value", "configuration_incompatible"
STATE = (409, "invalid_state_for_request", None)
RENDERER = "RenderInvoiceFunction"


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "bee-invoices")


@pytest.fixture(scope="module")
def door(shop: Shop) -> Door:
    return Door(shop.functions, shop.admin)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A subscription's id that is the test's own."""
    number = sum(place * ord(char) for place, char in enumerate(request.node.name, start=1))
    return f"sub-{number}"


@pytest.fixture
def pending(shop: Shop, name: str) -> str:
    """September of 361 minutes: 10.00 of base fee and 18.05; the native id of the invoice."""
    return september(shop, name)


@pytest.fixture
def issued(door: Door, pending: str) -> str:
    """The same, closed: its number."""
    closed = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]
    return str(closed["id"])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting takes no time; what was slept is noted."""
    slept: list[float] = []
    monkeypatch.setattr(waiting, "sleep", slept.append)
    return slept


def september(shop: Shop, name: str, quantity: str = "361", price: str = "voip-usd") -> str:
    lines = [{"item_price_id": price}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "lines": lines})
    if quantity:
        usage = USAGE | {"usage_date": "2026-09-15", "quantity": quantity}
        shop.must("POST", f"/v1/subscriptions/{name}/usages", usage)
    shop.work(name)
    [invoice] = shop.invoices(name)
    return str(invoice["id"])


def retrieved(door: Door, invoice: str, query: Json | None = None) -> Json:
    shown: Json = door.must(door.get(f"invoices/{invoice}", query))["invoice"]
    return shown


def listed(door: Door, query: Json, path: str = "invoices") -> list[Json]:
    """Return all of a list, page by page."""
    found: list[Json] = []
    offset: Json = {}
    for _ in range(50):
        page = door.must(door.get(path, query | offset))
        found += [each["invoice"] for each in page["list"]]
        if "next_offset" not in page:
            return found
        offset = {"offset": page["next_offset"]}
    raise AssertionError("the list does not end")


def ids_of(invoices: list[Json]) -> list[str]:
    return [each["id"] for each in invoices]


def render(functions: Functions) -> None:
    """Have all documents made that were asked for."""
    if messages := functions.messages("RenderQueue"):
        assert functions.invoke(RENDERER, sqs_event(messages)) == {"batchItemFailures": []}


def test_the_published_interface_was_there_to_check_against() -> None:
    assert len(require_published()["paths"]) > 30


# --- showing


def test_a_pending_invoice_is_shown_as_it_would_be_if_it_closed_now(
    shop: Shop, door: Door, pending: str, name: str
) -> None:
    shown = retrieved(door, f"draft_{pending}")

    assert shown["id"] == f"draft_{pending}"
    assert (shown["status"], shown["deleted"], shown["recurring"]) == ("pending", False, True)
    assert (shown["customer_id"], shown["subscription_id"]) == ("harbor", name)
    assert (shown["sub_total"], shown["tax"], shown["total"]) == (2805, 0, 2805)
    assert (shown["amount_due"], shown["amount_paid"], shown["amount_to_collect"]) == (
        2805,
        0,
        2805,
    )
    assert "generated_at" not in shown
    lines = [
        (line["description"], line["quantity"], line["amount"], line["metered"])
        for line in shown["line_items"]
    ]
    assert lines == [
        ("VoIP calls, base fee", 1, 1000, False),
        ("VoIP calls", 361, 1805, True),
    ]
    assert {line["entity_type"] for line in shown["line_items"]} == {"plan_item_price"}
    late = USAGE | {"usage_date": "2026-09-16", "quantity": "39"}
    shop.must("POST", f"/v1/subscriptions/{name}/usages", late)
    assert retrieved(door, f"draft_{pending}")["total"] == 3000


def test_a_setup_fee_is_a_line_and_its_price_shows_it_beside(
    shop: Shop, door: Door, name: str
) -> None:
    price = {"id": name, "item_id": "voip", "name": "VoIP calls", "currency": "USD"}
    price |= {"pricing_model": "per_unit", "unit_amount": "0.05", "setup_fee": "7.50"}
    assert shop.must("POST", "/v1/item-prices", price)["setup_fee"] == "7.5"

    invoice = september(shop, name, quantity="", price=name)

    [line] = retrieved(door, f"draft_{invoice}")["line_items"]
    shown = {each: line[each] for each in ("description", "pricing_model", "amount", "metered")}
    assert shown == {
        "description": "VoIP calls, setup fee",
        "pricing_model": "flat_fee",
        "amount": 750,
        "metered": False,
    }
    assert (line["quantity"], line["unit_amount"]) == (1, 750)
    found = door.must(door.get("item_prices", {"id[is]": name}))["list"]
    assert [each["item_price"]["setup_fee"] for each in found] == ["7.5"]
    changed = shop.must("PATCH", f"/v1/item-prices/{name}", {"setup_fee": None})
    assert (changed["setup_fee"], changed["version"]) == (None, 2)
    assert shop.must("GET", f"/v1/item-prices/{name}/versions/1")["setup_fee"] == "7.5"
    assert "setup_fee" not in door.must(door.get(f"item_prices/{name}"))["item_price"]


def test_a_setup_fee_is_not_said_with_a_subscription(door: Door) -> None:
    asked = {"subscription_items[item_price_id][0]": "voip-usd", "setup_fee": "750"}

    refusal = door.post("customers/harbor/subscription_for_items", asked)

    assert refused(refusal) == (400, UNSUPPORTED, "setup_fee")


def test_a_closed_invoice_has_its_number_and_is_found_by_both_ids(door: Door, pending: str) -> None:
    closed = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]

    assert closed["id"].startswith("INV-")
    assert (closed["status"], closed["total"], closed["amount_due"]) == ("payment_due", 2805, 2805)
    assert closed["date"] == OCTOBER_20
    assert OCTOBER_20 <= closed["generated_at"] <= closed["updated_at"]
    assert retrieved(door, closed["id"]) == closed == retrieved(door, f"draft_{pending}")
    [usage_line] = [line for line in closed["line_items"] if line["metered"]]
    assert usage_line["id"] == f"li_{pending.removeprefix('inv_')}_2"


NOT_THERE = ("INV-999999", "INV-0", "INV-" + "9" * 60, "draft_inv_nothing", "draft_", "inv_no")


@pytest.mark.parametrize("invoice", [*NOT_THERE, "x" * 3000, "draft_" + "x" * 3000, "draft_%C3%BC"])
def test_what_is_not_there_is_not_found(door: Door, invoice: str) -> None:
    answer = door.get(f"invoices/{invoice}")

    assert refused(answer) == (404, "resource_not_found", None)


def test_a_number_may_have_slashes_in_it(functions: Functions) -> None:
    shop = open_shop(functions, "bee-slashes")
    shop.must("PATCH", "/v1/site", {"number_prefix": "2026/A/"})
    door = Door(functions, shop.admin)
    pending = september(shop, "slashes")

    closed = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]

    assert closed["id"] == "2026/A/000001"
    # The published interface has no such paths; the SDKs send them all the same.
    path = "/api/v2/invoices/2026/A/000001"
    assert shop.must("GET", path)["invoice"] == closed
    voided = shop.must("POST", f"{path}/void", b"", headers={"content-type": FORM})["invoice"]
    assert (voided["id"], voided["status"]) == ("2026/A/000001", "voided")


def test_lines_come_in_pages(shop: Shop, door: Door, name: str) -> None:
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name})
    usages = f"/v1/subscriptions/{name}/usages"
    shop.must("POST", usages, USAGE | {"usage_date": "2026-09-15"})
    shop.work(name)
    pending = f"draft_{shop.invoices(name)[0]['id']}"
    whole = retrieved(door, pending)["line_items"]
    assert len(whole) == 3

    first = retrieved(door, pending, {"line_items_limit": 2})
    offset = first["line_items_next_offset"]
    second = retrieved(door, pending, {"line_items_limit": 2, "line_items_offset": offset})

    assert [*first["line_items"], *second["line_items"]] == whole
    assert "line_items_next_offset" not in second
    assert second["total"] == first["total"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"line_item[subscription_id][is]": "other"}, 0),
        ({"line_item[customer_id][is]": "harbor"}, 2),
        ({"line_item[customer_id][is]": "harbor", "line_item[subscription_id][is]": "no"}, 0),
    ],
)
def test_lines_are_of_one_subscription(door: Door, pending: str, query: Json, count: int) -> None:
    shown = retrieved(door, f"draft_{pending}", query)

    assert (len(shown["line_items"]), shown["total"]) == (count, 2805)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ({"line_items_limit": 0}, (400, WRONG, "line_items_limit")),
        ({"line_items_limit": 301}, (400, WRONG, "line_items_limit")),
        ({"line_items_limit": "many"}, (400, WRONG, "line_items_limit")),
        ({"line_items_offset": "x"}, (400, WRONG, "line_items_offset")),
        ({"line_item[id][is]": "x"}, (400, WRONG, "line_item[id][is]")),
        ({"colour": "red"}, (400, WRONG, "colour")),
    ],
)
def test_what_cannot_be_asked_of_an_invoice_is_refused_by_name(
    door: Door, pending: str, query: Json, answer: tuple[int, str, str]
) -> None:
    assert refused(door.get(f"invoices/draft_{pending}", query)) == answer


def test_payments_are_shown_with_the_invoice(shop: Shop, door: Door, pending: str) -> None:
    number = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]["id"]
    path = f"/v1/invoices/{pending}/payments"
    shop.must("POST", path, {"id": "wire-1", "amount": "20", "paid_on": "2026-10-19"})

    part = retrieved(door, number)
    shop.must("POST", path, {"id": "wire-2", "amount": "8.05", "paid_on": "2026-10-20"})
    paid = retrieved(door, number)

    assert (part["status"], part["amount_paid"], part["amount_due"]) == ("payment_due", 2000, 805)
    assert "paid_at" not in part
    assert (paid["status"], paid["amount_paid"], paid["amount_due"]) == ("paid", 2805, 0)
    assert paid["paid_at"] == OCTOBER_20
    amounts = [(each["txn_id"], each["applied_amount"]) for each in paid["linked_payments"]]
    assert amounts == [("wire-1", 2000), ("wire-2", 805)]
    assert paid["resource_version"] > part["resource_version"]


def test_an_invoice_is_posted_until_it_is_due(shop: Shop, door: Door, name: str) -> None:
    shop.must("POST", "/v1/customers", {"id": "later", "name": "Later", "payment_days": 14})
    lines = [{"item_price_id": "seat-usd"}]
    body = SUBSCRIPTION | {"id": name, "customer_id": "later", "lines": lines}
    shop.must("POST", "/v1/subscriptions", body)
    [opening] = shop.invoices(name)
    draft = retrieved(door, f"draft_{opening['id']}")
    assert (draft["net_term_days"], draft["total"]) == (14, 2000)
    assert "due_date" not in draft

    closed = door.must(door.post(f"invoices/draft_{opening['id']}/close"))["invoice"]

    assert (closed["status"], closed["net_term_days"]) == ("posted", 14)
    assert closed["due_date"] == OCTOBER_20 + 14 * 86400


def test_every_kind_of_line_is_shown(shop: Shop, door: Door, name: str) -> None:
    tiers = [{"up_to": "20", "unit_amount": "0"}, {"up_to": None, "unit_amount": "0.0125"}]
    price = {"id": "stepped", "item_id": "voip", "pricing_model": "tiered", "tiers": tiers}
    shop.must("POST", "/v1/item-prices", price)
    tax = {"inclusive": False, "rates": [{"name": "VAT", "percent": "19.5"}]}
    shop.must("POST", "/v1/customers", {"id": "taxed", "name": "Taxed", "tax": tax})
    lines = [{"item_price_id": "stepped"}, {"item_price_id": "seat-usd"}]
    body = SUBSCRIPTION | {"id": name, "customer_id": "taxed", "lines": lines}
    path = f"/v1/subscriptions/{name}"
    shop.must("POST", "/v1/subscriptions", body)
    usage = {"item_price_id": "stepped", "usage_date": "2026-09-15", "quantity": "30.5"}
    shop.must("POST", f"{path}/usages", usage)
    shop.work(name)
    native = shop.invoices(name)[0]["id"]
    door.must(door.post(f"invoices/draft_{native}/close"))
    shop.functions.messages("CloseQueue")
    shop.must("POST", f"{path}/usages", usage | {"usage_date": "2026-09-16", "quantity": "100"})
    for message in shop.functions.messages("CloseQueue"):
        shop.functions.invoke("CloseWorkerFunction", sqs_event([message]))
    shop.must("POST", f"{path}/cancel", {"at": "now", "credit_unused": True})
    last = shop.invoices(name)[0]["id"]

    first, last = (retrieved(door, f"draft_{each}") for each in (native, last))

    assert [row["quantity_used"] for row in first["line_item_tiers"]] == [20, 10]
    assert first["line_item_tiers"][1]["quantity_used_in_decimal"] == "10.5"
    assert (first["sub_total"], first["tax"], first["total"]) == (2013, 393, 2406)
    assert [row["tax_amount"] for row in first["line_item_taxes"]] == [3, 390]
    credit, late = last["line_items"]
    assert credit["description"] == "Seats, credit for unused time"
    assert credit["amount"] == credit["unit_amount"] < 0
    assert late["description"].endswith(", came or changed later")
    assert (late["amount"], late["metered"]) == (125, True)
    assert last["credit_granted"] > 0


# --- closing


def test_a_close_is_done_once_and_a_repeat_needs_a_key(door: Door, pending: str) -> None:
    closed = door.post(f"invoices/draft_{pending}/close", headers=KEY)
    again = door.post(f"invoices/draft_{pending}/close")

    assert closed.status == 200
    assert refused(again) == STATE
    repeated = door.post(f"invoices/draft_{pending}/close", headers=KEY)
    assert repeated.json == closed.json


def test_a_close_takes_what_asks_for_nothing(door: Door, pending: str) -> None:
    form = {
        "remove_general_note": "true",
        "notes_to_remove[entity_type][0]": "customer",
        "notes_to_remove[entity_id][0]": "harbor",
        "invoice_date": OCTOBER_20 + 60,
    }

    closed = door.must(door.post(f"invoices/draft_{pending}/close", form))["invoice"]

    assert (closed["date"], closed["notes"]) == (OCTOBER_20, [])


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ({"comment": "ok"}, (400, UNSUPPORTED, "comment")),
        ({"invoice_note": "n"}, (400, UNSUPPORTED, "invoice_note")),
        ({"invoice_date": OCTOBER_20 - 86400}, (400, UNSUPPORTED, "invoice_date")),
        ({"invoice_date": "soon"}, (400, WRONG, "invoice_date")),
        ({"remove_general_note": "yes"}, (400, WRONG, "remove_general_note")),
        (
            {"notes_to_remove[entity_type][0]": "planet"},
            (400, WRONG, "notes_to_remove[entity_type][0]"),
        ),
        ({"colour": "red"}, (400, WRONG, "colour")),
    ],
)
def test_a_close_that_asks_for_something_else_is_refused_and_closes_nothing(
    shop: Shop, door: Door, pending: str, form: Json, answer: tuple[int, str, str]
) -> None:
    writes = shop.functions.written()

    assert refused(door.post(f"invoices/draft_{pending}/close", form)) == answer
    assert shop.functions.written() == writes


def test_an_invoice_with_nothing_to_charge_is_not_closed_by_request(
    shop: Shop, door: Door, name: str
) -> None:
    empty = september(shop, name, quantity="", price="sms-usd")
    writes = shop.functions.written()

    answer = door.post(f"invoices/draft_{empty}/close")

    assert refused(answer) == STATE
    assert "nothing to charge" in answer.json["message"]
    assert shop.functions.written() == writes
    assert retrieved(door, f"draft_{empty}")["status"] == "pending"
    shop.must("POST", f"/v1/invoices/{empty}/close")
    skipped = retrieved(door, f"draft_{empty}")
    assert (skipped["deleted"], skipped["total"]) == (True, 0)
    assert f"draft_{empty}" not in ids_of(listed(door, {"subscription_id[is]": name}))
    with_it = listed(door, {"subscription_id[is]": name, "include_deleted": "true"})
    assert ids_of(with_it) == [f"draft_{empty}"]


def test_an_invoice_that_cannot_be_made_says_why(functions: Functions) -> None:
    shop = open_shop(functions, "bee-parked")
    door = Door(functions, shop.admin)
    pending = september(shop, "parked")
    shop.must("PATCH", "/v1/site", {"bounds": {"highest_totals": {"USD": "19.99"}}})

    answer = door.post(f"invoices/draft_{pending}/close")

    assert refused(answer) == STATE
    shown = retrieved(door, f"draft_{pending}")
    assert shown["status"] == "pending"
    assert [note["note"] for note in shown["notes"]] == [answer.json["message"]]
    synced = door.must(door.post(f"invoices/draft_{pending}/sync_usages"))["invoice"]
    assert synced == shown
    shop.must("PATCH", "/v1/site", {"bounds": {}})
    synced = door.must(door.post(f"invoices/draft_{pending}/sync_usages"))["invoice"]
    assert (synced["notes"], synced["total"]) == ([], 2805)
    assert door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]["total"] == 2805


def test_a_sync_takes_what_came_since(shop: Shop, door: Door, pending: str, name: str) -> None:
    late = USAGE | {"usage_date": "2026-09-16", "quantity": "39"}
    shop.must("POST", f"/v1/subscriptions/{name}/usages", late)

    synced = door.must(door.post(f"invoices/draft_{pending}/sync_usages"))["invoice"]

    assert (synced["status"], synced["total"]) == ("pending", 3000)
    number = door.must(door.post(f"invoices/draft_{pending}/close"))["invoice"]["id"]
    assert refused(door.post(f"invoices/{number}/sync_usages")) == STATE


# --- voiding, deleting


def test_a_voided_invoice_is_owed_no_more(door: Door, issued: str) -> None:
    form = {"void_reason_code": "Typo"}
    voided = door.must(door.post(f"invoices/{issued}/void", form, headers=KEY))

    shown = voided["invoice"]
    assert (shown["id"], shown["status"], shown["total"]) == (issued, "voided", 2805)
    assert (shown["amount_due"], shown["void_reason_code"]) == (0, "Typo")
    assert shown["voided_at"] == shown["updated_at"]
    assert retrieved(door, issued) == shown
    assert refused(door.post(f"invoices/{issued}/void")) == STATE
    assert door.post(f"invoices/{issued}/void", form, headers=KEY).json == voided


def test_a_comment_is_the_reason_where_there_is_no_other(door: Door, issued: str) -> None:
    both = {"comment": "a typing error", "void_reason_code": "Typo"}
    assert refused(door.post(f"invoices/{issued}/void", both)) == (400, UNSUPPORTED, "comment")
    long = door.post(f"invoices/{issued}/void", {"comment": "x" * 251})
    assert refused(long) == (400, WRONG, "comment")

    voided = door.must(door.post(f"invoices/{issued}/void", {"comment": "a typing error"}))

    assert voided["invoice"]["void_reason_code"] == "a typing error"


def test_a_pending_invoice_is_deleted_and_charges_nothing(
    door: Door, pending: str, name: str
) -> None:
    path = f"invoices/draft_{pending}"
    assert refused(door.post(f"{path}/void")) == STATE

    form = {"comment": "a test"}
    deleted = door.must(door.post(f"{path}/delete", form, headers=KEY))

    shown = deleted["invoice"]
    assert (shown["id"], shown["deleted"], shown["status"]) == (f"draft_{pending}", True, "pending")
    assert (shown["amount_due"], shown["amount_to_collect"]) == (0, 0)
    assert retrieved(door, f"draft_{pending}") == shown
    assert listed(door, {"subscription_id[is]": name}) == []
    query = {"subscription_id[is]": name, "include_deleted": "true"}
    assert listed(door, query) == [shown]
    for verb in ("close", "sync_usages", "void", "delete", "pdf", "add_charge_item"):
        assert refused(door.post(f"{path}/{verb}")) == STATE, verb
    assert door.post(f"{path}/delete", form, headers=KEY).json == deleted


def test_an_issued_invoice_is_not_deleted(door: Door, issued: str) -> None:
    answer = door.post(f"invoices/{issued}/delete")

    assert refused(answer) == STATE
    assert "void it instead" in answer.json["message"]


def test_a_charge_is_not_put_on_an_invoice(door: Door, pending: str) -> None:
    form = {"item_price[item_price_id]": "seat-usd", "item_price[quantity]": 1}

    answer = door.post(f"invoices/draft_{pending}/add_charge_item", form)

    assert refused(answer) == (400, UNSUPPORTED, "item_price[item_price_id]")


# --- documents


def test_a_document_is_waited_for_right_after_the_close(
    shop: Shop, door: Door, issued: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.functions.messages("RenderQueue")
    head = retrieved(door, issued)
    native = shop.invoices(head["subscription_id"])[0]["id"]
    message = f'{{"site":"bee-invoices","generation":1,"invoice_id":"{native}"}}'

    def sleep(_: float) -> None:
        answer = shop.functions.invoke(RENDERER, sqs_event([message]))
        assert answer == {"batchItemFailures": []}

    monkeypatch.setattr(waiting, "sleep", sleep)

    download = door.must(door.post(f"invoices/{issued}/pdf"))["download"]

    assert download["mime_type"] == "application/pdf"
    assert f"attachment%3B%20filename%3D%22{issued}.pdf" in download["download_url"]
    inline = door.post(f"invoices/{issued}/pdf", {"disposition_type": "inline"})
    assert "inline%3B" in inline.json["download"]["download_url"]
    wrong = door.post(f"invoices/{issued}/pdf", {"disposition_type": "loud"})
    assert refused(wrong) == (400, WRONG, "disposition_type")


def test_a_document_that_is_not_made_in_time_is_to_be_asked_for_again(
    door: Door, issued: str, at_once: list[float]
) -> None:
    answer = door.post(f"invoices/{issued}/pdf")

    assert refused(answer) == STATE
    assert answer.headers["retry-after"] == "1"
    assert len(at_once) > 3


def test_a_pending_invoice_has_no_document(door: Door, pending: str, at_once: list[float]) -> None:
    assert refused(door.post(f"invoices/draft_{pending}/pdf")) == STATE
    assert at_once == []


# --- lists


@pytest.fixture(scope="module")
def archive(functions: Functions) -> Door:
    """A site with four invoices: one pending, one issued, one paid, one voided."""
    shop = open_shop(functions, "bee-archive")
    door = Door(functions, shop.admin)
    shop.must("POST", "/v1/customers", {"id": "second", "name": "Second"})
    native = {}
    for index, name in enumerate(("waiting", "owed", "paid", "void"), start=1):
        native[name] = september(shop, name, quantity=str(100 * index))
    for name in ("owed", "paid", "void"):
        door.must(door.post(f"invoices/draft_{native[name]}/close"))
    shop.must("POST", f"/v1/invoices/{native['paid']}/payments", {"amount": "25"})
    door.must(door.post(f"invoices/draft_{native['void']}/void", {"void_reason_code": "typo"}))
    return door


EVERY = {"waiting", "owed", "paid", "void"}
FOUND: list[tuple[Json, set[str]]] = [
    ({"status[is]": "pending"}, {"waiting"}),
    ({"status[in]": "['paid', 'voided']"}, {"paid", "void"}),
    ({"status[not_in]": "[pending,voided]"}, {"owed", "paid"}),
    ({"subscription_id[is]": "owed"}, {"owed"}),
    ({"subscription_id[starts_with]": "wai"}, {"waiting"}),
    ({"customer_id[is]": "second"}, set()),
    ({"customer_id[is]": "harbor", "status[is]": "paid"}, {"paid"}),
    ({"total[gte]": 2000}, {"owed", "paid", "void"}),
    ({"total[between]": "[1500,2000]"}, {"waiting", "owed"}),
    ({"amount_due[gt]": 0}, {"waiting", "owed"}),
    ({"amount_paid[is]": 2500}, {"paid"}),
    ({"credits_applied[is]": 0, "amount_adjusted[is]": 0, "total[lt]": 2000}, {"waiting"}),
    (
        {"recurring[is]": "true", "price_type[is]": "tax_exclusive"},
        {"waiting", "owed", "paid", "void"},
    ),
    ({"recurring[is]": "false"}, set()),
    ({"void_reason_code[is]": "typo"}, {"void"}),
    ({"voided_at[is_present]": "false"}, {"waiting", "owed", "paid"}),
    ({"date[on]": OCTOBER_20}, EVERY),
    ({"date[before]": OCTOBER_20}, set()),
    ({"updated_at[after]": OCTOBER_20}, EVERY),
    ({"subscription_id[is]": "x" * 3000}, set()),
    ({"customer_id[is]": "x" * 3000}, set()),
    ({"id[in]": f"[{'x' * 3000},INV-000001]"}, {"owed"}),
    ({"dunning_status[is]": "in_progress"}, set()),
    ({"channel[is]": "web", "id[starts_with]": "INV-"}, {"owed", "paid", "void"}),
    ({"id[is]": "INV-000001"}, {"owed"}),
    ({"id[in]": "[INV-000002,INV-000001,nothing]", "status[is]": "paid"}, {"paid"}),
]


@pytest.mark.parametrize(("query", "names"), FOUND, ids=lambda part: named(part)[:50])
@pytest.mark.parametrize("paging", [{}, {"limit": 1}, {"sort_by[asc]": "updated_at", "limit": 1}])
def test_a_list_has_what_meets_all_filters(
    archive: Door, query: Json, names: set[str], paging: Json
) -> None:
    found = [each for each in listed(archive, query | paging) if each["subscription_id"] != "calls"]

    assert {each["subscription_id"] for each in found} == names
    assert len(found) == len(names), "nothing comes twice"


@pytest.mark.parametrize("attribute", ["date", "updated_at"])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_list_can_be_sorted(archive: Door, attribute: str, limit: int) -> None:
    rising = listed(archive, {"sort_by[asc]": attribute, "limit": limit})
    falling = listed(archive, {"sort_by[desc]": attribute, "limit": limit})

    assert rising == falling[::-1]
    values = [each[attribute] for each in rising]
    assert values == sorted(values)
    assert len(rising) == 5


@pytest.mark.parametrize(
    "query", [{}, {"sort_by[asc]": "date"}, {"subscription_id[is]": "owed", "limit": 1}]
)
def test_a_list_that_ends_with_its_page_has_no_next_one(archive: Door, query: Json) -> None:
    page = archive.must(archive.get("invoices", {"limit": 5} | query))

    assert len(page["list"]) in {1, 5}
    assert "next_offset" not in page


def test_an_invoice_in_a_list_is_the_invoice(archive: Door) -> None:
    for shown in listed(archive, {}):
        alone = retrieved(archive, shown["id"])
        for name in ("linked_payments", "paid_at"):
            alone.pop(name, None)
            shown.pop(name, None)
        assert shown == alone


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"paid_at[after]": 1}, "paid_at[after]"),
        ({"paid_on_after": 1}, "paid_on_after"),
        ({"payment_owner[is]": "x"}, "payment_owner[is]"),
        ({"einvoice[status][is]": "x"}, "einvoice[status][is]"),
        ({"total[starts_with]": "1"}, "total[starts_with]"),
        ({"sort_by[asc]": "total"}, "sort_by[asc]"),
        ({"colour[is]": "red"}, "colour[is]"),
        ({"offset": "x"}, "offset"),
    ],
)
def test_what_a_list_cannot_tell_is_refused_by_name(archive: Door, query: Json, param: str) -> None:
    status, _, named = refused(archive.get("invoices", query))

    assert (status, named) == (400, param)


def test_the_invoices_of_a_subscription_and_of_a_customer(archive: Door) -> None:
    own = listed(archive, {"limit": 1}, "subscriptions/owed/invoices")
    assert [each["id"] for each in own] == ["INV-000001"]
    of_customer = listed(archive, {"limit": 2}, "customers/harbor/invoices")
    assert ids_of(of_customer) == ids_of(listed(archive, {}, "customers/harbor/invoices"))
    assert sorted(ids_of(of_customer)) == sorted(ids_of(listed(archive, {})))
    assert listed(archive, {}, "customers/second/invoices") == []
    for path in ("subscriptions/nothing/invoices", "customers/nothing/invoices"):
        assert refused(archive.get(path)) == (404, "resource_not_found", None)
    assert refused(archive.get("customers/harbor/invoices", {"status[is]": "paid"}))[0] == 400


def test_a_page_ends_after_some_drafts_and_goes_on(functions: Functions) -> None:
    shop = open_shop(functions, "bee-drafts")
    door = Door(functions, shop.admin)
    native = [september(shop, f"draft-{n:02}", str(n)) for n in range(1, 13)]

    page = door.must(door.get("invoices", {"limit": 100}))

    assert len(page["list"]) == 10
    whole = listed(door, {"limit": 100})
    assert {f"draft_{each}" for each in native} <= set(ids_of(whole))
    assert len(whole) == len(set(ids_of(whole))) == 13
    # A filter that only a rating can answer costs as many.
    few = door.must(door.get("invoices", {"limit": 100, "total[is]": 1060}))
    assert len(few["list"]) <= 1
    assert "next_offset" in few
    assert len(listed(door, {"total[is]": 1060})) == 1


def test_a_page_ends_after_so_many_lines_and_goes_on(
    archive: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ids_of(listed(archive, {}))
    monkeypatch.setattr(invoice_lists, "ROWS_PER_PAGE_MAX", 3)

    page = archive.must(archive.get("invoices"))

    assert len(page["list"]) == 2
    assert ids_of(listed(archive, {})) == whole


# --- who may, and the SDK itself


@pytest.mark.parametrize(
    ("verb", "scope", "may"),
    [
        ("close", KeyScope.READ, False),
        ("sync_usages", KeyScope.READ, False),
        ("void", KeyScope.INVOICE_CLOSE, False),
        ("delete", KeyScope.INVOICE_CLOSE, False),
        ("sync_usages", KeyScope.INVOICE_CLOSE, True),
        ("close", KeyScope.INVOICE_CLOSE, True),
    ],
)
def test_a_key_does_what_its_scope_says(
    shop: Shop, door: Door, pending: str, verb: str, scope: KeyScope, *, may: bool
) -> None:
    answer = door.post(f"invoices/draft_{pending}/{verb}", key=shop.new_key(scope))

    if may:
        assert answer.status == 200
    else:
        assert refused(answer) == (403, "api_authorization_failed", None)


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Chargebee]:
    with sdk_on(shop.functions, shop.admin) as cb:
        yield cb


def test_the_sdk_reads_what_it_knows(sdk: Chargebee, pending: str, at_once: list[float]) -> None:
    draft = sdk.Invoice.retrieve(f"draft_{pending}").invoice
    assert draft.line_items[1].metered is True
    assert sdk.Invoice.sync_usages(draft.id).invoice.total == 2805
    number = sdk.Invoice.close(draft.id).invoice.id
    found = sdk.Invoice.list({"id": {"in": [number]}, "status": {"is": "payment_due"}})
    assert [each.invoice.id for each in found.list] == [number]
    assert sdk.Invoice.invoices_for_customer("harbor", {"limit": 1}).next_offset
    with pytest.raises(InvalidRequestError) as refusal:
        sdk.Invoice.pdf(number)
    assert refusal.value.api_error_code == "invalid_state_for_request"
    assert sdk.Invoice.void_invoice(number, {"comment": "x"}).invoice.status == "voided"
