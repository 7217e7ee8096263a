"""Everything that is stored, at one moment, and how it is read."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from spec.items import (
    Appended,
    Bill,
    Bound,
    Count,
    Counter,
    Invoice,
    Item,
    Key,
    Subscription,
    Term,
    Usage,
    Written,
)


class Landing(NamedTuple):
    """One item of a decided transaction, not yet visible; without *item* it is only checked.

    *owner* is the process that waits for the whole of it.
    """

    owner: int
    name: str
    item: Item | None


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that is stored, at one moment."""

    items: Mapping[str, Item]
    landing: tuple[Landing, ...] = ()

    @classmethod
    def of(cls, *items: Item) -> "Store":
        """Return a store with these items, and what every store has."""
        every = (Counter(1), Subscription(), *items)
        return cls({item.name: item for item in every})

    def identity(self) -> Hashable:
        """Return a value that two stores share only if they hold the same."""
        return frozenset(self.items.items()), self.landing

    def having(self, *items: Item) -> "Store":
        """Return this store after these items were written."""
        return Store({**self.items, **{item.name: item for item in items}}, self.landing)

    def usage(self, key: Key) -> Usage | None:
        """Read a usage, tombstones included."""
        item = self.items.get(f"usage {key}")
        assert isinstance(item, Usage | None)
        return item if item and item.version else None

    def written(self, key: Key) -> tuple[Usage, ...]:
        """Return every version that a usage had."""
        item = self.items.get(f"written {key}")
        assert isinstance(item, Written | None)
        return item.versions if item else ()

    def bound(self, external_id: str) -> Key | None:
        """Read which usage an external id names."""
        item = self.items.get(f"external id {external_id}")
        assert isinstance(item, Bound | None)
        return item.key if item else None

    def counted(self) -> int:
        """Read how many usages are counted."""
        item = self.items.get("count")
        assert isinstance(item, Count | None)
        return item.counted if item else 0

    def term(self, start: int) -> Term | None:
        """Read a term."""
        item = self.items.get(f"term {start}")
        assert isinstance(item, Term | None)
        return item

    def terms(self) -> list[Term]:
        """Read all terms, the oldest first."""
        return sorted(self.each(Term))

    def newest(self, at: int) -> Term | None:
        """Read the term that began last at or before a date."""
        return max((term for term in self.terms() if term.start <= at), default=None)

    def invoice(self, bill: Bill) -> Invoice | None:
        """Read an invoice."""
        item = self.items.get(f"invoice {bill}")
        assert isinstance(item, Invoice | None)
        return item

    def log(self, start: int) -> list[Appended]:
        """Read the later manifests of a term, in order."""
        return [each for each in self.appended() if each.bill.start == start]

    def appended(self) -> list[Appended]:
        """Read the later manifests of all terms."""
        return sorted(self.each(Appended))

    def upcoming(self) -> int:
        """Read the next number of the series."""
        item = self.items["counter"]
        assert isinstance(item, Counter)
        return item.upcoming

    def subscription(self) -> Subscription:
        """Read the subscription."""
        item = self.items["subscription"]
        assert isinstance(item, Subscription)
        return item

    def each[Kind](self, kind: type[Kind]) -> Iterator[Kind]:
        """Read all items of a kind."""
        return (item for item in self.items.values() if isinstance(item, kind))


def fold(term: Term, later: list[Appended]) -> dict[Key, tuple[int, int]]:
    """Return the version and quantity that the manifests of a term bill of each usage."""
    billed = {entry.key: entry.now for entry in term.first or ()}
    for appended in later:
        billed.update({entry.key: entry.now for entry in appended.entries})
    return billed
