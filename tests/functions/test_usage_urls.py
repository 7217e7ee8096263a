"""Usage URLs over the native door and through the queues, asked of a server on loopback."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from postpaid.application.due_terms import Due
from postpaid.domain.api_key import KeyScope
from postpaid.domain.instants import instant_from_text
from postpaid.domain.usage_url import USAGE_URL_LENGTH_MAX, USAGE_URLS_LENGTH_MAX
from postpaid.outbound import queue
from postpaid.outbound.usage_url import UsageUrls
from postpaid.runtime.clock import milliseconds
from postpaid.store import keys
from postpaid.store.site_secrets import StoredSiteSecrets
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.questions import Server, http, serving
from tests.support.shop import CALLS_PRICE, Shop, bare_shop, stocked_shop

pytestmark = pytest.mark.engine

PULLER, WORKER = "PullUsageFunction", "CloseWorkerFunction"
AT_ONCE, MANUAL = {"mode": "auto", "after_hours": 0}, {"mode": "manual"}
TOKEN = "/v1/usage-url-token"
URL = "https://usage.example.com/minutes"
GOOD = http(b'{"line_items": [{"usage_ammount": 361}]}')


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return stocked_shop(functions, "usage-urls")


@pytest.fixture(autouse=True)
def nothing_asked_for(functions: Functions) -> Iterator[None]:
    for name in ("PullQueue", "CloseQueue"):
        functions.messages(name)
    yield
    for name in ("PullQueue", "CloseQueue"):
        functions.messages(name)


def subscription(name: str, url: str | None = URL, **more: Any) -> dict[str, Any]:
    line = {"id": "minutes", "item_price_id": "voip-usd", "usage_url": url}
    body = {"id": name, "customer_id": "harbor", "start": "2026-09-01", "closing": AT_ONCE}
    return body | {"lines": [line]} | more


def work(shop: Shop, name: str) -> None:
    """Have a worker look at September, the pullers ask, and the worker hear of it."""
    shop.work(name)
    deliver(shop.functions)


def allow(monkeypatch: pytest.MonkeyPatch, functions: Functions, server: Server) -> None:
    """Tell the functions of a test host, as the template's one parameter does."""
    hosts = frozenset({server.host})
    asking = UsageUrls(milliseconds, test_hosts=hosts)
    monkeypatch.setattr(functions.modules[PULLER], "usage_urls", asking)
    door = functions.modules["NativeApiFunction"]
    monkeypatch.setattr(door, "control", replace(door.control, test_hosts=hosts))


# --- over the native door


def test_a_line_is_created_and_shown_with_its_usage_url(shop: Shop) -> None:
    made = shop.must("POST", "/v1/subscriptions", subscription("shown"))

    assert made["lines"][0]["usage_url"] == URL
    assert shop.must("GET", "/v1/subscriptions/shown")["lines"][0]["usage_url"] == URL
    assert shop.call("POST", "/v1/subscriptions", subscription("shown")).status == 200


def test_a_usage_url_is_set_changed_and_taken_away(shop: Shop) -> None:
    shop.must("POST", "/v1/subscriptions", subscription("set", None))
    path = "/v1/subscriptions/set"

    versions = []
    for url in (URL, f"{URL}/2", None, None):
        changed = shop.must("PATCH", path, {"usage_urls": {"minutes": url}})
        assert changed["lines"][0]["usage_url"] == url
        versions.append(changed["version"])

    assert versions == [2, 3, 4, 5]
    refused = shop.call("PATCH", path, {"usage_urls": None})
    assert (refused.code, refused.json["field"]) == ("invalid_field", "usage_urls")


