"""Money in whole minor units, and the one place that rounds."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from babel.core import get_global
from babel.numbers import get_territory_currencies, list_currencies
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, MINOR_UNITS, Money, check_currency, total
from tests.support.laws import tried

# One currency of each kind there is: 0, 2, 3 and 4 places.
KINDS = ("JPY", "USD", "BHD", "CLF")

# exact amount, currency, minor units, text
ROUNDED = [
    ("18.05", "USD", 1805, "18.05"),
    ("0", "USD", 0, "0.00"),
    ("-0", "USD", 0, "0.00"),
    ("0.004", "USD", 0, "0.00"),
    ("0.005", "USD", 1, "0.01"),
    ("0.0049999999999999999999", "USD", 0, "0.00"),
    ("0.0050000000000000000001", "USD", 1, "0.01"),
    ("0.015", "USD", 2, "0.02"),
    ("0.025", "USD", 3, "0.03"),
    ("2.675", "USD", 268, "2.68"),
    ("1.005", "USD", 101, "1.01"),
    ("-0.005", "USD", -1, "-0.01"),
    ("-0.004", "USD", 0, "0.00"),
    ("-2.675", "USD", -268, "-2.68"),
    ("-0.025", "USD", -3, "-0.03"),
    ("99.995", "USD", 10000, "100.00"),
    ("1E+3", "USD", 100000, "1000.00"),
    ("0.4", "JPY", 0, "0"),
    ("0.5", "JPY", 1, "1"),
    ("1.5", "JPY", 2, "2"),
    ("2.5", "JPY", 3, "3"),
    ("-2.5", "JPY", -3, "-3"),
    ("361", "JPY", 361, "361"),
    ("0.0005", "BHD", 1, "0.001"),
    ("0.0004", "BHD", 0, "0.000"),
    ("1.2345", "BHD", 1235, "1.235"),
    ("-1.2345", "BHD", -1235, "-1.235"),
    ("0.00005", "CLF", 1, "0.0001"),
    ("1.23445", "CLF", 12345, "1.2345"),
    ("-1.23445", "CLF", -12345, "-1.2345"),
    ("999999999999999999.995", "USD", 100000000000000000000, "1000000000000000000.00"),
]

PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

NO_CURRENCIES: list[object] = [
    *("", "usd", "Usd", " USD", "USD ", "USD\n", "US", "USDD", "US$", "$", "euro"),
    *("\uff35\uff33\uff24", "XXX", "XTS", "XAU", "DEM", "BTC", "840"),
    *(None, True, 840, 1.5, b"USD", ["USD"], {"USD": 2}, ("USD",)),
]


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "text"), ROUNDED, ids=[" ".join(row[:2]) for row in ROUNDED]
)
def test_an_amount_is_rounded_half_away_from_zero(
    amount: str, currency: str, minor: int, text: str
) -> None:
    money = Money.rounded(Decimal(amount), currency)

    assert money == Money(minor, currency)
    assert str(money) == text
    assert Fraction(money.decimal) == Fraction(text)


def _half_away_from_zero(exact: Fraction) -> int:
    magnitude = (2 * abs(exact) + 1) // 2
    return int(magnitude) if exact >= 0 else -int(magnitude)


@pytest.mark.parametrize("currency", KINDS)
@given(digits=st.integers(-(10**40), 10**40), exponent=st.integers(-40, 3))
@tried(120)
def test_rounding_agrees_with_fractions(currency: str, digits: int, exponent: int) -> None:
    exact = Fraction(digits) * Fraction(10) ** exponent

    money = Money.rounded(Decimal(f"{digits}E{exponent}"), currency)

    assert money.minor == _half_away_from_zero(exact * 10 ** MINOR_UNITS[currency])


@pytest.mark.parametrize("currency", KINDS)
@given(minor=st.integers(-(10**20), 10**20))
def test_a_tie_goes_away_from_zero(currency: str, minor: int) -> None:
    places = MINOR_UNITS[currency]
    tie = Decimal(f"{minor}5E-{places + 1}")

    rounded = Money.rounded(tie, currency).minor

    assert abs(rounded) == abs(minor) + 1
    assert rounded == 0 or (rounded > 0) == (not tie.is_signed())


@pytest.mark.parametrize("currency", KINDS)
@given(minor=st.integers(-(10**30), 10**30))
def test_whole_minor_units_are_not_rounded(currency: str, minor: int) -> None:
    money = Money(minor, currency)

    assert Money.rounded(money.decimal, currency) == money
    assert Money.rounded(Decimal(str(money)), currency) == money
    assert len(str(money).partition(".")[2]) == MINOR_UNITS[currency]


def test_a_result_that_would_lose_a_digit_is_an_error() -> None:
    long = Decimal("1" * 300)

    with pytest.raises(ArithmeticError):
        EXACT.multiply(long, long)


@given(st.lists(st.integers(-(10**25), 10**25)))
def test_a_total_is_the_sum_of_its_parts(minors: list[int]) -> None:
    assert total((Money(minor, "USD") for minor in minors), "USD") == Money(sum(minors), "USD")


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(AssertionError):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(AssertionError):
        total([Money(1, "EUR")], "USD")


def test_money_has_a_currency_that_exists() -> None:
    with pytest.raises(AssertionError):
        Money(1, "XXX")


def test_every_currency_has_the_places_of_iso_4217() -> None:
    expected = {code: places for places, codes in PLACES.items() for code in codes.split()}
    others = {code: places for code, places in MINOR_UNITS.items() if places != 2}

    assert others == expected


def test_every_currency_that_is_legal_tender_somewhere_is_known() -> None:
    tender = {
        code
        for territory in get_global("territory_currencies")
        for code in get_territory_currencies(territory, start_date=date(2026, 6, 1))
    }

    # CLDR may not know yet that Bulgaria has the euro.
    assert tender - {"BGN"} <= set(MINOR_UNITS)
    assert set(MINOR_UNITS) <= list_currencies()


def test_a_currency_code_is_taken_as_it_is() -> None:
    assert [check_currency(code, "currency") for code in MINOR_UNITS] == list(MINOR_UNITS)
    assert all(re.fullmatch("[A-Z]{3}", code) for code in MINOR_UNITS)


@pytest.mark.parametrize("value", NO_CURRENCIES, ids=ascii)
def test_what_is_no_currency_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as refusal:
        check_currency(value, "currency")

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "currency")
