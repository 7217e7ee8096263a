"""Every unit at the same price."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import multiply
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import check_fields
from postpaid.domain.quantity import decimal_text, parse_amount


@dataclass(frozen=True, slots=True)
class PerUnit:
    """*unit_amount* for each unit, in major units; 0.05 prices 361 minutes at 18.05."""

    kind: ClassVar[str] = "per_unit"
    unit_amount: Decimal

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"unit_amount": "0.05"}`."""
        check_fields(plain, field, required=("unit_amount",), optional=())
        return cls(parse_amount(plain["unit_amount"], f"{field}unit_amount"))

    def to_plain(self) -> dict[str, Any]:
        """Return `{"unit_amount": "0.05"}`."""
        return {"unit_amount": decimal_text(self.unit_amount)}

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Multiply, exactly."""
        amount = multiply(quantity, self.unit_amount)
        return (Component(amount, quantity, self.unit_amount),)
