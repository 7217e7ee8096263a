"""What the invoice's document says, ready to be typeset: text, dates and exact amounts.

How it looks and how numbers and dates are spelled lives in `postpaid.outbound.typesetting`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from postpaid.domain.money import EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who sends or receives the invoice; *address* is printed line by line.

    *reference* is whatever the other side files this party under: an account or a registration.
    """

    name: str
    address: tuple[str, ...] = ()
    email: str | None = None
    tax_id: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """One row: *amount* in whole minor units, *unit_amount* with as many places as the price has.

    A line without *quantity* is a flat charge; *unit* is printed exactly as configured.
    """

    description: str
    detail: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_amount: Decimal | None = None
    amount: Decimal

    def __post_init__(self) -> None:
        assert self.quantity is None or self.quantity.is_finite()
        assert self.unit_amount is None or self.unit_amount.is_finite()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTotal:
    """A row between the subtotal and the amount due: a tax, a credit, an intermediate total."""

    label: str
    amount: Decimal
    emphasis: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDocument:
    """An invoice as its reader sees it; amounts are major units of *currency*.

    *title* is the word over the number ("Invoice", "Credit note"). *locale* (`en`, `de-CH`) says
    how numbers and dates are spelled. The document's own wording is English. One that was voided is
    marked as such, with the day.
    """

    number: str
    title: str = "Invoice"
    issued_on: date
    due_on: date | None
    voided_on: date | None = None
    period_start: date
    period_end_inclusive: date
    currency: str
    minor_units: int
    seller: Party
    customer: Party
    lines: tuple[DocumentLine, ...]
    subtotal: Decimal
    totals: tuple[DocumentTotal, ...] = ()
    total: Decimal
    notes: str | None = None
    locale: str = "en"

    def __post_init__(self) -> None:
        assert self.minor_units >= 0
        assert self.period_start <= self.period_end_inclusive
        # Printing never rounds: an amount that would need it is a bug on the way here.
        for amount in (
            *(line.amount for line in self.lines),
            *(row.amount for row in self.totals),
            self.subtotal,
            self.total,
        ):
            assert places(amount) <= self.minor_units, f"{amount} is not whole minor units"
        sum_of_lines = Decimal(0)
        for line in self.lines:
            sum_of_lines = EXACT.add(sum_of_lines, line.amount)
        assert sum_of_lines == self.subtotal, "the subtotal is the sum of the lines"


def places(number: Decimal) -> int:
    """Count the decimal places that a finite number needs: 2 for 1.50, none for 1E+3."""
    exponent = EXACT.normalize(number).as_tuple().exponent
    assert isinstance(exponent, int), f"{number} is not finite"
    return max(0, -exponent)
