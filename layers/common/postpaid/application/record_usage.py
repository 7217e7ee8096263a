"""Record one usage: put, then look.

The put is conditional on the identity being new, so the record itself is the proof that a repeat is
one. The look comes after it and is strongly consistent: if it still finds the term open, every
later close finds the usage. Nothing that happens after a put that was confirmed may turn the answer
into a refusal.

    crash or lost answer before the put    nothing is stored; the repeat records it
    crash or lost answer after the put     it is stored and will be billed; the repeat is a replay
    the look fails                         recorded, and the answer says `pending`

An external id, or a maximum of usages, makes the put a transaction; everything else stays as it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from postpaid.application.ports import (
    ExternalIdTaken,
    LedgerFull,
    Looks,
    Subscriptions,
    Unavailable,
    UsageLedger,
    UsagesOf,
)
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import instant_text
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import LatePolicy
from postpaid.domain.subscription import Subscription, check_usage_date
from postpaid.domain.term import BillingState, Term, TermStatus
from postpaid.domain.usage import (
    NOTE_LENGTH_MAX,
    Recording,
    Usage,
    UsageKey,
    UsageSource,
)

AGE_MAX = timedelta(days=400)
_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUsage:
    """What a client asks to record; *usage_date* is still text, its zone is the subscription's."""

    subscription_id: str
    line_id: str | None
    item_price_id: str | None
    usage_date: object
    quantity: Decimal
    event_id: str | None = None
    note: str | None = None
    request: str | None = None
    external_id: str | None = None
    source: UsageSource = UsageSource.API


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUsage:
    """A usage that is durable, whether this request recorded it, and where it will be billed.

    *term_start* names the term that must be looked at again for it, None if it is on time.
    """

    usage: Usage
    replayed: bool
    billing: BillingState
    term_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Durable:
    """A usage that is stored; *replayed* if it was before anybody asked this time."""

    usage: Usage
    replayed: bool


def record_usage(
    command: RecordUsage,
    *,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
    terms: Looks,
    now: datetime,
) -> RecordedUsage:
    """Record a usage once; raises what `judge` and `make_durable` raise."""
    usage, subscription = judge(command, subscriptions, now)
    durable = make_durable(
        usage, subscription, subscriptions=subscriptions, ledger=ledger, terms=terms
    )
    return looked(terms, durable.usage, replayed=durable.replayed)


def make_durable(
    usage: Usage,
    subscription: Subscription,
    *,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
    terms: Looks,
) -> Durable:
    """Store a usage that was judged, if it is not there; a look must follow.

    *terms* are asked before the put, where nothing late is taken: then `Conflict` with code
    `term_closed`. With nothing written it raises `Conflict` with code `usage_conflict` and what is
    recorded if the identity is taken, or with code `external_id_taken` and the usage that has it;
    `LimitExceeded` at the subscription's maximum. Raises `Unavailable` if it is unknown whether the
    usage was stored.
    """
    try:
        return _stored(usage, subscription, subscriptions, ledger.of(subscription), terms)
    except ExternalIdTaken as taken:
        raise _external_id_taken(taken.key) from None


def _stored(
    usage: Usage,
    subscription: Subscription,
    subscriptions: Subscriptions,
    usages: UsagesOf,
    terms: Looks,
) -> Durable:
    if is_closed(subscription, usage.key, terms):
        return _recorded_before(usage, usages.get(usage.key))
    existing = _added(usage, subscription, subscriptions, usages)
    for _ in range(_TRIES):
        if existing is None or not existing.deleted:
            break
        _check_request(usage, existing)
        usage = _renewed(usage, existing)
        existing = usages.add_again(usage, over=existing)
    if existing is None:
        return Durable(usage, replayed=False)
    if existing.deleted:
        raise Unavailable("the usage changed under every attempt to record it")
    return _replayed(usage, existing)


def _added(
    usage: Usage, subscription: Subscription, subscriptions: Subscriptions, usages: UsagesOf
) -> Usage | None:
    """Add a usage by what may be a cached maximum; refuse only by a fresh one."""
    records_max = subscription.usage_records_max
    try:
        return usages.add(usage, records_max=records_max)
    except LedgerFull as full:
        fresh = subscriptions.get(subscription.id) or subscription
        if fresh.usage_records_max == records_max:
            raise _limit_reached(records_max, full) from None
    try:
        return usages.add(usage, records_max=fresh.usage_records_max)
    except LedgerFull as full:
        raise _limit_reached(fresh.usage_records_max, full) from None


def check_note(note: str | None) -> None:
    """Refuse a note that would make a usage cost more than one write; raises `Invalid`."""
    if note is not None and len(note) > NOTE_LENGTH_MAX:
        raise Invalid(
            "invalid_field", f"must have at most {NOTE_LENGTH_MAX} characters", field="note"
        )


def is_closed(subscription: Subscription, key: UsageKey, terms: Looks) -> bool:
    """Tell whether a usage's term takes nothing more: it is frozen, and nothing late is taken.

    To be asked before the put. Only subscriptions that refuse pay for this second look.
    """
    if subscription.late is not LatePolicy.REFUSE:
        return False
    term = terms.look(subscription.id, key.at)
    return term is not None and term.status is TermStatus.FROZEN


def term_closed() -> Conflict:
    """Return the refusal of what is late where nothing late is taken."""
    return Conflict(
        "term_closed", "its term is invoiced, and nothing more is taken", field="usage_date"
    )


