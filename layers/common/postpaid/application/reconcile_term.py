"""Bill what changed in a term after it was frozen: once, as lines of their own.

    crash before the append    nothing changed; the next run finds the same difference
    crash after it             the next run finds no difference
    two runs at once           both find the same; one appends manifest k, the other looks again
    a usage during the run     it landed before the query and is in it, or the next run finds it

A run is started by the recorder that met a frozen term, and by the daily audit; the audit alone
suffices. What is found goes on the subscription's next invoice, if that is to close within some
weeks, else on an invoice of its own. So does what waited for an invoice that will not come: the
last close missed it, or had too many of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from postpaid.application.books import Books
from postpaid.application.compose_invoice import rated_lines
from postpaid.application.entries import Appended
from postpaid.application.ports import Ids, Lost, Unavailable
from postpaid.application.roll_term import closes_at, closing_policy, known_subscription
from postpaid.domain.forgone import Forgone, within
from postpaid.domain.invoice import Invoice, InvoiceLine, InvoiceStatus, invoice_id
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.site import LatePolicy, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.supplement import (
    Supplement,
    billed_lines,
    check_not_below_nothing,
    differences,
    fold,
    supplement_lines,
)
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage import Usage

NEXT_INVOICE_WITHIN = timedelta(days=35)
_TRIES = 8
_TERMS_LOOKED_AT = 24


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run found: *supplement* None if the term's usage is as it was billed."""

    term: Term
    supplement: Supplement | None
    invoice: Invoice | None = None


def reconcile_term(
    subscription_id: str,
    start: datetime,
    *,
    scope: Scope,
    books: Books,
    ids: Ids,
    now: datetime,
) -> Reconciled | None:
    """Bring what is billed of a frozen term up to its usage; None if the term is not frozen.

    Running it again finds nothing new. Raises `Unavailable` if the outcome is unknown or others
    came first every time; `Conflict` with code `invoice_not_ratable`, or `bound_exceeded` if it
    would give back more than was billed (I-24).
    """
    for _ in range(_TRIES):
        term = books.terms.get(subscription_id, start)
        if term is None or term.status is not TermStatus.FROZEN:
            return None
        later = books.manifests.of_term(term)
        if len(later) != term.manifests - 1:
            continue  # a transaction that is decided has not reached every item yet
        try:
            return _reconciled(term, later, scope, books, ids, now)
        except Lost:
            continue
    raise Unavailable("other runs came first every time")


def _reconciled(
    term: Term, later: list[Appended], scope: Scope, books: Books, ids: Ids, now: datetime
) -> Reconciled:
    subscription = known_subscription(books.subscriptions, term.subscription_id)
    assert term.invoice_id is not None
    invoice = books.invoices.get(term.invoice_id)
    assert invoice is not None, "invoices are never removed"
    first = books.documents.get_content(invoice)
    before = [books.documents.get_supplement(each) for each in later]
    usages = books.ledger.of(subscription).in_period(term.usage_period)
    placed = [(books.ledger.place(usage), usage) for usage in usages]
    found = differences(fold(first, before), placed)
    if not found:
        return Reconciled(term, None, _stranded(term, later, subscription, scope, books, ids, now))
    lines: tuple[InvoiceLine, ...] = ()
    if subscription.late is not LatePolicy.STORE_ONLY:
        gone = {each.k for each in later if _was_deleted(each, term, scope, books)}
        if invoice.status is InvoiceStatus.DELETED:
            gone.add(0)
        lines = _lines(_Log(first, before, gone), placed, term, subscription, books)
    supplement = Supplement(
        subscription_id=subscription.id,
        customer_id=subscription.customer_id,
        currency=subscription.currency,
        timezone=first.timezone,
        period=term.period,
        k=term.manifests,
        engine=term.engine,
        policy=subscription.late,
        differences=found,
        lines=lines,
        found_at=now,
    )
    return _append(supplement, term, subscription, scope, books, ids, now)


@dataclass(frozen=True, slots=True)
class _Log:
    """The manifests of a term; *gone* are the numbers of those whose invoices were deleted."""

    first: InvoiceContent
    later: list[Supplement]
    gone: set[int]

    @property
    def billed(self) -> tuple[InvoiceLine, ...]:
        """The lines that are charged for the term's usage."""
        first = None if 0 in self.gone else self.first
        return billed_lines(first, (each for each in self.later if each.k not in self.gone))


