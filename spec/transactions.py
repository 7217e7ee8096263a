"""The writes of several items at once: whole or not at all, but not at once visible to reads."""

from collections.abc import Iterator
from dataclasses import dataclass

from spec.items import (
    Appended,
    Bill,
    Counter,
    Head,
    Invoice,
    Item,
    Manifest,
    Number,
    Status,
    Subscription,
    Term,
)
from spec.reads import is_before_its_fence
from spec.rules import DESIGNED, AppendRule, Rules
from spec.stores import Store
from spec.writes import Effect, Write, said

REFUSED = Effect(answer=False)


class Transaction(Write):
    """A conditional write of several items; answers whether it was done."""

    __slots__ = ()

    def is_transaction(self) -> bool:
        """Tell that it is one."""
        return True


@dataclass(frozen=True, slots=True)
class Roll(Transaction):
    """End a term, open the next, leave a pending invoice.

    *was* is the term as it was read. *subscription* comes with an end before its time.
    """

    was: Term
    end: int
    begun: Term | None
    subscription: Subscription | None = None
    rules: Rules = DESIGNED

    def effect(self, store: Store) -> Effect:
        """Only if the term is OPEN with the end and the changes that were read."""
        term, now = store.term(self.was.start), store.subscription()
        if term is None or not self._still(term):
            return REFUSED
        if self.subscription is not None and now.version != self.subscription.version - 1:
            return REFUSED
        invoice = Invoice(Bill(term.start, 0))
        fresh = [item for item in (self.begun, invoice) if item is not None]
        if self.rules.end_names_the_status and any(each.name in store.items for each in fresh):
            return REFUSED
        ended = term._replace(end=self.end, status=Status.GRACE, last=self.begun is None)
        stored: list[Item] = [ended, *fresh]
        if self.subscription is not None:
            stored.append(self.subscription)
        return Effect(answer=True, stored=tuple(stored))

    def _still(self, term: Term) -> bool:
        is_open = term.status is Status.OPEN or not self.rules.end_names_the_status
        same = (term.end, term.changes) == (self.was.end, self.was.changes)
        return is_open and (same or not self.rules.end_names_the_end)

    def __str__(self) -> str:
        early = f", subscription {self.subscription}" if self.subscription else ""
        return f"end term {self.was.start} at {self.end}, next {self.begun}{early}"


@dataclass(frozen=True, slots=True)
class Edit(Transaction):
    """Change where an open term, and perhaps its subscription, will end."""

    was: Term
    end: int
    subscription: Subscription
    is_counted: bool = True

    def effect(self, store: Store) -> Effect:
        """Only if the term is OPEN with the end and the changes that were read."""
        term, now = store.term(self.was.start), store.subscription()
        if term != self.was or now.version != self.subscription.version - 1:
            return REFUSED
        edited = self.was._replace(end=self.end, changes=self.was.changes + self.is_counted)
        return Effect(answer=True, stored=(edited, self.subscription))

    def __str__(self) -> str:
        return f"let term {self.was.start} end at {self.end}, subscription {self.subscription}"


