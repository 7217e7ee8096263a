"""An invoice: what a customer owes for a term, from pending to issued."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from postpaid.domain.instants import instant_text
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.pricing.model import Component
from postpaid.domain.site import Scope


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


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One charge: *amount* is *exact_amount*, the sum of *components*, rounded once."""

    kind: LineKind
    line_id: str
    item_price_id: str
    price_version: int
    description: str
    unit: str | None
    period: Period
    quantity: Decimal | None
    amount: Money
    exact_amount: Decimal
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        assert self.amount == Money.rounded(self.exact_amount, self.amount.currency)

    @property
    def unit_amount(self) -> Decimal | None:
        """The price of one unit, where all units had the same."""
        return self.components[0].unit_amount if len(self.components) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The head of an invoice; its lines live in the immutable content that *content_hash* names.

    *period_end* is the boundary it bills: the end of the term it is in arrears for, or, on an
    opening invoice, the start of the subscription (then *term_start* is None). *k* is 0 for the
    invoice of a boundary, 1 and more for its supplements.
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
    serial: int | None = None
    serial_text: str | None = None
    issued_on: date | None = None
    content_hash: str | None = None
    render: RenderState | None = None
    pdf_hash: str | None = None
    due_at: datetime | None = None

    def __post_init__(self) -> None:
        issued = self.status in {InvoiceStatus.ISSUED, InvoiceStatus.VOIDED}
        assert issued == (self.serial is not None), "issued invoices, and only those, are numbered"
        assert issued == (self.render is not None)
        unwritten = self.status in {InvoiceStatus.PENDING, InvoiceStatus.DELETED}
        assert unwritten == (self.content_hash is None)
        assert (self.total is None) == (self.content_hash is None)


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
