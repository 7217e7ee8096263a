"""List the invoices of a subscription or a customer, found by their terms: no index is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.invoice import Invoice, invoice_id
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term

_PAGE = 100


class PagedTerms(Protocol):
    """The terms of one site's subscriptions."""

    def page(self, subscription_id: str, *, before: datetime | None, limit: int) -> list[Term]:
        """Read at most *limit* terms that start before an instant, newest first."""
        ...


class PagedInvoices(Protocol):
    """The heads of one site's invoices."""

    def many(self, invoice_ids: Sequence[str]) -> list[Invoice]:
        """Read heads in this order, without those that do not exist; eventually consistent."""
        ...


class PagedCustomers(Protocol):
    """Which subscriptions the customers of one site have."""

    def subscriptions(self, customer_id: str, *, after: str | None, limit: int) -> list[str]:
        """Read at most *limit* ids of a customer's subscriptions, in order of their ids."""
        ...


class PagedSubscriptions(Protocol):
    """The subscriptions of one site."""

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        """Read a subscription."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawers:
    """Where invoices are looked for."""

    scope: Scope
    terms: PagedTerms
    invoices: PagedInvoices
    customers: PagedCustomers
    subscriptions: PagedSubscriptions


def invoices_of_subscription(
    subscription: Subscription, *, drawers: Drawers, after: list[str] | None, limit: int
) -> tuple[list[Invoice], list[str] | None]:
    """Return a page of a subscription's invoices, newest first, and the place to go on from."""
    before = instant_from_text(after[1]) if after else None
    return _page(_of_subscription(subscription, drawers, before), drawers, limit)


def invoices_of_customer(
    customer_id: str, *, drawers: Drawers, after: list[str] | None, limit: int
) -> tuple[list[Invoice], list[str] | None]:
    """Return a page of a customer's invoices, subscription by subscription, newest first."""
    return _page(_of_customer(customer_id, drawers, after), drawers, limit)


type _Row = tuple[str, str, str]  # invoice id, and the place of its term: subscription and start


def _page(
    rows: Iterator[_Row], drawers: Drawers, limit: int
) -> tuple[list[Invoice], list[str] | None]:
    found = list(islice(rows, limit + 1))
    shown = found[:limit]
    invoices = drawers.invoices.many([row[0] for row in shown])
    return invoices, list(shown[-1][1:]) if len(found) > limit else None


def _of_customer(customer_id: str, drawers: Drawers, after: list[str] | None) -> Iterator[_Row]:
    last = None
    if after is not None:
        last = after[0]
        begun = drawers.subscriptions.get(last)
        if begun is not None:
            yield from _of_subscription(begun, drawers, instant_from_text(after[1]))
    while ids := drawers.customers.subscriptions(customer_id, after=last, limit=_PAGE):
        for subscription_id in ids:
            subscription = drawers.subscriptions.get(subscription_id)
            if subscription is not None:
                yield from _of_subscription(subscription, drawers, None)
        last = ids[-1]


def _of_subscription(
    subscription: Subscription, drawers: Drawers, before: datetime | None
) -> Iterator[_Row]:
    while terms := drawers.terms.page(subscription.id, before=before, limit=_PAGE):
        for term in terms:
            start = instant_text(term.period.start)
            # Of its later manifests some have an invoice of their own; those that do not are
            # looked for in vain.
            for k in range(term.manifests - 1, 0, -1):
                own = invoice_id(drawers.scope, subscription.id, term.period.end, k)
                yield own, subscription.id, start
            if term.invoice_id is not None:
                yield term.invoice_id, subscription.id, start
        before = terms[-1].period.start
    # The opening invoice, if there is one, is older than every term's. It has no term to go on
    # from, which is right for the last row.
    if before is None or before >= subscription.start:
        opening = invoice_id(drawers.scope, subscription.id, subscription.start, 0)
        if any(not line.metered and line.since is None for line in subscription.lines):
            yield opening, subscription.id, "2000-01-01T00:00:00Z"
