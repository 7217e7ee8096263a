"""What holds for prices of every kind: exact, rising with use, indifferent to order and batches."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.application.rate_line import rate_line
from postpaid.domain.charge import Charge, Priced
from postpaid.domain.pricing import PRICING_MODELS, plain_pricing, pricing_from_plain
from tests.independent import second_rater
from tests.support.laws import plain_numbers, tried
from tests.support.prices import (
    MODELS,
    Plain,
    charges,
    decimal_of,
    quantities,
    text_of,
)

# Models of which more is never cheaper; a stairstep is one if its steps rise.
RISING = (
    *("flat_fee", "per_unit", "dynamic", "package", "percentage", "tiered", "tiered_percentage"),
    *("stairstep", "tiered_blocks"),
)
NOT_RISING = ("volume", "volume_blocks")


def _exact(plain: Plain, quantity: str) -> Fraction:
    return Fraction(Charge.from_plain(plain).price(Decimal(quantity)).amount)


def _of_events(plain: Plain, usages: Sequence[str]) -> Fraction:
    return Fraction(Charge.from_plain(plain).price_events([*map(Decimal, usages)]).amount)


def _priced(charge: Charge, usages: Sequence[str]) -> Priced:
    if charge.by_event:
        return charge.price_events([*map(Decimal, usages)])
    return charge.price(decimal_of(sum(map(Fraction, usages), Fraction(0))))


def _is(pricing_model: str, **fields: Any) -> Plain:
    return {"pricing_model": pricing_model, **fields}


# --- more is never cheaper


def _with_rising_steps(plain: Plain) -> Plain:
    flats = sorted((tier.get("flat_amount", "0") for tier in plain["tiers"]), key=Fraction)
    tiers = [tier | {"flat_amount": flat} for tier, flat in zip(plain["tiers"], flats, strict=True)]
    return plain | {"tiers": tiers}


@pytest.mark.parametrize("kind", RISING)
@given(data=st.data())
@tried(100)
def test_a_larger_quantity_never_costs_less(kind: str, data: st.DataObject) -> None:
    plain = data.draw(charges(kind))
    if kind == "stairstep":
        plain = _with_rising_steps(plain)
    one, other = data.draw(quantities(plain)), data.draw(quantities(plain))

    smaller, larger = sorted((one, other), key=Fraction)

    assert _exact(plain, smaller) <= _exact(plain, larger)


@pytest.mark.parametrize("kind", RISING)
@given(data=st.data())
def test_one_more_usage_never_costs_less(kind: str, data: st.DataObject) -> None:
    plain = data.draw(charges(kind)) | {"aggregation": "each"}
    usages = data.draw(st.lists(quantities(plain), min_size=1, max_size=4))

    assert _of_events(plain, usages[:-1]) <= _of_events(plain, usages)


# What is priced, a smaller quantity and its price, a larger one and its price.
CHEAPER: list[tuple[Plain, str, str, str, str]] = [
    (
        _is(
            "volume",
            tiers=[{"up_to": "100", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1"}],
        ),
        *("100", "200", "101", "101"),
    ),
    (
        _is(
            "volume_blocks",
            tiers=[
                {"block_size": "10", "max_blocks": "100", "unit_amount": "1"},
                {"block_size": "10", "max_blocks": None, "unit_amount": "0.5"},
            ],
        ),
        *("1000", "100", "1001", "50.5"),
    ),
    (
        _is(
            "stairstep",
            tiers=[{"up_to": "5", "flat_amount": "9"}, {"up_to": None, "flat_amount": "7"}],
        ),
        *("5", "9", "6", "7"),
    ),
]


@pytest.mark.parametrize(
    ("plain", "fewer", "price", "more", "lower"), CHEAPER, ids=lambda part: str(part)[:30]
)
def test_where_all_units_change_their_price_more_can_cost_less(
    plain: Plain, fewer: str, price: str, more: str, lower: str
) -> None:
    assert (_exact(plain, fewer), _exact(plain, more)) == (Fraction(price), Fraction(lower))
    assert Fraction(fewer) < Fraction(more)
    assert Fraction(lower) < Fraction(price)


def test_every_model_is_said_to_rise_or_not_to() -> None:
    assert {*RISING, *NOT_RISING} == set(MODELS) == set(PRICING_MODELS)


# --- order and batches

# A percentage is of each usage, whatever else it is told.
BY_SUM = tuple(kind for kind in MODELS if kind != "percentage")
_usages = st.lists(st.integers(1, 10**6).map(lambda n: text_of(Fraction(n, 100))), min_size=1)


def _sum(usages: Sequence[str]) -> str:
    return text_of(sum(map(Fraction, usages), Fraction(0)))


@given(charges(*BY_SUM, each=False), _usages, st.data())
@tried(150)
def test_order_and_batches_do_not_change_the_price_of_a_sum(
    plain: Plain, usages: list[str], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(usages))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(usages)), max_size=3)) | {len(usages)})
    batches = [_sum(shuffled[start:end]) for start, end in pairwise([0, *cuts])]

    price = rate_line(plain, None, usages)

    assert rate_line(plain, None, shuffled) == price
    assert rate_line(plain, None, batches) == price
    assert rate_line(plain, _sum(usages), None) == price


@given(charges(free_units=False), _usages, st.data())
@tried(150)
def test_order_does_not_change_the_price_of_usages_without_allowances(
    plain: Plain, usages: list[str], data: st.DataObject
) -> None:
    plain = {name: value for name, value in plain.items() if not name.startswith("free_")}
    shuffled = data.draw(st.permutations(usages))

    assert _of_events(plain, shuffled) == _of_events(plain, usages)


@pytest.mark.parametrize(
    ("plain", "usages", "price", "turned"),
    [
        (_is("percentage", rate="1", free_events=1), ["100", "200"], "2", "1"),
        (
            _is("percentage", rate="1", fixed_amount="1", free_amount="5"),
            ["5", "6"],
            "1.06",
            "2.06",
        ),
        (
            _is("package", amount="1", package_size="10", free_units="5", aggregation="each"),
            *(["10", "15"], "3", "2"),
        ),
    ],
    ids=["free events", "free amount", "free units"],
)
def test_allowances_run_in_order(plain: Plain, usages: list[str], price: str, turned: str) -> None:
    assert _of_events(plain, usages) == Fraction(price)
    assert _of_events(plain, usages[::-1]) == Fraction(turned)


# --- exact, and as it is written


@given(charges(), st.data())
@tried(300)
def test_no_digit_is_lost(plain: Plain, data: st.DataObject) -> None:
    usages = data.draw(st.lists(quantities(plain) | plain_numbers(), min_size=1, max_size=3))
    usages = [usage for usage in usages if Fraction(usage) > 0] or ["1"]

    priced = _priced(Charge.from_plain(plain), usages)

    assert Fraction(priced.amount) == second_rater.rate(plain, None, usages)


LONGEST = "9" * 18 + "." + "9" * 20


@pytest.mark.parametrize(
    ("plain", "price"),
    [
        (_is("per_unit", unit_amount=LONGEST), Fraction(LONGEST) ** 2),
        (
            _is("per_unit", unit_amount=LONGEST, transform={"multiply_by": LONGEST}),
            Fraction(LONGEST) ** 3,
        ),
        (
            _is("dynamic", multiplier=LONGEST, discount_percent="0." + "0" * 19 + "1"),
            Fraction(LONGEST) ** 2 * (1 - Fraction(1, 10**22)),
        ),
        (
            _is("package", amount=LONGEST, package_size="0." + "0" * 19 + "1"),
            Fraction(LONGEST) * (10**38 - 1),
        ),
        (
            _is("tiered", tiers=[{"up_to": None, "unit_amount": LONGEST, "flat_amount": LONGEST}]),
            Fraction(LONGEST) ** 2 + Fraction(LONGEST),
        ),
    ],
    ids=lambda part: part["pricing_model"] if isinstance(part, dict) else "",
)
def test_the_longest_numbers_are_priced_exactly(plain: Plain, price: Fraction) -> None:
    assert _exact(plain, LONGEST) == price


@given(charges(), st.data())
@tried(150)
def test_components_and_steps_explain_an_amount(plain: Plain, data: st.DataObject) -> None:
    usages = data.draw(st.lists(quantities(plain), min_size=1, max_size=3))

    priced = _priced(Charge.from_plain(plain), usages)

    assert Fraction(priced.quantity) == Fraction(_sum(usages))
    amount = sum((Fraction(part.amount) for part in priced.components), Fraction(0))
    for step in priced.steps:
        percent = step.kind == "discount_percent"
        less = amount * (100 - Fraction(step.value)) / 100
        assert Fraction(step.amount) == (less if percent else Fraction(step.value))
        amount = Fraction(step.amount)
    assert Fraction(priced.amount) == amount
    for part in priced.components:
        if part.quantity is not None and part.unit_amount is not None:
            assert Fraction(part.amount) == Fraction(part.quantity) * Fraction(part.unit_amount)


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
def test_a_charge_survives_its_plain_form(kind: str, data: st.DataObject) -> None:
    given_ = data.draw(charges(kind))

    charge = Charge.from_plain(given_)
    plain = json.loads(json.dumps(charge.to_plain(), allow_nan=False))

    assert Charge.from_plain(plain) == charge
    assert Charge.from_plain(plain).to_plain() == plain
    text = charge.to_text()
    assert Charge.from_text(text) == charge
    assert Charge.from_text(text).to_text() == text
    assert pricing_from_plain(plain_pricing(charge.model)) == charge.model
    assert _exact(plain, "7.5") == _exact(given_, "7.5")
