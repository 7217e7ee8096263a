"""A usage: a quantity for a line at a date."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

NOTE_LENGTH_MAX = 500


class Recording(StrEnum):
    """How many usages one line may have at one date."""

    ONE_PER_DATE = "one_per_date"
    EVENTS = "events"


class Aggregation(StrEnum):
    """How a term's usages of a line become one quantity."""

    SUM = "sum"
    LAST = "last"
    MAX = "max"


class UsageSource(StrEnum):
    """The road a usage came by."""

    API = "api"
    USAGE_URL = "usage_url"  # what a line's usage URL answered


@dataclass(frozen=True, slots=True)
class UsageKey:
    """The identity of a usage: subscription, line and date, and an event id where dates repeat."""

    subscription_id: str
    at: datetime
    line_id: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A recorded quantity; *version* counts its writes, deletion included.

    A deleted usage stays as a tombstone, so that a delayed request cannot bring it back.
    *request* is the digest of the idempotency key it was recorded with, if there was one, and
    *deletion* of the one it was last deleted with, which what is recorded again keeps.
    *external_id* is a name that the client gave it, unique in the site, if it did.
    """

    key: UsageKey
    item_price_id: str
    quantity: Decimal
    recorded_at: datetime
    version: int = 1
    note: str | None = None
    source: UsageSource = UsageSource.API
    deleted: bool = False
    request: str | None = None
    external_id: str | None = None
    deletion: str | None = None

    def same_fact(self, other: "Usage") -> bool:
        """Tell whether both say the same: an identity is one fact, its quantity the content."""
        return self.key == other.key and self.quantity == other.quantity
