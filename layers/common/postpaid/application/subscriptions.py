"""Create subscriptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from postpaid.application.catalog import Created, Items, already_exists
from postpaid.application.customers import known_customer
from postpaid.application.keep import KEEP, Keep
from postpaid.application.make_line import CreateLine, LineMaker
from postpaid.application.ports import (
    Customers,
    Ids,
    Lost,
    Prices,
    Sites,
    Subscriptions,
    Unavailable,
)
from postpaid.application.roll_term import first_term, opening_closes_at
from postpaid.application.sites import known_series
from postpaid.application.usage_urls import check_length, not_metered
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX, annotations_text
from postpaid.domain.calendar import MONTHLY, Cadence, calendar_anchor
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import check_zone, midnight, parse_moment, zone
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.line import LINES_MAX, Line, check_bytes
from postpaid.domain.site import ClosingPolicy, LatePolicy, Scope
from postpaid.domain.subscription import USAGE_SHARDS_MAX, Subscription, last_cycle_end
from postpaid.domain.term import Term
from postpaid.domain.usage_url import UsageUrl

# A start further back would open terms that nothing may be recorded in any more.
START_AGE_MAX = timedelta(days=400)
START_AHEAD_MAX = timedelta(days=3660)
LATER_MAX = timedelta(days=3660)
_TRIES = 4


class Activation(Protocol):
    """How a subscription comes into being, whole."""

    def activate(self, subscription: Subscription, first: Term, opening: Invoice | None) -> None:
        """Store a new subscription, its first term and its opening invoice; or raise `Lost`.

        Its customer must not be deleted.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterLine(CreateLine):
    """A line that begins after the subscription does: at *since*, a date or an instant as text."""

    since: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSubscription:
    """What a customer is to be charged; *start* is still text, its zone is the subscription's.

    *by_calendar* ends terms with the calendar's weeks, months or years, else on the grid of the
    start, or of *trial_end*, before which nothing is charged. *anchor* is where the first term is
    to end, however long that is, and what the grid begins with then. *cycles* is how many charged
    terms there are, None for no end. No invoice closes by itself before *hold_until*. *late* None
    is the site's policy, *usage_records_max* `KEEP` the site's maximum, None for none; *series*
    None the customer's. *usage_shards* is over how many partitions its usages are spread, for good.
    With *opening_pending* the opening invoice closes as the policy says, counted from the start.
    """

    id: str
    customer_id: str
    timezone: str | None
    start: object
    lines: Sequence[CreateLine]
    closing: ClosingPolicy | None
    cadence: Cadence = MONTHLY
    by_calendar: bool = False
    prorate: bool = True
    trial_end: object = None
    anchor: object = None
    cycles: int | None = None
    hold_until: object = None
    late: LatePolicy | None = None
    usage_records_max: int | Keep | None = KEEP
    series: str | None = None
    usage_shards: int = 1
    opening_pending: bool = False
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a subscription's parts are found."""

    items: Items
    prices: Prices
    customers: Customers
    sites: Sites


def create_subscription(
    command: CreateSubscription,
    *,
    scope: Scope,
    shelf: Shelf,
    subscriptions: Subscriptions,
    activation: Activation,
    ids: Ids,
    now: datetime,
) -> Created[Subscription]:
    """Create a subscription with its first term; creating it again equally changes nothing.

    If it has recurring lines, an opening invoice for the first term is pending from its start.
    Raises `Invalid`, `LimitExceeded`, `NotFound`; `Conflict` with code `already_exists`, or
    `archived` for a price that no line may get any more.
    """
    try:
        subscription = _subscription(command, shelf, ids, now)
    except (Conflict, NotFound):
        existing = subscriptions.get(command.id)
        if existing is None:
            raise
        # It is there: since then its prices may have been archived, or its customer deleted.
        asked = _subscription(command, shelf, ids, now, again=True)
        return _again(existing, asked, command)
    opening = _opening(subscription, scope, shelf, ids, now)
    for _ in range(_TRIES):
        try:
            activation.activate(subscription, first_term(subscription), opening)
        except Lost:
            existing = subscriptions.get(subscription.id)
            if existing is not None:
                return _again(existing, subscription, command)
            # Another subscription of the customer began at this moment, or the customer went.
            known_customer(subscription.customer_id, shelf.customers, "customer_id")
        else:
            return Created(subscription, new=True)
    raise Unavailable("others came first every time")


