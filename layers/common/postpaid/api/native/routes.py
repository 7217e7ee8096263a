"""The routes of the control plane: path, scope and operation, one line each.

Usage writes are served by a function of their own, `functions/record_usage`.
"""

from collections.abc import Callable

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, Route
from postpaid.api.native import (
    billing,
    catalog,
    changes,
    charges,
    clock,
    customers,
    keys,
    settling,
    subscriptions,
    usages,
)
from postpaid.domain.api_key import KeyScope

type Operation = Callable[[Desk, Request, tuple[str, ...]], Response]

ADMIN, READ = KeyScope.ADMIN, KeyScope.READ

ROUTES: tuple[Route[Operation], ...] = (
    Route("GET", "v1/site", READ, keys.get_site),
    Route("PATCH", "v1/site", ADMIN, keys.patch_site),
    Route("GET", "v1/test-clock", ADMIN, clock.get_clock),
    Route("POST", "v1/test-clock/advance", ADMIN, clock.post_advance),
    Route("POST", "v1/test-clock/start-afresh", ADMIN, clock.post_afresh),
    Route("GET", "v1/api-keys", ADMIN, keys.list_keys),
    Route("POST", "v1/api-keys", ADMIN, keys.post_key),
    Route("DELETE", "v1/api-keys/{}", ADMIN, keys.delete_key),
    Route("GET", "v1/usage-url-token", ADMIN, keys.get_usage_url_token),
    Route("GET", "v1/item-families", READ, catalog.list_families),
    Route("POST", "v1/item-families", ADMIN, catalog.post_family),
    Route("GET", "v1/item-families/{}", READ, catalog.get_family),
    Route("PATCH", "v1/item-families/{}", ADMIN, catalog.patch_family),
    Route("GET", "v1/items", READ, catalog.list_items),
    Route("POST", "v1/items", ADMIN, catalog.post_item),
    Route("GET", "v1/items/{}", READ, catalog.get_item),
    Route("PATCH", "v1/items/{}", ADMIN, catalog.patch_item),
    Route("GET", "v1/item-prices", READ, catalog.list_prices),
    Route("POST", "v1/item-prices", ADMIN, catalog.post_price),
    Route("GET", "v1/item-prices/{}", READ, catalog.get_price),
    Route("PATCH", "v1/item-prices/{}", ADMIN, catalog.patch_price),
    Route("GET", "v1/item-prices/{}/versions/{}", READ, catalog.get_price_version),
    Route("GET", "v1/customers", READ, customers.list_customers),
    Route("POST", "v1/customers", ADMIN, customers.post_customer),
    Route("GET", "v1/customers/{}", READ, customers.get_customer),
    Route("PATCH", "v1/customers/{}", ADMIN, customers.patch_customer),
    Route("DELETE", "v1/customers/{}", ADMIN, customers.remove_customer),
    Route("GET", "v1/customers/{}/credits", READ, customers.get_credits),
    Route("GET", "v1/customers/{}/invoices", READ, billing.list_customer_invoices),
    Route("GET", "v1/subscriptions", READ, subscriptions.list_subscriptions),
    Route("POST", "v1/subscriptions", ADMIN, subscriptions.post_subscription),
    Route("GET", "v1/subscriptions/{}", READ, subscriptions.get_subscription),
    Route("PATCH", "v1/subscriptions/{}", ADMIN, subscriptions.patch_subscription),
    Route("POST", "v1/subscriptions/{}/changes", ADMIN, changes.post_changes),
    Route("POST", "v1/subscriptions/{}/cancel", ADMIN, changes.post_cancel),
    Route("POST", "v1/subscriptions/{}/uncancel", ADMIN, changes.post_uncancel),
    Route("POST", "v1/subscriptions/{}/suspend", ADMIN, changes.post_suspend),
    Route("POST", "v1/subscriptions/{}/resume", ADMIN, changes.post_resume),
    Route("POST", "v1/subscriptions/{}/cadence", ADMIN, changes.post_cadence),
    Route(
        "POST",
        "v1/subscriptions/{}/invoice-now",
        KeyScope.INVOICE_CLOSE,
        changes.post_invoice_now,
    ),
    Route("GET", "v1/subscriptions/{}/upcoming-invoice", READ, subscriptions.get_upcoming),
    Route("GET", "v1/subscriptions/{}/invoices", READ, billing.list_subscription_invoices),
    Route("GET", "v1/subscriptions/{}/usages", KeyScope.USAGE_READ, usages.list_usages),
    Route("GET", "v1/subscriptions/{}/usages/{}", KeyScope.USAGE_READ, usages.get_usage),
    Route("GET", "v1/usages", KeyScope.USAGE_READ, usages.find_usages),
    Route("GET", "v1/late-usages", KeyScope.USAGE_READ, usages.list_late_usages),
    Route("GET", "v1/invoices", READ, billing.list_invoices),
    Route("GET", "v1/invoices/{}", READ, billing.get_invoice),
    Route("POST", "v1/invoices/{}/close", KeyScope.INVOICE_CLOSE, billing.post_close),
    Route("POST", "v1/invoices/{}/sync", KeyScope.INVOICE_CLOSE, billing.post_sync),
    Route("GET", "v1/invoices/{}/pdf", READ, billing.get_pdf),
    Route("GET", "v1/invoices/{}/usages-pdf", KeyScope.USAGE_READ, billing.get_usages_pdf),
    Route("POST", "v1/invoices/{}/void", ADMIN, settling.post_void),
    Route("POST", "v1/invoices/{}/delete", ADMIN, settling.post_delete),
    Route("GET", "v1/invoices/{}/charges", READ, charges.list_charges),
    Route("POST", "v1/invoices/{}/charges", ADMIN, charges.post_charge),
    Route("DELETE", "v1/invoices/{}/charges/{}", ADMIN, charges.delete_charge),
    Route("GET", "v1/invoices/{}/payments", READ, settling.list_payments),
    Route("POST", "v1/invoices/{}/payments", ADMIN, settling.post_payment),
)

# Never reached here: they only complete what a refused method is told of its path.
USAGE_WRITES = (
    ("POST", "v1/subscriptions/{}/usages"),
    ("POST", "v1/usages"),
    ("PUT", "v1/subscriptions/{}/usages/{}"),
    ("DELETE", "v1/subscriptions/{}/usages/{}"),
)
