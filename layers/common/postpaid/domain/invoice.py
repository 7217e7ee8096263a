"""An invoice: what a customer owes for a term, from pending to issued."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple

from postpaid.domain.bounds import Broken
from postpaid.domain.charge import Priced
from postpaid.domain.instants import instant_text
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.series import MAIN
from postpaid.domain.site import Scope
from postpaid.domain.tax import TaxRates, minor_fraction, rounded_minor


class InvoiceStatus(StrEnum):
    """Where an invoice stands."""

    PENDING = "PENDING"
    ISSUED = "ISSUED"
    SKIPPED = "SKIPPED"
    DELETED = "DELETED"
    VOIDED = "VOIDED"


INVOICE_STEPS: dict[InvoiceStatus, frozenset[InvoiceStatus]] = {
    InvoiceStatus.PENDING: frozenset(
        {InvoiceStatus.ISSUED, InvoiceStatus.SKIPPED, InvoiceStatus.DELETED}
    ),
    InvoiceStatus.ISSUED: frozenset({InvoiceStatus.VOIDED}),
    InvoiceStatus.SKIPPED: frozenset(),
    InvoiceStatus.DELETED: frozenset(),
    InvoiceStatus.VOIDED: frozenset(),
}


class PaymentState(StrEnum):
    """How much of an issued invoice is paid."""

    DUE = "due"
    PART_PAID = "part_paid"
    PAID = "paid"


class RenderState(StrEnum):
    """Whether the invoice's document is made."""

    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"


