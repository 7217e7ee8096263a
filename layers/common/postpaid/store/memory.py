"""The twin: a table in memory with the semantics the stores rely on, for tests and simulation.

One contract suite runs against this and a real engine, so that the two cannot drift apart.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import TypeGuard

from postpaid.store.tables import (
    INDEX_KEYS,
    TRANSACTION_WRITES_MAX,
    Absent,
    All,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Either,
    Item,
    Key,
    OneOf,
    Put,
    Range,
    TransactionRefused,
    Update,
    Value,
    Write,
    span_keys,
)

_PARTITION_NAMES = ("pk", *(pk_name for pk_name, _ in INDEX_KEYS.values()))
_KEY_NAMES = ("pk", "sk", *(name for names in INDEX_KEYS.values() for name in names))


class MemoryTable:
    """A table in memory; every operation is atomic and every read is consistent."""

    def __init__(self) -> None:
        self._items: dict[Key, Item] = {}
        self._partitions: dict[tuple[str, Value], set[Key]] = defaultdict(set)
        self._lock = RLock()

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:  # noqa: ARG002
        """Read one item."""
        with self._lock:
            item = self._items.get(key)
            return None if item is None else _copy(item)

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Read many items."""
        with self._lock:
            found = {key: self.get(key) for key in keys}
        return {key: item for key, item in found.items() if item is not None}

    def put(self, put: Put) -> None:
        """Write an item; raises `ConditionFailed`."""
        with self._lock:
            self._require(put)
            self._store(self._result(put))

    def update(self, update: Update) -> Item:
        """Change an item and return it as it is now; raises `ConditionFailed`."""
        with self._lock:
            self._require(update)
            item = self._result(update)
            self._store(item)
            return _copy(item)

    def query(self, span: Range) -> list[Item]:
        """Read the items of a span in sort order."""
        pk_name, sk_name = span_keys(span)
        with self._lock:
            partition = self._partitions.get((pk_name, span.pk), ())
            rows = [
                item
                for item in map(self._items.__getitem__, partition)
                if sk_name in item and span.first <= str(item[sk_name]) <= span.last
            ]
            rows.sort(key=lambda item: (str(item[sk_name]), str(item["pk"]), str(item["sk"])))
            if span.reverse:
                rows.reverse()
            if span.after is not None:
                rows = [item for item in rows if _behind(str(item[sk_name]), span)]
            if span.index is not None:  # keys only
                rows = [
                    {name: item[name] for name in ("pk", "sk", pk_name, sk_name)} for item in rows
                ]
            return [_copy(row) for row in rows[: span.limit]]

    def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none; raises `TransactionRefused`."""
        assert 1 <= len(writes) <= TRANSACTION_WRITES_MAX
        keys = [_key(write) for write in writes]
        assert len(set(keys)) == len(keys), "a transaction touches an item once"
        with self._lock:
            failed: dict[int, Item | None] = {}
            for index, write in enumerate(writes):
                try:
                    self._require(write)
                except ConditionFailed as refusal:
                    failed[index] = refusal.existing
            if failed:
                raise TransactionRefused(failed)
            for item in [self._result(write) for write in writes if not isinstance(write, Check)]:
                self._store(item)

    def items(self) -> list[Item]:
        """Return everything, in the order of the keys; for those who look at a whole world."""
        with self._lock:
            return [_copy(self._items[key]) for key in sorted(self._items)]

    def copy(self) -> "MemoryTable":
        """Return a table of its own that holds the same."""
        twin = MemoryTable()
        for item in self.items():
            twin._store(item)
        return twin

    def _require(self, write: Write) -> None:
        existing = self._items.get(_key(write))
        if write.condition is not None and not _holds(write.condition, existing or {}):
            raise ConditionFailed(None if existing is None else _copy(existing))

    def _result(self, write: Put | Update) -> Item:
        """Return the item that a write makes; what cannot be stored fails here, before any is."""
        if isinstance(write, Put):
            item = dict(write.item)
        else:
            item = dict(self._items.get(write.key) or write.key._asdict())
            item |= write.set
            for name in write.remove:
                item.pop(name, None)
            for name, amount in write.add.items():
                before = item.get(name, 0)
                assert _is_number(before), f"{name} is not a number"
                item[name] = before + amount
            for name, value in write.default.items():
                item.setdefault(name, value)
        for name in _KEY_NAMES:
            assert item.get(name, "-"), f"{name} is empty"
            assert isinstance(item.get(name, "-"), str), f"{name} is not a text"
        return _copy(item)

    def _store(self, item: Item) -> None:
        key = Key(str(item["pk"]), str(item["sk"]))
        before = self._items.get(key, {})
        for name in _PARTITION_NAMES:
            if name in before:
                self._partitions[name, before[name]].discard(key)
            if name in item:
                self._partitions[name, item[name]].add(key)
        self._items[key] = item


def _key(write: Write) -> Key:
    if isinstance(write, Put):
        return Key(str(write.item["pk"]), str(write.item["sk"]))
    return write.key


def _holds(condition: Condition, item: Mapping[str, Value]) -> bool:
    match condition:
        case Absent(name):
            return name not in item
        case OneOf(name, values):
            return name in item and any(_same(item[name], value) for value in values)
        case AtMost(name, value):
            there = item.get(name)
            if isinstance(there, str) and isinstance(value, str):
                return there <= value
            return _is_number(there) and isinstance(value, int) and there <= value
        case All(conditions):
            return all(_holds(each, item) for each in conditions)
        case Either(conditions):
            return any(_holds(each, item) for each in conditions)


def _same(left: Value, right: Value) -> bool:
    """Compare as DynamoDB does: 1 is not true, however deep."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[n], right[n]) for n in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right


def _is_number(value: Value) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _copy(item: Item) -> Item:
    return {name: _copy_value(value) for name, value in item.items()}


def _copy_value(value: Value) -> Value:
    """Copy a value, and refuse what DynamoDB could not hold."""
    match value:
        case str() | int() | None:
            return value
        case list():
            return [_copy_value(each) for each in value]
        case dict():
            return _copy(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _behind(sort_key: str, span: Range) -> bool:
    assert span.after is not None
    return sort_key < span.after if span.reverse else sort_key > span.after
