"""Reading the plain forms of pricing models, field by field; null is the same as absent."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from postpaid.domain.errors import Invalid
from postpaid.domain.quantity import decimal_text, parse_amount

PERCENT_MAX = 100


def check_fields(
    plain: Mapping[str, Any], field: str, *, required: Collection[str], optional: Collection[str]
) -> None:
    """Refuse a missing or unknown field; raises `Invalid` naming it below *field*."""
    for name in required:
        if plain.get(name) is None:
            raise Invalid("missing_field", "is required", field=f"{field}{name}")
    for name in sorted(plain):
        if name not in required and name not in optional:
            raise Invalid("unknown_field", "is not a field here", field=f"{field}{name}")


def amount(plain: Mapping[str, Any], name: str, field: str) -> Decimal:
    """Read an amount or a rate, zero or more; absent is zero."""
    value = plain.get(name)
    return Decimal(0) if value is None else parse_amount(value, f"{field}{name}")


def amount_or_none(plain: Mapping[str, Any], name: str, field: str) -> Decimal | None:
    """Read an amount that may be absent."""
    value = plain.get(name)
    return None if value is None else parse_amount(value, f"{field}{name}")


def bounds(
    plain: Mapping[str, Any], least: str, most: str, field: str
) -> tuple[Decimal | None, Decimal | None]:
    """Read two amounts that may be absent; the first must not be greater than the second."""
    low, high = amount_or_none(plain, least, field), amount_or_none(plain, most, field)
    if low is not None and high is not None and low > high:
        raise Invalid("invalid_field", f"must not be less than {least}", field=f"{field}{most}")
    return low, high


def percent(plain: Mapping[str, Any], name: str, field: str) -> Decimal:
    """Read a rate in per cent, from 0 to 100; absent is zero."""
    rate = amount(plain, name, field)
    if rate > PERCENT_MAX:
        raise Invalid(
            "invalid_field", f"must be at most {PERCENT_MAX}, in per cent", field=f"{field}{name}"
        )
    return rate


def positive(plain: Mapping[str, Any], name: str, field: str) -> Decimal:
    """Read a number greater than zero; raises `Invalid`."""
    number = parse_amount(plain.get(name), f"{field}{name}")
    if number == 0:
        raise Invalid("invalid_field", "must be greater than 0", field=f"{field}{name}")
    return number


def choice(plain: Mapping[str, Any], name: str, field: str, options: tuple[str, ...]) -> str:
    """Read one of *options*; absent is the first."""
    value = plain.get(name)
    if value is None:
        return options[0]
    if value not in options:
        raise Invalid(
            "invalid_field", f"must be one of {', '.join(options)}", field=f"{field}{name}"
        )
    return str(value)


def switch(plain: Mapping[str, Any], name: str, field: str, *, default: bool) -> bool:
    """Read true or false."""
    value = plain.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Invalid("invalid_field", "must be true or false", field=f"{field}{name}")
    return value


def text_or_none(number: Decimal | None) -> str | None:
    """Print a number that may be absent."""
    return None if number is None else decimal_text(number)


def without_none(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in plain.items() if value is not None}