class LineKind(StrEnum):
    """Why a line is on the invoice."""

    BASE_FEE = "base_fee"
    USAGE = "usage"
    RECURRING = "recurring"
    CREDIT = "credit"  # of a recurring charge: time that was paid in advance and not used
    SUPPLEMENT = "supplement"  # usage that came or changed after its own term was invoiced
    ONE_TIME = "one_time"  # a charge that was put on this invoice, whatever its term came to
    SETUP = "setup"  # what a line costs once, with the first that is charged of it


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One charge: *amount* is what *priced* came to, rounded once.

    *pricing* is the plain form of the charge it was priced with, conventions included, so that the
    line can be rated again from the invoice alone. *days*, of *days_in_period*, say which part of
    a charge by time is due, and *days_after* how many follow it; all are None for a whole one.
    A credit has a negative amount. A supplement is priced as if its whole term were billed anew,
    and *billed_before* is taken off: what was billed of it, or is not charged because an invoice
    that held it was deleted.
    """

    kind: LineKind
    line_id: str
    item_price_id: str
    price_version: int
    description: str
    unit: str | None
    period: Period
    quantity: Decimal | None
    amount: Money
    priced: Priced
    pricing: Mapping[str, Any]
    tax: TaxRates | None = None
    days: int | None = None
    days_in_period: int | None = None
    days_after: int | None = None
    billed_before: Money | None = None

    def __post_init__(self) -> None:
        assert (self.days is None) == (self.days_in_period is None) == (self.days_after is None)
        assert (self.kind is LineKind.SUPPLEMENT) == (self.billed_before is not None)
        amount = line_amount(self.priced.amount, self.amount.currency, self.share)
        if self.billed_before is not None:
            amount += -self.billed_before
        assert self.amount == (-amount if self.kind is LineKind.CREDIT else amount)

    @property
    def share(self) -> "Share | None":
        """The part of a period that is charged; None if it is the whole."""
        if self.days is None or self.days_in_period is None or self.days_after is None:
            return None
        return Share(self.days, self.days_after, self.days_in_period)

    @property
    def unit_amount(self) -> Decimal | None:
        """The price of one unit, where all units had the same and nothing was adjusted."""
        if len(self.priced.components) != 1 or self.priced.steps:
            return None
        component = self.priced.components[0]
        return component.unit_amount if component.note is None else None


class Share(NamedTuple):
    """A part of a period: *days* of *of*, with *after* more behind it."""

    days: int
    after: int
    of: int


def line_amount(exact: Decimal, currency: str, share: Share | None) -> Money:
    """Round an exact amount once; of a part of a period, what its days cost.

    That is what is left of the whole at the start of the part less what is left at its end, each
    rounded: so the parts of a charge add up to it, on whatever invoices they are.
    """
    if share is None:
        return Money.rounded(exact, currency)
    whole = minor_fraction(exact, currency)
    at_start = rounded_minor(Fraction(whole * (share.days + share.after), share.of))
    return Money(at_start - rounded_minor(Fraction(whole * share.after, share.of)), currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The head of an invoice; its lines live in the immutable content that *content_hash* names.

    *period_end* is the boundary it bills: the end of the term it is in arrears for, or, on an
    opening invoice, the start of the subscription (then *term_start* is None). *k* is 0 for the
    invoice of a boundary, 1 and more for its supplements. *parked* is why it could not be made, and
    *broken* the bound it broke, if that is why. *series* is the one that *serial* counts in, and
    known when that is drawn. *due_on* is when an issued one is to be paid, None of those from
    before that was kept. *credit_applied* is what it took from the customer's credit, None if
    nothing. *paid* is the sum of its *payments* payments, None if there are none.
    *charge_changes* is how often a one-time charge was put on it or taken off. *asks* are the lines
    whose usage URL is to answer before it closes. One that was deleted
    has what it would have said and come to, which nobody owes; neither of them if it went with a
    subscription that was withdrawn.
    """

    id: str
    number: int
    customer_id: str
    subscription_id: str
    currency: str
    status: InvoiceStatus
    period_end: datetime
    k: int
    term_start: datetime | None
    created_at: datetime
    total: Money | None = None
    credit_applied: Money | None = None
    series: str = MAIN
    serial: int | None = None
    serial_text: str | None = None
    issued_on: date | None = None
    due_on: date | None = None
    content_hash: str | None = None
    render: RenderState | None = None
    pdf_hash: str | None = None
    due_at: datetime | None = None
    parked: str | None = None
    broken: Broken | None = None
    paid: Money | None = None
    payments: int = 0
    charge_changes: int = 0
    asks: tuple[str, ...] = ()
    voided_at: datetime | None = None
    void_reason: str | None = None
    deleted_at: datetime | None = None
    delete_reason: str | None = None

    def __post_init__(self) -> None:
        assert self.parked is None or self.status is InvoiceStatus.PENDING
        assert self.broken is None or self.parked is not None
        issued = self.status in {InvoiceStatus.ISSUED, InvoiceStatus.VOIDED}
        assert issued == (self.serial is not None), "issued invoices, and only those, are numbered"
        assert issued or self.series == MAIN, "a series is named by the number drawn from it"
        assert issued == (self.render is not None)
        # Deleted without content: with its subscription, before that began.
        if self.status is not InvoiceStatus.DELETED:
            assert (self.status is InvoiceStatus.PENDING) == (self.content_hash is None)
        assert self.due_on is None or (self.issued_on is not None and self.issued_on <= self.due_on)
        assert (self.total is None) == (self.content_hash is None)
        assert (self.paid is None) == (self.payments == 0)
        assert self.paid is None or self.status is InvoiceStatus.ISSUED
        assert self.voided_at is None or self.status is InvoiceStatus.VOIDED
        assert self.void_reason is None or self.voided_at is not None
        assert self.deleted_at is None or self.status is InvoiceStatus.DELETED
        assert self.delete_reason is None or self.deleted_at is not None

    @property
    def charges(self) -> Money | None:
        """What a finished invoice charged before credit; nothing if it gave more back."""
        if self.total is None or self.credit_applied is None:
            return self.total
        return self.total + self.credit_applied

    @property
    def amount_paid(self) -> Money | None:
        """What was paid of an issued invoice, None of any other."""
        if self.status is not InvoiceStatus.ISSUED:
            return None
        return Money(0, self.currency) if self.paid is None else self.paid

    @property
    def amount_due(self) -> Money | None:
        """What is still to be paid of an issued invoice, None of any other."""
        if self.amount_paid is None or self.total is None:
            return None
        return self.total + -self.amount_paid

    @property
    def payment(self) -> PaymentState | None:
        """How much of an issued invoice is paid, None of any other; one over nothing is paid."""
        if self.amount_due is None:
            return None
        if self.amount_due.minor == 0:
            return PaymentState.PAID
        return PaymentState.PART_PAID if self.payments else PaymentState.DUE


def invoice_id(scope: Scope, group: str, period_end: datetime, k: int) -> str:
    """Return the id of an invoice, a pure function of what it bills.

    *group* is the billing group: the subscription's id while every subscription is billed alone.
    The same boundary always gives the same id, so that making an invoice twice makes one.
    """
    # The lengths keep the parts apart whatever characters they hold.
    parts = (scope.site, str(scope.generation), group, instant_text(period_end), str(k))
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.sha256(text.encode()).digest()[:15]
    return "inv_" + base64.b32encode(digest).decode().lower()


def serial_text(prefix: str, serial: int) -> str:
    """Print an invoice number: `INV-000361`."""
    return f"{prefix}{serial:06d}"
