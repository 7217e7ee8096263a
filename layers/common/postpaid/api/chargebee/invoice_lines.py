"""The lines of an invoice as this door shows them, with their tiers and taxes in arrays beside.

An amount that Chargebee's words cannot explain, of a percentage price or of usage that came later,
is right all the same: then its line has no `pricing_model`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, Inexact
from fractions import Fraction
from typing import Any

from postpaid.api.chargebee.pricing import (
    minor_and_exact,
    shown_pricing,
    whole_and_exact,
)
from postpaid.api.chargebee.things import seconds, without_none
from postpaid.domain.catalog import ItemType
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.invoice_taxes import taxes_by_line
from postpaid.domain.money import EXACT, MINOR_UNITS, exact_sum, subtract
from postpaid.domain.quantity import decimal_text
from postpaid.domain.tax import TaxAmount, TaxRate, rounded_minor

type Row = dict[str, Any]

# So many are shown at once (chargebee_api_v2_pc_v2_spec, line_items_limit).
LINES_SHOWN_MAX = 300
_METERED = frozenset({LineKind.USAGE, LineKind.SUPPLEMENT})
_KINDS = {
    LineKind.BASE_FEE: ", base fee",
    LineKind.SETUP: ", setup fee",
    LineKind.CREDIT: ", credit for unused time",
    LineKind.SUPPLEMENT: ", came or changed later",
}
# Of strings (chargebee_api_v2_pc_v2_spec, Invoice).
_DESCRIPTION_LENGTH_MAX = 250
_QUANTITY_LENGTH_MAX = 33
_AMOUNT_LENGTH_MAX = 39
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which of an invoice's lines are asked for; *offset* writes the place to go on from."""

    start: int = 0
    limit: int = LINES_SHOWN_MAX
    offset: Callable[[int], str]


def line_item_id(invoice_id: str, index: int) -> str:
    """Return the id of a line, by its index among those of its invoice's content.

    At most 40 characters. A pending invoice may get other lines, and so other ids, until it closes.
    """
    return f"li_{invoice_id.removeprefix('inv_')}_{index + 1}"


def shown_lines(
    invoice_id: str,
    content: InvoiceContent,
    type_of: Callable[[str], ItemType],
    asked: Lines,
) -> Row:
    """Show the lines that are asked for, the tiers and taxes of those, and the taxes of all."""
    taxed = taxes_by_line(content)
    shown: Row = {
        "line_items": [],
        "line_item_tiers": [],
        "line_item_taxes": [],
        "taxes": [_tax(tax) for tax in content.taxes],
    }
    end = min(asked.start + asked.limit, len(content.lines))
    if asked.limit and end < len(content.lines):
        shown["line_items_next_offset"] = asked.offset(end)
    for index in range(asked.start, end):
        line, identifier = content.lines[index], line_item_id(invoice_id, index)
        who = {"subscription_id": content.subscription_id, "customer_id": content.customer_id}
        taxes = taxed[index]
        row = _line(line, type_of(line.item_price_id)) | who | _taxed(taxes)
        shown["line_items"].append({"id": identifier, **row})
        shown["line_item_tiers"] += _tiers(line, identifier)
        shown["line_item_taxes"] += [
            {
                "line_item_id": identifier,
                "tax_name": rate.name,
                "tax_rate": _number(rate.percent),
                "taxable_amount": line.amount.minor,
                "tax_amount": amount,
                "is_partial_tax_applied": False,
                "is_non_compliance_tax": False,
                "date_from": seconds(line.period.start),
                "date_to": seconds(line.period.end),
                "object": "line_item_tax",
            }
            for rate, amount in taxes
        ]
    return shown


def _line(line: InvoiceLine, item_type: ItemType) -> Row:
    pricing = _pricing(line)
    model = pricing.get("pricing_model")
    quantity, exact_quantity = _quantity(line, model)
    unit_amount, exact_unit = _unit_amount(line, model)
    return without_none(
        {
            "date_from": seconds(line.period.start),
            "date_to": seconds(line.period.end),
            "unit_amount": unit_amount,
            "unit_amount_in_decimal": _fitting(exact_unit, _AMOUNT_LENGTH_MAX),
            "quantity": quantity,
            "quantity_in_decimal": _fitting(exact_quantity, _QUANTITY_LENGTH_MAX),
            "amount": line.amount.minor,
            "amount_in_decimal": _fitting(_exact_amount(line), _AMOUNT_LENGTH_MAX),
            "pricing_model": model,
            "discount_amount": 0,
            "item_level_discount_amount": 0,
            "metered": line.kind in _METERED,
            "is_percentage_pricing": False,
            "description": _description(line),
            "entity_type": f"{item_type.value}_item_price",
            "entity_id": line.item_price_id,
            "object": "line_item",
        }
    )


def _pricing(line: InvoiceLine) -> Row:
    """Return how a line was priced, empty if it cannot be said.

    Usage that came later is what its whole term costs now less what was billed before.
    """
    if line.kind is LineKind.SUPPLEMENT:
        return {}
    shown = shown_pricing(line.pricing, line.amount.currency)
    return shown if "pricing_model" in shown else {}


