"""The writes to one item: usages, the fence, and what a mutant does instead.

A write says what it would store if it landed now, and what its sender would be told. It may be
tried at any later moment and as often as one likes, so all that it relies on is in its conditions.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spec.items import Content, Counter, Item, Key, Manifest, Status, Usage, Written
from spec.stores import Store


class Effect(NamedTuple):
    """What a write does at some moment: nothing is stored if it is refused.

    *checked* are the names of items that a transaction only reads.
    """

    answer: Hashable
    stored: tuple[Item, ...] = ()
    checked: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.stored:
            return "stored"
        there = isinstance(self.answer, tuple)
        return f"refused: there is {self.answer}" if there else "refused"


class Write(ABC):
    """A conditional write."""

    __slots__ = ()

    @abstractmethod
    def effect(self, store: Store) -> Effect:
        """Return what it would do now."""

    def is_transaction(self) -> bool:
        """Tell whether it is of several items, which become visible one by one."""
        return False


def version(store: Store, usage: Usage) -> tuple[Item, ...]:
    """Return what storing a version of a usage writes: the item, and the invariants' own note."""
    return usage, Written(usage.key, (*store.written(usage.key), usage))


@dataclass(frozen=True, slots=True)
class PutUsage(Write):
    """Add a usage whose identity is new, or over exactly the tombstone *over*.

    Answers None, or what is there. *conditional* and *exactly* are what mutants leave out.
    """

    usage: Usage
    over: int = 0
    conditional: bool = True
    exactly: bool = True

    def effect(self, store: Store) -> Effect:
        """Store it if the condition holds."""
        there = store.usage(self.usage.key)
        if self.over == 0:
            holds = there is None or not self.conditional
        else:
            tombstone = there if there is not None and there.deleted else None
            holds = tombstone is not None and (tombstone.version == self.over or not self.exactly)
        return Effect(None, version(store, self.usage)) if holds else Effect(there)

    def __str__(self) -> str:
        return f"put {self.usage}" + (f" over tombstone v{self.over}" if self.over else "")


@dataclass(frozen=True, slots=True)
class CorrectUsage(Write):
    """Set the quantity of exactly the version *expected*.

    Answers whether that is so now. *knows_itself* lets a repeat find its own first time.
    """

    key: Key
    expected: int
    quantity: int
    conditional: bool = True
    knows_itself: bool = True

    def effect(self, store: Store) -> Effect:
        """Store the next version if the condition holds."""
        there = store.usage(self.key)
        request = there.request if there else ""
        after = Usage(self.key, self.expected + 1, self.quantity, request=request)
        live = there is not None and not there.deleted
        if live and there and (there.version == self.expected or not self.conditional):
            return Effect(answer=True, stored=version(store, after))
        return Effect(answer=self.knows_itself and there == after)

    def __str__(self) -> str:
        return f"set {self.key} v{self.expected + 1} = {self.quantity} over v{self.expected}"


@dataclass(frozen=True, slots=True)
class DeleteUsage(Write):
    """Turn exactly this version into a tombstone.

    Answers whether that is so now. Without *leaves_a_tombstone* the item goes away.
    """

    usage: Usage
    leaves_a_tombstone: bool = True

    def effect(self, store: Store) -> Effect:
        """Store the tombstone if the condition holds."""
        there = store.usage(self.usage.key)
        after = self.usage._replace(version=self.usage.version + 1, deleted=True)
        if there is not None and there.version == self.usage.version and not there.deleted:
            if self.leaves_a_tombstone:
                return Effect(answer=True, stored=version(store, after))
            hole, note = version(store, after)
            assert isinstance(hole, Usage)
            return Effect(answer=True, stored=(hole._replace(version=0), note))
        mine = there is not None and there.deleted and there.version == after.version
        return Effect(answer=mine or (there is None and not self.leaves_a_tombstone))

    def __str__(self) -> str:
        return f"delete {self.usage}"


@dataclass(frozen=True, slots=True)
class Fence(Write):
    """Move a term to CLOSING for a run; answers the term as it is then, or None."""

    start: int
    run: str

    def effect(self, store: Store) -> Effect:
        """From GRACE, or from CLOSING of another run."""
        term = store.term(self.start)
        if term is None or term.status not in {Status.GRACE, Status.CLOSING}:
            return Effect(None)
        after = term._replace(status=Status.CLOSING, run=self.run, parked=False)
        return Effect(after, (after,))

    def __str__(self) -> str:
        return f"fence term {self.start} for {self.run}"


@dataclass(frozen=True, slots=True)
class Reopen(Write):
    """What a mutant does to a term that another run holds."""

    start: int

    def effect(self, store: Store) -> Effect:
        """Move the term back to GRACE."""
        term = store.term(self.start)
        if term is None or term.status is not Status.CLOSING:
            return Effect(None)
        return Effect(None, (term._replace(status=Status.GRACE),))

    def __str__(self) -> str:
        return f"reopen term {self.start}"


@dataclass(frozen=True, slots=True)
class DrawNumber(Write):
    """What a mutant does to have a number before it freezes; answers the number."""

    def effect(self, store: Store) -> Effect:
        """Count on."""
        number = store.upcoming()
        return Effect(number, (Counter(number + 1),))

    def __str__(self) -> str:
        return "draw a number"


@dataclass(frozen=True, slots=True)
class PutContent(Write):
    """Store what an invoice says under its hash; twice changes nothing."""

    manifest: Manifest

    def effect(self, store: Store) -> Effect:
        """Store it if it is new."""
        content = Content(self.manifest)
        there = content.name in store.items
        return Effect(None, () if there else (content,))

    def __str__(self) -> str:
        return f"store the content of {said(self.manifest)}"


def said(manifest: Sequence[object]) -> str:
    """Return a manifest as a trace shows it."""
    return f"({', '.join(map(str, manifest))})"
