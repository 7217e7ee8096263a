"""Packages: an amount for each package that is begun."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import EXACT, multiply
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import check_fields, choice, positive
from postpaid.domain.pricing.tiers import packages, packages_note
from postpaid.domain.quantity import decimal_text, parse_amount


@dataclass(frozen=True, slots=True)
class Package:
    """*amount* for each package of *package_size* units; `round` `down` counts full ones only."""

    kind: ClassVar[str] = "package"
    amount: Decimal
    package_size: Decimal
    round: str = "up"

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"amount", "package_size", "round"}`."""
        check_fields(plain, field, required=("amount", "package_size"), optional=("round",))
        return cls(
            amount=parse_amount(plain["amount"], f"{field}amount"),
            package_size=positive(plain, "package_size", field),
            round=choice(plain, "round", field, ("up", "down")),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        plain = {
            "amount": decimal_text(self.amount),
            "package_size": decimal_text(self.package_size),
        }
        return plain | ({} if self.round == "up" else {"round": self.round})

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Count packages and price them."""
        if self.round == "up":
            count = packages(quantity, self.package_size)
        else:
            count = EXACT.divide_int(quantity, self.package_size)
        note = packages_note(self.package_size)
        return (Component(multiply(count, self.amount), count, self.amount, None, note),)