def _counted(line: InvoiceLine, model: str | None) -> Decimal | None:
    """Return how many units a line's amount is for; None if it is for the whole."""
    if model == "flat_fee" or line.kind is LineKind.SUPPLEMENT:
        return None
    return line.quantity


def _quantity(line: InvoiceLine, model: str | None) -> tuple[int, str | None]:
    counted = _counted(line, model)
    return (1, None) if counted is None else whole_and_exact(counted)


def _unit_amount(line: InvoiceLine, model: str | None) -> tuple[int, str | None]:
    """Return the price of a unit where all had the same, else what one came to on the average."""
    currency, counted = line.amount.currency, _counted(line, model)
    if model == "per_unit" and line.share is None and line.unit_amount is not None:
        return minor_and_exact(line.unit_amount, currency)
    if not counted:
        return line.amount.minor, None
    exact = _exact(line)
    try:
        average = EXACT.divide(exact, counted)
    except Inexact:
        return rounded_minor(
            Fraction(Fraction(exact), Fraction(counted)) * 10 ** MINOR_UNITS[currency]
        ), None
    return minor_and_exact(average, currency)


def _exact(line: InvoiceLine) -> Decimal:
    """Return what a line came to before it was rounded, where it has that."""
    if line.kind in {LineKind.SUPPLEMENT, LineKind.CREDIT} or line.share is not None:
        return line.amount.decimal
    return line.priced.amount


def _exact_amount(line: InvoiceLine) -> str | None:
    """Return what a line came to before it was rounded, None if rounding changed nothing."""
    exact = _exact(line)
    return None if exact == line.amount.decimal else decimal_text(exact)


def _fitting(text: str | None, length_max: int) -> str | None:
    """Return a decimal that Chargebee's fields have room for: the last of its places are cut."""
    if text is None or len(text) <= length_max:
        return text
    cut = text[:length_max]
    return cut.rstrip("0").rstrip(".") if "." in cut else None


def _description(line: InvoiceLine) -> str:
    after = _KINDS.get(line.kind, "")
    return line.description[: _DESCRIPTION_LENGTH_MAX - len(after)] + after


# --- tiers


def _tiers(line: InvoiceLine, identifier: str) -> Iterator[Row]:
    """Yield the tiers that a line's quantity reached, with how much of it lies in each.

    *unit_amount* is the price of a unit or a package, or of the whole tier where it has one.
    """
    pricing = _pricing(line)
    tiers: Sequence[Row] = pricing.get("tiers", ())
    billable = _beyond(line.quantity or _NOTHING, _free_units(line))
    reached = {component.tier or 1 for component in line.priced.components}
    lower = _NOTHING
    for number, tier in enumerate(tiers, start=1):
        upper = _end(tier)
        if number in reached:
            used = billable
            if pricing["pricing_model"] == "tiered":
                used = _beyond(billable if upper is None else min(billable, upper), lower)
            yield _tier(tier, used, identifier)
        lower = lower if upper is None else upper


def _beyond(quantity: Decimal, lower: Decimal) -> Decimal:
    return max(subtract(quantity, lower), _NOTHING)


def _free_units(line: InvoiceLine) -> Decimal:
    return Decimal(line.pricing.get("free_units", "0"))


def _end(tier: Row) -> Decimal | None:
    end = tier.get("ending_unit_in_decimal", tier.get("ending_unit"))
    return None if end is None else Decimal(end)


def _tier(tier: Row, used: Decimal, identifier: str) -> Row:
    quantity, exact = whole_and_exact(used)
    bounds = {name: tier[name] for name in tier if name.startswith(("starting_", "ending_"))}
    return without_none(
        {
            "line_item_id": identifier,
            **bounds,
            "quantity_used": quantity,
            "quantity_used_in_decimal": _fitting(exact, _QUANTITY_LENGTH_MAX),
            "unit_amount": tier["price"],
            "unit_amount_in_decimal": tier.get("price_in_decimal"),
            "pricing_type": tier["pricing_type"],
            "package_size": tier.get("package_size"),
            "object": "line_item_tier",
        }
    )


# --- taxes


def _tax(tax: TaxAmount) -> Row:
    return {
        "name": tax.name,
        "amount": tax.amount.minor,
        "description": f"{tax.name} @ {decimal_text(tax.percent)}%",
        "object": "tax",
    }


def _taxed(taxes: Sequence[tuple[TaxRate, int]]) -> Row:
    if not taxes:
        return {"is_taxed": False, "tax_amount": 0, "tax_exempt_reason": "tax_not_configured"}
    percent = exact_sum(rate.percent for rate, _ in taxes)
    return {
        "is_taxed": True,
        "tax_amount": sum(amount for _, amount in taxes),
        "tax_rate": _number(percent),
    }


def _number(percent: Decimal) -> float:
    """Return a rate as the JSON number that Chargebee's clients read; nothing is computed of it."""
    return float(percent)
