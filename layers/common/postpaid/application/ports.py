"""What the use cases need from outside, one small protocol per need.

The stores and the outbound adapters satisfy these structurally. Reads are strongly consistent
unless a sentence says otherwise; any method may raise `Unavailable`.
"""

from __future__ import annotations  # the hot path imports this file for its exceptions alone

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from postpaid.application.entries import Appended, Balance, CreditChange, EarlyEnd
    from postpaid.domain.catalog import ItemPrice
    from postpaid.domain.customer import Customer
    from postpaid.domain.invoice import Invoice
    from postpaid.domain.invoice_content import InvoiceContent
    from postpaid.domain.line import Line
    from postpaid.domain.one_time import OneTimeCharge
    from postpaid.domain.payment import Payment
    from postpaid.domain.period import Period
    from postpaid.domain.site import Site
    from postpaid.domain.subscription import Subscription
    from postpaid.domain.supplement import Supplement
    from postpaid.domain.term import Term
    from postpaid.domain.usage import Usage, UsageKey


# How long a link to a document works.
LINK_LIFETIME = timedelta(minutes=5)


class Unavailable(Exception):
    """The platform did not answer, or said "not now": the outcome is unknown, repeating is safe."""


class Lost(Exception):
    """Another run changed the thing first; read again and decide anew."""


class ExternalIdTaken(Exception):
    """The external id of a usage names another one, which has the identity *key*."""

    def __init__(self, key: UsageKey) -> None:
        super().__init__("the external id names another usage")
        self.key = key


class LedgerFull(Exception):
    """A subscription has all the usages it may have; *count* is how many were counted."""

    def __init__(self, count: int) -> None:
        super().__init__("the subscription takes no more usages")
        self.count = count


class UsageLedger(Protocol):
    """The usages of one site."""

    def of(self, subscription: Subscription) -> UsagesOf:
        """Return the usages of a subscription; it says over how many shards they are spread."""
        ...

    def named(self, external_id: str) -> UsageKey | None:
        """Read which usage an external id is bound to; it may be known by another by now."""
        ...

    def place(self, usage: Usage) -> str:
        """Return the usage's place in its subscription, as manifests name it."""
        ...


class UsagesOf(Protocol):
    """The usages of one subscription."""

    def add(self, usage: Usage, *, records_max: int | None) -> Usage | None:
        """Store a usage whose identity is new; else store nothing and return what is there.

        With it its external id is bound to it; and it is counted, where its subscription has a
        maximum. Raises `ExternalIdTaken`, or `LedgerFull`.
        """
        ...

    def add_again(self, usage: Usage, over: Usage) -> Usage | None:
        """Store a usage over the tombstone *over*; else store nothing and return what is there.

        Its external id is bound to it; raises `ExternalIdTaken`.
        """
        ...

    def correct(self, usage: Usage, over: Usage) -> Usage | None:
        """Store the next version of a live usage over exactly *over*; else return what is there."""
        ...

    def delete(self, usage: Usage, *, deletion: str | None = None) -> Usage | None:
        """Turn exactly this version into a tombstone; None if another version is there.

        *deletion* is the digest of the idempotency key of who asks; without one, that of who
        deleted it before stays.
        """
        ...

    def get(self, key: UsageKey) -> Usage | None:
        """Read one usage, tombstones included."""
        ...

    def in_period(self, period: Period) -> Sequence[Usage]:
        """Read all usages dated in a period, tombstones included, in key order."""
        ...

    def page(self, period: Period, *, after: UsageKey | None, limit: int) -> Sequence[Usage]:
        """Read at most *limit* usages behind *after*, tombstones included, in key order."""
        ...


class Subscriptions(Protocol):
    """The subscriptions of one site."""

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        """Read a subscription; one that is not *fresh* may be up to a minute old."""
        ...


class Customers(Protocol):
    """The customers of one site."""

    def get(self, customer_id: str) -> Customer | None:
        """Read a customer."""
        ...


