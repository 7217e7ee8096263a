"""Close an invoice: fence its term, read the usage, rate it, store what it says, freeze.

    crash after the fence       the term is CLOSING and due; the next run takes it over
    crash after the content     an object nobody names; the next run stores the same one
    crash after the freeze      the next run finds the invoice finished and returns it
    two runs at once            both rate the same usage; one freezes, the other finds it done
    usage during the close      it landed before the query and is billed, or it is late
    a price cannot rate         the invoice is parked with the reason and not due again; a request
                                to close it runs the same close anew

The steps are in the only order that keeps the promise of `record_usage`: the fence is confirmed
before the query begins, and the freeze names the run that fenced.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from postpaid.application.ports import (
    Balance,
    Closing,
    CreditChange,
    Credits,
    Customers,
    Documents,
    Invoices,
    Lost,
    Prices,
    Sites,
    Subscriptions,
    Terms,
    Unavailable,
    UsageLedger,
)
from postpaid.application.roll_term import known_subscription, next_term
from postpaid.domain.errors import BillingError, Conflict, NotFound
from postpaid.domain.instants import YEAR_MAX, zone
from postpaid.domain.invoice import (
    Invoice,
    InvoiceStatus,
    LineKind,
    RenderState,
    serial_text,
)
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.metering import metered
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.rating import rate_term, versions_to_read
from postpaid.domain.subscription import Subscription
from postpaid.domain.tax import taxes_on
from postpaid.domain.term import RATING_ENGINE, Term, TermStatus
from postpaid.domain.usage import Usage

# How long a run that died keeps a term from the sweep.
TAKEOVER_AFTER = timedelta(minutes=5)
_TRIES = 8
_FREEZES = 30
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything a site's invoices are made from, as one argument."""

    subscriptions: Subscriptions
    customers: Customers
    prices: Prices
    sites: Sites
    terms: Terms
    ledger: UsageLedger
    invoices: Invoices
    closing: Closing
    credits: Credits
    documents: Documents


def close_invoice(invoice_id: str, *, books: Books, run: str, now: datetime) -> Invoice:
    """Close a pending invoice and return it, issued or skipped; one that is closed is returned.

    One that cannot be made is returned pending, parked with its reason. *run* names this attempt
    and must be unique. Raises `NotFound`; `Conflict` with code `invoice_not_pending` for a deleted
    or voided one, `invoice_not_due` for an opening one before its time; `Unavailable` if the
    outcome is unknown.
    """
    for _ in range(_TRIES):
        invoice = known_invoice(books.invoices, invoice_id)
        if invoice.status in {InvoiceStatus.ISSUED, InvoiceStatus.SKIPPED}:
            return invoice
        if invoice.status is not InvoiceStatus.PENDING:
            raise Conflict("invoice_not_pending", f"the invoice is {invoice.status.value.lower()}")
        if invoice.term_start is None and now < invoice.period_end:
            raise Conflict(
                "invoice_not_due", "an opening invoice closes when its subscription starts"
            )
        try:
            return _close(invoice, books, run, now)
        except Lost:
            continue  # another run moved the term, the invoice or the counter: look again
    raise Unavailable("other closes came first every time")


def draft_content(invoice: Invoice, *, books: Books) -> InvoiceContent:
    """Return what a pending invoice would say if it closed now.

    Raises `Conflict` with code `invoice_not_ratable`.
    """
    assert invoice.status is InvoiceStatus.PENDING
    subscription = _subscription(invoice, books)
    term = None
    if invoice.term_start is not None:
        term = books.terms.get(subscription.id, invoice.term_start)
    begun = books.terms.get(subscription.id, invoice.period_end)
    content = _content(invoice.id, subscription, term, begun, books)
    return _with_credit(content, _balance(content, books))


def upcoming_content(subscription_id: str, *, books: Books) -> InvoiceContent:
    """Return what the coming invoice would say if the open term ended with today's usage.

    The same rating as a close's; nothing is stored. Raises `NotFound`; `Conflict` with code
    `subscription_ended` if no invoice is to come, or `invoice_not_ratable`.
    """
    subscription = known_subscription(books.subscriptions, subscription_id)
    term = books.terms.look(subscription.id, _LATEST)
    assert term is not None, "a subscription has a term from the start"
    if term.status is not TermStatus.OPEN or subscription.end == subscription.start:
        raise Conflict("subscription_ended", "the subscription has ended: no invoice is to come")
    begun = next_term(subscription, term, books.prices)
    content = _content(None, subscription, term, begun, books)
    return _with_credit(content, _balance(content, books))


def known_invoice(invoices: Invoices, invoice_id: str) -> Invoice:
    """Read the head of an invoice; raises `NotFound`."""
    invoice = invoices.get(invoice_id)
    if invoice is None:
        raise NotFound("invoice_not_found", f"there is no invoice '{invoice_id}'")
    return invoice


