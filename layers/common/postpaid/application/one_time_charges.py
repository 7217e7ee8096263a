"""Put a one-time charge on a pending invoice, once; take one off again.

    crash before the store    nothing changed; the repeat does it
    lost answer after it      the repeat has the same id, the client's or its key's, and finds it
    two at once               one is refused, reads again and goes on from there
    a close at the same time  one of the two is refused: the close reads the charge, or the charge
                              finds the invoice closed, and is told so

A charge is priced by the newest version of its price when it is put on, and rated with the invoice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from postpaid.application.books import Books
from postpaid.application.catalog import Created, already_exists
from postpaid.application.close_invoice import check_pending, known_invoice
from postpaid.application.edit_subscription import Office
from postpaid.application.make_line import CreateLine, LineMaker
from postpaid.application.ports import Lost, OneTimeCharges, Subscriptions, Unavailable
from postpaid.application.roll_term import known_subscription
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid, LimitExceeded, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import parse_moment
from postpaid.domain.invoice import Invoice
from postpaid.domain.line import Line
from postpaid.domain.one_time import CHARGES_MAX, OneTimeCharge
from postpaid.domain.period import Period
from postpaid.domain.quantity import parse_quantity

_TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCharge:
    """What is charged: so many of an item price; *pricing* is a price of this charge alone.

    It is for the time from *start* to *end*, dates or instants, or for the invoice's own.
    """

    invoice_id: str
    id: str
    item_price_id: str
    quantity: object = None
    pricing: Mapping[str, Any] | None = None
    start: object = None
    end: object = None
    comment: str | None = None


def add_charge(command: AddCharge, *, office: Office) -> Created[OneTimeCharge]:
    """Put a charge on a pending invoice; putting the same one on again changes nothing.

    Raises `NotFound` for the invoice or the price; `Invalid`; `Conflict` with code
    `invoice_not_pending`, `archived`, or with `already_exists` if the id has other content or was
    taken off; `LimitExceeded`; `Unavailable` if others came first.
    """
    check_id(command.id, "id")
    books = office.books
    for _ in range(_TRIES):
        # The invoice first: a charge that is read after it is not missing from its count unseen.
        invoice = known_invoice(books.invoices, command.invoice_id)
        period = _period(command, invoice, books.subscriptions)
        existing = books.charges.get(invoice.id, command.id)
        if existing is not None:
            if existing.removed_at is not None or not _says(existing, command, period):
                raise already_exists("charge", command.id)
            return Created(existing, new=False)
        check_pending(invoice)
        _check_room(invoice, books.charges)
        charge = OneTimeCharge(
            invoice_id=invoice.id,
            n=invoice.charge_changes + 1,
            line=_line(command, invoice, office),
            period=period,
            comment=command.comment,
            added_at=office.now,
        )
        try:
            books.charges.put(charge, over=invoice)
        except Lost:
            continue
        return Created(charge, new=True)
    raise Unavailable("other changes came first every time")


def remove_charge(invoice_id: str, charge_id: str, *, books: Books, now: datetime) -> OneTimeCharge:
    """Take a charge off a pending invoice and return it; taking it off again changes nothing.

    Its id stays taken, so that a late repeat of the request that made it does not bring it back.
    Raises `NotFound`; `Conflict` with code `invoice_not_pending`; `Unavailable` if others came
    first.
    """
    for _ in range(_TRIES):
        invoice = known_invoice(books.invoices, invoice_id)
        charge = books.charges.get(invoice.id, charge_id)
        if charge is None:
            raise NotFound("charge_not_found", f"the invoice has no charge '{charge_id}'")
        if charge.removed_at is not None:
            return charge
        check_pending(invoice)
        removed = replace(charge, removed_at=now)
        try:
            books.charges.put(removed, over=invoice)
        except Lost:
            continue
        return removed
    raise Unavailable("other changes came first every time")


def _check_room(invoice: Invoice, charges: OneTimeCharges) -> None:
    # Changes are at least as many as charges: most invoices are not looked through.
    is_full = invoice.charge_changes >= CHARGES_MAX
    if is_full and len(charges.of_invoice(invoice.id)) >= CHARGES_MAX:
        raise LimitExceeded("limit_exceeded", f"an invoice takes {CHARGES_MAX} one-time charges")


def _line(command: AddCharge, invoice: Invoice, office: Office) -> Line:
    """Return the line that says what is charged; raises `Invalid`, `NotFound` or `Conflict`."""
    maker = LineMaker(
        items=office.items,
        prices=office.books.prices,
        ids=office.ids,
        currency=invoice.currency,
        once=True,
    )
    created = CreateLine(
        item_price_id=command.item_price_id,
        id=command.id,
        quantity=command.quantity,
        pricing=command.pricing,
    )
    return maker.make(created, "", set())


def _says(existing: OneTimeCharge, command: AddCharge, period: Period | None) -> bool:
    """Tell whether a charge is the one that is asked for, whatever its price says by now."""
    line = existing.line
    quantity = 1 if command.quantity is None else command.quantity
    own = None if command.pricing is None else Charge.from_plain(command.pricing, "pricing.")
    return (
        line.item_price_id,
        line.quantity,
        line.charge_text,
        existing.period,
        existing.comment,
    ) == (
        command.item_price_id,
        parse_quantity(quantity, "quantity"),
        None if own is None else own.to_text(),
        period,
        command.comment,
    )


def _period(command: AddCharge, invoice: Invoice, subscriptions: Subscriptions) -> Period | None:
    """Read the time a charge is for; dates are of the subscription's zone. Raises `Invalid`."""
    for one, other, field in (
        (command.start, command.end, "to"),
        (command.end, command.start, "from"),
    ):
        if one is not None and other is None:
            raise Invalid("missing_field", "is missing: a time has both ends", field=field)
    if command.start is None:
        return None
    subscription = known_subscription(subscriptions, invoice.subscription_id)
    zone = subscription.zone_at(invoice.term_start or invoice.period_end)
    start = parse_moment(command.start, zone, "from")
    end = parse_moment(command.end, zone, "to")
    if end <= start:
        raise Invalid("invalid_field", "must be after its beginning", field="to")
    return Period(start, end)
