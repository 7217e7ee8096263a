"""Customers, and which subscriptions they have."""

from urllib.parse import unquote

from postpaid.application.ports import Lost
from postpaid.domain.customer import Customer
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice_content import plain_rates, rates_from_plain
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import (
    address_from_item,
    closing_from_item,
    instant,
    item_from_address,
    item_from_closing,
    mapping,
    number,
    number_or_none,
    text,
    text_or_none,
)
from postpaid.store.tables import Absent, ConditionFailed, Item, Put, Range, Table

KIND = "customer"


class StoredCustomers:
    """The customers of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def get(self, customer_id: str) -> Customer | None:
        """Read a customer."""
        item = self._table.get(keys.entity(self._scope, KIND, customer_id))
        return customer_from_item(item) if item else None

    def add(self, customer: Customer) -> None:
        """Store a new customer; raises `Lost` if the id is taken."""
        try:
            self._table.put(Put(item_from_customer(self._scope, customer), condition=Absent()))
        except ConditionFailed:
            raise Lost from None

    def subscriptions(self, customer_id: str, *, after: str | None, limit: int) -> list[str]:
        """Read at most *limit* ids of a customer's subscriptions, in order of their ids."""
        rows = self._table.query(
            Range(
                pk=keys.entity(self._scope, KIND, customer_id).pk,
                first="SUB#",
                last="SUB#~",
                after=None
                if after is None
                else keys.customer_subscription(self._scope, customer_id, after).sk,
                limit=limit,
            )
        )
        return [unquote(text(row, "sk").removeprefix("SUB#")) for row in rows]


def item_from_customer(scope: Scope, customer: Customer) -> Item:
    """Return the stored form of a customer."""
    return {
        **keys.entity(scope, KIND, customer.id)._asdict(),
        "s": keys.SCHEMA,
        "id": customer.id,
        "number": customer.number,
        "address": item_from_address(customer.address),
        "created_at": instant_text(customer.created_at),
        **item_from_closing(customer.closing),
        **({} if customer.tax is None else {"tax": plain_rates(customer.tax)}),
        **({} if customer.series is None else {"series": customer.series}),
        **({"payment_days": customer.payment_days} if customer.payment_days else {}),
        **keys.listing(scope, KIND, customer.id, customer.created_at),
    }


def customer_from_item(item: Item) -> Customer:
    """Read a customer from its stored form."""
    return Customer(
        id=text(item, "id"),
        number=number(item, "number"),
        address=address_from_item(mapping(item, "address")),
        closing=closing_from_item(item),
        tax=rates_from_plain(mapping(item, "tax") if item.get("tax") else None),
        series=text_or_none(item, "series"),
        payment_days=number_or_none(item, "payment_days") or 0,
        created_at=instant(item, "created_at"),
    )
