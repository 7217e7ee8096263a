"""One-time charges: what is put on a pending invoice beside what its subscription owes."""

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.headers import request_digest
from postpaid.api.native.lists import check_query
from postpaid.api.native.models import ChargeBody, read
from postpaid.api.native.shapes import native_from_charge, native_list
from postpaid.application.close_invoice import known_invoice
from postpaid.application.one_time_charges import AddCharge, add_charge, remove_charge
from postpaid.domain.errors import Conflict


def list_charges(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List the one-time charges of an invoice in their order, on one page."""
    check_query(request, set())
    invoice = known_invoice(desk.invoices, ids[0])
    there = [
        charge for charge in desk.books.charges.of_invoice(invoice.id) if charge.removed_at is None
    ]
    return Response(200, native_list(map(native_from_charge, there), None))


def post_charge(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Put a charge on a pending invoice: 201, or 200 if an equal one is there.

    One without an id is named after its `Idempotency-Key`, so that a repeat is the same charge.
    """
    body = read(ChargeBody, read_json_object(request.body, request.headers))
    digest = request_digest(request.headers) if body.id is None else None
    made = desk.new_id("chg") if digest is None else f"chg_{digest}"
    command = AddCharge(
        invoice_id=ids[0],
        id=made if body.id is None else body.id,
        item_price_id=body.item_price_id,
        quantity=body.quantity,
        pricing=body.pricing,
        start=body.start,
        end=body.end,
        comment=body.comment,
    )
    try:
        added = add_charge(command, office=desk.office)
    except Conflict as refusal:
        if digest is None or refusal.code != "already_exists":
            raise
        raise Conflict(
            "idempotency_key_reused",
            "the key came with another charge before, or with one that was taken off since",
        ) from None
    return Response(201 if added.new else 200, native_from_charge(added.thing))


def delete_charge(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Take a charge off a pending invoice; taking it off again changes nothing."""
    invoice_id, charge_id = ids
    removed = remove_charge(invoice_id, charge_id, books=desk.books, now=desk.now)
    return Response(200, native_from_charge(removed))
