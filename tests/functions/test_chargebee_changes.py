"""Changes of the catalogue by Chargebee's SDK: what is not sent stays, what is sent counts."""

from collections.abc import Iterator
from typing import Any

import pytest
from chargebee import Chargebee, InvalidRequestError

from postpaid.api.chargebee.forms import MEDIA_TYPE
from postpaid.domain.instants import instant_from_text
from tests.support.functions import Functions
from tests.support.sdk import sdk_on

CLOCK = instant_from_text("2026-10-20T12:00:00Z")
OCTOBER, NOVEMBER = 1790812800, 1793491200
CHANGED = int(CLOCK.timestamp()) + 86_400
MONTH = {"period": 1, "period_unit": "month"}


@pytest.fixture(scope="module")
def key(functions: Functions) -> str:
    return functions.new_key(functions.new_site("bee-changes", clock=CLOCK))


@pytest.fixture(scope="module")
def cb(functions: Functions, key: str) -> Iterator[Chargebee]:
    with sdk_on(functions, key) as sdk:
        sdk.ItemFamily.create({"id": "cloud", "name": "Cloud"})
        for item, kind in (("base", "plan"), ("calls", "addon")):
            params = {"id": item, "name": item, "type": kind, "item_family_id": "cloud"}
            sdk.Item.create({**params, "metered": kind == "addon"})
        yield sdk


def _price(cb: Chargebee, price_id: str, item_id: str, **more: Any) -> dict[str, Any]:
    params = {"id": price_id, "name": price_id, "item_id": item_id, "currency_code": "USD"}
    return _raw(cb.ItemPrice.create({**params, **MONTH, **more}))


def _raw(answer: Any) -> dict[str, Any]:
    shown: dict[str, Any] = answer.item_price.raw_data
    return shown


