"""From quantities and prices to invoice lines: price exactly, then round each line once."""

from collections.abc import Mapping
from decimal import Decimal

from postpaid.domain.catalog import ItemPrice
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.money import EXACT, Money
from postpaid.domain.period import Period
from postpaid.domain.pricing import Component
from postpaid.domain.subscription import Line

# Written into every invoice: a later engine that rates differently gets the next number, so that
# an old line can always be rated again by the rules it was made with.
ENGINE_VERSION = 1


def rate_arrears(
    line: Line, price: ItemPrice, period: Period, quantity: Decimal | None
) -> list[InvoiceLine]:
    """Rate a metered line for an ended term: its base fee, then its usage.

    *quantity* is None where there was no usage: then there is no usage line.
    """
    lines = _base_fee(line, price, period)
    if quantity is not None:
        components = price.pricing.components(quantity)
        lines.append(_line(LineKind.USAGE, line, price, period, quantity, components))
    return lines


def rate_advance(line: Line, price: ItemPrice, period: Period) -> list[InvoiceLine]:
    """Rate a recurring line for the term that begins: its base fee, then its price."""
    quantity = line.quantity if line.quantity is not None else Decimal(1)
    components = price.pricing.components(quantity)
    return [
        *_base_fee(line, price, period),
        _line(LineKind.RECURRING, line, price, period, quantity, components),
    ]


def rate_term(
    lines: tuple[Line, ...],
    prices: Mapping[str, ItemPrice],
    *,
    ended: Period | None,
    begun: Period | None,
    quantities: Mapping[str, Decimal],
) -> tuple[InvoiceLine, ...]:
    """Rate one invoice: metered lines for the *ended* term, recurring ones for the *begun* one.

    *prices* and *quantities* are keyed by line id. Lines come in the subscription's order.
    """
    rated: list[InvoiceLine] = []
    for line in lines:
        price = prices[line.id]
        if line.metered and ended is not None:
            rated += rate_arrears(line, price, ended, quantities.get(line.id))
        elif not line.metered and begun is not None:
            rated += rate_advance(line, price, begun)
    return tuple(rated)


def _base_fee(line: Line, price: ItemPrice, period: Period) -> list[InvoiceLine]:
    if price.base_fee is None:
        return []
    fee = (Component(price.base_fee),)
    return [_line(LineKind.BASE_FEE, line, price, period, None, fee)]


def _line(
    kind: LineKind,
    line: Line,
    price: ItemPrice,
    period: Period,
    quantity: Decimal | None,
    components: tuple[Component, ...],
) -> InvoiceLine:
    exact = Decimal(0)
    for component in components:
        exact = EXACT.add(exact, component.amount)
    return InvoiceLine(
        kind=kind,
        line_id=line.id,
        item_price_id=price.id,
        price_version=price.version,
        description=price.name,
        unit=line.unit,
        period=period,
        quantity=quantity,
        amount=Money.rounded(exact, price.currency),
        exact_amount=exact,
        components=components,
    )