class Prices(Protocol):
    """The item prices of one site, all their versions."""

    def versions(self, pins: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], ItemPrice]:
        """Read versions of prices, which never change; raises `KeyError` for one that is not."""
        ...

    def newest(self, price_id: str) -> ItemPrice | None:
        """Read the newest version of a price."""
        ...

    def newest_versions(self, price_ids: Iterable[str]) -> Mapping[str, int]:
        """Read how many versions prices have."""
        ...


class Looks(Protocol):
    """Finds terms by a date."""

    def look(self, subscription_id: str, at: datetime) -> Term | None:
        """Read the term that began last at or before *at*; one strongly consistent query."""
        ...


class Terms(Looks, Protocol):
    """The terms of one site's subscriptions."""

    def get(self, subscription_id: str, start: datetime) -> Term | None:
        """Read a term."""
        ...

    def page(self, subscription_id: str, *, before: datetime | None, limit: int) -> list[Term]:
        """Read at most *limit* terms that start before an instant, newest first."""
        ...

    def fence(
        self, subscription_id: str, start: datetime, run: str, due_at: datetime | None
    ) -> Term:
        """Move a term to CLOSING for this run, and return it as it is now.

        From GRACE, or from CLOSING of a dead run. One write to one item. *due_at* is when a sweep
        should go on if this run dies; None leaves it as due as it was. Raises `Lost` if the term is
        anything else by now.
        """
        ...

    def settle(self, term: Term) -> None:
        """Take a frozen term off the list of what is due."""
        ...


class Closing(Protocol):
    """The transactions that span a term and its invoice."""

    def roll(
        self,
        ended: Term,
        begun: Term | None,
        invoice: Invoice,
        *,
        early: EarlyEnd | None = None,
    ) -> None:
        """Store that one term ended, the next began and an invoice is pending; or raise `Lost`.

        *ended* is the old term as it should be, in GRACE. *early* goes with a term that ends before
        its time. No term begins after the last.
        """
        ...

    def edit(self, subscription: Subscription, term: Term, was: Term, new: Sequence[Line]) -> None:
        """Store a changed subscription, and its open term as it should be; or raise `Lost`.

        The term must still be OPEN as it *was*, the subscription the version before. *new* are the
        subscription's entries that were not there before.
        """
        ...

    def withdraw(self, subscription: Subscription, term: Term, opening: Invoice | None) -> None:
        """Store that a subscription ends before it began; or raise `Lost`.

        Its first term is never due, its opening invoice is deleted.
        """
        ...

    def freeze(
        self,
        term: Term | None,
        invoice: Invoice,
        *,
        run: str | None,
        credit: CreditChange | None = None,
        billing: Sequence[Appended] = (),
    ) -> None:
        """Store a finished invoice, its number, and its term as frozen; or raise `Lost`.

        *term* is the term as it should be, None for an opening or supplementary invoice. Its serial
        must be the next one of its series. A finished invoice without a serial is skipped: it draws
        no number. *credit* is the customer's new balance, *billing* what waited for this invoice.
        """
        ...

    def delete(self, term: Term | None, invoice: Invoice, *, run: str | None) -> None:
        """Store an invoice as deleted, and its term as frozen; or raise `Lost`.

        *term* is the term as it should be, None for an opening or supplementary invoice.
        """
        ...

    def park(self, term: Term | None, invoice: Invoice, *, run: str | None) -> None:
        """Store why an invoice cannot be made, and that it is not due again; or raise `Lost`."""
        ...

    def repark(self, invoice: Invoice, *, over: Invoice) -> None:
        """Store why a parked invoice cannot be made by now; `Lost` if it is not as it was read."""
        ...

    def unpark(
        self, term: Term | None, invoice: Invoice, *, over: Invoice, was: Term | None
    ) -> None:
        """Store that a parked invoice waits for no request any more; or raise `Lost`.

        It must be parked and its term CLOSING as they were read. It is due as *term* says, or
        without one as the invoice does.
        """
        ...

    def void(self, invoice: Invoice, *, credit: CreditChange | None = None) -> None:
        """Store that an issued invoice is voided, and the customer's new balance; or raise `Lost`.

        It must still be ISSUED, and nothing paid of it. Its document waits to be made anew.
        """
        ...

    def next_serial(self, series: str) -> tuple[int, date | None]:
        """Read the next invoice number of a series and the date of the one before."""
        ...


