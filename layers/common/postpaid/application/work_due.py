"""Do what is due for one term or invoice, whatever state it is in.

A pure function of stored state: a sweep may come twice, late or not at all, and two may overlap.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from postpaid.application.books import Books
from postpaid.application.check_invoice import REASON_LENGTH_MAX
from postpaid.application.close_invoice import close_invoice, known_invoice, park_unanswered
from postpaid.application.ports import Ids, Lost, Unavailable
from postpaid.application.reconcile_term import Reconciled, reconcile_term
from postpaid.application.roll_term import roll_term
from postpaid.application.usage_urls import UNANSWERED, AskedTerms
from postpaid.domain.asking import ASKED_FOR, next_ask
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.site import Scope
from postpaid.domain.term import Term, TermStatus

# I-23: a subscription that is far behind catches up in order, this many terms to a visit.
TERMS_PER_VISIT_MAX = 24
_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a visit needs beside the books.

    *asked* are the terms again. *real_now* is on everybody's clock, which a test site's is not.
    """

    scope: Scope
    books: Books
    ids: Ids
    new_run: Callable[[], str]
    request_render: Callable[[Invoice], None]
    now: datetime
    asked: AskedTerms
    request_pull: Callable[[str, datetime], None]
    real_now: datetime


def work_term(subscription_id: str, start: datetime, *, worker: Worker) -> None:
    """Roll, close or settle a term that is due, and the ones after it that are due as well."""
    term = worker.books.terms.get(subscription_id, start)
    for _ in range(TERMS_PER_VISIT_MAX):
        if term is None or term.due_at is None or term.due_at > worker.now:
            return
        try:
            successor = _step(term, worker)
        except Lost:
            return  # another visit is at it
        term = successor


def work_invoice(invoice_id: str, *, worker: Worker) -> None:
    """Issue an opening invoice that is due, or settle it once its document is made."""
    invoice = worker.books.invoices.get(invoice_id)
    if invoice is None or invoice.due_at is None or invoice.due_at > worker.now:
        return
    if invoice.status is InvoiceStatus.PENDING:
        _close(invoice_id, worker)
    elif _documented(invoice, worker):
        with suppress(Lost):  # it moved on, and stays on the list for that
            worker.books.invoices.settle(invoice)


def work_late(subscription_id: str, start: datetime, *, worker: Worker) -> Reconciled | None:
    """Bill what came or changed after a term was frozen; close the invoice that is made for it.

    None if the term is not frozen: its close takes what is there.
    """
    found = reconcile_term(
        subscription_id,
        start,
        scope=worker.scope,
        books=worker.books,
        ids=worker.ids,
        now=worker.now,
    )
    if found is not None and found.invoice is not None:
        work_invoice(found.invoice.id, worker=worker)
    return found


def work_pulled(
    subscription_id: str,
    start: datetime,
    answered: Sequence[str],
    failure: str | None,
    *,
    worker: Worker,
) -> None:
    """Note what usage URLs came to, and go on with their term: close it, or have them asked again.

    After a *failure* that is later. What comes twice, late or for a term that is closed changes
    nothing.
    """
    for _ in range(_TRIES):
        term = worker.asked.get(subscription_id, start)
        if term is None or term.status not in {TermStatus.GRACE, TermStatus.CLOSING}:
            return
        try:
            if not set(answered) <= set(term.answered):
                term = worker.asked.note_answered(term, answered)
            if failure is not None:
                _postpone(term, failure, worker)
                return
        except Lost:
            continue  # another visit noted something
        work_term(subscription_id, start, worker=worker)
        return
    raise Unavailable("other visits came first every time")


def _postpone(term: Term, failure: str, worker: Worker) -> None:
    if term.due_at is None or term.due_at > worker.now:
        return  # it was parked, or postponed by the report of another visit
    pause = next_ask(term.asked_since or worker.real_now, worker.real_now)
    reason = failure[:REASON_LENGTH_MAX]
    worker.asked.postpone(term, worker.now + pause, reason, worker.now)


def _step(term: Term, worker: Worker) -> Term | None:
    """Take a term one or more steps on; return its successor if that one was opened here."""
    begun = None
    if term.status is TermStatus.OPEN:
        term, begun = roll_term(
            term,
            scope=worker.scope,
            subscriptions=worker.books.subscriptions,
            customers=worker.books.customers,
            prices=worker.books.prices,
            sites=worker.books.sites,
            closing=worker.books.closing,
            ids=worker.ids,
            now=worker.now,
        )
    assert term.invoice_id is not None
    if term.status is TermStatus.FROZEN:
        invoice = worker.books.invoices.get(term.invoice_id)
        if invoice is not None and _documented(invoice, worker):
            worker.books.terms.settle(term)
    elif term.due_at is not None and term.due_at <= worker.now:
        _close(term.invoice_id, worker)
    return begun


def _close(invoice_id: str, worker: Worker) -> None:
    """Close an invoice and ask for its document; one that was deleted meanwhile is left alone."""
    try:
        invoice = close_invoice(
            invoice_id, books=worker.books, run=worker.new_run(), now=worker.now
        )
    except Conflict as refusal:
        if refusal.code == UNANSWERED:
            _ask(invoice_id, worker)
        elif refusal.code != "invoice_not_pending":
            raise
        return
    _hasten(invoice, worker)


def _ask(invoice_id: str, worker: Worker) -> None:
    """Have the usage URLs of a due invoice asked; park it once they were asked for long enough."""
    invoice = known_invoice(worker.books.invoices, invoice_id)
    assert invoice.term_start is not None, "only the invoice of a term asks"
    term = worker.asked.get(invoice.subscription_id, invoice.term_start)
    assert term is not None, "terms are never removed"
    if term.asked_since is None:
        worker.asked.note_asked(term, worker.real_now)
    elif term.asked_since + ASKED_FOR <= worker.real_now:
        reason = term.unanswered or "its usage URLs could not be asked"
        park_unanswered(invoice, reason, books=worker.books, run=worker.new_run(), now=worker.now)
        return
    worker.request_pull(term.subscription_id, term.period.start)


def _documented(invoice: Invoice, worker: Worker) -> bool:
    """Tell whether nothing is left to render; if something is, ask for it again."""
    if invoice.render is RenderState.PENDING:
        worker.request_render(invoice)
        return False
    return True


def _hasten(invoice: Invoice, worker: Worker) -> None:
    """Ask for the document at once; the stream and the sweep would come to it too."""
    if invoice.render is RenderState.PENDING:
        worker.request_render(invoice)
