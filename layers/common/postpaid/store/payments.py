"""Payments: a small ledger beside each invoice, whose head keeps their sum and number."""

from datetime import date

from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice
from postpaid.domain.money import Money
from postpaid.domain.payment import Payment
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import instant, number, text, text_or_none, without_none
from postpaid.store.invoices import KIND, issued_with, paid_attributes
from postpaid.store.tables import Absent, Item, Put, Range, Table, TransactionRefused, Update


class StoredPayments:
    """What was paid of one site's invoices."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def get(self, invoice_id: str, payment_id: str) -> Payment | None:
        """Read a payment."""
        item = self._table.get(keys.payment(self._scope, invoice_id, payment_id))
        return payment_from_item(item) if item else None

    def of_invoice(self, invoice_id: str) -> list[Payment]:
        """Read all payments of an invoice, newest first."""
        pk = keys.entity(self._scope, KIND, invoice_id).pk
        rows = self._table.query(Range(pk=pk, first="PAY#", last="PAY#~"))
        found = map(payment_from_item, rows)
        return sorted(found, key=lambda payment: payment.n, reverse=True)

    def add(self, payment: Payment, over: Invoice) -> None:
        """Store a new payment and what is paid with it, or raise `Lost`.

        The invoice must still be ISSUED with exactly the payments of *over*: so the sum on its head
        is that of the ledger, and nothing is paid of an invoice that is voided.
        """
        assert payment.n == over.payments + 1
        before = over.amount_paid
        assert before is not None
        paid = paid_attributes(before + payment.amount, payment.n)
        head = keys.entity(self._scope, KIND, over.id)
        try:
            self._table.transact(
                [
                    Put(item_from_payment(self._scope, payment), condition=Absent()),
                    Update(head, issued_with(over.payments), set=paid),
                ]
            )
        except TransactionRefused:
            raise Lost from None


def item_from_payment(scope: Scope, payment: Payment) -> Item:
    """Return the stored form of a payment."""
    return without_none(
        {
            **keys.payment(scope, payment.invoice_id, payment.id)._asdict(),
            "s": keys.SCHEMA,
            "id": payment.id,
            "invoice_id": payment.invoice_id,
            "n": payment.n,
            "currency": payment.amount.currency,
            "minor": str(payment.amount.minor),
            "paid_on": payment.paid_on.isoformat(),
            "method": payment.method,
            "reference": payment.reference,
            "recorded_at": instant_text(payment.recorded_at),
            "annotations": payment.annotations_text or None,
        }
    )


def payment_from_item(item: Item) -> Payment:
    """Read a payment from its stored form."""
    return Payment(
        id=text(item, "id"),
        invoice_id=text(item, "invoice_id"),
        n=number(item, "n"),
        amount=Money(int(text(item, "minor")), text(item, "currency")),
        paid_on=date.fromisoformat(text(item, "paid_on")),
        method=text_or_none(item, "method"),
        reference=text_or_none(item, "reference"),
        recorded_at=instant(item, "recorded_at"),
        annotations_text=text_or_none(item, "annotations") or "",
    )
