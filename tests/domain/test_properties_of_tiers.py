"""A price with tiers is made of simpler prices, whose sum or choice it is."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postpaid.domain.charge import Charge
from tests.support.laws import plain_numbers, tried
from tests.support.prices import Plain, bounds, numbers, percents, positive, quantities, text_of


def _exact(plain: Plain, quantity: str) -> Fraction:
    return Fraction(Charge.from_plain(plain).price(Decimal(quantity)).amount)


def _is(pricing_model: str, **fields: Any) -> Plain:
    return {"pricing_model": pricing_model, **fields}


def _spans(bounds_: Sequence[str | None], quantity: Fraction) -> list[Fraction]:
    """Return how much of a quantity lies between each bound and the one before."""
    ends = [quantity if each is None else min(Fraction(each), quantity) for each in bounds_]
    return [end - start for start, end in pairwise([Fraction(0), *ends])]


def _reached(bounds_: Sequence[str | None], quantity: Fraction) -> int:
    return sum(each is not None and Fraction(each) < quantity for each in bounds_)


@given(bounds(), st.data())
@tried(150)
def test_a_graduated_price_is_what_each_tiers_part_costs_by_itself(
    rising: list[str | None], data: st.DataObject
) -> None:
    tiers: list[Plain] = [
        {"up_to": bound, "unit_amount": data.draw(numbers), "flat_amount": data.draw(numbers)}
        | data.draw(st.fixed_dictionaries({}, optional={"package_size": positive}))
        for bound in rising
    ]
    plain = _is("tiered", tiers=tiers)
    quantity = data.draw(quantities(plain))

    expected = Fraction(0)
    for tier, part in zip(tiers, _spans(rising, Fraction(quantity)), strict=True):
        simple = _is("per_unit", unit_amount=tier["unit_amount"])
        if "package_size" in tier:
            size = tier["package_size"]
            simple = _is("package", amount=tier["unit_amount"], package_size=size)
        expected += _exact(simple, text_of(part))
    for tier in tiers[: _reached(rising, Fraction(quantity)) + 1]:
        expected += Fraction(tier["flat_amount"])
    assert _exact(plain, quantity) == expected


@given(bounds(), st.data())
def test_a_graduated_price_does_not_depend_on_where_it_is_cut(
    rising: list[str | None], data: st.DataObject
) -> None:
    amounts = [data.draw(numbers) for _ in rising]
    whole = [
        {"up_to": bound, "unit_amount": amount}
        for bound, amount in zip(rising, amounts, strict=True)
    ]
    # Every tier once more, up to somewhere within it.
    cut: list[Plain] = []
    for start, tier in zip(["0", *(each for each in rising if each)], whole, strict=True):
        inside = data.draw(positive.map(Fraction))
        end = None if tier["up_to"] is None else Fraction(tier["up_to"])
        if end is None or Fraction(start) + inside < end:
            cut.append(tier | {"up_to": text_of(Fraction(start) + inside)})
        cut.append(tier)
    assume(len(cut) > len(whole))
    assume(all(Fraction(each["up_to"] or 0) < 10**18 for each in cut))
    plain = _is("tiered", tiers=cut)
    quantity = data.draw(quantities(plain))

    assert _exact(plain, quantity) == _exact(_is("tiered", tiers=whole), quantity)


@given(bounds(), st.data())
@tried(150)
def test_a_graduated_percentage_is_what_each_part_pays_by_itself(
    rising: list[str | None], data: st.DataObject
) -> None:
    tiers: list[Plain] = [
        {"up_to": bound, "rate": data.draw(percents), "flat_amount": data.draw(numbers)}
        for bound in rising
    ]
    plain = _is("tiered_percentage", tiers=tiers)
    quantity = data.draw(quantities(plain))

    expected = Fraction(0)
    for tier, part in zip(tiers, _spans(rising, Fraction(quantity)), strict=True):
        expected += _exact(_is("percentage", rate=tier["rate"]), text_of(part))
    for tier in tiers[: _reached(rising, Fraction(quantity)) + 1]:
        expected += Fraction(tier["flat_amount"])
    assert _exact(plain, quantity) == expected


@given(bounds(), st.data())
def test_steps_add_up_or_the_reached_one_counts(
    rising: list[str | None], data: st.DataObject
) -> None:
    tiers: list[Plain] = [{"up_to": bound, "flat_amount": data.draw(numbers)} for bound in rising]
    plain = _is("stairstep", tiers=tiers)
    quantity = data.draw(quantities(plain))

    flats = [Fraction(tier["flat_amount"]) for tier in tiers]
    reached = _reached(rising, Fraction(quantity))

    assert _exact(plain, quantity) == flats[reached]
    cumulative = plain | {"semantics": {"stairstep": "cumulative"}}
    assert _exact(cumulative, quantity) == sum(flats[: reached + 1], Fraction(0))


# A switch, and what a zero, a bound and a fraction before one cost with it.
SWITCHED: list[tuple[Plain, tuple[str, str, str]]] = [
    ({}, ("1", "1", "1")),
    ({"upper_bound": "exclusive"}, ("1", "10", "1")),
    ({"zero_quantity_flat": False}, ("0", "1", "1")),
    ({"fractional": "ceil_for_tier"}, ("1", "10", "10")),
    ({"stairstep": "cumulative", "upper_bound": "exclusive"}, ("1", "11", "1")),
]


@pytest.mark.parametrize(("semantics", "prices"), SWITCHED, ids=lambda part: str(part)[:50])
def test_a_switch_moves_a_quantity_across_a_bound(
    semantics: Plain, prices: tuple[str, str, str]
) -> None:
    tiers = [{"up_to": "4.5", "flat_amount": "1"}, {"up_to": None, "flat_amount": "10"}]
    plain = _is("stairstep", tiers=tiers, semantics=semantics)

    found = tuple(str(_exact(plain, quantity)) for quantity in ("0", "4.5", "4.2"))

    assert found == prices


@given(bounds(), st.data())
def test_a_volume_price_is_that_of_the_reached_tier_alone(
    rising: list[str | None], data: st.DataObject
) -> None:
    tiers = [{"up_to": bound, "unit_amount": data.draw(numbers)} for bound in rising]
    plain = _is("volume", tiers=tiers)
    quantity = data.draw(quantities(plain))

    reached = tiers[_reached(rising, Fraction(quantity))]

    alone = _is("per_unit", unit_amount=reached["unit_amount"])
    assert _exact(plain, quantity) == _exact(alone, quantity)


@given(percents, plain_numbers())
def test_a_percentage_in_one_tier_is_a_percentage_and_a_multiplier(
    rate: str, quantity: str
) -> None:
    share = text_of(Fraction(rate) / 100)
    tiers = [{"up_to": None, "rate": rate}]

    prices = {
        _exact(_is("percentage", rate=rate), quantity),
        _exact(_is("tiered_percentage", tiers=tiers), quantity),
        _exact(_is("dynamic", multiplier=share), quantity),
        _exact(_is("per_unit", unit_amount=share), quantity),
    }
    assert len(prices) == 1


@given(positive, numbers, plain_numbers())
def test_one_open_tier_of_blocks_is_packages(size: str, amount: str, quantity: str) -> None:
    tiers = [{"block_size": size, "max_blocks": None, "unit_amount": amount}]
    packages = _is("package", amount=amount, package_size=size)

    for kind in ("tiered_blocks", "volume_blocks"):
        assert _exact(_is(kind, tiers=tiers), quantity) == _exact(packages, quantity)