def _recorded_before(usage: Usage, existing: Usage | None) -> Durable:
    """Answer for a closed term: a repeat of what was recorded in time is still one."""
    if existing is None:
        raise term_closed()
    if existing.deleted:
        _check_request(usage, existing)
        raise term_closed()
    return _replayed(usage, existing)


def _check_request(usage: Usage, tombstone: Usage) -> None:
    """Refuse to record again what the same request recorded and somebody deleted."""
    if usage.request is not None and usage.request == tombstone.request:
        raise Conflict("usage_deleted", "this request's usage was recorded, and deleted since then")


def _replayed(usage: Usage, existing: Usage) -> Durable:
    """Answer a repeat; refuse what is none. Not to name an external id is no difference."""
    if not existing.same_fact(usage):
        raise Conflict(
            "usage_conflict",
            "another quantity is recorded for this line and date",
            field="quantity",
            details={
                "recorded_quantity": decimal_text(existing.quantity),
                "submitted_quantity": decimal_text(usage.quantity),
            },
        )
    if usage.external_id not in {None, existing.external_id}:
        raise Conflict(
            "usage_conflict",
            "the usage of this line and date is recorded without this external id",
            field="external_id",
            details={
                "recorded_external_id": existing.external_id,
                "submitted_external_id": usage.external_id,
            },
        )
    return Durable(existing, replayed=True)


def _external_id_taken(key: UsageKey) -> Conflict:
    return Conflict(
        "external_id_taken",
        "another usage of the site has, or had, this external id",
        field="external_id",
        details={
            "subscription_id": key.subscription_id,
            "line_id": key.line_id,
            "usage_date": instant_text(key.at),
            "event_id": key.event_id,
        },
    )


def _limit_reached(records_max: int | None, full: LedgerFull) -> LimitExceeded:
    return LimitExceeded(
        "usage_limit_reached",
        f"the subscription may have {records_max} usages over its life, and all are recorded",
        details={"limit": records_max, "count": full.count},
    )


def judge(
    command: RecordUsage, subscriptions: Subscriptions, now: datetime
) -> tuple[Usage, Subscription]:
    """Judge a command by what may be a cached subscription; refuse only by a fresh one.

    Nothing is written. Raises `NotFound`, `Invalid` or `Conflict`.
    """
    known = subscriptions.get(command.subscription_id, fresh=False)
    if known is not None:
        try:
            return _usage(command, known, now), known
        except BillingError:
            pass  # the copy may be older than the change that makes this right
    known = subscriptions.get(command.subscription_id)
    if known is None:
        raise NotFound(
            "subscription_not_found", f"there is no subscription '{command.subscription_id}'"
        )
    return _usage(command, known, now), known


def _usage(command: RecordUsage, subscription: Subscription, now: datetime) -> Usage:
    at = subscription.moment(command.usage_date, "usage_date")
    line = subscription.metered_line(
        line_id=command.line_id, item_price_id=command.item_price_id, at=at
    )
    check_usage_date(subscription, at, earliest=now - AGE_MAX, now=now)
    if line.recording is Recording.EVENTS and command.event_id is None:
        raise Invalid("missing_field", "the line records events: give each an id", field="id")
    if line.recording is Recording.ONE_PER_DATE and command.event_id is not None:
        raise Invalid(
            "invalid_field", "the line has one usage per date, which needs no id", field="id"
        )
    if command.event_id is not None:
        check_id(command.event_id, "id")
    if command.external_id is not None:
        check_id(command.external_id, "external_id")
    check_note(command.note)
    return Usage(
        key=UsageKey(subscription.id, at, line.id, command.event_id),
        item_price_id=line.item_price_id,
        quantity=command.quantity,
        recorded_at=now,
        note=command.note,
        request=command.request,
        external_id=command.external_id,
        source=command.source,
    )


def _renewed(usage: Usage, tombstone: Usage) -> Usage:
    return Usage(
        key=usage.key,
        item_price_id=usage.item_price_id,
        quantity=usage.quantity,
        recorded_at=usage.recorded_at,
        version=tombstone.version + 1,
        note=usage.note,
        request=usage.request,
        external_id=usage.external_id,
        source=usage.source,
        deletion=tombstone.deletion,
    )


def looked(terms: Looks, usage: Usage, *, replayed: bool) -> RecordedUsage:
    """Look where a durable usage is billed; must follow the write that made it durable."""
    try:
        term = terms.look(usage.key.subscription_id, usage.key.at)
    except Unavailable:
        term = None
    return told(usage, term, replayed=replayed)


def told(usage: Usage, term: Term | None, *, replayed: bool) -> RecordedUsage:
    """Say where a durable usage is billed by a look that came after its write.

    A look that failed, None, leaves it `pending`, which is true of every durable usage.
    """
    if term is None:
        return RecordedUsage(usage=usage, replayed=replayed, billing=BillingState.PENDING)
    state = _billing_state(term, usage)
    start = None if state is BillingState.ON_TIME else term.period.start
    return RecordedUsage(usage=usage, replayed=replayed, billing=state, term_start=start)


def _billing_state(term: Term, usage: Usage) -> BillingState:
    if usage.key.at < term.period.end:
        return term.billing_state
    # Behind the newest term that the query saw. While that one is OPEN the usage's own term does
    # not exist, so nothing can have closed it; otherwise a roll is landing beside the query, or the
    # subscription has ended and its last term takes it.
    return BillingState.ON_TIME if term.status is TermStatus.OPEN else BillingState.PENDING
