"""The routes of this door: one spelling of a path, scope and operation, one line each."""

from collections.abc import Callable

from postpaid.api.chargeover import customers, usages
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response, Route
from postpaid.domain.api_key import KeyScope

type Operation = Callable[[Desk, Request, tuple[str, ...]], Response]

ADMIN, READ = KeyScope.ADMIN, KeyScope.READ
USAGE_WRITE, USAGE_READ = KeyScope.USAGE_WRITE, KeyScope.USAGE_READ

ROUTES: tuple[Route[Operation], ...] = (
    Route("POST", "api/v3/customer", ADMIN, customers.create),
    Route("GET", "api/v3/customer", READ, customers.list_all),
    Route("GET", "api/v3/customer/_count", READ, customers.count),
    Route("GET", "api/v3/customer/{}", READ, customers.retrieve),
    Route("PUT", "api/v3/customer/{}", ADMIN, customers.update),
    Route("DELETE", "api/v3/customer/{}", ADMIN, customers.delete),
    # By its plain path it is the recorder's; what comes here is `//usage`, `/usage/` and `_bulk`.
    Route("POST", "api/v3/usage", USAGE_WRITE, usages.record),
    Route("POST", "api/v3/usage/_action/bulk", USAGE_WRITE, usages.record_many),
    Route("GET", "api/v3/usage", USAGE_READ, usages.list_all),
    Route("GET", "api/v3/usage/_count", USAGE_READ, usages.count),
)
