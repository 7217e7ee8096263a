"""Catalogue, customers and subscriptions by Chargebee's own SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from chargebee import APIError, Chargebee, InvalidRequestError

from postpaid.domain.instants import instant_from_text
from tests.support.functions import Functions
from tests.support.sdk import sdk_on

CLOCK = instant_from_text("2026-10-20T12:00:00Z")
OCTOBER_1 = 1790812800


@pytest.fixture(scope="module")
def cb(functions: Functions) -> Iterator[Chargebee]:
    site = functions.new_site("bee", clock=CLOCK)
    with sdk_on(functions, functions.new_key(site)) as sdk:
        sdk.ItemFamily.create({"id": "cloud", "name": "Cloud"})
        yield sdk


def _item(cb: Chargebee, item_id: str, kind: str = "plan", **more: Any) -> Any:
    params = {"id": item_id, "name": item_id, "type": kind, "item_family_id": "cloud", **more}
    return cb.Item.create(params).item


def _price(cb: Chargebee, price_id: str, item_id: str, **more: Any) -> Any:
    params = {"id": price_id, "name": price_id, "item_id": item_id, "currency_code": "USD"}
    period = {"period": 1, "period_unit": "month"}
    return cb.ItemPrice.create({**params, **period, **more}).item_price


def test_the_founding_example_can_be_set_up(cb: Chargebee) -> None:
    _item(cb, "base")
    _price(cb, "base-usd", "base", pricing_model="flat_fee", price=1000)
    _item(cb, "minutes", "addon", metered=True, unit="minute")
    _price(cb, "minutes-usd", "minutes", pricing_model="per_unit", price=5)
    customer = cb.Customer.create(
        {
            "id": "harbor",
            "company": "Blue Harbor Café",
            "billing_address": {"line1": "7 Quay Street", "city": "Salem"},
            "meta_data": {"plan": {"a": 1}},
            "cf_cost_centre": "R&D",
        }
    ).customer
    assert customer.billing_address.city == "Salem"
    answer = cb.Subscription.create_with_items(
        "harbor",
        {
            "id": "sub1",
            "start_date": OCTOBER_1,
            "subscription_items": [
                {"item_price_id": "base-usd", "quantity": 1},
                {"item_price_id": "minutes-usd"},
            ],
        },
    )
    assert answer.subscription.status == "active"
    assert answer.customer.id == "harbor"
    usage = cb.Usage.create(
        "sub1", {"item_price_id": "minutes-usd", "quantity": "361", "usage_date": OCTOBER_1 + 60}
    ).usage
    assert usage.quantity == "361"
    with pytest.raises(InvalidRequestError) as refused:
        cb.Usage.create(
            "sub1",
            {"item_price_id": "minutes-usd", "quantity": "361", "usage_date": OCTOBER_1 + 60},
        )
    assert (refused.value.api_error_code, refused.value.param) == ("duplicate_entry", "usage_date")


def test_tiers_come_back_as_they_were_sent(cb: Chargebee) -> None:
    _item(cb, "calls", "addon", metered=True)
    tiers = [
        {"starting_unit": 1, "ending_unit": 1000, "price": 0},
        {"starting_unit": 1001, "ending_unit": 10000, "price": 2},
        {"starting_unit": 10001, "price": 1},
    ]
    price = _price(cb, "calls-usd", "calls", pricing_model="tiered", tiers=tiers)
    shown = [
        {"starting_unit": t.starting_unit, "ending_unit": t.ending_unit, "price": t.price}
        for t in price.tiers
    ]
    assert shown == [{"ending_unit": None, **tier} for tier in tiers]
    again = cb.ItemPrice.list({"item_id": {"is": "calls"}, "limit": 5})
    assert [each.item_price.id for each in again.list] == ["calls-usd"]
    assert cb.ItemPrice.list({"id": {"in": ["it's", "calls-usd"]}}).list[0].item_price.id


def test_a_wrong_key_is_the_error_a_user_would_get(functions: Functions, cb: Chargebee) -> None:
    with sdk_on(functions, "nobody") as other, pytest.raises(APIError) as refused:
        other.Customer.retrieve("harbor")
    assert refused.value.api_error_code == "api_authentication_failed"


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (
            {
                "line1": "7 Quay",
                "city": "Salem",
                "state_code": "MA",
                "zip": "01970",
                "country": "US",
            },
            ["7 Quay", "Salem, MA 01970", "US"],
        ),
        ({"line1": "Ring 1", "city": "Wien", "zip": "1010"}, ["Ring 1", "1010 Wien"]),
        ({"state": "Goa"}, ["Goa"]),
    ],
)
def test_a_town_is_printed_as_it_is_written_there(
    functions: Functions, cb: Chargebee, address: dict[str, str], lines: list[str]
) -> None:
    customer = cb.Customer.create({"company": "Somebody", "billing_address": address}).customer

    key = cb.env.api_key
    shown = functions.call("GET", f"/v1/customers/{customer.id}", key=key).json

    assert shown["address"] == lines
