"""Transactions: payments of invoices that were made elsewhere, recorded here and never collected.

Each invoice has a payment of its own, and those of one transaction have the same id. What only this
door knows of it, and which invoices it paid beside, is kept with every one of them.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from postpaid.api.chargeover.bodies import (
    NOT_KEPT,
    Amount,
    Fields,
    Key,
    Text,
    Whole,
    read_fields,
    read_new,
)
from postpaid.api.chargeover.envelope import answer, created
from postpaid.api.chargeover.find import id_of
from postpaid.api.chargeover.invoice_reading import invoice_of
from postpaid.api.chargeover.lists import counted, listed, whole_row
from postpaid.api.chargeover.once import digest_of, key_of
from postpaid.api.chargeover.things import annotations
from postpaid.api.chargeover.times import read_time
from postpaid.api.chargeover.transaction_lists import LIST, source_of, transaction_of
from postpaid.api.chargeover.transaction_shape import KEPT, shown_transaction, transaction_id
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.record_payment import RecordPayment
from postpaid.application.record_payments import record_payments
from postpaid.domain.errors import BillingError, Invalid, NotFound
from postpaid.domain.instants import zone
from postpaid.domain.invoice import Invoice
from postpaid.domain.money import exact_sum

INVOICES_MAX = 25
PAY = "pay"
_NO_CARDS = "cards and bank accounts are never stored here"
_NO_GATEWAY = "there are no payment gateways here"
REFUSED = {
    "creditcard_id": _NO_CARDS,
    "creditcard": _NO_CARDS,
    "ach_id": _NO_CARDS,
    "ach": _NO_CARDS,
    "tokenized_id": _NO_CARDS,
    "paymethods": _NO_CARDS,
    "number": _NO_CARDS,
    "expdate": _NO_CARDS,
    "cvc": _NO_CARDS,
    "gateway_id": _NO_GATEWAY,
    "gateway_err_code": "a payment that failed is not recorded",
    "gateway_err_msg": "a payment that failed is not recorded",
    "currency_id": "a payment is in the currency of its invoices",
    "custom_1": NOT_KEPT,
    "custom_2": NOT_KEPT,
    "custom_3": NOT_KEPT,
}
# A place among the commands, and the field of one.
_PLACED = re.compile(r"\[([0-9]+)\](?:\.(.*))?")
_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
Method = Annotated[Text, StringConstraints(max_length=50, pattern=_LINE)]
Reference = Annotated[Text, StringConstraints(max_length=100, pattern=_LINE)]


class AppliedRow(Fields):
    """An invoice that a transaction pays, and how much of it: if not said, all that is due."""

    invoice_id: Whole | None = None
    invoice_external_key: Key | None = None
    applied: Amount | None = None


class TransactionFields(Fields):
    """What a transaction is recorded with."""

    customer_id: Whole | None = None
    customer_external_key: Key | None = None
    external_key: Key | None = None
    amount: Amount | None = None
    transaction_type: Text | None = None
    transaction_method: Method | None = None
    transaction_detail: Text | None = None
    transaction_date: Text | None = None
    gateway_status: Whole | None = None
    gateway_method: Method | None = None
    gateway_transid: Reference | None = None
    gateway_msg: Text | None = None
    applied_to: Annotated[list[AppliedRow], Field(max_length=INVOICES_MAX)] | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What is paid of one invoice."""

    invoice: Invoice
    amount: Decimal


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Record a payment of one invoice or of several: of all of them, or of none."""
    fields = read_fields(TransactionFields, read_new(request), refused=REFUSED)
    _check_kind(fields)
    key = key_of(request.headers)
    identifier = fields.external_key or (f"pay_{digest_of(key)}" if key else desk.new_id("pay"))
    parts = _parts(desk, fields, identifier)
    commands = _commands(desk, fields, identifier, parts)
    with _as_sent():
        recorded = record_payments(
            commands,
            invoices=desk.invoices,
            payments=desk.payments,
            site=desk.site,
            now=desk.now,
        )
    number = transaction_id(parts[0].invoice, recorded[0].thing)
    return created(number, f"/api/v3/transaction/{number}")


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a transaction."""
    paid = transaction_of(desk, ids[0])
    return answer(whole_row(desk, shown_transaction(desk, paid, desk.customers.get)))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List transactions, in order of their invoices."""
    return answer(listed(desk, request, LIST, source_of(desk)))


def count(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Count transactions."""
    return answer(counted(desk, request, LIST, source_of(desk)))


