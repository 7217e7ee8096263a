"""Typeset an invoice as a PDF; the look is functions/render_invoice/templates/invoice.typ."""

from collections.abc import Mapping
from decimal import Decimal, localcontext
from pathlib import Path

from postpaid.domain.invoice_document import DocumentLine, InvoiceDocument, places
from postpaid.outbound.pages import (
    PRECISION,
    Pages,
    day_data,
    language,
    locale_named,
    money_pattern,
    one_line,
    party_data,
    quantity_pattern,
    spelled,
    spelled_days,
)


class TypstTypesetter:
    """Makes PDFs of invoices; keeps the template and the fonts in memory: one per process."""

    def __init__(self, template_path: Path, font_dir: Path) -> None:
        self._pages = Pages(template_path, font_dir)

    def typeset(self, document: InvoiceDocument) -> bytes:
        """Return the PDF; the same document gives the same bytes."""
        with localcontext(PRECISION):
            data = _template_data(document)
        return self._pages.typeset(data, document.issued_on)


def _template_data(document: InvoiceDocument) -> Mapping[str, object]:
    locale = locale_named(document.locale)
    currency = document.currency

    def money(amount: Decimal | None) -> str | None:
        if amount is None:
            return None
        shown = max(document.minor_units, places(amount))
        return spelled(amount, money_pattern(locale, currency, shown), locale)

    def quantity(number: Decimal | None) -> str | None:
        if number is None:
            return None
        return spelled(number, quantity_pattern(locale, places(number)), locale)

    def line_data(line: DocumentLine) -> Mapping[str, object]:
        return {
            "description": one_line(line.description),
            "detail": one_line(line.detail),
            "quantity": quantity(line.quantity),
            "unit": one_line(line.unit) or None,
            "unit_amount": money(line.unit_amount),
            "amount": money(line.amount),
        }

    return {
        **language(locale),
        "date": day_data(document.issued_on),
        "title": one_line(document.title),
        "number": one_line(document.number),
        "issued_on": spelled_days(document.issued_on, document.issued_on, locale),
        "voided_on": document.voided_on
        and spelled_days(document.voided_on, document.voided_on, locale),
        "due_on": document.due_on and spelled_days(document.due_on, document.due_on, locale),
        "period": spelled_days(document.period_start, document.period_end_inclusive, locale),
        "currency": one_line(currency),
        "seller": party_data(document.seller),
        "customer": party_data(document.customer),
        "lines": [line_data(line) for line in document.lines],
        "subtotal": money(document.subtotal),
        "totals": [
            {"label": one_line(row.label), "amount": money(row.amount), "emphasis": row.emphasis}
            for row in document.totals
        ],
        "total": money(document.total),
        "notes": [one_line(line) for line in (document.notes or "").strip().splitlines()],
    }
