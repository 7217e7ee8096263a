"""What is sold, and at what price."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from postpaid.domain.annotations import Annotated
from postpaid.domain.calendar import Cadence
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.pricing.model import Limited
from postpaid.domain.tax import TaxRates
from postpaid.domain.usage import Aggregation, Recording

DESCRIPTION_LENGTH_MAX = 2_000
FAMILY_NAME_LENGTH_MAX = 50
FAMILY_DESCRIPTION_LENGTH_MAX = 500


class ItemType(StrEnum):
    """The role an item plays on a subscription (Chargebee's three)."""

    PLAN = "plan"
    ADDON = "addon"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFamily(Annotated):
    """Items that belong together. *version* counts its changes, *changed_at* is the last one's.

    The name has 1 to 50 characters, the description at most 500. An *archived* family takes no more
    items.
    """

    id: str
    number: int
    name: str
    created_at: datetime
    description: str | None = None
    archived: bool = False
    version: int = 1
    changed_at: datetime | None = None
    annotations_text: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= FAMILY_NAME_LENGTH_MAX:
            raise Invalid(
                "invalid_field",
                f"must have 1 to {FAMILY_NAME_LENGTH_MAX} characters",
                field="name",
            )
        _check_description(self.description, FAMILY_DESCRIPTION_LENGTH_MAX)

    @property
    def updated_at(self) -> datetime:
        """When it became what it is now."""
        return self.changed_at or self.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Annotated):
    """A thing that is sold. A metered one is charged for its usage, counted in *unit*s.

    *aggregation* says how a term's usages become one quantity. *description* has at most 2000
    characters. *version* counts its changes, *changed_at* is the last one's. An *archived* item
    takes no more prices, and goes on no more lines.
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
    description: str | None = None
    family_id: str | None = None
    archived: bool = False
    version: int = 1
    changed_at: datetime | None = None
    annotations_text: str = ""

    def __post_init__(self) -> None:
        _check_description(self.description, DESCRIPTION_LENGTH_MAX)
        if self.metered and self.type is ItemType.CHARGE:
            raise Invalid(
                "invalid_field", "only a plan or an addon can be metered", field="metered"
            )
        if not self.metered and self.recording is Recording.EVENTS:
            raise Invalid("invalid_field", "only a metered item records events", field="recording")

    @property
    def updated_at(self) -> datetime:
        """When it became what it is now."""
        return self.changed_at or self.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPrice(Annotated):
    """An item at a price. *version* counts its changes; a term pins the one it is rated with.

    *base_fee* is charged each term beside the charge, usage or not, *setup_fee* once in the life of
    a line; both in major units. *tax* comes before the customer's. *cadence* is how often a
    subscription must be invoiced to have it, None if that does not matter; it never changes. An
    *archived* price goes on no more lines. *created_at* is this version's; *begun_at* is the first
    one's, None on that itself.
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
    setup_fee: Decimal | None = None
    tax: TaxRates | None = None
    cadence: Cadence | None = None
    description: str | None = None
    archived: bool = False
    begun_at: datetime | None = None
    annotations_text: str = ""

    def __post_init__(self) -> None:
        _check_description(self.description, DESCRIPTION_LENGTH_MAX)

    @property
    def first_created_at(self) -> datetime:
        """When its first version was created; of old data, when the oldest that is known was."""
        return self.begun_at or self.created_at

    @property
    def updated_at(self) -> datetime:
        """When it became what it is now: the creation of this version."""
        return self.created_at

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


def _check_description(description: str | None, longest: int) -> None:
    if description is not None and not 1 <= len(description) <= longest:
        raise Invalid("invalid_field", f"must have 1 to {longest} characters", field="description")
