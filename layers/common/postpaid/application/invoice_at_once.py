"""Invoice a subscription at once: what waits for its close, else what the open term has so far.

crash before a close   nothing changed, or a term was cut: its invoice waits, the repeat closes it
lost answer after it   the repeat finds what was used since, which most often is nothing
two at once            both close what waits and have the same invoice; of two cuts one is refused,
                       reads again and cuts what little came since
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from postpaid.application.close_invoice import charges_nothing, close_invoice
from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Office,
    Request,
    edit_subscription,
)
from postpaid.application.invoice_now import content_now, invoice_now
from postpaid.application.roll_term import known_subscription
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.term import TermStatus

# How many terms are looked through for invoices that wait: older ones are closed long since.
_TERMS_LOOKED_AT = 24


def invoice_at_once(
    subscription_id: str,
    *,
    office: Office,
    new_run: Callable[[], str],
    request: Request = NO_REQUEST,
) -> Invoice | None:
    """Close the oldest invoice that waits and return it; without one cut the open term, and close.

    None if there is nothing to charge: then no term is cut. One that cannot be made is returned
    pending, parked with its reason. *new_run* names each attempt to close. Raises what
    `invoice_now` and `close_invoice` raise; where usage URLs are to be asked first, before any term
    is cut.
    """
    known_subscription(office.books.subscriptions, subscription_id)
    _catch_up(subscription_id, office)
    for identifier in _waiting(subscription_id, office):
        invoice = close_invoice(identifier, books=office.books, run=new_run(), now=office.now)
        if invoice.status is not InvoiceStatus.SKIPPED:
            return invoice
    if charges_nothing(content_now(subscription_id, office=office)):
        return None
    edited = invoice_now(subscription_id, office=office, request=request, to_close_at_once=True)
    assert edited.outcome is not None, "it ends a term"
    cut = invoice_id(office.scope, subscription_id, edited.outcome, 0)
    invoice = close_invoice(cut, books=office.books, run=new_run(), now=office.now)
    return None if invoice.status is InvoiceStatus.SKIPPED else invoice


def _catch_up(subscription_id: str, office: Office) -> None:
    """End the terms whose time is over, which no sweep may have seen yet."""
    with suppress(Conflict):  # it has ended: its last invoice may wait all the same
        edit_subscription(subscription_id, lambda _, __: None, office=office)


def _waiting(subscription_id: str, office: Office) -> Iterator[str]:
    """Yield the ids of pending invoices whose time to close has come, the oldest first."""
    books = office.books
    subscription = known_subscription(books.subscriptions, subscription_id)
    opening = books.invoices.get(invoice_id(office.scope, subscription.id, subscription.start, 0))
    is_waiting = opening is not None and opening.status is InvoiceStatus.PENDING
    if opening is not None and is_waiting and opening.period_end <= office.now:
        yield opening.id
    terms = books.terms.page(subscription.id, before=None, limit=_TERMS_LOOKED_AT)
    for term in reversed(terms):
        if term.status in {TermStatus.GRACE, TermStatus.CLOSING} and term.invoice_id is not None:
            yield term.invoice_id
