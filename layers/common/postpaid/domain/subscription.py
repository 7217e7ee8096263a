"""A subscription: a customer's lines over time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from postpaid.domain.calendar import Cadence, Schedule
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.instants import instant_text, zone
from postpaid.domain.period import Period
from postpaid.domain.site import ClosingPolicy
from postpaid.domain.usage import Aggregation, Recording

LINES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An item price on a subscription, with its own id; usage belongs to a line.

    *quantity* is the number of units a recurring line is charged for; a metered line has none.
    *unit*, *metered*, *recording* and *aggregation* are copies of the item's, which never change
    there.
    """

    id: str
    number: int
    item_id: str
    item_price_id: str
    price_version: int
    name: str
    unit: str | None
    metered: bool
    recording: Recording
    quantity: Decimal | None
    aggregation: Aggregation = Aggregation.SUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A customer's lines, invoiced every *cadence* from *start* on the wall clock of *timezone*.

    Terms end on the grid of *anchor*; if *start* is off it, the first term is short, and *prorate*
    says whether its recurring charges are too. *closing* overrides the customer's and the site's
    policy.
    """

    id: str
    number: int
    customer_id: str
    currency: str
    timezone: str
    start: datetime
    anchor: datetime
    cadence: Cadence
    lines: tuple[Line, ...]
    closing: ClosingPolicy | None
    created_at: datetime
    prorate: bool = True
    version: int = 1

    def __post_init__(self) -> None:
        assert 1 <= len(self.lines) <= LINES_MAX
        assert len({line.id for line in self.lines}) == len(self.lines), "line ids are unique"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which dates and terms of this subscription are meant."""
        return zone(self.timezone)

    @property
    def schedule(self) -> Schedule:
        """Where the terms fall."""
        return Schedule(self.start, self.anchor, self.zone, self.cadence)

    def term_period(self, n: int) -> Period:
        """Return the period of the n-th term, n = 0 being the first."""
        return self.schedule.term(n)

    def term_at(self, instant: datetime) -> Period:
        """Return the period of the term that contains *instant*, or of the first term."""
        schedule = self.schedule
        return schedule.term(schedule.index(instant))

    def metered_line(self, *, line_id: str | None, item_price_id: str | None) -> Line:
        """Find the metered line that a client names by its id or by its item price.

        Raises `Invalid` if neither or a recurring line is named, `NotFound` if no line answers to
        the name, `Conflict` if several lines share the item price.
        """
        field = "item_price_id" if line_id is None else "line_id"
        if line_id is None and item_price_id is None:
            raise Invalid("missing_field", "name an item_price_id or a line_id", field=field)
        found = [
            line
            for line in self.lines
            if (line_id is None or line.id == line_id)
            and (item_price_id is None or line.item_price_id == item_price_id)
        ]
        if not found:
            raise NotFound(
                "line_not_found",
                f"subscription '{self.id}' has no such line",
                field=field,
            )
        if len(found) > 1:
            raise Conflict(
                "line_ambiguous",
                "several lines of the subscription have this item price; name a line_id",
                field=field,
                details={"line_ids": [line.id for line in found]},
            )
        if not found[0].metered:
            raise Invalid("not_metered", "the line is not metered", field=field)
        return found[0]


def default_line_id(item_price_id: str, taken: Iterable[str]) -> str:
    """Name a line after its item price; `price.2` and so on where that is taken.

    Ids have at most 100 characters, so a long name gives way to its counter.
    """
    used = set(taken)
    if item_price_id not in used:
        return item_price_id
    for n in range(2, LINES_MAX + 2):
        suffix = f".{n}"
        candidate = item_price_id[: 100 - len(suffix)] + suffix
        if candidate not in used:
            return candidate
    raise AssertionError("more lines than a subscription can have")


def check_usage_date(
    subscription: Subscription, at: datetime, *, earliest: datetime, now: datetime
) -> None:
    """Refuse a usage date outside what is accepted: `[max(start, earliest), end of the term now)`.

    Raises `Invalid` with code `usage_date_out_of_range` and both bounds.
    """
    first = max(subscription.start, earliest)
    until = subscription.term_at(now).end
    if first <= at < until:
        return
    raise Invalid(
        "usage_date_out_of_range",
        f"must lie from {instant_text(first)} to before {instant_text(until)}",
        field="usage_date",
        details={"accepted_from": instant_text(first), "accepted_before": instant_text(until)},
    )
