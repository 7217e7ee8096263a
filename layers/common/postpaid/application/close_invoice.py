"""Close an invoice: fence its term, read the usage, rate it, store what it says, freeze.

    a usage URL of a line      a close before it has answered is refused, unless the request says so
    crash after the fence       the term is CLOSING and due; the next run takes it over
    crash after the content     an object nobody names; the next run stores the same one
    crash after the freeze      the next run finds the invoice finished and returns it
    two runs at once            both rate the same usage; one freezes, the other finds it done
    usage during the close      it landed before the query and is billed, or it is late
    a one-time charge during    it is read before the freeze and is on the invoice, or it is refused
    the close
    a price cannot rate, or a   the invoice is parked with the reason and not due again; a request
    bound is broken             to close it runs the same close anew

The steps are in the only order that keeps the promise of `record_usage`: the fence is confirmed
before the query begins, and the freeze names the run that fenced.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from postpaid.application.books import Books
from postpaid.application.check_invoice import (
    CANNOT_BE_MADE,
    REASON_LENGTH_MAX,
    check_amount,
    checked_body,
    parked_by,
)
from postpaid.application.compose_invoice import (
    Parties,
    completed,
    credit_balance,
    rated_content,
    waiting_supplements,
)
from postpaid.application.entries import Balance, CreditChange
from postpaid.application.ports import Invoices, Lost, Unavailable
from postpaid.application.usage_urls import check_answered
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.instants import zone
from postpaid.domain.invoice import (
    Invoice,
    InvoiceStatus,
    LineKind,
    RenderState,
    serial_text,
)
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.series import Series
from postpaid.domain.site import Site
from postpaid.domain.term import Term, TermStatus

# How long a run that died keeps a term from the sweep.
TAKEOVER_AFTER = timedelta(minutes=5)
_TRIES = 8
_FREEZES = 30


def close_invoice(
    invoice_id: str,
    *,
    books: Books,
    run: str,
    now: datetime,
    accept_bounds: bool = False,
    without_usage_urls: bool = False,
) -> Invoice:
    """Close a pending invoice and return it, issued or skipped; one that is closed is returned.

    One that cannot be made is returned pending, parked with its reason. *run* names this attempt
    and must be unique. With *accept_bounds* it may charge what the site wants looked at (I-20),
    with *without_usage_urls* leave out what usage URLs have not answered yet.
    Raises `NotFound`; `Conflict` with code `invoice_not_pending` for a deleted or voided one,
    `invoice_not_due` for an opening one before its time, `usage_url_unanswered`; `Unavailable` if
    the outcome is unknown.
    """
    for _ in range(_TRIES):
        invoice = known_invoice(books.invoices, invoice_id)
        if invoice.status in {InvoiceStatus.ISSUED, InvoiceStatus.SKIPPED}:
            return invoice
        check_pending(invoice)
        if invoice.term_start is None and now < invoice.period_end:
            raise Conflict(
                "invoice_not_due", "an opening invoice closes when its subscription starts"
            )
        if not without_usage_urls:
            check_answered(invoice, books)
        try:
            return _Close(invoice, books, run, now, accept_bounds).run_through()
        except Lost:
            continue  # another run moved the term, the invoice or the counter: look again
    raise Unavailable("other closes came first every time")


def park_unanswered(
    invoice: Invoice, reason: str, *, books: Books, run: str, now: datetime
) -> None:
    """Park the invoice of a term whose usage URLs did not answer in time; or raise `Lost`.

    It waits for a request then: to close it without them, or to refresh it, which has them asked
    anew.
    """
    assert invoice.term_start is not None
    due_at = now + TAKEOVER_AFTER
    term = books.terms.fence(invoice.subscription_id, invoice.term_start, run, due_at)
    parked = replace(invoice, parked=reason[:REASON_LENGTH_MAX], broken=None)
    books.closing.park(term, parked, run=run)


def check_pending(invoice: Invoice) -> None:
    """Refuse what only a pending invoice allows; raises `Conflict`."""
    if invoice.status is not InvoiceStatus.PENDING:
        raise Conflict("invoice_not_pending", f"the invoice is {invoice.status.value.lower()}")


def known_invoice(invoices: Invoices, invoice_id: str) -> Invoice:
    """Read the head of an invoice; raises `NotFound`."""
    invoice = invoices.get(invoice_id)
    if invoice is None:
        raise NotFound("invoice_not_found", f"there is no invoice '{invoice_id}'")
    return invoice


@dataclass(frozen=True, slots=True)
class _Close:
    """One attempt to close one invoice."""

    invoice: Invoice
    books: Books
    run: str
    now: datetime
    accept_bounds: bool

    def run_through(self) -> Invoice:
        """Fence, and freeze or park. Raises `Lost`."""
        invoice, books, term = self.invoice, self.books, None
        if invoice.term_start is not None and invoice.k == 0:
            due_at = self.now + TAKEOVER_AFTER
            term = books.terms.fence(invoice.subscription_id, invoice.term_start, self.run, due_at)
        try:
            return self._frozen(term)
        except Conflict as refusal:
            if refusal.code not in CANNOT_BE_MADE:
                raise
            parked = parked_by(invoice, refusal)
            books.closing.park(term, parked, run=self.run)
            return parked

    def _frozen(self, term: Term | None) -> Invoice:
        """Store what a fenced term's invoice says, and freeze both."""
        invoice, books = self.invoice, self.books
        parties = Parties.of(invoice.subscription_id, books)
        # After the subscription and the customer: whatever series they name is on the site by now.
        site = books.sites.get()
        series = site.series_named(parties.series)
        assert series is not None, "series are never removed"
        rated = rated_content(invoice, term, parties, books, site)
        for _ in range(_FREEZES):
            # After the fence: a supplement that may wait for this invoice was appended before it.
            waiting = waiting_supplements(invoice, term, books)
            balance = credit_balance(rated, books)
            content = completed(rated, waiting, balance, books, site)
            body = checked_body(content, site)
            if not self.accept_bounds:
                check_amount(invoice, content, site, books)
            content_hash = books.documents.put_content(invoice.id, body)
            frozen = term and replace(
                term, status=TermStatus.FROZEN, manifests=1, manifest_hash=content_hash
            )
            finished = _finished(invoice, content, content_hash, series, books, site, self.now)
            try:
                books.closing.freeze(
                    frozen,
                    finished,
                    run=self.run,
                    credit=_credit_change(content, balance),
                    billing=waiting,
                )
            except Lost:
                if not _still_ours(invoice, term, books):
                    raise  # or it got another one-time charge: it is read anew
                continue  # only what is drawn by all was drawn by another close: draw the next
            return finished
        raise Unavailable("other closes drew a number first every time")


