"""Volume tiers: all units at the price of the tier that their total reaches."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.tiered import tier_components
from postpaid.domain.pricing.tiers import Tiers


@dataclass(frozen=True, slots=True)
class Volume:
    """The reached tier's price for every unit, and its flat amount once."""

    kind: ClassVar[str] = "volume"
    tiers: Tiers

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read the tiers."""
        return cls(Tiers.from_plain(plain, field))

    def to_plain(self) -> dict[str, Any]:
        """Return the tiers."""
        return self.tiers.to_plain()

    @property
    def limit(self) -> Decimal | None:
        """The most that can be priced, None if there is no end."""
        return self.tiers.limit

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Price the whole quantity in the reached tier."""
        if not self.tiers.charges_flat(quantity):
            return ()
        index = self.tiers.reached(quantity)
        return tier_components(self.tiers.tiers[index], index + 1, quantity)