def test_a_patch_leaves_the_urls_of_other_lines_as_they_are(shop: Shop) -> None:
    lines = [
        {"id": "minutes", "item_price_id": "voip-usd", "usage_url": URL},
        {"id": "texts", "item_price_id": "sms-usd"},
    ]
    shop.must("POST", "/v1/subscriptions", subscription("two-lines", lines=lines))

    urls = {"usage_urls": {"texts": f"{URL}/texts"}}
    changed = shop.must("PATCH", "/v1/subscriptions/two-lines", urls)

    assert [line["usage_url"] for line in changed["lines"]] == [URL, f"{URL}/texts"]


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("http://usage.example.com/", "must begin with https://"),
        ("https://127.0.0.1/", "must name its host by a domain name"),
        ("https://key@usage.example.com/", "must have no user name"),
        ("https://usage.example.com/" + "a" * USAGE_URL_LENGTH_MAX, "must be a URL of at most"),
        ("", "must be a URL of at most"),
        (5, "Input should be a valid string"),
    ],
)
def test_a_url_that_is_none_is_refused_by_name(shop: Shop, url: object, detail: str) -> None:
    made = shop.call("POST", "/v1/subscriptions", subscription("refused", url))  # type: ignore[arg-type]
    shop.call("POST", "/v1/subscriptions", subscription("kept", None))
    urls = {"usage_urls": {"minutes": url}}
    changed = shop.call("PATCH", "/v1/subscriptions/kept", urls)

    assert (made.status, made.code, made.json["field"]) == (
        422,
        "invalid_field",
        "lines[0].usage_url",
    )
    assert made.json["detail"].startswith(detail)
    assert (changed.status, changed.json["field"]) == (422, "usage_urls.minutes")
    assert shop.call("GET", "/v1/subscriptions/refused").status == 404


def test_a_url_goes_on_a_metered_line_that_is_there(shop: Shop) -> None:
    seats = {"item_price_id": "seat-usd", "id": "seats", "usage_url": URL}
    made = shop.call("POST", "/v1/subscriptions", subscription("seats", lines=[seats]))
    lines = [{"item_price_id": "seat-usd", "id": "seats"}]
    shop.must("POST", "/v1/subscriptions", subscription("seated", lines=lines))

    answers = {
        name: shop.call("PATCH", "/v1/subscriptions/seated", {"usage_urls": {name: URL}})
        for name in ("seats", "nobody")
    }

    assert (made.code, made.json["field"]) == ("not_metered", "lines[0].usage_url")
    assert {name: (each.code, each.json["field"]) for name, each in answers.items()} == {
        "seats": ("not_metered", "usage_urls.seats"),
        "nobody": ("line_not_found", "usage_urls.nobody"),
    }


def test_the_urls_of_a_subscription_have_room_for_so_much(shop: Shop) -> None:
    count = USAGE_URLS_LENGTH_MAX // USAGE_URL_LENGTH_MAX + 1
    long = URL + "/" * (USAGE_URL_LENGTH_MAX - len(URL))
    lines = [
        {"id": f"line{n}", "item_price_id": "voip-usd", "usage_url": long} for n in range(count)
    ]

    refused = shop.call("POST", "/v1/subscriptions", subscription("long", lines=lines))
    shop.must("POST", "/v1/subscriptions", subscription("fits", lines=lines[:-1]))

    assert (refused.code, refused.json["field"]) == ("limit_exceeded", "lines")


def test_a_close_is_refused_until_the_url_has_answered(shop: Shop) -> None:
    shop.must("POST", "/v1/subscriptions", subscription("by-hand", closing=MANUAL))
    shop.work("by-hand")
    [head] = shop.invoices("by-hand")
    path = f"/v1/invoices/{head['id']}/close"

    refused = shop.call("POST", path)

    assert (refused.status, refused.code) == (409, "usage_url_unanswered")
    assert refused.json["line_ids"] == ["minutes"]
    assert shop.functions.messages("PullQueue") == []
    closed = shop.must("POST", path, {"without_usage_urls": True})
    assert closed["status"] == "issued"
    assert shop.call("POST", path).status == 200


def test_invoice_now_is_refused_unless_it_leaves_the_url_out(shop: Shop) -> None:
    shop.must("POST", "/v1/subscriptions", subscription("now", start="2026-10-01"))
    path = "/v1/subscriptions/now/invoice-now"

    refused = shop.call("POST", path)
    shown = shop.must("GET", "/v1/subscriptions/now")
    made = shop.call("POST", path, {"without_usage_urls": True})

    assert (refused.status, refused.code) == (409, "usage_url_unanswered")
    assert shown["current_term"]["start"] == "2026-10-01T00:00:00Z"
    assert (made.status, made.json["status"]) == (201, "issued")


# --- the whole road


