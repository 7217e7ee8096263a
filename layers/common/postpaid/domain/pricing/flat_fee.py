"""One amount, whatever the quantity."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import check_fields
from postpaid.domain.quantity import decimal_text, parse_amount


@dataclass(frozen=True, slots=True)
class FlatFee:
    """*amount* per term, in major units; on a metered item, once if there was any usage."""

    kind: ClassVar[str] = "flat_fee"
    amount: Decimal

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"amount": "10.00"}`."""
        check_fields(plain, field, required=("amount",), optional=())
        return cls(parse_amount(plain["amount"], f"{field}amount"))

    def to_plain(self) -> dict[str, Any]:
        """Return `{"amount": "10"}`."""
        return {"amount": decimal_text(self.amount)}

    def components(self, quantity: Decimal) -> tuple[Component, ...]:  # noqa: ARG002 - flat
        """Return the one amount."""
        return (Component(self.amount),)
