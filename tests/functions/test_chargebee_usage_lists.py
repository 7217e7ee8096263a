"""Reading usages at the Chargebee door: one, lists of all subscriptions, and their document."""

import json
from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from postpaid.domain.instants import instant_from_text
from tests.support.chargebee import Door, refused
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.shop import SUBSCRIPTION, Shop, stocked_shop

pytestmark = pytest.mark.engine

OCTOBER_1 = 1790812800  # midnight UTC; in New York it is still September
SEPTEMBER_15 = OCTOBER_1 - 16 * 86400
DAY = 86400


class Books:
    """A site with subscriptions a, b and c; what a used in September is invoiced."""

    def __init__(self, functions: Functions) -> None:
        self.shop = stocked_shop(functions, "bee-lists")
        self.door = Door(functions, self.shop.admin)
        for name in ("a", "b", "c", "idle"):
            self.shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name})
        for n in range(3):
            self.record("a", SEPTEMBER_15 + n * DAY, id=f"sep-{n}")
        self.gone = self.record("a", SEPTEMBER_15 + 7 * DAY)
        self.delete("a", self.gone["id"])
        self.shop.work("a")
        head = self.shop.invoices("a")[0]["id"]
        self.closed = self.shop.must("POST", f"/v1/invoices/{head}/close")
        for n in range(4):
            self.record("a", OCTOBER_1 + n * DAY, str(n + 1), note="oct")
        for n in range(4):
            self.record("b", OCTOBER_1 + n * DAY, str(10 + n), id=f"b-{n}")
        events = [
            {"line_id": "texts", "usage_date": "2026-10-02T00:00:00Z", "quantity": "1", "id": each}
            for each in ("e1", "e2")
        ]
        for event in events:
            self.shop.must("POST", "/v1/subscriptions/c/usages", event)

    def record(self, subscription: str, at: int, quantity: str = "5", **more: str) -> Any:
        form = {"item_price_id": "voip-usd", "usage_date": at, "quantity": quantity} | more
        path = f"subscriptions/{subscription}/usages"
        return self.door.must(self.door.post(path, form))["usage"]

    def delete(self, subscription: str, usage_id: str) -> None:
        path = f"subscriptions/{subscription}/delete_usage"
        self.door.must(self.door.post(path, {"id": usage_id}))

    def all(self, **query: object) -> list[dict[str, Any]]:
        """List all pages of what a query asks."""
        found: list[dict[str, Any]] = []
        asked = {
            name.replace("__", "[", 1) + "]" if "__" in name else name: value
            for name, value in query.items()
        }
        for _ in range(100):
            page = self.door.must(self.door.get("usages", asked))
            found += [each["usage"] for each in page["list"]]
            assert len(page["list"]) <= int(str(asked.get("limit", 10)))
            if "next_offset" not in page:
                return found
            asked["offset"] = page["next_offset"]
        raise AssertionError("the list has no end")

    def brief(self, **query: object) -> list[tuple[str, int]]:
        return [(each["subscription_id"], brief_date(each)) for each in self.all(**query)]