def test_a_term_closes_with_what_a_server_answers_asked_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(GOOD) as server:
        allow(monkeypatch, shop.functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("road", server.url))
        for _ in range(3):
            work(shop, "road")
        requests = [*server.requests]

    [request] = requests
    asked = json.loads(request.partition(b"\r\n\r\n")[2])
    assert asked["this_line_item"]["external_key"] == "minutes"
    assert asked["from_datetime"] == "2026-09-01T00:00:00+00:00"
    assert asked["to_datetime"] == "2026-09-30T23:59:59+00:00"
    [head] = shop.invoices("road")
    assert (head["status"], head["total"]) == ("issued", "28.05")
    [usage] = shop.must("GET", "/v1/subscriptions/road/usages?start=2026-09-01")["data"]
    assert (usage["quantity"], usage["source"]) == ("361", "usage_url")
    assert usage["usage_date"] == "2026-09-30T23:59:59Z"
    assert CALLS_PRICE["base_fee"] == "10.00"


def deliver(functions: Functions) -> None:
    """Have the pullers ask what they were asked for, and the worker hear of it."""
    for queue_name, function in (("PullQueue", PULLER), ("CloseQueue", WORKER)):
        for message in functions.messages(queue_name):
            assert functions.invoke(function, sqs_event([message])) == {"batchItemFailures": []}


def test_what_is_sent_has_the_token_that_an_admin_reads(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = (stocked_shop(functions, f"usage-urls-{name}") for name in ("known", "new"))
    token = shop.must("GET", TOKEN)["security_token"]
    with serving(GOOD) as server:
        allow(monkeypatch, functions, server)
        for each in (shop, other):
            each.must("POST", "/v1/subscriptions", subscription("told", server.url))
            work(each, "told")
        requests = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in server.requests]

    assert [each["security_token"] for each in requests] == [token, None]
    assert StoredSiteSecrets(functions.billing).get("usage-urls-new") is None


def test_a_site_s_token_is_made_once_and_is_another_on_each_site(functions: Functions) -> None:
    shop, other = (bare_shop(functions, f"usage-urls-{name}") for name in ("first", "second"))

    first = shop.must("GET", TOKEN)
    made = shop.must("POST", "/v1/api-keys", {"scopes": ["admin"]})
    again = shop.call("GET", TOKEN, key=made["key"]).json

    assert first == again
    assert [*first] == ["security_token"]
    assert re.fullmatch("[0-9a-f]{32}", first["security_token"])
    assert other.must("GET", TOKEN) != first
    assert first["security_token"] != made["chargeover"]["private_key"]


def test_who_is_no_admin_neither_reads_a_token_nor_has_one_made(functions: Functions) -> None:
    shop = bare_shop(functions, "usage-urls-refused")
    others = [shop.new_key(scope) for scope in KeyScope if scope is not KeyScope.ADMIN]

    answers = [shop.call("GET", TOKEN, key=key) for key in others]

    assert {(each.status, each.code) for each in answers} == {(403, "forbidden")}
    assert StoredSiteSecrets(functions.billing).get("usage-urls-refused") is None


