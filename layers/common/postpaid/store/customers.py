"""Customers, and which subscriptions they have."""

from typing import Final
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
    flag,
    instant,
    instant_or_none,
    item_from_address,
    item_from_closing,
    mapping,
    number,
    number_or_none,
    text,
    text_or_none,
    version_attributes,
    version_from_item,
)
from postpaid.store.numbered import entry, not_added
from postpaid.store.tables import (
    Absent,
    ConditionFailed,
    Item,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    all_of,
    comes_after,
    equals,
)

KIND: Final = "customer"


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
        head = Put(item_from_customer(self._scope, customer), condition=Absent())
        try:
            self._table.transact([head, entry(self._scope, KIND, customer.number, customer.id)])
        except TransactionRefused as refused:
            raise not_added(refused) from None

    def replace(self, customer: Customer) -> None:
        """Store a changed customer; raises `Lost` if its version is not the next one."""
        item = item_from_customer(self._scope, customer)
        try:
            self._table.put(Put(item, condition=comes_after(customer.id, customer.version - 1)))
        except ConditionFailed:
            raise Lost from None

    def begun(self, customer_id: str) -> int:
        """Read how many subscriptions of a customer began since there is a tally of them."""
        item = self._table.get(keys.customer_tally(self._scope, customer_id))
        return (number_or_none(item, "n") or 0) if item else 0

    def delete(self, customer: Customer, *, begun: int) -> None:
        """Store a customer as deleted, so that no subscription of it can begin; or raise `Lost`.

        Its version must be the next one, and no subscription have begun beyond those *begun*.
        """
        tally = keys.customer_tally(self._scope, customer.id)
        still = equals("n", begun) if begun else Absent("n")
        marked = Update(
            tally,
            all_of(Absent("deleted"), still),
            set={"deleted": True},
            default={"s": keys.SCHEMA},
        )
        head = Put(
            item_from_customer(self._scope, customer),
            condition=comes_after(customer.id, customer.version - 1),
        )
        try:
            self._table.transact([head, marked])
        except TransactionRefused:
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
        **({} if customer.payment_days == 0 else {"payment_days": customer.payment_days}),
        **({"annotations": customer.annotations_text} if customer.annotations_text else {}),
        **({"deleted": True} if customer.deleted else {}),
        **version_attributes(customer.version, customer.changed_at),
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
        annotations_text=text_or_none(item, "annotations") or "",
        deleted=flag(item, "deleted"),
        created_at=instant(item, "created_at"),
        version=version_from_item(item),
        changed_at=instant_or_none(item, "changed_at"),
    )


def begun_write(scope: Scope, customer_id: str) -> Update:
    """Return the write of a subscription's beginning in its customer's tally.

    It does not hold for a customer that was deleted.
    """
    return Update(
        keys.customer_tally(scope, customer_id),
        Absent("deleted"),
        add={"n": 1},
        default={"s": keys.SCHEMA},
    )