def _credit_change(content: InvoiceContent, balance: Balance) -> CreditChange | None:
    after = balance.amount + content.credit_granted + -content.credit_applied
    if after == balance.amount:
        return None
    return CreditChange(content.customer_id, after, over=balance)


def _still_ours(invoice: Invoice, term: Term | None, books: Books) -> bool:
    """Tell whether the fence of this run stands, so that what it read is still all there is.

    A fence keeps usage out, not one-time charges: of those the invoice's head tells.
    """
    now = books.invoices.get(invoice.id)
    if now is None or now.status is not InvoiceStatus.PENDING:
        return False
    if now.charge_changes != invoice.charge_changes:
        return False
    if term is None:
        return True
    fenced = books.terms.get(term.subscription_id, term.period.start)
    return fenced is not None and fenced.status is TermStatus.CLOSING and fenced.run == term.run


def _finished(
    invoice: Invoice,
    content: InvoiceContent,
    content_hash: str,
    series: Series,
    books: Books,
    site: Site,
    now: datetime,
) -> Invoice:
    credit = content.credit_applied
    finished = replace(
        invoice,
        parked=None,
        broken=None,
        status=InvoiceStatus.SKIPPED,
        total=content.total,
        credit_applied=credit if credit.minor else None,
        content_hash=content_hash,
    )
    if charges_nothing(content):
        return finished
    serial, last_date = books.closing.next_serial(series.id)
    today = now.astimezone(zone(site.timezone)).date()
    # A host whose clock is behind must not break the order of dates within the series.
    issued_on = today if last_date is None else max(today, last_date)
    return replace(
        finished,
        status=InvoiceStatus.ISSUED,
        series=series.id,
        serial=serial,
        serial_text=serial_text(series.prefix, serial),
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=content.payment_days),
        render=RenderState.PENDING,
    )


def charges_nothing(content: InvoiceContent) -> bool:
    """Tell whether there is nothing to invoice.

    Usage is told even where it is free, and so is what was put on the invoice by hand.
    """
    told = {LineKind.USAGE, LineKind.ONE_TIME}
    return not any(line.amount.minor or line.kind in told for line in content.lines)
