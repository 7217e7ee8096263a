"""What is sold, and at what price."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.pricing.model import Limited
from postpaid.domain.tax import TaxRates
from postpaid.domain.usage import Aggregation, Recording


class ItemType(StrEnum):
    """The role an item plays on a subscription (Chargebee's three)."""

    PLAN = "plan"
    ADDON = "addon"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A thing that is sold. A metered one is charged for its usage, counted in *unit*s.

    *aggregation* says how a term's usages become one quantity.
    """

    id: str
    number: int
    name: str
    type: ItemType
    metered: bool
    unit: str | None
    recording: Recording
    created_at: datetime
    aggregation: Aggregation = Aggregation.SUM

    def __post_init__(self) -> None:
        if self.metered and self.type is ItemType.CHARGE:
            raise Invalid(
                "invalid_field", "only a plan or an addon can be metered", field="metered"
            )
        if not self.metered and self.recording is Recording.EVENTS:
            raise Invalid("invalid_field", "only a metered item records events", field="recording")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPrice:
    """An item at a price. *version* counts its changes; a term pins the one it is rated with.

    *base_fee* is charged each term beside the charge, usage or not, in major units. *tax* comes
    before the customer's.
    """

    id: str
    number: int
    item_id: str
    name: str
    currency: str
    version: int
    charge: Charge
    base_fee: Decimal | None
    created_at: datetime
    tax: TaxRates | None = None

    def check_metered(self, field: str = "") -> None:
        """Refuse a charge that could not rate some quantity; raises `Invalid`.

        *field* is the path put before the name of its field.
        """
        model = self.charge.model
        if isinstance(model, Limited) and model.limit is not None:
            raise Invalid(
                "invalid_field",
                "must be open on the last tier, or some usage could not be rated",
                field=f"{field}tiers",
            )