def brief_date(usage: dict[str, Any]) -> int:
    return int((usage["usage_date"] - OCTOBER_1) // DAY)


@pytest.fixture(scope="module")
def books(functions: Functions) -> Books:
    return Books(functions)


@pytest.fixture(scope="module")
def door(books: Books) -> Door:
    return books.door


OF_C = [("c", 1), ("c", 1)]
OF_B = [("b", n) for n in range(4)]
IN_SEPTEMBER = [("a", n) for n in (-16, -15, -14)]
OF_A = [*IN_SEPTEMBER, *(("a", n) for n in range(4))]


# --- one


def test_a_usage_is_found_by_its_own_id_and_by_ours(books: Books, door: Door) -> None:
    [own] = books.all(id__is="b-1")
    [ours] = [each for each in books.all(subscription_id__is="a") if brief_date(each) == 2]

    assert door.must(door.get("subscriptions/b/usages", {"id": "b-1"}))["usage"] == own
    shown = door.must(door.get("subscriptions/a/usages", {"id": ours["id"]}))["usage"]
    assert shown == ours
    assert (shown["quantity"], shown["note"]) == ("3", "oct")
    assert "billing" not in shown


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("subscriptions/a/usages", {"id": "b-1"}, (404, "resource_not_found", None)),
        ("subscriptions/b/usages", {"id": "nobody"}, (404, "resource_not_found", None)),
        ("subscriptions/nobody/usages", {"id": "b-1"}, (404, "resource_not_found", None)),
        ("subscriptions/b/usages", {"id": "usage_AAAA"}, (404, "resource_not_found", None)),
        ("subscriptions/b/usages", {}, (400, "param_wrong_value", "id")),
        ("subscriptions/b/usages", {"id": ""}, (400, "param_wrong_value", "id")),
        ("subscriptions/b/usages", {"id": "a/b"}, (400, "param_wrong_value", "id")),
        ("subscriptions/b/usages", {"id": "é"}, (400, "param_wrong_value", "id")),
        ("subscriptions/b/usages", {"id": "b-1", "x": "y"}, (400, "param_wrong_value", "x")),
    ],
    ids=str,
)
def test_what_is_not_there_is_not_found(
    door: Door, path: str, query: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    assert refused(door.get(path, query)) == expected


def test_a_deleted_usage_is_not_found_and_not_listed(books: Books, door: Door) -> None:
    missing = (404, "resource_not_found", None)
    assert refused(door.get("subscriptions/a/usages", {"id": books.gone["id"]})) == missing
    assert books.all(id__is=books.gone["id"]) == []


def test_an_event_of_the_native_door_has_an_id_of_its_own(books: Books, door: Door) -> None:
    events = books.all(subscription_id__is="c")

    assert len({each["id"] for each in events}) == 2
    for each in events:
        found = door.must(door.get("subscriptions/c/usages", {"id": each["id"]}))["usage"]
        assert found == each


# --- invoices


def test_an_invoiced_usage_says_so_by_the_ids_of_its_invoice(books: Books, door: Door) -> None:
    number = books.closed["number"]
    invoice = door.must(door.get(f"invoices/{number}"))["invoice"]
    lines = {each["id"] for each in invoice["line_items"] if each.get("entity_id") == "voip-usd"}

    for usage in books.all(subscription_id__is="a"):
        if brief_date(usage) < 0:
            assert usage["invoice_id"] == number
            assert usage["line_item_id"] in lines
        else:
            assert "invoice_id" not in usage


def test_usages_of_an_invoice_are_found_by_any_of_its_ids(books: Books) -> None:
    number, draft = books.closed["number"], f"draft_{books.closed['id']}"

    assert books.brief(invoice_id__is=number) == IN_SEPTEMBER
    assert books.brief(invoice_id__is=draft) == IN_SEPTEMBER
    assert books.brief(invoice_id__in=f"['nope', '{draft}']") == IN_SEPTEMBER
    assert books.brief(invoice_id__is=number, subscription_id__is="b") == []
    assert books.brief(invoice_id__is="nope") == []
    assert books.brief(invoice_id__starts_with=number[:3]) == IN_SEPTEMBER
    assert books.brief(invoice_id__is_present="true") == IN_SEPTEMBER
    rest = [*OF_C, *OF_B, *OF_A[3:]]
    assert books.brief(invoice_id__is_present="false") == rest
    assert books.brief(invoice_id__is_not=number) == rest


def test_a_voided_invoice_lets_go_of_its_usages(functions: Functions) -> None:
    shop = stocked_shop(functions, "bee-voided")
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "v"})
    door = Door(functions, shop.admin)
    form = {"item_price_id": "voip-usd", "usage_date": SEPTEMBER_15, "quantity": "5"}
    door.must(door.post("subscriptions/v/usages", form))
    shop.work("v")
    invoice = shop.must("POST", f"/v1/invoices/{shop.invoices('v')[0]['id']}/close")
    [billed] = door.must(door.get("usages"))["list"]
    shop.must("POST", f"/v1/invoices/{invoice['id']}/void", {})

    [free] = door.must(door.get("usages"))["list"]

    assert billed["usage"]["invoice_id"] == invoice["number"]
    assert "invoice_id" not in free["usage"]


