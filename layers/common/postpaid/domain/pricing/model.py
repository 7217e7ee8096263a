"""What every pricing model promises."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Protocol, Self


@dataclass(frozen=True, slots=True)
class Component:
    """One step of a priced line: *quantity* units at *unit_amount* make *amount*, all exact.

    A part without a unit price (a flat amount) has neither quantity nor unit amount.
    """

    amount: Decimal
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None


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
