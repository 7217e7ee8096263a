"""Invoices as this door shows them: their ids, where they stand, and what they come to.

A pending invoice is `draft_` and its own id, an issued one its number. Amounts are before credit,
as Chargebee's are: `amount_due` is the total less credit and payments.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from postpaid.api.chargebee.invoice_lines import Lines, shown_lines
from postpaid.api.chargebee.lists import Resource
from postpaid.api.chargebee.things import resource_version, seconds, without_none
from postpaid.domain.catalog import ItemType
from postpaid.domain.instants import midnight
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind, PaymentState
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.money import Money, total
from postpaid.domain.one_time import CHARGES_MAX
from postpaid.domain.payment import Payment
from postpaid.domain.site import Address

DRAFT = "draft_"
HIDDEN = frozenset({InvoiceStatus.SKIPPED, InvoiceStatus.DELETED})
# Which attributes of a pending invoice are known without rating it, and of others without content.
OF_HEADS = frozenset(
    {
        *("id", "customer_id", "subscription_id", "status", "date", "updated_at", "voided_at"),
        *("void_reason_code", "dunning_status", "channel", "deleted"),
    }
)
AMOUNTS = frozenset({"total", "amount_paid", "amount_adjusted", "credits_applied", "amount_due"})
_NOTHING_OF = (
    *("line_item_discounts", "discounts", "applied_credits", "adjustment_credit_notes"),
    *("issued_credit_notes", "linked_orders", "dunning_attempts"),
)
_VAT_NUMBER_LENGTH_MAX = 20
_ADDRESS_LINES = 3
_ISSUED_VERSION = 2 * CHARGES_MAX + 1  # above what it counts up to while an invoice is pending
_FINISHED_VERSION = 900  # above what a version counts up to while an invoice is issued


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What invoices are shown by: the site's zone, the present instant, what a price is a price of.

    Days begin at midnight in that zone.
    """

    zone: ZoneInfo
    now: datetime
    type_of: Callable[[str], ItemType]

    def day(self, day: date) -> datetime:
        """Return when a day begins."""
        return midnight(day, self.zone)


def shown_id(invoice: Invoice) -> str:
    """Return the id by which this door knows an invoice now; at most 50 characters."""
    return DRAFT + invoice.id if invoice.serial_text is None else invoice.serial_text


def head_of(invoice: Invoice, view: View) -> Resource:
    """Show what is known of an invoice without what it says; of a pending one no amounts."""
    updated_at = _updated_at(invoice, view)
    issued_on = invoice.issued_on
    shown = {
        "id": shown_id(invoice),
        "customer_id": invoice.customer_id,
        "subscription_id": invoice.subscription_id,
        "status": _status(invoice, view),
        "date": seconds(invoice.created_at if issued_on is None else view.day(issued_on)),
        "due_date": None if invoice.due_on is None else seconds(view.day(invoice.due_on)),
        "net_term_days": _net_term_days(invoice),
        "currency_code": invoice.currency,
        "voided_at": None if invoice.voided_at is None else seconds(invoice.voided_at),
        "void_reason_code": invoice.void_reason,
        "generated_at": None if issued_on is None else seconds(_issued_at(invoice, view)),
        "updated_at": seconds(updated_at),
        "resource_version": resource_version(updated_at, _version(invoice)),
        "term_finalized": True,
        "is_gifted": False,
        "channel": "web",
        "deleted": invoice.status in HIDDEN,
        "object": "invoice",
    }
    if invoice.status is not InvoiceStatus.PENDING:
        charged, credit = (each or Money(0, invoice.currency) for each in _of_head(invoice))
        shown |= _amounts(invoice, charged, credit)
    return without_none(shown)


def chargebee_from_invoice(
    invoice: Invoice,
    content: InvoiceContent | None,
    view: View,
    *,
    lines: Lines,
    note: str | None = None,
) -> Resource:
    """Show an invoice with what it says, None if it says nothing.

    *note* is why it cannot be made, if it cannot.
    """
    shown = head_of(invoice, view)
    notes = [] if note is None else [{"note": note, "object": "note"}]
    shown |= {"linked_payments": [], "notes": notes, **{name: [] for name in _NOTHING_OF}}
    if content is None:
        nothing = Money(0, invoice.currency)
        shown = {**_amounts(invoice, nothing, nothing), **shown}
        return shown | {
            "recurring": False,
            "price_type": "tax_exclusive",
            "sub_total": 0,
            "tax": 0,
            "has_advance_charges": False,
            **{name: [] for name in ("line_items", "line_item_tiers", "line_item_taxes", "taxes")},
        }
    if invoice.status is InvoiceStatus.PENDING:
        charged = content.total + content.credit_applied
        shown |= _amounts(invoice, charged, content.credit_applied)
        shown["net_term_days"] = content.payment_days
    return shown | without_none(_said(invoice, content, view, lines))


