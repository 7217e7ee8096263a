"""From usage and prices to invoice lines: price exactly, then round each line once."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge, Priced
from postpaid.domain.invoice import InvoiceLine, LineKind, line_amount
from postpaid.domain.metering import Metered
from postpaid.domain.period import Period
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.subscription import Line
from postpaid.domain.tax import TaxRates


@dataclass(frozen=True, slots=True)
class Span:
    """A term that is rated, and the *full* one it is part of; the same unless it is short.

    *zone* is where its days are counted.
    """

    period: Period
    full: Period
    zone: ZoneInfo

    def share(self) -> tuple[int, int] | None:
        """Return (days, days in the full term) of a short term, None for a whole one.

        Days are calendar days in the zone; a day that is begun at the start counts whole.
        """
        if self.period == self.full:
            return None
        return max(self._days(self.period), 1), max(self._days(self.full), 1)

    def _days(self, period: Period) -> int:
        first = period.start.astimezone(self.zone).date()
        return (period.end.astimezone(self.zone).date() - first).days


def rate_term(
    lines: tuple[Line, ...],
    prices: Mapping[str, ItemPrice],
    *,
    ended: Span | None,
    begun: Span | None,
    usage: Mapping[str, Metered],
    customer_tax: TaxRates | None,
) -> tuple[InvoiceLine, ...]:
    """Rate one invoice: metered lines for the *ended* term, recurring ones for the *begun* one.

    *prices* and *usage* are keyed by line id. Lines come in the subscription's order; those that
    are metered as their base fee, usage or not, and then their usage, if there was any.
    """
    rated: list[InvoiceLine] = []
    for line in lines:
        rater = _Rater(line, prices[line.id], prices[line.id].tax or customer_tax)
        if line.metered and ended is not None:
            rated += rater.arrears(ended, usage.get(line.id))
        elif not line.metered and begun is not None:
            rated.append(rater.recurring(begun))
    return tuple(rated)


@dataclass(frozen=True, slots=True)
class _Rater:
    """One line at one price."""

    line: Line
    price: ItemPrice
    tax: TaxRates | None

    def arrears(self, span: Span, metered: Metered | None) -> list[InvoiceLine]:
        lines = []
        if self.price.base_fee is not None:
            charge = Charge(model=FlatFee(self.price.base_fee))
            lines.append(self._line(LineKind.BASE_FEE, span, charge, charge.price(Decimal(0))))
        if metered is not None:
            charge = self.price.charge
            if charge.by_event:
                priced = charge.price_events(metered.quantities)
            else:
                priced = charge.price(metered.aggregate(self.line.aggregation))
            lines.append(self._line(LineKind.USAGE, span, charge, priced))
        elif self.price.charge.minimum:
            # A minimum is owed whether or not anything was used.
            priced = self.price.charge.price_nothing()
            lines.append(self._line(LineKind.USAGE, span, self.price.charge, priced))
        return lines

    def recurring(self, span: Span) -> InvoiceLine:
        quantity = Decimal(1) if self.line.quantity is None else self.line.quantity
        priced = self.price.charge.price(quantity)
        return self._line(LineKind.RECURRING, span, self.price.charge, priced)

    def _line(self, kind: LineKind, span: Span, charge: Charge, priced: Priced) -> InvoiceLine:
        # Usage is what it is; what is due by time is due for the days there are.
        share = None if kind is LineKind.USAGE else span.share()
        days, days_in_period = share or (None, None)
        return InvoiceLine(
            kind=kind,
            line_id=self.line.id,
            item_price_id=self.price.id,
            price_version=self.price.version,
            description=self.price.name,
            unit=self.line.unit,
            period=span.period,
            quantity=None if kind is LineKind.BASE_FEE else priced.quantity,
            amount=line_amount(priced.amount, self.price.currency, days, days_in_period),
            priced=priced,
            pricing=charge.to_plain(),
            tax=self.tax,
            days=days,
            days_in_period=days_in_period,
        )
