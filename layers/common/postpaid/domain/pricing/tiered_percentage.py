"""Graduated percentages of an amount of money."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import EXACT, multiply, subtract
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import (
    amount,
    amount_or_none,
    check_fields,
    percent,
    text_or_none,
)
from postpaid.domain.pricing.tiers import Conventions, reached, read_tiers
from postpaid.domain.quantity import decimal_text


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTier:
    """*rate* per cent of the amount up to *up_to*, and *flat_amount* once."""

    up_to: Decimal | None
    rate: Decimal
    flat_amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredPercentage:
    """Each part of the amount at the rate of the tier it falls into."""

    kind: ClassVar[str] = "tiered_percentage"
    tiers: tuple[RateTier, ...]
    conventions: Conventions

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"tiers": [{"up_to", "rate", "flat_amount"}]}`."""
        check_fields(plain, field, required=("tiers",), optional=("semantics",))
        return cls(
            tiers=read_tiers(plain["tiers"], field, _rate_tier),
            conventions=Conventions.from_plain(plain.get("semantics"), f"{field}semantics."),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        tiers = [
            {
                "up_to": text_or_none(tier.up_to),
                "rate": decimal_text(tier.rate),
                "flat_amount": decimal_text(tier.flat_amount),
            }
            for tier in self.tiers
        ]
        switches = self.conventions.to_plain()
        return {"tiers": tiers} | ({"semantics": switches} if switches else {})

    @property
    def limit(self) -> Decimal | None:
        """The most that can be priced, None if there is no end."""
        return self.tiers[-1].up_to

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Price the part of the amount that lies in each tier."""
        if quantity == 0 and not self.conventions.zero_quantity_flat:
            return ()
        parts = []
        lower = Decimal(0)
        for index in range(reached(self.tiers, quantity, self.conventions) + 1):
            tier = self.tiers[index]
            upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
            part = subtract(upper, lower)
            share = EXACT.scaleb(multiply(part, tier.rate), -2)
            parts.append(
                Component(share, part, tier=index + 1, note=f"{decimal_text(tier.rate)} %")
            )
            if tier.flat_amount:
                parts.append(Component(tier.flat_amount, tier=index + 1, note="flat"))
            lower = upper
        return tuple(parts)


def _rate_tier(plain: Mapping[str, Any], field: str) -> RateTier:
    check_fields(plain, field, required=("rate",), optional=("up_to", "flat_amount"))
    return RateTier(
        up_to=amount_or_none(plain, "up_to", field),
        rate=percent(plain, "rate", field),
        flat_amount=amount(plain, "flat_amount", field),
    )
