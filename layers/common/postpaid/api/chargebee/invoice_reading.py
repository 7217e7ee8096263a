"""Find an invoice by either of its ids, and read what it says."""

from functools import cache

from postpaid.api.chargebee.invoice_lines import LINES_SHOWN_MAX, Lines
from postpaid.api.chargebee.invoice_shape import DRAFT, View, chargebee_from_invoice, paid_by
from postpaid.api.chargebee.lists import Resource
from postpaid.api.cursors import cursor_text
from postpaid.api.desk import Desk
from postpaid.application.check_invoice import Draft, draft_invoice
from postpaid.application.find_invoice import find_invoice_by_number
from postpaid.domain.catalog import ItemType
from postpaid.domain.errors import NotFound
from postpaid.domain.instants import zone
from postpaid.domain.invoice import Invoice, InvoiceStatus


def find_invoice(desk: Desk, text: str) -> Invoice:
    """Read an invoice by its number, or by `draft_` and its own id, whatever it is by now.

    Raises `NotFound`.
    """
    found = None
    if text.startswith(DRAFT):
        found = desk.invoices.get(text.removeprefix(DRAFT))
    if found is None:
        found = find_invoice_by_number(
            text, site=desk.site, numbers=desk.numbers, invoices=desk.invoices
        )
    if found is None:
        raise NotFound("invoice_not_found", f"there is no invoice '{text}'")
    return found


def view_of(desk: Desk) -> View:
    """Return what the invoices of one answer are shown by; each price is read once."""

    @cache
    def type_of(price_id: str) -> ItemType:
        price = desk.prices.newest(price_id)
        assert price is not None, "prices are never removed"
        item = desk.items.get(price.item_id)
        assert item is not None, "items are never removed"
        return item.type

    return View(zone=zone(desk.site.timezone), now=desk.now, type_of=type_of)


def lines_of(
    desk: Desk, invoice: Invoice, *, start: int = 0, limit: int = LINES_SHOWN_MAX
) -> Lines:
    """Ask for an invoice's lines from an index on; what is left has a place of its own."""

    def offset(index: int) -> str:
        return cursor_text([str(index)], desk.scope, lines_listing(invoice), {})

    return Lines(start=start, limit=limit, offset=offset)


def lines_listing(invoice: Invoice) -> str:
    """Return the name of the list that an invoice's lines are."""
    return f"invoices/{invoice.id}/lines"


def whole_invoice(desk: Desk, invoice: Invoice, view: View, lines: Lines | None = None) -> Resource:
    """Show an invoice with what it says; a pending one as it would be if it closed now."""
    lines = lines or lines_of(desk, invoice)
    if invoice.status is InvoiceStatus.PENDING:
        return drafted(invoice, draft_invoice(invoice, books=desk.books), view, lines)
    content = None if invoice.content_hash is None else desk.documents.get_content(invoice)
    return chargebee_from_invoice(invoice, content, view, lines=lines)


def drafted(invoice: Invoice, draft: Draft, view: View, lines: Lines) -> Resource:
    """Show a pending invoice as it would be if it closed now, and why it could not be made."""
    note = None if draft.refusal is None else draft.refusal.message
    return chargebee_from_invoice(invoice, draft.content, view, lines=lines, note=note)


def with_payments(desk: Desk, invoice: Invoice, shown: Resource, view: View) -> Resource:
    """Add to an issued invoice how it was paid; one without payments is not looked at."""
    if not invoice.payments:
        return shown
    return paid_by(shown, desk.payments.of_invoice(invoice.id), view)
