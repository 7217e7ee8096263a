"""The ChargeOver door: everything under `/api/v3` but usage at its plain path."""

from collections.abc import Callable
from typing import Any

from postpaid.api.chargeover.bulk import is_bulk, served_in_bulk
from postpaid.api.chargeover.callers import Doorkeeper
from postpaid.api.chargeover.envelope import guarded
from postpaid.api.chargeover.json_text import json_text
from postpaid.api.chargeover.requests import find_operation, plain_request
from postpaid.api.chargeover.routes import ROUTES
from postpaid.api.http import Request, Response, read_request
from postpaid.application.authenticate import allowed
from postpaid.assembly.control import Control
from postpaid.domain.api_key import ApiKey, KeyScope
from postpaid.runtime import clock
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store.nonces import StoredNonces

settings = Settings.from_environment()
control = Control.connect(settings, asks=False)
doorkeeper = Doorkeeper(
    api_keys=control.api_keys,
    secrets=control.site_secrets,
    nonces=StoredNonces(control.usages),
    base_url=settings.public_base_url,
)

# A list of requests begins none of them later than this: the gateway gives up after 30 seconds.
BULK_SECONDS = 18


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event."""
    request_id = event["requestContext"].get("requestId", "")
    began = clock.monotonic()

    def serve() -> Response:
        request = plain_request(read_request(event))
        if not is_bulk(request):
            return _serve(request, lambda scope: _caller(request, scope))
        caller = _caller(request, None)
        return served_in_bulk(
            request,
            lambda part: _guarded(
                lambda: _serve(part, lambda scope: allowed(caller, scope)), request_id
            ),
            is_late=lambda: clock.monotonic() - began > BULK_SECONDS,
        )

    response = _guarded(serve, request_id)
    log("info", "chargeover_api", request=request_id, status=response.status)
    return response.event(json_text)


def _guarded(serve: Callable[[], Response], request_id: str) -> Response:
    return guarded(
        serve,
        request_id=request_id,
        report=lambda error: log_failure("chargeover_api_failed", error, request=request_id),
    )


def _serve(request: Request, admitted: Callable[[KeyScope], ApiKey]) -> Response:
    route, ids = find_operation(ROUTES, request)
    return route.operation(control.desk(admitted(route.scope)), request, ids)


def _caller(request: Request, scope: KeyScope | None) -> ApiKey:
    return doorkeeper.admit(request, scope, clock.real_now())
