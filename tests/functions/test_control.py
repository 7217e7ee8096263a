"""The control plane as a client uses it: make, read, list, change, close."""

import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pypdf
import pytest
from botocore.exceptions import EndpointConnectionError

from postpaid.domain.api_key import KeyScope
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import (
    CALLS,
    CALLS_PRICE,
    CUSTOMER,
    SEATS,
    SEATS_PRICE,
    SUBSCRIPTION,
    TEXTS,
    TEXTS_PRICE,
    USAGE,
    USAGES,
    Shop,
    bare_shop,
    open_shop,
)

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "control-plane")


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        *(("items", body) for body in (CALLS, TEXTS, SEATS)),
        *(("item-prices", body) for body in (CALLS_PRICE, TEXTS_PRICE, SEATS_PRICE)),
        ("customers", CUSTOMER),
        ("subscriptions", SUBSCRIPTION),
    ],
    ids=lambda value: value if isinstance(value, str) else value["id"],
)
def test_creating_a_thing_again_shows_it_and_writes_nothing(
    shop: Shop, collection: str, body: dict[str, Any]
) -> None:
    before = shop.functions.written()

    again = shop.call("POST", f"/v1/{collection}", body)
    shown = shop.call("GET", f"/v1/{collection}/{body['id']}")

    assert (again.status, shown.status) == (200, 200)
    assert again.json == shown.json
    assert again.json["integer_id"] > 0
    assert shop.functions.written() == before


def test_a_thing_without_an_id_is_given_one(shop: Shop) -> None:
    made = [
        shop.must("POST", "/v1/customers", {"name": "Somebody"})["id"],
        shop.must("POST", "/v1/items", {"name": "Something"})["id"],
        shop.must("POST", "/v1/item-prices", {k: v for k, v in SEATS_PRICE.items() if k != "id"})[
            "id"
        ],
    ]

    assert [each.split("_")[0] for each in made] == ["cus", "item", "price"]
    assert all(len(each) > 20 for each in made)


def test_what_is_made_is_shown_as_it_was_said(shop: Shop) -> None:
    item = shop.must("GET", "/v1/items/voip")
    price = shop.must("GET", "/v1/item-prices/voip-usd")
    customer = shop.must("GET", "/v1/customers/harbor")
    subscription = shop.must("GET", "/v1/subscriptions/calls")

    assert item.items() >= {"unit": "minute", "metered": True, "recording": "one_per_date"}.items()
    assert (price["unit_amount"], price["base_fee"], price["currency"]) == ("0.05", "10", "USD")
    assert (customer["name"], customer["email"]) == (CUSTOMER["name"], CUSTOMER["email"])
    assert subscription["start"] == "2026-09-01T04:00:00Z"
    assert [line["id"] for line in subscription["lines"]] == ["voip-usd", "texts", "seat-usd"]
    assert subscription["closing"] == {"mode": "manual", "after_hours": 0}


def test_a_list_is_walked_by_its_cursors_newest_first(functions: Functions) -> None:
    shop = bare_shop(functions, "control-lists")
    names = [f"customer-{n}" for n in range(7)]
    for name in names:
        shop.must("POST", "/v1/customers", {"id": name, "name": name})

    pages = []
    target = "/v1/customers?limit=3"
    while True:
        page = shop.must("GET", target)
        pages.append([each["id"] for each in page["data"]])
        if page["next_cursor"] is None:
            break
        target = f"/v1/customers?limit=3&cursor={page['next_cursor']}"

    assert [len(page) for page in pages] == [3, 3, 1]
    shown = [name for page in pages for name in page]
    assert sorted(shown) == names
    created = [shop.must("GET", f"/v1/customers/{name}")["created_at"] for name in shown]
    assert created == sorted(created, reverse=True)


