"""What a process may ask of the store; each answer is that of one moment.

A read that answers nothing waits: what it is about is not there yet.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from spec.items import Appended, Bill, Head, Key, Status, Term
from spec.stores import Store


class Read(ABC):
    """A strongly consistent read of one item, or of a few under one key."""

    __slots__ = ()

    @abstractmethod
    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield every answer that the store may give."""


@dataclass(frozen=True, slots=True)
class ReadUsage(Read):
    """Read one usage, tombstones included."""

    key: Key

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield what is there."""
        yield store.usage(self.key)

    def __str__(self) -> str:
        return f"read usage {self.key}"


@dataclass(frozen=True, slots=True)
class Look(Read):
    """Read the term that began last at or before a date."""

    date: int
    stale: bool = False

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield the term, and what it was before if the read may be of an older state."""
        term = store.newest(self.date)
        yield term
        if self.stale and term is not None and term.status in {Status.CLOSING, Status.FROZEN}:
            yield term._replace(status=Status.GRACE)

    def __str__(self) -> str:
        return f"look for the term at {self.date}"


@dataclass(frozen=True, slots=True)
class ReadTerm(Read):
    """Read a term; *frozen* waits until it is."""

    start: int
    frozen: bool = False

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield the term."""
        term = store.term(self.start)
        if term is not None and (term.status is Status.FROZEN or not self.frozen):
            yield term

    def __str__(self) -> str:
        return f"read term {self.start}"


@dataclass(frozen=True, slots=True)
class ReadNewestTerm(Read):
    """Read the newest term of all."""

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield the term."""
        yield store.terms()[-1]

    def __str__(self) -> str:
        return "read the newest term"


@dataclass(frozen=True, slots=True)
class ReadNextToClose(Read):
    """Read which term is the oldest that has not begun to close."""

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield its start, or None."""
        waiting = [term for term in store.terms() if is_before_its_fence(term)]
        yield waiting[0].start if waiting else None

    def __str__(self) -> str:
        return "read the term that closes next"


@dataclass(frozen=True, slots=True)
class ReadInvoice(Read):
    """Read the head of an invoice, once it is there and, unless asked for, not parked."""

    bill: Bill
    asked_for: bool

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield whether the invoice is still pending."""
        invoice, term = store.invoice(self.bill), store.term(self.bill.start)
        if invoice is not None and (self.asked_for or (term and not term.parked)):
            yield invoice.head is Head.PENDING

    def __str__(self) -> str:
        return f"is invoice {self.bill} pending?"


@dataclass(frozen=True, slots=True)
class ReadSubscription(Read):
    """Read the subscription."""

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield it."""
        yield store.subscription()

    def __str__(self) -> str:
        return "read the subscription"


@dataclass(frozen=True, slots=True)
class ReadLog(Read):
    """Read the later manifests of a term."""

    start: int

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield them in order."""
        yield tuple(store.log(self.start))

    def __str__(self) -> str:
        return f"read the log of term {self.start}"


@dataclass(frozen=True, slots=True)
class ReadWaiting(Read):
    """Read the manifests that wait for an invoice."""

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield them."""
        yield tuple(each for each in store.appended() if each.billed_in is None)

    def __str__(self) -> str:
        return "read what waits for an invoice"


@dataclass(frozen=True, slots=True)
class ReadCounter(Read):
    """Read the next number of the series."""

    def answers(self, store: Store) -> Iterator[Hashable]:
        """Yield it."""
        yield store.upcoming()

    def __str__(self) -> str:
        return "read the next number"


def is_before_its_fence(term: Term) -> bool:
    """Tell whether a term has not begun to close."""
    return term.status in {Status.OPEN, Status.GRACE}


type Log = tuple[Appended, ...]
