"""The processes that the service starts by itself: roll, close, reconcile.

Each is a function of what is stored, and may be started at any time and as often as one likes.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from spec.items import Bill, Entry, Key, Manifest, Status, Term, Usage
from spec.reads import (
    Read,
    ReadCounter,
    ReadInvoice,
    ReadLog,
    ReadNextToClose,
    ReadSubscription,
    ReadTerm,
    ReadUsage,
    ReadWaiting,
)
from spec.rules import Rules
from spec.stores import fold
from spec.transactions import Append, Freeze, Park, Release, Roll
from spec.writers import Again, Steps
from spec.writes import DrawNumber, Fence, PutContent, Reopen, Write


class Done(NamedTuple):
    """A process of the service came to its end; *appended* is whether it billed something late."""

    appended: bool = False

    def __str__(self) -> str:
        return "done"


@dataclass(frozen=True, slots=True)
class Sweep:
    """End the term that starts at *start*, when its end is reached."""

    start: int

    def steps(self, rules: Rules) -> Steps[Done]:
        """Read the term and then the subscription, end the one and begin the next."""
        term = yield ReadTerm(self.start)
        if term.status is not Status.OPEN:
            return Done()
        subscription = yield ReadSubscription()
        done = yield Roll(term, term.end, subscription.successor(term.end), rules=rules)
        return Done() if done else Again()

    def __str__(self) -> str:
        return f"end term {self.start}"


@dataclass(frozen=True, slots=True)
class Close:
    """Close the invoice of a term: fence, query, store, freeze.

    *keys* are those that a query may meet. *unratable* closes fail to rate and park the term; only
    those that are *asked_for* take up a parked one. *gathers* is whether supplements of other terms
    may wait for this invoice: where they cannot, reading them is no step.
    """

    start: int
    keys: tuple[Key, ...]
    asked_for: bool = False
    unratable: bool = False
    gathers: bool = False

    def steps(self, rules: Rules, run: str, knowing: Manifest | None = None) -> Steps[Done]:
        """Fence, then query, then freeze; one that knows what it read goes on from there."""
        if knowing is not None:
            return (yield from self._freeze(rules, run, knowing))
        before = None if rules.dates_come_from_the_fence else (yield ReadTerm(self.start))
        takes_up = self.asked_for and rules.request_takes_up_what_is_parked
        pending = yield ReadInvoice(Bill(self.start, 0), takes_up)
        if not pending:
            return Done()
        usages: tuple[Usage, ...] = ()
        if not rules.fence_comes_first:
            usages = yield from query(self.keys, (yield ReadTerm(self.start)), rules)
        if not rules.takeover_stays_closing:
            yield Reopen(self.start)
        fenced = yield Fence(self.start, run)
        if fenced is None:
            return Again()
        if rules.fence_comes_first:
            usages = yield from query(self.keys, before or fenced, rules)
        if self.unratable:
            done = yield Park(self.start, run, reopens=not rules.parked_stays_closing)
            return Done() if done else Again()
        return (yield from self._freeze(rules, run, first_manifest(usages, rules)))

    def _freeze(self, rules: Rules, run: str, manifest: Manifest) -> Steps[Done]:
        bill = Bill(self.start, 0)
        waiting = (yield ReadWaiting()) if self.gathers else ()
        if rules.content_comes_first:
            yield PutContent(manifest)
        number = 0
        if manifest or waiting:
            number = yield ReadCounter() if rules.freeze_holds_the_number else DrawNumber()
        done = yield Freeze(bill, run, manifest, number, waiting, rules)
        if done:
            if not rules.content_comes_first:
                yield PutContent(manifest)
            return Done()
        term = yield ReadTerm(self.start)
        still_ours = (term.status, term.run) == (Status.CLOSING, run)
        # Only what all closes draw on went to another: draw again, and keep what was read.
        return Again(knowing=manifest) if still_ours else Again()

    def __str__(self) -> str:
        if self.unratable:
            return f"try to close term {self.start}, whose price cannot rate"
        return f"close term {self.start}{' by request' if self.asked_for else ''}"


@dataclass(frozen=True, slots=True)
class CloseSupplement:
    """Close the invoice that one later manifest has to itself."""

    bill: Bill

    def steps(self, rules: Rules) -> Steps[Done]:
        """Draw a number and finish it."""
        pending = yield ReadInvoice(self.bill, asked_for=True)
        if not pending:
            return Done()
        number = yield ReadCounter() if rules.freeze_holds_the_number else DrawNumber()
        done = yield Freeze(self.bill, "", None, number, rules=rules)
        return Done() if done else Again()

    def __str__(self) -> str:
        return f"close invoice {self.bill}"


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Bill what changed in a term after it was frozen; *onto_next* prefers the next invoice."""

    start: int
    keys: tuple[Key, ...]
    onto_next: bool = False

    def steps(self, rules: Rules) -> Steps[Done]:
        """Read what was billed and then what is there, append the difference."""
        term = yield ReadTerm(self.start, frozen=True)
        log = yield ReadLog(self.start)
        if rules.log_is_complete and len(log) != term.manifests - 1:
            return Again()  # a decided transaction has not reached every item yet
        waiting = [each for each in log if each.billed_in is None]
        stranded = waiting and rules.stranded_supplements_are_released
        if stranded and (yield ReadNextToClose()) is None:
            yield Release(waiting[0])
            return Again()
        usages = yield from query(self.keys, term, rules)
        billed = fold(term, list(log) if rules.difference_is_to_all else [])
        entries = differences(billed, usages, rules)
        if not entries:
            return Done()
        onto = (yield ReadNextToClose()) if self.onto_next else None
        k = term.manifests
        done = yield Append(Bill(self.start, k), entries, onto, rules)
        return Done(appended=True) if done else Again()

    def __str__(self) -> str:
        return f"reconcile term {self.start}"


type Service = Sweep | Close | CloseSupplement | Reconcile


def query(
    keys: Iterable[Key], term: Term, rules: Rules
) -> Generator[Read | Write, Any, tuple[Usage, ...]]:
    """Read the usages of a term, one after another.

    The last term of a subscription takes what lies behind it, too.
    """
    endless = term.last
    if not rules.term_says_that_it_is_the_last:
        subscription = yield ReadSubscription()
        endless = subscription.is_last(term)
    endless = endless and rules.last_term_takes_the_rest
    usages: tuple[Usage, ...] = ()
    for key in keys:
        if term.start <= key.date and (key.date < term.end or endless):
            usage = yield ReadUsage(key)
            usages += () if usage is None else (usage,)
    return usages


def first_manifest(usages: Iterable[Usage], rules: Rules) -> Manifest:
    """Return what an invoice bills at first: tombstones are not mentioned."""
    return tuple(
        Entry(usage.key, (0, 0), (usage.version, usage.quantity))
        for usage in usages
        if not (usage.deleted and rules.tombstones_count_nothing)
    )


def differences(
    billed: dict[Key, tuple[int, int]], usages: Iterable[Usage], rules: Rules
) -> Manifest:
    """Return which usages are not as they were billed.

    One that was never billed and is deleted is no difference.
    """
    entries = []
    for usage in usages:
        was = billed.get(usage.key, (0, 0))
        counts = usage.billable if rules.tombstones_count_nothing else usage.quantity
        if was[0] < usage.version and (was[1] or not usage.deleted):
            entries.append(Entry(usage.key, was, (usage.version, counts)))
    return tuple(entries)
