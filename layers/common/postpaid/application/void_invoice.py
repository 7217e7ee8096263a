"""Void an issued invoice: it keeps its number and all it says, and is owed no more.

    crash before the store     nothing changed; the repeat does it
    lost answer after it       the repeat finds it voided and shows it
    two at once                one is refused, reads again and finds it done: credit moves once
    a payment at the same time one of the two is refused, reads again and is told of the other
    a close draws on the same  one of the two reads the balance again and goes on from there
    credit
    its document is being made a renderer that has not seen the void is refused, and reads again

What the invoice took from the customer's credit goes back, what it gave is taken away again. The
usage it billed stays billed: its term is frozen, and the manifest stays the record of it.
"""

from dataclasses import replace
from datetime import datetime

from postpaid.application.books import Books
from postpaid.application.close_invoice import known_invoice
from postpaid.application.entries import CreditChange
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState

_TRIES = 8


def void_invoice(invoice_id: str, reason: str | None, *, books: Books, now: datetime) -> Invoice:
    """Void an issued invoice and return it; one that is voided is returned as it is.

    Raises `NotFound`; `Conflict` with code `invoice_not_issued`, with `invoice_paid` if something
    was paid, or with `credit_spent` if the credit it gave is no longer there to be taken away;
    `Unavailable` if others came first.
    """
    for _ in range(_TRIES):
        invoice = known_invoice(books.invoices, invoice_id)
        if invoice.status is InvoiceStatus.VOIDED:
            return invoice
        _check_voidable(invoice)
        voided = replace(
            invoice,
            status=InvoiceStatus.VOIDED,
            voided_at=now,
            void_reason=reason,
            # Its document is made anew, with a mark: the stream asks for it, or else a sweep.
            render=RenderState.PENDING,
            due_at=now,
        )
        try:
            books.closing.void(voided, credit=_credit_back(invoice, books))
        except Lost:
            continue
        return voided
    raise Unavailable("other changes came first every time")


def check_issued(invoice: Invoice) -> None:
    """Refuse what only an issued invoice allows; raises `Conflict`."""
    if invoice.status is not InvoiceStatus.ISSUED:
        raise Conflict("invoice_not_issued", f"the invoice is {invoice.status.value.lower()}")


def _check_voidable(invoice: Invoice) -> None:
    check_issued(invoice)
    if invoice.paid is not None:
        raise Conflict(
            "invoice_paid",
            f"{invoice.paid} {invoice.currency} of the invoice was paid",
            details={"amount_paid": str(invoice.paid)},
        )


def _credit_back(invoice: Invoice, books: Books) -> CreditChange | None:
    """Return the customer's credit as if the invoice had not been; None if that is no change.

    Raises `Conflict` with code `credit_spent`; `Lost` if another took it away meanwhile.
    """
    content = books.documents.get_content(invoice)
    given, taken = content.credit_granted, content.credit_applied
    if given == taken:
        return None  # neither: an invoice does one or the other
    balance = books.credits.balance(invoice.customer_id, invoice.currency)
    after = balance.amount + taken + -given
    if after.minor < 0:
        # The balance was read after the invoice: it may be short because that is voided by now.
        if books.invoices.get(invoice.id) != invoice:
            raise Lost
        raise Conflict(
            "credit_spent",
            f"the invoice gave a credit of {given} {invoice.currency}, of which the customer has "
            f"only {balance.amount} left",
            details={"credit_granted": str(given), "credit_balance": str(balance.amount)},
        )
    return CreditChange(invoice.customer_id, after, over=balance)
