"""From `subscription_items` and `item_tiers` to lines, and to changes of lines."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from postpaid.api.chargebee.line_ids import short_line_id
from postpaid.api.chargebee.pricing import Plain, repriced
from postpaid.api.chargebee.subscription_params import ItemRow, ItemTierRow
from postpaid.api.desk import Desk
from postpaid.application.change_lines import LineAction, LineChange
from postpaid.application.make_line import CreateLine
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.errors import BillingError, Invalid, NotFound
from postpaid.domain.line import Line

# How the fields of use cases are called here; `[]` is the place in the list.
NAMES = {
    **{
        f"{each}[].{field}": f"subscription_items[{name}][]"
        for each in ("lines", "changes")
        for field, name in (
            ("item_price_id", "item_price_id"),
            ("quantity", "quantity"),
            ("id", "item_price_id"),
            ("pricing", "unit_price"),
            ("pricing.amount", "unit_price"),
            ("pricing.unit_amount", "unit_price"),
            ("pricing.tiers", "unit_price"),
        )
    },
    "lines": "subscription_items",
    "changes": "subscription_items",
    "start": "start_date",
    "cycles": "billing_cycles",
    "annotations": "meta_data",
    "credit_unused": "credit_option_for_current_term_charges",
}
PLACE = "subscription_items[item_price_id][{}]"
_CHANGE = re.compile(r"changes\[([0-9]+)\]")


def priced(desk: Desk, rows: Sequence[ItemRow]) -> list[tuple[ItemRow, ItemPrice, Item]]:
    """Return the rows with their prices and items; raises `NotFound` or `Invalid`."""
    found: list[tuple[ItemRow, ItemPrice, Item]] = []
    for index, row in enumerate(rows):
        field = PLACE.format(index)
        price = desk.prices.newest(row.item_price_id)
        if price is None:
            message = f"there is no item price '{row.item_price_id}'"
            raise NotFound("item_price_not_found", message, field=field)
        item = desk.items.get(price.item_id)
        assert item is not None, "items are never removed"
        if row.item_type not in {None, item.type.value}:
            field = f"subscription_items[item_type][{index}]"
            raise Invalid("invalid_field", f"is {item.type.value}", field=field)
        if item.type is ItemType.CHARGE:
            raise Invalid("not_supported", "one-time charges are not made here", field=field)
        if any(price.id == other.id for _, other, _ in found):
            raise Invalid("invalid_field", "is there twice", field=field)
        found.append((row, price, item))
    return found


def check_one_plan(items: Sequence[Item]) -> None:
    """Refuse a subscription without a plan, or with several; raises `Invalid`."""
    plans = sum(item.type is ItemType.PLAN for item in items)
    if plans != 1:
        raise Invalid(
            "invalid_field",
            f"must have the price of exactly one plan, not of {plans or 'none'}",
            field="subscription_items",
        )


def new_lines(
    found: Sequence[tuple[ItemRow, ItemPrice, Item]], tiers: Sequence[ItemTierRow]
) -> list[CreateLine]:
    """Return the lines of a new subscription."""
    check_tiers(tiers, [price.id for _, price, _ in found])
    return [
        CreateLine(
            item_price_id=price.id,
            id=short_line_id(price.id),
            quantity=_quantity(row, index),
            pricing=own_pricing(row, price, tiers, index),
        )
        for index, (row, price, _) in enumerate(found)
    ]


def check_tiers(tiers: Sequence[ItemTierRow], price_ids: Sequence[str]) -> None:
    """Refuse tiers of prices that are not among the rows; raises `Invalid`."""
    for index, tier in enumerate(tiers):
        if tier.item_price_id not in price_ids:
            raise Invalid(
                "invalid_field",
                "is not among the subscription_items",
                field=f"item_tiers[item_price_id][{index}]",
            )


def own_pricing(
    row: ItemRow, price: ItemPrice, tiers: Sequence[ItemTierRow], index: int
) -> Plain | None:
    """Return the plain form of a price of this subscription alone, None if it has none."""
    mine = [tier for tier in tiers if tier.item_price_id == price.id]
    field = f"subscription_items[unit_price][{index}]"
    return repriced(price, row.unit_price, row.unit_price_in_decimal, mine, field)


def line_changes(
    lines: Sequence[Line],
    found: Sequence[tuple[ItemRow, ItemPrice, Item]],
    tiers: Sequence[ItemTierRow],
    *,
    replaces: bool,
) -> tuple[list[LineChange], list[int], list[str]]:
    """Return the changes that rows ask of lines, their rows, and the ids of the lines that go.

    A row whose price is on a line changes that one, a row with another price of a line's item
    changes the line to it, any other row is a new line. With *replaces*, lines without a row go.
    """
    check_tiers(tiers, [price.id for _, price, _ in found])
    changes, rows, touched = [], list[int](), set[str]()
    for index, (row, price, item) in enumerate(found):
        line = _line_for(lines, price, item, touched)
        fields: dict[str, Any] = {"quantity": _quantity(row, index)}
        own = own_pricing(row, price, tiers, index)
        if own is not None:
            fields["pricing"] = own
        if line is None:
            rows.append(index)
            changes.append(
                LineChange(
                    action=LineAction.ADD,
                    id=short_line_id(price.id),
                    item_price_id=price.id,
                    **fields,
                )
            )
            continue
        touched.add(line.id)
        if price.id != line.item_price_id:
            fields["item_price_id"] = price.id
        elif own is None and fields["quantity"] in {None, line.quantity}:
            continue  # it is so already
        rows.append(index)
        changes.append(LineChange(action=LineAction.CHANGE, id=line.id, **fields))
    gone = [line.id for line in lines if line.id not in touched] if replaces else []
    changes += [LineChange(action=LineAction.REMOVE, id=each) for each in gone]
    return changes, rows, gone


@contextmanager
def by_rows(rows: Sequence[int]) -> Iterator[None]:
    """Let refusals of changes name the row that asked for one, and the list for one of no row."""
    try:
        yield
    except BillingError as error:
        found = _CHANGE.match(error.field or "")
        if found is not None:
            place = int(found[1])
            rest = (error.field or "")[found.end() :]
            is_asked = place < len(rows)
            error.field = f"changes[{rows[place]}]{rest}" if is_asked else "changes"
        raise


def _line_for(
    lines: Sequence[Line], price: ItemPrice, item: Item, touched: set[str]
) -> Line | None:
    free = [line for line in lines if line.id not in touched]
    same = [line for line in free if line.item_price_id == price.id]
    return next(iter(same or [line for line in free if line.item_id == item.id]), None)


def _quantity(row: ItemRow, index: int) -> object:
    if row.quantity is not None and row.quantity_in_decimal is not None:
        raise Invalid(
            "invalid_field",
            "give it, or quantity_in_decimal, but not both",
            field=f"subscription_items[quantity][{index}]",
        )
    return row.quantity_in_decimal if row.quantity is None else row.quantity