@dataclass(frozen=True, slots=True)
class Freeze(Transaction):
    """Finish an invoice, draw its number, freeze its term.

    *manifest* is None for an invoice that has no term to freeze; *number* 0 is a skipped one.
    *waiting* are the later manifests of other terms that this invoice bills.
    """

    bill: Bill
    run: str
    manifest: Manifest | None
    number: int
    waiting: tuple[Appended, ...] = ()
    rules: Rules = DESIGNED

    def effect(self, store: Store) -> Effect:
        """Only if the term is CLOSING for the run and the invoice PENDING."""
        invoice = store.invoice(self.bill)
        if invoice is None or not self._holds(store, invoice):
            return REFUSED
        head = Head.ISSUED if self.number else Head.SKIPPED
        stored: list[Item] = [Invoice(self.bill, head, self.number)]
        if self.manifest is not None:
            term = store.term(self.bill.start)
            assert term is not None, "terms are never removed"
            frozen = term._replace(
                status=Status.FROZEN, parked=False, manifests=1, first=self.manifest
            )
            stored.append(frozen)
        stored += self._numbered()
        stored += [each._replace(billed_in=self.bill) for each in self.waiting]
        return Effect(answer=True, stored=tuple(stored))

    def _holds(self, store: Store, invoice: Invoice) -> bool:
        term = store.term(self.bill.start)
        mine = (
            self.manifest is None
            or not self.rules.freeze_names_the_run
            or (term is not None and (term.status, term.run) == (Status.CLOSING, self.run))
        )
        pending = invoice.head is Head.PENDING or not self.rules.freeze_names_the_invoice
        next_one = (
            not self.number
            or not self.rules.freeze_holds_the_number
            or not self.rules.number_is_conditional
            or store.upcoming() == self.number
        )
        return (
            mine and pending and next_one and all(map(store.appended().__contains__, self.waiting))
        )

    def _numbered(self) -> Iterator[Item]:
        if self.number:
            yield Number(self.number, self.bill)
            if self.rules.freeze_holds_the_number:
                yield Counter(self.number + 1)

    def __str__(self) -> str:
        number = f"as number {self.number}" if self.number else "without a number"
        what = "" if self.manifest is None else f" {said(self.manifest)}"
        more = f" and {said(self.waiting)}" if self.waiting else ""
        return f"freeze {self.bill}{what}{more} {number}{f' by {self.run}' if self.run else ''}"


@dataclass(frozen=True, slots=True)
class Park(Transaction):
    """Take a term that cannot be rated off the list of what is due; it stays CLOSING."""

    start: int
    run: str
    reopens: bool = False

    def effect(self, store: Store) -> Effect:
        """Only if the term is CLOSING for the run."""
        term = store.term(self.start)
        if term is None or (term.status, term.run) != (Status.CLOSING, self.run):
            return REFUSED
        status = Status.GRACE if self.reopens else Status.CLOSING
        return Effect(answer=True, stored=(term._replace(status=status, parked=True),))

    def __str__(self) -> str:
        return f"park term {self.start} by {self.run}"


@dataclass(frozen=True, slots=True)
class Append(Transaction):
    """Append what changed since a term was billed.

    It has an invoice of its own, or waits for that of the term *onto*, which must not have begun to
    close.
    """

    bill: Bill
    entries: Manifest
    onto: int | None
    rules: Rules = DESIGNED

    def effect(self, store: Store) -> Effect:
        """Only over the log that was read."""
        term = store.term(self.bill.start)
        assert term is not None, "terms are never removed"
        bill = self.bill
        if self.rules.append is AppendRule.STACKS:
            bill = Bill(bill.start, term.manifests)
        elif self.rules.append is AppendRule.CONTINUES and (
            term.manifests != bill.k or f"manifest {bill}" in store.items
        ):
            return REFUSED
        counted = term._replace(manifests=bill.k + 1)
        if self.onto is None:
            appended = Appended(bill, self.entries, bill)
            return Effect(answer=True, stored=(appended, counted, Invoice(bill)))
        onto = store.term(self.onto)
        assert onto is not None, "terms are never removed"
        if self.rules.append_checks_the_next_term and not is_before_its_fence(onto):
            return REFUSED
        stored = (Appended(bill, self.entries, None), counted)
        return Effect(answer=True, stored=stored, checked=(onto.name,))

    def __str__(self) -> str:
        onto = "" if self.onto is None else f", onto the invoice of term {self.onto}"
        return f"append manifest {self.bill} {said(self.entries)}{onto}"


@dataclass(frozen=True, slots=True)
class Release(Transaction):
    """Give a manifest an invoice of its own that waits for one which will not come."""

    appended: Appended

    def effect(self, store: Store) -> Effect:
        """Only if it waits still."""
        if self.appended not in store.appended():
            return REFUSED
        bill = self.appended.bill
        stored = (self.appended._replace(billed_in=bill), Invoice(bill))
        return Effect(answer=True, stored=stored)

    def __str__(self) -> str:
        return f"give {self.appended} an invoice of its own"
