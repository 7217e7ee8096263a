"""The routes of this door: one spelling of a path, scope and operation, one line each."""

from collections.abc import Callable

from postpaid.api.chargeover import (
    customers,
    invoices,
    items,
    package_actions,
    packages,
    transactions,
    usages,
)
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, Route
from postpaid.domain.api_key import KeyScope

type Operation = Callable[[Desk, Request, tuple[str, ...]], Response]

USAGE_WRITE, USAGE_READ = KeyScope.USAGE_WRITE, KeyScope.USAGE_READ
ADMIN, CLOSE, READ = KeyScope.ADMIN, KeyScope.INVOICE_CLOSE, KeyScope.READ

ROUTES: tuple[Route[Operation], ...] = (
    Route("POST", "api/v3/customer", ADMIN, customers.create),
    Route("GET", "api/v3/customer", READ, customers.list_all),
    Route("GET", "api/v3/customer/_count", READ, customers.count),
    Route("GET", "api/v3/customer/{}", READ, customers.retrieve),
    Route("PUT", "api/v3/customer/{}", ADMIN, customers.update),
    Route("DELETE", "api/v3/customer/{}", ADMIN, customers.delete),
    Route("POST", "api/v3/item", ADMIN, items.create),
    Route("GET", "api/v3/item", READ, items.list_all),
    Route("GET", "api/v3/item/_count", READ, items.count),
    Route("GET", "api/v3/item/{}", READ, items.retrieve),
    Route("PUT", "api/v3/item/{}", ADMIN, items.update),
    Route("DELETE", "api/v3/item/{}", ADMIN, items.delete),
    Route("POST", "api/v3/package", ADMIN, packages.create),
    Route("GET", "api/v3/package", READ, packages.list_all),
    Route("GET", "api/v3/package/_count", READ, packages.count),
    Route("GET", "api/v3/package/{}", READ, packages.retrieve),
    Route("PUT", "api/v3/package/{}", ADMIN, packages.update),
    Route("POST", "api/v3/package/{}/_action/upgrade", ADMIN, package_actions.upgrade),
    Route("POST", "api/v3/package/{}/_action/cancel", ADMIN, package_actions.cancel),
    Route("POST", "api/v3/package/{}/_action/uncancel", ADMIN, package_actions.uncancel),
    Route("POST", "api/v3/package/{}/_action/suspend", ADMIN, package_actions.suspend),
    Route("POST", "api/v3/package/{}/_action/unsuspend", ADMIN, package_actions.unsuspend),
    Route("POST", "api/v3/package/{}/_action/hold", ADMIN, package_actions.hold),
    Route("POST", "api/v3/package/{}/_action/paycycle", ADMIN, package_actions.paycycle),
    Route("POST", "api/v3/package/{}/_action/paymethod", ADMIN, package_actions.paymethod),
    Route("POST", "api/v3/package/{}/_action/welcome", ADMIN, package_actions.welcome),
    # By its plain path it is the recorder's; what comes here is `//usage`, `/usage/` and `_bulk`.
    Route("POST", "api/v3/usage", USAGE_WRITE, usages.record),
    Route("POST", "api/v3/usage/_action/bulk", USAGE_WRITE, usages.record_many),
    Route("GET", "api/v3/usage", USAGE_READ, usages.list_all),
    Route("GET", "api/v3/usage/_count", USAGE_READ, usages.count),
    Route("POST", "api/v3/package/{}/_action/invoice", CLOSE, invoices.invoice_package),
    Route("GET", "api/v3/invoice", READ, invoices.list_all),
    Route("GET", "api/v3/invoice/_count", READ, invoices.count),
    Route("GET", "api/v3/invoice/{}", READ, invoices.retrieve),
    Route("POST", "api/v3/invoice/{}/_action/void", ADMIN, invoices.void),
    Route("POST", "api/v3/invoice/{}/_action/pdf", READ, invoices.pdf),
    Route("POST", "api/v3/transaction", ADMIN, transactions.create),
    Route("GET", "api/v3/transaction", READ, transactions.list_all),
    Route("GET", "api/v3/transaction/_count", READ, transactions.count),
    Route("GET", "api/v3/transaction/{}", READ, transactions.retrieve),
)
