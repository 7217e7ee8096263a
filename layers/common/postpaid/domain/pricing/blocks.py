"""Tiers that are counted in blocks, as Kill Bill does: a block that is begun counts whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, add, multiply
from postpaid.domain.pricing.plain import check_fields, positive, text_or_none
from postpaid.domain.pricing.tiers import TIERS_MAX
from postpaid.domain.quantity import decimal_text, parse_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTier:
    """At most *max_blocks* blocks (None: without end) of *block_size* units, each *unit_amount*."""

    block_size: Decimal
    max_blocks: Decimal | None
    unit_amount: Decimal

    @property
    def units(self) -> Decimal | None:
        """How many units the tier holds."""
        return None if self.max_blocks is None else multiply(self.max_blocks, self.block_size)


def read_block_tiers(plain: Mapping[str, Any], field: str) -> tuple[BlockTier, ...]:
    """Read `{"tiers": [{"block_size", "max_blocks", "unit_amount"}]}`; the last may be open."""
    check_fields(plain, field, required=("tiers",), optional=())
    value = plain["tiers"]
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= TIERS_MAX:
        raise Invalid(
            "invalid_field", f"must be a list of 1 to {TIERS_MAX} tiers", field=f"{field}tiers"
        )
    tiers = []
    for index, each in enumerate(value):
        place = f"{field}tiers[{index}]"
        if not isinstance(each, Mapping):
            raise Invalid("invalid_field", "must be an object", field=place)
        check_fields(
            each, f"{place}.", required=("block_size", "unit_amount"), optional=("max_blocks",)
        )
        most = None
        if each.get("max_blocks") is not None:
            most = positive(each, "max_blocks", f"{place}.")
            if EXACT.remainder(most, Decimal(1)) != 0:
                raise Invalid(
                    "invalid_field", "must be a whole number", field=f"{place}.max_blocks"
                )
        elif index < len(value) - 1:
            raise Invalid(
                "invalid_field", "must be a number: it is not the last", field=f"{place}.max_blocks"
            )
        tiers.append(
            BlockTier(
                block_size=positive(each, "block_size", f"{place}."),
                max_blocks=most,
                unit_amount=parse_amount(each["unit_amount"], f"{place}.unit_amount"),
            )
        )
    return tuple(tiers)


def plain_block_tiers(tiers: tuple[BlockTier, ...]) -> dict[str, Any]:
    """Return the plain form."""
    return {
        "tiers": [
            {
                "block_size": decimal_text(tier.block_size),
                "max_blocks": text_or_none(tier.max_blocks),
                "unit_amount": decimal_text(tier.unit_amount),
            }
            for tier in tiers
        ]
    }


def block_limit(tiers: tuple[BlockTier, ...]) -> Decimal | None:
    """Return the most that can be priced, None if there is no end."""
    held = Decimal(0)
    for tier in tiers:
        if tier.units is None:
            return None
        held = add(held, tier.units)
    return held
