"""Bodies of the catalogue and of customers: shape and size here, meaning in the use cases."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from postpaid.api.native.models import (
    ADDRESS_LINES_MAX,
    Body,
    ClosingBody,
    Email,
    Number,
    PartyBody,
    TaxBody,
    Text,
    policy_of,
    tax_of,
)
from postpaid.domain.calendar import Cadence, read_cadence
from postpaid.domain.catalog import (
    DESCRIPTION_LENGTH_MAX,
    FAMILY_DESCRIPTION_LENGTH_MAX,
    FAMILY_NAME_LENGTH_MAX,
)
from postpaid.domain.customer import PAYMENT_DAYS_MAX
from postpaid.domain.errors import Invalid
from postpaid.domain.usage import Aggregation

# Text of several lines: as `Text`, but that a line may end.
_PROSE = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"
Description = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=DESCRIPTION_LENGTH_MAX, pattern=_PROSE
    ),
]
FamilyName = Annotated[Text, StringConstraints(max_length=FAMILY_NAME_LENGTH_MAX)]
FamilyDescription = Annotated[
    Description, StringConstraints(max_length=FAMILY_DESCRIPTION_LENGTH_MAX)
]
Unit = Annotated[Text, StringConstraints(max_length=30)]
TaxId = Annotated[Text, StringConstraints(max_length=50)]
PaymentDays = Annotated[int, Field(ge=0, le=PAYMENT_DAYS_MAX)]


class Change(Body):
    """A `PATCH`: what is not named stays as it is. A default only says that null is refused."""

    def given(self) -> dict[str, Any]:
        """Return what is named, by its name."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class ItemFamilyBody(Body):
    """`POST /v1/item-families`."""

    id: str | None = None
    name: FamilyName
    description: FamilyDescription | None = None


class ItemFamilyChange(Change):
    """`PATCH /v1/item-families/{id}`."""

    name: FamilyName = ""
    description: FamilyDescription | None = None
    archived: bool = False


class ItemBody(Body):
    """`POST /v1/items`."""

    id: str | None = None
    name: Text
    type: Literal["plan", "addon", "charge"] = "plan"
    metered: bool = False
    unit: Unit | None = None
    recording: Literal["one_per_date", "events"] = "one_per_date"
    aggregation: Literal["sum", "last", "max"] | None = None
    description: Description | None = None
    family_id: str | None = None


class ItemChange(Change):
    """`PATCH /v1/items/{id}`."""

    name: Text = ""
    unit: Unit | None = None
    description: Description | None = None
    family_id: str | None = None
    archived: bool = False
    aggregation: Literal["sum", "last", "max"] = "sum"

    def fields(self) -> dict[str, Any]:
        """Return what is to be different, by the names of the use case."""
        changed = self.given()
        if "aggregation" in changed:
            changed["aggregation"] = Aggregation(changed["aggregation"])
        return changed


class IntervalBody(Body):
    """`{"unit": "month", "count": 1}`."""

    unit: str = "month"
    count: int = 1

    def cadence(self) -> Cadence:
        """Return the cadence it says."""
        return read_cadence(self.unit, self.count, "cadence.")


class ItemPriceBody(Body):
    """`POST /v1/item-prices`; the fields of the pricing model stand beside the others."""

    model_config = ConfigDict(extra="allow", strict=True, arbitrary_types_allowed=True)

    id: str | None = None
    item_id: str
    name: Text | None = None
    currency: str | None = None
    pricing_model: str
    base_fee: Number | None = None
    setup_fee: Number | None = None
    tax: TaxBody | None = None
    cadence: IntervalBody | None = None
    description: Description | None = None

    def pricing(self) -> dict[str, Any]:
        """Return the plain form of the pricing model and its modifiers."""
        return {"pricing_model": self.pricing_model, **(self.model_extra or {})}


class ItemPriceChange(Body):
    """`PATCH /v1/item-prices/{id}`; a `pricing_model` comes with all its fields beside it."""

    model_config = ConfigDict(extra="allow", strict=True, arbitrary_types_allowed=True)

    name: Text | None = None
    pricing_model: str | None = None
    base_fee: Number | None = None
    setup_fee: Number | None = None
    tax: TaxBody | None = None
    description: Description | None = None
    archived: bool = False

    def fields(self) -> dict[str, Any]:
        """Return what is to be different, by the names of the use case."""
        changed: dict[str, Any] = {}
        if self.name is not None:
            changed["name"] = self.name
        if self.pricing_model is not None:
            changed["pricing"] = {"pricing_model": self.pricing_model, **(self.model_extra or {})}
        else:
            for name in self.model_extra or {}:
                raise Invalid(
                    "unknown_field", "is no field without its pricing_model", field=name[:100]
                )
        for name in ("base_fee", "setup_fee", "description", "archived"):
            if name in self.model_fields_set:
                changed[name] = getattr(self, name)
        if "tax" in self.model_fields_set:
            changed["tax"] = tax_of(self.tax)
        return changed


class CustomerBody(PartyBody):
    """`POST /v1/customers`."""

    id: str | None = None
    closing: ClosingBody | None = None
    tax: TaxBody | None = None
    series: str | None = None
    payment_days: PaymentDays = 0


class CustomerChange(Change):
    """`PATCH /v1/customers/{id}`; `closing`, `tax` and `series` null take what it has away."""

    name: Text = ""
    address: list[Text] = Field(default_factory=list, max_length=ADDRESS_LINES_MAX)
    email: Email | None = None
    tax_id: TaxId | None = None
    closing: ClosingBody | None = None
    tax: TaxBody | None = None
    series: str | None = None
    payment_days: PaymentDays = 0

    def fields(self) -> dict[str, Any]:
        """Return what is to be different, by the names of the use case."""
        changed = self.given()
        parts: dict[str, Any] = {
            name: changed.pop(name) for name in ("name", "email", "tax_id") if name in changed
        }
        if "address" in changed:
            parts["lines"] = tuple(changed.pop("address"))
        if "closing" in changed:
            changed["closing"] = policy_of(self.closing)
        if "tax" in changed:
            changed["tax"] = tax_of(self.tax)
        return {**changed, "address_parts": parts} if parts else changed
