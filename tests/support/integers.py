"""I-64: what has an integer is found by it, and what was refused left none behind."""

from collections.abc import Iterator

from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Item, Table

_THINGS = frozenset({"customer", "item_family", "item", "item_price", "subscription", "invoice"})

# Scope, kind and integer; and what has it: an id, of a line its subscription's and its own.
type Integer = tuple[str, str, int]
type Holder = tuple[str, ...]


def astray(table: Table) -> list[str]:
    """Return the integers that do not lead to what has them, or lead to nothing.

    *table* is a billing table in memory. An entry of a line may be gone from its subscription: its
    integer leads there all the same.
    """
    assert isinstance(table, MemoryTable)
    stored = table.items()
    things = dict(holder for item in stored for holder in _holders(item))
    register = {key: _named(item) for item in stored if (key := _entered(item)) is not None}
    subscriptions = {
        (scope, *who) for (scope, kind, _), who in things.items() if kind == "subscription"
    }
    wrong = [f"{key} of {who}" for key, who in things.items() if register.get(key) != who]
    for key in register.keys() - things.keys():
        scope, kind, _ = key
        if kind != "line" or (scope, register[key][0]) not in subscriptions:
            wrong.append(f"{key} of nothing")
    return sorted(wrong)


def _holders(item: Item) -> Iterator[tuple[Integer, Holder]]:
    scope, kind, *_ = str(item["pk"]).split("#")
    if item["sk"] != keys.META or kind not in _THINGS:
        return
    own = str(item["id"])
    yield (scope, kind, _integer(item)), (own,)
    lines = item.get("lines")
    for line in lines if isinstance(lines, list) else []:
        assert isinstance(line, dict)
        yield (scope, "line", _integer(line)), (own, str(line["id"]))


def _entered(item: Item) -> Integer | None:
    scope, kind, *rest = str(item["pk"]).split("#")
    return (scope, rest[0], int(rest[1])) if kind == "number" else None


def _named(item: Item) -> Holder:
    line = item.get("line_id")
    return (str(item["id"]),) if line is None else (str(item["id"]), str(line))


def _integer(item: Item) -> int:
    return int(str(item["number"]))