# --- lists


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 13, 100])
def test_pages_add_up_to_all_there_is_and_the_last_says_so(books: Books, limit: int) -> None:
    assert books.brief(limit=limit) == [*OF_C, *OF_B, *OF_A]


FILTERS: dict[str, tuple[dict[str, object], list[tuple[str, int]]]] = {
    "none": ({}, [*OF_C, *OF_B, *OF_A]),
    "a subscription": ({"subscription_id__is": "b"}, OF_B),
    "two, in this order": ({"subscription_id__in": "['a', 'b']"}, [*OF_A, *OF_B]),
    "as the specification writes them": ({"subscription_id__in": "[a,b]"}, [*OF_A, *OF_B]),
    "as JSON": ({"subscription_id__in": '["a", "b"]'}, [*OF_A, *OF_B]),
    "none of these": ({"subscription_id__not_in": "[a,b]"}, OF_C),
    "not one": ({"subscription_id__is_not": "a"}, [*OF_C, *OF_B]),
    "nobody's": ({"subscription_id__is": "nobody"}, []),
    "a beginning": ({"subscription_id__starts_with": "b"}, OF_B),
    "a price": ({"item_price_id__is": "sms-usd"}, OF_C),
    "a price nobody has": ({"item_price_id__is": "nope"}, []),
    "after": ({"usage_date__after": OCTOBER_1 + DAY}, [*OF_B[2:], *OF_A[5:]]),
    "before": ({"usage_date__before": OCTOBER_1}, IN_SEPTEMBER),
    "between": (
        {"usage_date__between": f"['{OCTOBER_1}', '{OCTOBER_1 + DAY}']"},
        [*OF_C, *OF_B[:2], *OF_A[3:5]],
    ),
    "between numbers": (
        {"usage_date__between": f"[{OCTOBER_1 + DAY}, {OCTOBER_1 + DAY}]"},
        [*OF_C, OF_B[1], OF_A[4]],
    ),
    "nothing is between": ({"usage_date__between": f"[{OCTOBER_1 + DAY},{OCTOBER_1}]"}, []),
    "on a day": ({"usage_date__on": OCTOBER_1 + 7200}, [OF_B[0], OF_A[3]]),
    "two at once": (
        {"usage_date__after": OCTOBER_1, "subscription_id__is": "b"},
        OF_B[1:],
    ),
    "updated before all": ({"updated_at__before": OCTOBER_1}, []),
    "updated since": ({"updated_at__after": OCTOBER_1}, [*OF_C, *OF_B, *OF_A]),
    "a source": ({"source__in": "['api', 'bulk_operation']"}, [*OF_C, *OF_B, *OF_A]),
    "another source": ({"source__is": "admin_console"}, []),
    "an id": ({"id__is": "b-2"}, [("b", 2)]),
    "ids": ({"id__in": "[b-2,b-0,nope]"}, [("b", 0), ("b", 2)]),
    "an id in a subscription": ({"id__is": "b-2", "subscription_id__is": "b"}, [("b", 2)]),
    "an id in another": ({"id__is": "b-2", "subscription_id__is": "a"}, []),
    "a beginning of ids": ({"id__starts_with": "b-"}, OF_B),
    "not an id": ({"id__is_not": "b-1", "subscription_id__is": "b"}, [OF_B[0], *OF_B[2:]]),
    "an id that is none": ({"id__is": "a/b"}, []),
    "far away": ({"usage_date__after": 99999999999}, []),
    "long ago": ({"usage_date__before": 1}, []),
}


