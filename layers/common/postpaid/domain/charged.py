"""One entry of a line at one price: the lines of an invoice that it makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge, Priced
from postpaid.domain.invoice import InvoiceLine, LineKind, Share, line_amount
from postpaid.domain.line import Line
from postpaid.domain.period import Period
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.tax import TaxRates

_FEES = frozenset({LineKind.BASE_FEE, LineKind.SETUP})  # of a line, not of a quantity


@dataclass(frozen=True, slots=True)
class Charged:
    """One entry at one price."""

    entry: Line
    price: ItemPrice
    customer_tax: TaxRates | None

    def recurring(self) -> tuple[Charge, Priced]:
        """Return the charge of a recurring entry, and what it comes to for a whole term."""
        quantity = Decimal(1) if self.entry.quantity is None else self.entry.quantity
        return self.price.charge, self.price.charge.price(quantity)

    def by_time(
        self, kind: LineKind, charge: Charge, priced: Priced, period: Period, share: Share | None
    ) -> Iterator[InvoiceLine]:
        """Return the line of a charge by time, none for less than a day."""
        if share is None or share.days:
            yield self.line(kind, charge, priced, period, share)

    def fee(
        self, kind: LineKind, amount: Decimal, period: Period, share: Share | None
    ) -> Iterator[InvoiceLine]:
        """Return the line of what is charged beside the model, whatever the quantity."""
        charge = Charge(model=FlatFee(amount))
        yield from self.by_time(kind, charge, charge.price(Decimal(0)), period, share)

    def line(
        self, kind: LineKind, charge: Charge, priced: Priced, period: Period, share: Share | None
    ) -> InvoiceLine:
        """Return one line, rounded once."""
        amount = line_amount(priced.amount, self.price.currency, share)
        return InvoiceLine(
            kind=kind,
            line_id=self.entry.id,
            item_price_id=self.price.id,
            price_version=self.price.version,
            description=self.entry.label or self.price.name,
            unit=self.entry.unit,
            period=period,
            quantity=None if kind in _FEES else priced.quantity,
            amount=-amount if kind is LineKind.CREDIT else amount,
            priced=priced,
            pricing=charge.to_plain(),
            tax=self.price.tax or self.customer_tax,
            days=None if share is None else share.days,
            days_in_period=None if share is None else share.of,
            days_after=None if share is None else share.after,
        )
