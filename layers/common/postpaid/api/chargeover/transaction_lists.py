"""Find a transaction, and list them: they are the payments of invoices, in order of those."""

import re
from collections.abc import Iterable
from functools import cache

from postpaid.api.chargeover.invoice_lists import is_shown, named_invoices
from postpaid.api.chargeover.invoice_reading import invoice_of
from postpaid.api.chargeover.lists import LOOKED_AT_MAX, ListOf, Row, Source
from postpaid.api.chargeover.transaction_shape import (
    PLACES,
    Paid,
    is_first,
    parts_of,
    shown_transaction,
    transaction_id,
)
from postpaid.api.chargeover.where import Asked
from postpaid.api.desk import Desk, Page
from postpaid.domain.errors import LimitExceeded, NotFound
from postpaid.domain.invoice import Invoice

_INTEGER = re.compile(r"[0-9]{1,12}")
_FIELDS = frozenset(
    {
        *("transaction_id", "external_key", "token", "customer_id", "customer_external_key"),
        *("amount", "transaction_type", "transaction_date", "transaction_datetime"),
        *("gateway_status", "gateway_method", "gateway_transid"),
        *("write_datetime", "mod_datetime"),
    }
)
LIST = ListOf(fields=_FIELDS | {"applied_to.invoice_id"}, sorts=_FIELDS)


def transaction_of(desk: Desk, text: str) -> Paid:
    """Return a payment by its integer; raises `NotFound`."""
    number, n = divmod(int(text), PLACES) if _INTEGER.fullmatch(text) else (0, 0)
    missing = NotFound("payment_not_found", "there is no such transaction")
    try:
        invoice = invoice_of(desk, str(number))
    except NotFound:
        raise missing from None
    for payment in _payments(desk, [invoice]):
        if payment.payment.n == n:
            return payment
    raise missing


def source_of(desk: Desk) -> Source[Paid]:
    """Return where the transactions of a site are read."""
    looked = 0
    customer_of = cache(desk.customers.get)

    def read(after: str | None, limit: int) -> Page[Paid]:
        nonlocal looked
        invoices, place = desk.lists.invoices(after, limit, ascending=True)
        looked += len(invoices)
        if place is not None and looked >= LOOKED_AT_MAX:
            raise LimitExceeded(
                "limit_exceeded",
                f"a list looks at {LOOKED_AT_MAX} invoices at most: narrow it by a customer_id",
            )
        return _payments(desk, invoices), place

    def among(asked: Asked) -> list[Paid] | None:
        number = asked.only("transaction_id")
        if number is not None:
            try:
                return [transaction_of(desk, number)]
            except NotFound:
                return []
        invoices = named_invoices(desk, asked, "applied_to.")
        return None if invoices is None else _whole(desk, _payments(desk, invoices))

    def show(paid: Paid, _: frozenset[str]) -> Row:
        return shown_transaction(desk, paid, customer_of)

    def complete(paid: Paid, row: Row) -> Row:
        # Asked for by a clause it is left out as children are, and yet no list is without it.
        return row if "applied_to" in row else show(paid, frozenset())

    return Source[Paid](
        read=read,
        show=show,
        among=among,
        hides=lambda paid: not is_first(paid),
        complete=complete,
    )


def _whole(desk: Desk, payments: Iterable[Paid]) -> list[Paid]:
    """Return the payments that transactions are known by, each once."""
    found = {}
    for paid in payments:
        first = paid if is_first(paid) else parts_of(desk, paid)[0]
        found[transaction_id(first.invoice, first.payment)] = first
    return list(found.values())


def _payments(desk: Desk, invoices: Iterable[Invoice]) -> list[Paid]:
    """Return the payments of invoices, the oldest of each first."""
    return [
        Paid(invoice, payment)
        for invoice in invoices
        if is_shown(invoice) and invoice.payments
        for payment in reversed(desk.payments.of_invoice(invoice.id))
    ]
