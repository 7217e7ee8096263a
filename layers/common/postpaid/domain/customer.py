"""A customer: who receives and pays invoices."""

from dataclasses import dataclass
from datetime import datetime

from postpaid.domain.site import Address, ClosingPolicy
from postpaid.domain.tax import TaxRates


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who receives invoices; *number* is the integer id, given at creation.

    *series* is the one that its invoices are numbered in, None for the site's `main`.
    *payment_days* is how many days after its issue an invoice is due, 0 for at once.
    """

    id: str
    number: int
    address: Address
    closing: ClosingPolicy | None
    created_at: datetime
    tax: TaxRates | None = None
    series: str | None = None
    payment_days: int = 0
