"""Exact decimal numbers as clients write them: quantities and prices."""

import re
from decimal import Decimal

from postpaid.domain.errors import Invalid

INTEGER_DIGITS_MAX = 18
FRACTION_DIGITS_MAX = 20
_DIGITS_READ_MAX = 100
_PLAIN = re.compile(
    rf"-?(0|[1-9][0-9]{{0,{INTEGER_DIGITS_MAX - 1}}})(\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?"
)


def parse_decimal(value: object, field: str) -> Decimal:
    """Read an exact number from a string, an int or a `Decimal` (a JSON number).

    At most 18 digits before and 20 after the point, so that 38 digits always hold it. Strings are
    plain: no exponent, no leading `+` or zeros, no separators. Raises `Invalid` naming *field*.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Invalid("invalid_field", "must be a decimal number, as a string", field=field)
    text = value if isinstance(value, str) else _plain_text(value, field)
    if not _PLAIN.fullmatch(text):
        raise Invalid(
            "invalid_field",
            f"must be a plain decimal number with at most {INTEGER_DIGITS_MAX} digits before "
            f"and {FRACTION_DIGITS_MAX} after the point",
            field=field,
        )
    return Decimal(text)


def parse_quantity(value: object, field: str) -> Decimal:
    """Read a usage quantity: like `parse_decimal`, and greater than zero."""
    number = parse_decimal(value, field)
    if number <= 0:
        raise Invalid("invalid_field", "must be greater than 0", field=field)
    return number


def parse_amount(value: object, field: str) -> Decimal:
    """Read a price in major units of its currency: like `parse_decimal`, zero or more."""
    number = parse_decimal(value, field)
    if number < 0:
        raise Invalid("invalid_field", "must not be negative", field=field)
    return number.copy_abs()  # "-0" is zero; abs() would round to the process's 28 digits


def decimal_text(number: Decimal) -> str:
    """Print a number in its one canonical form: plain notation, no trailing zeros.

    >>> decimal_text(Decimal("361.500"))
    '361.5'
    """
    if number == 0:
        return "0"  # whatever its sign and exponent
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain_text(value: int | Decimal, field: str) -> str:
    number = Decimal(value)
    if not number.is_finite():
        raise Invalid("invalid_field", "must be a finite number", field=field)
    # Printing 1E+999999 in full would take a megabyte; its size alone refuses it.
    if number.adjusted() >= INTEGER_DIGITS_MAX or len(number.as_tuple().digits) > _DIGITS_READ_MAX:
        raise Invalid("invalid_field", "has too many digits", field=field)
    if number.adjusted() < -FRACTION_DIGITS_MAX and number != 0:
        raise Invalid("invalid_field", "has too many digits after the point", field=field)
    return decimal_text(number)
