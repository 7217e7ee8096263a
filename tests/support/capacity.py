"""What DynamoDB charges by the size of items: the engine counts writes as AWS does, reads not all.

It charges one unit for any read, however large. So reads are counted here, from what was read.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import ceil
from typing import Any

from postpaid.store.tables import Item, Value

UNIT = 1024  # bytes of an item that one write unit pays for
READ_UNIT = 4 * UNIT  # bytes that one unit of a strongly consistent read pays for


def item_size(item: Item) -> int:
    """Return the size of an item as DynamoDB counts it: UTF-8, and numbers by two digits a byte."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def write_units(*sizes: int) -> Decimal:
    """Return what a write costs that meets items of these sizes: the largest counts."""
    return Decimal(max(1, ceil(max(sizes) / UNIT)))


def read_units(sizes: Iterable[int], *, consistent: bool) -> Decimal:
    """Return what a read of items costs that are added up first, as a query's are."""
    units = Decimal(max(1, ceil(sum(sizes) / READ_UNIT)))
    return units if consistent else units / 2


def typed(value: Value) -> Any:
    """Return a text, number or flag as DynamoDB's clients take it."""
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _value_size(value: Value) -> int:
    match value:
        case bool() | None:
            return 1
        case int():
            return (len(str(abs(value))) + 1) // 2 + 1
        case str():
            return len(value.encode())
        case list():
            return 3 + sum(1 + _value_size(each) for each in value)
        case Mapping():
            return 3 + len(value) + item_size(value)
    raise AssertionError(value)
