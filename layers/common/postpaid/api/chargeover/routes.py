"""The routes of this door: one spelling of a path, scope and operation, one line each."""

from collections.abc import Callable

from postpaid.api.chargeover import customers
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, Route
from postpaid.domain.api_key import KeyScope

type Operation = Callable[[Desk, Request, tuple[str, ...]], Response]

ADMIN, READ = KeyScope.ADMIN, KeyScope.READ

ROUTES: tuple[Route[Operation], ...] = (
    Route("POST", "api/v3/customer", ADMIN, customers.create),
    Route("GET", "api/v3/customer", READ, customers.list_all),
    Route("GET", "api/v3/customer/_count", READ, customers.count),
    Route("GET", "api/v3/customer/{}", READ, customers.retrieve),
    Route("PUT", "api/v3/customer/{}", ADMIN, customers.update),
    Route("DELETE", "api/v3/customer/{}", ADMIN, customers.delete),
)