def test_usages_are_listed_by_date_line_and_price(functions: Functions) -> None:
    shop = open_shop(functions, "control-usages")
    for day in (3, 1, 2):
        shop.must("POST", USAGES, USAGE | {"usage_date": f"2026-10-0{day}"})
        text = {"line_id": "texts", "usage_date": f"2026-10-0{day}", "quantity": "1", "id": "t"}
        shop.must("POST", USAGES, text)

    def days(query: str) -> list[str]:
        shown = shop.must("GET", f"{USAGES}?{query}")["data"]
        return [each["usage_date"][8:10] for each in shown]

    assert days("") == ["01", "01", "02", "02", "03", "03"]
    assert days("line_id=texts") == ["01", "02", "03"]
    assert days("item_price_id=voip-usd") == ["01", "02", "03"]
    # The start is included, the end is not; both are days of the subscription's zone.
    assert days("line_id=texts&start=2026-10-02&end=2026-10-03") == ["02"]
    assert days("line_id=texts&start=2026-10-02T04:00:01Z") == ["03"]
    assert days("line_id=nothing") == []
    first = shop.must("GET", f"{USAGES}?limit=4")
    rest = shop.must("GET", f"{USAGES}?limit=4&cursor={first['next_cursor']}")
    assert (len(first["data"]), len(rest["data"]), rest["next_cursor"]) == (4, 2, None)


ODD_IDS = [
    "a b",
    "50%",
    "100%25",
    "a%2Fb",
    "a#b",
    "a~b",
    "a+b",
    'say "hi"',
    "a\\b",
    "a?b&c=d",
    "a;b",
    "<b>",
    "{}",
    "a'b",
    "x" * 100,
    "#~%" * 33,
    "-",
    "...",
]


@pytest.mark.parametrize("odd", ODD_IDS)
def test_an_id_of_odd_characters_finds_its_own_thing(shop: Shop, odd: str) -> None:
    at = quote(odd, safe="")
    shop.must("POST", "/v1/items", {"id": odd, "name": odd, "metered": True})
    shop.must("POST", "/v1/item-prices", CALLS_PRICE | {"id": odd, "item_id": odd})
    shop.must("POST", "/v1/customers", {"id": odd, "name": odd})
    lines = [{"item_price_id": odd, "id": odd}]
    subscription = {"id": odd, "customer_id": odd, "start": "2026-09-01", "lines": lines}
    shop.must("POST", "/v1/subscriptions", subscription)

    usage = shop.must("POST", f"/v1/subscriptions/{at}/usages", USAGE | {"item_price_id": odd})

    for collection in ("items", "item-prices", "customers", "subscriptions"):
        assert shop.must("GET", f"/v1/{collection}/{at}")["id"] == odd
    assert shop.must("GET", f"/v1/subscriptions/{at}/usages/{usage['id']}")["line_id"] == odd
    assert len(shop.must("GET", f"/v1/subscriptions/{at}/usages?line_id={at}")["data"]) == 1
    assert shop.must("DELETE", f"/v1/subscriptions/{at}/usages/{usage['id']}")["deleted"] is True


def test_a_site_is_changed_one_setting_at_a_time(functions: Functions) -> None:
    shop = bare_shop(functions, "control-site")
    before = shop.must("GET", "/v1/site")
    seller = {"name": "Northwind", "address": ["1 Harbour Road"], "tax_id": "US-1"}

    for change, shown in (
        ({"timezone": "Asia/Kathmandu"}, {"timezone": "Asia/Kathmandu"}),
        ({"currency": "JPY"}, {"currency": "JPY"}),
        ({"number_prefix": ""}, {"number_prefix": ""}),
        ({"closing": {"mode": "manual"}}, {"closing": {"mode": "manual", "after_hours": 0}}),
        ({"seller": seller}, {"seller": seller | {"email": None}}),
        ({"aggregation": "max"}, {"aggregation": "max"}),
        ({"tax_rounding": "total"}, {"tax_rounding": "total"}),
    ):
        before |= shown
        assert shop.must("PATCH", "/v1/site", change) == before
        assert shop.must("GET", "/v1/site") == before


