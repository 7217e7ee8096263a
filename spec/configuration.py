"""What is searched: a store to begin with, and who is at work on it."""

from collections import Counter
from dataclasses import dataclass

from spec.closers import Close, CloseSupplement, Reconcile, Service, Sweep
from spec.items import (
    Bill,
    Content,
    Entry,
    Head,
    Invoice,
    Key,
    Manifest,
    Number,
    Status,
    Subscription,
    Term,
    Usage,
    Written,
)
from spec.items import Counter as Series
from spec.processes import Actor
from spec.stores import Store
from spec.writers import Change, Command, Correct, Delete, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Who is at work on what, and how much may go wrong.

    *budget* is how many faults there may be in one run. Where transactions are *torn*, their items
    become visible one by one. *gathers* is whether supplements may wait for a next invoice; *quick*
    ones are searched at every commit.
    """

    name: str
    about: str
    store: Store
    actors: tuple[Actor, ...]
    budget: int = 1
    torn: bool = False
    gathers: bool = False
    quick: bool = False

    def keys(self) -> tuple[Key, ...]:
        """Return the usages that clients write."""
        jobs = [actor.job for actor in self.actors]
        return tuple(sorted({job.key for job in jobs if isinstance(job, Command.__value__)}))


def team(*jobs: Command | Change | Service) -> tuple[Actor, ...]:
    """Return a process for each job, named by its kind and numbered."""
    named: Counter[str] = Counter()
    actors = []
    for job in jobs:
        name = _NAMES[type(job)]
        named[name] += 1
        actors.append(Actor(f"{name} {named[name]}", job))
    return tuple(actors)


_NAMES = {
    Record: "client",
    Correct: "client",
    Delete: "client",
    Change: "editor",
    Sweep: "sweep",
    Close: "closer",
    CloseSupplement: "finisher",
    Reconcile: "reconciler",
}

A = Key("a", 1)
B = Key("b", 2)
BEHIND = Key("b", 3)  # behind a boundary at 2
NEXT = Key("c", 5)  # in the term after the first

AB = (A, B)
APART = (A, BEHIND)
TWO_TERMS = (A, NEXT)


def graced() -> Store:
    """Return a store in which the first term has ended and the second runs."""
    return Store.of(Term(0, 4, Status.GRACE), Invoice(Bill(0, 0)), Term(4, 8))


def both_graced() -> Store:
    """Return a store in which two terms have ended and a third runs."""
    ended = Term(0, 4, Status.GRACE), Term(4, 8, Status.GRACE)
    return Store.of(*ended, Invoice(Bill(0, 0)), Invoice(Bill(4, 0)), Term(8, 12))


def ending() -> Store:
    """Return a store in which the first term is frozen and the second, the last, has ended."""
    last = Term(4, 6, Status.GRACE, last=True)
    return frozen().having(last, Invoice(Bill(4, 0)), Subscription(2, 6))


def running() -> Store:
    """Return a store in which the first term runs."""
    return Store.of(Term(0, 4))


def frozen(*usages: Usage) -> Store:
    """Return a store in which the first term is frozen, with these usages billed."""
    first: Manifest = tuple(
        Entry(each.key, (0, 0), (each.version, each.quantity)) for each in usages
    )
    bill = Bill(0, 0)
    head = (
        [Invoice(bill, Head.ISSUED, 1), Number(1, bill), Series(2)]
        if usages
        else [Invoice(bill, Head.SKIPPED)]
    )
    return Store.of(
        Term(0, 4, Status.FROZEN, "before", manifests=1, first=first),
        Term(4, 8),
        Content(first),
        *head,
        *usages,
        *(Written(each.key, (each,)) for each in usages),
    )


def deleted(key: Key) -> tuple[Usage, Written]:
    """Return a tombstone, and what it was before."""
    first = Usage(key, 1, 9)
    tombstone = Usage(key, 2, 9, deleted=True)
    return tombstone, Written(key, (first, tombstone))
