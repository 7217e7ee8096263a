"""The few DynamoDB operations the product uses, as plain values.

Two engines understand them: `postpaid.store.dynamo` speaks to DynamoDB, `postpaid.store.memory` is
the twin for tests and simulation. The stores above say *what* must hold as a condition and never
see an expression string, so both engines judge the same thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

type Value = str | int | bool | list[Value] | dict[str, Value] | None
type Item = dict[str, Value]

TRANSACTION_WRITES_MAX = 100


class Key(NamedTuple):
    """The primary key of an item."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Holds if the item has no attribute *name*; of `pk`, if there is no item."""

    name: str = "pk"


@dataclass(frozen=True, slots=True)
class OneOf:
    """Holds if attribute *name* is there and equals one of *values*."""

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        assert self.values, "a choice has alternatives"


@dataclass(frozen=True, slots=True)
class AtMost:
    """Holds if attribute *name* is there, of the type of *value*, and not greater."""

    name: str
    value: str | int

    def __post_init__(self) -> None:
        assert not isinstance(self.value, bool), "truth values have no order"


@dataclass(frozen=True, slots=True)
class All:
    """Holds if every one of *conditions* does."""

    conditions: tuple["Condition", ...]

    def __post_init__(self) -> None:
        assert self.conditions


@dataclass(frozen=True, slots=True)
class Either:
    """Holds if at least one of *conditions* does."""

    conditions: tuple["Condition", ...]

    def __post_init__(self) -> None:
        assert self.conditions


type Condition = Absent | OneOf | AtMost | All | Either


def equals(name: str, value: Value) -> OneOf:
    """Return the condition that attribute *name* equals *value*."""
    return OneOf(name, (value,))


def all_of(*conditions: Condition) -> All:
    """Return the condition that all of *conditions* hold."""
    return All(conditions)


def either(*conditions: Condition) -> Either:
    """Return the condition that at least one of *conditions* holds."""
    return Either(conditions)


def comes_after(identifier: str, version: int) -> Condition:
    """Return the condition that a thing is there in a version; the first is stored without one."""
    if version > 1:
        return equals("v", version)
    return all_of(equals("id", identifier), Absent("v"))


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item, if *condition* holds for what is there."""

    item: Item
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item, if *condition* holds: set, remove, or add to an integer.

    *default* sets what is absent. An item that is not there begins with its key alone.
    """

    key: Key
    condition: Condition | None
    set: Mapping[str, Value] = field(default_factory=dict)
    remove: Sequence[str] = ()
    add: Mapping[str, int] = field(default_factory=dict)
    default: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [*self.set, *self.remove, *self.add, *self.default]
        assert names, "an update changes something"
        assert len(set(names)) == len(names), "an update touches an attribute once"
        assert not {"pk", "sk"} & set(names), "a key never changes"


@dataclass(frozen=True, slots=True)
class Check:
    """Hold a transaction to *condition* on an item it does not write."""

    key: Key
    condition: Condition


type Write = Put | Update | Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A query: one partition, a span of sort keys, both ends included.

    *index* names an index (its keys are `<first letter>pk` and `<first letter>sk`, and it holds
    keys only). *after* continues behind a sort key, exclusive, in the direction of the query.
    """

    pk: str
    first: str
    last: str
    index: str | None = None
    reverse: bool = False
    limit: int | None = None
    consistent: bool = True
    after: str | None = None


class ConditionFailed(Exception):
    """A condition did not hold; *existing* is the item that refused, None if there is none."""

    def __init__(self, existing: Item | None) -> None:
        super().__init__("a condition did not hold")
        self.existing = existing


class TransactionRefused(Exception):
    """A transaction wrote nothing; *failed* has the index of each write whose condition failed.

    *conflicts* are the writes at which another transaction was in the way: what is there was not
    judged. *failed* may be empty then.
    """

    def __init__(
        self, failed: Mapping[int, Item | None], conflicts: frozenset[int] = frozenset()
    ) -> None:
        super().__init__("a transaction was refused")
        self.failed = failed
        self.conflicts = conflicts


class Table(Protocol):
    """One table. Every method may also raise `postpaid.application.ports.Unavailable`."""

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """Read one item."""
        ...

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Read many items, eventually consistent; those that do not exist are absent."""
        ...

    def put(self, put: Put) -> None:
        """Write an item; raises `ConditionFailed`."""
        ...

    def update(self, update: Update) -> Item:
        """Change an item and return it as it is now; raises `ConditionFailed`."""
        ...

    def query(self, span: Range) -> list[Item]:
        """Read the items of a span in sort order: all of them, or *limit* at most.

        A span that ends before it begins holds nothing.
        """
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none; raises `TransactionRefused`. At most 100, one per item."""
        ...


INDEX_KEYS: dict[str, tuple[str, str]] = {"due": ("dpk", "dsk"), "list": ("lpk", "lsk")}


def span_keys(span: Range) -> tuple[str, str]:
    """Return the names of the partition and sort attribute a span is over."""
    return ("pk", "sk") if span.index is None else INDEX_KEYS[span.index]
