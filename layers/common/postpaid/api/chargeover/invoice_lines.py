"""The lines of an invoice as this door shows them.

`line_rate` times `line_quantity` is what a line came to, where all units had one price. Where they
had not, the rate is what one came to on the average; where nothing was counted, the rate is the
amount and the quantity 1, as in the vendor's recorded lines.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from postpaid.api.chargeover.things import kept, token
from postpaid.domain.catalog import Item, ItemPrice
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.line import Line
from postpaid.domain.money import EXACT, Money, multiply
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Scope
from postpaid.domain.tax import rounded_minor

type Row = dict[str, Any]

# Setting a line up is charged once, whatever else it is.
SETUP = "setup"
ONCE = frozenset({LineKind.ONE_TIME.value, SETUP})
METERED = frozenset({LineKind.USAGE.value, LineKind.SUPPLEMENT.value})
_AFTER = {
    LineKind.CREDIT: ", credit for unused time",
    LineKind.SUPPLEMENT: ", came or changed later",
}
# Ids below the middle of what 32 bits hold are a place on an invoice, those above it a digest.
_MIDDLE = 2**30
_PLACES = 256
_AVERAGE_PLACES = 6
_NOTHING, _ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Sold:
    """What a line is the price of."""

    item: Item
    price: ItemPrice


def line_item_id(invoice_number: int, index: int) -> int:
    """Return the integer of an invoice's line by its index; positive, and below 2^31.

    One of its own for the first 255 lines of the first 4 194 303 invoices. Of what lies beyond it
    is one of its own on its invoice, and that of a line of another in the rarest of cases.
    """
    place = invoice_number * _PLACES + index + 1
    if index + 1 < _PLACES and place < _MIDDLE:
        return place
    digest = int.from_bytes(hashlib.sha256(str(invoice_number).encode()).digest()[:8])
    return _MIDDLE + (digest + index) % _MIDDLE


def package_line_id(entries: Sequence[Line], line: InvoiceLine) -> int | None:
    """Return the integer of the entry of a package's line that a line of an invoice is for.

    Of several it is the one at the line's price and quantity that began last before its period.
    None if it is for no line of a package.
    """
    found = [entry for entry in entries if entry.id == line.line_id]
    if not found or line.kind is LineKind.ONE_TIME:
        return None
    found = _alike(found, lambda entry: entry.since is None or entry.since != entry.until)
    found = _alike(found, lambda entry: entry.item_price_id == line.item_price_id)
    found = _alike(found, lambda entry: entry.metered or entry.quantity == line.quantity)
    begun = [entry for entry in found if entry.since is None or entry.since <= line.period.start]
    return begun[-1].number if begun else found[0].number


def _alike(entries: list[Line], is_alike: Callable[[Line], bool]) -> list[Line]:
    return [entry for entry in entries if is_alike(entry)] or entries


def shown_line(
    invoice_number: int,
    index: int,
    line: InvoiceLine,
    *,
    sold: Sold,
    package_line: int | None,
    tax: Money | None,
    scope: Scope,
) -> Row:
    """Show one line; *tax* is what it bears, None if it bears none."""
    rate, quantity, usage = _counted(line)
    item, kind = sold.item, line.kind.value
    taxable = line.amount.decimal if tax is not None else _NOTHING
    return {
        "line_item_id": line_item_id(invoice_number, index),
        "invoice_id": invoice_number,
        "package_line_id": package_line,
        "item_id": item.number,
        "item_name": item.name,
        "item_external_key": item.id,
        "item_token": token(scope, "item", item.number),
        "item_accounting_sku": kept(item).get("accounting_sku") or "",
        "item_units": item.unit or "",
        "tierset_id": sold.price.number,
        "descrip": _description(line),
        "line_rate": rate,
        "line_quantity": quantity,
        "line_usage": usage,
        "line_total": line.amount.decimal,
        "is_base": kind not in ONCE and kind not in METERED,
        "is_usage": kind in METERED,
        "is_setup": kind == SETUP,
        "is_free": line.amount.minor == 0,
        "is_recurring": kind not in ONCE,
        "is_taxed": "0" if tax is None else "1",
        "tax_taxable": taxable,
        "tax_taxed": taxable,
        "tax_total": _NOTHING if tax is None else tax.decimal,
    }


def _counted(line: InvoiceLine) -> tuple[Decimal, Decimal, Decimal]:
    """Return the rate of a line, its quantity, and how much of that is usage."""
    quantity, unit = line.quantity, line.unit_amount
    is_exact = (
        quantity is not None
        and unit is not None
        and line.share is None
        and line.billed_before is None
        and multiply(unit, quantity) == line.priced.amount
    )
    if line.kind is LineKind.USAGE and quantity:
        rate = unit if is_exact and unit is not None else _average(line.priced.amount, quantity)
        return rate, quantity, quantity
    if is_exact and quantity and unit is not None and line.amount.minor >= 0:
        return unit, quantity, _NOTHING
    return line.amount.decimal, _ONE, _NOTHING


def _average(amount: Decimal, quantity: Decimal) -> Decimal:
    exact = Fraction(Fraction(amount), Fraction(quantity))
    return EXACT.scaleb(Decimal(rounded_minor(exact * 10**_AVERAGE_PLACES)), -_AVERAGE_PLACES)


def _description(line: InvoiceLine) -> str:
    if line.kind is LineKind.USAGE and line.quantity is not None:
        counted = " ".join(part for part in (decimal_text(line.quantity), line.unit) if part)
        return f"{line.description}: {counted}"
    return line.description + _AFTER.get(line.kind, "")
