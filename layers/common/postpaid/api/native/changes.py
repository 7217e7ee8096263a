"""Changes of running subscriptions: each is applied whole or not at all.

All of them take `If-Match` with the version that was shown, and `Idempotency-Key`: a request that
comes again with its key changes nothing, and is shown what there is by then.
"""

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.billing import check_not_parked, whole_invoice
from postpaid.api.native.models import (
    Body,
    CancelBody,
    ChangeCadenceBody,
    ChangesBody,
    InvoiceNowBody,
    LineChangeBody,
    Nothing,
    ResumeBody,
    SuspendBody,
    read,
)
from postpaid.api.native.requests import change_request
from postpaid.api.native.subscriptions import show_subscription
from postpaid.application.cancel_subscription import (
    CancelSubscription,
    cancel_subscription,
    uncancel_subscription,
)
from postpaid.application.change_lines import ChangeLines, LineAction, LineChange, change_lines
from postpaid.application.change_schedule import ChangeCadence, change_cadence
from postpaid.application.close_invoice import close_invoice, known_invoice
from postpaid.application.invoice_now import invoice_now
from postpaid.application.keep import KEEP
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.calendar import read_cadence
from postpaid.domain.invoice import invoice_id


def post_changes(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Add, change and remove lines from a date on."""
    body = read(ChangesBody, read_json_object(request.body, request.headers))
    command = ChangeLines(
        subscription_id=ids[0],
        effective=body.effective,
        changes=[_change(each) for each in body.changes],
    )
    edited = change_lines(command, office=desk.office, request=change_request(request))
    return show_subscription(desk, edited.subscription)


def post_cancel(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Cancel: at the end of the term, now, or at a date."""
    body = _read(CancelBody, request)
    command = CancelSubscription(
        subscription_id=ids[0], at=body.at, credit_unused=body.credit_unused
    )
    edited = cancel_subscription(command, office=desk.office, request=change_request(request))
    return show_subscription(desk, edited.subscription)


def post_uncancel(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Take back a cancellation whose date has not come."""
    _read(Nothing, request)
    edited = uncancel_subscription(ids[0], office=desk.office, request=change_request(request))
    return show_subscription(desk, edited.subscription)


def post_suspend(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Suspend from now or a date on, without end or until a date."""
    body = _read(SuspendBody, request)
    command = SuspendSubscription(subscription_id=ids[0], since=body.since, until=body.until)
    edited = suspend_subscription(command, office=desk.office, request=change_request(request))
    return show_subscription(desk, edited.subscription)


def post_resume(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """End a suspension, now or at a date."""
    body = _read(ResumeBody, request)
    edited = resume_subscription(
        ids[0], body.at, office=desk.office, request=change_request(request)
    )
    return show_subscription(desk, edited.subscription)


def post_cadence(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Invoice at another cadence, from the end of the term on or at once."""
    body = read(ChangeCadenceBody, read_json_object(request.body, request.headers))
    command = ChangeCadence(
        subscription_id=ids[0],
        cadence=read_cadence(body.unit, body.count, ""),
        by_calendar=body.anchor == "calendar",
        at=body.at,
        cycles=body.cycles,
        changes=[_change(each) for each in body.changes],
    )
    edited = change_cadence(command, office=desk.office, request=change_request(request))
    return show_subscription(desk, edited.subscription)


def post_invoice_now(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """End the open term now and show its invoice: 201, or 200 when the request came before."""
    body = _read(InvoiceNowBody, request)
    edited = invoice_now(
        ids[0],
        office=desk.office,
        request=change_request(request),
        to_close_at_once=body.close and not body.without_usage_urls,
    )
    assert edited.outcome is not None, "it ends a term"
    identifier = invoice_id(desk.scope, edited.subscription.id, edited.outcome, 0)
    if body.close:
        invoice = close_invoice(
            identifier,
            books=desk.books,
            run=desk.new_run(),
            now=desk.now,
            without_usage_urls=body.without_usage_urls,
        )
        check_not_parked(invoice)
    else:
        invoice = known_invoice(desk.invoices, identifier)
    return Response(201 if edited.new else 200, whole_invoice(desk, invoice))


def _change(body: LineChangeBody) -> LineChange:
    return LineChange(
        action=LineAction(body.action),
        id=body.id,
        item_price_id=body.item_price_id,
        quantity=body.quantity,
        pricing=body.pricing if "pricing" in body.model_fields_set else KEEP,
    )


def _read[Model: Body](model: type[Model], request: Request) -> Model:
    """Read a body that may be left out altogether."""
    plain = read_json_object(request.body, request.headers) if request.body.strip() else {}
    return read(model, plain)
