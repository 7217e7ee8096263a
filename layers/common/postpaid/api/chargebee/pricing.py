"""Prices in Chargebee's words: minor units, and tiers that have a first and a last unit.

Money is integer minor units, or `*_in_decimal` in major units, exact. Tiers of whole units begin at
1, and each at the unit after the one before it; tiers of decimals begin at 0, and each where the
one before it ends (chargebee_api_v2_pc_v2_spec, ItemPrice).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from postpaid.api.chargebee.params import Digits, Params, Whole
from postpaid.api.chargebee.things import without_none
from postpaid.api.spelling import spelled
from postpaid.domain.catalog import ItemPrice
from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, MINOR_UNITS, in_minor_units
from postpaid.domain.quantity import decimal_text

type Plain = dict[str, Any]
Model = Literal["flat_fee", "per_unit", "tiered", "volume", "stairstep"]
Amount = Annotated[Whole, Field(ge=0, le=10**15)]
_TIERED = frozenset({"tiered", "volume", "stairstep"})
_SIMPLE = {"flat_fee": "amount", "per_unit": "unit_amount"}
# What this door can say of a price beside its model.
_SAYABLE = frozenset({"pricing_model", "free_units", "tiers"})
QUANTITY_MAX = 2**31 - 1
Units = Annotated[Whole, Field(ge=1, le=QUANTITY_MAX)]
_ONE = Decimal(1)


class TierRow(Params):
    """One tier of a price."""

    starting_unit: Units | None = None
    ending_unit: Units | None = None
    price: Amount | None = None
    starting_unit_in_decimal: Digits | None = None
    ending_unit_in_decimal: Digits | None = None
    price_in_decimal: Digits | None = None
    pricing_type: Literal["per_unit", "flat_fee", "package"] | None = None
    package_size: Units | None = None


def major(minor: int | None, exact: str | None, currency: str, field: str) -> str:
    """Return an amount in major units from either way to say it; raises `Invalid`."""
    if (minor is None) == (exact is None):
        raise Invalid("missing_field", f"give it, or {field}_in_decimal, but not both", field=field)
    if exact is not None:
        return exact
    return decimal_text(EXACT.scaleb(Decimal(minor or 0), -MINOR_UNITS[currency]))


def minor_and_exact(amount: Decimal, currency: str) -> tuple[int, str | None]:
    """Return an amount in minor units, and in major units too where those are not whole."""
    minor = in_minor_units(amount, currency)
    is_whole = EXACT.scaleb(Decimal(minor), -MINOR_UNITS[currency]) == amount
    return minor, None if is_whole else decimal_text(amount)


def whole_and_exact(number: Decimal) -> tuple[int, str | None]:
    """Return a number of units as a whole one, cut, and exactly too where it is not."""
    cut = min(int(number), QUANTITY_MAX)
    return cut, None if cut == number else decimal_text(number)


def plain_pricing(
    model: str,
    price: int | None,
    exact: str | None,
    tiers: Sequence[TierRow],
    currency: str,
    tiers_field: str = "tiers",
) -> Plain:
    """Return the plain form of a price; raises `Invalid` naming the parameter."""
    if model in _TIERED:
        for name, given in (("price", price), ("price_in_decimal", exact)):
            if given is not None:
                raise Invalid("invalid_field", f"goes with each tier of {model}", field=name)
        return {"pricing_model": model, "tiers": _plain_tiers(model, tiers, currency, tiers_field)}
    if tiers:
        raise Invalid("invalid_field", f"{model} has no tiers", field=tiers_field)
    return {"pricing_model": model, _SIMPLE[model]: major(price, exact, currency, "price")}


def repriced(
    price: ItemPrice,
    unit_price: int | None,
    exact: str | None,
    tiers: Sequence[TierRow],
    field: str,
) -> Plain | None:
    """Return the plain form of a price's own model with other amounts, None without any.

    They are a *unit_price*, at *field*, or `item_tiers`. Raises `Invalid` naming the parameter.
    """
    plain = price.charge.to_plain()
    model = plain["pricing_model"]
    is_said = unit_price is not None or exact is not None
    if tiers:
        if is_said:
            raise Invalid("invalid_field", "goes without item_tiers", field=field)
        own = plain_pricing(model, None, None, tiers, price.currency, "item_tiers")
    elif is_said:
        if model not in _SIMPLE:
            raise Invalid("invalid_field", f"{model} has item_tiers instead", field=field)
        with spelled({"unit_price": field}):
            amount = major(unit_price, exact, price.currency, "unit_price")
        own = {"pricing_model": model, _SIMPLE[model]: amount}
    else:
        return None
    # What goes with the model in the catalogue goes with it here.
    beside = {n: v for n, v in plain.items() if n not in {"tiers", "amount", "unit_amount"}}
    return {**beside, **own}


def _plain_tiers(model: str, tiers: Sequence[TierRow], currency: str, field: str) -> list[Plain]:
    if not tiers:
        raise Invalid("missing_field", f"{model} needs them", field=field)
    plain, before = [], None
    for index, tier in enumerate(tiers):
        end = _bounds(tier, before, index, len(tiers), field)
        plain.append({"up_to": end, **_tier_price(model, tier, currency, index, field)})
        before = tier
    return plain


def _bounds(
    tier: TierRow, before: TierRow | None, index: int, count: int, field: str
) -> str | None:
    """Return the last unit of a tier, None of the last tier; its first one must fit."""
    is_exact = tier.starting_unit_in_decimal is not None or tier.ending_unit_in_decimal is not None
    suffix = "_in_decimal" if is_exact else ""
    start, end = f"starting_unit{suffix}", f"ending_unit{suffix}"
    given, last = getattr(tier, start), getattr(tier, end)
    ended = None if before is None else getattr(before, end)
    first = Decimal(0 if is_exact else 1) if before is None else None
    if first is None and ended is not None:
        first = Decimal(ended) if is_exact else Decimal(ended) + _ONE
    if first is None or given is None or Decimal(given) != first:
        wanted = "follow the tier before it" if first is None else f"be {decimal_text(first)}"
        raise Invalid("invalid_field", f"must {wanted}", field=f"{field}[{start}][{index}]")
    if (last is None) != (index == count - 1):
        raise Invalid(
            "invalid_field",
            "is for every tier but the last, which has no end",
            field=f"{field}[{end}][{index}]",
        )
    if last is not None and Decimal(last) < first:
        raise Invalid(
            "invalid_field", "must not be less than the start", field=f"{field}[{end}][{index}]"
        )
    return None if last is None else str(last)


def _tier_price(model: str, tier: TierRow, currency: str, index: int, field: str) -> Plain:
    with spelled({"price": f"{field}[price][{index}]"}):
        amount = major(tier.price, tier.price_in_decimal, currency, "price")
    kind = tier.pricing_type or ("flat_fee" if model == "stairstep" else "per_unit")
    if (kind == "package") != (tier.package_size is not None):
        raise Invalid(
            "invalid_field",
            "goes with the pricing_type package",
            field=f"{field}[package_size][{index}]",
        )
    if model == "stairstep" and kind != "flat_fee":
        raise Invalid(
            "invalid_field", "is flat_fee for stairstep", field=f"{field}[pricing_type][{index}]"
        )
    if kind == "flat_fee":
        return {"flat_amount": amount}
    plain: Plain = {"unit_amount": amount}
    return plain if tier.package_size is None else plain | {"package_size": str(tier.package_size)}


# --- the other way


def shown_pricing(plain: Mapping[str, Any], currency: str) -> Plain:
    """Show a price as this door can, without `pricing_model` where it has no word for it.

    What it cannot say is shown in the native form, as `native_pricing`.
    """
    packaged = _as_tiers(plain)
    model = packaged["pricing_model"]
    if not _can_say(packaged):
        return {"native_pricing": dict(plain)}
    free, free_exact = whole_and_exact(Decimal(packaged.get("free_units", "0")))
    shown: Plain = {"pricing_model": model, "free_quantity": free}
    if free_exact is not None:
        shown["free_quantity_in_decimal"] = free_exact
    if model in _TIERED:
        return shown | {"tiers": shown_tiers(packaged, currency)}
    price, exact = minor_and_exact(Decimal(packaged[_SIMPLE[model]]), currency)
    shown["price"] = price
    return shown if exact is None else shown | {"price_in_decimal": exact}


def _can_say(plain: Mapping[str, Any]) -> bool:
    model = plain["pricing_model"]
    if model not in _TIERED | _SIMPLE.keys() or plain.keys() - _SAYABLE - {_SIMPLE.get(model)}:
        return False
    both = ("unit_amount", "flat_amount")
    return not any(
        all(Decimal(tier.get(name) or 0) for name in both) for tier in plain.get("tiers", ())
    )


def _as_tiers(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say a price by the package as one tier of packages, which is the same."""
    if plain["pricing_model"] != "package" or plain.get("round"):
        return plain
    rest = {n: v for n, v in plain.items() if n not in {"amount", "package_size"}}
    tier = {
        "up_to": None,
        "unit_amount": plain["amount"],
        "package_size": plain["package_size"],
    }
    return {**rest, "pricing_model": "tiered", "tiers": [tier]}


