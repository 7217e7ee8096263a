"""End a term: one transaction closes the door behind it and opens the next."""

from dataclasses import replace
from datetime import datetime, timedelta

from postpaid.application.ports import Closing, Customers, Ids, Sites, Subscriptions
from postpaid.domain.errors import NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.site import ClosingMode, ClosingPolicy, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus


def first_term(subscription: Subscription) -> Term:
    """Return the term a subscription begins with."""
    return open_term(subscription, 0)


def roll_term(
    term: Term,
    *,
    scope: Scope,
    subscriptions: Subscriptions,
    customers: Customers,
    sites: Sites,
    closing: Closing,
    ids: Ids,
    now: datetime,
) -> tuple[Term, Term]:
    """End an open term whose end is reached; return it in GRACE, and its successor.

    A pending invoice comes with it. Running it twice changes nothing: the second run raises
    `Lost`. The closing policy is that of the subscription, else the customer, else the site, as
    it is now.
    """
    assert term.status is TermStatus.OPEN
    assert term.period.end <= now, "a term ends when its end is reached"
    subscription = known_subscription(subscriptions, term.subscription_id)
    customer = customers.get(subscription.customer_id)
    assert customer is not None, "customers are never removed"
    policy = subscription.closing or customer.closing or sites.get().closing
    begun = open_term(subscription, term.n + 1)
    assert begun.period.start == term.period.end, "terms tile the time line"
    invoice = Invoice(
        id=invoice_id(scope, subscription.id, term.period.end, 0),
        number=ids.number("invoice"),
        customer_id=customer.id,
        subscription_id=subscription.id,
        currency=subscription.currency,
        status=InvoiceStatus.PENDING,
        period_end=term.period.end,
        k=0,
        term_start=term.period.start,
        created_at=now,
    )
    ended = replace(
        term,
        status=TermStatus.GRACE,
        invoice_id=invoice.id,
        due_at=closes_at(policy, term.period.end),
    )
    closing.roll(ended, begun, invoice)
    return ended, begun


def closes_at(policy: ClosingPolicy, end: datetime) -> datetime | None:
    """Return when a term that ended at *end* closes by itself; None if only by request."""
    if policy.mode is ClosingMode.MANUAL:
        return None
    return end + timedelta(hours=policy.after_hours)


def known_subscription(subscriptions: Subscriptions, subscription_id: str) -> Subscription:
    """Read a subscription; raises `NotFound`."""
    subscription = subscriptions.get(subscription_id)
    if subscription is None:
        raise NotFound("subscription_not_found", f"there is no subscription '{subscription_id}'")
    return subscription


def open_term(subscription: Subscription, n: int) -> Term:
    """Return the n-th term of a subscription as it is when it opens."""
    period = subscription.term_period(n)
    return Term(
        subscription_id=subscription.id,
        n=n,
        period=period,
        status=TermStatus.OPEN,
        pins={line.id: line.price_version for line in subscription.lines},
        due_at=period.end,
    )
