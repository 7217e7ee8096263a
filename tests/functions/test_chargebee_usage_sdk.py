"""Usages by Chargebee's own SDK: the calls that its users make, as it writes them."""

from collections.abc import Iterator
from typing import Any

import pytest
from chargebee import APIError, Chargebee, DedupeOption, Filters, InvalidRequestError
from chargebee.api_error import OperationFailedError

from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.sdk import sdk_on
from tests.support.shop import SUBSCRIPTION, Shop, open_shop

pytestmark = pytest.mark.engine

OCTOBER_1 = 1790812800
SEPTEMBER_15 = OCTOBER_1 - 16 * 86400


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    shop = open_shop(functions, "bee-sdk-usages")
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "it's"})
    return shop


@pytest.fixture(scope="module")
def cb(shop: Shop) -> Iterator[Chargebee]:
    with sdk_on(shop.functions, shop.admin) as sdk:
        yield sdk


def a_usage(second: int, **more: Any) -> dict[str, Any]:
    date = OCTOBER_1 + second
    return {"item_price_id": "voip-usd", "usage_date": date, "quantity": "12.5", **more}


def test_a_usage_is_created_retrieved_and_deleted(cb: Chargebee) -> None:
    made = cb.Usage.create("calls", a_usage(1, id="u1", note="n"))
    assert (made.usage.id, made.usage.quantity, made.usage.object) == ("u1", "12.5", "usage")
    assert made.is_idempotency_replayed is False
    assert cb.Usage.retrieve("calls", {"id": "u1"}).usage.usage_date == OCTOBER_1 + 1

    gone = cb.Usage.delete("calls", {"id": "u1"})

    assert gone.usage.id == "u1"
    with pytest.raises(InvalidRequestError) as missing:
        cb.Usage.retrieve("calls", {"id": "u1"})
    assert missing.value.api_error_code == "resource_not_found"
    assert missing.value.http_status_code == 404


@pytest.mark.parametrize(
    "kind",
    ["Usage", "Invoice", "Subscription", "Customer", "Item", "ItemPrice", "ItemFamily"],
)
def test_a_loop_over_pages_may_begin_with_no_offset(cb: Chargebee, kind: str) -> None:
    for second in (90, 91):
        cb.Usage.create("calls", a_usage(second, dedupe_option=DedupeOption.SKIP))
    list_all = getattr(cb, kind).list
    found: list[Any] = []
    offset = None
    while True:
        page = list_all({"limit": 1, "offset": offset})
        found += page.list
        offset = page.next_offset
        if not offset:
            break

    assert len(found) == len(list_all({"limit": 100}).list)
    assert len(found) == len(list_all({"limit": None}).list)


def test_an_empty_filter_is_refused_as_its_list_would_be_another_one(cb: Chargebee) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        cb.Usage.list({"subscription_id": {"is": None}})

    assert refusal.value.api_error_code == "param_wrong_value"
    assert refusal.value.param == "subscription_id[is]"


def test_a_key_is_a_header_and_its_replay_is_said(cb: Chargebee) -> None:
    headers = {"chargebee-idempotency-key": "0b7e0d0e-aaaa-4bbb-8ccc-123456789012"}

    first = cb.Usage.create("calls", a_usage(2), headers)
    again = cb.Usage.create("calls", a_usage(2), headers)

    assert (first.is_idempotency_replayed, again.is_idempotency_replayed) == (False, True)
    assert again.usage.id == first.usage.id
    with pytest.raises(InvalidRequestError) as refusal:
        cb.Usage.create("calls", a_usage(2, quantity="1"), headers)
    assert refusal.value.api_error_code == "unable_to_process_request"


def test_duplicates_and_what_is_done_with_them(cb: Chargebee) -> None:
    cb.Usage.create("calls", a_usage(3))
    with pytest.raises(InvalidRequestError) as refusal:
        cb.Usage.create("calls", a_usage(3, quantity="1"))
    assert (refusal.value.api_error_code, refusal.value.param) == ("duplicate_entry", "usage_date")

    skipped = cb.Usage.create("calls", a_usage(3, quantity="1", dedupe_option=DedupeOption.SKIP))
    changed = cb.Usage.create(
        "calls", a_usage(3, quantity="1", dedupe_option=DedupeOption.UPDATE_EXISTING)
    )

    assert (skipped.usage.quantity, changed.usage.quantity) == ("12.5", "1")


def test_lists_with_the_filters_as_the_sdk_writes_them(cb: Chargebee) -> None:
    for n in range(5):
        cb.Usage.create("it's", a_usage(100 + n, id=f"it's-{n}"))

    asked = cb.Usage.ListParams(
        limit=2,
        subscription_id=Filters.StringFilter(IN=["it's", "nobody"]),
        item_price_id=Filters.StringFilter(IN=["voip-usd", "gb-USD"]),
        usage_date=Filters.TimestampFilter(BETWEEN=[OCTOBER_1 + 101, OCTOBER_1 + 104]),
        updated_at=Filters.TimestampFilter(AFTER=OCTOBER_1),
        invoice_id=Filters.StringFilter(IS_PRESENT=False),
        source=Filters.EnumFilter(IN=["api", "bulk_operation"]),
        id=Filters.StringFilter(STARTS_WITH="it's"),
        sort_by=Filters.SortFilter(DESC="usage_date"),
    )
    first = cb.Usage.list(asked)
    rest = cb.Usage.list({**asked, "offset": first.next_offset})

    ids = [each.usage.id for each in (*first.list, *rest.list)]
    assert ids == ["it's-4", "it's-3", "it's-2", "it's-1"]
    assert rest.next_offset is None
    named = cb.Usage.list({"id": Filters.StringFilter(IN=["it's-0", "b"])})
    assert [each.usage.id for each in named.list] == ["it's-0"]


def test_an_invoiced_usage_and_the_document_of_all_of_them(
    cb: Chargebee, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(_: float) -> None:
        for body in shop.functions.messages("RenderQueue"):
            shop.functions.invoke("RenderInvoiceFunction", sqs_event([body]))

    monkeypatch.setattr("postpaid.runtime.waiting.sleep", render)
    usage = a_usage(0) | {"usage_date": SEPTEMBER_15}
    usage_id = cb.Usage.create("calls", usage).usage.id
    shop.work()
    draft = cb.Invoice.invoices_for_subscription("calls").list[0].invoice
    closed = cb.Invoice.close(draft.id).invoice

    billed = cb.Usage.retrieve("calls", {"id": usage_id}).usage

    assert billed.invoice_id == closed.id
    assert billed.line_item_id in {line.id for line in closed.line_items}
    with pytest.raises(InvalidRequestError) as stays:
        cb.Usage.delete("calls", {"id": usage_id})
    assert stays.value.api_error_code == "invalid_state_for_request"
    link = cb.Usage.pdf({"invoice": {"id": closed.id}, "disposition_type": "inline"}).download
    assert link.download_url.startswith("http")
    assert link.valid_till > OCTOBER_1


def test_what_is_wrong_is_the_exception_a_user_would_get(cb: Chargebee, shop: Shop) -> None:
    with pytest.raises(InvalidRequestError) as wrong:
        cb.Usage.create("calls", a_usage(4, quantity="-1"))
    assert (wrong.value.api_error_code, wrong.value.param) == ("param_wrong_value", "quantity")
    with sdk_on(shop.functions, "nobody") as other, pytest.raises(APIError) as refused:
        other.Usage.create("calls", a_usage(4))
    assert refused.value.api_error_code == "api_authentication_failed"
    assert not isinstance(refused.value, OperationFailedError)