def _again(
    existing: Subscription, asked: Subscription, command: CreateSubscription
) -> Created[Subscription]:
    """Return the subscription that is there, if it began as the one that is asked for."""
    if not _same(existing, asked, dated=command.start is not None):
        raise already_exists("subscription", asked.id)
    return Created(existing, new=False)


def _subscription(
    command: CreateSubscription, shelf: Shelf, ids: Ids, now: datetime, *, again: bool = False
) -> Subscription:
    check_id(command.id, "id")
    check_id(command.customer_id, "customer_id")
    customer = known_customer(
        command.customer_id, shelf.customers, "customer_id", even_deleted=again
    )
    site = shelf.sites.get()
    timezone = check_zone(
        site.timezone if command.timezone is None else command.timezone, "timezone"
    )
    place = zone(timezone)
    start = _start(command.start, place, now)
    trial_end = _later(command.trial_end, place, start, "trial_end")
    lines, currency = _lines(command, shelf, ids, place, start, again=again)
    made = Subscription(
        id=command.id,
        number=ids.number("subscription"),
        customer_id=customer.id,
        currency=currency,
        timezone=timezone,
        start=start,
        anchor=_anchor(command, place, start, trial_end or start),
        cadence=command.cadence,
        prorate=command.prorate,
        trial_end=trial_end,
        cycles=command.cycles,
        hold_until=_later(command.hold_until, place, start, "hold_until"),
        late=site.late if command.late is None else command.late,
        usage_records_max=site.usage_records_max
        if isinstance(command.usage_records_max, Keep)
        else command.usage_records_max,
        series=known_series(command.series, site),
        lines=lines,
        closing=command.closing,
        usage_shards=_usage_shards(command.usage_shards),
        annotations_text=annotations_text(command.annotations, SUBSCRIPTION_BYTES_MAX),
        opening_pending=command.opening_pending,
        usage_urls=_usage_urls(command.lines, lines),
        created_at=now,
    )
    if command.cycles is None:
        return made
    return replace(made, end=_last_end(made, command.cycles))


def _last_end(made: Subscription, cycles: int) -> datetime:
    if made.schedule.first is None:
        return last_cycle_end(made.schedule, cycles, "cycles")
    # The first term is none of the grid: it ends where that begins.
    grid = replace(made.schedule, start=made.anchor, first=None)
    end = last_cycle_end(grid, cycles - 1 if cycles > 1 else cycles, "cycles")
    return end if cycles > 1 else made.anchor


def _anchor(
    command: CreateSubscription, place: ZoneInfo, start: datetime, billed_from: datetime
) -> datetime:
    if command.anchor is None:
        if command.by_calendar:
            return calendar_anchor(billed_from, place, command.cadence)
        return billed_from
    anchor = _later(command.anchor, place, start, "anchor")
    assert anchor is not None
    if command.by_calendar or command.trial_end is not None:
        raise Invalid(
            "invalid_field", "does not go with a trial, nor with the calendar", field="anchor"
        )
    if command.cadence.on_fixed_days and calendar_anchor(anchor, place, command.cadence) != anchor:
        raise Invalid("invalid_field", "must be the 1st or the 16th of a month", field="anchor")
    return anchor


def _start(value: object, place: ZoneInfo, now: datetime) -> datetime:
    if value is None:
        # Not this very second: usage of today is dated with its midnight.
        start = midnight(now.astimezone(place).date(), place, "start")
    else:
        start = parse_moment(value, place, "start")
    if not now - START_AGE_MAX <= start <= now + START_AHEAD_MAX:
        raise Invalid(
            "invalid_field",
            f"must lie from {START_AGE_MAX.days} days back to {START_AHEAD_MAX.days} days ahead",
            field="start",
        )
    return start


def _later(value: object, place: ZoneInfo, start: datetime, field: str) -> datetime | None:
    if value is None:
        return None
    instant = parse_moment(value, place, field)
    if instant <= start:
        raise Invalid("invalid_field", "must be later than start", field=field)
    if instant > start + LATER_MAX:
        raise Invalid(
            "invalid_field", f"must lie at most {LATER_MAX.days} days after start", field=field
        )
    return instant


