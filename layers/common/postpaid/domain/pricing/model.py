"""What every pricing model promises."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeIs, runtime_checkable


class Component(NamedTuple):
    """One step of a priced line: *quantity* units at *unit_amount* make *amount*, all exact.

    A part without a unit price (a flat amount) has neither. *tier* counts from 1 where there are
    tiers; *note* says what else the amount is ("flat", "packages of 100").
    """

    amount: Decimal
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    tier: int | None = None
    note: str | None = None


class PricingModel(Protocol):
    """How a quantity becomes an exact amount in major units.

    A model sees a quantity and nothing else: not the period, the currency or the invoice.
    """

    kind: ClassVar[str]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read the model from its plain form; raises `Invalid` naming the field below *field*."""
        ...

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form: JSON values only, `from_plain` reads it back."""
        ...

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Price *quantity*; the amounts of the components add up to the price."""
        ...


@runtime_checkable
class Limited(Protocol):
    """A model that may not price every quantity."""

    @property
    def limit(self) -> Decimal | None:
        """The most that can be priced, None if there is no end."""
        ...


class EventPricing(Protocol):
    """A model that must see each usage by itself, in order of its date."""

    def event_components(self, events: Sequence[Decimal]) -> tuple[Component, ...]:
        """Price the usages one after the other; allowances run from one to the next."""
        ...


def prices_events(model: object) -> TypeIs[EventPricing]:
    """Tell whether a model must see each usage by itself.

    Asked for every line: `isinstance` on a protocol takes longer than most prices.
    """
    return hasattr(model, "event_components")
