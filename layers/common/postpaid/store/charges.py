"""One-time charges: items beside their invoice, whose head counts how often they changed."""

from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice
from postpaid.domain.one_time import OneTimeCharge
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import (
    instant,
    instant_or_none,
    item_from_period,
    mapping,
    number,
    period_from_item,
    text,
    text_or_none,
    without_none,
)
from postpaid.store.invoices import KIND, pending_with
from postpaid.store.subscriptions import item_from_line, line_from_item
from postpaid.store.tables import Absent, Item, Put, Range, Table, TransactionRefused, Update


class StoredCharges:
    """What is put on one site's invoices beside what their subscriptions owe."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def get(self, invoice_id: str, charge_id: str) -> OneTimeCharge | None:
        """Read a charge."""
        item = self._table.get(keys.one_time_charge(self._scope, invoice_id, charge_id))
        return charge_from_item(item) if item else None

    def of_invoice(self, invoice_id: str) -> list[OneTimeCharge]:
        """Read all charges of an invoice in their order, those that were taken off included."""
        pk = keys.entity(self._scope, KIND, invoice_id).pk
        rows = self._table.query(Range(pk=pk, first="CHG#", last="CHG#~"))
        return sorted(map(charge_from_item, rows), key=lambda charge: charge.n)

    def put(self, charge: OneTimeCharge, over: Invoice) -> None:
        """Store a new charge, or that one was taken off, or raise `Lost`.

        The invoice must still be PENDING, and its charges be as often changed as those of *over*:
        so what closes it has read them all, or is refused.
        """
        head = keys.entity(self._scope, KIND, over.id)
        item = item_from_charge(self._scope, charge)
        changed = {"cv": over.charge_changes + 1}
        # Nothing changes a charge without its head, so that one which is taken off is as it was.
        absent = Absent() if charge.removed_at is None else None
        try:
            self._table.transact(
                [
                    Put(item, condition=absent),
                    Update(head, pending_with(over.charge_changes), set=changed),
                ]
            )
        except TransactionRefused:
            raise Lost from None


def item_from_charge(scope: Scope, charge: OneTimeCharge) -> Item:
    """Return the stored form of a charge."""
    return without_none(
        {
            **keys.one_time_charge(scope, charge.invoice_id, charge.id)._asdict(),
            "s": keys.SCHEMA,
            "invoice_id": charge.invoice_id,
            "n": charge.n,
            "line": item_from_line(charge.line),
            "period": None if charge.period is None else item_from_period(charge.period),
            "comment": charge.comment,
            "added_at": instant_text(charge.added_at),
            "removed_at": None if charge.removed_at is None else instant_text(charge.removed_at),
        }
    )


def charge_from_item(item: Item) -> OneTimeCharge:
    """Read a charge from its stored form."""
    return OneTimeCharge(
        invoice_id=text(item, "invoice_id"),
        n=number(item, "n"),
        line=line_from_item(mapping(item, "line")),
        period=period_from_item(mapping(item, "period")) if item.get("period") else None,
        comment=text_or_none(item, "comment"),
        added_at=instant(item, "added_at"),
        removed_at=instant_or_none(item, "removed_at"),
    )
