"""Give back time that was paid in advance: none if the invoice that charged it was deleted."""

from datetime import datetime, timedelta

from postpaid.application.books import Books
from postpaid.domain.invoice import InvoiceLine, InvoiceStatus, LineKind, invoice_id
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term


def paid_back(
    lines: tuple[InvoiceLine, ...],
    subscription: Subscription,
    ended: Term | None,
    books: Books,
    scope: Scope,
) -> tuple[InvoiceLine, ...]:
    """Return the lines without credits for what was charged by an invoice that was deleted.

    Nothing of that is ever charged, so nothing of it was paid (I-24). Reads something only if an
    invoice gives back time.
    """
    if ended is None or all(line.kind is not LineKind.CREDIT for line in lines):
        return lines
    unpaid = {
        line_id
        for line_id in {line.line_id for line in lines if line.kind is LineKind.CREDIT}
        if _was_deleted(line_id, subscription, ended, books, scope)
    }
    return tuple(
        line for line in lines if line.kind is not LineKind.CREDIT or line.line_id not in unpaid
    )


def _was_deleted(
    line_id: str, subscription: Subscription, ended: Term, books: Books, scope: Scope
) -> bool:
    """Tell whether the invoice that charged a line in advance for a term was deleted.

    That is the one of the boundary where the term began, unless the line was covered: then it was
    charged with the term before, and so on.
    """
    entries = {line.number for line in subscription.lines if line.id == line_id}
    start = _charged_from(entries, ended, books)
    charged = books.invoices.get(invoice_id(scope, subscription.id, start, 0))
    return charged is not None and charged.status is InvoiceStatus.DELETED


def _charged_from(entries: set[int], term: Term, books: Books) -> datetime:
    while entries & term.covered.keys():
        before = books.terms.look(term.subscription_id, term.period.start - timedelta(seconds=1))
        assert before is not None, "a covered term goes on another"
        term = before
    return term.period.start
