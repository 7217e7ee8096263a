"""Invoices: shown, listed, voided, downloaded, and made of a package at once."""

from postpaid.api.chargeover.bodies import Fields, Text, read_body, read_fields
from postpaid.api.chargeover.envelope import answer, done
from postpaid.api.chargeover.find import id_of
from postpaid.api.chargeover.invoice_lists import is_shown, named_invoices
from postpaid.api.chargeover.invoice_reading import Reader, invoice_of
from postpaid.api.chargeover.lists import ListOf, Row, Source, counted, listed, whole_row
from postpaid.api.chargeover.once import digest_of, key_of, served_once
from postpaid.api.chargeover.times import read_time, shown_time
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.close_invoice import known_invoice
from postpaid.application.edit_subscription import Request as Change
from postpaid.application.invoice_at_once import invoice_at_once
from postpaid.application.ports import LINK_LIFETIME
from postpaid.application.void_invoice import void_invoice
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import zone
from postpaid.domain.invoice import Invoice, RenderState

# A document is made within seconds; the gateway gives up after 30.
PDF_SECONDS = 15
NEXT_SCHEDULED = "NEXT_SCHEDULED_INVOICE"
_CHILDREN = frozenset({"line_items.item_id", "line_items.item_external_key"})
_HEAD = frozenset(
    {
        *("invoice_id", "refnumber", "external_key", "token", "date", "due_date", "currency_id"),
        *("customer_id", "customer_external_key", "package_id", "package_external_key"),
        *("invoice_status_str", "invoice_status_state", "is_paid", "is_void", "is_overdue"),
        *("total", "balance", "void_datetime", "write_datetime", "mod_datetime"),
    }
)
LIST = ListOf(
    fields=_HEAD | _CHILDREN,
    sorts=_HEAD,
    synonyms={"invoice_date": "date"},
)


class InvoiceNow(Fields):
    """The body of a package's action `invoice`."""

    date: Text | None = None


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an invoice with its lines."""
    return answer(whole_row(desk, Reader.of(desk).whole(invoice_of(desk, ids[0]))))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List invoices; their lines are there if they are asked for."""
    return answer(listed(desk, request, LIST, _source(desk)))


def count(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Count invoices."""
    return answer(counted(desk, request, LIST, _source(desk)))


def void(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Void an invoice: it keeps its number and what it says, and is owed no more."""
    read_fields(Fields, read_body(request))
    invoice = invoice_of(desk, ids[0])
    void_invoice(invoice.id, None, books=desk.books, now=desk.now)
    return done()


def pdf(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Give a link to the invoice's document; right after a close it waits until that is made."""
    read_fields(Fields, read_body(request))
    invoice = invoice_of(desk, ids[0])

    def look() -> Invoice | None:
        now = known_invoice(desk.invoices, invoice.id)
        return None if now.render is RenderState.PENDING else now

    made = desk.wait_for(look, PDF_SECONDS)
    if made is None or made.render is not RenderState.DONE:
        why = "is being made: ask again" if made is None else "will not be made"
        raise Conflict("pdf_not_ready", f"the document of this invoice {why}")
    place = zone(desk.site.timezone)
    return answer(
        {
            "url": desk.documents.pdf_link(made),
            "expires_datetime": shown_time(desk.real_now() + LINK_LIFETIME, place),
        }
    )


def invoice_package(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Invoice a package at once: what waits for its close, else what its term has so far."""
    fields = read_fields(InvoiceNow, read_body(request))
    _check_date(desk, fields.date)
    package_id = id_of(desk, "subscription", ids[0])
    key = key_of(request.headers)
    change = Change(digest=None if key is None else digest_of(key))

    def act() -> Response:
        invoice = invoice_at_once(
            package_id, office=desk.office, new_run=desk.new_run, request=change
        )
        if invoice is None:
            raise Conflict(
                "invoice_empty", "This package has nothing to invoice yet: no invoice was made."
            )
        if invoice.broken is not None:
            raise Conflict("bound_exceeded", invoice.parked or "")
        if invoice.parked is not None:
            raise Conflict("invoice_not_ratable", invoice.parked)
        return answer({"id": invoice.number})

    return served_once(desk, request, act)


def _check_date(desk: Desk, text: str | None) -> None:
    """Refuse another day than today: numbers are dated in their order."""
    if not text:
        return
    if text.strip().upper() == NEXT_SCHEDULED:
        raise Invalid(
            "not_supported",
            "the next scheduled invoice is made by itself when its time comes",
            field="date",
        )
    place = zone(desk.site.timezone)
    day = read_time(text, place, "date").astimezone(place).date()
    if day != desk.now.astimezone(place).date():
        raise Invalid(
            "not_supported", "an invoice is dated on the day it is made: leave it out", field="date"
        )


def _source(desk: Desk) -> Source[Invoice]:
    reader = Reader.of(desk)

    def show(invoice: Invoice, needed: frozenset[str]) -> Row:
        row = reader.head(invoice)
        if needed & {"customer_id", "package_id"}:
            row |= reader.numbers(invoice)
        if "line_items" in needed:
            row["line_items"] = reader.lines(invoice)
        return row

    return Source[Invoice](
        read=lambda after, limit: desk.lists.invoices(after, limit, ascending=True),
        show=show,
        among=lambda asked: named_invoices(desk, asked),
        hides=lambda invoice: not is_shown(invoice),
        complete=reader.completed,
    )
