"""Change how a subscription's invoices close, those that are pending included.

That is when they do so by themselves, in which series they are numbered, and what becomes of usage
that comes later. What a door keeps with a subscription is changed with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from postpaid.application.edit_subscription import NO_REQUEST, Request, check_version
from postpaid.application.keep import KEEP, Keep
from postpaid.application.ports import Customers, Lost, Sites, Terms, Unavailable
from postpaid.application.roll_term import (
    closes_at,
    closing_policy,
    known_subscription,
    opening_closes_at,
)
from postpaid.application.sites import known_series
from postpaid.application.subscriptions import LATER_MAX
from postpaid.application.usage_urls import changed_urls
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX, annotations_text
from postpaid.domain.errors import Invalid
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.site import ClosingPolicy, LatePolicy, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage_url import UsageUrl

_TRIES = 4
_GRACE_TERMS_MAX = 1000


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

    def retime(self, term: Term, due_at: datetime | None, now: datetime) -> None:
        """Change when a term in GRACE closes by itself, None for never; `Lost` if it is not."""
        ...

    def note_policy(self, term: Term) -> None:
        """Keep an OPEN term from ending by a closing policy that was read before; or `Lost`."""
        ...


class RetimableInvoices(Protocol):
    """The invoices of one site, and how a pending one gets another time to close."""

    def get(self, invoice_id: str) -> Invoice | None:
        """Read the head of an invoice."""
        ...

    def retime(self, invoice: Invoice, due_at: datetime | None, now: datetime) -> None:
        """Change when a pending opening invoice closes by itself, None for never; or `Lost`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeClosing:
    """What is to be different; `KEEP` leaves it as it is.

    *policy* None goes back to the customer's or the site's, *series* None to the customer's;
    *hold_until* None lifts the hold, *usage_records_max* None the maximum. *annotations* are given
    whole. *usage_urls* are set line by line, or taken away where there is None: one that is set
    counts for the terms that end from then on, one that is taken away is not asked any more.
    """

    subscription_id: str
    policy: ClosingPolicy | Keep | None = KEEP
    hold_until: object = KEEP
    request: Request = NO_REQUEST
    late: LatePolicy | Keep = KEEP
    usage_records_max: int | Keep | None = KEEP
    series: str | Keep | None = KEEP
    annotations: Mapping[str, Any] | Keep = KEEP
    usage_urls: Mapping[str, UsageUrl | None] | Keep = KEEP


def change_closing(
    command: ChangeClosing,
    *,
    scope: Scope,
    subscriptions: ChangeableSubscriptions,
    terms: RetimableTerms,
    invoices: RetimableInvoices,
    customers: Customers,
    sites: Sites,
    now: datetime,
) -> Subscription:
    """Change how a subscription's invoices close, those that are pending included.

    Raises `NotFound`, `Invalid`, `LimitExceeded`; `Conflict` with code `version_mismatch`.
    """
    if isinstance(command.series, str):
        known_series(command.series, sites.get())
    subscription = _changed(command, subscriptions, now)
    for _ in range(_TRIES):
        policy = closing_policy(subscription, customers, sites)
        try:
            _apply(subscription, policy, terms, now)
            due_at = opening_closes_at(subscription, customers, sites)
            _apply_to_opening(scope, subscription, due_at, invoices, now)
        except Lost:
            continue  # a term ended or began to close meanwhile: look again
        there = known_subscription(subscriptions, subscription.id)
        if there.version == subscription.version:
            return subscription
        subscription = there  # another change came between: what it says holds
    raise Unavailable("other changes came first every time")


def _changed(
    command: ChangeClosing, subscriptions: ChangeableSubscriptions, now: datetime
) -> Subscription:
    annotated = command.annotations
    kept = (
        None if isinstance(annotated, Keep) else annotations_text(annotated, SUBSCRIPTION_BYTES_MAX)
    )
    for _ in range(_TRIES):
        found = known_subscription(subscriptions, command.subscription_id)
        check_version(found, command.request)
        changed = replace(
            found,
            closing=found.closing if isinstance(command.policy, Keep) else command.policy,
            hold_until=_hold(command.hold_until, found, now),
            late=found.late if isinstance(command.late, Keep) else command.late,
            usage_records_max=found.usage_records_max
            if isinstance(command.usage_records_max, Keep)
            else command.usage_records_max,
            series=found.series if isinstance(command.series, Keep) else command.series,
            annotations_text=found.annotations_text if kept is None else kept,
            usage_urls=found.usage_urls
            if isinstance(command.usage_urls, Keep)
            else changed_urls(found, command.usage_urls, "usage_urls"),
            version=found.version + 1,
            changed_at=now,
        )
        try:
            subscriptions.replace(changed)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def _hold(value: object, subscription: Subscription, now: datetime) -> datetime | None:
    if isinstance(value, Keep):
        return subscription.hold_until
    if value is None:
        return None
    instant = subscription.moment(value, "hold_until")
    if instant > now + LATER_MAX:
        raise Invalid(
            "invalid_field", f"must lie at most {LATER_MAX.days} days ahead", field="hold_until"
        )
    return instant


def _apply(
    subscription: Subscription, policy: ClosingPolicy, terms: RetimableTerms, now: datetime
) -> None:
    # Only the newest terms can be waiting; a term that began to close keeps its way.
    for term in terms.page(subscription.id, before=None, limit=_GRACE_TERMS_MAX):
        if term.status is TermStatus.OPEN:
            terms.note_policy(term)
        elif term.status is TermStatus.GRACE:
            due_at = closes_at(policy, term.period.end, subscription.hold_until)
            terms.retime(term, due_at, now)


def _apply_to_opening(
    scope: Scope,
    subscription: Subscription,
    due_at: datetime | None,
    invoices: RetimableInvoices,
    now: datetime,
) -> None:
    opening = invoices.get(invoice_id(scope, subscription.id, subscription.start, 0))
    # One that is parked waits for a request, whatever the date.
    if opening is None or opening.status is not InvoiceStatus.PENDING or opening.parked:
        return
    if due_at != opening.due_at:
        invoices.retime(opening, due_at, now)
