"""All stores of one site, put together once for the functions that need most of them."""

from dataclasses import dataclass
from datetime import datetime

from postpaid.application.books import Books
from postpaid.application.ports import Documents
from postpaid.domain.site import Scope, Site
from postpaid.store.catalog import StoredItems, StoredPrices
from postpaid.store.charges import StoredCharges
from postpaid.store.closing import StoredClosing
from postpaid.store.counters import StoredIds
from postpaid.store.credits import StoredCredits
from postpaid.store.customers import StoredCustomers
from postpaid.store.invoices import StoredInvoices
from postpaid.store.item_families import StoredItemFamilies
from postpaid.store.listing import StoredLists
from postpaid.store.manifests import StoredManifests
from postpaid.store.numbered import StoredNumbered
from postpaid.store.numbers import StoredNumbers
from postpaid.store.payments import StoredPayments
from postpaid.store.replies import StoredReplies
from postpaid.store.sites import StoredSites, ThisSite, clock_name
from postpaid.store.subscriptions import StoredSubscriptions
from postpaid.store.tables import Table
from postpaid.store.terms import StoredTerms
from postpaid.store.travels import StoredTravels
from postpaid.store.usage import StoredUsages


@dataclass(frozen=True, slots=True)
class SiteStores:
    """The stores of one site over the two tables; *site* is as it was when they were made."""

    usages: Table
    billing: Table
    site: Site

    @classmethod
    def of(cls, usages: Table, billing: Table, scope: Scope) -> "SiteStores":
        """Return the stores of a site in its present generation, reading its settings."""
        site = StoredSites(billing).get(scope.site)
        assert site is not None, "sites are never removed"
        return cls(usages, billing, site)

    @property
    def scope(self) -> Scope:
        """The site and generation everything here is read and written under."""
        return self.site.scope

    @property
    def sites(self) -> ThisSite:
        """The site's settings, read afresh."""
        return ThisSite(self.billing, self.scope.site)

    @property
    def all_sites(self) -> StoredSites:
        """Settings by site id, and how they are changed."""
        return StoredSites(self.billing)

    @property
    def families(self) -> StoredItemFamilies:
        """The item families."""
        return StoredItemFamilies(self.billing, self.scope)

    @property
    def travels(self) -> StoredTravels:
        """What is noted of the travels of a test site's clock."""
        return StoredTravels(self.billing, self.scope)

    @property
    def items(self) -> StoredItems:
        """The items."""
        return StoredItems(self.billing, self.scope)

    @property
    def prices(self) -> StoredPrices:
        """The item prices."""
        return StoredPrices(self.billing, self.scope)

    @property
    def customers(self) -> StoredCustomers:
        """The customers."""
        return StoredCustomers(self.billing, self.scope)

    @property
    def subscriptions(self) -> StoredSubscriptions:
        """The subscriptions."""
        return StoredSubscriptions(self.billing, self.scope)

    @property
    def terms(self) -> StoredTerms:
        """The terms."""
        return StoredTerms(self.billing, self.scope, clock_name(self.site))

    @property
    def credits(self) -> StoredCredits:
        """The customers' credit balances."""
        return StoredCredits(self.billing, self.scope)

    @property
    def payments(self) -> StoredPayments:
        """What was paid of the invoices."""
        return StoredPayments(self.billing, self.scope)

    @property
    def charges(self) -> StoredCharges:
        """What is put on the invoices beside what their subscriptions owe."""
        return StoredCharges(self.billing, self.scope)

    @property
    def numbers(self) -> StoredNumbers:
        """Which invoice has which number."""
        return StoredNumbers(self.billing, self.scope)

    @property
    def numbered(self) -> StoredNumbered:
        """Which thing has which integer."""
        return StoredNumbered(self.billing, self.scope)

    @property
    def replies(self) -> StoredReplies:
        """The answers that are stored for clients' own keys."""
        return StoredReplies(self.billing, self.scope)

    @property
    def manifests(self) -> StoredManifests:
        """The manifest logs."""
        return StoredManifests(self.billing, self.scope, clock_name(self.site))

    @property
    def ledger(self) -> StoredUsages:
        """The usage ledger."""
        return StoredUsages(self.usages, self.scope)

    @property
    def invoices(self) -> StoredInvoices:
        """The heads of invoices."""
        return StoredInvoices(self.billing, self.scope, clock_name(self.site))

    def lists(self, now: datetime) -> StoredLists:
        """Return the lists."""
        site = self.site
        return StoredLists(
            self.billing, self.scope, oldest=site.began, newest=now, former=site.former
        )

    def closing(self, now: datetime) -> StoredClosing:
        """Return the transactions over a term and its invoice."""
        return StoredClosing(self.billing, self.scope, now, clock_name(self.site))

    def ids(self, blocks: dict[str, list[int]]) -> StoredIds:
        """Return the integer ids; *blocks* is what the process has reserved."""
        return StoredIds(self.billing, self.scope, blocks)

    def books(self, documents: Documents, now: datetime) -> Books:
        """Return everything that invoices are made from."""
        return Books(
            subscriptions=self.subscriptions,
            customers=self.customers,
            prices=self.prices,
            sites=self.sites,
            terms=self.terms,
            ledger=self.ledger,
            invoices=self.invoices,
            charges=self.charges,
            closing=self.closing(now),
            credits=self.credits,
            manifests=self.manifests,
            documents=documents,
        )
