"""Tables that lack a guard: a condition of a write, or the consistency of a read.

Which guards there are is found by watching, so that a new one is tried without being listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from postpaid.store.tables import (
    All,
    Check,
    Condition,
    Either,
    Item,
    Key,
    Put,
    Range,
    Table,
    Update,
    Write,
)
from tests.simulation.callsites import CallSite
from tests.support.world import World

OLD = "an old read"
_FIXED = frozenset({"KEY", "site", "~system"})  # where another part is an id
_USAGE_PARTS = 3


@dataclass(frozen=True, slots=True, order=True)
class Guard:
    """What can be taken away at a place: one condition of one write, or a read's consistency.

    *write* names what is written or read, *what* the condition, or `OLD`.
    """

    site: str
    write: str
    what: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.site, self.write, self.what) if part)


@dataclass
class Altered:
    """What was seen of guards, which of them are gone, and the place that is calling now."""

    gone: frozenset[Guard] = frozenset()
    seen: set[Guard] = field(default_factory=set)
    site: CallSite | None = None
    old: World | None = None

    def over(self, world: World) -> World:
        """Return a world whose tables lack the guard."""
        if self.old is None:
            self.old = world.copy()
        assert self.old is not None
        return replace(
            world,
            usages=AlteredTable(world.usages, self.old.usages, self),
            billing=AlteredTable(world.billing, self.old.billing, self),
        )

    def write[Kind: Put | Update | Check](self, write: Kind) -> Kind | None:
        """Return a write without the condition that is gone; None for a check that holds nothing.

        Which write it is of a transaction is told by what it writes.
        """
        atoms = _atoms(write.condition)
        kept = [left for atom in atoms if (left := self._left(write, atom)) is not None]
        if kept == atoms:
            return write
        if isinstance(write, Check):
            return replace(write, condition=_all(kept)) if kept else None
        return replace(write, condition=_all(kept) if kept else None)

    def is_stale(self) -> bool:
        """Tell whether the read that is made now may show what was."""
        return self._note("", OLD)

    def _left(self, write: Write, atom: Condition) -> Condition | None:
        """Return what is left of an atom: itself, or nothing.

        A choice is an atom, and has others where one of its alternatives is of several.
        """
        assert not isinstance(atom, All)
        if not isinstance(atom, Either):
            gone = self._note(_label(write), f"{type(atom).__name__} {atom.name}")
            return None if gone else atom
        if self._note(_label(write), f"Either {' or '.join(_names(atom))}"):
            return None
        alternatives: list[Condition] = []
        for each in atom.conditions:
            if isinstance(each, All):
                kept = [left for one in _atoms(each) if (left := self._left(write, one))]
                if not kept:
                    return None
                alternatives.append(each if kept == _atoms(each) else _all(kept))
            else:
                alternatives.append(each)
        return Either(tuple(alternatives))

    def _note(self, write: str, what: str) -> bool:
        if self.site is None:
            return False
        guard = Guard(str(self.site), write, what)
        self.seen.add(guard)
        return guard in self.gone


@dataclass(frozen=True, slots=True)
class AlteredTable:
    """A table over another, without the guard that is gone; *old* is what it held before."""

    inner: Table
    old: Table
    altered: Altered

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        return self._read(consistent).get(key)

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        return self.inner.batch_get(keys)  # eventually consistent as it is

    def put(self, put: Put) -> None:
        altered = self.altered.write(put)
        assert altered is not None
        self.inner.put(altered)

    def update(self, update: Update) -> Item:
        altered = self.altered.write(update)
        assert altered is not None
        return self.inner.update(altered)

    def query(self, span: Range) -> list[Item]:
        return self._read(span.index is None).query(span)

    def transact(self, writes: Sequence[Write]) -> None:
        altered = [self.altered.write(write) for write in writes]
        self.inner.transact([write for write in altered if write is not None])

    def _read(self, consistent: bool) -> Table:
        return self.old if consistent and self.altered.is_stale() else self.inner


def _atoms(condition: Condition | None) -> list[Condition]:
    match condition:
        case None:
            return []
        case All(conditions):
            return [atom for each in conditions for atom in _atoms(each)]
    return [condition]


def _names(condition: Condition) -> list[str]:
    """Return the attributes that a condition asks for, each once."""
    if isinstance(condition, All | Either):
        return [*dict.fromkeys(name for each in condition.conditions for name in _names(each))]
    return [condition.name]


def _all(atoms: list[Condition]) -> Condition:
    return atoms[0] if len(atoms) == 1 else All(tuple(atoms))


def _label(write: Write) -> str:
    """Name what a write is of, by its key without any id."""
    key = Key(str(write.item["pk"]), str(write.item["sk"])) if isinstance(write, Put) else write.key
    parts = key.pk.split("#")
    if len(parts) == _USAGE_PARTS and parts[-1].isdigit() and not parts[1].startswith("~"):
        return "usage"
    kind = next((part for part in parts if part in _FIXED), parts[1])
    return f"{kind} {key.sk.partition('#')[0]}"
