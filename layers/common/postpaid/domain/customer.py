"""A customer: who receives and pays invoices."""

from dataclasses import dataclass
from datetime import datetime

from postpaid.domain.annotations import Annotated
from postpaid.domain.errors import Invalid
from postpaid.domain.site import Address, ClosingPolicy
from postpaid.domain.tax import TaxRates

PAYMENT_DAYS_MAX = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Annotated):
    """Who receives invoices; *number* is the integer id, given at creation.

    *series* is the one that its invoices are numbered in, None for the site's `main`.
    *payment_days* is how long it has to pay an invoice, 0 to 365 days. *version* counts its
    changes, *changed_at* is the last one's. A *deleted* one is final: its invoices stay, and its id
    stays taken.
    """

    id: str
    number: int
    address: Address
    closing: ClosingPolicy | None
    created_at: datetime
    tax: TaxRates | None = None
    series: str | None = None
    payment_days: int = 0
    deleted: bool = False
    version: int = 1
    changed_at: datetime | None = None
    annotations_text: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.payment_days <= PAYMENT_DAYS_MAX:
            raise Invalid(
                "invalid_field",
                f"must be a whole number of days from 0 to {PAYMENT_DAYS_MAX}",
                field="payment_days",
            )

    @property
    def updated_at(self) -> datetime:
        """When it became what it is now."""
        return self.changed_at or self.created_at
