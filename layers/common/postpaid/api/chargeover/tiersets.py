"""Tiersets: prices as this door's clients write and read them.

A tier holds what lies beyond the one before, up to its `unit_to`, that included. The last one is
without end whatever it says: 9999 is how the vendor writes that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from postpaid.api.chargeover.bodies import Amount, Fields, Number, Text, Whole, read_fields
from postpaid.api.chargeover.lists import Row
from postpaid.api.chargeover.paycycles import read_price_paycycle, shown_paycycle
from postpaid.api.chargeover.things import currency_shown, formatted, kept
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.money import add
from postpaid.domain.pricing.tiers import TIERS_MAX
from postpaid.domain.quantity import decimal_text

REFUSED = {
    "minimum": "there is no minimum of a tierset here",
    "percent": "there is no charge by per cent here",
    "currency_id": "a price is in the site's currency",
}
_DESCRIPTIONS = {
    "fla": "Flat pricing",
    "uni": "Unit pricing",
    "tie": "Tiered pricing",
    "vol": "Volume pricing",
}
_MODES = {"uni": "progressive", "tie": "progressive", "vol": "whole"}
_MODELS = {"progressive": "tiered", "whole": "volume"}
_CODES = {"tiered": "tie", "volume": "vol", "per_unit": "uni", "flat_fee": "fla"}
_NOTHING, _ONE = Decimal(0), Decimal(1)
_NO_END, _NO_END_AT_ALL = Decimal(9999), Decimal(2**31 - 1)


class TierFields(Fields):
    """One tier; its id is of what was read, and means nothing in what is written."""

    unit_from: Number | None = None
    unit_to: Number | None = None
    amount: Amount
    tier_id: Whole | None = None


class TiersetFields(Fields):
    """A price; `tier_mode` is ours, and says against the code how tiers count."""

    pricemodel: Literal["fla", "uni", "tie", "vol"]
    base: Amount | None = None
    setup: Amount | None = None
    paycycle: Text | None = None
    tiers: Annotated[list[TierFields], Field(max_length=TIERS_MAX)] | None = None
    tier_mode: Literal["progressive", "whole"] | None = None
    tierset_id: Whole | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tierset:
    """What a tierset is in the domain's words; *notes* are what is shown as it was said."""

    pricing: Mapping[str, Any]
    base_fee: Decimal | None
    setup_fee: Decimal | None
    cadence: Cadence | None
    notes: Mapping[str, Any]


def is_metered(plain: object) -> bool:
    """Tell whether a price is charged by usage, where nothing else says so."""
    return isinstance(plain, Mapping) and plain.get("pricemodel") in _MODES


def read_tierset(plain: object, place: str, *, metered: bool) -> Tierset:
    """Read a price of an item that is *metered* or not; raises `Invalid` naming the field.

    *place* is what its fields are named behind, `pricemodel`.
    """
    if not isinstance(plain, Mapping):
        raise Invalid("invalid_field", "must be an object", field=place)
    if plain.get("pricemodel") == "pas":
        why = "usage comes without prices here: say fla, uni, tie or vol"
        raise Invalid("not_supported", why, field=f"{place}.pricemodel")
    zeros = {n: v for n, v in plain.items() if n not in {"minimum", "percent"} or not _is_zero(v)}
    fields = read_fields(TiersetFields, zeros, refused=REFUSED, prefix=f"{place}.")
    base, tiers = fields.base or _NOTHING, fields.tiers or []
    if fields.pricemodel == "fla":
        if tiers:
            why = "flat pricing has no tiers: say uni, tie or vol"
            raise Invalid("invalid_field", why, field=f"{place}.tiers")
        pricing = _flat(base, metered=metered)
    else:
        if base and not metered:
            why = "beside tiers it is for what is charged by usage: make two items"
            raise Invalid("not_supported", why, field=f"{place}.base")
        pricing = _by_tiers(fields, tiers, place)
    return Tierset(
        pricing=pricing,
        base_fee=base if base and metered else None,
        setup_fee=fields.setup or None,
        cadence=read_price_paycycle(fields.paycycle, f"{place}.paycycle"),
        notes=_notes(fields, tiers),
    )


def shown_tierset(price: ItemPrice, own: Charge | None, *, metered: bool) -> Row:
    """Show a price, with the charge that a line has of its *own*.

    One that this door has no words for, `native_pricing` says whole.
    """
    charge = price.charge if own is None else own
    plain = charge.to_plain()
    kind = str(plain["pricing_model"])
    notes = kept(price) if own is None else {}
    code = _code(plain, notes.get("pricemodel"), metered=metered)
    base = price.base_fee or _NOTHING
    if kind == "flat_fee" and not metered:
        base = Decimal(plain["amount"])
    setup = price.setup_fee or _NOTHING
    tiered = code in _MODES
    return {
        "tierset_id": price.number,
        **currency_shown(price.currency),
        "setup": setup,
        "base": base,
        "minimum": _NOTHING,
        "percent": _NOTHING,
        "paycycle": shown_paycycle(price.cadence),
        "pricemodel": code,
        "pricemodel_desc": _DESCRIPTIONS.get(code, f"{kind} (native)"),
        "tier_mode": next((mode for mode, model in _MODELS.items() if model == kind), None),
        "setup_formatted": formatted(setup, price.currency),
        "base_formatted": formatted(base, price.currency),
        "minimum_formatted": formatted(_NOTHING, price.currency),
        "percent_formatted": "0 %",
        "write_datetime": price.first_created_at,
        "mod_datetime": price.updated_at,
        "tiers": _shown_tiers(plain, notes.get("tiers") or []) if tiered else [],
        **({} if tiered or code == "fla" else {"native_pricing": plain}),
    }


