"""Graduated tiers in blocks: each tier is filled with its own blocks before the next begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import multiply, subtract
from postpaid.domain.pricing.blocks import (
    BlockTier,
    block_limit,
    plain_block_tiers,
    read_block_tiers,
)
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.tiers import beyond_last_tier, packages
from postpaid.domain.quantity import decimal_text


@dataclass(frozen=True, slots=True)
class TieredBlocks:
    """Blocks of each tier at its price; the last one begun in a tier counts whole."""

    kind: ClassVar[str] = "tiered_blocks"
    tiers: tuple[BlockTier, ...]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read the tiers."""
        return cls(read_block_tiers(plain, field))

    def to_plain(self) -> dict[str, Any]:
        """Return the tiers."""
        return plain_block_tiers(self.tiers)

    @property
    def limit(self) -> Decimal | None:
        """The most that can be priced, None if there is no end."""
        return block_limit(self.tiers)

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Fill the tiers; raises `Invalid` with code `not_ratable` beyond a closed last one."""
        parts = []
        left = quantity
        for number, tier in enumerate(self.tiers, start=1):
            if left <= 0:
                break
            units = left if tier.units is None else min(left, tier.units)
            blocks = packages(units, tier.block_size)
            amount = multiply(blocks, tier.unit_amount)
            note = f"blocks of {decimal_text(tier.block_size)}"
            parts.append(Component(amount, blocks, tier.unit_amount, number, note))
            left = subtract(left, units)
        if left > 0:
            raise beyond_last_tier(quantity)
        return tuple(parts)
