"""The transactions that span aggregates: a term with its successor, its invoice and its number.

This is the only file that writes items of several aggregates at once, because each of these steps
must be seen whole or not at all.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from postpaid.application.entries import Appended, CreditChange, EarlyEnd
from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.line import Line
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.credits import credit_write
from postpaid.store.customers import begun_write
from postpaid.store.fields import number, text, without_none
from postpaid.store.invoices import (
    deleted_attributes,
    finished_attributes,
    issued_with,
    new_invoice,
    parked_attributes,
    pending_with,
    voided_attributes,
)
from postpaid.store.manifests import billing_write
from postpaid.store.numbered import entry, line_entries
from postpaid.store.subscriptions import item_from_subscription
from postpaid.store.tables import (
    Absent,
    AtMost,
    Check,
    Condition,
    Item,
    Key,
    Put,
    Table,
    TransactionRefused,
    Update,
    Value,
    Write,
    all_of,
    equals,
)
from postpaid.store.terms import advance_attributes, item_from_term, term_key


class StoredClosing:
    """The transactions of one site. *clock* names the clock that due times are on."""

    def __init__(self, table: Table, scope: Scope, now: datetime, clock: str = keys.LIVE) -> None:
        self._table = table
        self._scope = scope
        self._now = now
        self._clock = clock

    def activate(self, subscription: Subscription, first: Term, opening: Invoice | None) -> None:
        """Store a new subscription, its first term and, if there is one, its opening invoice.

        Raises `Lost` if there is a subscription of that id, or its customer was deleted.
        """
        scope, now = self._scope, self._now
        note = keys.customer_subscription(scope, subscription.customer_id, subscription.id)
        writes: list[Write] = [
            Put(item_from_subscription(scope, subscription), condition=Absent()),
            Put(item_from_term(scope, self._clock, first, now), condition=Absent()),
            Put({**note._asdict(), "s": keys.SCHEMA}, condition=Absent()),
            begun_write(scope, subscription.customer_id),
            entry(scope, "subscription", subscription.number, subscription.id),
            *line_entries(scope, subscription.id, subscription.lines),
        ]
        if opening is not None:
            writes += new_invoice(scope, self._clock, opening, now)
        self._all_or_lost(writes)

    def roll(
        self,
        ended: Term,
        begun: Term | None,
        invoice: Invoice,
        *,
        early: EarlyEnd | None = None,
    ) -> None:
        """Store that one term ended, the next began and an invoice is pending; or raise `Lost`.

        The term must still be OPEN with the same end and no newer change, its successor and the
        invoice must be new: of two sweeps that roll the same term one finds it rolled. A term that
        ends *early* had another end, and comes with its subscription's next version.
        """
        scope, now = self._scope, self._now
        was = ended.period.end if early is None else early.was
        changed = {
            "status": ended.status.value,
            "invoice_id": ended.invoice_id,
            "last": True if ended.last else None,
            **self._timed(ended),
        }
        writes: list[Write] = [
            _update(term_key(scope, ended), _still_open(was, ended.changes), changed),
            *new_invoice(scope, self._clock, invoice, now),
        ]
        if begun is not None:
            writes.append(Put(item_from_term(scope, self._clock, begun, now), condition=Absent()))
        if early is not None:
            writes.append(self._next_version(early.subscription))
            writes += line_entries(scope, early.subscription.id, early.new)
        self._all_or_lost(writes)

    def edit(self, subscription: Subscription, term: Term, was: Term, new: Sequence[Line]) -> None:
        """Store a changed subscription, and its open term as it should be; or raise `Lost`.

        The term must still be OPEN with its end and no newer change: so that it does not end by a
        state of the subscription that was read before, and is not edited by two at once. *new* are
        the entries that were not there before.
        """
        still = _still_open(was.period.end, was.changes)
        changed = {**self._timed(term), "pc": term.changes}
        self._all_or_lost(
            [
                self._next_version(subscription),
                _update(term_key(self._scope, term), still, changed),
                *line_entries(self._scope, subscription.id, new),
            ]
        )

    def withdraw(self, subscription: Subscription, term: Term, opening: Invoice | None) -> None:
        """Store that a subscription ends before it began; or raise `Lost`."""
        scope = self._scope
        idle: dict[str, Value] = {"due_at": None, "dpk": None, "dsk": None}
        writes: list[Write] = [
            self._next_version(subscription),
            _update(
                term_key(scope, term),
                _still_open(term.period.end, term.changes),
                {**idle, "pc": term.changes + 1},
            ),
        ]
        if opening is not None:
            deleted = {
                "status": InvoiceStatus.DELETED.value,
                "parked": None,
                "bound": None,
                "deleted_at": instant_text(self._now),
                **idle,
            }
            pending = equals("status", InvoiceStatus.PENDING.value)
            writes.append(_update(keys.entity(scope, "invoice", opening.id), pending, deleted))
        self._all_or_lost(writes)

    def freeze(
        self,
        term: Term | None,
        invoice: Invoice,
        *,
        run: str | None,
        credit: CreditChange | None = None,
        billing: Sequence[Appended] = (),
    ) -> None:
        """Store a finished invoice, its number, and its term as frozen; or raise `Lost`.

        The term must still be CLOSING for *run*, the invoice PENDING with the one-time charges that
        were read, the number the next one of its series and its date not before that of the number
        before, the customer's balance the one that was read, and what waited for this invoice must
        wait still. A skipped invoice draws no number.
        """
        scope = self._scope
        head = keys.entity(scope, "invoice", invoice.id)
        finished = {
            "status": invoice.status.value,
            **parked_attributes(invoice),
            **finished_attributes(invoice),
        }
        pending = pending_with(invoice.charge_changes)
        writes: list[Write] = [_update(head, pending, finished)]
        if term is not None:
            writes.append(self._frozen(term, run))
        if invoice.serial is not None and invoice.issued_on is not None:
            writes += self._drawn(invoice, invoice.serial, invoice.issued_on)
        if credit is not None:
            writes.append(credit_write(scope, credit))
        writes += [billing_write(scope, each, invoice.id) for each in billing]
        self._all_or_lost(writes)

    def delete(self, term: Term | None, invoice: Invoice, *, run: str | None) -> None:
        """Store an invoice as deleted, and its term as frozen; or raise `Lost`.

        The invoice must still be PENDING with the one-time charges that were read, the term CLOSING
        for *run*. No number is drawn, no credit moves, and what waits goes on waiting. The invoice
        is due no more.
        """
        deleted: dict[str, Value] = {
            "status": invoice.status.value,
            **parked_attributes(invoice),
            **finished_attributes(invoice),
            **deleted_attributes(invoice),
            "due_at": None,
            "dpk": None,
            "dsk": None,
        }
        head = keys.entity(self._scope, "invoice", invoice.id)
        pending = pending_with(invoice.charge_changes)
        writes: list[Write] = [_update(head, pending, deleted)]
        if term is not None:
            writes.append(self._frozen(term, run))
        self._all_or_lost(writes)

    def park(self, term: Term | None, invoice: Invoice, *, run: str | None) -> None:
        """Store why an invoice cannot be made, and that it is not due again; or raise `Lost`.

        It must still be PENDING with the one-time charges that were read.
        """
        idle: dict[str, Value] = {"due_at": None, "dpk": None, "dsk": None}
        head = keys.entity(self._scope, "invoice", invoice.id)
        pending = pending_with(invoice.charge_changes)
        why = parked_attributes(invoice)
        if term is None:
            self._all_or_lost([_update(head, pending, {**why, **idle})])
            return
        self._all_or_lost(
            [
                _update(head, pending, why),
                _update(term_key(self._scope, term), _mine(run), idle),
            ]
        )

    def repark(self, invoice: Invoice, *, over: Invoice) -> None:
        """Store why a parked invoice cannot be made by now; `Lost` if it is not as it was read."""
        self._all_or_lost([self._marked(invoice, over, {})])

    def unpark(
        self, term: Term | None, invoice: Invoice, *, over: Invoice, was: Term | None
    ) -> None:
        """Store that a parked invoice waits for no request any more; or raise `Lost`.

        It must still be parked as it was read, its term CLOSING for the same run and as due as it
        *was*. Then it is due as *term* says, or without one as the invoice does.
        """
        if term is None or was is None:
            key = keys.entity(self._scope, "invoice", invoice.id)
            self._all_or_lost([self._marked(invoice, over, self._due(key, invoice.due_at))])
            return
        key = term_key(self._scope, term)
        as_due = (
            Absent("due_at") if was.due_at is None else equals("due_at", instant_text(was.due_at))
        )
        still = all_of(_mine(was.run), as_due)
        timed: Write = Check(key, still)
        if term.due_at != was.due_at:
            # Usage URLs that were asked in vain are asked anew.
            afresh: dict[str, Value] = {"asked": None, "unanswered": None}
            timed = _update(key, still, {**self._due(key, term.due_at), **afresh})
        self._all_or_lost([self._marked(invoice, over, {}), timed])

    def _marked(self, invoice: Invoice, over: Invoice, more: Mapping[str, Value]) -> Update:
        parked = all_of(
            equals("status", InvoiceStatus.PENDING.value), equals("parked", over.parked)
        )
        head = keys.entity(self._scope, "invoice", invoice.id)
        return _update(head, parked, {**parked_attributes(invoice), **more})

    def void(self, invoice: Invoice, *, credit: CreditChange | None = None) -> None:
        """Store that an issued invoice is voided, and the customer's new balance; or raise `Lost`.

        It must still be ISSUED and have no payments, the balance be the one that was read. Its
        document waits to be made anew; all the rest of the invoice is left as it is.
        """
        head = keys.entity(self._scope, "invoice", invoice.id)
        voided = {
            "status": InvoiceStatus.VOIDED.value,
            "r": RenderState.PENDING.value,
            **voided_attributes(invoice),
            **self._due(head, invoice.due_at),
        }
        writes: list[Write] = [_update(head, issued_with(payments=0), voided)]
        if credit is not None:
            writes.append(credit_write(self._scope, credit))
        self._all_or_lost(writes)

    def next_serial(self, series: str) -> tuple[int, date | None]:
        """Read the next invoice number of a series and the date of the one before."""
        item = self._table.get(keys.series_counter(self._scope, series))
        if item is None:
            return 1, None
        return number(item, "next"), date.fromisoformat(text(item, "last_date"))

    def _frozen(self, term: Term, run: str | None) -> Update:
        frozen = without_none(
            {
                "status": TermStatus.FROZEN.value,
                "m": term.manifests,
                "m0": term.manifest_hash,
            }
        )
        return Update(term_key(self._scope, term), _mine(run), set=frozen)

    def _drawn(self, invoice: Invoice, serial: int, issued_on: date) -> list[Write]:
        counter = keys.series_counter(self._scope, invoice.series)
        drawn: Item = {"next": serial + 1, "last_date": issued_on.isoformat(), "s": keys.SCHEMA}
        if serial == 1:
            count: Write = Put({**counter._asdict(), **drawn}, condition=Absent())
        else:
            still = all_of(equals("next", serial), AtMost("last_date", issued_on.isoformat()))
            count = Update(counter, still, set=drawn)
        register = keys.series_number(self._scope, invoice.series, serial)
        row: Item = {**register._asdict(), "s": keys.SCHEMA, "invoice_id": invoice.id}
        return [count, Put(row, condition=Absent())]

    def _timed(self, term: Term) -> dict[str, Value]:
        """Return the attributes of a term's end, and when it is due; None is to remove one."""
        return {
            "end": instant_text(term.period.end),
            **advance_attributes(term),
            **self._due(term_key(self._scope, term), term.due_at),
        }

    def _due(self, key: Key, due_at: datetime | None) -> dict[str, Value]:
        """Return the attributes that say when something is due; None is to remove one."""
        if due_at is None:
            return {"due_at": None, "dpk": None, "dsk": None}
        place = keys.due(self._clock, key.pk, due_at, self._now)
        return {"due_at": instant_text(due_at), **place}

    def _next_version(self, subscription: Subscription) -> Put:
        return Put(
            item_from_subscription(self._scope, subscription),
            condition=equals("v", subscription.version - 1),
        )

    def _all_or_lost(self, writes: list[Write]) -> None:
        try:
            self._table.transact(writes)
        except TransactionRefused:
            raise Lost from None


def _still_open(end: datetime, changes: int) -> Condition:
    return all_of(
        equals("status", TermStatus.OPEN.value),
        equals("end", instant_text(end)),
        equals("pc", changes) if changes else Absent("pc"),
    )


def _mine(run: str | None) -> Condition:
    return all_of(equals("status", TermStatus.CLOSING.value), equals("run", run))


def _update(key: Key, condition: Condition, changed: Mapping[str, Value]) -> Update:
    """Return the update that sets attributes, and removes those that are None."""
    return Update(
        key,
        condition,
        set=without_none(changed),
        remove=[name for name, value in changed.items() if value is None],
    )