def _refused(call: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        call()
    assert (refused.value.api_error_code, refused.value.param) == ("param_wrong_value", param)


def test_a_list_shows_what_is_named_twice_once(cb: Chargebee) -> None:
    _price(cb, "once", "base", price=1)
    found = cb.ItemPrice.list({"id": {"in": ["once", "once"]}}).list
    assert [each.item_price.id for each in found] == ["once"]


def test_free_units_change_alone_and_a_price_leaves_them(cb: Chargebee) -> None:
    _price(cb, "free", "base", pricing_model="per_unit", price=700, free_quantity=2)
    shown = _raw(cb.ItemPrice.update("free", {"free_quantity": 5}))
    assert (shown["price"], shown["free_quantity"]) == (700, 5)
    shown = _raw(cb.ItemPrice.update("free", {"price": 800}))
    assert (shown["price"], shown["free_quantity"]) == (800, 5)
    shown = _raw(cb.ItemPrice.update("free", {"price": 900, "free_quantity": 0}))
    assert (shown["price"], shown["free_quantity"]) == (900, 0)
    both = {"free_quantity": 1, "free_quantity_in_decimal": "2"}
    _refused(lambda: cb.ItemPrice.update("free", both), "free_quantity")
    _price(cb, "calls-free", "calls", pricing_model="per_unit", price=1)
    one = {"free_quantity_in_decimal": "2"}
    _refused(lambda: cb.ItemPrice.update("calls-free", one), "free_quantity_in_decimal")


def test_a_stair_that_costs_nothing_is_a_stair(cb: Chargebee) -> None:
    tiers = [
        {"starting_unit": 1, "ending_unit": 10, "price": 0},
        {"starting_unit": 11, "price": 500},
    ]
    shown = _price(cb, "stairs", "calls", pricing_model="stairstep", tiers=tiers)
    assert [tier["pricing_type"] for tier in shown["tiers"]] == ["flat_fee", "flat_fee"]
    back = [{n: v for n, v in tier.items() if n != "object"} for tier in shown["tiers"]]
    assert _raw(cb.ItemPrice.update("stairs", {"tiers": back}))["tiers"] == shown["tiers"]


@pytest.mark.parametrize(
    ("price", "param"),
    [
        ({"price_in_decimal": "1" * 30}, "price_in_decimal"),
        ({"pricing_model": "per_unit", "price_in_decimal": "1" * 30}, "price_in_decimal"),
        ({"tiers": [{"price_in_decimal": "1" * 30}]}, "tiers[price_in_decimal][1]"),
        ({"tiers": [{"price": 1, "package_size": 2**31}]}, "tiers[package_size][1]"),
        ({"tiers": [{"price": 1, "ending_unit": 2**31}]}, "tiers[ending_unit][1]"),
    ],
)
def test_what_is_too_large_is_refused_by_its_name(
    cb: Chargebee, price: dict[str, Any], param: str
) -> None:
    if "tiers" in price:
        first = {"starting_unit": 1, "ending_unit": 9, "price": 1}
        rest = [{"starting_unit": 10, **tier} for tier in price["tiers"]]
        price = {"pricing_model": "tiered", "tiers": [first, *rest]}
    _refused(lambda: _price(cb, "large", "base", **price), param)


def test_a_price_said_twice_on_a_line_is_refused_in_its_words(cb: Chargebee) -> None:
    _price(cb, "twice", "base", price=1)
    cb.Customer.create({"id": "twice"})
    row = {"item_price_id": "twice", "unit_price": 1, "unit_price_in_decimal": "2"}
    with pytest.raises(InvalidRequestError) as refused:
        cb.Subscription.create_with_items("twice", {"subscription_items": [row]})
    field = "subscription_items[unit_price][0]"
    assert refused.value.param == field
    assert str(refused.value).startswith(f"{field}: give it, or unit_price_in_decimal, but not")


def test_details_of_bookkeeping_change_one_by_one(cb: Chargebee) -> None:
    _price(cb, "booked", "base", price=1, accounting_detail={"sku": "A", "accounting_code": "B"})
    shown = _raw(cb.ItemPrice.update("booked", {"accounting_detail": {"sku": "C"}}))
    assert shown["accounting_detail"] == {"sku": "C", "accounting_code": "B"}
    none = {"sku": None, "accounting_code": None}
    assert "accounting_detail" not in _raw(
        cb.ItemPrice.update("booked", {"accounting_detail": none})
    )


def test_what_the_native_api_said_of_a_price_stays(
    functions: Functions, key: str, cb: Chargebee
) -> None:
    assert cb  # it made the items

    def call(method: str, path: str, body: object = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = functions.call(method, path, body, key=key, headers=sent)
        return answer.json | {"was": answer.status}

    tax = {"inclusive": False, "rates": [{"name": "VAT", "percent": "20"}]}
    pricing = {"pricing_model": "per_unit", "unit_amount": "2", "minimum": "10"}
    price = {"id": "theirs", "item_id": "calls", "currency": "USD", "tax": tax}
    assert call("POST", "/v1/item-prices", price | pricing)["was"] == 201
    change, path = b"is_taxable=true&price=300", "/api/v2/item_prices/"
    assert call("POST", f"{path}theirs", change, content_type=MEDIA_TYPE)["was"] == 200
    shown = call("GET", "/v1/item-prices/theirs")
    assert {name: shown[name] for name in pricing} == pricing | {"unit_amount": "3"}
    assert shown["tax"]["rates"] == tax["rates"]
    percent = {"pricing_model": "percentage", "rate": "3"}
    assert call("POST", "/v1/item-prices", {**price, **percent, "id": "percent"})["was"] == 201
    refused = call("POST", f"{path}percent", b"price=300", content_type=MEDIA_TYPE)
    assert (refused["was"], refused["param"]) == (400, "pricing_model")


def test_customers_change_by_both_doors(functions: Functions, key: str, cb: Chargebee) -> None:
    def native(method: str, path: str, body: object = None) -> Any:
        answer = functions.call(method, f"/v1/customers{path}", body, key=key)
        assert answer.status in {200, 201}, answer.text
        return answer.json

    address = ["7 Quay Street", "Floor 2", "Salem", "MA", "USA"]
    theirs = {"id": "theirs", "name": "Blue Harbor", "address": address, "tax_id": "DE1"}
    native("POST", "", theirs)
    assert cb.Customer.update("theirs", {"phone": "1"}).customer.vat_number == "DE1"
    shown = native("GET", "/theirs")
    assert {name: shown[name] for name in theirs} == theirs

    ours = {"id": "ours", "company": "Old", "first_name": "Zoë", "vat_number": "FR1"}
    cb.Customer.create({**ours, "billing_address": {"line1": "1 Pier", "city": "Salem"}})
    native("PATCH", "/ours", {"name": "New", "email": "new@example.com"})
    customer = cb.Customer.retrieve("ours").customer
    assert (customer.company, customer.email) == ("New", "new@example.com")
    assert (customer.first_name, customer.billing_address.city) == ("Zoë", "Salem")
    cb.Customer.update("ours", {"billing_address": {"city": "Lynn"}})
    shown = native("GET", "/ours")
    assert (shown["name"], shown["email"]) == ("New", "new@example.com")
    assert shown["address"] == ["Zoë", "1 Pier", "Lynn"]
    assert shown["tax_id"] == "FR1"


def test_credit_is_shown_wherever_its_customer_is(cb: Chargebee) -> None:
    _price(cb, "yearly", "base", price=3100)
    cb.Customer.create({"id": "owed"})
    rows = [{"item_price_id": "yearly"}]
    params = {"id": "given", "start_date": OCTOBER, "subscription_items": rows}
    cb.Subscription.create_with_items("owed", params)
    cb.Subscription.cancel_for_items("given", {"credit_option_for_current_term_charges": "prorate"})
    filters = {"subscription_id": {"is": "given"}, "status": {"is": "pending"}}
    [draft] = cb.Invoice.list(filters).list
    cb.Invoice.close(draft.invoice.id)

    [listed] = cb.Customer.list({"id": {"is": "owed"}}).list
    [beside] = cb.Subscription.list({"id": {"is": "given"}}).list
    shown = [cb.Subscription.retrieve("given"), listed, beside, cb.Customer.retrieve("owed")]
    assert [each.customer.refundable_credits for each in shown] == [1200] * 4


@pytest.mark.parametrize("ask", ["line", "setting", "end", "withdrawal"])
def test_a_list_finds_the_subscriptions_that_changed_since(functions: Functions, ask: str) -> None:
    site = functions.new_site(f"bee-since-{ask}", clock=CLOCK)
    with sdk_on(functions, functions.new_key(site)) as cb:
        cb.ItemFamily.create({"id": "cloud", "name": "Cloud"})
        cb.Item.create({"id": "base", "name": "Base", "type": "plan", "item_family_id": "cloud"})
        _price(cb, "base-m", "base", pricing_model="per_unit", price=100)
        cb.Customer.create({"id": "harbor"})
        rows = [{"item_price_id": "base-m"}]
        start = {"start_date": CHANGED + 86_400} if ask == "withdrawal" else {}
        for name in ("stays", "moves"):
            params = {"id": name, "subscription_items": rows, **start}
            cb.Subscription.create_with_items("harbor", params)
        machine = cb.TimeMachine.travel_forward("delorean", {"destination_time": CHANGED})
        cb.TimeMachine.wait_for_time_travel_completion(machine.time_machine)

        more = [{"item_price_id": "base-m", "quantity": 2}]
        if ask == "line":
            cb.Subscription.update_for_items("moves", {"subscription_items": more})
        elif ask == "setting":
            cb.Subscription.update_for_items("moves", {"po_number": "PO 1"})
        else:
            cb.Subscription.cancel_for_items("moves", {"end_of_term": ask == "end"})

        [found] = cb.Subscription.list({"updated_at": {"after": CHANGED - 1}}).list
        assert found.subscription.id == "moves"
        assert found.subscription.created_at < CHANGED <= found.subscription.updated_at


def test_one_with_cycles_left_is_active_until_the_last(cb: Chargebee) -> None:
    _price(cb, "cycled", "base", price=100)
    cb.Customer.create({"id": "cycled"})
    for cycles, expected in ((2, ("active", 1, None)), (1, ("non_renewing", 0, NOVEMBER))):
        rows = [{"item_price_id": "cycled"}]
        params = {"id": f"cycles-{cycles}", "start_date": OCTOBER, "subscription_items": rows}
        made = cb.Subscription.create_with_items(
            "cycled", {**params, "billing_cycles": cycles}
        ).subscription
        assert (made.status, made.remaining_billing_cycles, made.cancelled_at) == expected