def _check_kind(fields: TransactionFields) -> None:
    if fields.transaction_type not in {None, "", PAY}:
        raise Invalid(
            "not_supported",
            "only payments are recorded here: refunds, credits and splits are not",
            field="transaction_type",
        )
    if fields.gateway_status not in {None, 1}:
        raise Invalid(
            "not_supported", "a payment that failed is not recorded", field="gateway_status"
        )
    if not fields.applied_to:
        raise Invalid(
            "missing_field", "name the invoices that are paid: none is guessed", field="applied_to"
        )


def _parts(desk: Desk, fields: TransactionFields, identifier: str) -> list[_Part]:
    """Return what is paid of which invoice; raises `Invalid` naming the field."""
    rows = fields.applied_to or []
    invoices = [_invoice(desk, row, n) for n, row in enumerate(rows)]
    _check_owner(desk, fields, invoices)
    parts = []
    for row, invoice in zip(rows, invoices, strict=True):
        amount = row.applied
        if amount is None and fields.amount is not None and len(rows) == 1:
            amount = fields.amount
        parts.append(_Part(invoice, _all_of(desk, invoice, identifier, amount)))
    applied = exact_sum(part.amount for part in parts)
    if fields.amount is not None and fields.amount != applied:
        raise Invalid(
            "invalid_field",
            f"must be what is applied to the invoices, {applied} in all: nothing is left over here",
            field="amount",
        )
    return parts


def _all_of(desk: Desk, invoice: Invoice, identifier: str, amount: Decimal | None) -> Decimal:
    """Return an amount, or all that is due; of a payment that is recorded already, what it was."""
    if amount is not None:
        return amount
    existing = desk.payments.get(invoice.id, identifier)
    if existing is not None:
        return existing.amount.decimal
    return Decimal(0) if invoice.amount_due is None else invoice.amount_due.decimal


def _invoice(desk: Desk, row: AppliedRow, n: int) -> Invoice:
    if row.invoice_id is not None:
        return invoice_of(desk, str(row.invoice_id), f"applied_to.{n}.invoice_id")
    if row.invoice_external_key is not None:
        place = f"applied_to.{n}.invoice_external_key"
        return invoice_of(desk, f"external_key:{row.invoice_external_key}", place)
    raise Invalid("missing_field", "is required", field=f"applied_to.{n}.invoice_id")


def _check_owner(desk: Desk, fields: TransactionFields, invoices: Sequence[Invoice]) -> None:
    """Hold all invoices to one customer, the one that is named if one is."""
    owner = invoices[0].customer_id
    if fields.customer_id is not None:
        owner = _customer(desk, str(fields.customer_id), "customer_id")
    elif fields.customer_external_key is not None:
        key = f"external_key:{fields.customer_external_key}"
        owner = _customer(desk, key, "customer_external_key")
    seen = set[str]()
    for n, invoice in enumerate(invoices):
        field = f"applied_to.{n}.invoice_id"
        if invoice.customer_id != owner:
            raise Invalid("invalid_field", "is an invoice of another customer", field=field)
        if invoice.currency != invoices[0].currency:
            raise Invalid("invalid_field", "is an invoice in another currency", field=field)
        if invoice.id in seen:
            raise Invalid("invalid_field", "is named twice", field=field)
        seen.add(invoice.id)


def _customer(desk: Desk, text: str, field: str) -> str:
    """Return the id of a customer; one that was deleted may still owe something."""
    identifier = id_of(desk, "customer", text, field)
    if desk.customers.get(identifier) is None:
        raise NotFound("customer_not_found", "there is no such customer", field=field)
    return identifier


def _commands(
    desk: Desk, fields: TransactionFields, identifier: str, parts: Sequence[_Part]
) -> list[RecordPayment]:
    place = zone(desk.site.timezone)
    paid_on = None
    if fields.transaction_date:
        instant = read_time(fields.transaction_date, place, "transaction_date")
        paid_on = instant.astimezone(place).date().isoformat()
    known: dict[str, Any] = {name: getattr(fields, name) or None for name in KEPT}
    if len(parts) > 1:
        known["invoices"] = [part.invoice.number for part in parts]
    return [
        RecordPayment(
            invoice_id=part.invoice.id,
            id=identifier,
            amount=part.amount,
            paid_on=paid_on,
            method=fields.gateway_method or fields.transaction_method or None,
            reference=fields.gateway_transid or None,
            annotations=annotations(known),
        )
        for part in parts
    ]


@contextmanager
def _as_sent() -> Iterator[None]:
    """Let refusals name their field as it was sent."""
    try:
        yield
    except BillingError as error:
        found = _PLACED.fullmatch(error.field or "")
        if found is not None and found[2] == "id":
            error.field = "external_key"
        elif found is not None:
            name = "applied" if found[2] == "amount" else "invoice_id"
            error.field = f"applied_to.{found[1]}.{name}"
        raise
