"""What is sold, and at what price."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from postpaid.domain.errors import Invalid
from postpaid.domain.pricing import PricingModel
from postpaid.domain.usage import Recording


class ItemType(StrEnum):
    """The role an item plays on a subscription (Chargebee's three)."""

    PLAN = "plan"
    ADDON = "addon"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A thing that is sold. A metered one is charged for its usage, counted in *unit*s."""

    id: str
    number: int
    name: str
    type: ItemType
    metered: bool
    unit: str | None
    recording: Recording
    created_at: datetime

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

    *base_fee* is charged each term beside the pricing model, usage or not, in major units.
    """

    id: str
    number: int
    item_id: str
    name: str
    currency: str
    version: int
    pricing: PricingModel
    base_fee: Decimal | None
    created_at: datetime
