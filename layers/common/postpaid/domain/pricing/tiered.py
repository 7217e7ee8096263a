"""Graduated tiers: each unit at the price of the tier it falls into."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import EXACT
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.tiers import Tier, Tiers, packages, packages_note

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tiered:
    """Units up to a tier's bound at that tier's price, those beyond it at the next one's.

    Every tier that is reached also charges its flat amount, once.
    """

    kind: ClassVar[str] = "tiered"
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
        """Price the part of the quantity that lies in each tier."""
        if not self.tiers.charges_flat(quantity):
            return ()
        parts: list[Component] = []
        lower = _NOTHING
        for index in range(self.tiers.reached(quantity) + 1):
            tier = self.tiers.tiers[index]
            bound = tier.up_to
            upper = quantity if bound is None or quantity < bound else bound
            add_tier(parts, tier, index + 1, EXACT.subtract(upper, lower))
            lower = upper
        return tuple(parts)


def add_tier(parts: list[Component], tier: Tier, number: int, units: Decimal) -> None:
    """Price *units* at one tier: by the unit or by the package, and its flat amount if any."""
    if units:
        if tier.package_size is None:
            counted, note = units, None
        else:
            counted = packages(units, tier.package_size)
            note = packages_note(tier.package_size)
        amount = EXACT.multiply(counted, tier.unit_amount)
        parts.append(Component(amount, counted, tier.unit_amount, number, note))
    if tier.flat_amount:
        parts.append(Component(tier.flat_amount, None, None, number, "flat"))
