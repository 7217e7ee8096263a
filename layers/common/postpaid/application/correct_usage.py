"""Correct one usage: another quantity over exactly the version the caller knows.

crash or lost answer before the put    nothing changed; the repeat corrects it
crash or lost answer after the put     it is corrected; the repeat finds its own correction
two correctors at once                 one wins, the other is shown the version there is
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from postpaid.application.ports import Subscriptions, Terms, UsageLedger
from postpaid.application.record_usage import (
    RecordedUsage,
    check_note,
    is_closed,
    looked,
    term_closed,
)
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.quantity import decimal_text
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import Usage, UsageKey


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectUsage:
    """What a usage should say instead; *version* is the one that the caller knows.

    *unless_invoiced* is for who wants none changed whose term is frozen.
    """

    key: UsageKey
    version: int
    quantity: Decimal
    note: str | None = None
    unless_invoiced: bool = False


def correct_usage(
    command: CorrectUsage,
    *,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
    terms: Terms,
    now: datetime,
) -> RecordedUsage:
    """Correct a usage once; a repeat of the request finds it done.

    Raises `Invalid`; `NotFound` if there is none, or if it was deleted; `Conflict` with code
    `version_mismatch` and what there is, with `term_closed`, or with `usage_invoiced`;
    `Unavailable` if the outcome is unknown.
    """
    check_note(command.note)
    subscription = subscription_of(command.key, subscriptions)
    usages = ledger.of(subscription)
    there = usages.get(command.key)
    if there is None or there.deleted:
        raise usage_not_found()
    if _is_done(command, there):
        return looked(terms, there, replayed=True)
    if there.version != command.version:
        raise _stale(there)
    if is_closed(subscription, command.key, terms):
        raise term_closed()
    if command.unless_invoiced:
        check_not_invoiced(command.key, terms)
    # The request that recorded it stays with it: a late copy of that one, behind a deletion, must
    # still find that it was there.
    usage = replace(
        there,
        quantity=command.quantity,
        note=there.note if command.note is None else command.note,
        version=there.version + 1,
        recorded_at=now,
    )
    existing = usages.correct(usage, over=there)
    if existing is None:
        return looked(terms, usage, replayed=False)
    if existing.deleted:
        raise usage_not_found()
    if _is_done(command, existing):
        return looked(terms, existing, replayed=True)
    raise _stale(existing)


def subscription_of(key: UsageKey, subscriptions: Subscriptions) -> Subscription:
    """Return the subscription of a usage, which says where that is: a copy does, if there is one.

    Raises `NotFound`: where there is no subscription, nothing was recorded.
    """
    subscription = subscriptions.get(key.subscription_id, fresh=False)
    if subscription is None:  # it may be so new that only a consistent read sees it
        subscription = subscriptions.get(key.subscription_id)
    if subscription is None:
        raise usage_not_found()
    return subscription


def check_not_invoiced(key: UsageKey, terms: Terms) -> None:
    """Refuse what would change a usage of a frozen term; raises `Conflict`.

    A close that comes between this look and the write bills what was, and the change is late.
    """
    term = terms.look(key.subscription_id, key.at)
    if term is not None and term.status is TermStatus.FROZEN:
        raise Conflict("usage_invoiced", "its term is invoiced: what was billed stays")


def usage_not_found() -> NotFound:
    """Return the refusal for an identity under which there is no usage."""
    return NotFound("usage_not_found", "there is no such usage on the subscription")


def _is_done(command: CorrectUsage, there: Usage) -> bool:
    return there.version == command.version + 1 and there.quantity == command.quantity


def _stale(there: Usage) -> Conflict:
    return Conflict(
        "version_mismatch",
        f"the version is {there.version} by now: read it again, and correct that",
        field="If-Match",
        details={"version": there.version, "recorded_quantity": decimal_text(there.quantity)},
    )
