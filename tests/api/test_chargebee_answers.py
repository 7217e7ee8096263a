"""Our models of what the Chargebee door answers say what Chargebee's published interface says."""

from collections.abc import Iterator
from typing import Any

import pytest

from postpaid.api.chargebee.errors import ANSWERS
from tests.support.chargebee_answers import (
    AccountingDetail,
    Answer,
    ApplicableItem,
    BillingAddress,
    Customer,
    Download,
    Item,
    ItemFamily,
    ItemPrice,
    ItemTier,
    Subscription,
    SubscriptionItem,
    Tier,
    TimeMachine,
    Usage,
)
from tests.support.chargebee_invoices import (
    Invoice,
    LineItem,
    LineItemTax,
    LineItemTier,
    LinkedPayment,
    Note,
    Tax,
)
from tests.support.chargebee_judge import KNOWN_ERRORS, PUBLISHED, Exchange, published
from tests.support.chargebee_operations import OPERATIONS, operation_at

MODELS: dict[str, type[Answer]] = {
    "Customer": Customer,
    "CustomerBillingAddress": BillingAddress,
    "Download": Download,
    "Invoice": Invoice,
    "InvoiceBillingAddress": BillingAddress,
    "InvoiceLineItem": LineItem,
    "InvoiceLineItemTax": LineItemTax,
    "InvoiceLineItemTier": LineItemTier,
    "InvoiceLinkedPayment": LinkedPayment,
    "InvoiceNote": Note,
    "InvoiceTax": Tax,
    "Item": Item,
    "ItemApplicableItem": ApplicableItem,
    "ItemFamily": ItemFamily,
    "ItemPrice": ItemPrice,
    "ItemPriceAccountingDetail": AccountingDetail,
    "ItemPriceTier": Tier,
    "Subscription": Subscription,
    "SubscriptionItemTier": ItemTier,
    "SubscriptionSubscriptionItem": SubscriptionItem,
    "TimeMachine": TimeMachine,
    "Usage": Usage,
}
# What this door shows beside, named in docs/api/chargebee.md.
OURS = {"Usage": {"billing"}, "ItemPrice": {"base_fee", "setup_fee"}, "Invoice": {"credit_granted"}}
# Of those that Chargebee knows, this door says fewer.
FEWER = {
    ("InvoiceLineItem", "tax_exempt_reason"),
    ("InvoiceLinkedPayment", "txn_status"),
    ("Customer", "offline_payment_method"),
}
USAGE = (
    '{"usage":{"id":"u","usage_date":1,"subscription_id":"s","item_price_id":"p","quantity":"1",'
    '"source":"api","resource_version":1,"updated_at":1,"created_at":1,"object":"usage"}}'
)
REFUSAL = (
    '{"message":"m","type":"invalid_request","api_error_code":"resource_not_found",'
    '"error_code":"resource_not_found","error_msg":"m","http_status_code":404}'
)


@pytest.fixture(scope="module")
def interface() -> dict[str, Any]:
    found = published()
    if found is None:
        pytest.skip(f"Chargebee's published interface is not here: {PUBLISHED}")
    return found


def _facts(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the length, the values and the type of an attribute, as far as it says them."""
    if "maxLength" in schema:
        yield "maxLength", schema["maxLength"]
    if "enum" in schema:
        yield "enum", set(schema["enum"])
    if schema.get("format") == "int32":
        yield "bits", 32
    elif "bits" in schema:
        yield "bits", schema["bits"]
    if "type" in schema:
        yield "type", schema["type"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_what_is_published(interface: dict[str, Any], name: str) -> None:
    theirs = interface["components"]["schemas"][name]
    ours = MODELS[name].model_json_schema()
    shown = ours["properties"].keys() - {"object"} - OURS.get(name, set())

    assert shown <= theirs["properties"].keys()
    assert set(theirs.get("required", ())) <= set(ours.get("required", ()))
    for each in sorted(shown):
        mine, published_ = ours["properties"][each], theirs["properties"][each]
        if (name, each) in FEWER:
            assert set(mine.get("enum", [mine.get("const")])) - {None} <= set(published_["enum"])
            continue
        assert dict(_facts(mine)) == dict(_facts(published_)), each


def test_the_errors_of_this_door_are_published(interface: dict[str, Any]) -> None:
    for status, kind, code in set(ANSWERS.values()):
        schema = interface["components"]["schemas"][f"Error{status}"]["properties"]
        assert kind in schema["type"]["enum"]
        assert code in schema["api_error_code"]["enum"]


def test_the_errors_of_this_door_are_those_that_are_known() -> None:
    known = {
        (status, kind, code)
        for status, (kinds, codes) in KNOWN_ERRORS.items()
        for kind in kinds
        for code in codes
    }

    assert set(ANSWERS.values()) <= known


def test_every_operation_is_published_and_no_other_has_its_path(interface: dict[str, Any]) -> None:
    paths = {
        (
            method.upper(),
            "/".join("{}" if p.startswith("{") else p for p in path.strip("/").split("/")),
        )
        for path, methods in interface["paths"].items()
        for method in methods
        if method in {"get", "post"}
    }
    ours = {(each.method, each.path) for each in OPERATIONS}

    assert ours <= paths
    assert len(ours) == len(OPERATIONS) == 43
    assert {path for _, path in paths - ours} == {
        "usage_events",
        "batch/usage_events",
        "usage_files/upload_url",
        "usage_files/{}/processing_status",
    }


@pytest.mark.parametrize(
    ("status", "text", "fault"),
    [
        (200, USAGE, ""),
        (200, USAGE.replace('"1"', "1"), "usage.quantity"),
        (200, USAGE.replace('"api"', '"nobody"'), "usage.source"),
        (200, USAGE.replace(',"object"', ',"note":null,"object"'), "usage.note"),
        (200, USAGE.replace(',"object"', ',"extra":1,"object"'), "usage.extra"),
        (200, USAGE[:-1] + ',"card":null}', "card is null"),
        (200, "{}", "usage is missing"),
        (201, USAGE, "status 201"),
        (200, "", "not JSON"),
        (404, REFUSAL, ""),
        (409, REFUSAL, "api_error_code"),
        (404, '{"message":"Forbidden"}', "api_error_code"),
        (418, REFUSAL, "418"),
    ],
)
def test_the_judge_sees_what_is_wrong(status: int, text: str, fault: str) -> None:
    exchange = Exchange(
        method="POST", path="subscriptions/s/usages", status=status, headers={}, text=text
    )
    faults = exchange.faults()

    assert any(fault in each for each in faults) if fault else not faults


def test_an_operation_is_found_by_its_path() -> None:
    found = operation_at("POST", "invoices/INV-1/void")

    assert found is not None
    assert found.name == "Invoice.void_invoice"
    assert operation_at("GET", "items/fax/delete") is None
    assert operation_at("POST", "invoices/2026/INV-1/close") == operation_at(
        "POST", "invoices/INV-1/close"
    )
