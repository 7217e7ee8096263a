"""Numbers from outside: what is read, exactly, and what is refused."""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpaid.domain.errors import Invalid
from postpaid.domain.quantity import decimal_text, parse_amount, parse_decimal, parse_quantity
from tests.support.laws import plain_numbers, tried

type Reader = Callable[[object, str], Decimal]

# What is given, and the canonical text of what is read.
READ: list[tuple[object, str]] = [
    ("0", "0"),
    ("-0", "0"),
    ("0.0", "0"),
    ("-0.00", "0"),
    ("0.00000000000000000000", "0"),
    ("1", "1"),
    ("-1", "-1"),
    ("10", "10"),
    ("100", "100"),
    ("361", "361"),
    ("361.500", "361.5"),
    ("1.0", "1"),
    ("1.00000000000000000000", "1"),
    ("0.05", "0.05"),
    ("-0.05", "-0.05"),
    ("0.10", "0.1"),
    ("1000000.000001", "1000000.000001"),
    ("123456789012345678", "123456789012345678"),
    ("999999999999999999", "999999999999999999"),
    ("-999999999999999999", "-999999999999999999"),
    ("0.00000000000000000001", "0.00000000000000000001"),
    ("0.12345678901234567890", "0.1234567890123456789"),
    ("123456789012345678.12345678901234567891", "123456789012345678.12345678901234567891"),
    ("999999999999999999.99999999999999999999", "999999999999999999.99999999999999999999"),
    ("-999999999999999999.99999999999999999999", "-999999999999999999.99999999999999999999"),
    # What a JSON number becomes.
    (0, "0"),
    (1, "1"),
    (-1, "-1"),
    (361, "361"),
    (10**18 - 1, "999999999999999999"),
    (1 - 10**18, "-999999999999999999"),
    (Decimal("361.500"), "361.5"),
    (Decimal("-0"), "0"),
    (Decimal("0E+5"), "0"),
    (Decimal("0E-30"), "0"),
    (Decimal("-0E-999999"), "0"),
    (Decimal("1E+2"), "100"),
    (Decimal("1.5E+3"), "1500"),
    (Decimal("1E+17"), "100000000000000000"),
    (Decimal("9.99E+17"), "999000000000000000"),
    (Decimal("1E-20"), "0.00000000000000000001"),
    (Decimal("1.50E-19"), "0.00000000000000000015"),
    (Decimal("1." + "0" * 99), "1"),
    (Decimal("123456789012345678.12345678901234567891"), "123456789012345678.12345678901234567891"),
]

REFUSED: list[object] = [
    # Nothing, signs and points
    "",
    " ",
    ".",
    "-",
    "-.",
    "+1",
    "+0",
    "--1",
    "-+1",
    "1-",
    "- 1",
    ".5",
    "-.5",
    "5.",
    "1..2",
    "1.2.3",
    "1.-2",
    # Leading zeros
    "00",
    "01",
    "-01",
    "00.5",
    # Separators and white space
    "1,5",
    "1,000",
    "1.000,00",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "1'000",
    "1 000",
    "1\u00a0000",
    " 1",
    "1 ",
    "1\n",
    "\n1",
    "1\r\n",
    "1\t",
    "1\x00",
    # Exponents and other notations
    "1e2",
    "1E2",
    "1e+2",
    "1E-2",
    "1e400",
    "1e99999999999",
    "0x10",
    "0b1",
    "0o7",
    "1f",
    "1L",
    "1/2",
    "1%",
    "$1",
    "(1)",
    # What is not a number
    "NaN",
    "nan",
    "sNaN",
    "-NaN",
    "NaN1",
    "Infinity",
    "-Infinity",
    "inf",
    "true",
    "None",
    "null",
    "one",
    # Digits that are not ASCII, and characters one does not see
    "\uff11\uff12",
    "\u0663",
    "\u0967",
    "\u4e00",
    "\u00b2",
    "\u00bd",
    "\u2460",
    "1\u066b5",
    "\u22121",
    "\u20131",
    "\ufeff1",
    "1\u200b",
    "\u202e1",
    "1\ud800",
    # Too many digits
    "1234567890123456789",
    "1000000000000000000",
    "0.000000000000000000001",
    "1.000000000000000000000",
    "1" * 39,
    "1" * 5_000,
    "0." + "1" * 5_000,
    "-" * 5_000,
    10**18,
    -(10**18),
    10**5_000,
    Decimal("1E+18"),
    Decimal("-1E+18"),
    Decimal("1E+999999"),
    Decimal("1E+999999999999999999"),
    Decimal("1E-21"),
    Decimal("1.5E-20"),
    Decimal("1E-999999999999999999"),  # printed in full it would fill any memory
    Decimal("1." + "0" * 100),
    Decimal("1" * 5_000),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("-Infinity"),
    # Other types
    None,
    True,
    False,
    1.5,
    1.0,
    math.nan,
    math.inf,
    1j,
    Fraction(1, 2),
    b"1",
    [],
    ["1"],
    {},
    {"1": 1},
    (),
    object(),
]