def _lines(
    log: _Log,
    placed: list[tuple[str, Usage]],
    term: Term,
    subscription: Subscription,
    books: Books,
) -> tuple[InvoiceLine, ...]:
    """Return the lines that bill a term's usage, by place, as far as it is not dealt with yet."""
    customer = books.customers.get(subscription.customer_id)
    assert customer is not None, "customers are never removed"

    def rated(usages: Sequence[Usage]) -> tuple[InvoiceLine, ...]:
        return rated_lines(subscription, term, None, usages, books, customer)

    owed = None
    forgone = Forgone.of(log.first, log.later, log.gone)
    if forgone is not None:
        counted = forgone.counted(placed)
        owed = [(line, 1) for line in rated([usage for _, usage in counted])]
        for was, now in forgone.steps:
            if was is not None:
                owed += [(line, 1) for line in rated(within(counted, was))]
            owed += [(line, -1) for line in rated(within(counted, now))]
    lines = supplement_lines(rated([usage for _, usage in placed]), log.billed, owed)
    check_not_below_nothing(log.billed, lines, subscription.currency)
    return lines


def _was_deleted(appended: Appended, term: Term, scope: Scope, books: Books) -> bool:
    """Tell whether a later manifest had an invoice of its own, and that was deleted."""
    own = invoice_id(scope, appended.subscription_id, term.period.end, appended.k)
    if appended.billed_in != own:
        return False  # the invoice of a term took it: none that is deleted does
    invoice = books.invoices.get(own)
    return invoice is not None and invoice.status is InvoiceStatus.DELETED


def _append(
    supplement: Supplement,
    term: Term,
    subscription: Subscription,
    scope: Scope,
    books: Books,
    ids: Ids,
    now: datetime,
) -> Reconciled:
    onto = None
    invoice = None
    if supplement.amount.minor:
        onto = _next_to_close(subscription, books, now)
        if onto is None:
            invoice = _own_invoice(subscription, term, supplement.k, scope, ids, now)
    appended = Appended(
        subscription_id=subscription.id,
        start=term.period.start,
        k=supplement.k,
        content_hash=books.documents.put_supplement(supplement),
        amount=supplement.amount,
        policy=supplement.policy,
        found_at=now,
        billed_in=None if invoice is None else invoice.id,
    )
    books.manifests.append(appended, invoice=invoice, onto=onto)
    return Reconciled(term, supplement, invoice)


def _stranded(
    term: Term,
    later: list[Appended],
    subscription: Subscription,
    scope: Scope,
    books: Books,
    ids: Ids,
    now: datetime,
) -> Invoice | None:
    """Give each supplement that waits for an invoice that will not come one of its own.

    Return the first of those invoices; all are due at once.
    """
    waiting = [appended for appended in later if appended.waiting]
    if not waiting or _yet_to_close(subscription, books):
        return None
    invoices = []
    for appended in waiting:
        invoices.append(_own_invoice(subscription, term, appended.k, scope, ids, now))
        books.manifests.release(appended, invoices[-1])
    return invoices[0]


def _yet_to_close(subscription: Subscription, books: Books) -> list[Term]:
    """Return the terms whose close will take what waits, the newest first."""
    return [
        term
        for term in books.terms.page(subscription.id, before=None, limit=_TERMS_LOOKED_AT)
        if term.status in {TermStatus.OPEN, TermStatus.GRACE}
    ]


def _next_to_close(subscription: Subscription, books: Books, now: datetime) -> Term | None:
    """Return the term whose invoice closes next, None if none does within some weeks."""
    waiting = _yet_to_close(subscription, books)
    if not waiting:
        return None
    earliest = waiting[-1]
    policy = closing_policy(subscription, books.customers, books.sites)
    closes = closes_at(policy, earliest.period.end, subscription.hold_until)
    if closes is None:
        closes = earliest.period.end  # by request: at the earliest then
    return earliest if closes <= now + NEXT_INVOICE_WITHIN else None


def _own_invoice(
    subscription: Subscription, term: Term, k: int, scope: Scope, ids: Ids, now: datetime
) -> Invoice:
    """Return the pending invoice for one supplement of a term; it is due at once."""
    return Invoice(
        id=invoice_id(scope, subscription.id, term.period.end, k),
        number=ids.number("invoice"),
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        currency=subscription.currency,
        status=InvoiceStatus.PENDING,
        period_end=term.period.end,
        k=k,
        term_start=term.period.start,
        created_at=now,
        due_at=now,
    )