def _is_zero(value: object) -> bool:
    try:
        return isinstance(value, str | int | Decimal) and Decimal(value) == 0
    except ArithmeticError:
        return False


def _flat(base: Decimal, *, metered: bool) -> dict[str, Any]:
    """Return a flat price: of what is metered the base is a fee, and usage costs nothing."""
    if metered:
        return {"pricing_model": "per_unit", "unit_amount": "0"}
    return {"pricing_model": "flat_fee", "amount": decimal_text(base)}


def _by_tiers(fields: TiersetFields, tiers: Sequence[TierFields], place: str) -> dict[str, Any]:
    if not tiers:
        raise Invalid("missing_field", "is required", field=f"{place}.tiers")
    bounds = _bounds(tiers, place)
    if len(tiers) == 1 and fields.pricemodel == "uni":
        return {"pricing_model": "per_unit", "unit_amount": decimal_text(tiers[0].amount)}
    return {
        "pricing_model": _MODELS[fields.tier_mode or _MODES[fields.pricemodel]],
        "tiers": [
            {"up_to": bound, "unit_amount": decimal_text(tier.amount)}
            for bound, tier in zip(bounds, tiers, strict=True)
        ],
    }


def _bounds(tiers: Sequence[TierFields], place: str) -> list[str | None]:
    """Return up to where each tier reaches, None for the last; raises `Invalid`."""
    bounds: list[str | None] = []
    before = _NOTHING
    for index, tier in enumerate(tiers):
        where = f"{place}.tiers.{index}"
        if tier.unit_from not in {None, before, add(before, _ONE)}:
            raise Invalid(
                "invalid_field",
                f"must be {decimal_text(add(before, _ONE))}: tiers follow each other without a gap",
                field=f"{where}.unit_from",
            )
        last = index == len(tiers) - 1
        if tier.unit_to is None and not last:
            raise Invalid("missing_field", "is required", field=f"{where}.unit_to")
        if tier.unit_to is not None and tier.unit_to <= before:
            raise Invalid(
                "invalid_field",
                f"must be greater than {decimal_text(before)}",
                field=f"{where}.unit_to",
            )
        if not last and tier.unit_to is not None and tier.unit_to > _NO_END_AT_ALL:
            raise Invalid(
                "invalid_field",
                f"must be at most {decimal_text(_NO_END_AT_ALL)}",
                field=f"{where}.unit_to",
            )
        before = before if tier.unit_to is None else tier.unit_to
        bounds.append(None if last else decimal_text(before))
    return bounds


def _notes(fields: TiersetFields, tiers: Sequence[TierFields]) -> dict[str, Any]:
    """Return what is shown as it was said: the code, and where tiers begin and end."""
    return {
        "pricemodel": fields.pricemodel,
        "tiers": [
            [None if end is None else decimal_text(end) for end in (tier.unit_from, tier.unit_to)]
            for tier in tiers
        ]
        or None,
    }


def _code(plain: Mapping[str, Any], said: object, *, metered: bool) -> str:
    """Return the code of a price as it is now; what it was said with counts where it can."""
    kind = str(plain["pricing_model"])
    extra = plain.keys() - {"pricing_model", "unit_amount", "amount", "tiers"}
    tiers = plain.get("tiers", [])
    plain_tiers = all(
        Decimal(tier.get("flat_amount") or 0) == 0 and not tier.get("package_size")
        for tier in tiers
    )
    if extra or not plain_tiers or kind not in _CODES or (kind == "flat_fee" and metered):
        return kind
    if said == "fla":
        free = kind == "per_unit" and Decimal(plain["unit_amount"]) == 0
        return "fla" if kind == "flat_fee" or (free and metered) else _CODES[kind]
    by_tiers = said in _MODES and kind != "flat_fee" and (kind != "per_unit" or said == "uni")
    return str(said) if by_tiers else _CODES[kind]


def _shown_tiers(plain: Mapping[str, Any], said: Sequence[Sequence[str | None]]) -> list[Row]:
    tiers = plain.get("tiers") or [{"up_to": None, "unit_amount": plain["unit_amount"]}]
    shown: list[Row] = []
    before = _NOTHING
    for index, tier in enumerate(tiers):
        first, last = said[index] if len(said) == len(tiers) else (None, None)
        bound = None if tier["up_to"] is None else Decimal(tier["up_to"])
        behind = add(before, _ONE)
        begin = behind if before == int(before) else before
        if first is not None and Decimal(first) in {before, behind}:
            begin = Decimal(first)
        if bound is None:
            bound = _NO_END if before < _NO_END else _NO_END_AT_ALL
            if last is not None and Decimal(last) > before:
                bound = Decimal(last)
        shown.append(
            {
                "tier_id": index + 1,
                "unit_from": begin,
                "unit_to": bound,
                "amount": Decimal(tier["unit_amount"]),
            }
        )
        before = bound
    return shown