class Manifests(Protocol):
    """The manifest logs of one site's terms, but for each term's first entry."""

    def of_term(self, term: Term) -> list[Appended]:
        """Read the later manifests of a term, in order."""
        ...

    def waiting(self, subscription_id: str, limit: int) -> list[Appended]:
        """Read at most *limit* manifests of a subscription that no invoice bills, oldest first."""
        ...

    def append(self, appended: Appended, *, invoice: Invoice | None, onto: Term | None) -> None:
        """Append the manifest that comes next in its term's log, or raise `Lost`.

        With it comes the *invoice* that bills it, or it waits for that of the term *onto*, which
        must not have begun to close.
        """
        ...

    def release(self, appended: Appended, invoice: Invoice) -> None:
        """Give a manifest that waits an *invoice* of its own, or raise `Lost`."""
        ...


class Credits(Protocol):
    """What a site owes its customers."""

    def balance(self, customer_id: str, currency: str) -> Balance:
        """Read a customer's credit balance in a currency."""
        ...


class Invoices(Protocol):
    """The invoices of one site."""

    def get(self, invoice_id: str) -> Invoice | None:
        """Read the head of an invoice."""
        ...

    def many(self, invoice_ids: Sequence[str]) -> list[Invoice]:
        """Read heads in this order, without those that do not exist; eventually consistent."""
        ...

    def rendered(self, invoice: Invoice, pdf_hash: str) -> None:
        """Note that the document of this invoice is stored; noting it twice changes nothing.

        Raises `Lost` if the invoice is not as it was read.
        """
        ...

    def settle(self, invoice: Invoice) -> None:
        """Take an invoice off the list of what is due; `Lost` if it is not as it was read."""
        ...


class Payments(Protocol):
    """What was paid of one site's invoices."""

    def get(self, invoice_id: str, payment_id: str) -> Payment | None:
        """Read a payment."""
        ...

    def of_invoice(self, invoice_id: str) -> list[Payment]:
        """Read all payments of an invoice, newest first."""
        ...

    def add(self, payment: Payment, over: Invoice) -> None:
        """Store a new payment and what is paid with it, or raise `Lost`.

        The invoice must still be ISSUED, and have exactly the payments of *over*.
        """
        ...


class OneTimeCharges(Protocol):
    """The one-time charges of one site's invoices."""

    def get(self, invoice_id: str, charge_id: str) -> OneTimeCharge | None:
        """Read a charge."""
        ...

    def of_invoice(self, invoice_id: str) -> list[OneTimeCharge]:
        """Read all charges of an invoice in their order, those that were taken off included."""
        ...

    def put(self, charge: OneTimeCharge, over: Invoice) -> None:
        """Store a new charge, or that one was taken off, or raise `Lost`.

        The invoice must still be PENDING, and its charges be as often changed as those of *over*.
        """
        ...


class Documents(Protocol):
    """Immutable objects, stored once under the hash of their bytes."""

    def put_content(self, invoice_id: str, body: bytes) -> str:
        """Store what an invoice says and return its hash; storing it twice changes nothing."""
        ...

    def get_content(self, invoice: Invoice) -> InvoiceContent:
        """Read what a finished invoice says."""
        ...

    def put_supplement(self, supplement: Supplement) -> str:
        """Store a term's later manifest and return its hash; twice changes nothing."""
        ...

    def get_supplement(self, appended: Appended) -> Supplement:
        """Read a term's later manifest."""
        ...


class Sites(Protocol):
    """This site's settings."""

    def get(self) -> Site:
        """Read the site."""
        ...


class Ids(Protocol):
    """Integers for things that have one beside their id; unique per kind, with gaps."""

    def number(self, kind: str) -> int:
        """Return the next integer of a kind."""
        ...
