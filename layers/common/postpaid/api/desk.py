"""What a door works with for one request: the caller's site and everything in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from postpaid.api.records import Records
from postpaid.application.advance_clock import Hands
from postpaid.application.api_keys import KeyRing, SiteSecrets
from postpaid.application.books import Books
from postpaid.application.catalog import Items, NewPrices
from postpaid.application.change_closing import (
    ChangeableSubscriptions,
    RetimableInvoices,
    RetimableTerms,
)
from postpaid.application.customers import ChangeableCustomers, NewCustomers
from postpaid.application.delete_customer import DeletableCustomers
from postpaid.application.edit_subscription import Office
from postpaid.application.entries import Appended
from postpaid.application.find_invoice import Numbers
from postpaid.application.find_numbered import Numbered
from postpaid.application.item_families import ItemFamilies
from postpaid.application.list_invoices import PagedCustomers, PagedInvoices
from postpaid.application.ports import (
    Documents,
    Ids,
    Invoices,
    Payments,
    UsageLedger,
)
from postpaid.application.replay import Replies
from postpaid.application.sites import ChangeableSites
from postpaid.application.start_afresh import FreshSites
from postpaid.application.subscriptions import Activation
from postpaid.application.travel_forward import Travels
from postpaid.application.usage_statement import Statements
from postpaid.domain.catalog import Item, ItemFamily, ItemPrice
from postpaid.domain.customer import Customer
from postpaid.domain.invoice import Invoice
from postpaid.domain.money import Money
from postpaid.domain.site import Scope, Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import UsageKey

type Page[Thing] = tuple[list[Thing], str | None]


class Lists(Protocol):
    """The lists of one site behind a place, the newest or the oldest first."""

    def item_families(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> Page[ItemFamily]:
        """Read a page of the item families."""
        ...

    def items(self, after: str | None, limit: int, *, ascending: bool = False) -> Page[Item]:
        """Read a page of the items."""
        ...

    def prices(self, after: str | None, limit: int, *, ascending: bool = False) -> Page[ItemPrice]:
        """Read a page of the item prices."""
        ...

    def customers(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> Page[Customer]:
        """Read a page of the customers."""
        ...

    def subscriptions(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> Page[Subscription]:
        """Read a page of the subscriptions."""
        ...

    def place_of(self, subscription: Subscription) -> str: ...  # noqa: D102
    def invoices(self, after: str | None, limit: int, *, ascending: bool = False) -> Page[Invoice]:
        """Read a page of the invoices."""
        ...

    def late_usages(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> Page[Appended]:
        """Read a page of the manifests that came after a first."""
        ...


class DeskCustomers(
    NewCustomers, ChangeableCustomers, DeletableCustomers, PagedCustomers, Protocol
):
    """The customers of one site."""


class DeskInvoices(Invoices, PagedInvoices, RetimableInvoices, Protocol):
    """The invoices of one site."""


class DeskSites(ChangeableSites, FreshSites, Protocol):
    """All sites of the stack."""


class CustomerCredits(Protocol):
    """What the site owes its customers."""

    def of_customer(self, customer_id: str) -> list[Money]:
        """Read a customer's balances that are not zero."""
        ...


class Linked(Documents, Statements, Protocol):
    """The documents of one site, and how a client gets one."""

    def pdf_link(self, invoice: Invoice, *, inline: bool = False) -> str:
        """Return a URL of the document for a few minutes: to download, or *inline*."""
        ...

    def statement_pdf_link(self, invoice: Invoice, digest: str, *, inline: bool = False) -> str:
        """Return a URL of the document of a statement of usages for a few minutes."""
        ...


class Wait(Protocol):
    """How a request waits for what another process makes."""

    def __call__[Found](self, look: Callable[[], Found | None], seconds: int) -> Found | None:
        """Look until something is there and return it; None if nothing is for so many seconds."""
        ...


class UsageIds(Protocol):
    """How a usage's public id and integer are made from its identity."""

    def text(self, key: UsageKey) -> str:
        """Return the public id."""
        ...

    def placed(self, subscription_id: str, place: str) -> UsageKey:
        """Read a place, as manifests name it."""
        ...

    def number(self, key: UsageKey) -> int:
        """Return the integer."""
        ...

    def key(self, subscription_id: str, text: str) -> UsageKey:
        """Read a public id; raises `ValueError` if it is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One request's view of its site.

    *now* is on the site's clock, *real_now* on everybody's. *replies_in* are the answers that are
    stored under clients' own keys; *seeded_ids* is what stands in for *new_id* then. *place_of*
    says where in its list a thing is that was created at an instant and has an id. *test_hosts* are
    what usage URLs may name against the rules. *hasten* asks a worker to look at things at once,
    *ask_for_statement* the renderer for the document of a statement, by its invoice and hash,
    *request_pull* the puller for the usage URLs of a term, by its subscription and start.
    """

    scope: Scope
    site: Site
    now: datetime
    items: Items
    families: ItemFamilies
    prices: NewPrices
    customers: DeskCustomers
    subscriptions: ChangeableSubscriptions
    terms: RetimableTerms
    ledger: UsageLedger
    invoices: DeskInvoices
    numbers: Numbers
    numbered: Numbered
    lists: Lists
    activation: Activation
    all_sites: DeskSites
    travels: Travels
    ring: KeyRing
    site_secrets: SiteSecrets
    ids: Ids
    books: Books
    office: Office
    credits: CustomerCredits
    payments: Payments
    documents: Linked
    usage_ids: UsageIds
    records: Records
    replies_in: Callable[[Scope], Replies]
    wait_for: Wait
    real_now: Callable[[], datetime]
    place_of: Callable[[datetime, str], str]
    test_hosts: frozenset[str]
    new_id: Callable[[str], str]
    seeded_ids: Callable[[str], Callable[[str], str]]
    new_run: Callable[[], str]
    new_key_parts: Callable[[], tuple[str, str]]
    hasten: Callable[[Sequence[str]], None]
    ask_for_statement: Callable[[str, str], None]
    request_pull: Callable[[str, datetime], None]
    hands: Hands
