"""Invoices as this door shows them: where they stand, what they come to, and for which days.

The total is what an invoice charges, before the customer's credit; what that and payments leave of
it is the balance. One that is void keeps its total, owes nothing, and is shown as paid, as the
vendor's recorded one is.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from postpaid.api.chargeover.invoice_lines import METERED, ONCE
from postpaid.api.chargeover.things import currency_shown, terms_shown, token
from postpaid.domain.instants import midnight, zone
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind, PaymentState
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.money import Money, total
from postpaid.domain.period import Period
from postpaid.domain.site import Address, Scope

type Row = dict[str, Any]

# Those that have a number: a pending one is nothing that this door's clients know.
SHOWN = frozenset({InvoiceStatus.ISSUED, InvoiceStatus.VOIDED})
_SECOND = timedelta(seconds=1)
_STATES: Mapping[str, tuple[str, str]] = {
    "open-unpaid": ("Unpaid", "o"),
    "open-overdue": ("Overdue", "o"),
    "closed-paid": ("Paid", "c"),
    "closed-void": ("Void", "c"),
}
_BILL = ("addr1", "addr2", "addr3")
_UNKNOWN = ("city", "state", "postcode", "country")
_SHIP = (*_BILL, *_UNKNOWN)


def shown_head(invoice: Invoice, *, scope: Scope, today: date, place: ZoneInfo) -> Row:
    """Show what is known of an invoice without what it says; *today* is a day of *place*."""
    status = _status(invoice, today)
    overdue = _days_overdue(invoice, today)
    changed_at = _issued_at(invoice, place)
    return {
        "invoice_id": invoice.number,
        "refnumber": invoice.serial_text,
        "external_key": invoice.id,
        "token": token(scope, "invoice", invoice.number),
        "customer_external_key": invoice.customer_id,
        "package_external_key": invoice.subscription_id,
        "date": invoice.issued_on,
        "due_date": invoice.due_on,
        **terms_shown(_terms_days(invoice)),
        **currency_shown(invoice.currency),
        **_amounts(invoice),
        "is_paid": status in {"closed-paid", "closed-void"},
        "is_void": status == "closed-void",
        "is_overdue": status == "open-overdue",
        "days_overdue": overdue,
        "void_datetime": invoice.voided_at,
        "write_datetime": changed_at,
        "mod_datetime": max(changed_at, invoice.voided_at or changed_at),
        "invoice_status_name": _STATES[status][0],
        "invoice_status_str": status,
        "invoice_status_state": _STATES[status][1],
    }


def shown_content(content: InvoiceContent) -> Row:
    """Show what an invoice says, but for its lines."""
    exclusive = (tax.amount for tax in content.taxes if not tax.inclusive)
    return {
        "subtotal": content.subtotal.decimal,
        "taxes": total(exclusive, content.currency).decimal,
        "credit_granted": content.credit_granted.decimal,
        "sum_base": _sum(content, BASE),
        "sum_usage": _sum(content, METERED),
        "sum_onetime": _sum(content, ONCE),
        **_cycle(content),
        **_parties(content.customer),
        "memo": "",
    }


BASE = frozenset(kind.value for kind in LineKind) - METERED - ONCE


def day_of(invoice: Invoice) -> date:
    """Return the day of an invoice that has a number."""
    assert invoice.issued_on is not None, "it has a number"
    return invoice.issued_on


def _status(invoice: Invoice, today: date) -> str:
    if invoice.status is InvoiceStatus.VOIDED:
        return "closed-void"
    if invoice.payment is PaymentState.PAID:
        return "closed-paid"
    return "open-overdue" if _days_overdue(invoice, today) else "open-unpaid"


def _days_overdue(invoice: Invoice, today: date) -> int:
    """Return how many days ago an invoice was due that is not paid; 0 on that day itself."""
    is_owed = invoice.payment in {PaymentState.DUE, PaymentState.PART_PAID}
    if not is_owed or invoice.due_on is None:
        return 0
    return max((today - invoice.due_on).days, 0)


def _terms_days(invoice: Invoice) -> int:
    return 0 if invoice.due_on is None else (invoice.due_on - day_of(invoice)).days


def _amounts(invoice: Invoice) -> Row:
    nothing = Money(0, invoice.currency)
    charged, credit = invoice.charges or nothing, invoice.credit_applied or nothing
    paid = invoice.amount_paid or nothing
    if invoice.status is InvoiceStatus.VOIDED:
        credit = nothing  # it went back
    balance = nothing if invoice.amount_due is None else invoice.amount_due
    return {
        "total": charged.decimal,
        "credits": credit.decimal,
        "payments": paid.decimal,
        "applied": (credit + paid).decimal,
        "writeoffs": nothing.decimal,
        "balance": balance.decimal,
    }


def _sum(content: InvoiceContent, kinds: Collection[str]) -> Any:
    found = (line.amount for line in content.lines if line.kind.value in kinds)
    return total(found, content.currency).decimal


def _cycle(content: InvoiceContent) -> Row:
    """Show which days are charged in advance, and which in arrears: in the package's own zone."""
    place = zone(content.timezone)
    boundary = content.period.end if content.ended is not None else content.period.start
    pre_from, pre_to = _days(content.begun, place)
    post_from, post_to = _days(content.ended, place)
    return {
        "cycle_pre_from_date": pre_from,
        "cycle_pre_to_date": pre_to,
        "cycle_this_date": boundary.astimezone(place).date(),
        "cycle_post_from_date": post_from,
        "cycle_post_to_date": post_to,
    }


def _days(period: Period | None, place: ZoneInfo) -> tuple[date | None, date | None]:
    """Return the first and the last day of a period."""
    if period is None:
        return None, None
    return period.start.astimezone(place).date(), (period.end - _SECOND).astimezone(place).date()


def _parties(customer: Address) -> Row:
    """Show the customer as the invoice names it, which is by lines."""
    first, rest = customer.lines[: len(_BILL) - 1], customer.lines[len(_BILL) - 1 :]
    lines = [*first, ", ".join(rest)] if rest else first
    bill = dict(zip(_BILL, [*lines, "", "", ""], strict=False))
    return {
        **{f"bill_{name}": line for name, line in bill.items()},
        **{f"bill_{name}": "" for name in _UNKNOWN},
        **{f"ship_{name}": "" for name in _SHIP},
        "bill_block": "\n".join([customer.name, *customer.lines]),
        "ship_block": "",
    }


def _issued_at(invoice: Invoice, place: ZoneInfo) -> datetime:
    """Return the earliest instant at which an invoice may have been issued: its day is known."""
    return max(invoice.created_at, midnight(day_of(invoice), place))
