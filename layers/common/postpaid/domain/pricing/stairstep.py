"""Stairsteps: one flat amount for the tier that is reached, however far into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.errors import Invalid
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.tiers import Tiers


@dataclass(frozen=True, slots=True)
class Stairstep:
    """The reached tier's flat amount; `cumulative` adds those of the tiers below it."""

    kind: ClassVar[str] = "stairstep"
    tiers: Tiers

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read the tiers; a price by the unit has no place in them."""
        tiers = Tiers.from_plain(plain, field)
        for index, tier in enumerate(tiers.tiers):
            for name, given in (
                ("unit_amount", tier.unit_amount),
                ("package_size", tier.package_size),
            ):
                if given:
                    raise Invalid(
                        "invalid_field",
                        "is not for stairstep, whose tiers have a flat_amount only",
                        field=f"{field}tiers[{index}].{name}",
                    )
        return cls(tiers)

    def to_plain(self) -> dict[str, Any]:
        """Return the tiers."""
        return self.tiers.to_plain()

    @property
    def limit(self) -> Decimal | None:
        """The most that can be priced, None if there is no end."""
        return self.tiers.limit

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Return the flat amount of the reached tier, or of all tiers up to it."""
        if not self.tiers.charges_flat(quantity):
            return ()
        index = self.tiers.reached(quantity)
        if self.tiers.conventions.stairstep == "in_tier":
            return (self._step(index),)
        return tuple(map(self._step, range(index + 1)))

    def _step(self, index: int) -> Component:
        return Component(self.tiers.tiers[index].flat_amount, None, None, index + 1, "flat")
