"""Usage that carries its own amount of money."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import multiply
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import check_fields
from postpaid.domain.quantity import decimal_text, parse_amount


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The quantity, an amount of money, times *multiplier* (1 if unsaid)."""

    kind: ClassVar[str] = "dynamic"
    multiplier: Decimal

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"multiplier": "0.01"}`."""
        check_fields(plain, field, required=(), optional=("multiplier",))
        given = plain.get("multiplier")
        return cls(Decimal(1) if given is None else parse_amount(given, f"{field}multiplier"))

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        return {"multiplier": decimal_text(self.multiplier)}

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Multiply, exactly."""
        return (Component(multiply(quantity, self.multiplier), quantity, self.multiplier),)
