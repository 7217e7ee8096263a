"""Every route of the ChargeOver door admits who has its scope, and nobody else."""

import pytest

from postpaid.api.chargeover.routes import ROUTES
from postpaid.domain.api_key import KeyScope
from tests.functions.test_chargeover_packages import shop
from tests.support.functions import Functions
from tests.support.over import BASE, Over

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def callers(functions: Functions) -> dict[KeyScope, Over]:
    admin = shop(functions, "co-scopes")
    return {scope: Over.on(functions, admin.site, scope) for scope in KeyScope}


@pytest.mark.parametrize("scope", KeyScope)
def test_a_route_admits_its_scope_and_no_other(
    callers: dict[KeyScope, Over], scope: KeyScope
) -> None:
    over = callers[scope]
    for route in ROUTES:
        target = "/" + route.template.removeprefix(f"{BASE[1:]}/").replace("{}", "99999999")
        is_admitted = scope in {route.scope, KeyScope.ADMIN}
        before = over.functions.written()

        answer = over.call(route.method, target, {} if route.method in {"POST", "PUT"} else None)

        if is_admitted:
            assert answer.status not in {401, 403, 500}, (route, answer)
        else:
            assert (answer.status, over.functions.written()) == (403, before), route
