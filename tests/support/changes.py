"""A shop whose October costs a unit a day, and how its invoices are told in tests.

Seats cost 31.00 a month each, in advance; minutes 0.10, after a base fee of 62.00.
"""

from collections.abc import Mapping
from typing import Any

from postpaid.application.change_lines import LineAction, LineChange
from postpaid.application.keep import KEEP, Keep
from postpaid.domain.invoice import Invoice
from tests.support.samples import AUTO_AT_ONCE
from tests.support.world import World

type Row = tuple[str, str, str]


def a_shop(now: str = "2026-10-01T08:00") -> World:
    world = World.at(now)
    world.price("seats", "31", metered=False)
    world.price("desks", "62", metered=False)
    world.price("minutes", "0.10", base_fee="62")
    world.price("cheap", "0.05", base_fee="31", item_id="item-minutes")
    return world


def subscribed(*price_ids: str, now: str = "2026-10-01T08:00") -> World:
    """Return the shop with a subscription since the first of October, its opening invoice out."""
    world = a_shop(now)
    world.subscription(*price_ids, start="2026-10-01", closing=AUTO_AT_ONCE)
    world.sweep()
    return world


def rows(world: World, invoice: Invoice) -> list[Row]:
    """Return kind, line and amount of each line."""
    lines = world.content(invoice).lines
    return [(line.kind.value, line.line_id, str(line.amount)) for line in lines]


def next_invoice(world: World, until: str) -> list[Row]:
    """Go on to a date; return what the invoices since then say, the oldest first."""
    before = {invoice.id for invoice in world.invoices() if invoice.content_hash is not None}
    world.skip_to(until)
    world.come_to_rest()
    return [
        row
        for invoice in world.invoices()
        if invoice.id not in before and invoice.content_hash is not None
        for row in rows(world, invoice)
    ]


def add(
    item_price_id: str | None,
    line_id: str | None = None,
    quantity: object = None,
    pricing: Mapping[str, Any] | None = None,
) -> LineChange:
    return LineChange(
        action=LineAction.ADD,
        item_price_id=item_price_id,
        id=line_id,
        quantity=quantity,
        pricing=pricing,
    )


def change(
    line_id: str,
    *,
    quantity: object = None,
    item_price_id: str | None = None,
    pricing: Mapping[str, Any] | Keep | None = KEEP,
) -> LineChange:
    return LineChange(
        action=LineAction.CHANGE,
        id=line_id,
        quantity=quantity,
        item_price_id=item_price_id,
        pricing=pricing,
    )


def by_unit(amount: object) -> dict[str, Any]:
    """Return the plain form of a price by the unit."""
    return {"pricing_model": "per_unit", "unit_amount": str(amount)}


def remove(line_id: str) -> LineChange:
    return LineChange(action=LineAction.REMOVE, id=line_id)
