"""Volume tiers in blocks: all units in the blocks, and at the price, of the tier they reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.money import add, multiply
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
class VolumeBlocks:
    """The whole quantity, in blocks of the reached tier, at its price."""

    kind: ClassVar[str] = "volume_blocks"
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
        """Price in the reached tier; raises `Invalid` with code `not_ratable` beyond the last."""
        if quantity == 0:
            return ()
        held = Decimal(0)
        for number, tier in enumerate(self.tiers, start=1):
            held = quantity if tier.units is None else add(held, tier.units)
            if quantity <= held:
                blocks = packages(quantity, tier.block_size)
                amount = multiply(blocks, tier.unit_amount)
                note = f"blocks of {decimal_text(tier.block_size)}"
                return (Component(amount, blocks, tier.unit_amount, number, note),)
        raise beyond_last_tier(quantity)
