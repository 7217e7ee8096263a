"""Hold what an invoice would say to its bounds, before it is frozen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from postpaid.application.books import Books
from postpaid.application.compose_invoice import draft_content
from postpaid.domain.bounds import broken_by
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.invoice_content import InvoiceContent, stored_content
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.second_count import check_second_count
from postpaid.domain.site import Site
from postpaid.domain.term import Term

# The codes of refusals that park an invoice.
CANNOT_BE_MADE = frozenset({"invoice_not_ratable", "bound_exceeded"})
REASON_LENGTH_MAX = 300
# How many terms are looked through for invoices of the same kind.
_TERMS_LOOKED_AT = 24


@dataclass(frozen=True, slots=True)
class Draft:
    """What a pending invoice would say if it closed now, and why it could not be made."""

    content: InvoiceContent | None
    refusal: Conflict | None


def draft_invoice(invoice: Invoice, *, books: Books) -> Draft:
    """Return what a pending invoice would come to if it closed now; nothing is stored."""
    site = books.sites.get()
    content = None
    try:
        content = draft_content(invoice, books=books, site=site)
        checked_body(content, site)
        check_amount(invoice, content, site, books)
    except Conflict as refusal:
        if refusal.code not in CANNOT_BE_MADE:
            raise
        return Draft(content, refusal)
    return Draft(content, None)


def parked_by(invoice: Invoice, refusal: Conflict) -> Invoice:
    """Return a pending invoice as it is parked, with why it could not be made."""
    reason = refusal.message[:REASON_LENGTH_MAX]
    return replace(invoice, parked=reason, broken=broken_by(refusal))


def checked_body(content: InvoiceContent, site: Site) -> bytes:
    """Return the bytes that are stored of an invoice, once they were counted again (I-25).

    Raises `Conflict` with code `bound_exceeded`.
    """
    body = stored_content(content)
    check_second_count(body, site.tax_rounding)
    return body


def check_amount(invoice: Invoice, content: InvoiceContent, site: Site, books: Books) -> None:
    """Hold what an invoice charges, before any credit, to what its site says (I-20).

    Reads something only if the site holds invoices to their median. Raises `Conflict` with code
    `bound_exceeded`.
    """
    if site.bounds is None or content.charges.minor <= 0:
        return
    site.bounds.check_highest(content.charges)
    if site.bounds.factor is not None and invoice.term_start is not None:
        site.bounds.check_median(content.charges, _charged_before(invoice, site, books))


def _charged_before(invoice: Invoice, site: Site, books: Books) -> list[Money]:
    """Return what the last issued invoices of the same kind charged, the newest first.

    Of one for a term that is those for terms about as long, of one for a supplement those for
    supplements. Those that charged nothing say nothing of what is usual.
    """
    assert invoice.term_start is not None
    period = Period(invoice.term_start, invoice.period_end)
    before = period.start if invoice.k == 0 else None
    terms = books.terms.page(invoice.subscription_id, before=before, limit=_TERMS_LOOKED_AT)
    if invoice.k == 0:
        alike = [term for term in terms if _as_long(term.period, period)]
        ids = [term.invoice_id for term in alike if term.invoice_id is not None]
    else:
        ids = list(_supplements(terms, site))
    found = []
    for head in books.invoices.many(ids[:_TERMS_LOOKED_AT]):
        charged = head.charges
        if head.status is InvoiceStatus.ISSUED and charged is not None and charged.minor > 0:
            found.append(charged)
    return found


def _as_long(one: Period, other: Period) -> bool:
    """Tell whether two terms are about as long: months are, a month and its half are not."""
    lengths = sorted(each.end - each.start for each in (one, other))
    return 4 * lengths[0] >= 3 * lengths[1]


def _supplements(terms: list[Term], site: Site) -> Iterator[str]:
    """Return the ids that invoices for supplements of these terms have, if there are any."""
    for term in terms:
        for k in range(term.manifests - 1, 0, -1):
            yield invoice_id(site.scope, term.subscription_id, term.period.end, k)
