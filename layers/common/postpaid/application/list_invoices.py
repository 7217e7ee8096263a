"""List the invoices of a subscription or a customer, found by their terms: no index is needed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Protocol

from postpaid.domain.instants import YEAR_MAX, instant_from_text, instant_text
from postpaid.domain.invoice import Invoice, invoice_id
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term

_PAGE = 100
_LOOKED_AT_MAX = 500
_SECOND = timedelta(seconds=1)
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


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
    subscription: Subscription,
    *,
    drawers: Drawers,
    after: list[str] | None,
    limit: int,
    keep: Callable[[Invoice], bool] = lambda _: True,
) -> tuple[list[Invoice], list[str] | None]:
    """Return a page of a subscription's invoices, newest first, and the place to go on from.

    Those that are not to be kept are left out. A page looks at no more than some hundreds: it may
    be short, even empty, while there is more.
    """
    rows = (
        _of_subscription(subscription, drawers, None)
        if after is None
        else _behind(after, subscription, drawers)
    )
    return _page(rows, drawers, limit, keep)


def invoices_of_customer(
    customer_id: str,
    *,
    drawers: Drawers,
    after: list[str] | None,
    limit: int,
    keep: Callable[[Invoice], bool] = lambda _: True,
) -> tuple[list[Invoice], list[str] | None]:
    """Return a page of a customer's invoices, subscription by subscription, newest first.

    What is not to be kept is left out as above.
    """
    return _page(_of_customer(customer_id, drawers, after), drawers, limit, keep)


# An invoice is found by its term: the subscription and start of that, and the id of the invoice.
type _Row = tuple[str, str, str]


def _page(
    rows: Iterator[_Row], drawers: Drawers, limit: int, keep: Callable[[Invoice], bool]
) -> tuple[list[Invoice], list[str] | None]:
    shown: list[Invoice] = []
    looked_at = 0
    for chunk in batched(rows, limit, strict=False):
        heads = {head.id: head for head in drawers.invoices.many([row[2] for row in chunk])}
        for n, row in enumerate(chunk, 1):
            head = heads.get(row[2])
            if head is not None and keep(head):
                shown.append(head)
                if len(shown) == limit:
                    more = n < len(chunk) or next(rows, None) is not None
                    return shown, list(row) if more else None
        looked_at += len(chunk)
        if looked_at >= _LOOKED_AT_MAX and next(rows, None) is not None:
            return shown, list(chunk[-1])
    return shown, None


def _of_customer(customer_id: str, drawers: Drawers, after: list[str] | None) -> Iterator[_Row]:
    last = None
    if after is not None:
        last = after[0]
        begun = drawers.subscriptions.get(last)
        if begun is not None:
            yield from _behind(after, begun, drawers)
    while ids := drawers.customers.subscriptions(customer_id, after=last, limit=_PAGE):
        for subscription_id in ids:
            subscription = drawers.subscriptions.get(subscription_id)
            if subscription is not None:
                yield from _of_subscription(subscription, drawers, None)
        last = ids[-1]


def _behind(after: list[str], subscription: Subscription, drawers: Drawers) -> Iterator[_Row]:
    """Yield the invoices behind a place: what is left of its term, then those of earlier ones.

    A supplement that came meanwhile is before the place, as later ones of a term come first.
    """
    _, start, invoice_id = after
    # A client may have made up the place: there is no second behind the end of time.
    rows = _of_subscription(subscription, drawers, min(instant_from_text(start), _LATEST) + _SECOND)
    for row in rows:
        if row[1] != start:
            yield row  # of an earlier term: the place was in none, or in none any more
            break
        if row[2] == invoice_id:
            break
    yield from rows


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
                yield subscription.id, start, own
            if term.invoice_id is not None:
                yield subscription.id, start, term.invoice_id
        before = terms[-1].period.start
    # The opening invoice, if there is one, is older than every term's. It has no term to go on
    # from, which is right for the last row.
    if before is None or before >= subscription.start:
        opening = invoice_id(drawers.scope, subscription.id, subscription.start, 0)
        if any(not line.metered and line.since is None for line in subscription.lines):
            yield subscription.id, "2000-01-01T00:00:00Z", opening
