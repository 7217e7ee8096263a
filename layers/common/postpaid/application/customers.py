"""Create customers."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from postpaid.application.catalog import Created, already_exists
from postpaid.application.ports import Customers, Ids, Lost, Sites
from postpaid.application.sites import known_series
from postpaid.domain.customer import Customer
from postpaid.domain.identifiers import check_id
from postpaid.domain.site import Address, ClosingPolicy
from postpaid.domain.tax import TaxRates


class NewCustomers(Customers, Protocol):
    """The customers of one site, and how one is added."""

    def add(self, customer: Customer) -> None:
        """Store a new customer; raises `Lost` if the id is taken."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCustomer:
    """Who is to receive invoices; *series* None is the site's `main`."""

    id: str
    address: Address
    closing: ClosingPolicy | None
    tax: TaxRates | None = None
    series: str | None = None


def create_customer(
    command: CreateCustomer, *, customers: NewCustomers, sites: Sites, ids: Ids, now: datetime
) -> Created[Customer]:
    """Create a customer; creating the same one again changes nothing.

    Raises `Invalid`; `NotFound` for its series; `Conflict` with code `already_exists` if the id has
    other content.
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
        created_at=now,
    )
    try:
        customers.add(customer)
    except Lost:
        existing = customers.get(customer.id)
        if existing is None or customer != replace(
            existing, number=customer.number, created_at=customer.created_at
        ):
            raise already_exists("customer", customer.id) from None
        return Created(existing, new=False)
    return Created(customer, new=True)