def test_a_key_is_shown_once_and_works_until_it_is_revoked(shop: Shop) -> None:
    made = shop.must("POST", "/v1/api-keys", {"scopes": ["read"], "label": "reports"})

    assert made["key"].startswith("pp_test_")
    assert shop.call("GET", "/v1/items", key=made["key"]).status == 200
    listed = {key["id"]: key for key in shop.must("GET", "/v1/api-keys")["data"]}
    assert listed[made["id"]] == {
        name: value for name, value in made.items() if name not in {"key", "chargeover"}
    }
    assert made["chargeover"]["public_key"] == made["id"]
    for secret in (made["key"].split("_")[3], made["chargeover"]["private_key"]):
        assert secret not in str(listed)

    revoked = shop.must("DELETE", f"/v1/api-keys/{made['id']}")
    again = shop.must("DELETE", f"/v1/api-keys/{made['id']}")

    assert revoked["revoked_at"] is not None
    assert again == revoked


def test_a_live_site_makes_live_keys(functions: Functions) -> None:
    shop = bare_shop(functions, "control-live-keys", clock=None)

    made = shop.must("POST", "/v1/api-keys", {"scopes": ["read"]})

    assert made["key"].startswith("pp_live_")
    assert made["test"] is False
    assert shop.call("GET", "/v1/site", key=made["key"]).status == 200


def test_an_invoice_goes_from_pending_to_a_page_on_request(functions: Functions) -> None:
    shop = open_shop(functions, "control-invoices")
    shop.must("POST", USAGES, USAGE | {"usage_date": "2026-09-15", "quantity": "361"})
    shop.work()
    ended, opening = shop.invoices()
    assert (ended["status"], ended["total"], ended["number"]) == ("pending", None, None)

    draft = shop.must("GET", f"/v1/invoices/{ended['id']}")
    assert (draft["status"], draft["total"]) == ("pending", "48.05")
    # Usage still counts while the invoice is pending.
    shop.must("POST", USAGES, USAGE | {"usage_date": "2026-09-16", "quantity": "20"})

    closed = shop.must("POST", f"/v1/invoices/{ended['id']}/close")
    first = [closed, shop.must("POST", f"/v1/invoices/{ended['id']}/close")]
    other = shop.must("POST", f"/v1/invoices/{opening['id']}/close", {})

    assert first[0] == first[1] == shop.must("GET", f"/v1/invoices/{ended['id']}")
    assert (closed["number"], other["number"]) == ("INV-000001", "INV-000002")
    assert (closed["status"], closed["total"], closed["issued_on"]) == (
        "issued",
        "49.05",
        "2026-10-20",
    )
    assert [(line["kind"], line["quantity"], line["amount"]) for line in closed["lines"]] == [
        ("base_fee", None, "10.00"),
        ("usage", "381", "19.05"),
        ("recurring", "1", "20.00"),
    ]
    assert closed["period"] == {"start": "2026-09-01T04:00:00Z", "end": "2026-10-01T04:00:00Z"}
    assert closed["document"] == "pending"
    for target in ("/v1/invoices", "/v1/customers/harbor/invoices"):
        assert {each["id"] for each in shop.must("GET", target)["data"]} == {
            ended["id"],
            opening["id"],
        }


def test_a_rendered_invoice_is_fetched_by_a_link_that_needs_no_key(functions: Functions) -> None:
    shop = open_shop(functions, "control-pdf")
    [opening] = shop.invoices()
    shop.must("POST", f"/v1/invoices/{opening['id']}/close")
    not_yet = shop.call("GET", f"/v1/invoices/{opening['id']}/pdf")
    check_refusal(not_yet, status=409, code="pdf_not_ready", said=None, secrets=[])
    message = f'{{"site":"control-pdf","generation":1,"invoice_id":"{opening["id"]}"}}'
    functions.invoke("RenderInvoiceFunction", sqs_event([message]))

    link = shop.must("GET", f"/v1/invoices/{opening['id']}/pdf")

    assert (link["media_type"], link["expires_in_seconds"]) == ("application/pdf", 300)
    assert "X-Amz-Expires=300" in link["url"]
    assert shop.admin not in link["url"]
    key = link["url"].partition("?")[0].partition(f"/{functions.bucket}/")[2]
    stored = functions.s3.get_object(Bucket=functions.bucket, Key=key)["Body"].read()
    text = pypdf.PdfReader(io.BytesIO(stored)).pages[0].extract_text()
    assert "INV-000001" in text
    assert "Blue Harbor" in text


