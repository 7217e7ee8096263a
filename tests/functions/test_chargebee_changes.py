"""Changes of the catalogue by Chargebee's SDK: what is not sent stays, what is sent counts."""

from collections.abc import Iterator
from typing import Any

import pytest
from chargebee import Chargebee, InvalidRequestError

from postpaid.domain.instants import instant_from_text
from tests.support.functions import Functions
from tests.support.sdk import sdk_on

CLOCK = instant_from_text("2026-10-20T12:00:00Z")
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


def test_a_stair_that_costs_nothing_is_a_stair(cb: Chargebee) -> None:
    tiers = [
        {"starting_unit": 1, "ending_unit": 10, "price": 0},
        {"starting_unit": 11, "price": 500},
    ]
    shown = _price(cb, "stairs", "calls", pricing_model="stairstep", tiers=tiers)
    assert [tier["pricing_type"] for tier in shown["tiers"]] == ["flat_fee", "flat_fee"]
    back = [{n: v for n, v in tier.items() if n != "object"} for tier in shown["tiers"]]
    assert _raw(cb.ItemPrice.update("stairs", {"tiers": back}))["tiers"] == shown["tiers"]
