"""The routes of this door: one spelling of a path, scope and operation, one line each."""

from collections.abc import Callable

from postpaid.api.chargeover import customers, invoices, transactions
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, Route
from postpaid.domain.api_key import KeyScope

type Operation = Callable[[Desk, Request, tuple[str, ...]], Response]

ADMIN, CLOSE, READ = KeyScope.ADMIN, KeyScope.INVOICE_CLOSE, KeyScope.READ

ROUTES: tuple[Route[Operation], ...] = (
    Route("POST", "api/v3/customer", ADMIN, customers.create),
    Route("GET", "api/v3/customer", READ, customers.list_all),
    Route("GET", "api/v3/customer/_count", READ, customers.count),
    Route("GET", "api/v3/customer/{}", READ, customers.retrieve),
    Route("PUT", "api/v3/customer/{}", ADMIN, customers.update),
    Route("DELETE", "api/v3/customer/{}", ADMIN, customers.delete),
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
