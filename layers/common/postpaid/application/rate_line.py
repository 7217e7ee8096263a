"""Rate one line offline: a price and its usage in, an exact amount out; nothing is stored.

Beside what a catalogue price can say, it knows several units side by side (`by_unit`), capacity,
and later lines of a period that was billed before (`previous_quantity`, `previous_billed`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, whole
from postpaid.domain.pricing.capacity import Capacity
from postpaid.domain.pricing.plain import amount, amount_or_none
from postpaid.domain.quantity import parse_amount

_OWN = (
    "previous_quantity",
    "previous_billed",
    "base_amount",
    "tax_percent",
    "by_unit",
    "round_before_clamp",
)
_CENTS = -2


def rate_line(pricing: object, quantity: object, usages: object) -> Decimal:
    """Return the exact, unrounded amount of a line.

    *pricing* is the plain form of a price; the line has a *quantity* or *usages*: a list of
    quantities in order of date, or one quantity per unit. Raises `Invalid` naming the field.
    """
    if not isinstance(pricing, Mapping):
        raise Invalid("invalid_field", "must be an object", field="pricing")
    if (quantity is None) == (usages is None):
        raise Invalid("invalid_field", "give either a quantity or usages", field="quantity")
    plain = {name: value for name, value in pricing.items() if name not in _OWN}
    field = "pricing."
    billed = amount_or_none(pricing, "previous_billed", field)
    if pricing.get("by_unit") is not None:
        exact = _by_unit(plain, pricing["by_unit"], usages)
    elif plain.get("pricing_model") == "capacity":
        exact = _capacity(plain, usages)
        exact = EXACT.subtract(exact, billed or Decimal(0))
    else:
        exact = _increment(plain, pricing, quantity, usages, billed)
    exact = EXACT.add(exact, amount(pricing, "base_amount", field))
    tax = amount(pricing, "tax_percent", field)
    return EXACT.add(exact, EXACT.scaleb(EXACT.multiply(exact, tax), -2))


def _increment(
    plain: Mapping[str, Any],
    pricing: Mapping[str, Any],
    quantity: object,
    usages: object,
    billed: Decimal | None,
) -> Decimal:
    """Return what a line adds to what the period was billed before it."""
    limits = Charge.from_plain(plain, "pricing.")
    charge = replace(limits, minimum=None, maximum=None)
    before = amount(pricing, "previous_quantity", "pricing.")
    if usages is not None:
        events = _events(usages)
        if before:
            raise Invalid(
                "invalid_field", "goes with a quantity", field="pricing.previous_quantity"
            )
        if charge.by_event:
            line = charge.price_events(events).amount
        else:
            line = charge.price(_total(events)).amount
    else:
        now = parse_amount(quantity, "quantity")
        line = charge.price(EXACT.add(before, now)).amount
        if before:
            line = EXACT.subtract(line, charge.price(before).amount)
    if pricing.get("round_before_clamp"):
        line = EXACT.scaleb(whole(EXACT.scaleb(line, -_CENTS)), _CENTS)
    earlier = billed or Decimal(0)
    so_far = EXACT.add(earlier, line)
    if limits.maximum is not None:
        so_far = min(so_far, limits.maximum)
    if limits.minimum is not None:
        so_far = max(so_far, limits.minimum)
    return EXACT.subtract(so_far, earlier)


def _by_unit(plain: Mapping[str, Any], units: object, usages: object) -> Decimal:
    if not isinstance(units, Mapping):
        raise Invalid("invalid_field", "must be an object", field="pricing.by_unit")
    exact = Decimal(0)
    for unit, quantity in _per_unit(usages).items():
        own = units.get(unit)
        if not isinstance(own, Mapping):
            raise Invalid("invalid_field", "has no such unit", field=f"usages.{unit}")
        charge = Charge.from_plain({**plain, **own}, f"pricing.by_unit.{unit}.")
        exact = EXACT.add(exact, charge.price(quantity).amount)
    return exact


def _capacity(plain: Mapping[str, Any], usages: object) -> Decimal:
    own = {name: value for name, value in plain.items() if name != "pricing_model"}
    components = Capacity.from_plain(own, "pricing.").components(_per_unit(usages))
    return components[0].amount


def _per_unit(usages: object) -> dict[str, Decimal]:
    if not isinstance(usages, Mapping):
        raise Invalid("invalid_field", "must have one quantity for each unit", field="usages")
    return {unit: parse_amount(value, f"usages.{unit}") for unit, value in usages.items()}


def _events(usages: object) -> list[Decimal]:
    if not isinstance(usages, Sequence) or isinstance(usages, str):
        raise Invalid("invalid_field", "must be a list of quantities", field="usages")
    return [parse_amount(value, f"usages[{index}]") for index, value in enumerate(usages)]


def _total(events: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for event in events:
        total = EXACT.add(total, event)
    return total
