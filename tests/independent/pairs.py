"""Prices and usage to compare two raters on: any model, any modifier, quantities near the edges.

A pair is a function of its seed alone, so that one that failed can be made again. Left out is what
the docs do not decide: no usages at all of a price on their sum, and free units off a bare quantity
where usages are priced one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

type Plain = dict[str, Any]
type Usages = Sequence[str] | Mapping[str, str]

MODELS = (
    *("flat_fee", "per_unit", "tiered", "volume", "stairstep", "package", "percentage"),
    *("tiered_percentage", "dynamic", "tiered_blocks", "volume_blocks", "capacity"),
)
SWITCHES: dict[str, tuple[str | bool, str | bool]] = {
    "upper_bound": ("inclusive", "exclusive"),
    "zero_quantity_flat": (True, False),
    "stairstep": ("in_tier", "cumulative"),
    "fractional": ("none", "ceil_for_tier"),
}
CURRENCIES = ("JPY", "USD", "KWD", "CLF")

# What clients may write: 18 digits, a point, 20 digits.
LEAST = Fraction(1, 10**20)
MOST = 10**18 - LEAST


@dataclass(frozen=True)
class Pair:
    """A price and what was used of it: a quantity, or usages."""

    seed: int
    pricing: Plain
    quantity: str | None
    usages: Usages | None
    currency: str


def pair(seed: int) -> Pair:
    """Return the pair of a seed."""
    dice = Random(seed)  # noqa: S311 - the same every time is what it is for
    kind = dice.choice(MODELS)
    currency = dice.choice(CURRENCIES)
    if kind == "capacity":
        pricing, usages = _capacity(dice)
        return Pair(seed, pricing | _around(dice), None, usages, currency)
    model = {"pricing_model": kind} | _MODELS[kind](dice)
    pricing = model | _modifiers(dice)
    by_event = kind == "percentage" or "aggregation" in pricing
    pricing |= _around(dice)
    if not by_event and _happens(dice, 10):
        pricing["previous_quantity"] = text(_quantity(dice, pricing))
    if _happens(dice, 40) and not (by_event and "free_units" in pricing):
        return Pair(seed, pricing, text(_quantity(dice, pricing)), None, currency)
    return Pair(seed, pricing, None, _usages(dice, pricing, by_event=by_event), currency)


def text(number: Fraction) -> str:
    """Write a number as clients must, cut off where they have to."""
    atoms = int(min(max(number, Fraction(0)), MOST) / LEAST)
    whole, rest = divmod(atoms, 10**20)
    return f"{whole}.{rest:020}".rstrip("0").rstrip(".") if rest else str(whole)


# --- numbers


def _happens(dice: Random, percent: int) -> bool:
    return dice.randrange(100) < percent


def _some(dice: Random) -> Fraction:
    """Draw a positive number: small, round, with cents, with many decimals, or huge."""
    match dice.randrange(6):
        case 0:
            return Fraction(dice.randint(1, 12))
        case 1:
            return Fraction(10) ** dice.randint(-4, 6)
        case 2:
            return Fraction(dice.randint(1, 99_999), 100)
        case 3:
            return Fraction(dice.randint(1, 999), 10 ** dice.randint(1, 6))
        case 4:
            return dice.randint(1, 10**21) * LEAST
        case _:
            return dice.randint(1, 10**38 - 1) * LEAST


def _amount(dice: Random) -> str:
    return "0" if _happens(dice, 10) else text(_some(dice))


def _percent(dice: Random) -> str:
    if _happens(dice, 50):
        return str(dice.randint(0, 100))
    return text(dice.randint(0, 10**22) * LEAST)


# --- models


def _maybe(dice: Random, name: str, value: str) -> Plain:
    return {name: value} if _happens(dice, 50) else {}


def _bounds(dice: Random) -> list[str | None]:
    """Draw rising bounds; the last is open, or not."""
    bounds: list[str | None] = []
    bound = Fraction(0)
    for _ in range(dice.choice((0, 1, 2, 3, 4, 12))):
        bound += dice.choice((Fraction(1), Fraction(10), Fraction(1, 2), LEAST, _some(dice)))
        if bound < MOST:
            bounds.append(text(bound))
    if not bounds or _happens(dice, 75):
        bounds.append(None)
    return bounds


def _semantics(dice: Random) -> Plain:
    switches = {
        name: values[not _happens(dice, 30)]
        for name, values in SWITCHES.items()
        if _happens(dice, 50)
    }
    return {"semantics": switches} if switches else {}


def _unit_tiers(dice: Random) -> Plain:
    tiers = [
        {"up_to": bound, "unit_amount": _amount(dice)}
        | _maybe(dice, "flat_amount", _amount(dice))
        | ({"package_size": text(_some(dice))} if _happens(dice, 25) else {})
        for bound in _bounds(dice)
    ]
    return {"tiers": tiers} | _semantics(dice)


def _flat_tiers(dice: Random) -> Plain:
    tiers = [{"up_to": bound, "flat_amount": _amount(dice)} for bound in _bounds(dice)]
    return {"tiers": tiers} | _semantics(dice)


def _rate_tiers(dice: Random) -> Plain:
    tiers = [
        {"up_to": bound, "rate": _percent(dice)} | _maybe(dice, "flat_amount", _amount(dice))
        for bound in _bounds(dice)
    ]
    return {"tiers": tiers} | _semantics(dice)


def _block_tiers(dice: Random) -> Plain:
    tiers: list[Plain] = [
        {
            "block_size": text(_some(dice)),
            "max_blocks": str(dice.choice((1, 2, 10, 1000))),
            "unit_amount": _amount(dice),
        }
        for _ in range(dice.randint(1, 4))
    ]
    if _happens(dice, 75):
        tiers[-1]["max_blocks"] = None
    return {"tiers": tiers}


def _package(dice: Random) -> Plain:
    size = {"amount": _amount(dice), "package_size": text(_some(dice))}
    return size | _maybe(dice, "round", dice.choice(("up", "down")))


def _percentage(dice: Random) -> Plain:
    plain: Plain = {"rate": _percent(dice)} | _maybe(dice, "fixed_amount", _amount(dice))
    if _happens(dice, 40):
        plain["free_events"] = dice.randint(0, 4)
    if _happens(dice, 40):
        plain["free_amount"] = _amount(dice)
    return plain | _limits(dice, "min_per_event", "max_per_event")


def _limits(dice: Random, least: str, most: str) -> Plain:
    low, high = sorted((_some(dice), _some(dice)))
    given = {}
    if _happens(dice, 25):
        given[least] = text(low)
    if _happens(dice, 25):
        given[most] = text(high)
    return given


_MODELS = {
    "flat_fee": lambda dice: {"amount": _amount(dice)},
    "per_unit": lambda dice: {"unit_amount": _amount(dice)},
    "dynamic": lambda dice: _maybe(dice, "multiplier", _amount(dice)),
    "package": _package,
    "percentage": _percentage,
    "tiered": _unit_tiers,
    "volume": _unit_tiers,
    "stairstep": _flat_tiers,
    "tiered_percentage": _rate_tiers,
    "tiered_blocks": _block_tiers,
    "volume_blocks": _block_tiers,
}


def _capacity(dice: Random) -> tuple[Plain, Usages]:
    """Draw limits that do not fall, and usages at them; seldom one of a unit without limits."""
    units = ("calls", "gigabytes", "seats")[: dice.randint(1, 3)]
    limits: dict[str, list[str | None]] = {unit: _bounds(dice) for unit in units}
    count = max(map(len, limits.values()))
    tiers = [
        {"amount": _amount(dice), "limits": {unit: _at(limits[unit], place) for unit in units}}
        for place in range(count)
    ]
    used = [unit for unit in units if _happens(dice, 80)]
    used += ["minutes"] if _happens(dice, 5) else []
    usages = {unit: text(_near(dice, limits.get(unit, []))) for unit in used}
    return {"pricing_model": "capacity", "tiers": tiers}, usages


def _at(bounds: list[str | None], place: int) -> str | None:
    return bounds[min(place, len(bounds) - 1)]


# --- beside the models


def _modifiers(dice: Random) -> Plain:
    plain: Plain = {}
    if _happens(dice, 25):
        plain["free_units"] = _amount(dice)
    if _happens(dice, 25):
        plain["transform"] = _transform(dice)
    if _happens(dice, 25):
        plain["aggregation"] = "each"
    if _happens(dice, 25):
        plain["discount_percent"] = _percent(dice)
    return plain | _limits(dice, "minimum", "maximum")


def _transform(dice: Random) -> Plain:
    rounding = dice.choice(("none", "up", "down", "half_up"))
    if _happens(dice, 50):
        return {"multiply_by": text(_some(dice)), "round": rounding}
    factor = _some(dice)
    if rounding == "none":  # only what ends in decimals
        factor = Fraction(2) ** dice.randint(0, 9) * 5 ** dice.randint(0, 9)
        factor *= Fraction(10) ** dice.randint(-4, 4)
    return {"divide_by": text(factor), "round": rounding}


def _around(dice: Random) -> Plain:
    """Draw what `postpaid rate` knows beside prices."""
    plain: Plain = {}
    for name in ("previous_billed", "base_amount"):
        if _happens(dice, 8):
            plain[name] = _amount(dice)
    if _happens(dice, 8):
        plain["tax_percent"] = _percent(dice)
    if _happens(dice, 4):
        plain["round_before_clamp"] = True
    return plain


# --- usage


def _edges(pricing: Plain) -> list[str | None]:
    """Collect the quantities at which a price changes its mind."""
    edges = [pricing.get("package_size"), pricing.get("free_amount")]
    end = Fraction(0)
    for tier in pricing.get("tiers", []):
        edges += [tier.get("up_to"), tier.get("package_size"), tier.get("block_size")]
        if tier.get("max_blocks") is not None:
            end += Fraction(tier["block_size"]) * Fraction(tier["max_blocks"])
            edges.append(text(end))
    return edges


def _near(dice: Random, edges: Sequence[str | None]) -> Fraction:
    """Draw a quantity: at an edge or next to it, nothing, or any."""
    known = [Fraction(edge) for edge in edges if edge is not None]
    if not known or _happens(dice, 25):
        return Fraction(0) if _happens(dice, 30) else _some(dice)
    edge = dice.choice(known)
    aside = (Fraction(0), Fraction(0), LEAST, -LEAST, Fraction(1, 2), -Fraction(1, 2), _some(dice))
    near = edge * dice.choice((1, 1, 1, 2, 3)) + dice.choice(aside)
    return min(max(near, Fraction(0)), MOST)


def _quantity(dice: Random, pricing: Plain) -> Fraction:
    """Draw a quantity that is near an edge after free units and transform."""
    quantity = _near(dice, _edges(pricing))
    transform = pricing.get("transform", {})
    quantity *= Fraction(transform.get("divide_by", 1))
    quantity /= Fraction(transform.get("multiply_by", 1))
    if _happens(dice, 80):
        quantity += Fraction(pricing.get("free_units", 0))
    return quantity


def _usages(dice: Random, pricing: Plain, *, by_event: bool) -> list[str]:
    """Draw usages, each near an edge if it is priced by itself, or else their sum."""
    count = dice.randint(0 if by_event else 1, 5)
    if by_event:
        return [text(_quantity(dice, pricing)) for _ in range(count)]
    whole = _quantity(dice, pricing)
    cuts = sorted(Fraction(dice.randint(0, 10**4), 10**4) for _ in range(count - 1))
    at = [Fraction(text(whole * cut)) for cut in (*cuts, Fraction(1))]
    return [text(end - start) for start, end in zip([Fraction(0), *at], at, strict=False)]
