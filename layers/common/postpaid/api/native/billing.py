"""Subscriptions and invoices."""

from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.cursors import check_instant, cursor_text, page_size, read_cursor
from postpaid.api.native.desk import Desk
from postpaid.api.native.lists import check_query, page
from postpaid.api.native.models import (
    Nothing,
    SubscriptionBody,
    SubscriptionChange,
    policy_of,
    read,
)
from postpaid.api.native.shapes import (
    native_from_invoice,
    native_from_subscription,
    native_from_upcoming,
    native_list,
)
from postpaid.application.close_invoice import (
    close_invoice,
    draft_content,
    known_invoice,
    upcoming_content,
)
from postpaid.application.list_invoices import (
    Drawers,
    invoices_of_customer,
    invoices_of_subscription,
)
from postpaid.application.ports import LINK_LIFETIME
from postpaid.application.roll_term import known_subscription
from postpaid.application.subscriptions import (
    CreateLine,
    CreateSubscription,
    Shelf,
    change_closing,
    create_subscription,
)
from postpaid.domain.calendar import read_cadence
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState, invoice_id
from postpaid.domain.subscription import Subscription


def post_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a subscription: 201, or 200 if an equal one is there."""
    body = read(SubscriptionBody, read_json_object(request.body, request.headers))
    command = CreateSubscription(
        id=desk.new_id("sub") if body.id is None else body.id,
        customer_id=body.customer_id,
        timezone=body.timezone,
        start=body.start,
        cadence=read_cadence(body.cadence.unit, body.cadence.count, "cadence"),
        by_calendar=body.cadence.anchor == "calendar",
        prorate=body.prorate,
        lines=[
            CreateLine(item_price_id=line.item_price_id, id=line.id, quantity=line.quantity)
            for line in body.lines
        ],
        closing=policy_of(body.closing),
    )
    created = create_subscription(
        command,
        scope=desk.scope,
        shelf=Shelf(
            items=desk.items,
            prices=desk.prices,
            customers=desk.customers,
            sites=desk.books.sites,
        ),
        subscriptions=desk.subscriptions,
        activation=desk.activation,
        ids=desk.ids,
        now=desk.now,
    )
    subscription = created.thing
    is_opened = any(not line.metered for line in subscription.lines)
    if created.new and is_opened and subscription.start <= desk.now:
        # The opening invoice is due: a sweep would find it minutes later.
        desk.hasten([invoice_id(desk.scope, subscription.id, subscription.start, 0)])
    return Response(201 if created.new else 200, _subscription(desk, subscription))


def get_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a subscription."""
    return Response(200, _subscription(desk, known_subscription(desk.subscriptions, ids[0])))


def patch_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change a subscription's closing policy, also for invoices that are pending."""
    body = read(SubscriptionChange, read_json_object(request.body, request.headers))
    subscription = change_closing(
        ids[0],
        policy_of(body.closing),
        subscriptions=desk.subscriptions,
        terms=desk.terms,
        customers=desk.customers,
        sites=desk.books.sites,
        now=desk.now,
    )
    return Response(200, _subscription(desk, subscription))


def get_upcoming(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show what the coming invoice would say if the open term ended now."""
    return Response(200, native_from_upcoming(upcoming_content(ids[0], books=desk.books)))


def list_subscriptions(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List subscriptions, newest first."""
    return page(
        desk,
        request,
        "subscriptions",
        desk.lists.subscriptions,
        lambda subscription: native_from_subscription(subscription, None),
    )


def get_invoice(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an invoice whole; a pending one as it would be if it closed now."""
    return Response(200, _whole(desk, known_invoice(desk.invoices, ids[0])))


def list_invoices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List the heads of invoices, newest first."""
    return page(desk, request, "invoices", desk.lists.invoices, _head)


def list_subscription_invoices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List the heads of a subscription's invoices, newest first."""
    check_query(request, {"limit", "cursor"})
    subscription = known_subscription(desk.subscriptions, ids[0])
    listing = f"subscriptions/{ids[0]}/invoices"
    invoices, place = invoices_of_subscription(
        subscription,
        drawers=_drawers(desk),
        after=read_cursor(desk.scope, listing, request.query, parts=2, check=_check_place),
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
        after=read_cursor(desk.scope, listing, request.query, parts=2, check=_check_place),
        limit=page_size(request.query),
    )
    return _page(desk, request, listing, invoices, place)


def post_close(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Close a pending invoice now; closing it again shows the same invoice."""
    if request.body.strip():
        read(Nothing, read_json_object(request.body, request.headers))
    invoice = close_invoice(ids[0], books=desk.books, run=desk.new_run(), now=desk.now)
    return Response(200, _whole(desk, invoice))


def get_pdf(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Give a URL that downloads the invoice's document for five minutes."""
    invoice = known_invoice(desk.invoices, ids[0])
    if invoice.render is not RenderState.DONE:
        why = "is being made" if invoice.render is RenderState.PENDING else "will not be made"
        raise Conflict("pdf_not_ready", f"the document of this invoice {why}")
    return Response(
        200,
        {
            "url": desk.documents.pdf_link(invoice),
            "media_type": "application/pdf",
            "expires_in_seconds": int(LINK_LIFETIME.total_seconds()),
        },
    )


def _subscription(desk: Desk, subscription: Subscription) -> dict[str, object]:
    term = desk.terms.look(subscription.id, desk.now)
    return native_from_subscription(subscription, term)


def _whole(desk: Desk, invoice: Invoice) -> dict[str, object]:
    content = None
    if invoice.status is InvoiceStatus.PENDING:
        content = draft_content(invoice, books=desk.books)
    elif invoice.content_hash is not None:
        content = desk.documents.get_content(invoice)
    return native_from_invoice(invoice, content)


def _head(invoice: Invoice) -> dict[str, object]:
    return native_from_invoice(invoice, None)


def _check_place(_subscription_id: str, term_start: str) -> None:
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
