"""The transactions that span aggregates: a term with its successor, its invoice and its number.

This is the only file that writes items of several aggregates at once, because each of these steps
must be seen whole or not at all.
"""

from datetime import date, datetime

from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.fields import number, text, without_none
from postpaid.store.invoices import finished_attributes, item_from_invoice
from postpaid.store.subscriptions import item_from_subscription
from postpaid.store.tables import (
    Absent,
    AtMost,
    Item,
    Put,
    Table,
    TransactionRefused,
    Update,
    Write,
    all_of,
    equals,
)
from postpaid.store.terms import item_from_term, term_key

SERIES = "main"  # the one series of invoice numbers there is so far


class StoredClosing:
    """The transactions of one site. *clock* names the clock that due times are on."""

    def __init__(self, table: Table, scope: Scope, now: datetime, clock: str = keys.LIVE) -> None:
        self._table = table
        self._scope = scope
        self._now = now
        self._clock = clock

    def activate(self, subscription: Subscription, first: Term, opening: Invoice | None) -> None:
        """Store a new subscription, its first term and, if there is one, its opening invoice.

        Raises `Lost` if there is a subscription of that id.
        """
        scope, now = self._scope, self._now
        note = keys.customer_subscription(scope, subscription.customer_id, subscription.id)
        writes: list[Write] = [
            Put(item_from_subscription(scope, subscription), condition=Absent()),
            Put(item_from_term(scope, self._clock, first, now), condition=Absent()),
            Put({**note._asdict(), "s": keys.SCHEMA}, condition=Absent()),
        ]
        if opening is not None:
            item = item_from_invoice(scope, self._clock, opening, now)
            writes.append(Put(item, condition=Absent()))
        self._all_or_lost(writes)

    def roll(self, ended: Term, begun: Term, invoice: Invoice) -> None:
        """Store that one term ended, the next began and an invoice is pending; or raise `Lost`.

        The term must still be OPEN with the same end and no newer closing policy, its successor
        and the invoice must be new: of two sweeps that roll the same term one finds it rolled.
        """
        scope, now = self._scope, self._now
        changes = ended.policy_changes
        still = all_of(
            equals("status", TermStatus.OPEN.value),
            equals("end", instant_text(ended.period.end)),
            equals("pc", changes) if changes else Absent("pc"),
        )
        key = term_key(scope, ended)
        moved = {"status": ended.status.value, "invoice_id": ended.invoice_id}
        if ended.due_at is None:
            update = Update(key, still, set=moved, remove=("due_at", "dpk", "dsk"))
        else:
            due = keys.due(self._clock, key.pk, ended.due_at, now)
            update = Update(key, still, set={**moved, "due_at": instant_text(ended.due_at), **due})
        self._all_or_lost(
            [
                update,
                Put(item_from_term(scope, self._clock, begun, now), condition=Absent()),
                Put(item_from_invoice(scope, self._clock, invoice, now), condition=Absent()),
            ]
        )

    def freeze(self, term: Term | None, invoice: Invoice, *, run: str | None) -> None:
        """Store a finished invoice, its number, and its term as frozen; or raise `Lost`.

        The term must still be CLOSING for *run*, the invoice PENDING, the number the next one and
        its date not before that of the number before. A skipped invoice draws no number.
        """
        scope = self._scope
        head = keys.entity(scope, "invoice", invoice.id)
        writes: list[Write] = [
            Update(
                head,
                equals("status", InvoiceStatus.PENDING.value),
                set={"status": invoice.status.value, **finished_attributes(invoice)},
            )
        ]
        if term is not None:
            mine = all_of(equals("status", TermStatus.CLOSING.value), equals("run", run))
            frozen = without_none(
                {
                    "status": TermStatus.FROZEN.value,
                    "m": term.manifests,
                    "m0": term.manifest_hash,
                }
            )
            writes.append(Update(term_key(scope, term), mine, set=frozen))
        if invoice.serial is not None and invoice.issued_on is not None:
            writes += self._drawn(invoice.serial, invoice.issued_on, invoice.id)
        self._all_or_lost(writes)

    def next_serial(self) -> tuple[int, date | None]:
        """Read the next invoice number and the date of the one before."""
        item = self._table.get(keys.series_counter(self._scope, SERIES))
        if item is None:
            return 1, None
        return number(item, "next"), date.fromisoformat(text(item, "last_date"))

    def _drawn(self, serial: int, issued_on: date, invoice_id: str) -> list[Write]:
        counter = keys.series_counter(self._scope, SERIES)
        drawn: Item = {"next": serial + 1, "last_date": issued_on.isoformat(), "s": keys.SCHEMA}
        if serial == 1:
            count: Write = Put({**counter._asdict(), **drawn}, condition=Absent())
        else:
            still = all_of(equals("next", serial), AtMost("last_date", issued_on.isoformat()))
            count = Update(counter, still, set=drawn)
        register = keys.series_number(self._scope, SERIES, serial)
        row: Item = {**register._asdict(), "s": keys.SCHEMA, "invoice_id": invoice_id}
        return [count, Put(row, condition=Absent())]

    def _all_or_lost(self, writes: list[Write]) -> None:
        try:
            self._table.transact(writes)
        except TransactionRefused:
            raise Lost from None
