"""A site: one tenant, its defaults and the name on its invoices."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from postpaid.domain.errors import Invalid
from postpaid.domain.series import MAIN, Series
from postpaid.domain.usage import Aggregation

if TYPE_CHECKING:  # the recorder reads sites, and has no use for money
    from postpaid.domain.bounds import AmountBounds

AFTER_HOURS_MAX = 1200  # 50 days, as long as Chargebee lets a metered invoice stay pending


class ClosingMode(StrEnum):
    """Who closes a pending invoice."""

    AUTO = "auto"
    MANUAL = "manual"


class TaxRounding(StrEnum):
    """Where tax is rounded, half away from zero, to the currency's minor unit."""

    LINE = "line"
    TOTAL = "total"


class LatePolicy(StrEnum):
    """What becomes of usage that comes after its term was frozen.

    SUPPLEMENT bills it. REFUSE takes none at the door; what slips through is billed. STORE_ONLY
    keeps and lists it, and never bills it (Chargebee's way).
    """

    SUPPLEMENT = "supplement"
    REFUSE = "refuse"
    STORE_ONLY = "store_only"


@dataclass(frozen=True, slots=True)
class ClosingPolicy:
    """When a pending invoice closes: by itself *after_hours* after the term's end, or by request.

    0 to 1200 hours; a manual policy keeps the figure but does not use it.
    """

    mode: ClosingMode
    after_hours: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.after_hours <= AFTER_HOURS_MAX:
            raise Invalid(
                "invalid_field",
                f"must be a whole number of hours from 0 to {AFTER_HOURS_MAX}",
                field="closing.after_hours",
            )


DEFAULT_CLOSING = ClosingPolicy(ClosingMode.AUTO, after_hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How a party is named on a document; every part may be empty but the name."""

    name: str
    lines: tuple[str, ...] = ()
    email: str | None = None
    tax_id: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where everything of a site lives: its id and its generation.

    A test site that starts afresh gets a new generation and leaves the old data unreachable, but
    for its catalogue: that is the site's.
    """

    site: str
    generation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One tenant. *clock_offset_seconds* moves the clock of a test site; it is 0 on a live one.

    *aggregation* is the default of new items, *late* and *usage_records_max* those of new
    subscriptions. *bounds* says which invoices are to be looked at before they are issued; None is
    none. *number_prefix* is that of the series `main`, *former_prefixes* are those it had before;
    *series* are the others.

    Of a test site that started afresh, *genesis* is where the clock of this generation began, and
    *former* the first and the last instant of the clocks before: that is when its catalogue was
    made. Both are None in the first generation.
    """

    scope: Scope
    test: bool
    timezone: str
    currency: str
    created_at: datetime
    seller: Address
    closing: ClosingPolicy = field(default=DEFAULT_CLOSING)
    number_prefix: str = "INV-"
    former_prefixes: tuple[str, ...] = ()
    series: tuple[Series, ...] = ()
    aggregation: Aggregation = Aggregation.SUM
    tax_rounding: TaxRounding = TaxRounding.LINE
    late: LatePolicy = LatePolicy.SUPPLEMENT
    usage_records_max: int | None = None
    bounds: "AmountBounds | None" = None
    clock_offset_seconds: int = 0
    genesis: datetime | None = None
    former: tuple[datetime, datetime] | None = None

    def __post_init__(self) -> None:
        assert self.test or self.clock_offset_seconds == 0, "only test sites have their own clock"
        assert self.test or self.genesis is None, "only test sites start afresh"
        assert (self.genesis is None) == (self.former is None), "both are of a site begun afresh"

    @property
    def began(self) -> datetime:
        """Where the clock of this generation began."""
        return self.created_at if self.genesis is None else self.genesis

    @property
    def all_series(self) -> tuple[Series, ...]:
        """Its series of invoice numbers, `main` first."""
        return (Series(MAIN, self.number_prefix, self.former_prefixes), *self.series)

    def series_named(self, series_id: str) -> Series | None:
        """Return a series of the site; None if it has none of that id."""
        return next((each for each in self.all_series if each.id == series_id), None)
