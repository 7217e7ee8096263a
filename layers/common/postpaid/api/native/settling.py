"""What becomes of an invoice: an issued one is paid or voided, a pending one may be deleted."""

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.billing import whole_invoice
from postpaid.api.native.headers import request_digest
from postpaid.api.native.lists import check_query
from postpaid.api.native.models import DeleteBody, PaymentBody, VoidBody, read
from postpaid.api.native.shapes import native_from_payment, native_list
from postpaid.application.close_invoice import known_invoice
from postpaid.application.delete_invoice import delete_invoice
from postpaid.application.record_payment import RecordPayment, record_payment
from postpaid.application.void_invoice import void_invoice
from postpaid.domain.errors import Conflict


def post_void(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Void an issued invoice; voiding it again shows the same invoice."""
    plain = read_json_object(request.body, request.headers) if request.body.strip() else {}
    body = read(VoidBody, plain)
    invoice = void_invoice(ids[0], body.reason, books=desk.books, now=desk.now)
    return Response(200, whole_invoice(desk, invoice))


def post_delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Delete a pending invoice; deleting it again shows the same invoice."""
    plain = read_json_object(request.body, request.headers) if request.body.strip() else {}
    body = read(DeleteBody, plain)
    invoice = delete_invoice(
        ids[0], body.reason, books=desk.books, run=desk.new_run(), now=desk.now
    )
    return Response(200, whole_invoice(desk, invoice))


def list_payments(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List the payments of an invoice, newest first, on one page."""
    check_query(request, set())
    invoice = known_invoice(desk.invoices, ids[0])
    payments = desk.payments.of_invoice(invoice.id)
    return Response(200, native_list(map(native_from_payment, payments), None))


def post_payment(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Record a payment: 201, or 200 if an equal one is there.

    One without an id is named after its `Idempotency-Key`, so that a repeat is the same payment.
    """
    body = read(PaymentBody, read_json_object(request.body, request.headers))
    digest = request_digest(request.headers) if body.id is None else None
    made = desk.new_id("pay") if digest is None else f"pay_{digest}"
    command = RecordPayment(
        invoice_id=ids[0],
        id=made if body.id is None else body.id,
        amount=body.amount,
        paid_on=body.paid_on,
        method=body.method,
        reference=body.reference,
    )
    try:
        recorded = record_payment(
            command, invoices=desk.invoices, payments=desk.payments, site=desk.site, now=desk.now
        )
    except Conflict as refusal:
        if digest is None or refusal.code != "already_exists":
            raise
        raise Conflict(
            "idempotency_key_reused", "the key came with another payment before"
        ) from None
    return Response(201 if recorded.new else 200, native_from_payment(recorded.thing))
