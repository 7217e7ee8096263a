"""End a term: one transaction closes the door behind it and opens the next."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from postpaid.application.entries import EarlyEnd
from postpaid.application.ports import (
    Closing,
    Customers,
    Ids,
    Prices,
    Sites,
    Subscriptions,
)
from postpaid.domain.asking import lines_to_ask
from postpaid.domain.errors import NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.setup_fee import charged_unused
from postpaid.domain.site import ClosingMode, ClosingPolicy, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus


def first_term(subscription: Subscription) -> Term:
    """Return the term a new subscription begins with, at the prices it was made with."""
    return open_term(subscription, subscription.start, 0, versions={})


def roll_term(
    term: Term,
    *,
    scope: Scope,
    subscriptions: Subscriptions,
    customers: Customers,
    prices: Prices,
    sites: Sites,
    closing: Closing,
    ids: Ids,
    now: datetime,
) -> tuple[Term, Term | None]:
    """End an open term whose end is reached; return it in GRACE, and its successor if there is one.

    A pending invoice comes with it. Running it twice changes nothing: the second run raises
    `Lost`. The closing policy is that of the subscription, else the customer, else the site, as
    it is now.
    """
    assert term.status is TermStatus.OPEN
    assert term.period.end <= now, "a term ends when its end is reached"
    subscription = known_subscription(subscriptions, term.subscription_id)
    return end_term(
        term,
        subscription,
        scope=scope,
        policy=closing_policy(subscription, customers, sites),
        prices=prices,
        closing=closing,
        ids=ids,
        now=now,
    )


def end_term(
    term: Term,
    subscription: Subscription,
    *,
    scope: Scope,
    policy: ClosingPolicy,
    prices: Prices,
    closing: Closing,
    ids: Ids,
    now: datetime,
    early: EarlyEnd | None = None,
) -> tuple[Term, Term | None]:
    """End a term where its period says, and begin the next one there.

    *early* is for one that ends before its time. Raises `Lost` if it is not the open one any more.
    """
    begun = successor(term, subscription, prices, early)
    invoice = Invoice(
        id=invoice_id(scope, subscription.id, term.period.end, 0),
        number=ids.number("invoice"),
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        currency=subscription.currency,
        status=InvoiceStatus.PENDING,
        period_end=term.period.end,
        k=0,
        term_start=term.period.start,
        created_at=now,
        asks=lines_to_ask(subscription, term.period),
    )
    ended = replace(
        term,
        status=TermStatus.GRACE,
        invoice_id=invoice.id,
        last=begun is None,
        due_at=closes_at(policy, term.period.end, subscription.hold_until),
    )
    closing.roll(ended, begun, invoice, early=early)
    return ended, begun


def successor(
    ended: Term, subscription: Subscription, prices: Prices, early: EarlyEnd | None
) -> Term | None:
    """Return the term that begins where one ends, None after the last.

    *early* is for one that ends before its time.
    """
    begun = next_term(subscription, ended, prices)
    # What is given back is charged anew, even where the new terms fall as the old ones did.
    goes_on = begun is not None and _goes_on(subscription, ended, begun)
    if goes_on and begun is not None and early is not None and not ended.credit_unused:
        return _continued(subscription, ended, begun, early)
    return begun


def _goes_on(subscription: Subscription, ended: Term, begun: Term) -> bool:
    """Tell whether a term is the rest of the whole one that the term before is a part of."""
    return subscription.whole_term(ended.period) == subscription.whole_term(begun.period)


def closing_policy(subscription: Subscription, customers: Customers, sites: Sites) -> ClosingPolicy:
    """Return how the invoices of a subscription close: as it says, or its customer, or the site."""
    if subscription.closing is not None:
        return subscription.closing
    customer = customers.get(subscription.customer_id)
    assert customer is not None, "customers are never removed"
    return customer.closing or sites.get().closing


def closes_at(policy: ClosingPolicy, end: datetime, hold_until: datetime | None) -> datetime | None:
    """Return when a term that ended at *end* closes by itself; None if only by request."""
    if policy.mode is ClosingMode.MANUAL:
        return None
    due = end + timedelta(hours=policy.after_hours)
    return due if hold_until is None else max(due, hold_until)


def opening_closes_at(
    subscription: Subscription, customers: Customers, sites: Sites
) -> datetime | None:
    """Return when an opening invoice closes by itself; None if only by request.

    That is at the start, whatever the closing policy, unless it is to stay pending like the others.
    """
    start, hold = subscription.start, subscription.hold_until
    if subscription.opening_pending:
        return closes_at(closing_policy(subscription, customers, sites), start, hold)
    return start if hold is None else max(start, hold)


def known_subscription(subscriptions: Subscriptions, subscription_id: str) -> Subscription:
    """Read a subscription; raises `NotFound`."""
    subscription = subscriptions.get(subscription_id)
    if subscription is None:
        raise NotFound("subscription_not_found", f"there is no subscription '{subscription_id}'")
    return subscription


def next_term(subscription: Subscription, term: Term, prices: Prices) -> Term | None:
    """Return the term after one as it is when it opens, at the newest prices; None after the last.

    A new version of a price counts from the next term that begins.
    """
    start = term.period.end
    period = subscription.term_from(start)
    if period is None:
        return None
    wanted = {line.item_price_id for line in subscription.lines_in(period)}
    opened = open_term(subscription, start, term.n + 1, prices.newest_versions(wanted))
    return replace(opened, charged=charged_unused(subscription, term))


def open_term(
    subscription: Subscription, start: datetime, n: int, versions: Mapping[str, int]
) -> Term:
    """Return the n-th term of a subscription as it is when it opens.

    *versions* are the newest of its prices; where one is missing, the entry's own counts.
    """
    period = subscription.term_from(start)
    assert period is not None
    return Term(
        subscription_id=subscription.id,
        n=n,
        period=period,
        status=TermStatus.OPEN,
        pins={
            line.number: versions.get(line.item_price_id, line.price_version)
            for line in subscription.lines_in(period)
        },
        idle=frozenset(
            line.number
            for line in subscription.lines_in(period)
            if subscription.suspended(start) or not line.in_force(start)
        ),
        due_at=period.end,
    )


def _continued(subscription: Subscription, ended: Term, begun: Term, early: EarlyEnd) -> Term:
    """Hand on to the rest of a whole term what was paid in advance for the time that was cut off.

    Its versions of prices stay what they were. Without proration a line that was charged is not
    charged again, whatever its entries say.
    """
    kept = {number: ended.pins.get(number, version) for number, version in begun.pins.items()}
    lines: dict[str, datetime] = {}
    covered: dict[int, datetime] = {}
    for line in subscription.lines:
        if line.metered:
            continue
        if ended.is_paid(line.number):
            lines[line.id] = ended.paid_until(line.number)
        if not begun.is_paid(line.number):
            continue
        if ended.is_paid(line.number):
            covered[line.number] = ended.paid_until(line.number)
        elif not subscription.prorate and line.id in lines:
            covered[line.number] = lines[line.id]
    return replace(
        begun,
        pins=kept,
        covered={number: end for number, end in covered.items() if end > begun.period.start},
        credit_unused=early.credit_unused,
    )