@pytest.mark.parametrize("case", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("limit", [2, 10])
def test_a_filter_leaves_what_meets_it(
    books: Books, case: tuple[dict[str, object], list[tuple[str, int]]], limit: int
) -> None:
    query, expected = case

    assert books.brief(limit=limit, **query) == expected


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_page_that_ends_early_goes_on_behind_what_it_looked_at(
    books: Books, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    lists = "postpaid.api.chargebee.usage_lists"
    monkeypatch.setattr(f"{lists}._CHUNK", chunk)
    monkeypatch.setattr(f"{lists}._LOOKS_MAX", 1)

    assert books.brief(id__starts_with="b-") == OF_B
    assert books.brief(invoice_id__is_present="true") == IN_SEPTEMBER
    assert books.brief(source__is="admin_console") == []
    assert books.brief(limit=3, usage_date__after=OCTOBER_1) == [*OF_C, *OF_B[1:], *OF_A[4:]]


def test_our_ids_are_found_whatever_subscription_they_are_of(books: Books) -> None:
    all_of_them = books.all(limit=100)
    ours = [each for each in all_of_them if each["id"].startswith("usage_")]
    assert len(ours) == 6

    for each in ours:
        assert books.all(id__is=each["id"]) == [each]
        assert books.all(id__is=each["id"], subscription_id__is=each["subscription_id"]) == [each]
    several = json.dumps([ours[0]["id"], "b-3", ours[-1]["id"]])
    found = books.all(id__in=several)
    assert [each["id"] for each in found] == [ours[0]["id"], "b-3", ours[-1]["id"]]


RISING = sorted([*OF_C, *OF_B, *OF_A], key=lambda each: each[1])


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_all_are_sorted_by_date_either_way(books: Books, limit: int) -> None:
    rising = books.brief(limit=limit, sort_by__asc="usage_date")
    falling = books.brief(limit=limit, sort_by__desc="usage_date")

    assert [n for _, n in rising] == [n for _, n in RISING]
    assert falling == rising[::-1]
    assert sorted(rising) == sorted(RISING)


@pytest.mark.parametrize("limit", [2, 100])
def test_one_subscription_is_sorted_too(books: Books, limit: int) -> None:
    assert books.brief(limit=limit, subscription_id__is="a", sort_by__asc="usage_date") == OF_A
    falling = books.brief(limit=limit, subscription_id__is="a", sort_by__desc="usage_date")
    assert falling == OF_A[::-1]


def test_by_update_they_come_as_they_were_written(books: Books) -> None:
    rising = books.all(limit=2, sort_by__asc="updated_at")
    falling = books.all(limit=3, sort_by__desc="updated_at")

    stamps = [each["updated_at"] for each in rising]
    assert stamps == sorted(stamps)
    assert falling == rising[::-1]
    assert len(rising) == len(RISING)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"offset": "x"}, "offset"),
        ({"sort_by[asc]": "quantity"}, "sort_by[asc]"),
        ({"quantity[is]": "5"}, "quantity[is]"),
        ({"id": "b-1"}, "id"),
        ({"usage_date[is]": "5"}, "usage_date[is]"),
        ({"usage_date[after]": "yesterday"}, "usage_date[after]"),
        ({"usage_date[between]": "[1]"}, "usage_date[between]"),
        ({"subscription_id[in]": "a,b"}, "subscription_id[in]"),
        ({"subscription_id[is]": ""}, "subscription_id[is]"),
    ],
    ids=str,
)
def test_a_query_that_cannot_be_meant_is_refused_by_its_name(
    door: Door, query: dict[str, str], param: str
) -> None:
    answer = door.get("usages", query)

    assert refused(answer)[0] == 400
    assert refused(answer)[2] == param


def test_an_offset_is_of_its_list_only(books: Books, door: Door) -> None:
    first = door.must(door.get("usages", {"limit": 1}))["next_offset"]
    by_date = door.must(door.get("usages", {"limit": 1, "sort_by[desc]": "usage_date"}))

    for query in (
        {"offset": first, "subscription_id[is]": "a"},
        {"offset": first, "sort_by[desc]": "usage_date"},
        {"offset": by_date["next_offset"]},
    ):
        assert refused(door.get("usages", query))[2] == "offset"
    assert door.get("usages", {"offset": first, "limit": 3}).status == 200


