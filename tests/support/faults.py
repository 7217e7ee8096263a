"""Faults at the calls by which a process reaches out: a lost answer, or the process's end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from postpaid.store.tables import Item, Key, Put, Range, Table, Update, Write


class Killed(BaseException):
    """The process ended here. No `except Exception` sees it."""


class Moment(Enum):
    """When a trap springs: before its call has any effect, or when only the answer is missing."""

    BEFORE = "before"
    AFTER = "after"


@dataclass
class Calls:
    """Counts the calls by which a process reaches out, and springs a trap at one of them."""

    names: list[str] = field(default_factory=list)
    _at: int | str | None = None
    _moment: Moment = Moment.BEFORE
    _spring: Callable[[], None] = lambda: None

    def arm(self, at: int | str, moment: Moment, spring: Callable[[], None]) -> None:
        """Let *spring* run before or after a call, once; it may raise.

        *at* is the call's number, the first being 0, or the name of the next one so called.
        """
        self._at, self._moment, self._spring = at, moment, spring

    @property
    def sprung(self) -> bool:
        """Whether the trap was met."""
        return self._at is None

    def make[Answer](self, name: str, call: Callable[[], Answer]) -> Answer:
        """Make a call, unless a trap prevents it."""
        met = self._at in {len(self.names), name}
        self.names.append(name)
        if met:
            self._at = None
            if self._moment is Moment.BEFORE:
                self._spring()
        try:
            return call()
        finally:
            # A refusal, too, is an answer that can get lost.
            if met and self._moment is Moment.AFTER:
                self._spring()


def fail(error: BaseException) -> Callable[[], None]:
    """Return a trap that raises."""

    def spring() -> None:
        raise error

    return spring


@dataclass(frozen=True, slots=True)
class Faulty:
    """A table whose calls pass through `Calls`."""

    inner: Table
    calls: Calls
    name: str

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        return self._make("get", lambda: self.inner.get(key, consistent=consistent))

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        return self._make("batch_get", lambda: self.inner.batch_get(keys))

    def put(self, put: Put) -> None:
        self._make("put", lambda: self.inner.put(put))

    def update(self, update: Update) -> Item:
        return self._make("update", lambda: self.inner.update(update))

    def query(self, span: Range) -> list[Item]:
        return self._make("query", lambda: self.inner.query(span))

    def transact(self, writes: Sequence[Write]) -> None:
        self._make("transact", lambda: self.inner.transact(writes))

    def _make[Answer](self, verb: str, call: Callable[[], Answer]) -> Answer:
        return self.calls.make(f"{self.name}.{verb}", call)
