"""Make an issued invoice's document, store it once and note where it is.

crash before the note    the next run makes the same bytes, finds them stored and notes them
two runs at once         both make the same bytes; the second note changes nothing
a void meanwhile         the note is refused; read again, and make the document that is marked
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from postpaid.application.close_invoice import known_invoice
from postpaid.application.ports import Documents, Invoices, Lost, Unavailable
from postpaid.domain.instants import zone
from postpaid.domain.invoice import Invoice, InvoiceLine, LineKind, RenderState
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.invoice_document import (
    DocumentLine,
    DocumentTotal,
    InvoiceDocument,
    Party,
)
from postpaid.domain.money import MINOR_UNITS
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Address
from postpaid.domain.tax import TaxAmount

BREAKDOWN_MAX = 6
_TRIES = 3  # it is voided once at most
_KINDS = {
    LineKind.BASE_FEE: "Base fee",
    LineKind.SETUP: "Setup fee",
    LineKind.CREDIT: "Credit for unused time",
}


class Typesetter(Protocol):
    """What turns a document into a PDF."""

    def typeset(self, document: InvoiceDocument) -> bytes:
        """Return the PDF; the same document always gives the same bytes."""
        ...


class Pdfs(Documents, Protocol):
    """The documents of one site, PDFs included."""

    def put_pdf(self, invoice_id: str, body: bytes) -> str:
        """Store a typeset document and return its hash; storing it twice changes nothing."""
        ...


def render_invoice(
    invoice_id: str, *, invoices: Invoices, documents: Pdfs, typesetter: Typesetter
) -> Invoice:
    """Render an issued or voided invoice once; one that is rendered, or never is, is left alone.

    Raises `NotFound`; `Unavailable` if the invoice changed every time.
    """
    for _ in range(_TRIES):
        invoice = known_invoice(invoices, invoice_id)
        if invoice.render is not RenderState.PENDING:
            return invoice
        content = documents.get_content(invoice)
        pdf = typesetter.typeset(document_of(invoice, content))
        try:
            invoices.rendered(invoice, documents.put_pdf(invoice.id, pdf))
        except Lost:
            continue
        return invoice
    raise Unavailable("the invoice changed every time")


def document_of(invoice: Invoice, content: InvoiceContent) -> InvoiceDocument:
    """Return what an issued invoice's page shows; dates are days of the subscription's zone."""
    assert invoice.serial_text is not None
    assert invoice.issued_on is not None
    place = zone(content.timezone)
    first, last = _days(content.period, place)
    voided_on = None
    if invoice.voided_at is not None:
        # The date of issue is of the site's zone: here the day may not have begun.
        voided_on = max(invoice.issued_on, invoice.voided_at.astimezone(place).date())
    return InvoiceDocument(
        number=invoice.serial_text,
        title="Credit note" if content.charges.minor < 0 else "Invoice",
        issued_on=invoice.issued_on,
        due_on=invoice.due_on if content.total.minor else None,
        voided_on=voided_on,
        period_start=first,
        period_end_inclusive=last,
        currency=content.currency,
        minor_units=MINOR_UNITS[content.currency],
        seller=_party(content.seller, None),
        customer=_party(content.customer, content.customer_id),
        lines=tuple(_document_line(line, content) for line in content.lines),
        subtotal=content.subtotal.decimal,
        totals=(*(_document_tax(tax) for tax in content.taxes), *_credits(content)),
        total=content.total.decimal,
        notes=None,
    )


def _credits(content: InvoiceContent) -> Iterator[DocumentTotal]:
    """Return what is taken from or goes to the customer's credit balance."""
    if content.credit_applied.minor:
        yield DocumentTotal(label="Credit applied", amount=(-content.credit_applied).decimal)
    if content.credit_granted.minor:
        label = "Credit for your next invoice"
        yield DocumentTotal(label=label, amount=content.credit_granted.decimal)


def _document_line(line: InvoiceLine, content: InvoiceContent) -> DocumentLine:
    if line.billed_before is not None:
        return _supplement_line(line, content)
    detail = _KINDS.get(line.kind) or _breakdown(line)
    if line.days is not None:
        share = f"{line.days} of {line.days_in_period} days"
        detail = share if detail is None else f"{detail}, {share}"
    if line.period != content.period:
        # Charged in advance, beside the usage of the term that ended.
        first, last = _days(line.period, zone(content.timezone))
        span = f"{first.isoformat()} to {last.isoformat()}"
        detail = span if detail is None else f"{detail}, {span}"
    return DocumentLine(
        description=line.description,
        detail=detail,
        quantity=line.quantity,
        unit=line.unit if line.quantity is not None else None,
        unit_amount=line.unit_amount,
        amount=line.amount.decimal,
    )


def _supplement_line(line: InvoiceLine, content: InvoiceContent) -> DocumentLine:
    """Return the row of usage that came later: what it is in all, and what was billed of it."""
    assert line.billed_before is not None
    first, last = _days(line.period, zone(content.timezone))
    unit = f" {line.unit}" if line.unit else ""
    quantity = decimal_text(line.priced.quantity)
    detail = (
        f"Came or changed later, {first.isoformat()} to {last.isoformat()}: "
        f"{quantity}{unit} in all, {line.billed_before} billed before"
    )
    return DocumentLine(description=line.description, detail=detail, amount=line.amount.decimal)


def _days(period: Period, place: ZoneInfo) -> tuple[date, date]:
    """Return the first and the last day of a period: people read "until the 31st"."""
    last_second = period.end - timedelta(seconds=1)
    return period.start.astimezone(place).date(), last_second.astimezone(place).date()


def _breakdown(line: InvoiceLine) -> str | None:
    """Tell how an amount came about where one unit price cannot: by tier, by package, adjusted."""
    if line.unit_amount is not None:
        return None
    parts = []
    for component in line.priced.components[:BREAKDOWN_MAX]:
        if component.quantity is None or component.unit_amount is None:
            parts.append(decimal_text(component.amount))
        else:
            what = f" {component.note}" if component.note else ""
            quantity = decimal_text(component.quantity)
            price = decimal_text(component.unit_amount)
            parts.append(f"{quantity}{what} × {price}")  # noqa: RUF001 - a multiplication sign
    if len(line.priced.components) > BREAKDOWN_MAX:
        parts.append("…")
    told = " + ".join(parts) if len(parts) > 1 or line.kind is LineKind.USAGE else ""
    words = {"discount_percent": "less {} %", "maximum": "at most {}", "minimum": "at least {}"}
    steps = [words[step.kind].format(decimal_text(step.value)) for step in line.priced.steps]
    return ", ".join([told, *steps] if told else steps) or None


def _document_tax(tax: TaxAmount) -> DocumentTotal:
    including = "including " if tax.inclusive else ""
    return DocumentTotal(
        label=f"{including}{tax.name} {decimal_text(tax.percent)} %", amount=tax.amount.decimal
    )


def _party(address: Address, reference: str | None) -> Party:
    return Party(
        name=address.name,
        address=address.lines,
        email=address.email,
        tax_id=address.tax_id,
        reference=reference,
    )
