"""Which invoices a list is about: all of a site, or the few that a filter names."""

from postpaid.api.chargeover.find import EXTERNAL_KEY, id_of
from postpaid.api.chargeover.invoice_reading import invoice_of
from postpaid.api.chargeover.invoice_shape import SHOWN
from postpaid.api.chargeover.where import Asked
from postpaid.api.desk import Desk
from postpaid.application.find_invoice import find_invoice_by_number
from postpaid.application.find_numbered import Kind
from postpaid.application.gather import gathered
from postpaid.application.list_invoices import (
    Drawers,
    invoices_of_customer,
    invoices_of_subscription,
)
from postpaid.domain.errors import NotFound
from postpaid.domain.invoice import Invoice


def named_invoices(desk: Desk, asked: Asked, prefix: str = "") -> list[Invoice] | None:
    """Return the invoices that can be meant, the oldest first; None if no filter names any.

    Those who name one invoice come before those who name a customer's or a package's. *prefix* is
    where the invoice's integer is, if not in the row itself.
    """
    number, key = asked.only(f"{prefix}invoice_id"), asked.only("external_key")
    if number is not None:
        return _one(desk, number)
    if key is not None and not prefix:
        return _one(desk, f"{EXTERNAL_KEY}{key}")
    refnumber = asked.only("refnumber")
    if refnumber is not None:
        found = find_invoice_by_number(
            refnumber, site=desk.site, numbers=desk.numbers, invoices=desk.invoices
        )
        return [] if found is None else [found]
    of_package = _of_package(desk, asked)
    return _of_customer(desk, asked) if of_package is None else of_package


def is_shown(invoice: Invoice) -> bool:
    """Tell whether an invoice has a number, voided or not."""
    return invoice.status in SHOWN


def _one(desk: Desk, text: str) -> list[Invoice]:
    try:
        return [invoice_of(desk, text)]
    except NotFound:
        return []


def _of_package(desk: Desk, asked: Asked) -> list[Invoice] | None:
    number, key = asked.only("package_id"), asked.only("package_external_key")
    if number is None and key is None:
        return None
    identifier = _id(desk, "subscription", number, key)
    subscription = None if identifier is None else desk.subscriptions.get(identifier)
    if subscription is None:
        return []

    def read(after: list[str] | None, limit: int) -> tuple[list[Invoice], list[str] | None]:
        return invoices_of_subscription(
            subscription, drawers=_drawers(desk), after=after, limit=limit
        )

    return _oldest_first(gathered(read, is_shown))


def _of_customer(desk: Desk, asked: Asked) -> list[Invoice] | None:
    number, key = asked.only("customer_id"), asked.only("customer_external_key")
    if number is None and key is None:
        return None
    identifier = _id(desk, "customer", number, key)
    if identifier is None:
        return []

    def read(after: list[str] | None, limit: int) -> tuple[list[Invoice], list[str] | None]:
        return invoices_of_customer(identifier, drawers=_drawers(desk), after=after, limit=limit)

    return _oldest_first(gathered(read, is_shown))


def _id(desk: Desk, kind: Kind, number: str | None, key: str | None) -> str | None:
    try:
        return id_of(desk, kind, f"{EXTERNAL_KEY}{key}" if number is None else number)
    except NotFound:
        return None


def _oldest_first(invoices: list[Invoice]) -> list[Invoice]:
    return sorted(invoices, key=lambda invoice: (invoice.created_at, invoice.number))


def _drawers(desk: Desk) -> Drawers:
    return Drawers(
        scope=desk.scope,
        terms=desk.terms,
        invoices=desk.invoices,
        customers=desk.customers,
        subscriptions=desk.subscriptions,
    )
