"""How a price turns a line's usage into an exact amount.

The order is fixed, and it is the one most of the field agrees on: aggregate, free units, transform,
price, percentage discount, maximum, minimum. Rounding and tax come after, once for the line.
A discount before the maximum: a customer with a cap keeps the discount until the cap. The minimum
last: what was promised at least is never discounted away.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Self

from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, add, ceiling, exact_sum, floor, multiply, subtract, whole
from postpaid.domain.pricing import (
    Component,
    PricingModel,
    plain_pricing,
    prices_events,
    pricing_from_plain,
)
from postpaid.domain.pricing.plain import (
    amount,
    bounds,
    check_fields,
    choice,
    percent,
    positive,
)
from postpaid.domain.quantity import decimal_text

_MODIFIERS = ("free_units", "transform", "aggregation", "discount_percent", "minimum", "maximum")
_NOTHING = Decimal(0)
_ONE = Decimal(1)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Transform:
    """A quantity in other units: minutes to hours, bytes to started gigabytes.

    Either multiplied or divided; *round* is `none`, `up`, `down` or `half_up`, to a whole number.
    """

    factor: Decimal
    divide: bool
    round: str

    @classmethod
    def from_plain(cls, plain: Any, field: str) -> Self:
        """Read `{"divide_by" | "multiply_by", "round"}`; raises `Invalid`."""
        if not isinstance(plain, Mapping):
            raise Invalid("invalid_field", "must be an object", field=field)
        optional = ("divide_by", "multiply_by", "round")
        check_fields(plain, f"{field}.", required=(), optional=optional)
        given = [name for name in ("divide_by", "multiply_by") if plain.get(name) is not None]
        if len(given) != 1:
            raise Invalid(
                "invalid_field", "must have one of divide_by and multiply_by", field=field
            )
        divide = given[0] == "divide_by"
        rounding = choice(plain, "round", f"{field}.", ("none", "up", "down", "half_up"))
        factor = positive(plain, given[0], f"{field}.")
        if divide and rounding == "none" and not _divides_exactly(factor):
            raise Invalid(
                "invalid_field",
                "divides into endless decimals: say how to round, or use multiply_by",
                field=f"{field}.divide_by",
            )
        return cls(factor, divide, rounding)

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        name = "divide_by" if self.divide else "multiply_by"
        return {name: decimal_text(self.factor), "round": self.round}

    def __call__(self, quantity: Decimal) -> Decimal:
        """Return the quantity in the other units, exactly or rounded as asked."""
        if not self.divide:
            number = multiply(quantity, self.factor)
            return _rounded(number, self.round)
        if self.round == "none":
            return EXACT.divide(quantity, self.factor)
        number, rest = EXACT.divmod(quantity, self.factor)
        up = {
            "up": rest > 0,
            "down": False,
            "half_up": multiply(rest, Decimal(2)) >= self.factor,
        }[self.round]
        return add(number, _ONE) if up else number


class Step(NamedTuple):
    """One adjustment after the price: what it is, and the amount it left."""

    kind: str
    value: Decimal
    amount: Decimal


class Priced(NamedTuple):
    """An exact amount in major units, and how it came about."""

    amount: Decimal
    quantity: Decimal
    components: tuple[Component, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A pricing model and what goes with any model.

    *each* prices every usage by itself instead of their aggregate. *free_units* are taken off the
    quantity first, in units of usage. *minimum* and *maximum* are per term, in major units.
    """

    model: PricingModel
    free_units: Decimal = Decimal(0)
    transform: Transform | None = None
    each: bool = False
    discount_percent: Decimal = Decimal(0)
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str = "") -> Self:
        """Read `{"pricing_model", …}` with the model's own fields and the modifiers beside them.

        Raises `Invalid` naming the field.
        """
        own = {name: value for name, value in plain.items() if name not in _MODIFIERS}
        minimum, maximum = bounds(plain, "minimum", "maximum", field)
        transform = plain.get("transform")
        return cls(
            model=pricing_from_plain(own, field),
            free_units=amount(plain, "free_units", field),
            transform=None
            if transform is None
            else Transform.from_plain(transform, f"{field}transform"),
            each=choice(plain, "aggregation", field, ("whole", "each")) == "each",
            discount_percent=percent(plain, "discount_percent", field),
            minimum=minimum,
            maximum=maximum,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form; modifiers that do nothing are left out."""
        plain = plain_pricing(self.model)
        if self.free_units:
            plain["free_units"] = decimal_text(self.free_units)
        if self.transform is not None:
            plain["transform"] = self.transform.to_plain()
        if self.each:
            plain["aggregation"] = "each"
        if self.discount_percent:
            plain["discount_percent"] = decimal_text(self.discount_percent)
        if self.minimum is not None:
            plain["minimum"] = decimal_text(self.minimum)
        if self.maximum is not None:
            plain["maximum"] = decimal_text(self.maximum)
        return plain

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote."""
        return cls.from_plain(json.loads(text, parse_float=Decimal))

    def to_text(self) -> str:
        """Return the plain form as one line of JSON; equal charges have the same."""
        return json.dumps(self.to_plain(), sort_keys=True, separators=(",", ":"))

    @property
    def by_event(self) -> bool:
        """Tell whether usages are priced one by one, so that their order and number matter."""
        return self.each or prices_events(self.model)

    def price(self, quantity: Decimal) -> Priced:
        """Price an aggregated quantity."""
        billable = quantity
        if self.free_units or self.transform is not None:
            billable = self._billable(quantity)
        return self._adjusted(quantity, self.model.components(billable))

    def price_events(self, events: Sequence[Decimal]) -> Priced:
        """Price usages one by one, in order of their dates; free units run from one to the next."""
        billable = []
        left = self.free_units
        total = Decimal(0)
        for event in events:
            total = add(total, event)
            free = min(event, left)
            left = subtract(left, free)
            rest = subtract(event, free)
            if free and not rest:
                continue
            billable.append(rest if self.transform is None else self.transform(rest))
        if prices_events(self.model):
            components = self.model.event_components(billable)
        else:
            components = tuple(
                component for each in billable for component in self.model.components(each)
            )
        return self._adjusted(total, components)

    def price_nothing(self) -> Priced:
        """Price the absence of usage: nothing, or the minimum."""
        return self._adjusted(Decimal(0), ())

    def _billable(self, quantity: Decimal) -> Decimal:
        if self.free_units:
            quantity = max(subtract(quantity, self.free_units), _NOTHING)
        return quantity if self.transform is None else self.transform(quantity)

    def _adjusted(self, quantity: Decimal, components: tuple[Component, ...]) -> Priced:
        if len(components) == 1:
            amount = components[0].amount
        else:
            amount = exact_sum([component.amount for component in components])
        if not self.discount_percent and self.minimum is None and self.maximum is None:
            return Priced(amount, quantity, components, ())
        steps = []
        if self.discount_percent:
            kept = EXACT.scaleb(subtract(_HUNDRED, self.discount_percent), -2)
            amount = multiply(amount, kept)
            steps.append(Step("discount_percent", self.discount_percent, amount))
        if self.maximum is not None and amount > self.maximum:
            amount = self.maximum
            steps.append(Step("maximum", self.maximum, amount))
        if self.minimum is not None and amount < self.minimum:
            amount = self.minimum
            steps.append(Step("minimum", self.minimum, amount))
        return Priced(amount, quantity, components, tuple(steps))


def _rounded(number: Decimal, rounding: str) -> Decimal:
    if rounding == "none":
        return number
    return {"up": ceiling, "down": floor, "half_up": whole}[rounding](number)


def _divides_exactly(factor: Decimal) -> bool:
    """Tell whether every decimal divided by *factor* ends: its only primes are 2 and 5."""
    digits = int("".join(map(str, factor.as_tuple().digits)) or "0")
    for prime in (2, 5):
        while digits % prime == 0:
            digits //= prime
    return digits == 1
