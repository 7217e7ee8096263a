"""Invoices."""

from postpaid.api.cursors import check_instant, cursor_text, page_size, read_cursor
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.lists import One, check_query, page
from postpaid.api.native.models import Body, CloseBody, Nothing, read
from postpaid.api.native.shapes import native_from_invoice, native_list
from postpaid.application.check_invoice import Draft, draft_invoice
from postpaid.application.close_invoice import close_invoice, known_invoice
from postpaid.application.list_invoices import (
    Drawers,
    invoices_of_customer,
    invoices_of_subscription,
)
from postpaid.application.ports import LINK_LIFETIME
from postpaid.application.roll_term import known_subscription
from postpaid.application.sync_invoice import sync_invoice
from postpaid.application.usage_statement import request_statement
from postpaid.domain.bounds import broken_details
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState


def get_invoice(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an invoice whole; a pending one as it would be if it closed now."""
    return Response(200, whole_invoice(desk, known_invoice(desk.invoices, ids[0])))


def list_invoices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List the heads of invoices, newest first, or find one by its integer."""
    one = One("invoice", desk.invoices.get)
    return page(desk, request, "invoices", desk.lists.invoices, _head, one)


def list_subscription_invoices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List the heads of a subscription's invoices, newest first."""
    check_query(request, {"limit", "cursor"})
    subscription = known_subscription(desk.subscriptions, ids[0])
    listing = f"subscriptions/{ids[0]}/invoices"
    invoices, place = invoices_of_subscription(
        subscription,
        drawers=_drawers(desk),
        after=read_cursor(desk.scope, listing, request.query, parts=3, check=_check_place),
        limit=page_size(request.query),
    )
    return _page(desk, request, listing, invoices, place)


def list_customer_invoices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List the heads of a customer's invoices, subscription by subscription."""
    check_query(request, {"limit", "cursor"})
    if desk.customers.get(ids[0]) is None:
        raise NotFound("customer_not_found", f"there is no customer '{ids[0]}'")
    listing = f"customers/{ids[0]}/invoices"
    invoices, place = invoices_of_customer(
        ids[0],
        drawers=_drawers(desk),
        after=read_cursor(desk.scope, listing, request.query, parts=3, check=_check_place),
        limit=page_size(request.query),
    )
    return _page(desk, request, listing, invoices, place)


def post_close(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Close a pending invoice now; closing it again shows the same invoice."""
    body = _read(CloseBody, request)
    invoice = close_invoice(
        ids[0],
        books=desk.books,
        run=desk.new_run(),
        now=desk.now,
        accept_bounds=body.accept_bounds,
        without_usage_urls=body.without_usage_urls,
    )
    check_not_parked(invoice)
    return Response(200, whole_invoice(desk, invoice))


def post_sync(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Show what a pending invoice would say now; one that is parked goes on if it can."""
    _read(Nothing, request)
    synced = sync_invoice(ids[0], books=desk.books, request_pull=desk.request_pull, now=desk.now)
    return Response(200, _drafted(synced.invoice, synced.draft))


def get_pdf(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Give a URL that downloads the invoice's document for five minutes."""
    invoice = known_invoice(desk.invoices, ids[0])
    if invoice.render is not RenderState.DONE:
        why = "is being made" if invoice.render is RenderState.PENDING else "will not be made"
        raise Conflict("pdf_not_ready", f"the document of this invoice {why}")
    return _link(desk.documents.pdf_link(invoice))


def get_usages_pdf(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Give a URL that downloads a statement of the invoice's usages for five minutes.

    Whoever asks first has it made. The usages of a pending invoice are stated as they are now.
    """
    asked = request_statement(
        ids[0],
        books=desk.books,
        statements=desk.documents,
        usage_ids=desk.usage_ids,
        ask=desk.ask_for_statement,
    )
    if not asked.ready:
        raise Conflict("pdf_not_ready", "the document of these usages is being made")
    return _link(desk.documents.statement_pdf_link(asked.invoice, asked.digest))


def check_not_parked(invoice: Invoice) -> None:
    """Refuse to call an invoice closed that could not be made."""
    if invoice.broken is not None:
        details = broken_details(invoice.broken)
        raise Conflict("bound_exceeded", invoice.parked or "", details=details)
    if invoice.parked is not None:
        raise Conflict("invoice_not_ratable", invoice.parked)


def whole_invoice(desk: Desk, invoice: Invoice) -> dict[str, object]:
    """Show an invoice with everything it says, or why it says nothing."""
    if invoice.status is InvoiceStatus.PENDING:
        return _drafted(invoice, draft_invoice(invoice, books=desk.books))
    content = None if invoice.content_hash is None else desk.documents.get_content(invoice)
    return native_from_invoice(invoice, content)


def _drafted(invoice: Invoice, draft: Draft) -> dict[str, object]:
    """Show a pending invoice as it would be if it closed now, and why it could not be made."""
    shown = native_from_invoice(invoice, draft.content)
    return shown if draft.refusal is None else shown | {"not_ratable": draft.refusal.message}


def _link(url: str) -> Response:
    lifetime = int(LINK_LIFETIME.total_seconds())
    body = {"url": url, "media_type": "application/pdf", "expires_in_seconds": lifetime}
    return Response(200, body)


def _read[Model: Body](model: type[Model], request: Request) -> Model:
    """Read a body that may be left out altogether."""
    plain = read_json_object(request.body, request.headers) if request.body.strip() else {}
    return read(model, plain)


def _head(invoice: Invoice) -> dict[str, object]:
    return native_from_invoice(invoice, None)


def _check_place(_subscription_id: str, term_start: str, _invoice_id: str) -> None:
    check_instant(term_start)


def _drawers(desk: Desk) -> Drawers:
    return Drawers(
        scope=desk.scope,
        terms=desk.terms,
        invoices=desk.invoices,
        customers=desk.customers,
        subscriptions=desk.subscriptions,
    )


def _page(
    desk: Desk, request: Request, listing: str, invoices: list[Invoice], place: list[str] | None
) -> Response:
    cursor = None if place is None else cursor_text(place, desk.scope, listing, request.query)
    return Response(200, native_list(map(_head, invoices), cursor))
