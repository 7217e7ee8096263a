"""Transactions as this door shows them, and their integers."""

from collections.abc import Callable
from dataclasses import dataclass

from postpaid.api.chargeover.lists import Row
from postpaid.api.chargeover.things import currency_shown, kept, token
from postpaid.api.desk import Desk
from postpaid.domain.customer import Customer
from postpaid.domain.invoice import Invoice
from postpaid.domain.money import total
from postpaid.domain.payment import PAYMENTS_MAX, Payment

# What is kept of a transaction that a payment has no word for.
KEPT = ("transaction_method", "transaction_detail", "gateway_msg")
# A payment's integer is its invoice's times this, and its place among the payments of that.
PLACES = 128
assert PAYMENTS_MAX < PLACES


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment of an invoice."""

    invoice: Invoice
    payment: Payment


def transaction_id(invoice: Invoice, payment: Payment) -> int:
    """Return the integer of a payment; below 2^31 for the first 16 777 215 invoices of a site."""
    return invoice.number * PLACES + payment.n


def parts_of(desk: Desk, paid: Paid) -> list[Paid]:
    """Return all payments of a transaction, in the order in which it named their invoices."""
    parts = []
    for number in kept(paid.payment).get("invoices") or [paid.invoice.number]:
        if number == paid.invoice.number:
            parts.append(paid)
            continue
        identifier = desk.numbered.id_of("invoice", number)
        invoice = None if identifier is None else desk.invoices.get(identifier)
        payment = None if invoice is None else desk.payments.get(invoice.id, paid.payment.id)
        if invoice is not None and payment is not None:  # else its run died before it came to it
            parts.append(Paid(invoice, payment))
    return parts


def is_first(paid: Paid) -> bool:
    """Tell whether a payment is the one that its transaction is known by."""
    invoices = kept(paid.payment).get("invoices")
    return not invoices or invoices[0] == paid.invoice.number


def shown_transaction(desk: Desk, paid: Paid, customer_of: Callable[[str], Customer | None]) -> Row:
    """Show a transaction, with all the invoices it paid."""
    parts = parts_of(desk, paid)
    first, notes = parts[0], kept(paid.payment)
    payment = first.payment
    amount = total((each.payment.amount for each in parts), payment.amount.currency).decimal
    customer = customer_of(first.invoice.customer_id)
    assert customer is not None, "customers are never removed"
    number = transaction_id(first.invoice, payment)
    return {
        "transaction_id": number,
        "external_key": payment.id,
        "token": token(desk.scope, "transaction", number),
        "customer_id": customer.number,
        "customer_external_key": customer.id,
        **currency_shown(payment.amount.currency),
        "amount": amount,
        "applied": amount,
        "unapplied": 0,
        "transaction_type": "pay",
        "transaction_type_name": "Payment",
        **{name: notes.get(name) or "" for name in KEPT},
        "transaction_date": payment.paid_on,
        "transaction_datetime": payment.recorded_at,
        "gateway_id": None,
        "gateway_status": 1,
        "gateway_method": payment.method or "",
        "gateway_transid": payment.reference or "",
        "write_datetime": payment.recorded_at,
        "mod_datetime": payment.recorded_at,
        # The vendor's recorded answer has the one as a text and the other as a number.
        "applied_to": [
            {"invoice_id": str(each.invoice.number), "applied": each.payment.amount.decimal}
            for each in parts
        ],
    }
