"""Create and change customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from postpaid.application.catalog import Created, already_exists
from postpaid.application.keep import KEEP, Keep
from postpaid.application.ports import Customers, Ids, Lost, Sites, Unavailable
from postpaid.application.sites import known_series
from postpaid.domain.annotations import CATALOG_BYTES_MAX, annotations_text
from postpaid.domain.customer import Customer
from postpaid.domain.errors import NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.site import Address, ClosingPolicy
from postpaid.domain.tax import TaxRates

_TRIES = 4


class NewCustomers(Customers, Protocol):
    """The customers of one site, and how one is added."""

    def add(self, customer: Customer) -> None:
        """Store a new customer; raises `Lost` if the id is taken."""
        ...


class ChangeableCustomers(Customers, Protocol):
    """The customers of one site, and how one is changed."""

    def replace(self, customer: Customer) -> None:
        """Store a changed customer; raises `Lost` if its version is not the next one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCustomer:
    """Who is to receive invoices; *series* None is the site's `main`.

    *payment_days* is how long it has to pay one, 0 to 365 days.
    """

    id: str
    address: Address
    closing: ClosingPolicy | None
    tax: TaxRates | None = None
    series: str | None = None
    payment_days: int = 0
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCustomer:
    """What is to be different about a customer; `KEEP` leaves it as it is.

    *address_parts* are attributes of the address; the others stay. *closing* None goes back to the
    site's policy, *series* None to its `main`, *tax* None to none. *annotations* are given whole.
    """

    id: str
    address: Address | Keep = KEEP
    address_parts: Mapping[str, Any] = field(default_factory=dict)
    closing: ClosingPolicy | Keep | None = KEEP
    tax: TaxRates | Keep | None = KEEP
    series: str | Keep | None = KEEP
    payment_days: int | Keep = KEEP
    annotations: Mapping[str, Any] | Keep = KEEP


def create_customer(
    command: CreateCustomer, *, customers: NewCustomers, sites: Sites, ids: Ids, now: datetime
) -> Created[Customer]:
    """Create a customer; creating it again with the content that it has by now changes nothing.

    Raises `Invalid`, `LimitExceeded`; `NotFound` for its series; `Conflict` with code
    `already_exists` if the id has other content, or had a customer that was deleted.
    """
    check_id(command.id, "id")
    if command.series is not None:
        known_series(command.series, sites.get())
    customer = Customer(
        id=command.id,
        number=ids.number("customer"),
        address=command.address,
        closing=command.closing,
        tax=command.tax,
        series=command.series,
        payment_days=command.payment_days,
        annotations_text=annotations_text(command.annotations, CATALOG_BYTES_MAX),
        created_at=now,
    )
    try:
        customers.add(customer)
    except Lost:
        existing = customers.get(customer.id)
        if existing is None or not _same(existing, customer):
            raise already_exists("customer", customer.id) from None
        return Created(existing, new=False)
    return Created(customer, new=True)


def change_customer(
    command: ChangeCustomer, *, customers: ChangeableCustomers, sites: Sites, now: datetime
) -> Customer:
    """Change a customer; invoices that are issued say what they said.

    The closing policy counts from the next end of each term. Raises `Invalid`, `LimitExceeded`;
    `NotFound` for the customer, also if it was deleted, and for its series.
    """
    if isinstance(command.series, str):
        known_series(command.series, sites.get())
    given: dict[str, Any] = {
        "address": command.address,
        "closing": command.closing,
        "tax": command.tax,
        "series": command.series,
        "payment_days": command.payment_days,
        "annotations_text": command.annotations
        if isinstance(command.annotations, Keep)
        else annotations_text(command.annotations, CATALOG_BYTES_MAX),
    }
    fields = {name: value for name, value in given.items() if not isinstance(value, Keep)}
    for _ in range(_TRIES):
        there = known_customer(command.id, customers)
        changed = replace(there, **fields)
        changed = replace(changed, address=replace(changed.address, **command.address_parts))
        if changed == there:
            return there
        changed = replace(changed, version=there.version + 1, changed_at=now)
        try:
            customers.replace(changed)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def known_customer(
    customer_id: str, customers: Customers, field: str | None = None, *, even_deleted: bool = False
) -> Customer:
    """Return a customer, as a rule one that was not deleted; raises `NotFound` naming *field*."""
    customer = customers.get(customer_id)
    if customer is None or (customer.deleted and not even_deleted):
        raise NotFound("customer_not_found", f"there is no customer '{customer_id}'", field=field)
    return customer


def _same(existing: Customer, asked: Customer) -> bool:
    return asked == replace(
        existing,
        number=asked.number,
        created_at=asked.created_at,
        version=asked.version,
        changed_at=asked.changed_at,
    )