def _label(value: object) -> str:
    try:
        text = ascii(value)
    except ValueError:  # an integer of more digits than Python prints
        text = "huge"
    return "object" if text.startswith("<object") else text[:45]


def _refuses(read: Reader, value: object) -> None:
    with pytest.raises(Invalid) as refusal:
        read(value, "lines[0].quantity")
    assert refusal.value.code == "invalid_field"
    assert refusal.value.field == "lines[0].quantity"


@pytest.mark.parametrize(("value", "text"), READ, ids=[_label(value) for value, _ in READ])
def test_a_number_is_read_exactly(value: object, text: str) -> None:
    number = parse_decimal(value, "quantity")

    assert Fraction(number) == Fraction(text)
    assert decimal_text(number) == text


@pytest.mark.parametrize("value", REFUSED, ids=_label)
def test_what_is_not_a_plain_number_is_refused(value: object) -> None:
    for read in (parse_decimal, parse_quantity, parse_amount):
        _refuses(read, value)


@pytest.mark.parametrize(("value", "text"), READ, ids=[_label(value) for value, _ in READ])
def test_a_quantity_is_greater_than_zero_and_an_amount_not_less(value: object, text: str) -> None:
    if Fraction(text) > 0:
        assert decimal_text(parse_quantity(value, "quantity")) == text
    else:
        _refuses(parse_quantity, value)
    if Fraction(text) >= 0:
        amount = parse_amount(value, "amount")
        assert decimal_text(amount) == text
        assert not amount.is_signed()
    else:
        _refuses(parse_amount, value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("0E+3", "0"),
        ("0E-7", "0"),
        ("18.05", "18.05"),
        ("18.050", "18.05"),
        ("-18.50", "-18.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("1E-7", "0.0000001"),
        ("-1.20E+3", "-1200"),
    ],
)
def test_equal_numbers_have_one_text(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


def _is_plain(text: str) -> bool:
    """Tell by hand, without a regular expression, what the grammar says."""
    digits = set("0123456789")
    whole, point, fraction = text.removeprefix("-").partition(".")
    return (
        1 <= len(whole) <= 18
        and set(whole) <= digits
        and (whole == "0" or whole[0] != "0")
        and (not point or (1 <= len(fraction) <= 20 and set(fraction) <= digits))
    )


@given(st.text("0159-+.eE_, NaIinf\n\u0661\uff11", max_size=24) | plain_numbers(signed=True))
@example("-0")
@tried(400)
def test_only_plain_numbers_are_read(text: str) -> None:
    if _is_plain(text):
        assert Fraction(parse_decimal(text, "quantity")) == Fraction(text)
    else:
        _refuses(parse_decimal, text)


@given(plain_numbers(signed=True), st.text(max_size=3), st.integers(0, 40))
@tried(200)
def test_nothing_may_be_slipped_into_a_number(text: str, slipped: str, place: int) -> None:
    given_text = text[:place] + slipped + text[place:]

    if _is_plain(given_text):
        assert Fraction(parse_decimal(given_text, "quantity")) == Fraction(given_text)
    else:
        _refuses(parse_decimal, given_text)


@given(plain_numbers(signed=True))
@tried(150)
def test_a_number_survives_its_text(text: str) -> None:
    number = parse_decimal(text, "quantity")

    again = parse_decimal(decimal_text(number), "quantity")

    assert Fraction(again) == Fraction(text)
    assert decimal_text(again) == decimal_text(number)
    assert len(decimal_text(number)) <= len(text)


@given(st.integers(-(10**24), 10**24), st.integers(-30, 30))
@tried(200)
def test_a_json_number_is_read_as_its_plain_text_would_be(digits: int, exponent: int) -> None:
    exact = Fraction(digits) * Fraction(10) ** exponent
    fits = abs(exact) < 10**18 and (exact * 10**20).denominator == 1

    if fits:
        assert Fraction(parse_decimal(Decimal(f"{digits}E{exponent}"), "quantity")) == exact
    elif exact:
        _refuses(parse_decimal, Decimal(f"{digits}E{exponent}"))


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.binary())
def test_a_number_is_read_or_refused_and_nothing_else(value: object) -> None:
    for read in (parse_decimal, parse_quantity, parse_amount):
        outcome: Decimal | Invalid
        try:
            outcome = read(value, "quantity")
        except Invalid as refusal:
            outcome = refusal

        if isinstance(outcome, Invalid):
            assert (outcome.code, outcome.field) == ("invalid_field", "quantity")
        else:
            assert outcome.is_finite()
