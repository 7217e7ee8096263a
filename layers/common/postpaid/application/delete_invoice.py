"""Delete a pending invoice: nothing of it is ever charged, and what it held counts as dealt with.

    crash after the fence      the term is CLOSING and as due as it was: where the policy closes it
                               a sweep does so then, else it waits for a request; a repeat goes on
    crash after the content    an object nobody names; the repeat stores the same one or another
    crash after the store      the repeat finds it deleted and shows it
    two at once                one deletes, the other finds it done
    a close at the same time   one of the two wins; the other is told what the invoice is by then
    usage during the deletion  it landed before the query and is dealt with, or it is late
    a one-time charge          the deletion is refused and reads it, or it is refused
    a price cannot rate        what it holds is stored without lines, and counts as dealt with, too

It is the close's own road, and for the same reason: what was told `on_time` is in the manifest that
is stored. But no number is drawn and no credit moves, and supplements that wait go on waiting, for
the invoice that comes next or, if none does, for one of their own.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from postpaid.application.books import Books
from postpaid.application.check_invoice import CANNOT_BE_MADE, checked_body
from postpaid.application.close_invoice import check_pending, known_invoice
from postpaid.application.compose_invoice import Parties, rated_content
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.invoice_content import InvoiceContent, stored_content
from postpaid.domain.site import Site
from postpaid.domain.term import Term, TermStatus

_TRIES = 8


def delete_invoice(
    invoice_id: str, reason: str | None, *, books: Books, run: str, now: datetime
) -> Invoice:
    """Delete a pending invoice and return it; one that is deleted is returned as it is.

    *run* names this attempt and must be unique. Raises `NotFound`; `Conflict` with code
    `invoice_not_pending` for one that is closed; `Unavailable` if the outcome is unknown.
    """
    for _ in range(_TRIES):
        invoice = known_invoice(books.invoices, invoice_id)
        if invoice.status is InvoiceStatus.DELETED:
            return invoice
        check_pending(invoice)
        try:
            return _Deletion(invoice, reason, books, run, now).run_through()
        except Lost:
            continue  # another run moved the term or the invoice: look again
    raise Unavailable("other runs came first every time")


@dataclass(frozen=True, slots=True)
class _Deletion:
    """One attempt to delete one invoice."""

    invoice: Invoice
    reason: str | None
    books: Books
    run: str
    now: datetime

    def run_through(self) -> Invoice:
        """Fence, read what the invoice holds, and store that nothing of it is charged.

        Raises `Lost`.
        """
        invoice, books, term = self.invoice, self.books, None
        if invoice.term_start is not None and invoice.k == 0:
            # Due at no other time: a sweep that came for a dead run would issue it.
            term = books.terms.fence(invoice.subscription_id, invoice.term_start, self.run, None)
        content, body = self._content(term, books.sites.get())
        content_hash = books.documents.put_content(invoice.id, body)
        frozen = term and replace(
            term, status=TermStatus.FROZEN, manifests=1, manifest_hash=content_hash
        )
        deleted = replace(
            invoice,
            status=InvoiceStatus.DELETED,
            parked=None,
            broken=None,
            due_at=None,
            total=content.total,
            content_hash=content_hash,
            deleted_at=self.now,
            delete_reason=self.reason,
        )
        books.closing.delete(frozen, deleted, run=self.run)
        return deleted

    def _content(self, term: Term | None, site: Site) -> tuple[InvoiceContent, bytes]:
        """Return what the invoice would have said, and its bytes; no lines if it cannot be made.

        Bounds that somebody should look at do not matter: somebody does.
        """
        invoice, books = self.invoice, self.books
        parties = Parties.of(invoice.subscription_id, books)
        try:
            content = rated_content(invoice, term, parties, books, site)
            return content, checked_body(content, site)
        except Conflict as refusal:
            if refusal.code not in CANNOT_BE_MADE:
                raise
        bare = rated_content(invoice, term, parties, books, site, with_lines=False)
        return bare, stored_content(bare)
