"""Invoices of the ChargeOver door: shown, listed, voided, and made of a package at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from postpaid.api.chargeover import invoice_reading
from postpaid.domain.api_key import KeyScope
from tests.support.functions import Answer, Functions
from tests.support.over import Over
from tests.support.over_shop import OverShop

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(functions: Functions) -> OverShop:
    """September 2015 of the seed article: 22 minutes on one day, 361 in all; then October."""
    shop = OverShop.at(functions, "co-invoices")
    shop.package()
    shop.package("seats", lines=[{"item_price_id": "seat", "quantity": "3"}])
    shop.advance("2015-09-20")
    shop.use("22", "2015-09-15")
    for day in range(1, 14):
        shop.use("26", f"2015-09-{day:02d}")
    shop.use("1", "2015-09-14")
    shop.advance("2015-10-02")
    return shop


@pytest.fixture(scope="module")
def september(shop: OverShop) -> dict[str, Any]:
    [row] = shop.over.get("/invoice?where=package_external_key:EQUALS:calls")
    found: dict[str, Any] = shop.over.get(f"/invoice/{row['invoice_id']}")
    return found


def test_the_seed_articles_month_comes_to_28_05_on_two_lines(
    shop: OverShop, september: dict[str, Any]
) -> None:
    base, usage = september["line_items"]
    package = shop.subscription()

    assert {name: september[name] for name in ("subtotal", "taxes", "total", "balance")} == {
        "subtotal": 28.05,
        "taxes": 0,
        "total": 28.05,
        "balance": 28.05,
    }
    assert [september[f"sum_{name}"] for name in ("base", "usage", "onetime")] == [10, 18.05, 0]
    assert [september[name] for name in ("credits", "payments", "applied", "writeoffs")] == [0] * 4
    assert (base["line_rate"], base["line_quantity"], base["line_usage"]) == (10, 1, 0)
    assert (usage["line_rate"], usage["line_quantity"], usage["line_usage"]) == (0.05, 361, 361)
    assert [(each["is_base"], each["is_usage"]) for each in (base, usage)] == [
        (True, False),
        (False, True),
    ]
    assert (base["descrip"], usage["descrip"]) == ("VoIP Service", "VoIP Service: 361 minute")
    for line in (base, usage):
        assert (line["is_setup"], line["is_free"], line["is_recurring"]) == (False, False, True)
        assert (line["is_taxed"], line["package_line_id"]) == ("0", package.lines[0].number)
        assert line["item_external_key"] == "voip"
    assert len({base["line_item_id"], usage["line_item_id"]}) == 2
    assert (september["package_id"], september["customer_external_key"]) == (
        package.number,
        "harbor",
    )


def test_an_invoice_is_dated_by_days_of_the_sites_zone(september: dict[str, Any]) -> None:
    assert {name: september[name] for name in september if name.startswith("cycle_")} == {
        "cycle_pre_from_date": "2015-10-01",
        "cycle_pre_to_date": "2015-10-31",
        "cycle_this_date": "2015-10-01",
        "cycle_post_from_date": "2015-09-01",
        "cycle_post_to_date": "2015-09-30",
    }
    assert (september["date"], september["due_date"]) == ("2015-10-01", "2015-10-31")
    assert (september["terms_name"], september["terms_days"]) == ("Net 30", 30)
    assert september["refnumber"] in {"INV-000002", "INV-000003"}
    assert september["bill_block"].splitlines() == ["Blue Harbor", "1 Pier", "Salem, MA"]
    assert september["write_datetime"].startswith("2015-10-01T00:00")


def test_a_list_has_no_lines_unless_they_are_asked_for(
    shop: OverShop, september: dict[str, Any]
) -> None:
    number = september["invoice_id"]

    [bare] = shop.over.get(f"/invoice?where=invoice_id:EQUALS:{number}")
    [whole] = shop.over.get(f"/invoice?where=invoice_id:EQUALS:{number}&expand=line_items")

    assert bare == {name: each for name, each in september.items() if name != "line_items"}
    assert whole == september


FOUND: list[tuple[str, list[str]]] = [
    ("", ["seats", "calls", "seats"]),
    ("where=package_external_key:EQUALS:seats", ["seats", "seats"]),
    ("where=customer_external_key:EQUALS:harbor&order=invoice_date:DESC&limit=1", ["calls"]),
    ("where=customer_external_key:EQUALS:nobody", []),
    (f"where=customer_external_key:EQUALS:{'x' * 3000}", []),
    (f"where=package_external_key:EQUALS:{'x' * 3000}", []),
    (f"where=external_key:EQUALS:{'x' * 3000}", []),
    ("where=customer_id:EQUALS:999999", []),
    ("where=package_id:EQUALS:999999", []),
    ("where=invoice_id:EQUALS:999999", []),
    ("where=refnumber:EQUALS:nothing", []),
    ("where=invoice_date:EQUALS:2015-09-01", ["seats"]),
    ("where=date:GT:2015-09-30&order=total:ASC", ["calls", "seats"]),
    ("where=invoice_status_str:EQUALS:open-overdue", ["seats"]),
    ("where=invoice_status_state:EQUALS:c", []),
    ("where=total:EQUALS:28.05", ["calls"]),
    ("where=is_overdue:EQUALS:0,total:LT:50", ["calls"]),
    ("where=line_items.item_external_key:EQUALS:voip", ["calls"]),
    ("where=mod_datetime:GTE:2015-10-01 00:00:00", ["calls", "seats"]),
]


@pytest.mark.parametrize(("query", "packages"), FOUND, ids=[row[0][:60] or "all" for row in FOUND])
def test_a_list_is_asked_by_what_invoices_say(
    shop: OverShop, september: dict[str, Any], query: str, packages: list[str]
) -> None:
    rows = shop.over.get(f"/invoice?{query.replace(' ', '%20')}")
    counted = shop.over.get(f"/invoice/_count?{query.replace(' ', '%20')}")

    assert sorted(row["package_external_key"] for row in rows) == sorted(packages)
    assert counted == (2 if "limit=1" in query else 0) + len(packages)
    assert all("line_items" not in row for row in rows)


def test_a_filter_on_lines_reads_so_many_documents_and_no_more(
    shop: OverShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoice_reading, "DOCUMENTS_MAX", 2)

    message = shop.over.refused("GET", "/invoice?where=line_items.item_id:EQUALS:1")

    assert message.startswith("what 2 invoices say is read at once: narrow it by a filter")


def test_a_recurring_line_has_its_rate_and_quantity(shop: OverShop) -> None:
    first, second = shop.invoices("seats")

    for invoice in (first, second):
        [line] = invoice["line_items"]
        assert (line["line_rate"], line["line_quantity"], line["line_usage"]) == (20, 3, 0)
        assert (line["is_base"], line["is_recurring"], line["line_total"]) == (True, True, 60)
    assert (first["cycle_post_from_date"], first["cycle_pre_from_date"]) == (None, "2015-09-01")
    assert second["cycle_post_to_date"] == "2015-09-30"
    assert (first["invoice_status_str"], first["days_overdue"]) == ("open-overdue", 1)


def test_an_invoice_that_is_pending_is_not_there(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-pending")
    shop.package(closing={"mode": "manual"})
    shop.advance("2015-10-02")
    shop.use("5", "2015-09-15")

    assert shop.over.get("/invoice") == []
    assert shop.over.get("/invoice/_count") == 0
    for number in range(1, 25):
        shop.over.refused("GET", f"/invoice/{number}", status=404)


@pytest.mark.parametrize(
    "target",
    [
        *("/invoice/999999", "/invoice/abc", "/invoice/external_key:x", "/invoice/external_key:"),
        f"/invoice/external_key:{'x' * 3000}",
    ],
)
def test_an_invoice_that_does_not_exist_is_missing(shop: OverShop, target: str) -> None:
    assert shop.over.refused("GET", target, status=404) == "This invoice does not exist."


# --- voided and downloaded


def test_a_void_invoice_keeps_its_total_and_owes_nothing(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-void")
    shop.package()
    shop.advance("2015-10-02")
    [before] = shop.invoices()
    target = f"/invoice/{before['invoice_id']}"

    assert shop.over.act(f"{target}?action=void") is True
    assert shop.over.act(f"{target}/_action/void", b'""') is True

    after = shop.over.get(target)
    assert (after["is_void"], after["is_paid"], after["balance"], after["total"]) == (
        True,
        True,
        0,
        10,
    )
    assert (after["invoice_status_name"], after["invoice_status_str"]) == ("Void", "closed-void")
    assert after["void_datetime"].startswith("2015-10-02T00:0")
    assert after["mod_datetime"] == after["void_datetime"]
    assert after["line_items"] == before["line_items"]


def test_a_document_is_linked_once_it_is_made(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-pdf")
    shop.package()
    shop.advance("2015-10-02")
    [row] = shop.invoices()
    assert row["url_pdflink"] is None

    link = _rendered(shop, row["external_key"])

    shown = shop.over.get(f"/invoice/{row['invoice_id']}")
    found = shop.over.act(f"/invoice/{row['invoice_id']}/_action/pdf")
    assert link in shown["url_pdflink"]
    assert link in found["url"]
    assert found.keys() == {"url", "expires_datetime"}


def _rendered(shop: OverShop, identifier: str) -> str:
    """Note a document, as the renderer does; return what its link has in it."""
    scope = shop.over.site.scope
    shop.over.functions.dynamodb.update_item(
        TableName=shop.over.functions.billing._name,
        Key={"pk": {"S": f"{scope.site}~1#invoice#{identifier}"}, "sk": {"S": "META"}},
        UpdateExpression="SET #r = :done, pdf_hash = :hash",
        ConditionExpression="#r = :pending",
        ExpressionAttributeNames={"#r": "r"},
        ExpressionAttributeValues={
            ":done": {"S": "DONE"},
            ":pending": {"S": "PENDING"},
            ":hash": {"S": "0" * 64},
        },
    )
    return f"{'0' * 64}.pdf"


# --- a package is invoiced at once


def test_a_package_is_invoiced_at_once_and_its_id_answered(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-now")
    number = shop.package()
    shop.advance("2015-09-20T12:00:00Z")
    shop.use("100", "2015-09-15")

    made = shop.over.act(f"/package/{number}?action=invoice")

    invoice = shop.over.get(f"/invoice/{made['id']}")
    # The base of a term that is cut comes with its rest, once.
    assert [line["line_total"] for line in invoice["line_items"]] == [5]
    assert (invoice["date"], invoice["cycle_post_to_date"]) == ("2015-09-20", "2015-09-20")
    shop.advance("2015-10-02")
    assert [each["total"] for each in shop.invoices()] == [5, 10]


def test_what_waits_for_its_close_comes_first(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-waits")
    number = shop.package(closing={"mode": "manual"})
    shop.advance("2015-10-05")
    shop.use("20", "2015-09-15")
    shop.use("40", "2015-10-02")
    target = f"/package/{number}/_action/invoice"

    first = shop.over.act(target)
    second = shop.over.act(target, {"date": "2015-10-05"})

    totals = [shop.over.get(f"/invoice/{each['id']}")["total"] for each in (first, second)]
    assert totals == [11, 2]


def test_a_package_with_nothing_to_invoice_is_left_as_it_is(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-nothing")
    number = shop.package()
    shop.advance("2015-09-20")
    before = shop.over.functions.written()

    message = shop.over.refused("POST", f"/package/{number}/_action/invoice")

    assert message == "This package has nothing to invoice yet: no invoice was made."
    assert shop.over.functions.written() == before
    shop.advance("2015-10-02")
    assert [each["total"] for each in shop.invoices()] == [10]


def test_a_new_package_with_recurring_lines_is_invoiced_in_advance(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-advance")
    lines = [{"item_price_id": "seat", "quantity": "2"}]
    number = shop.package("seats", lines=lines)

    made = shop.over.act(f"/billing_package/{number}?action=invoice", b"null")

    assert shop.over.get(f"/invoice/{made['id']}")["total"] == 40


def test_the_same_key_invoices_once(functions: Functions) -> None:
    shop = OverShop.at(functions, "co-once")
    number = shop.package(closing={"mode": "manual"})
    shop.advance("2015-10-05")
    shop.use("20", "2015-10-02")
    target, headers = f"/package/{number}/_action/invoice", {"idempotency-key": "monday"}

    first = shop.over.call("POST", target, headers=headers)
    again = shop.over.call("POST", target, headers=headers)
    other = shop.over.call("POST", target, {"date": "2015-10-05"}, headers=headers)

    assert first.status == again.status == 200
    assert first.json == again.json
    assert shop.over.get("/invoice/_count") == 1
    assert other.status == 400


def test_a_package_that_is_invoiced_several_times_at_once_has_one_invoice(
    functions: Functions,
) -> None:
    shop = OverShop.at(functions, "co-race")
    number = shop.package(closing={"mode": "manual"})
    shop.advance("2015-10-05")
    shop.use("20", "2015-09-15")
    together = threading.Barrier(4)

    def invoice(_: int) -> Answer:
        together.wait()
        while True:
            answer = shop.over.call("POST", f"/package/{number}/_action/invoice")
            if answer.status != 503:  # others came first every time: it is sent again
                return answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(invoice, range(4)))

    made = {each.json["response"]["id"] for each in answers if each.status == 200}
    assert {each.status for each in answers} <= {200, 400}
    assert len(made) == 1
    assert [each["total"] for each in shop.invoices()] == [11]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"date": "2015-10-03"}, "date: an invoice is dated on the day it is made"),
        ({"date": "NEXT_SCHEDULED_INVOICE"}, "date: the next scheduled invoice is made by itself"),
        ({"date": "soon"}, "date: must be a date or a time"),
        ({"when": "now"}, "when: is not a field that is known here"),
    ],
)
def test_a_package_is_invoiced_today_and_on_no_other_day(
    shop: OverShop, body: object, message: str
) -> None:
    number = shop.subscription().number
    before = shop.over.functions.written()

    refused = shop.over.refused("POST", f"/package/{number}/_action/invoice", body)

    assert refused.startswith(f"Missing or invalid parameter. {message}")
    assert shop.over.functions.written() == before


def test_a_package_that_does_not_exist_is_missing(shop: OverShop) -> None:
    for name in ("999999", "external_key:nobody"):
        message = shop.over.refused("POST", f"/package/{name}/_action/invoice", status=404)
        assert message == "This package does not exist."


# --- what is not served


@pytest.mark.parametrize(
    ("method", "target", "message"),
    [
        ("POST", "/invoice", "create(invoice, ). Invoices are made of packages"),
        ("PUT", "/invoice/5", "modify(invoice, 5). What an invoice says never changes"),
        ("DELETE", "/invoice/5", "delete(invoice, 5). What an invoice says never changes"),
        ("POST", "/invoice/5?action=email", "create(invoice, 5, _action, email). No e-mail"),
        ("POST", "/invoice/5/_action/print", "create(invoice, 5, _action, print). Nothing is"),
        ("POST", "/invoice/5/_action/pay", "create(invoice, 5, _action, pay). Nothing is coll"),
        ("POST", "/invoice/5/_action/approve", "create(invoice, 5, _action, approve). An invoice"),
        ("POST", "/invoice/5/_action/melt", "create(invoice, 5, _action, melt)"),
    ],
)
def test_what_is_not_done_to_invoices_is_said_with_the_reason(
    shop: OverShop, method: str, target: str, message: str
) -> None:
    refused = shop.over.refused(method, target, {"customer_id": 1})

    assert refused.startswith(f"The command requested is not supported: {message}")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        *(("POST", kind) for kind in ("creditcard", "ach", "tokenized", "quote", "coupon")),
        *(("POST", kind) for kind in ("_aggregate", "_config", "_chargeoverjs", "_resthook")),
        *(("GET", kind) for kind in ("user", "note", "taxgroup", "admin", "terms")),
        ("POST", "_report/5?action=reportData"),
    ],
)
def test_objects_that_are_not_here_are_refused_with_the_reason_and_not_stored(
    shop: OverShop, method: str, kind: str
) -> None:
    before = shop.over.functions.written()

    message = shop.over.refused(method, f"/{kind}", {"number": "4111111111111111"})

    assert message.startswith("The object type requested is not supported: ")
    assert message.endswith(".")
    assert shop.over.functions.written() == before


# --- who asks


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/invoice", KeyScope.READ),
        ("GET", "/invoice/_count", KeyScope.READ),
        ("GET", "/invoice/{invoice}", KeyScope.READ),
        ("POST", "/invoice/{other}/_action/pdf", KeyScope.READ),
        ("POST", "/invoice/{other}/_action/void", KeyScope.ADMIN),
        ("POST", "/package/{package}/_action/invoice", KeyScope.INVOICE_CLOSE),
    ],
)
def test_a_route_admits_those_with_its_scope_and_nobody_else(
    shop: OverShop, september: dict[str, Any], method: str, path: str, needed: KeyScope
) -> None:
    target = path.format(
        invoice=september["invoice_id"], other=999999, package=shop.subscription().number
    )

    for scope in KeyScope:
        caller = Over.on(shop.over.functions, shop.over.site, scope)
        answer = caller.call(method, target)
        assert (answer.status == 403) == (scope not in {needed, KeyScope.ADMIN}), scope


def test_another_site_sees_none_of_them(
    functions: Functions, shop: OverShop, september: dict[str, Any]
) -> None:
    other = OverShop.at(functions, "co-invoices-other").over
    number, package = september["invoice_id"], shop.subscription().number

    assert other.get("/invoice") == []
    for method, target in (
        ("GET", f"/invoice/{number}"),
        ("GET", f"/invoice/external_key:{september['external_key']}"),
        ("POST", f"/invoice/{number}/_action/void"),
        ("POST", f"/invoice/{number}/_action/pdf"),
        ("POST", f"/package/{package}/_action/invoice"),
    ):
        other.refused(method, target, status=404)
    assert shop.over.get(f"/invoice/{number}")["is_void"] is False
