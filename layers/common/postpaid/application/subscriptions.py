"""Create subscriptions, and change how their invoices close."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.catalog import Created, Items, already_exists
from postpaid.application.ports import Customers, Ids, Lost, Prices, Sites, Terms, Unavailable
from postpaid.application.roll_term import closes_at, first_term, known_subscription
from postpaid.domain.calendar import MONTHLY, Cadence, calendar_anchor
from postpaid.domain.catalog import Item, ItemPrice
from postpaid.domain.errors import Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import check_zone, midnight, parse_moment, zone
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.quantity import parse_quantity
from postpaid.domain.site import ClosingPolicy, Scope
from postpaid.domain.subscription import LINES_MAX, Line, Subscription, default_line_id
from postpaid.domain.term import Term, TermStatus

# A start further back would open terms that nothing may be recorded in any more.
START_AGE_MAX = timedelta(days=400)
START_AHEAD_MAX = timedelta(days=3660)
_TRIES = 4
_GRACE_TERMS_MAX = 1000


class Activation(Protocol):
    """How a subscription comes into being, whole."""

    def activate(self, subscription: Subscription, first: Term, opening: Invoice | None) -> None:
        """Store a new subscription, its first term and its opening invoice; or raise `Lost`."""
        ...


class ChangeableSubscriptions(Protocol):
    """The subscriptions of one site, and how one is changed."""

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        """Read a subscription."""
        ...

    def replace(self, subscription: Subscription) -> None:
        """Store a changed subscription; raises `Lost` if its version is not the next one."""
        ...


class RetimableTerms(Terms, Protocol):
    """The terms of one site, and how those in GRACE get another time to close."""

    def page(self, subscription_id: str, *, before: datetime | None, limit: int) -> list[Term]:
        """Read at most *limit* terms that start before an instant, newest first."""
        ...

    def retime(self, term: Term, due_at: datetime | None, now: datetime) -> None:
        """Change when a term in GRACE closes by itself, None for never; `Lost` if it is not."""
        ...

    def note_policy(self, term: Term) -> None:
        """Keep an OPEN term from ending by a closing policy that was read before; or `Lost`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLine:
    """An item price that goes on a subscription."""

    item_price_id: str
    id: str | None
    quantity: object


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSubscription:
    """What a customer is to be charged; *start* is still text, its zone is the subscription's.

    *by_calendar* ends terms with the calendar's weeks, months or years, else on the grid of the
    start.
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
    subscriptions: ChangeableSubscriptions,
    activation: Activation,
    ids: Ids,
    now: datetime,
) -> Created[Subscription]:
    """Create a subscription with its first term; creating it again equally changes nothing.

    If it has recurring lines, an opening invoice for the first term is pending from its start.
    Raises `Invalid`, `NotFound`; `Conflict` with code `already_exists`.
    """
    subscription = _subscription(command, shelf, ids, now)
    opening = _opening(subscription, scope, ids, now)
    try:
        activation.activate(subscription, first_term(subscription), opening)
    except Lost:
        existing = subscriptions.get(subscription.id)
        if existing is None:
            raise Unavailable("the same id is being created at this moment") from None
        if not _same(existing, subscription, dated=command.start is not None):
            raise already_exists("subscription", subscription.id) from None
        return Created(existing, new=False)
    return Created(subscription, new=True)


def change_closing(
    subscription_id: str,
    policy: ClosingPolicy | None,
    *,
    subscriptions: ChangeableSubscriptions,
    terms: RetimableTerms,
    customers: Customers,
    sites: Sites,
    now: datetime,
) -> Subscription:
    """Change how a subscription's invoices close, those that are pending included.

    *policy* None goes back to the customer's or the site's. Raises `NotFound`.
    """
    for _ in range(_TRIES):
        found = known_subscription(subscriptions, subscription_id)
        subscription = replace(found, closing=policy, version=found.version + 1)
        try:
            subscriptions.replace(subscription)
        except Lost:
            continue
        break
    else:
        raise Unavailable("other changes came first every time")
    customer = customers.get(subscription.customer_id)
    assert customer is not None, "customers are never removed"
    effective = policy or customer.closing or sites.get().closing
    for _ in range(_TRIES):
        try:
            _apply_closing(subscription_id, effective, terms, now)
        except Lost:
            continue  # a term ended or began to close meanwhile: look again
        return subscription
    raise Unavailable("other changes came first every time")


def _apply_closing(
    subscription_id: str, policy: ClosingPolicy, terms: RetimableTerms, now: datetime
) -> None:
    # Only the newest terms can be waiting; a term that began to close keeps its way.
    for term in terms.page(subscription_id, before=None, limit=_GRACE_TERMS_MAX):
        if term.status is TermStatus.OPEN:
            terms.note_policy(term)
        elif term.status is TermStatus.GRACE:
            terms.retime(term, closes_at(policy, term.period.end), now)


def _subscription(
    command: CreateSubscription, shelf: Shelf, ids: Ids, now: datetime
) -> Subscription:
    check_id(command.id, "id")
    customer = shelf.customers.get(check_id(command.customer_id, "customer_id"))
    if customer is None:
        raise NotFound(
            "customer_not_found",
            f"there is no customer '{command.customer_id}'",
            field="customer_id",
        )
    site = shelf.sites.get()
    timezone = check_zone(
        site.timezone if command.timezone is None else command.timezone, "timezone"
    )
    place = zone(timezone)
    if command.start is None:
        # Not this very second: usage of today is dated with its midnight.
        start = midnight(now.astimezone(place).date(), place, "start")
    else:
        start = parse_moment(command.start, place, "start")
    if not now - START_AGE_MAX <= start <= now + START_AHEAD_MAX:
        raise Invalid(
            "invalid_field",
            f"must lie from {START_AGE_MAX.days} days back to {START_AHEAD_MAX.days} days ahead",
            field="start",
        )
    lines, currency = _lines(command.lines, shelf, ids)
    return Subscription(
        id=command.id,
        number=ids.number("subscription"),
        customer_id=customer.id,
        currency=currency,
        timezone=timezone,
        start=start,
        anchor=calendar_anchor(start, place, command.cadence) if command.by_calendar else start,
        cadence=command.cadence,
        prorate=command.prorate,
        lines=lines,
        closing=command.closing,
        created_at=now,
    )


def _lines(commands: Sequence[CreateLine], shelf: Shelf, ids: Ids) -> tuple[tuple[Line, ...], str]:
    if not 1 <= len(commands) <= LINES_MAX:
        raise Invalid("invalid_field", f"must have 1 to {LINES_MAX} lines", field="lines")
    taken = {command.id for command in commands if command.id is not None}
    lines: list[Line] = []
    currency: str | None = None
    for index, command in enumerate(commands):
        field = f"lines[{index}]"
        price = shelf.prices.newest(check_id(command.item_price_id, f"{field}.item_price_id"))
        if price is None:
            raise NotFound(
                "item_price_not_found",
                f"there is no item price '{command.item_price_id}'",
                field=f"{field}.item_price_id",
            )
        currency = currency or price.currency
        if price.currency != currency:
            raise Invalid(
                "invalid_field",
                f"is in {price.currency}, the lines before it in {currency}",
                field=f"{field}.item_price_id",
            )
        item = shelf.items.get(price.item_id)
        assert item is not None, "items are never removed"
        line = _line(command, field, item, price, taken, ids)
        if any(line.id == other.id for other in lines):
            raise Invalid("invalid_field", "is the id of another line", field=f"{field}.id")
        taken.add(line.id)
        lines.append(line)
    assert currency is not None
    return tuple(lines), currency


def _line(
    command: CreateLine, field: str, item: Item, price: ItemPrice, taken: set[str], ids: Ids
) -> Line:
    quantity = None
    if item.metered and command.quantity is not None:
        raise Invalid(
            "invalid_field", "a metered line counts its usage instead", field=f"{field}.quantity"
        )
    if not item.metered:
        given = 1 if command.quantity is None else command.quantity
        quantity = parse_quantity(given, f"{field}.quantity")
    if command.id is None:
        line_id = default_line_id(price.id, taken)
    else:
        line_id = check_id(command.id, f"{field}.id")
    return Line(
        id=line_id,
        number=ids.number("line"),
        item_id=item.id,
        item_price_id=price.id,
        price_version=price.version,
        name=price.name,
        unit=item.unit,
        metered=item.metered,
        recording=item.recording,
        aggregation=item.aggregation,
        quantity=quantity,
    )


def _opening(subscription: Subscription, scope: Scope, ids: Ids, now: datetime) -> Invoice | None:
    if all(line.metered for line in subscription.lines):
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
        due_at=subscription.start,
    )


def _same(existing: Subscription, asked: Subscription, *, dated: bool) -> bool:
    """Compare what the client chose and cannot have changed since.

    Not the integers; not the closing policy, which has its own request; not a start that was left
    to the clock.
    """
    plain = [replace(line, number=0, price_version=0, name="") for line in existing.lines]
    wanted = [replace(line, number=0, price_version=0, name="") for line in asked.lines]
    return plain == wanted and existing == replace(
        existing,
        customer_id=asked.customer_id,
        currency=asked.currency,
        timezone=asked.timezone,
        start=asked.start if dated else existing.start,
        anchor=asked.anchor if dated else existing.anchor,
        cadence=asked.cadence,
        prorate=asked.prorate,
    )
