"""Heads of invoices; what they say lies in the document bucket under its hash."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from postpaid.application.ports import Lost
from postpaid.domain.bounds import Bound, Broken
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.money import Money
from postpaid.domain.series import MAIN
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import (
    instant,
    instant_or_none,
    mapping,
    number,
    number_or_none,
    text,
    text_or_none,
    texts,
    without_none,
)
from postpaid.store.numbered import entry
from postpaid.store.tables import (
    Absent,
    Condition,
    ConditionFailed,
    Item,
    Put,
    Table,
    Update,
    Write,
    all_of,
    equals,
)

KIND: Final = "invoice"


class StoredInvoices:
    """The invoices of one site. *clock* names the clock that due times are on."""

    def __init__(self, table: Table, scope: Scope, clock: str = keys.LIVE) -> None:
        self._table = table
        self._scope = scope
        self._clock = clock

    def get(self, invoice_id: str) -> Invoice | None:
        """Read the head of an invoice."""
        item = self._table.get(keys.entity(self._scope, KIND, invoice_id))
        return invoice_from_item(item) if item else None

    def many(self, invoice_ids: Sequence[str]) -> list[Invoice]:
        """Read heads of invoices, in this order, without those that do not exist."""
        wanted = [keys.entity(self._scope, KIND, invoice_id) for invoice_id in invoice_ids]
        found = self._table.batch_get(wanted)
        return [invoice_from_item(found[key]) for key in wanted if key in found]

    def rendered(self, invoice: Invoice, pdf_hash: str) -> None:
        """Note that the document of this invoice is stored; noting it twice changes nothing.

        Raises `Lost` if the invoice is not as it was read.
        """
        waiting = all_of(
            equals("r", RenderState.PENDING.value),
            equals("content_hash", invoice.content_hash),
            equals("status", invoice.status.value),
        )
        update = Update(
            keys.entity(self._scope, KIND, invoice.id),
            waiting,
            set={"r": RenderState.DONE.value, "pdf_hash": pdf_hash},
        )
        try:
            self._table.update(update)
        except ConditionFailed as refusal:
            there = refusal.existing or {}
            if there.get("status") != invoice.status.value:
                raise Lost from None  # it was voided meanwhile: another document is due
            # Deterministic bytes: a second renderer made the same document.
            if there.get("r") != RenderState.DONE.value or there.get("pdf_hash") != pdf_hash:
                raise

    def retime(self, invoice: Invoice, due_at: datetime | None, now: datetime) -> None:
        """Change when a pending opening invoice closes by itself, None for never.

        Raises `Lost` if it is not pending.
        """
        key = keys.entity(self._scope, KIND, invoice.id)
        pending = equals("status", InvoiceStatus.PENDING.value)
        if due_at is None:
            update = Update(key, pending, remove=("due_at", "dpk", "dsk"))
        else:
            due = keys.due(self._clock, key.pk, due_at, now)
            update = Update(key, pending, set={"due_at": instant_text(due_at), **due})
        try:
            self._table.update(update)
        except ConditionFailed:
            raise Lost from None

    def settle(self, invoice: Invoice) -> None:
        """Take an invoice off the list of what is due; `Lost` if it is not as it was read."""
        key = keys.entity(self._scope, KIND, invoice.id)
        same = equals("status", invoice.status.value)
        try:
            self._table.update(Update(key, same, remove=("due_at", "dpk", "dsk")))
        except ConditionFailed:
            raise Lost from None


def new_invoice(scope: Scope, clock: str, invoice: Invoice, now: datetime) -> list[Write]:
    """Return the writes of a new invoice: its head, and its integer's entry in the register."""
    head = item_from_invoice(scope, clock, invoice, now)
    return [Put(head, condition=Absent()), entry(scope, KIND, invoice.number, invoice.id)]


def item_from_invoice(scope: Scope, clock: str, invoice: Invoice, now: datetime) -> Item:
    """Return the stored form of an invoice's head; under 1 KB."""
    key = keys.entity(scope, KIND, invoice.id)
    item = without_none(
        {
            "pk": key.pk,
            "sk": key.sk,
            "s": keys.SCHEMA,
            "id": invoice.id,
            "number": invoice.number,
            "customer_id": invoice.customer_id,
            "subscription_id": invoice.subscription_id,
            "currency": invoice.currency,
            "status": invoice.status.value,
            "period_end": instant_text(invoice.period_end),
            "k": invoice.k,
            "term_start": None if invoice.term_start is None else instant_text(invoice.term_start),
            "created_at": instant_text(invoice.created_at),
            **parked_attributes(invoice),
            **finished_attributes(invoice),
            **paid_attributes(invoice.paid, invoice.payments),
            "cv": invoice.charge_changes or None,
            "asks": [*invoice.asks] or None,
            **voided_attributes(invoice),
            **deleted_attributes(invoice),
            **keys.listing(scope, KIND, invoice.id, invoice.created_at),
        }
    )
    if invoice.due_at is not None:
        item["due_at"] = instant_text(invoice.due_at)
        item |= keys.due(clock, key.pk, invoice.due_at, now)
    return item


