"""Graduated tiers: each unit at the price of the tier it falls into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import multiply, subtract
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
    # For each tier where it begins, and what those below it come to: they are full.
    _below: tuple[tuple[Decimal, tuple[Component, ...]], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        below = []
        lower = _NOTHING
        full: tuple[Component, ...] = ()
        for number, tier in enumerate(self.tiers.tiers, start=1):
            below.append((lower, full))
            if tier.up_to is not None:
                full += tier_components(tier, number, subtract(tier.up_to, lower))
                lower = tier.up_to
        object.__setattr__(self, "_below", tuple(below))

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
        first = last = self.tiers.reached(quantity)
        while first and quantity < self._below[first][0]:
            first -= 1  # rounded up to choose its tier, the quantity does not fill those below
        lower, parts = self._below[first]
        for index in range(first, last + 1):
            units = subtract(quantity, lower)
            parts += tier_components(self.tiers.tiers[index], index + 1, units)
            lower = quantity
        return parts


def tier_components(tier: Tier, number: int, units: Decimal) -> tuple[Component, ...]:
    """Price *units* at one tier: by the unit or by the package, and its flat amount if any."""
    flat = tier.flat_amount
    flats = (Component(flat, None, None, number, "flat"),) if flat else ()
    if not units:
        return flats
    if tier.package_size is None:
        counted, note = units, None
    else:
        counted = packages(units, tier.package_size)
        note = packages_note(tier.package_size)
    amount = multiply(counted, tier.unit_amount)
    return (Component(amount, counted, tier.unit_amount, number, note), *flats)