def shown_tiers(plain: Mapping[str, Any], currency: str) -> list[Plain]:
    """Show tiers in whole units if all their bounds are, else in decimals."""
    tiers = plain["tiers"]
    bounds = [Decimal(tier["up_to"]) for tier in tiers if tier["up_to"] is not None]
    in_whole = all(bound == bound.to_integral_value() for bound in bounds)
    shown, before = [], Decimal(0)
    for tier in tiers:
        end = None if tier["up_to"] is None else Decimal(tier["up_to"])
        price = _price_shown(tier, plain["pricing_model"], currency)
        shown.append(_bounds_shown(before, end, in_whole=in_whole) | price)
        before = before if end is None else end
    return shown


def _bounds_shown(before: Decimal, end: Decimal | None, *, in_whole: bool) -> Plain:
    if in_whole:
        return without_none(
            {"starting_unit": int(before) + 1, "ending_unit": None if end is None else int(end)}
        )
    return without_none(
        {
            "starting_unit": int(before),
            "ending_unit": None if end is None else int(end),
            "starting_unit_in_decimal": decimal_text(before),
            "ending_unit_in_decimal": None if end is None else decimal_text(end),
        }
    )


def _price_shown(tier: Mapping[str, Any], model: str, currency: str) -> Plain:
    flat = Decimal(tier.get("flat_amount") or 0)
    price, exact = minor_and_exact(flat or Decimal(tier.get("unit_amount") or 0), currency)
    size = tier.get("package_size")
    is_flat = bool(flat) or model == "stairstep"  # a stair may cost nothing
    kind = "package" if size is not None else "flat_fee" if is_flat else "per_unit"
    return without_none(
        {
            "price": price,
            "price_in_decimal": exact,
            "pricing_type": kind,
            "package_size": None if size is None else int(Decimal(size)),
            "object": "tier",
        }
    )