def test_what_would_be_too_much_to_sort_is_refused_with_the_way_out(
    books: Books, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = "postpaid.api.chargebee.usage_lists"
    monkeypatch.setattr(f"{lists}._LOOKS_TO_SORT_MAX", 0)

    answer = door.get("usages", {"sort_by[desc]": "usage_date"})

    assert refused(answer) == (400, "resource_limit_exceeded", "sort_by")
    assert "filter" in answer.json["message"]


def test_nobody_sees_the_usages_of_another_site(functions: Functions, door: Door) -> None:
    elsewhere = functions.new_key(functions.new_site("bee-lists-2", clock=CLOCK))

    assert door.get("usages", key=elsewhere).json == {"list": []}
    assert door.get("usages", {"id[is]": "b-1"}, key=elsewhere).json == {"list": []}
    assert door.get("subscriptions/b/usages", {"id": "b-1"}, key=elsewhere).status == 404


CLOCK = instant_from_text("2026-10-20T12:00:00Z")


def test_usages_are_read_by_who_may(books: Books, door: Door) -> None:
    reader = books.shop.new_key(KeyScope.USAGE_READ)
    writer = books.shop.new_key(KeyScope.USAGE_WRITE)

    assert door.get("usages", key=reader).status == 200
    assert door.get("subscriptions/b/usages", {"id": "b-1"}, key=reader).status == 200
    assert door.get("usages", key=writer).status == 403


# --- their document


def render(shop: Shop) -> None:
    functions = shop.functions
    for body in functions.messages("RenderQueue"):
        answer = functions.invoke("RenderInvoiceFunction", sqs_event([body]))
        assert answer == {"batchItemFailures": []}


@pytest.mark.parametrize("disposition", [None, "attachment", "inline"])
def test_the_document_of_an_invoice_s_usages_is_waited_for(
    books: Books, door: Door, monkeypatch: pytest.MonkeyPatch, disposition: str | None
) -> None:
    monkeypatch.setattr("postpaid.runtime.waiting.sleep", lambda _: render(books.shop))
    form = {"invoice[id]": books.closed["number"]}
    if disposition is not None:
        form["disposition_type"] = disposition

    found = door.must(door.post("usages/pdf", form))["download"]

    assert found["mime_type"] == "application/pdf"
    assert found["valid_till"] > OCTOBER_1
    shown = "inline" if disposition == "inline" else "attachment"
    assert f"response-content-disposition={shown}" in found["download_url"].lower()
    assert found["object"] == "download"


def test_a_pending_invoice_has_one_too(
    books: Books, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postpaid.runtime.waiting.sleep", lambda _: render(books.shop))
    books.shop.work("b")
    pending = books.shop.invoices("b")[0]["id"]

    assert door.post("usages/pdf", {"invoice[id]": f"draft_{pending}"}).status == 200


def test_one_that_is_not_made_in_time_is_to_be_asked_for_again(
    books: Books, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postpaid.runtime.waiting.sleep", lambda _: None)
    books.shop.work("c")
    pending = books.shop.invoices("c")[0]["id"]

    answer = door.post("usages/pdf", {"invoice[id]": f"draft_{pending}"})

    assert refused(answer) == (409, "invalid_state_for_request", None)
    assert answer.headers["retry-after"] == "1"
    assert len(books.shop.functions.messages("RenderQueue")) >= 1


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, (400, "param_wrong_value", "invoice[id]")),
        ({"invoice[id]": ""}, (400, "param_wrong_value", "invoice[id]")),
        ({"invoice[id]": "nope"}, (404, "resource_not_found", None)),
        ({"invoice": "INV-000001"}, (400, "param_wrong_value", "invoice")),
        (
            {"invoice[id]": "x", "disposition_type": "print"},
            (400, "param_wrong_value", "disposition_type"),
        ),
        ({"invoice[id]": "x", "colour": "red"}, (400, "param_wrong_value", "colour")),
    ],
    ids=str,
)
def test_a_document_of_nothing_is_refused(
    door: Door, form: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    assert refused(door.post("usages/pdf", form)) == expected
