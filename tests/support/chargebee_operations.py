"""The operations of Chargebee's SDK that are for metered billing, and what each answers with.

P0 and P1 are 42; of the five of P2, three are sent to hosts of their own, and one is of a feature.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from tests.support.chargebee_answers import (
    Answer,
    Customer,
    Download,
    Item,
    ItemFamily,
    ItemPrice,
    Subscription,
    TimeMachine,
    Usage,
)
from tests.support.chargebee_invoices import Invoice

type Members = Mapping[str, type[Answer]]

_FAMILY: Members = {"item_family": ItemFamily}
_ITEM: Members = {"item": Item}
_PRICE: Members = {"item_price": ItemPrice}
_CUSTOMER: Members = {"customer": Customer}
_SUBSCRIPTION: Members = {"subscription": Subscription, "customer": Customer}
_USAGE: Members = {"usage": Usage}
_INVOICE: Members = {"invoice": Invoice}
_DOWNLOAD: Members = {"download": Download}
_MACHINE: Members = {"time_machine": TimeMachine}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name in the SDK, where it is, and what it answers with.

    *path* is behind `/api/v2/`. *answer* are the members of the answer, or of each row of a list;
    *also* those that it may have besides.
    """

    name: str
    method: str
    path: str
    answer: Members
    also: Members = field(default_factory=dict)
    is_p2: bool = False

    @property
    def is_list(self) -> bool:
        """Whether the answer is a page."""
        return self.name.endswith((".list", ".invoices_for_subscription", ".invoices_for_customer"))


def _catalogue(name: str, path: str, answer: Members) -> tuple[Operation, ...]:
    return (
        Operation(f"{name}.create", "POST", path, answer),
        Operation(f"{name}.list", "GET", path, answer),
        Operation(f"{name}.retrieve", "GET", f"{path}/{{}}", answer),
        Operation(f"{name}.update", "POST", f"{path}/{{}}", answer),
        Operation(f"{name}.delete", "POST", f"{path}/{{}}/delete", answer),
    )


OPERATIONS = (
    *_catalogue("ItemFamily", "item_families", _FAMILY),
    *_catalogue("Item", "items", _ITEM),
    *_catalogue("ItemPrice", "item_prices", _PRICE),
    *_catalogue("Customer", "customers", _CUSTOMER),
    Operation(
        "Subscription.create_with_items",
        "POST",
        "customers/{}/subscription_for_items",
        _SUBSCRIPTION,
        _INVOICE,
    ),
    Operation("Subscription.list", "GET", "subscriptions", _SUBSCRIPTION),
    Operation("Subscription.retrieve", "GET", "subscriptions/{}", _SUBSCRIPTION),
    Operation(
        "Subscription.update_for_items",
        "POST",
        "subscriptions/{}/update_for_items",
        _SUBSCRIPTION,
        _INVOICE,
    ),
    Operation(
        "Subscription.cancel_for_items",
        "POST",
        "subscriptions/{}/cancel_for_items",
        _SUBSCRIPTION,
        _INVOICE,
    ),
    Operation("Usage.create", "POST", "subscriptions/{}/usages", _USAGE),
    Operation("Usage.retrieve", "GET", "subscriptions/{}/usages", _USAGE),
    Operation("Usage.delete", "POST", "subscriptions/{}/delete_usage", _USAGE),
    Operation("Usage.list", "GET", "usages", _USAGE),
    Operation("Usage.pdf", "POST", "usages/pdf", _DOWNLOAD),
    Operation("Invoice.list", "GET", "invoices", _INVOICE),
    Operation("Invoice.retrieve", "GET", "invoices/{}", _INVOICE),
    Operation("Invoice.close", "POST", "invoices/{}/close", _INVOICE),
    Operation("Invoice.sync_usages", "POST", "invoices/{}/sync_usages", _INVOICE),
    Operation("Invoice.pdf", "POST", "invoices/{}/pdf", _DOWNLOAD),
    Operation("Invoice.void_invoice", "POST", "invoices/{}/void", _INVOICE),
    Operation("Invoice.delete", "POST", "invoices/{}/delete", _INVOICE),
    Operation("Invoice.invoices_for_subscription", "GET", "subscriptions/{}/invoices", _INVOICE),
    Operation("Invoice.invoices_for_customer", "GET", "customers/{}/invoices", _INVOICE),
    Operation("TimeMachine.retrieve", "GET", "time_machines/{}", _MACHINE),
    Operation("TimeMachine.start_afresh", "POST", "time_machines/{}/start_afresh", _MACHINE),
    Operation("TimeMachine.travel_forward", "POST", "time_machines/{}/travel_forward", _MACHINE),
    Operation(
        "Invoice.add_charge_item", "POST", "invoices/{}/add_charge_item", _INVOICE, is_p2=True
    ),
)


def operation_at(method: str, path: str) -> Operation | None:
    """Return the operation of a request; *path* is behind `/api/v2/`, its parts quoted or not."""
    found = [
        each
        for each in OPERATIONS
        if each.method == method and _pattern(each.path).fullmatch(path.strip("/"))
    ]
    return max(found, key=lambda each: len(each.path), default=None)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    # Numbers of invoices may hold slashes, which the SDKs send as they are.
    anything = ".+" if template.startswith("invoices/") else "[^/]+"
    return re.compile(re.escape(template).replace(re.escape("{}"), anything))
