"""What the operations on things have in common: custom fields, tokens, what is only kept."""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from postpaid.api.door_notes import Annotated, notes_of, with_notes
from postpaid.api.json_body import number_text
from postpaid.domain.errors import Invalid
from postpaid.domain.site import Scope

# Under this name a thing's annotations hold what only this door knows of it.
_DOOR = "chargeover"
CUSTOM = tuple(f"custom_{n}" for n in range(1, 21))
CUSTOM_LENGTH_MAX = 250
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TOKEN_LENGTH = 12
# Signs of the currencies that people know by one; others are named.
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "CAD": "$", "AUD": "$", "JPY": "¥"}
_IS_CUSTOM = re.compile(r"custom_[0-9]{1,2}")


def kept(thing: Annotated) -> dict[str, Any]:
    """Return what this door keeps with a thing."""
    return notes_of(_DOOR, thing)


def annotations(known: Mapping[str, Any], thing: Annotated | None = None) -> dict[str, Any]:
    """Return a thing's annotations with what this door is to keep; what is None is left out."""
    return with_notes(_DOOR, known, thing)


def split_custom(plain: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Take the custom fields, `custom_1` to `custom_20`, out of a body; raises `Invalid`."""
    rest, custom = {}, {}
    for name, value in plain.items():
        if name not in CUSTOM and not _IS_CUSTOM.fullmatch(name):
            rest[name] = value
            continue
        if name not in CUSTOM:
            raise Invalid("unknown_field", f"there are {len(CUSTOM)} custom fields", field=name)
        text = value
        if isinstance(value, int | Decimal) and (text := number_text(value)) is None:
            raise Invalid("invalid_field", "has too many digits", field=name)
        if text is not None and (not isinstance(text, str) or len(text) > CUSTOM_LENGTH_MAX):
            raise Invalid(
                "invalid_field", f"must be a text of {CUSTOM_LENGTH_MAX} characters", field=name
            )
        custom[name] = text or None
    return rest, custom


def custom_shown(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the custom fields as they are shown, those without a value too."""
    return {name: known.get(name) for name in CUSTOM}


def token(scope: Scope, kind: str, number: int) -> str:
    """Return a name of 12 letters and digits for a thing; it tells nothing and opens nothing."""
    text = f"{scope.site}~{scope.generation}#{kind}#{number}"
    rest, letters = int.from_bytes(hashlib.sha256(text.encode()).digest()), ""
    for _ in range(_TOKEN_LENGTH):
        rest, place = divmod(rest, len(_LETTERS))
        letters += _LETTERS[place]
    return letters


def currency_shown(currency: str) -> dict[str, Any]:
    """Show a currency: its code as a number to the base of 26, its sign, and its code."""
    number = 0
    for letter in currency:
        number = number * 26 + ord(letter) - ord("A")
    return {
        "currency_id": number,
        "currency_symbol": _SIGNS.get(currency, currency),
        "currency_iso4217": currency,
    }


def terms_shown(days: int) -> dict[str, Any]:
    """Show how many days there are to pay, with the name that the vendor gives it."""
    return {"terms_name": f"Net {days}" if days else "Due on Receipt", "terms_days": days}


def formatted(amount: Decimal, currency: str) -> str:
    """Print an amount as the vendor does, `$ 500.00`."""
    # Recording reads custom fields here and prints no amount: it must not load what rounds.
    from postpaid.domain.money import Money  # noqa: PLC0415

    money = Money.rounded(amount, currency)
    return f"{_SIGNS.get(currency, currency)} {money}"
