"""The pricing models there are, by name; a new model is one file and two lines here."""

from collections.abc import Mapping
from typing import Any

from postpaid.domain.errors import Invalid
from postpaid.domain.pricing.dynamic import Dynamic
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.pricing.model import Component, PricingModel, prices_events
from postpaid.domain.pricing.package import Package
from postpaid.domain.pricing.per_unit import PerUnit
from postpaid.domain.pricing.percentage import Percentage
from postpaid.domain.pricing.stairstep import Stairstep
from postpaid.domain.pricing.tiered import Tiered
from postpaid.domain.pricing.tiered_blocks import TieredBlocks
from postpaid.domain.pricing.tiered_percentage import TieredPercentage
from postpaid.domain.pricing.volume import Volume
from postpaid.domain.pricing.volume_blocks import VolumeBlocks

__all__ = [
    "PRICING_MODELS",
    "Component",
    "PricingModel",
    "plain_pricing",
    "prices_events",
    "pricing_from_plain",
]

PRICING_MODELS: dict[str, type[PricingModel]] = {
    model.kind: model
    for model in (
        Dynamic,
        FlatFee,
        Package,
        PerUnit,
        Percentage,
        Stairstep,
        Tiered,
        TieredBlocks,
        TieredPercentage,
        Volume,
        VolumeBlocks,
    )
}


def pricing_from_plain(plain: Mapping[str, Any], field: str = "") -> PricingModel:
    """Read a model from its plain form, `{"pricing_model": kind, ...}`.

    *field* is the path put before field names in errors. Raises `Invalid` for an unknown kind, a
    missing or unknown field, or a bad value.
    """
    kind = plain.get("pricing_model")
    model = PRICING_MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise Invalid(
            "invalid_field",
            f"must be one of {', '.join(sorted(PRICING_MODELS))}",
            field=f"{field}pricing_model",
        )
    given = {name: value for name, value in plain.items() if name != "pricing_model"}
    return model.from_plain(given, field)


def plain_pricing(model: PricingModel) -> dict[str, Any]:
    """Return the plain form of a model, its kind included."""
    return {"pricing_model": model.kind, **model.to_plain()}
