"""What an invoice says: its lines, taxes, supplements and credit, whether it is stored or not."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from postpaid.application.books import Books
from postpaid.application.entries import Appended, Balance
from postpaid.application.give_back import paid_back
from postpaid.application.ports import Lost, Unavailable, UsageLedger
from postpaid.application.roll_term import known_subscription, next_term
from postpaid.domain.charged_once import check_charged_once, check_given_back
from postpaid.domain.customer import Customer
from postpaid.domain.errors import BillingError, Conflict
from postpaid.domain.instants import YEAR_MAX
from postpaid.domain.invoice import Invoice, InvoiceLine, InvoiceStatus
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.metering import metered
from postpaid.domain.one_time import OneTimeCharge
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.rating import rate_once, rate_term, versions_to_read
from postpaid.domain.series import MAIN
from postpaid.domain.site import Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.tax import TaxAmount, taxes_on
from postpaid.domain.term import RATING_ENGINE, Term, TermStatus
from postpaid.domain.usage import Usage

# How many supplements one invoice takes; a transaction has a hundred writes.
SUPPLEMENTS_MAX = 50
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Parties:
    """A subscription and its customer, as they were when an invoice was made from them."""

    subscription: Subscription
    customer: Customer

    @classmethod
    def of(cls, subscription_id: str, books: Books) -> "Parties":
        """Read both; raises `NotFound`."""
        subscription = known_subscription(books.subscriptions, subscription_id)
        customer = books.customers.get(subscription.customer_id)
        assert customer is not None, "customers are never removed"
        return cls(subscription, customer)

    @property
    def series(self) -> str:
        """The series of invoice numbers: the subscription's, else the customer's, else `main`."""
        return self.subscription.series or self.customer.series or MAIN


def draft_content(invoice: Invoice, *, books: Books, site: Site) -> InvoiceContent:
    """Return what a pending invoice would say if it closed now.

    Raises `Conflict` with code `invoice_not_ratable` or `bound_exceeded`.
    """
    assert invoice.status is InvoiceStatus.PENDING
    term = None
    if invoice.term_start is not None and invoice.k == 0:
        term = books.terms.get(invoice.subscription_id, invoice.term_start)
    parties = Parties.of(invoice.subscription_id, books)
    try:
        rated = rated_content(invoice, term, parties, books, site)
    except Lost:
        raise Unavailable("its term is ending at this very moment") from None
    waiting = waiting_supplements(invoice, term, books)
    return completed(rated, waiting, credit_balance(rated, books), books, site)


def upcoming_content(subscription_id: str, *, books: Books) -> InvoiceContent:
    """Return what the coming invoice would say if the open term ended with today's usage.

    The same rating as a close's; nothing is stored. Raises `NotFound`; `Conflict` with code
    `subscription_ended` if no invoice is to come, `invoice_not_ratable` or `bound_exceeded`.
    """
    parties = Parties.of(subscription_id, books)
    subscription = parties.subscription
    term = books.terms.look(subscription.id, _LATEST)
    assert term is not None, "a subscription has a term from the start"
    if term.status is not TermStatus.OPEN or subscription.end == subscription.start:
        raise Conflict("subscription_ended", "the subscription has ended: no invoice is to come")
    return coming_content(parties, term, next_term(subscription, term, books.prices), books=books)


def coming_content(
    parties: Parties, ended: Term, begun: Term | None, *, books: Books
) -> InvoiceContent:
    """Return what an invoice would say if one term ended, and another began, as they are given.

    Nothing is stored. Raises `Conflict` with code `invoice_not_ratable` or `bound_exceeded`.
    """
    site = books.sites.get()
    rated = _content(None, parties, ended, begun, books, site)
    waiting = books.manifests.waiting(parties.subscription.id, SUPPLEMENTS_MAX)
    return completed(rated, waiting, credit_balance(rated, books), books, site)


def rated_content(
    invoice: Invoice,
    term: Term | None,
    parties: Parties,
    books: Books,
    site: Site,
    *,
    with_lines: bool = True,
) -> InvoiceContent:
    """Return what an invoice says of its own term, or of the supplement it was made for.

    Without lines it only says what it is about: which usages, which supplement. Raises `Lost` if
    what one transaction stored is not all there yet; `Conflict` with code `invoice_not_ratable` or
    `bound_exceeded`.
    """
    if invoice.k:
        content = _supplementary(invoice, parties, books, site, with_lines=with_lines)
    else:
        begun = books.terms.get(invoice.subscription_id, invoice.period_end)
        if begun is None and not (term and term.last):
            raise Lost  # what it charges in advance must not be left out
        content = _content(invoice.id, parties, term, begun, books, site, with_lines=with_lines)
    if not with_lines or not invoice.charge_changes:
        return content
    return _with_charges(content, books.charges.of_invoice(invoice.id), parties, books, site)


def _with_charges(
    content: InvoiceContent,
    charges: Sequence[OneTimeCharge],
    parties: Parties,
    books: Books,
    site: Site,
) -> InvoiceContent:
    """Add the one-time charges of an invoice, those left out that were taken off it again.

    They are as they were when the head was read: whatever stores this content is refused if they
    were changed since.
    """
    entries = [(each.line, each.period) for each in charges if each.removed_at is None]
    if not entries:
        return content
    prices = books.prices.versions(
        {(entry.item_price_id, entry.price_version) for entry, _ in entries}
    )
    with _bounded():
        once = [
            rate_once(
                entry,
                prices[entry.item_price_id, entry.price_version],
                period or content.period,
                parties.customer.tax,
            )
            for entry, period in entries
        ]
        lines = (*content.lines, *once)
        return replace(content, lines=lines, taxes=_taxes(lines, content.currency, site))


def waiting_supplements(invoice: Invoice, term: Term | None, books: Books) -> list[Appended]:
    """Return the supplements that the invoice of a term takes with it; others take none."""
    if term is None:
        return []
    return books.manifests.waiting(invoice.subscription_id, SUPPLEMENTS_MAX)


def credit_balance(content: InvoiceContent, books: Books) -> Balance:
    """Return the credit that an invoice draws on."""
    return books.credits.balance(content.customer_id, content.currency)


def completed(
    rated: InvoiceContent,
    waiting: Sequence[Appended],
    balance: Balance,
    books: Books,
    site: Site,
) -> InvoiceContent:
    """Add what waited for this invoice, and the customer's credit.

    Raises `Conflict` with code `invoice_not_ratable` or `bound_exceeded` if that is too much for
    one invoice.
    """
    if balance.amount.minor:
        rated = replace(rated, balance=balance.amount)
    if not waiting:
        return rated
    supplements = [books.documents.get_supplement(each) for each in waiting]
    added = [line for each in supplements for line in each.lines]
    check_given_back(added)
    lines = (*rated.lines, *added)
    with _bounded():
        return replace(
            rated,
            lines=lines,
            taxes=_taxes(lines, rated.currency, site),
            supplements=tuple((each.start, each.k) for each in waiting),
        )


def _taxes(lines: Sequence[InvoiceLine], currency: str, site: Site) -> tuple[TaxAmount, ...]:
    taxable = ((line.amount, line.tax) for line in lines)
    return taxes_on(taxable, currency, site.tax_rounding)


def _content(
    invoice_id: str | None,
    parties: Parties,
    term: Term | None,
    begun: Term | None,
    books: Books,
    site: Site,
    *,
    with_lines: bool = True,
) -> InvoiceContent:
    subscription, customer = parties.subscription, parties.customer
    usages: Sequence[Usage] = ()
    if term is not None:
        usages = books.ledger.of(subscription).in_period(_dates(term, begun))
    start = subscription.start if term is None else term.period.start
    lines: tuple[InvoiceLine, ...] = ()
    with _bounded():
        if with_lines:
            lines = rated_lines(subscription, term, begun, usages, books, customer)
            check_charged_once(subscription, term, begun, lines)
            lines = paid_back(lines, subscription, term, books, site.scope)
        return InvoiceContent(
            invoice_id=invoice_id,
            subscription_id=subscription.id,
            customer_id=customer.id,
            currency=subscription.currency,
            timezone=subscription.zone_at(start).key,
            engine=term.engine if term else RATING_ENGINE,
            ended=term.period if term else None,
            begun=Period(begun.period.start, begun.paid_to) if begun else None,
            seller=site.seller,
            customer=customer.address,
            payment_days=customer.payment_days,
            lines=lines,
            taxes=_taxes(lines, subscription.currency, site),
            manifest=tuple(_billed(books.ledger, usage) for usage in usages if not usage.deleted),
        )


def _dates(term: Term, begun: Term | None) -> Period:
    """Return the dates whose usage a term bills, also while it has not ended."""
    if term.status is TermStatus.OPEN:
        return Period(term.period.start, _LATEST) if begun is None else term.period
    return term.usage_period


def rated_lines(
    subscription: Subscription,
    term: Term | None,
    begun: Term | None,
    usages: Sequence[Usage],
    books: Books,
    customer: Customer,
) -> tuple[InvoiceLine, ...]:
    """Rate what an ended term owes and a begun one owes in advance.

    Raises `Conflict` with code `invoice_not_ratable`.
    """
    prices = books.prices.versions(versions_to_read(subscription, term, begun))
    with _bounded():
        return rate_term(
            subscription,
            ended=term,
            begun=begun,
            prices=prices,
            usage=metered(usages),
            customer_tax=customer.tax,
        )


@contextmanager
def _bounded() -> Iterator[None]:
    """Say of what cannot be computed, or is beyond a bound, that the invoice cannot be made."""
    try:
        yield
    except BillingError as error:
        if error.code == "bound_exceeded":
            raise
        where = "" if error.field is None else f"{error.field}: "
        raise Conflict("invoice_not_ratable", f"{where}{error.message}") from None
    except ArithmeticError:
        why = "an amount has more digits than are computed exactly"
        raise Conflict("invoice_not_ratable", why) from None


def _supplementary(
    invoice: Invoice, parties: Parties, books: Books, site: Site, *, with_lines: bool
) -> InvoiceContent:
    """Return what an invoice says that was made for one supplement."""
    subscription, customer = parties.subscription, parties.customer
    assert invoice.term_start is not None
    term = books.terms.get(subscription.id, invoice.term_start)
    assert term is not None
    [appended] = [each for each in books.manifests.of_term(term) if each.k == invoice.k]
    supplement = books.documents.get_supplement(appended)
    lines = supplement.lines if with_lines else ()
    check_given_back(lines)
    return InvoiceContent(
        invoice_id=invoice.id,
        subscription_id=subscription.id,
        customer_id=customer.id,
        currency=subscription.currency,
        timezone=supplement.timezone,
        engine=supplement.engine,
        ended=supplement.period,
        begun=None,
        seller=site.seller,
        customer=customer.address,
        payment_days=customer.payment_days,
        lines=lines,
        taxes=_taxes(lines, subscription.currency, site),
        manifest=(),
        supplements=((appended.start, appended.k),),
    )


def _billed(ledger: UsageLedger, usage: Usage) -> tuple[str, int, str]:
    return ledger.place(usage), usage.version, decimal_text(usage.quantity)