def paid_by(shown: Resource, payments: Iterable[Payment], view: View) -> Resource:
    """Add to an invoice how it was paid: by what was recorded, nothing is collected here."""
    linked = sorted(payments, key=lambda payment: payment.n)
    rows = [
        {
            "txn_id": payment.id,
            "applied_amount": payment.amount.minor,
            "applied_at": seconds(payment.recorded_at),
            "txn_status": "success",
            "txn_date": seconds(view.day(payment.paid_on)),
            "txn_amount": payment.amount.minor,
            "object": "linked_payment",
        }
        for payment in linked
    ]
    shown = shown | {"linked_payments": rows}
    if shown["status"] == "paid" and linked:
        shown["paid_at"] = seconds(view.day(max(payment.paid_on for payment in linked)))
    return shown


def _status(invoice: Invoice, view: View) -> str:
    match invoice.status:
        case InvoiceStatus.ISSUED if invoice.payment is PaymentState.PAID:
            return "paid"
        case InvoiceStatus.ISSUED:
            days, due_on = _net_term_days(invoice), invoice.due_on
            is_posted = days and due_on is not None and view.now < view.day(due_on)
            return "posted" if is_posted else "payment_due"
        case InvoiceStatus.VOIDED:
            return "voided"
        case _:  # what was deleted or skipped was pending till then
            return "pending"


def _net_term_days(invoice: Invoice) -> int | None:
    """Return how many days there were to pay an issued invoice; None if that is not known."""
    if invoice.due_on is None or invoice.issued_on is None:
        return None
    return (invoice.due_on - invoice.issued_on).days


def _of_head(invoice: Invoice) -> tuple[Money | None, Money | None]:
    return invoice.charges, invoice.credit_applied


def _amounts(invoice: Invoice, charged: Money, credit: Money) -> Resource:
    """Return what an invoice charges, before credit, and how much of it is open.

    Of one that was voided, deleted or skipped nothing is, and its credit went back.
    """
    paid = invoice.amount_paid or Money(0, invoice.currency)
    is_owed = invoice.status in {InvoiceStatus.ISSUED, InvoiceStatus.PENDING}
    credits_applied = credit.minor if is_owed else 0
    due = charged.minor - credits_applied - paid.minor if is_owed else 0
    return {
        "total": charged.minor,
        "credits_applied": credits_applied,
        "amount_paid": paid.minor,
        "amount_due": due,
        "amount_to_collect": due,
        "amount_adjusted": 0,
        "write_off_amount": 0,
        "round_off_amount": 0,
    }


def _said(
    invoice: Invoice, content: InvoiceContent, view: View, lines: Lines
) -> Mapping[str, object]:
    taxes = content.taxes
    is_inclusive = bool(taxes) and all(tax.inclusive for tax in taxes)
    types = {view.type_of(line.item_price_id) for line in content.lines}
    tax_id = content.customer.tax_id or ""
    begun = content.begun
    return {
        "recurring": bool(types & {ItemType.PLAN, ItemType.ADDON}),
        "price_type": "tax_inclusive" if is_inclusive else "tax_exclusive",
        "sub_total": content.subtotal.minor,
        "tax": total((tax.amount for tax in taxes), content.currency).minor,
        "has_advance_charges": begun is not None
        and any(
            line.kind is LineKind.RECURRING and line.period.start >= begun.start
            for line in content.lines
        ),
        # Chargebee has no word for it: what is given back goes to the customer's credit.
        "credit_granted": content.credit_granted.minor or None,
        "vat_number": tax_id if 0 < len(tax_id) <= _VAT_NUMBER_LENGTH_MAX else None,
        "billing_address": _billing_address(content.customer),
        **shown_lines(invoice.id, content, view.type_of, lines),
    }


def _billing_address(address: Address) -> Resource:
    """Show a party as its invoice names it, which is by lines."""
    first, rest = address.lines[: _ADDRESS_LINES - 1], address.lines[_ADDRESS_LINES - 1 :]
    lines = [*first, ", ".join(rest)] if rest else first
    return without_none(
        {
            "company": address.name,
            "email": address.email,
            **{f"line{n}": line for n, line in enumerate(lines, start=1)},
            "object": "billing_address",
        }
    )


def _issued_at(invoice: Invoice, view: View) -> datetime:
    """Return the earliest instant at which an invoice may have been issued: its day is known."""
    assert invoice.issued_on is not None
    return max(invoice.created_at, view.day(invoice.issued_on))


def _updated_at(invoice: Invoice, view: View) -> datetime:
    """Return the latest instant that the head of an invoice knows of."""
    known = [invoice.created_at]
    if invoice.issued_on is not None:
        known.append(_issued_at(invoice, view))
    known += [each for each in (invoice.voided_at, invoice.deleted_at) if each is not None]
    return max(known)


def _version(invoice: Invoice) -> int:
    if invoice.status is InvoiceStatus.PENDING:
        return invoice.charge_changes
    is_issued = invoice.status is InvoiceStatus.ISSUED
    return _ISSUED_VERSION + invoice.payments if is_issued else _FINISHED_VERSION