def test_a_closing_policy_reaches_what_is_pending(functions: Functions) -> None:
    shop = open_shop(functions, "control-policy")
    shop.work()
    [pending, _] = shop.invoices()

    shop.must("PATCH", "/v1/subscriptions/calls", {"closing": {"mode": "auto", "after_hours": 1}})
    shop.work()

    assert shop.must("GET", f"/v1/invoices/{pending['id']}")["status"] == "issued"


def test_a_new_opening_invoice_is_asked_for_at_once(functions: Functions) -> None:
    functions.messages("CloseQueue")
    shop = open_shop(functions, "control-opening")
    [opening] = shop.invoices()

    [message] = functions.messages("CloseQueue")
    functions.invoke("CloseWorkerFunction", sqs_event([message]))

    assert shop.must("GET", f"/v1/invoices/{opening['id']}")["status"] == "issued"


def test_a_queue_that_fails_does_not_fail_the_subscription(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = functions.client_of("NativeApiFunction", "sqs")

    def send_message(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(client, "send_message", send_message)

    shop = open_shop(functions, "control-queue")

    assert shop.must("GET", "/v1/subscriptions/calls")["id"] == "calls"


def test_storage_that_does_not_answer_is_said_to_be_unavailable(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = shop.functions.client_of("NativeApiFunction")
    real = client.transact_write_items

    def transact_write_items(**request: Any) -> None:
        real(**request)
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    customer = {"id": "lost", "name": "Lost"}
    with monkeypatch.context() as patch:
        patch.setattr(client, "transact_write_items", transact_write_items)
        lost = shop.call("POST", "/v1/customers", customer)
    again = shop.call("POST", "/v1/customers", customer)

    secrets = shop.functions.internals()
    check_refusal(lost, status=503, code="temporarily_unavailable", said=None, secrets=secrets)
    assert again.status == 200


def test_a_subscription_may_start_later_and_has_no_term_yet(functions: Functions) -> None:
    shop = open_shop(functions, "control-later")
    later = SUBSCRIPTION | {"id": "later", "start": "2026-12-01"}

    made = shop.must("POST", "/v1/subscriptions", later)

    assert made["current_term"] is None
    assert [each["status"] for each in shop.invoices("later")] == ["pending"]
    refused = shop.call("POST", "/v1/subscriptions/later/usages", USAGE)
    assert refused.code == "usage_date_out_of_range"


def test_a_scope_is_enough_for_what_it_is_for(shop: Shop) -> None:
    writer = shop.new_key(KeyScope.USAGE_WRITE)
    body = USAGE | {"usage_date": "2026-10-18"}

    made = shop.call("POST", USAGES, body, key=writer)

    assert made.status == 201
    assert shop.call("GET", USAGES, key=writer).code == "forbidden"
    assert shop.call("GET", "/v1/customers/harbor", key=writer).code == "forbidden"
    assert datetime.fromisoformat(made.json["recorded_at"]) > datetime(2026, 10, 20, tzinfo=UTC)


def test_a_test_clock_moves_on_and_its_invoices_are_there(functions: Functions) -> None:
    shop = open_shop(functions, "time-machine")
    shop.must("PATCH", "/v1/subscriptions/calls", {"closing": {"mode": "auto"}})
    shop.must("POST", USAGES, USAGE)

    moved = shop.call("POST", "/v1/test-clock/advance", {"to": "2026-11-02"})

    assert (moved.status, moved.json) == (200, {"now": "2026-11-02T00:00:00Z", "done": True})
    statuses = [each["status"] for each in shop.invoices()]
    assert statuses == ["issued"] * 3, "the opening one, September and October"
    assert shop.must("GET", "/v1/subscriptions/calls")["current_term"]["start"] == (
        "2026-11-01T04:00:00Z"
    )
    back = shop.call("POST", "/v1/test-clock/advance", {"to": "2026-10-01"})
    check_refusal(back, status=422, code="invalid_field", said="to", secrets=[shop.admin])


def test_a_live_site_has_no_clock_to_move(functions: Functions) -> None:
    shop = bare_shop(functions, "live-clock", clock=None)

    answer = shop.call("POST", "/v1/test-clock/advance", {"to": "2099-01-01"})

    check_refusal(answer, status=409, code="live_site", said=None, secrets=[shop.admin])
