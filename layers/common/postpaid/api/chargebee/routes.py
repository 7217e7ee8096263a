"""The routes of the Chargebee door: path, scope and operation, one line each.

Usage writes are served by a function of their own, `functions/record_usage`.
"""

from collections.abc import Callable

from postpaid.api.chargebee import (
    charges,
    customers,
    families,
    invoice_lists,
    invoices,
    items,
    prices,
    subscription_changes,
    subscriptions,
    time_machine,
    usage_lists,
    usages,
)
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, Route
from postpaid.domain.api_key import KeyScope

type Operation = Callable[[Desk, Request, tuple[str, ...]], Response]

ADMIN, READ, CLOSE = KeyScope.ADMIN, KeyScope.READ, KeyScope.INVOICE_CLOSE

ROUTES: tuple[Route[Operation], ...] = (
    Route("GET", "api/v2/item_families", READ, families.list_all),
    Route("POST", "api/v2/item_families", ADMIN, families.create),
    Route("GET", "api/v2/item_families/{}", READ, families.retrieve),
    Route("POST", "api/v2/item_families/{}", ADMIN, families.update),
    Route("POST", "api/v2/item_families/{}/delete", ADMIN, families.delete),
    Route("GET", "api/v2/items", READ, items.list_all),
    Route("POST", "api/v2/items", ADMIN, items.create),
    Route("GET", "api/v2/items/{}", READ, items.retrieve),
    Route("POST", "api/v2/items/{}", ADMIN, items.update),
    Route("POST", "api/v2/items/{}/delete", ADMIN, items.delete),
    Route("GET", "api/v2/item_prices", READ, prices.list_all),
    Route("POST", "api/v2/item_prices", ADMIN, prices.create),
    Route("GET", "api/v2/item_prices/{}", READ, prices.retrieve),
    Route("POST", "api/v2/item_prices/{}", ADMIN, prices.update),
    Route("POST", "api/v2/item_prices/{}/delete", ADMIN, prices.delete),
    Route("GET", "api/v2/customers", READ, customers.list_all),
    Route("POST", "api/v2/customers", ADMIN, customers.create),
    Route("GET", "api/v2/customers/{}", READ, customers.retrieve),
    Route("POST", "api/v2/customers/{}", ADMIN, customers.update),
    Route("POST", "api/v2/customers/{}/delete", ADMIN, customers.delete),
    Route("POST", "api/v2/customers/{}/subscription_for_items", ADMIN, subscriptions.create),
    Route("GET", "api/v2/subscriptions", READ, subscriptions.list_all),
    Route("GET", "api/v2/subscriptions/{}", READ, subscriptions.retrieve),
    Route("POST", "api/v2/subscriptions/{}/update_for_items", ADMIN, subscription_changes.update),
    Route("POST", "api/v2/subscriptions/{}/cancel_for_items", ADMIN, subscription_changes.cancel),
    Route("GET", "api/v2/subscriptions/{}/invoices", READ, invoice_lists.list_of_subscription),
    Route("GET", "api/v2/customers/{}/invoices", READ, invoice_lists.list_of_customer),
    Route("GET", "api/v2/subscriptions/{}/usages", KeyScope.USAGE_READ, usages.retrieve),
    Route("GET", "api/v2/usages", KeyScope.USAGE_READ, usage_lists.list_all),
    Route("POST", "api/v2/usages/pdf", KeyScope.USAGE_READ, usages.pdf),
    Route("GET", "api/v2/invoices", READ, invoice_lists.list_all),
    Route("GET", "api/v2/invoices/{}", READ, invoices.retrieve),
    Route("POST", "api/v2/invoices/{}/close", CLOSE, invoices.close),
    Route("POST", "api/v2/invoices/{}/sync_usages", CLOSE, invoices.sync_usages),
    Route("POST", "api/v2/invoices/{}/pdf", READ, invoices.pdf),
    Route("POST", "api/v2/invoices/{}/void", ADMIN, invoices.void),
    Route("POST", "api/v2/invoices/{}/delete", ADMIN, invoices.delete),
    Route("POST", "api/v2/invoices/{}/add_charge_item", ADMIN, charges.add_charge_item),
    Route("GET", "api/v2/time_machines/{}", ADMIN, time_machine.retrieve),
    Route("POST", "api/v2/time_machines/{}/start_afresh", ADMIN, time_machine.afresh),
    Route("POST", "api/v2/time_machines/{}/travel_forward", ADMIN, time_machine.forward),
)

# Never reached here: they only complete what a refused method is told of its path.
USAGE_WRITES = (
    ("POST", "api/v2/subscriptions/{}/usages"),
    ("POST", "api/v2/subscriptions/{}/delete_usage"),
)
