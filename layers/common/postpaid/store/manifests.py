"""Manifests after the first: an append-only log for each term, and where each is billed."""

from postpaid.application.entries import Appended
from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.invoice import Invoice
from postpaid.domain.money import Money
from postpaid.domain.site import LatePolicy, Scope
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.fields import instant, number, text, text_or_none, without_none
from postpaid.store.invoices import new_invoice
from postpaid.store.tables import (
    Absent,
    Check,
    Item,
    Key,
    OneOf,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    Write,
    all_of,
    equals,
)
from postpaid.store.terms import term_key

KIND = "late_usage"


class StoredManifests:
    """The manifest logs of one site. *clock* names the clock that due times are on."""

    def __init__(self, table: Table, scope: Scope, clock: str = keys.LIVE) -> None:
        self._table = table
        self._scope = scope
        self._clock = clock

    def of_term(self, term: Term) -> list[Appended]:
        """Read the later manifests of a term, in order; strongly consistent."""
        first = keys.manifest(self._scope, term.subscription_id, term.period.start, 0)
        last = f"{first.sk.rpartition('#')[0]}#~"
        rows = self._table.query(Range(pk=first.pk, first=first.sk, last=last))
        return [appended_from_item(row) for row in rows]

    def waiting(self, subscription_id: str, limit: int) -> list[Appended]:
        """Read at most *limit* manifests of a subscription that no invoice bills, oldest first."""
        pk = keys.entity(self._scope, "subscription", subscription_id).pk
        rows = self._table.query(Range(pk=pk, first="MAN#", last="MAN#~"))
        found = [each for each in map(appended_from_item, rows) if each.waiting]
        found.sort(key=lambda each: (each.found_at, each.start, each.k))
        return found[:limit]

    def append(self, appended: Appended, *, invoice: Invoice | None, onto: Term | None) -> None:
        """Append the manifest that comes next in its term's log, or raise `Lost`.

        Only over the log that was read: its index must be new, and the term must count as many. If
        it waits for another term's invoice, that one must not have begun to close, so that its
        close, which reads what waits after its fence, cannot miss it.
        """
        scope = self._scope
        key = keys.term(scope, appended.subscription_id, appended.start)
        frozen = all_of(equals("status", TermStatus.FROZEN.value), equals("m", appended.k))
        writes: list[Write] = [
            Put(item_from_appended(scope, appended), condition=Absent()),
            Update(key, frozen, set={"m": appended.k + 1}),
        ]
        if invoice is not None:
            writes += new_invoice(scope, self._clock, invoice, appended.found_at)
        if onto is not None:
            open_still = OneOf("status", (TermStatus.OPEN.value, TermStatus.GRACE.value))
            writes.append(Check(term_key(scope, onto), open_still))
        try:
            self._table.transact(writes)
        except TransactionRefused:
            raise Lost from None

    def release(self, appended: Appended, invoice: Invoice) -> None:
        """Give a manifest that waits an *invoice* of its own, or raise `Lost`.

        It must wait still: of this and a close that takes it with its own invoice one is refused.
        """
        own = new_invoice(self._scope, self._clock, invoice, invoice.created_at)
        try:
            self._table.transact([billing_write(self._scope, appended, invoice.id), *own])
        except TransactionRefused:
            raise Lost from None


def billing_write(scope: Scope, appended: Appended, invoice_id: str) -> Update:
    """Return the write that notes which invoice bills a manifest that waited."""
    key = keys.manifest(scope, appended.subscription_id, appended.start, appended.k)
    return Update(key, Absent("billed_in"), set={"billed_in": invoice_id})


def item_from_appended(scope: Scope, appended: Appended) -> Item:
    """Return the stored form of a log entry; lists of late usage show it."""
    key = keys.manifest(scope, appended.subscription_id, appended.start, appended.k)
    return without_none(
        {
            **key._asdict(),
            "s": keys.SCHEMA,
            "h": appended.content_hash,
            "currency": appended.amount.currency,
            "amount": str(appended.amount.minor),
            "policy": appended.policy.value,
            "found_at": instant_text(appended.found_at),
            "billed_in": appended.billed_in,
            **keys.listing(scope, KIND, appended.content_hash, appended.found_at),
        }
    )


def appended_from_item(item: Item) -> Appended:
    """Read a log entry from its stored form."""
    key = Key(text(item, "pk"), text(item, "sk"))
    _, start, k = key.sk.split("#")
    assert number(item, "s") == keys.SCHEMA
    return Appended(
        subscription_id=keys.identifier(key),
        start=instant_from_text(start),
        k=int(k),
        content_hash=text(item, "h"),
        amount=Money(int(text(item, "amount")), text(item, "currency")),
        policy=LatePolicy(text(item, "policy")),
        found_at=instant(item, "found_at"),
        billed_in=text_or_none(item, "billed_in"),
    )