def _usage_shards(value: int) -> int:
    if not 1 <= value <= USAGE_SHARDS_MAX:
        raise Invalid(
            "invalid_field",
            f"must be a whole number from 1 to {USAGE_SHARDS_MAX}",
            field="usage_shards",
        )
    return value


def _lines(
    command: CreateSubscription,
    shelf: Shelf,
    ids: Ids,
    zone_there: ZoneInfo,
    start: datetime,
    *,
    again: bool,
) -> tuple[tuple[Line, ...], str]:
    commands = command.lines
    if not 1 <= len(commands) <= LINES_MAX:
        raise Invalid("invalid_field", f"must have 1 to {LINES_MAX} lines", field="lines")
    taken = {each.id for each in commands if each.id is not None}
    maker = LineMaker(
        items=shelf.items,
        prices=shelf.prices,
        ids=ids,
        currency=None,
        cadences=(command.cadence,),
        keeps=again,
    )
    lines: list[Line] = []
    for index, each in enumerate(commands):
        place = f"lines[{index}]."
        if maker.currency is None:
            maker = replace(maker, currency=maker.price(each, place).currency)
        line = maker.make(each, place, taken)
        if any(line.id == other.id for other in lines):
            raise Invalid("invalid_field", "is the id of another line", field=f"{place}id")
        taken.add(line.id)
        if isinstance(each, LaterLine):
            since = _later(each.since, zone_there, start, f"{place}since")
            line = replace(line, since=since)
        lines.append(line)
    assert maker.currency is not None
    check_bytes(lines)
    return tuple(lines), maker.currency


def _usage_urls(commands: Sequence[CreateLine], lines: Sequence[Line]) -> dict[str, UsageUrl]:
    urls = {}
    for index, (command, line) in enumerate(zip(commands, lines, strict=True)):
        if command.usage_url is None:
            continue
        if not line.metered:
            raise not_metered(f"lines[{index}].usage_url")
        urls[line.id] = command.usage_url
    check_length(urls, "lines")
    return urls


def _opening(
    subscription: Subscription, scope: Scope, shelf: Shelf, ids: Ids, now: datetime
) -> Invoice | None:
    """Return the invoice of what is paid in advance; after a trial its term's end makes that."""
    opens = any(not line.metered and line.since is None for line in subscription.lines)
    if not opens or subscription.trial_end is not None:
        return None
    return Invoice(
        id=invoice_id(scope, subscription.id, subscription.start, 0),
        number=ids.number("invoice"),
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        currency=subscription.currency,
        status=InvoiceStatus.PENDING,
        period_end=subscription.start,
        k=0,
        term_start=None,
        created_at=now,
        due_at=opening_closes_at(subscription, shelf.customers, shelf.sites),
    )


def _same(existing: Subscription, asked: Subscription, *, dated: bool) -> bool:
    """Compare what the client chose: as it was made, whatever changed since.

    Not the integers; not the closing policy, the hold, the late policy, the maximum of usages, the
    series and the usage URLs, which have their own requests; not a start that was left to the
    clock. What it is annotated with, as long as nothing was changed.
    """
    if _chosen(_made(existing, asked)) != _chosen(asked.lines):
        return False
    anchored = existing.schedule.first or asked.schedule.first
    return existing == replace(
        existing,
        customer_id=asked.customer_id,
        currency=asked.currency,
        timezone=asked.timezone,
        start=asked.start if dated else existing.start,
        anchor=asked.anchor if dated or anchored else existing.anchor,
        cadence=asked.cadence,
        prorate=asked.prorate,
        trial_end=asked.trial_end,
        usage_shards=asked.usage_shards,
        opening_pending=asked.opening_pending,
        cycles=asked.cycles if existing.version == 1 else existing.cycles,
        annotations_text=asked.annotations_text
        if existing.version == 1
        else existing.annotations_text,
    )


def _made(existing: Subscription, asked: Subscription) -> list[Line]:
    """Return the entries that a subscription was made with.

    One that began later may also have come with a change since; then it is taken for one of the
    first if it is asked for.
    """
    if existing.version == 1:
        return list(existing.lines)
    begins = {(line.id, line.since) for line in asked.lines}
    return [
        line for line in existing.lines if line.since is None or (line.id, line.since) in begins
    ]


def _chosen(lines: Sequence[Line]) -> list[tuple[object, ...]]:
    return [
        (line.id, line.since, line.item_price_id, line.quantity, line.charge_text, line.label)
        for line in lines
    ]