def test_a_refresh_has_the_url_of_an_invoice_asked_that_is_closed_by_hand(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(GOOD) as server:
        allow(monkeypatch, shop.functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("hand", server.url, closing=MANUAL))
        work(shop, "hand")
        path = f"/v1/invoices/{shop.invoices('hand')[0]['id']}"
        assert server.requests == []
        assert shop.must("POST", f"{path}/sync")["total"] == "10.00"
        deliver(shop.functions)
        assert len(server.requests) == 1

    assert shop.must("GET", path)["status"] == "pending"
    assert shop.must("POST", f"{path}/close")["total"] == "28.05"


def test_a_clock_that_is_moved_on_has_urls_asked_and_does_not_wait(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = stocked_shop(functions, "usage-urls-clock")
    with serving(GOOD) as server:
        allow(monkeypatch, functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("on", server.url, start="2026-10-01"))
        moved = shop.must("POST", "/v1/test-clock/advance", {"to": "2026-11-10"})
        [head] = shop.invoices("on")
        assert (moved["done"], head["status"], head["parked"]) == (True, "pending", None)
        deliver(functions)
        assert len(server.requests) == 1

    [head] = shop.invoices("on")
    assert (head["status"], head["total"], head["issued_on"]) == ("issued", "28.05", "2026-11-10")


def test_messages_that_come_again_change_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = shop.functions
    with serving(GOOD) as server:
        allow(monkeypatch, functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("twice", server.url))
        shop.work("twice")
        [asked] = functions.messages("PullQueue")
        functions.invoke(PULLER, sqs_event([asked, asked]))
        reports = functions.messages("CloseQueue")
        functions.invoke(WORKER, sqs_event(reports))
        before = functions.billing_items(), functions.usage_items()
        functions.invoke(PULLER, sqs_event([asked]))
        functions.invoke(WORKER, sqs_event(reports))
        assert len(server.requests) == 1

    assert len(reports) == 2
    assert (functions.billing_items(), functions.usage_items()) == before
    [head] = shop.invoices("twice")
    assert head["total"] == "28.05"


@pytest.mark.parametrize(
    "answer",
    [
        http(b"{}", status="500 Internal Server Error"),
        http(b"<html>", kind="text/html"),
        http(b'{"line_items": [{"usage_amount": -1}]}'),
        b"HTTP/1.1 302 Found\r\nLocation: https://usage.example.com/\r\n\r\n",
        b"",
    ],
    ids=["an error", "a page", "less than nothing", "a redirect", "nothing"],
)
def test_a_wrong_answer_bills_nothing_and_is_asked_for_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, answer: bytes, request: pytest.FixtureRequest
) -> None:
    name = f"wrong-{request.node.callspec.id.replace(' ', '-')}"
    with serving(answer) as server:
        allow(monkeypatch, shop.functions, server)
        shop.must("POST", "/v1/subscriptions", subscription(name, server.url))
        work(shop, name)
        shop.work(name)  # it is not due by now

    assert shop.functions.messages("PullQueue") == []
    [head] = shop.invoices(name)
    assert (head["status"], head["parked"]) == ("pending", None)
    term = _term(shop, name)
    assert term["unanswered"]["S"].startswith("the usage URL of line 'minutes' ")
    assert term["due_at"]["S"] > "2026-10-20T12:04"


def test_one_customer_s_trouble_delays_no_other_in_a_batch(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-35."""
    functions = shop.functions
    with serving(GOOD) as server:
        allow(monkeypatch, functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("sound", server.url))
        shop.work("sound")
        [asked] = functions.messages("PullQueue")
        odd = sqs_event(['{"pull": ["usage-urls~1#subscription#nobody"]}', asked, "{}"])
        answer = functions.invoke(PULLER, odd)

    assert len(answer["batchItemFailures"]) == 2
    [report] = functions.messages("CloseQueue")
    assert json.loads(report)["answered"] == ["minutes"]


def test_a_generation_that_was_left_is_not_asked_about(shop: Shop) -> None:
    term = keys.term(
        replace(shop.site.scope, generation=7), "old", instant_from_text("2026-09-01T00:00:00Z")
    )
    asked = json.dumps(queue.pull_message(Due(*term)))

    answer = shop.functions.invoke(PULLER, sqs_event([asked]))

    assert answer == {"batchItemFailures": []}
    assert shop.functions.messages("CloseQueue") == []


def test_an_answer_that_comes_too_late_is_billed_with_the_next_invoice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = shop.functions

    def close_first(connection: Any) -> None:
        path = f"/v1/invoices/{shop.invoices('late')[0]['id']}/close"
        shop.must("POST", path, {"without_usage_urls": True})
        connection.sendall(GOOD)

    with serving(close_first) as server:
        allow(monkeypatch, functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("late", server.url))
        work(shop, "late")

    [late] = [
        each
        for each in shop.must("GET", "/v1/late-usages")["data"]
        if each["subscription_id"] == "late"
    ]
    assert (late["amount"], late["invoice_id"]) == ("18.05", None)


def test_the_chargebee_door_says_where_it_came_from_in_its_own_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(GOOD) as server:
        allow(monkeypatch, shop.functions, server)
        shop.must("POST", "/v1/subscriptions", subscription("bee", server.url))
        work(shop, "bee")

    path = "/api/v2/usages?subscription_id%5Bis%5D=bee&usage_date%5Bafter%5D=1788220800"
    listed = shop.call("GET", path)

    assert [each["usage"]["source"] for each in listed.json["list"]] == ["bulk_operation"]


def _term(shop: Shop, name: str) -> dict[str, Any]:
    pk = f"{shop.site.scope.site}~1#subscription#{name}"
    [term] = [
        item
        for item in shop.functions.billing_items()
        if item["pk"]["S"] == pk and item["sk"]["S"] == "TERM#2026-09-01T00:00:00Z"
    ]
    return term
