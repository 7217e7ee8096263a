"""A payment: that some of an invoice was paid, as its issuer was told or saw."""

from dataclasses import dataclass
from datetime import date, datetime

from postpaid.domain.annotations import Annotated
from postpaid.domain.errors import Invalid
from postpaid.domain.money import MINOR_UNITS, Money
from postpaid.domain.quantity import parse_quantity

# How many payments one invoice takes.
PAYMENTS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Annotated):
    """One entry of an invoice's payments; *n* is its place among them, from 1."""

    id: str
    invoice_id: str
    n: int
    amount: Money
    paid_on: date
    method: str | None
    reference: str | None
    recorded_at: datetime
    annotations_text: str = ""

    def __post_init__(self) -> None:
        assert 1 <= self.n <= PAYMENTS_MAX
        assert self.amount.minor > 0


def parse_payment(value: object, currency: str, field: str) -> Money:
    """Read an amount that was paid: above zero, in whole minor units; raises `Invalid`."""
    amount = parse_quantity(value, field)
    money = Money.rounded(amount, currency)
    if money.decimal != amount:
        places = MINOR_UNITS[currency]
        raise Invalid(
            "invalid_field",
            f"must have at most {places} places after the point, as {currency} has",
            field=field,
        )
    return money
