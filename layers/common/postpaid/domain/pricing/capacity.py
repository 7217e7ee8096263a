"""Capacity: the amount of the highest tier that any of several units reaches (Kill Bill).

Not among the catalogue's models, because a usage has one unit there; `postpaid rate` knows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.errors import Invalid
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import check_fields
from postpaid.domain.pricing.tiers import TIERS_MAX
from postpaid.domain.quantity import parse_amount


@dataclass(frozen=True, slots=True)
class Capacity:
    """Tiers of (amount, the most of each unit); bounds are inclusive, None is without end."""

    kind: ClassVar[str] = "capacity"
    tiers: tuple[tuple[Decimal, dict[str, Decimal | None]], ...]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"tiers": [{"amount", "limits": {unit: most}}]}`; raises `Invalid`."""
        check_fields(plain, field, required=("tiers",), optional=())
        value = plain["tiers"]
        if not isinstance(value, list) or not 1 <= len(value) <= TIERS_MAX:
            raise Invalid(
                "invalid_field", f"must be a list of 1 to {TIERS_MAX} tiers", field=f"{field}tiers"
            )
        tiers: list[tuple[Decimal, dict[str, Decimal | None]]] = []
        for index, tier in enumerate(value):
            place = f"{field}tiers[{index}]"
            if not isinstance(tier, Mapping):
                raise Invalid("invalid_field", "must be an object", field=place)
            check_fields(tier, f"{place}.", required=("amount", "limits"), optional=())
            limits = _limits(tier["limits"], tiers[-1][1] if tiers else {}, f"{place}.limits")
            tiers.append((parse_amount(tier["amount"], f"{place}.amount"), limits))
        return cls(tuple(tiers))

    def components(self, quantities: Mapping[str, Decimal]) -> tuple[Component, ...]:
        """Price quantities by unit; raises `Invalid` for an unknown unit or beyond all tiers."""
        reached = 0
        for unit, quantity in quantities.items():
            reached = max(reached, self._reached(unit, quantity))
        return (Component(self.tiers[reached][0], tier=reached + 1, note="flat"),)

    def _reached(self, unit: str, quantity: Decimal) -> int:
        for index, (_, limits) in enumerate(self.tiers):
            if unit not in limits:
                raise Invalid("not_ratable", "is not a unit of the tiers", field=f"usages.{unit}")
            most = limits[unit]
            if most is None or quantity <= most:
                return index
        raise Invalid("not_ratable", "is more than the tiers hold", field=f"usages.{unit}")


def _limits(
    value: Any, before: Mapping[str, Decimal | None], field: str
) -> dict[str, Decimal | None]:
    """Read the limits of a tier, by unit; none may be less than in the tier before."""
    if not isinstance(value, Mapping):
        raise Invalid("invalid_field", "must be an object of units", field=field)
    limits: dict[str, Decimal | None] = {}
    for unit, most in value.items():
        place = f"{field}.{unit}"
        limits[unit] = None if most is None else parse_amount(most, place)
        floor = before.get(unit, Decimal(0))
        if most is not None and (floor is None or parse_amount(most, place) < floor):
            raise Invalid("invalid_field", "must not fall below the tier before", field=place)
    return limits
