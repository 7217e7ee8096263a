"""Money is rounded once and fairly, shared out without loss, and taxed to the last unit."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from postpaid.domain.allocation import allocate
from postpaid.domain.money import MINOR_UNITS, Money, total
from postpaid.domain.site import TaxRounding
from postpaid.domain.tax import TaxAmount, TaxRate, TaxRates, taxes_on
from tests.independent.second_rater import to_minor_units
from tests.support.laws import plain_numbers, tried

HALF = Fraction(1, 2)
# One currency of each kind there is: 0, 2, 3 and 4 places.
currencies = st.sampled_from(("JPY", "USD", "KWD", "CLF"))
exact_amounts = plain_numbers(signed=True).map(Decimal)

# --- rounding


@given(exact_amounts, currencies)
@example(Decimal("0.005"), "USD")
@example(Decimal("-0.005"), "USD")
@tried(200)
def test_rounding_moves_an_amount_by_half_a_unit_at_most(amount: Decimal, currency: str) -> None:
    exact = Fraction(amount) * 10 ** MINOR_UNITS[currency]

    moved = Money.rounded(amount, currency).minor - exact

    assert abs(moved) <= HALF
    if abs(moved) == HALF:  # a tie goes away from zero
        assert (moved > 0) == (exact > 0)


@given(exact_amounts, currencies)
@tried(200)
def test_what_is_owed_back_is_rounded_as_what_is_owed(amount: Decimal, currency: str) -> None:
    owed = Money.rounded(amount, currency).minor
    owed_back = Money.rounded(amount.copy_negate(), currency).minor

    assert owed_back == -owed
    assert owed == to_minor_units(Fraction(amount), currency)


@given(st.lists(exact_amounts, min_size=2, max_size=2), currencies)
def test_a_larger_amount_is_never_rounded_to_less(amounts: list[Decimal], currency: str) -> None:
    smaller, larger = sorted(amounts)

    assert Money.rounded(smaller, currency).minor <= Money.rounded(larger, currency).minor


@given(exact_amounts, currencies)
def test_what_is_rounded_stays_as_it_is(amount: Decimal, currency: str) -> None:
    money = Money.rounded(amount, currency)

    assert Money.rounded(money.decimal, currency) == money
    assert Money.rounded(Decimal(str(money)), currency) == money


@pytest.mark.parametrize(
    ("amounts", "line_by_line", "at_once"),
    [
        (["0.005", "0.005"], 2, 1),  # each half is rounded up
        (["0.004", "0.004"], 0, 1),  # neither reaches a cent
        (["0.005", "-0.005"], 0, 0),
    ],
)
def test_where_amounts_are_rounded_is_seen_in_their_sum(
    amounts: list[str], line_by_line: int, at_once: int
) -> None:
    lines = [Money.rounded(Decimal(amount), "USD") for amount in amounts]
    whole = sum(map(Fraction, amounts), Fraction(0))

    assert total(lines, "USD").minor == line_by_line
    assert to_minor_units(whole, "USD") == at_once


# --- shares

moneys = st.builds(Money, st.integers(-(10**20), 10**20) | st.integers(-20, 20), currencies)
_small = st.integers(0, 6).map(Decimal)
_weights = st.lists(_small | plain_numbers().map(Decimal), min_size=1, max_size=8).filter(any)


def _exact_shares(whole: Money, weights: list[Decimal]) -> list[Fraction]:
    parts = [Fraction(weight) for weight in weights]
    return [whole.minor * part / sum(parts, Fraction(0)) for part in parts]


@given(moneys, _weights)
@tried(200)
def test_shares_lose_nothing_and_are_within_a_unit_of_what_is_just(
    whole: Money, weights: list[Decimal]
) -> None:
    shares = allocate(whole, weights)

    assert total(shares, whole.currency) == whole
    for share, exact in zip(shares, _exact_shares(whole, weights), strict=True):
        assert abs(share.minor - exact) < 1
        assert share.minor == exact or exact.denominator > 1


@given(moneys, _weights)
def test_nobody_gets_less_for_a_greater_weight_and_nothing_for_none(
    whole: Money, weights: list[Decimal]
) -> None:
    shares = allocate(whole, weights)

    sizes = [abs(share.minor) for share in shares]
    by_weight = sorted(zip(weights, sizes, strict=True))
    for (lighter, less), (heavier, more) in pairwise(by_weight):
        assert less <= more or lighter == heavier
    assert {size for weight, size in by_weight if weight == 0} <= {0}


@given(moneys, _weights, st.data())
@tried(200)
def test_shares_go_with_their_weights_in_whatever_order(
    whole: Money, weights: list[Decimal], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(weights))))
    exact = _exact_shares(whole, weights)
    losses = [each - int(each) for each in exact]

    shares = allocate(whole, weights)
    moved = allocate(whole, [weights[place] for place in order])

    # Only among those that lose the same to rounding does it matter who comes first.
    gains = sorted(share.minor - just for share, just in zip(shares, exact, strict=True))
    assert (
        sorted(share.minor - exact[place] for share, place in zip(moved, order, strict=True))
        == gains
    )
    if len(set(losses)) == len(losses):
        assert moved == tuple(shares[place] for place in order)


@given(moneys, st.integers(1, 9))
def test_among_equals_the_earlier_get_what_is_left(whole: Money, count: int) -> None:
    sizes = [abs(share.minor) for share in allocate(whole, [Decimal(1)] * count)]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


@given(moneys, _weights, st.integers(-6, 6))
def test_only_the_proportion_of_weights_counts(
    whole: Money, weights: list[Decimal], power: int
) -> None:
    scaled = [Decimal(f"{weight}E{power}") for weight in weights]

    assert allocate(whole, scaled) == allocate(whole, weights)


@given(moneys, _weights)
def test_a_debt_is_shared_as_its_opposite_is(whole: Money, weights: list[Decimal]) -> None:
    opposite = Money(-whole.minor, whole.currency)

    shares = allocate(opposite, weights)

    assert [-share.minor for share in shares] == [each.minor for each in allocate(whole, weights)]


# --- tax

_percents = st.integers(0, 10_000).map(lambda hundredths: Decimal(f"{hundredths}E-2"))
_rates = st.lists(_percents, min_size=1, max_size=4).map(
    lambda percents: tuple(TaxRate(f"tax {n}", percent) for n, percent in enumerate(percents))
)
_roundings = st.sampled_from(TaxRounding)


def _taxed(
    lines: list[Money], rates: tuple[TaxRate, ...], rounding: TaxRounding, *, inclusive: bool
) -> tuple[TaxAmount, ...]:
    taxed = [(line, TaxRates(rates, inclusive=inclusive)) for line in lines]
    return taxes_on(taxed, lines[0].currency, rounding)


@given(st.integers(-(10**9), 10**9), _rates, currencies, _roundings)
@tried(150)
def test_an_inclusive_tax_is_what_the_exclusive_one_adds_to_the_net(
    net: int, rates: tuple[TaxRate, ...], currency: str, rounding: TaxRounding
) -> None:
    base = Money(net * 10_000, currency)  # whose taxes are whole units, so that nothing is rounded
    added = [tax.amount for tax in _taxed([base], rates, rounding, inclusive=False)]
    gross = base + total(added, currency)

    held = [tax.amount for tax in _taxed([gross], rates, rounding, inclusive=True)]

    assert held == added
    assert gross.minor - total(held, currency).minor == base.minor


@given(moneys, _rates)
def test_net_and_exact_inclusive_taxes_are_the_gross(
    gross: Money, rates: tuple[TaxRate, ...]
) -> None:
    inclusive = TaxRates(rates, inclusive=True)
    taxes = [inclusive.exact(gross, rate) for rate in rates]

    net = gross.minor - sum(taxes, Fraction(0))

    assert [net * Fraction(rate.percent) / 100 for rate in rates] == taxes
    assert 0 <= net * gross.minor <= gross.minor**2


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6), _rates, st.booleans())
@tried(150)
def test_a_tax_is_rounded_once_for_a_total_and_once_for_each_line(
    minors: list[int], rates: tuple[TaxRate, ...], inclusive: bool
) -> None:
    lines = [Money(minor, "USD") for minor in minors]
    held = Fraction(100) + (sum(Fraction(rate.percent) for rate in rates) if inclusive else 0)

    by_line = _taxed(lines, rates, TaxRounding.LINE, inclusive=inclusive)
    on_total = _taxed(lines, rates, TaxRounding.TOTAL, inclusive=inclusive)

    for each, once, rate in zip(by_line, on_total, rates, strict=True):
        exact = sum(minors) * Fraction(rate.percent) / held
        assert each.base == once.base == total(lines, "USD")
        assert abs(once.amount.minor - exact) <= HALF
        assert abs(each.amount.minor - exact) <= HALF * len(lines)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6), _rates, st.data())
def test_taxes_do_not_depend_on_the_order_of_lines(
    minors: list[int], rates: tuple[TaxRate, ...], data: st.DataObject
) -> None:
    rounding, inclusive = data.draw(_roundings), data.draw(st.booleans())
    shuffled = data.draw(st.permutations(minors))

    taxes, again = (
        _taxed([Money(minor, "USD") for minor in each], rates, rounding, inclusive=inclusive)
        for each in (minors, shuffled)
    )

    assert again == taxes


@given(moneys, _rates, st.integers(1, 100))
def test_on_a_total_it_does_not_matter_how_it_was_split(
    whole: Money, rates: tuple[TaxRate, ...], parts: int
) -> None:
    lines = [*allocate(whole, [Decimal(1)] * parts)]

    split, unsplit = (
        _taxed(each, rates, TaxRounding.TOTAL, inclusive=False) for each in (lines, [whole])
    )

    assert split == unsplit


@given(moneys, _rates, _roundings, st.booleans())
def test_a_credit_gives_back_the_tax_that_was_charged(
    amount: Money, rates: tuple[TaxRate, ...], rounding: TaxRounding, inclusive: bool
) -> None:
    credit = Money(-amount.minor, amount.currency)

    charged = _taxed([amount], rates, rounding, inclusive=inclusive)
    given_back = _taxed([credit], rates, rounding, inclusive=inclusive)

    assert [-tax.amount.minor for tax in given_back] == [tax.amount.minor for tax in charged]


@given(moneys, _percents)
def test_no_tax_is_due_at_no_rate_and_all_of_it_at_a_hundred_per_cent(
    amount: Money, percent: Decimal
) -> None:
    assume(percent > 0)
    rates = (TaxRate("none", Decimal(0)), TaxRate("all", Decimal(100)), TaxRate("some", percent))

    none, everything, _ = _taxed([amount], rates, TaxRounding.LINE, inclusive=False)

    assert none.amount.minor == 0
    assert everything.amount == amount
