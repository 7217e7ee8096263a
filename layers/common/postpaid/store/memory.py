"""The twin: a table in memory with the semantics the stores rely on, for tests and simulation.

One contract suite runs against this and a real engine, so that the two cannot drift apart.
"""

import copy
from collections.abc import Mapping, Sequence
from threading import RLock

from postpaid.store.tables import (
    TRANSACTION_WRITES_MAX,
    Absent,
    All,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
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


class MemoryTable:
    """A table in memory; every operation is atomic and every read is consistent."""

    def __init__(self) -> None:
        self._items: dict[Key, Item] = {}
        self._lock = RLock()

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:  # noqa: ARG002
        """Read one item."""
        with self._lock:
            return copy.deepcopy(self._items.get(key))

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Read many items."""
        with self._lock:
            found = {key: self.get(key) for key in keys}
        return {key: item for key, item in found.items() if item is not None}

    def put(self, put: Put) -> None:
        """Write an item; raises `ConditionFailed`."""
        with self._lock:
            self._require(put)
            self._apply(put)

    def update(self, update: Update) -> Item:
        """Change an item and return it as it is now; raises `ConditionFailed`."""
        with self._lock:
            self._require(update)
            self._apply(update)
            return copy.deepcopy(self._items[update.key])

    def query(self, span: Range) -> list[Item]:
        """Read the items of a span in sort order."""
        pk_name, sk_name = span_keys(span)
        with self._lock:
            rows = [
                item
                for item in self._items.values()
                if item.get(pk_name) == span.pk
                and sk_name in item
                and span.first <= str(item[sk_name]) <= span.last
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
            return copy.deepcopy(rows[: span.limit])

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
            for write in writes:
                self._apply(write)

    def _require(self, write: Write) -> None:
        existing = self._items.get(_key(write))
        if write.condition is not None and not _holds(write.condition, existing or {}):
            raise ConditionFailed(copy.deepcopy(existing))

    def _apply(self, write: Write) -> None:
        key = _key(write)
        match write:
            case Put(item=item):
                self._items[key] = copy.deepcopy(item)
            case Update():
                item = self._items.setdefault(key, {"pk": key.pk, "sk": key.sk})
                item.update(copy.deepcopy(dict(write.set)))
                for name in write.remove:
                    item.pop(name, None)
                for name, amount in write.add.items():
                    before = item.get(name, 0)
                    assert isinstance(before, int)
                    item[name] = before + amount
            case Check():
                pass


def _key(write: Write) -> Key:
    if isinstance(write, Put):
        pk, sk = write.item["pk"], write.item["sk"]
        assert isinstance(pk, str)
        assert isinstance(sk, str)
        return Key(pk, sk)
    return write.key


def _holds(condition: Condition, item: Mapping[str, Value]) -> bool:
    match condition:
        case Absent(name):
            return name not in item
        case OneOf(name, values):
            return any(_same(item.get(name), value) for value in values if name in item)
        case AtMost(name, value):
            there = item.get(name)
            if isinstance(there, str) and isinstance(value, str):
                return there <= value
            return isinstance(there, int) and isinstance(value, int) and there <= value
        case All(conditions):
            return all(_holds(each, item) for each in conditions)


def _same(left: Value, right: Value) -> bool:
    return type(left) is type(right) and left == right


def _behind(sort_key: str, span: Range) -> bool:
    assert span.after is not None
    return sort_key < span.after if span.reverse else sort_key > span.after
