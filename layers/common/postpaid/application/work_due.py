"""Do what is due for one term or invoice, whatever state it is in.

A pure function of stored state: a sweep may come twice, late or not at all, and two may overlap.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from postpaid.application.books import Books
from postpaid.application.close_invoice import close_invoice
from postpaid.application.ports import Ids, Lost
from postpaid.application.reconcile_term import Reconciled, reconcile_term
from postpaid.application.roll_term import roll_term
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.site import Scope
from postpaid.domain.term import Term, TermStatus

# I-23: a subscription that is far behind catches up in order, this many terms to a visit.
TERMS_PER_VISIT_MAX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What a visit needs beside the books."""

    scope: Scope
    books: Books
    ids: Ids
    new_run: Callable[[], str]
    request_render: Callable[[Invoice], None]
    now: datetime


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
        if refusal.code != "invoice_not_pending":
            raise
        return
    _hasten(invoice, worker)


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
