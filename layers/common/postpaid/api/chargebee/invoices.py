"""Invoices: shown, closed, voided, deleted, downloaded."""

import re
from typing import Literal

from postpaid.api.chargebee.downloads import download
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.invoice_lines import LINES_SHOWN_MAX, Lines
from postpaid.api.chargebee.invoice_reading import (
    drafted,
    find_invoice,
    lines_listing,
    lines_of,
    view_of,
    whole_invoice,
    with_payments,
)
from postpaid.api.chargebee.lists import Resource
from postpaid.api.chargebee.params import (
    NOT_KEPT,
    Flag,
    Id,
    Nothing,
    Params,
    Stamp,
    Text100,
    Text300,
    read,
)
from postpaid.api.cursors import read_cursor
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.check_invoice import draft_invoice
from postpaid.application.close_invoice import (
    charges_nothing,
    check_pending,
    close_invoice,
    known_invoice,
)
from postpaid.application.delete_invoice import delete_invoice
from postpaid.application.sync_invoice import sync_invoice
from postpaid.application.void_invoice import void_invoice
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import zone
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState

# A document is made within seconds; the gateway gives up after 30.
PDF_SECONDS = 15
REASON_LENGTH_MAX = 250
_LINES = re.compile(r"[0-9]{1,3}")
_CLOSE_REFUSED = {
    "comment": f"{NOT_KEPT}: leave it out",
    "invoice_note": "an invoice has no notes here: leave it out",
}
_SUBSCRIPTION = "line_item[subscription_id][is]"
_CUSTOMER = "line_item[customer_id][is]"
_QUERY = frozenset({"line_items_limit", "line_items_offset", _SUBSCRIPTION, _CUSTOMER})


class NoteRow(Params):
    """A note that is not to be on an invoice; there are none."""

    entity_type: (
        Literal[
            "coupon",
            "subscription",
            "customer",
            "plan_item_price",
            "addon_item_price",
            "charge_item_price",
            "plan",
            "addon",
        ]
        | None
    ) = None
    entity_id: Id | None = None


class CloseParams(Params):
    """`POST /invoices/{id}/close`."""

    invoice_date: Stamp | None = None
    remove_general_note: Flag | None = None
    notes_to_remove: list[NoteRow] | None = None


class VoidParams(Params):
    """`POST /invoices/{id}/void`."""

    comment: Text300 | None = None
    void_reason_code: Text100 | None = None


class DeleteParams(Params):
    """`POST /invoices/{id}/delete`."""

    comment: Text300 | None = None


class PdfParams(Params):
    """`POST /invoices/{id}/pdf`."""

    disposition_type: Literal["attachment", "inline"] | None = None


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Show an invoice; a pending one as it would be if it closed now."""
    _check_query(request)
    invoice, view = find_invoice(desk, ids[0]), view_of(desk)
    shown = whole_invoice(desk, invoice, view, _lines_asked(desk, request, invoice))
    return _answer(with_payments(desk, invoice, shown, view))


def close(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Close a pending invoice now.

    One that charges nothing is left as it is: it is skipped by itself when its time comes.
    """
    form = read_form(request.body, request.headers)
    params = read(CloseParams, form, refused=_CLOSE_REFUSED)
    invoice = find_invoice(desk, ids[0])
    if invoice.status is InvoiceStatus.ISSUED and _may_be_repeated(request):
        return _shown(desk, invoice)
    check_pending(invoice)
    _check_date(desk, params)
    draft = draft_invoice(invoice, books=desk.books)
    if draft.content is not None and draft.refusal is None and charges_nothing(draft.content):
        raise _empty(invoice)
    closed = close_invoice(invoice.id, books=desk.books, run=desk.new_run(), now=desk.now)
    if closed.status is InvoiceStatus.SKIPPED:
        raise _empty(closed)
    if closed.parked is not None:
        code = "invoice_not_ratable" if closed.broken is None else "bound_exceeded"
        raise Conflict(code, closed.parked)
    return _shown(desk, closed)


