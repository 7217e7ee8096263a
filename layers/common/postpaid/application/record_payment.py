"""Record a payment of an invoice, once.

crash before the store   nothing changed; the repeat does it
lost answer after it     the repeat has the same id, the client's or its key's, and finds it
two at once              one is refused, reads again and sees what is still due then
a void at the same time  one of the two is refused, reads again and is told of the other
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from postpaid.application.catalog import Created, already_exists
from postpaid.application.close_invoice import known_invoice
from postpaid.application.ports import Invoices, Lost, Payments, Unavailable
from postpaid.application.void_invoice import check_issued
from postpaid.domain.annotations import PAYMENT_BYTES_MAX, annotations_text
from postpaid.domain.errors import Invalid, LimitExceeded
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import parse_date, zone
from postpaid.domain.invoice import Invoice
from postpaid.domain.money import Money
from postpaid.domain.payment import PAYMENTS_MAX, Payment, parse_payment
from postpaid.domain.site import Site

_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPayment:
    """What was paid of an invoice; today, in the site's zone, if it is not said when.

    *annotations* are what a door keeps with it, 4 KiB as JSON at most.
    """

    invoice_id: str
    id: str
    amount: object
    paid_on: object = None
    method: str | None = None
    reference: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)


def record_payment(
    command: RecordPayment, *, invoices: Invoices, payments: Payments, site: Site, now: datetime
) -> Created[Payment]:
    """Record a payment; recording the same one again changes nothing.

    Raises what `check_payment` does; `Unavailable` if others came first.
    """
    for _ in range(_TRIES):
        invoice, found = _judged(command, invoices, payments, site, now)
        if not found.new:
            return found
        try:
            payments.add(found.thing, over=invoice)
        except Lost:
            continue
        return found
    raise Unavailable("other payments came first every time")


def check_payment(
    command: RecordPayment, *, invoices: Invoices, payments: Payments, site: Site, now: datetime
) -> None:
    """Refuse what could not be recorded now; what is recorded already passes.

    Raises `NotFound`; `Invalid`, also for more than is still due; `Conflict` with code
    `invoice_not_issued`, or with `already_exists` if the id has other content; `LimitExceeded`.
    """
    _judged(command, invoices, payments, site, now)


def _judged(
    command: RecordPayment, invoices: Invoices, payments: Payments, site: Site, now: datetime
) -> tuple[Invoice, Created[Payment]]:
    """Return the invoice as it was read, and the payment: the one that is there, or a new one."""
    check_id(command.id, "id")
    paid_on = None if command.paid_on is None else parse_date(command.paid_on, "paid_on")
    notes = annotations_text(command.annotations, PAYMENT_BYTES_MAX)
    # The invoice first: a payment that is read after it is never missing from its sum unseen.
    invoice = known_invoice(invoices, command.invoice_id)
    amount = parse_payment(command.amount, invoice.currency, "amount")
    existing = payments.get(invoice.id, command.id)
    if existing is not None:
        if not _says(existing, command, amount, paid_on, notes):
            raise already_exists("payment", command.id)
        return invoice, Created(existing, new=False)
    check_issued(invoice)
    _check_due(invoice, amount)
    payment = Payment(
        id=command.id,
        invoice_id=invoice.id,
        n=invoice.payments + 1,
        amount=amount,
        paid_on=paid_on or now.astimezone(zone(site.timezone)).date(),
        method=command.method,
        reference=command.reference,
        recorded_at=now,
        annotations_text=notes,
    )
    return invoice, Created(payment, new=True)


def _says(
    existing: Payment, command: RecordPayment, amount: Money, paid_on: date | None, notes: str
) -> bool:
    """Tell whether a payment is the one that is asked for; a date that is not said is any."""
    said = (amount, command.method, command.reference, paid_on or existing.paid_on, notes)
    return said == (
        existing.amount,
        existing.method,
        existing.reference,
        existing.paid_on,
        existing.annotations_text,
    )


def _check_due(invoice: Invoice, amount: Money) -> None:
    due = invoice.amount_due
    assert due is not None
    if amount.minor > due.minor:
        raise Invalid(
            "invalid_field",
            f"must not be more than the {due} {invoice.currency} that are still due",
            field="amount",
            details={"amount_due": str(due)},
        )
    if invoice.payments >= PAYMENTS_MAX:
        raise LimitExceeded(
            "limit_exceeded", f"an invoice takes {PAYMENTS_MAX} payments", field="amount"
        )
