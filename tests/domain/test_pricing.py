"""The pricing models: what they charge, and how they are written and read."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.errors import Invalid
from postpaid.domain.pricing import (
    PRICING_MODELS,
    Component,
    PricingModel,
    plain_pricing,
    pricing_from_plain,
)
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.pricing.per_unit import PerUnit
from tests.support.laws import plain_numbers

# unit amount or amount, quantity, exact price
PER_UNIT = [
    ("0.05", "361", "18.05"),
    ("0.05", "0", "0"),
    ("0", "361", "0"),
    ("1", "0.5", "0.5"),
    ("0.005", "3", "0.015"),
    ("0.0001", "0.0001", "0.00000001"),
    ("0.333333", "3", "0.999999"),
    (
        "999999999999999999.99999999999999999999",
        "999999999999999999.99999999999999999999",
        "999999999999999999999999999999999999.9800000000000000000000000000000000000001",
    ),
]

FLAT_FEE = [("10", "1", "10"), ("10", "361", "10"), ("0", "361", "0"), ("0.005", "0", "0.005")]

# What is refused: plain form, code, and the field below `prices[0].`
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "invalid_field", "pricing_model"),
    ({"unit_amount": "1"}, "invalid_field", "pricing_model"),
    ({"pricing_model": None}, "invalid_field", "pricing_model"),
    ({"pricing_model": ""}, "invalid_field", "pricing_model"),
    ({"pricing_model": "PER_UNIT", "unit_amount": "1"}, "invalid_field", "pricing_model"),
    ({"pricing_model": "PerUnit", "unit_amount": "1"}, "invalid_field", "pricing_model"),
    ({"pricing_model": ["per_unit"], "unit_amount": "1"}, "invalid_field", "pricing_model"),
    ({"pricing_model": {}, "unit_amount": "1"}, "invalid_field", "pricing_model"),
    ({"pricing_model": "per_unit"}, "missing_field", "unit_amount"),
    ({"pricing_model": "per_unit", "amount": "1"}, "missing_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": None}, "missing_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": "-1"}, "invalid_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": "1e2"}, "invalid_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": 0.05}, "invalid_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": True}, "invalid_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": Decimal("NaN")}, "invalid_field", "unit_amount"),
    ({"pricing_model": "per_unit", "unit_amount": "1", "amount": "1"}, "unknown_field", "amount"),
    ({"pricing_model": "per_unit", "unit_amount": "1", "kind": "x"}, "unknown_field", "kind"),
    ({"pricing_model": "per_unit", "unit_amount": "1", "b": 1, "a": 1}, "unknown_field", "a"),
    ({"pricing_model": "flat_fee"}, "missing_field", "amount"),
    ({"pricing_model": "flat_fee", "amount": "-0.01"}, "invalid_field", "amount"),
    (
        {"pricing_model": "flat_fee", "amount": "1", "unit_amount": "1"},
        "unknown_field",
        "unit_amount",
    ),
]


def _price(model: PricingModel, quantity: str) -> Fraction:
    return sum((Fraction(c.amount) for c in model.components(Decimal(quantity))), Fraction(0))


@pytest.mark.parametrize(("unit_amount", "quantity", "price"), PER_UNIT)
def test_every_unit_costs_the_same(unit_amount: str, quantity: str, price: str) -> None:
    model = pricing_from_plain({"pricing_model": "per_unit", "unit_amount": unit_amount})

    (component,) = model.components(Decimal(quantity))

    assert component == Component(Decimal(price), Decimal(quantity), Decimal(unit_amount))


@pytest.mark.parametrize(("amount", "quantity", "price"), FLAT_FEE)
def test_a_flat_fee_does_not_look_at_the_quantity(amount: str, quantity: str, price: str) -> None:
    model = pricing_from_plain({"pricing_model": "flat_fee", "amount": amount})

    assert model.components(Decimal(quantity)) == (Component(Decimal(price)),)


@given(plain_numbers(), plain_numbers())
def test_a_price_is_exact_and_its_components_explain_it(unit_amount: str, quantity: str) -> None:
    model = pricing_from_plain({"pricing_model": "per_unit", "unit_amount": unit_amount})

    assert _price(model, quantity) == Fraction(unit_amount) * Fraction(quantity)


_models: st.SearchStrategy[PricingModel] = st.one_of(
    plain_numbers().map(lambda text: PerUnit(Decimal(text))),
    plain_numbers().map(lambda text: FlatFee(Decimal(text))),
)


@given(_models, plain_numbers(), plain_numbers())
def test_a_larger_quantity_never_costs_less(model: PricingModel, one: str, other: str) -> None:
    smaller, larger = sorted((one, other), key=Fraction)

    assert _price(model, smaller) <= _price(model, larger)


@given(_models)
def test_a_model_survives_its_plain_form(model: PricingModel) -> None:
    plain = plain_pricing(model)

    assert pricing_from_plain(plain) == model
    assert plain_pricing(pricing_from_plain(plain)) == plain
    assert all(isinstance(value, str) for value in plain.values())


@pytest.mark.parametrize(
    ("plain", "canonical"),
    [
        ({"pricing_model": "per_unit", "unit_amount": "0.050"}, {"unit_amount": "0.05"}),
        ({"pricing_model": "per_unit", "unit_amount": 5}, {"unit_amount": "5"}),
        ({"pricing_model": "per_unit", "unit_amount": Decimal("5E-2")}, {"unit_amount": "0.05"}),
        ({"pricing_model": "per_unit", "unit_amount": "-0"}, {"unit_amount": "0"}),
        ({"pricing_model": "flat_fee", "amount": "10.00"}, {"amount": "10"}),
    ],
)
def test_a_plain_form_is_written_in_one_way(
    plain: dict[str, Any], canonical: dict[str, Any]
) -> None:
    kind = {"pricing_model": plain["pricing_model"]}

    assert plain_pricing(pricing_from_plain(plain)) == kind | canonical


@pytest.mark.parametrize(("plain", "code", "field"), REFUSED, ids=lambda part: str(part)[:70])
def test_what_is_no_pricing_is_refused_by_its_field(
    plain: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        pricing_from_plain(plain, "prices[0].")

    assert (refusal.value.code, refusal.value.field) == (code, f"prices[0].{field}")


@given(st.dictionaries(st.text(max_size=5), st.none() | st.text() | st.integers() | st.booleans()))
def test_anything_else_is_refused_and_nothing_else_happens(plain: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        pricing_from_plain({"pricing_model": "per_unit"} | plain)


def test_a_model_is_known_by_its_kind() -> None:
    assert {kind: model.kind for kind, model in PRICING_MODELS.items()} == {
        kind: kind for kind in PRICING_MODELS
    }
    assert {"flat_fee", "per_unit"} <= set(PRICING_MODELS)


def test_a_field_has_no_path_unless_it_is_told_one() -> None:
    with pytest.raises(Invalid) as refusal:
        pricing_from_plain({"pricing_model": "per_unit"})

    assert refusal.value.field == "unit_amount"
