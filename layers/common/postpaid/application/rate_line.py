"""Rate one line offline: a price and its usage in, an exact amount out; nothing is stored.

Beside what a catalogue price can say it knows several units side by side (`by_unit`), capacity, and
later lines of a period that was billed before (`previous_quantity`, `previous_billed`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, exact_sum, whole
from postpaid.domain.pricing.capacity import Capacity
from postpaid.domain.pricing.plain import amount, bounds, percent, switch
from postpaid.domain.quantity import parse_amount

_FIELD = "pricing."
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
    around = _Around.from_plain(pricing)
    plain = {name: value for name, value in pricing.items() if name not in _AROUND}
    minimum = maximum = None
    if pricing.get("by_unit") is not None:
        minimum, maximum = bounds(plain, "minimum", "maximum", _FIELD)
        line = _by_unit(plain, pricing["by_unit"], around, usages)
    elif plain.get("pricing_model") == Capacity.kind:
        line = EXACT.subtract(_capacity(plain, around, usages), around.previous_billed)
    else:
        charge = Charge.from_plain(plain, _FIELD)
        minimum, maximum = charge.minimum, charge.maximum
        line = _own(replace(charge, minimum=None, maximum=None), around, quantity, usages)
    return around.finished(line, minimum, maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What goes with a line beside its price: what the period was billed before, base fee, tax."""

    previous_quantity: Decimal
    previous_billed: Decimal
    round_before_clamp: bool
    base_amount: Decimal
    tax_percent: Decimal

    @classmethod
    def from_plain(cls, pricing: Mapping[str, Any]) -> Self:
        """Read it from beside the price's own fields."""
        return cls(
            previous_quantity=amount(pricing, "previous_quantity", _FIELD),
            previous_billed=amount(pricing, "previous_billed", _FIELD),
            round_before_clamp=switch(pricing, "round_before_clamp", _FIELD, default=False),
            base_amount=amount(pricing, "base_amount", _FIELD),
            tax_percent=percent(pricing, "tax_percent", _FIELD),
        )

    def finished(self, line: Decimal, minimum: Decimal | None, maximum: Decimal | None) -> Decimal:
        """Hold the period to its minimum and maximum, then add the base fee and the tax.

        The limits are the whole period's: a later line has what earlier ones left of them. A
        maximum that was passed before takes nothing back.
        """
        if self.round_before_clamp:
            line = EXACT.scaleb(whole(EXACT.scaleb(line, -_CENTS)), _CENTS)
        period = EXACT.add(self.previous_billed, line)
        if maximum is not None and period > maximum:
            period = min(period, max(maximum, self.previous_billed))
        if minimum is not None and period < minimum:
            period = minimum
        net = EXACT.add(EXACT.subtract(period, self.previous_billed), self.base_amount)
        return EXACT.add(net, EXACT.scaleb(EXACT.multiply(net, self.tax_percent), -2))

    def refuse_previous_quantity(self) -> None:
        """Refuse an earlier quantity where the price does not depend on one sum."""
        if self.previous_quantity:
            raise Invalid(
                "invalid_field",
                "goes with a price on one aggregated quantity",
                field=f"{_FIELD}previous_quantity",
            )


_AROUND = (*_Around.__slots__, "by_unit")


def _own(charge: Charge, around: _Around, quantity: object, usages: object) -> Decimal:
    """Return what a line adds to the price of the quantity before it, limits aside."""
    events = [parse_amount(quantity, "quantity")] if usages is None else _events(usages)
    if charge.by_event:
        around.refuse_previous_quantity()
        return charge.price_events(events).amount
    if not events:
        return charge.price_nothing().amount  # no usage at all is not a quantity of zero
    now = exact_sum(events)
    before = around.previous_quantity
    line = charge.price(EXACT.add(before, now)).amount
    return EXACT.subtract(line, charge.price(before).amount) if before else line


def _by_unit(shared: Mapping[str, Any], units: object, around: _Around, usages: object) -> Decimal:
    """Add up the amounts of several units, each with its own fields beside the shared ones."""
    around.refuse_previous_quantity()
    if not isinstance(units, Mapping) or not units:
        raise Invalid("invalid_field", "must be an object of units", field=f"{_FIELD}by_unit")
    common = {name: value for name, value in shared.items() if name not in _PERIOD_LIMITS}
    charges = {}
    for unit, own in units.items():
        place = f"{_FIELD}by_unit.{unit}"
        if not isinstance(own, Mapping):
            raise Invalid("invalid_field", "must be an object", field=place)
        charges[unit] = Charge.from_plain({**common, **own}, f"{place}.")
    exact = Decimal(0)
    for unit, quantity in _per_unit(usages).items():
        if unit not in charges:
            raise Invalid("invalid_field", "has no price", field=f"usages.{unit}")
        exact = EXACT.add(exact, charges[unit].price(quantity).amount)
    return exact


_PERIOD_LIMITS = ("minimum", "maximum")


def _capacity(plain: Mapping[str, Any], around: _Around, usages: object) -> Decimal:
    around.refuse_previous_quantity()
    own = {name: value for name, value in plain.items() if name != "pricing_model"}
    (component,) = Capacity.from_plain(own, _FIELD).components(_per_unit(usages))
    return component.amount


def _per_unit(usages: object) -> dict[str, Decimal]:
    if not isinstance(usages, Mapping):
        raise Invalid("invalid_field", "must have one quantity for each unit", field="usages")
    return {unit: parse_amount(value, f"usages.{unit}") for unit, value in usages.items()}


def _events(usages: object) -> list[Decimal]:
    if not isinstance(usages, Sequence) or isinstance(usages, str):
        raise Invalid("invalid_field", "must be a list of quantities", field="usages")
    return [parse_amount(value, f"usages[{index}]") for index, value in enumerate(usages)]
