"""A second rater: prices as the docs tell them, in whole numbers and fractions.

Written from docs/pricing-models.md and the golden cases, before the code was read that it is
compared with, and sharing nothing with it: no decimals, and no import of `postpaid`. When a setup
fee is charged is written from the rule in docs/subscriptions.md, without its code. Where the docs
are silent it follows that code in two things: of usages that are priced one by one, those that free
units cover in full are not priced at all; and an allowance of zero is none, while one that was used
to its last cent still covers a usage of zero.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

type Plain = Mapping[str, Any]
type Usages = Sequence[str] | Mapping[str, str]

ZERO = Fraction(0)
PLACES = {"JPY": 0, "USD": 2, "KWD": 3, "CLF": 4}


class NotRatable(Exception):
    """A price has no answer to this usage."""


def rate(pricing: Plain, quantity: str | None, usages: Usages | None) -> Fraction:
    """Return the exact amount of a line: of one quantity, or of usages in order of their date.

    What the period was billed before counts towards its minimum and maximum.
    """
    billed = _number(pricing, "previous_billed")
    line = _discounted(_line(pricing, quantity, usages), pricing)
    if pricing["pricing_model"] == "capacity":
        line -= billed  # it is rated on the whole period's usage each time
    if pricing.get("round_before_clamp"):
        line = Fraction(to_minor_units(line, "USD"), 100)
    net = _clamped(billed + line, billed, pricing) - billed + _number(pricing, "base_amount")
    return net * (100 + _number(pricing, "tax_percent")) / 100


def to_minor_units(amount: Fraction, currency: str) -> int:
    """Round once, half away from zero: in cents of a dollar, in whole yen."""
    scaled = amount * Fraction(10) ** PLACES[currency]
    up = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return up if amount >= 0 else -up


class Term(NamedTuple):
    """What happened to one line in one term, from *begins* to before *ends*.

    A *free* one charges nothing. *in_advance* is whether the line was in force, and not suspended,
    when the term began.
    """

    begins: int
    ends: int
    free: bool
    in_advance: bool


def set_up_at(metered: bool, terms: Sequence[Term], times: Sequence[tuple[int, int]]) -> int | None:
    """Return the boundary whose invoice charges the setup fee of a line, None if none does.

    A term's invoice in advance is that of the boundary where it begins, and its number; the one in
    arrears is the next. *times* are those the line was in force, from when to before when.
    """
    for number, term in enumerate(terms):
        if term.free:
            continue
        if term.in_advance and not metered:
            return number
        if any(begins < term.ends and term.begins < ends for begins, ends in times):
            return number + 1
    return None


def _number(plain: Plain, name: str, default: int = 0) -> Fraction:
    return Fraction(plain.get(name, default))


def _up(number: Fraction) -> int:
    return -(-number // 1)


# --- before the price: aggregate, free units, transform


def _line(pricing: Plain, quantity: str | None, usages: Usages | None) -> Fraction:
    if isinstance(usages, Mapping):
        if "by_unit" in pricing:
            return sum((_of_unit(pricing, each, usages[each]) for each in usages), ZERO)
        return _capacity(pricing, usages)
    if usages is None:
        assert quantity is not None
        usages = [quantity]
    given = [Fraction(usage) for usage in usages]
    if pricing["pricing_model"] == "percentage" or pricing.get("aggregation") == "each":
        return _of_usages(pricing, given)
    now, before = sum(given, ZERO), _number(pricing, "previous_quantity")
    earlier = _of_one(pricing, before) if before else ZERO
    return _of_one(pricing, before + now) - earlier


def _of_unit(pricing: Plain, unit: str, quantity: str) -> Fraction:
    kind = {"pricing_model": pricing["pricing_model"]}
    return _of_one(kind | pricing["by_unit"][unit], Fraction(quantity))


def _of_one(pricing: Plain, quantity: Fraction) -> Fraction:
    left = max(quantity - _number(pricing, "free_units"), ZERO)
    return _PRICES[pricing["pricing_model"]](pricing, _transformed(pricing, left))


def _of_usages(pricing: Plain, usages: list[Fraction]) -> Fraction:
    """Price usages one by one; one that free units cover in full is not there at all."""
    free = _number(pricing, "free_units")
    rest = []
    for usage in usages:
        taken = min(usage, free)
        free -= taken
        if not taken or taken < usage:
            rest.append(_transformed(pricing, usage - taken))
    if pricing["pricing_model"] == "percentage":
        return _percentage(pricing, rest)
    price = _PRICES[pricing["pricing_model"]]
    return sum((price(pricing, each) for each in rest), ZERO)


def _transformed(pricing: Plain, quantity: Fraction) -> Fraction:
    transform = pricing.get("transform", {})
    result = quantity * _number(transform, "multiply_by", 1) / _number(transform, "divide_by", 1)
    match transform.get("round", "none"):
        case "up":
            return Fraction(_up(result))
        case "down":
            return Fraction(result // 1)
        case "half_up":
            return Fraction((2 * result + 1) // 2)
        case _:
            return result


# --- after the price: percentage discount, maximum, minimum


def _discounted(amount: Fraction, pricing: Plain) -> Fraction:
    return amount * (100 - _number(pricing, "discount_percent")) / 100


def _clamped(amount: Fraction, billed: Fraction, pricing: Plain) -> Fraction:
    if "maximum" in pricing:  # it takes back nothing that was billed before
        amount = min(amount, max(Fraction(pricing["maximum"]), billed))
    if "minimum" in pricing:
        amount = max(amount, Fraction(pricing["minimum"]))
    return amount


# --- the models


def _flat_fee(pricing: Plain, quantity: Fraction) -> Fraction:
    return Fraction(pricing["amount"])


def _per_unit(pricing: Plain, quantity: Fraction) -> Fraction:
    return quantity * Fraction(pricing["unit_amount"])


def _dynamic(pricing: Plain, quantity: Fraction) -> Fraction:
    return quantity * _number(pricing, "multiplier", 1)


def _package(pricing: Plain, quantity: Fraction) -> Fraction:
    packages = quantity / Fraction(pricing["package_size"])
    count = packages // 1 if pricing.get("round") == "down" else _up(packages)
    return count * Fraction(pricing["amount"])


def _percentage(pricing: Plain, usages: list[Fraction]) -> Fraction:
    totals = list(accumulate(usages, initial=ZERO))
    allowed = [pricing[name] for name in ("free_events", "free_amount") if name in pricing]
    if not allowed or not all(map(Fraction, allowed)):
        return sum((_of_event(pricing, usage) for usage in usages), ZERO)
    events = pricing.get("free_events", len(usages))
    most = Fraction(pricing.get("free_amount", totals[-1]))
    # Totals rise, so those that fit the allowances are the first ones.
    free = sum(number <= events and total <= most for number, total in enumerate(totals)) - 1
    paid = usages[free:]
    if paid and free < events:
        paid[0] = totals[free + 1] - most
    return sum((_of_event(pricing, amount) for amount in paid), ZERO)


def _of_event(pricing: Plain, amount: Fraction) -> Fraction:
    price = amount * Fraction(pricing["rate"]) / 100 + _number(pricing, "fixed_amount")
    if "max_per_event" in pricing:
        price = min(price, Fraction(pricing["max_per_event"]))
    if "min_per_event" in pricing:
        price = max(price, Fraction(pricing["min_per_event"]))
    return price


def _reached(pricing: Plain, quantity: Fraction) -> int:
    """Return the place of the tier that a quantity is in."""
    semantics = pricing.get("semantics", {})
    exclusive = semantics.get("upper_bound") == "exclusive"
    if semantics.get("fractional") == "ceil_for_tier":
        quantity = Fraction(_up(quantity))
    for place, tier in enumerate(pricing["tiers"]):
        bound = None if tier["up_to"] is None else Fraction(tier["up_to"])
        if bound is None or quantity < bound or (quantity == bound and not exclusive):
            return place
    raise NotRatable


def _flat(pricing: Plain, quantity: Fraction, place: int) -> Fraction:
    if quantity == 0 and not pricing.get("semantics", {}).get("zero_quantity_flat", True):
        return ZERO
    return _number(pricing["tiers"][place], "flat_amount")


def _tiered(pricing: Plain, quantity: Fraction) -> Fraction:
    price, lower = ZERO, ZERO
    for place in range(_reached(pricing, quantity) + 1):
        tier = pricing["tiers"][place]
        upper = quantity if tier["up_to"] is None else min(quantity, Fraction(tier["up_to"]))
        price += _of_tier(tier, upper - lower) + _flat(pricing, quantity, place)
        lower = upper
    return price


def _of_tier(tier: Plain, units: Fraction) -> Fraction:
    if "rate" in tier:
        return units * Fraction(tier["rate"]) / 100
    if "package_size" in tier:
        units = Fraction(_up(units / Fraction(tier["package_size"])))
    return units * _number(tier, "unit_amount")


def _volume(pricing: Plain, quantity: Fraction) -> Fraction:
    place = _reached(pricing, quantity)
    return _of_tier(pricing["tiers"][place], quantity) + _flat(pricing, quantity, place)


def _stairstep(pricing: Plain, quantity: Fraction) -> Fraction:
    place = _reached(pricing, quantity)
    first = 0 if pricing.get("semantics", {}).get("stairstep") == "cumulative" else place
    return sum((_flat(pricing, quantity, each) for each in range(first, place + 1)), ZERO)


def _blocks(tier: Plain, units: Fraction) -> Fraction:
    return _up(units / Fraction(tier["block_size"])) * Fraction(tier["unit_amount"])


def _room(tier: Plain) -> Fraction | None:
    if tier["max_blocks"] is None:
        return None
    return Fraction(tier["max_blocks"]) * Fraction(tier["block_size"])


def _tiered_blocks(pricing: Plain, quantity: Fraction) -> Fraction:
    price, left = ZERO, quantity
    for tier in pricing["tiers"]:
        room = _room(tier)
        taken = left if room is None else min(left, room)
        price += _blocks(tier, taken)
        left -= taken
    if left > 0:
        raise NotRatable
    return price


def _volume_blocks(pricing: Plain, quantity: Fraction) -> Fraction:
    bound = ZERO
    for tier in pricing["tiers"]:
        room = _room(tier)
        if room is None or quantity <= bound + room:
            return _blocks(tier, quantity)
        bound += room
    raise NotRatable


def _capacity(pricing: Plain, usages: Mapping[str, str]) -> Fraction:
    reached = max((_level(pricing, unit, usages[unit]) for unit in usages), default=0)
    return Fraction(pricing["tiers"][reached]["amount"])


def _level(pricing: Plain, unit: str, quantity: str) -> int:
    for place, tier in enumerate(pricing["tiers"]):
        if unit not in tier["limits"]:
            raise NotRatable
        limit = tier["limits"][unit]
        if limit is None or Fraction(quantity) <= Fraction(limit):
            return place
    raise NotRatable


_PRICES: dict[str, Callable[[Plain, Fraction], Fraction]] = {
    "flat_fee": _flat_fee,
    "per_unit": _per_unit,
    "dynamic": _dynamic,
    "package": _package,
    "tiered": _tiered,
    "tiered_percentage": _tiered,
    "volume": _volume,
    "stairstep": _stairstep,
    "tiered_blocks": _tiered_blocks,
    "volume_blocks": _volume_blocks,
}