def sync_usages(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Show what a pending invoice says with the usage there is by now."""
    read(Nothing, read_form(request.body, request.headers))
    invoice = find_invoice(desk, ids[0])
    check_pending(invoice)
    synced = sync_invoice(
        invoice.id, books=desk.books, request_pull=desk.request_pull, now=desk.now
    )
    if synced.draft.content is None and synced.draft.refusal is not None:
        raise synced.draft.refusal
    lines = lines_of(desk, invoice)
    return _answer(drafted(synced.invoice, synced.draft, view_of(desk), lines))


def void(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Void an issued invoice: it is owed no more, and keeps its number."""
    params = read(VoidParams, read_form(request.body, request.headers))
    if params.comment is not None and params.void_reason_code is not None:
        raise Invalid(
            "not_supported", "one reason is kept: leave out this or the code", field="comment"
        )
    reason = _reason(params.void_reason_code or params.comment)
    invoice = find_invoice(desk, ids[0])
    if invoice.status is InvoiceStatus.PENDING:
        raise Conflict("invoice_not_issued", "the invoice is pending: delete it instead")
    if invoice.status is InvoiceStatus.VOIDED and not _may_be_repeated(request):
        raise Conflict("invoice_not_issued", "the invoice is voided")
    return _shown(desk, void_invoice(invoice.id, reason, books=desk.books, now=desk.now))


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Delete a pending invoice: nothing of it is ever charged."""
    params = read(DeleteParams, read_form(request.body, request.headers))
    reason = _reason(params.comment)
    invoice = find_invoice(desk, ids[0])
    if invoice.status is InvoiceStatus.ISSUED:
        raise Conflict("invoice_not_pending", "the invoice is closed: void it instead")
    if invoice.status is not InvoiceStatus.DELETED or not _may_be_repeated(request):
        check_pending(invoice)
    deleted = delete_invoice(invoice.id, reason, books=desk.books, run=desk.new_run(), now=desk.now)
    return _shown(desk, deleted)


def pdf(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Give a link to the invoice's document; right after a close it waits until that is made."""
    params = read(PdfParams, read_form(request.body, request.headers))
    invoice = find_invoice(desk, ids[0])
    if invoice.render is None:
        raise Conflict(
            "invoice_not_issued", "the invoice has a document when it is closed, and none before"
        )

    def look() -> Invoice | None:
        now = known_invoice(desk.invoices, invoice.id)
        return None if now.render is RenderState.PENDING else now

    made = desk.wait_for(look, PDF_SECONDS)
    if made is None or made.render is not RenderState.DONE:
        why = "is being made" if made is None else "will not be made"
        raise Conflict("pdf_not_ready", f"the document of this invoice {why}")
    is_inline = params.disposition_type == "inline"
    return download(desk, desk.documents.pdf_link(made, inline=is_inline))


def _shown(desk: Desk, invoice: Invoice) -> Response:
    view = view_of(desk)
    return _answer(with_payments(desk, invoice, whole_invoice(desk, invoice, view), view))


def _answer(shown: Resource) -> Response:
    return Response(200, {"invoice": shown})


def _may_be_repeated(request: Request) -> bool:
    """Tell whether a request came before, by its key, and may have been acted on."""
    return request.again


def _check_date(desk: Desk, params: CloseParams) -> None:
    """Refuse another day than today: numbers are dated in their order."""
    if params.invoice_date is None:
        return
    place = zone(desk.site.timezone)
    if params.invoice_date.astimezone(place).date() != desk.now.astimezone(place).date():
        raise Invalid(
            "not_supported",
            "an invoice is dated on the day it closes: leave it out",
            field="invoice_date",
        )


def _empty(invoice: Invoice) -> Conflict:
    done = "it was skipped" if invoice.status is InvoiceStatus.SKIPPED else "it has no number"
    return Conflict("invoice_empty", f"the invoice has nothing to charge: {done}")


def _reason(text: str | None) -> str | None:
    if text is not None and len(text) > REASON_LENGTH_MAX:
        raise Invalid(
            "invalid_field", f"must have at most {REASON_LENGTH_MAX} characters", field="comment"
        )
    return text


def _check_query(request: Request) -> None:
    for name in request.query:
        if name not in _QUERY:
            raise Invalid(
                "unknown_field", "is not a parameter that is known here", field=name[:100]
            )


def _lines_asked(desk: Desk, request: Request, invoice: Invoice) -> Lines:
    """Read which lines of an invoice are asked for; raises `Invalid` or `Malformed`."""
    text = request.query.get("line_items_limit", str(LINES_SHOWN_MAX))
    if not _LINES.fullmatch(text) or not 1 <= int(text) <= LINES_SHOWN_MAX:
        raise Invalid(
            "invalid_field",
            f"must be a number from 1 to {LINES_SHOWN_MAX}",
            field="line_items_limit",
        )
    place = read_cursor(
        desk.scope,
        lines_listing(invoice),
        {name: request.query[name] for name in request.query if name == "line_items_offset"},
        parts=1,
        check=_check_index,
        name="line_items_offset",
    )
    start = 0 if place is None else int(place[0])
    # All lines are of one subscription and one customer.
    asked = (request.query.get(_SUBSCRIPTION), request.query.get(_CUSTOMER))
    known = (invoice.subscription_id, invoice.customer_id)
    is_of_others = any(
        each is not None and each != own for each, own in zip(asked, known, strict=True)
    )
    return lines_of(desk, invoice, start=start, limit=0 if is_of_others else int(text))


def _check_index(text: str) -> None:
    if str(int(text)) != text or int(text) < 0:
        raise ValueError(text)
