"""Everything a site's invoices are made from."""

from dataclasses import dataclass

from postpaid.application.ports import (
    Closing,
    Credits,
    Customers,
    Documents,
    Invoices,
    Manifests,
    OneTimeCharges,
    Prices,
    Sites,
    Subscriptions,
    Terms,
    UsageLedger,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The stores of one site that invoices are read from and written to, as one argument."""

    subscriptions: Subscriptions
    customers: Customers
    prices: Prices
    sites: Sites
    terms: Terms
    ledger: UsageLedger
    invoices: Invoices
    charges: OneTimeCharges
    closing: Closing
    credits: Credits
    manifests: Manifests
    documents: Documents