def parked_attributes(invoice: Invoice) -> Item:
    """Return the attributes that say why an invoice is parked; None where it is not."""
    broken = invoice.broken
    return {
        "parked": invoice.parked,
        "bound": None
        if broken is None
        else {"name": broken.bound.value, "figure": broken.figure, "limit": broken.limit},
    }


def finished_attributes(invoice: Invoice) -> Item:
    """Return the attributes that finishing an invoice adds."""
    credit = invoice.credit_applied
    return without_none(
        {
            # As text: the largest products have more digits than a DynamoDB number.
            "total": None if invoice.total is None else str(invoice.total.minor),
            "credit": None if credit is None else str(credit.minor),
            # Absent is the series that every site has.
            "series": None if invoice.series == MAIN else invoice.series,
            "serial": invoice.serial,
            "serial_text": invoice.serial_text,
            "issued_on": None if invoice.issued_on is None else invoice.issued_on.isoformat(),
            "due_on": None if invoice.due_on is None else invoice.due_on.isoformat(),
            "content_hash": invoice.content_hash,
            "r": None if invoice.render is None else invoice.render.value,
            "pdf_hash": invoice.pdf_hash,
        }
    )


def paid_attributes(paid: Money | None, payments: int) -> Item:
    """Return the attributes that say what was paid; none if nothing was."""
    return {} if paid is None else {"paid": str(paid.minor), "pv": payments}


def voided_attributes(invoice: Invoice) -> Item:
    """Return the attributes that voiding an invoice adds."""
    return without_none(
        {
            "voided_at": None if invoice.voided_at is None else instant_text(invoice.voided_at),
            "void_reason": invoice.void_reason,
        }
    )


def deleted_attributes(invoice: Invoice) -> Item:
    """Return the attributes that deleting an invoice adds."""
    return without_none(
        {
            "deleted_at": None if invoice.deleted_at is None else instant_text(invoice.deleted_at),
            "delete_reason": invoice.delete_reason,
        }
    )


def issued_with(payments: int) -> Condition:
    """Return the condition that an invoice is issued and has exactly so many payments."""
    counted = equals("pv", payments) if payments else Absent("pv")
    return all_of(equals("status", InvoiceStatus.ISSUED.value), counted)


def pending_with(charge_changes: int) -> Condition:
    """Return the condition that an invoice is pending, its charges as often changed as said."""
    counted = equals("cv", charge_changes) if charge_changes else Absent("cv")
    return all_of(equals("status", InvoiceStatus.PENDING.value), counted)


def _broken(item: Item) -> Broken | None:
    if item.get("bound") is None:
        return None
    plain = mapping(item, "bound")
    return Broken(Bound(text(plain, "name")), text(plain, "figure"), text(plain, "limit"))


def invoice_from_item(item: Item) -> Invoice:
    """Read the head of an invoice from its stored form."""
    currency = text(item, "currency")
    total, render = text_or_none(item, "total"), text_or_none(item, "r")
    issued_on, paid = text_or_none(item, "issued_on"), text_or_none(item, "paid")
    due_on = text_or_none(item, "due_on")
    credit = text_or_none(item, "credit")
    return Invoice(
        id=text(item, "id"),
        number=number(item, "number"),
        customer_id=text(item, "customer_id"),
        subscription_id=text(item, "subscription_id"),
        currency=currency,
        status=InvoiceStatus(text(item, "status")),
        period_end=instant(item, "period_end"),
        k=number(item, "k"),
        term_start=instant_or_none(item, "term_start"),
        created_at=instant(item, "created_at"),
        total=None if total is None else Money(int(total), currency),
        credit_applied=None if credit is None else Money(int(credit), currency),
        series=text_or_none(item, "series") or MAIN,
        serial=number_or_none(item, "serial"),
        serial_text=text_or_none(item, "serial_text"),
        issued_on=None if issued_on is None else date.fromisoformat(issued_on),
        due_on=None if due_on is None else date.fromisoformat(due_on),
        content_hash=text_or_none(item, "content_hash"),
        render=None if render is None else RenderState(render),
        pdf_hash=text_or_none(item, "pdf_hash"),
        due_at=instant_or_none(item, "due_at"),
        parked=text_or_none(item, "parked"),
        broken=_broken(item),
        paid=None if paid is None else Money(int(paid), currency),
        payments=number_or_none(item, "pv") or 0,
        charge_changes=number_or_none(item, "cv") or 0,
        asks=texts(item, "asks"),
        voided_at=instant_or_none(item, "voided_at"),
        void_reason=text_or_none(item, "void_reason"),
        deleted_at=instant_or_none(item, "deleted_at"),
        delete_reason=text_or_none(item, "delete_reason"),
    )