def _close(invoice: Invoice, books: Books, run: str, now: datetime) -> Invoice:
    term = None
    if invoice.term_start is not None:
        due_at = now + TAKEOVER_AFTER
        term = books.terms.fence(invoice.subscription_id, invoice.term_start, run, due_at)
    begun = books.terms.get(invoice.subscription_id, invoice.period_end)
    try:
        rated = _content(invoice.id, _subscription(invoice, books), term, begun, books)
    except Conflict as refusal:
        parked = replace(invoice, parked=refusal.message)
        books.closing.park(term, parked, run=run)
        return parked
    for _ in range(_FREEZES):
        balance = _balance(rated, books)
        content = _with_credit(rated, balance)
        content_hash = books.documents.put_content(content)
        frozen = term and replace(
            term, status=TermStatus.FROZEN, manifests=1, manifest_hash=content_hash
        )
        finished = _finished(invoice, content, content_hash, books, now)
        try:
            books.closing.freeze(frozen, finished, run=run, credit=_credit_change(content, balance))
        except Lost:
            if not _still_ours(invoice, term, books):
                raise
            continue  # only the number or the credit was drawn by another close: draw the next
        return finished
    raise Unavailable("other closes drew a number first every time")


def _balance(content: InvoiceContent, books: Books) -> Balance:
    return books.credits.balance(content.customer_id, content.currency)


def _with_credit(content: InvoiceContent, balance: Balance) -> InvoiceContent:
    return replace(content, balance=balance.amount) if balance.amount.minor else content


def _credit_change(content: InvoiceContent, balance: Balance) -> CreditChange | None:
    after = balance.amount + content.credit_granted + -content.credit_applied
    if after == balance.amount:
        return None
    return CreditChange(content.customer_id, after, over=balance)


def _still_ours(invoice: Invoice, term: Term | None, books: Books) -> bool:
    """Tell whether the fence of this run stands, so that what it read is still all there is."""
    if term is None:
        now = books.invoices.get(invoice.id)
        return now is not None and now.status is InvoiceStatus.PENDING
    fenced = books.terms.get(term.subscription_id, term.period.start)
    return fenced is not None and fenced.status is TermStatus.CLOSING and fenced.run == term.run


def _finished(
    invoice: Invoice, content: InvoiceContent, content_hash: str, books: Books, now: datetime
) -> Invoice:
    if _charges_nothing(content):
        return replace(
            invoice,
            parked=None,
            status=InvoiceStatus.SKIPPED,
            total=content.total,
            content_hash=content_hash,
        )
    site = books.sites.get()
    serial, last_date = books.closing.next_serial()
    today = now.astimezone(zone(site.timezone)).date()
    return replace(
        invoice,
        parked=None,
        status=InvoiceStatus.ISSUED,
        total=content.total,
        content_hash=content_hash,
        serial=serial,
        serial_text=serial_text(site.number_prefix, serial),
        # A host whose clock is behind must not break the order of dates within the series.
        issued_on=today if last_date is None else max(today, last_date),
        render=RenderState.PENDING,
    )


def _charges_nothing(content: InvoiceContent) -> bool:
    """Tell whether there is nothing to invoice; usage is told even where it is free."""
    return not any(line.amount.minor or line.kind is LineKind.USAGE for line in content.lines)


def _usage_period(subscription: Subscription, term: Term) -> Period:
    """Return the dates whose usage a term bills.

    The last term takes what lies behind it, too: it was recorded while a cancellation was on its
    way, and a 2xx is a promise.
    """
    if subscription.is_last(term.period):
        return Period(term.period.start, _LATEST)
    return term.period


def _subscription(invoice: Invoice, books: Books) -> Subscription:
    return known_subscription(books.subscriptions, invoice.subscription_id)


def _content(
    invoice_id: str | None,
    subscription: Subscription,
    term: Term | None,
    begun: Term | None,
    books: Books,
) -> InvoiceContent:
    customer = books.customers.get(subscription.customer_id)
    assert customer is not None, "customers are never removed"
    usages = (
        ()
        if term is None
        else books.ledger.in_period(subscription.id, _usage_period(subscription, term))
    )
    site = books.sites.get()
    prices = books.prices.versions(versions_to_read(subscription, term, begun))
    start = subscription.start if term is None else term.period.start
    try:
        lines = rate_term(
            subscription,
            ended=term,
            begun=begun,
            prices=prices,
            usage=metered(usages),
            customer_tax=customer.tax,
        )
        taxable = ((line.amount, line.tax) for line in lines)
        return InvoiceContent(
            invoice_id=invoice_id,
            subscription_id=subscription.id,
            customer_id=customer.id,
            currency=subscription.currency,
            timezone=subscription.zone_at(start).key,
            engine=term.engine if term else RATING_ENGINE,
            ended=term.period if term else None,
            begun=begun.period if begun else None,
            seller=site.seller,
            customer=customer.address,
            lines=lines,
            taxes=taxes_on(taxable, subscription.currency, site.tax_rounding),
            manifest=tuple(_billed(books.ledger, usage) for usage in usages if not usage.deleted),
        )
    except BillingError as error:
        where = "" if error.field is None else f"{error.field}: "
        raise Conflict("invoice_not_ratable", f"{where}{error.message}") from None
    except ArithmeticError:
        raise Conflict(
            "invoice_not_ratable", "an amount has more digits than are computed exactly"
        ) from None


def _billed(ledger: UsageLedger, usage: Usage) -> tuple[str, int, str]:
    return ledger.place(usage), usage.version, decimal_text(usage.quantity)
