"""The pricing models there are, by name; a new model is one file and two lines here."""

from collections.abc import Mapping
from typing import Any

from postpaid.domain.errors import Invalid
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.pricing.model import Component, PricingModel
from postpaid.domain.pricing.per_unit import PerUnit

__all__ = ["PRICING_MODELS", "Component", "PricingModel", "plain_pricing", "pricing_from_plain"]

PRICING_MODELS: dict[str, type[PricingModel]] = {
    model.kind: model
    for model in (
        FlatFee,
        PerUnit,
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
    known = model.__annotations__.keys() - {"kind"}
    for name in sorted(known - given.keys()):
        raise Invalid("missing_field", f"is required by {kind}", field=f"{field}{name}")
    for name in sorted(given.keys() - known):
        raise Invalid("unknown_field", f"is not a field of {kind}", field=f"{field}{name}")
    return model.from_plain(given, field)


def plain_pricing(model: PricingModel) -> dict[str, Any]:
    """Return the plain form of a model, its kind included."""
    return {"pricing_model": model.kind, **model.to_plain()}
