"""Bring a pending invoice up to the usage there is; one that was parked may go on if it can.

    crash before the store    nothing changed; a repeat does it
    lost answer after it      the repeat finds it done
    a close at the same time  it names its run on the term and wins; this one reads again
    two at once               one is refused and finds it done

Nothing is fenced or frozen: usage still counts. What it would say is rated anew each time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from postpaid.application.books import Books
from postpaid.application.check_invoice import Draft, draft_invoice, parked_by
from postpaid.application.close_invoice import check_pending, known_invoice
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.roll_term import (
    closes_at,
    closing_policy,
    known_subscription,
    opening_closes_at,
)
from postpaid.application.usage_urls import waited_for
from postpaid.domain.invoice import Invoice
from postpaid.domain.term import Term

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Synced:
    """A pending invoice as it is by now, and what it would say."""

    invoice: Invoice
    draft: Draft


def sync_invoice(
    invoice_id: str,
    *,
    books: Books,
    request_pull: Callable[[str, datetime], None],
    now: datetime,
) -> Synced:
    """Return what a pending invoice would say if it closed now.

    One that is parked and could be made by now is parked no more, and due by its closing policy;
    one that could not is parked for the present reason. Usage URLs that it waits for are asked:
    *request_pull* takes the subscription and the start of the term. Raises `NotFound`; `Conflict`
    with code `invoice_not_pending`; `Unavailable` if others came first.
    """
    synced = _synced(invoice_id, books, now)
    invoice = synced.invoice
    if invoice.term_start is not None and waited_for(invoice, books):
        request_pull(invoice.subscription_id, invoice.term_start)
    return synced


def _synced(invoice_id: str, books: Books, now: datetime) -> Synced:
    for _ in range(_TRIES):
        invoice = known_invoice(books.invoices, invoice_id)
        check_pending(invoice)
        # Before the draft: a close that comes between is then seen by its run.
        term = _fenced_term(invoice, books)
        draft = draft_invoice(invoice, books=books)
        if invoice.parked is None:
            return Synced(invoice, draft)
        try:
            if draft.refusal is None:
                return Synced(_go_on(invoice, term, books, now), draft)
            parked = parked_by(invoice, draft.refusal)
            if parked != invoice:
                books.closing.repark(parked, over=invoice)
            return Synced(parked, draft)
        except Lost:
            continue
    raise Unavailable("other runs came first every time")


def _fenced_term(invoice: Invoice, books: Books) -> Term | None:
    """Read the term that a parked invoice's run fenced; None of an invoice without one."""
    if invoice.parked is None or invoice.term_start is None or invoice.k:
        return None
    return books.terms.get(invoice.subscription_id, invoice.term_start)


def _go_on(invoice: Invoice, term: Term | None, books: Books, now: datetime) -> Invoice:
    """Let a parked invoice be closed as if it had never been parked; or raise `Lost`."""
    unparked = replace(invoice, parked=None, broken=None)
    if invoice.k:
        unparked = replace(unparked, due_at=now)
        books.closing.unpark(None, unparked, over=invoice, was=None)
        return unparked
    subscription = known_subscription(books.subscriptions, invoice.subscription_id)
    if term is None:
        opens = opening_closes_at(subscription, books.customers, books.sites)
        unparked = replace(unparked, due_at=opens)
        books.closing.unpark(None, unparked, over=invoice, was=None)
        return unparked
    due_at = term.due_at  # of a run that has begun to close it, or died
    if due_at is None:
        policy = closing_policy(subscription, books.customers, books.sites)
        due_at = closes_at(policy, term.period.end, subscription.hold_until)
    books.closing.unpark(replace(term, due_at=due_at), unparked, over=invoice, was=term)
    return unparked
