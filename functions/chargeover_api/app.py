"""The ChargeOver door: everything under `/api/v3` but usage at its plain path."""

from typing import Any

from postpaid.api.chargeover.callers import Doorkeeper
from postpaid.api.chargeover.envelope import guarded
from postpaid.api.chargeover.json_text import json_text
from postpaid.api.chargeover.requests import find_operation, plain_request
from postpaid.api.chargeover.routes import ROUTES
from postpaid.api.http import Request, Response, read_request
from postpaid.assembly.control import Control
from postpaid.runtime import clock
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store.nonces import StoredNonces

settings = Settings.from_environment()
control = Control.connect(settings)
doorkeeper = Doorkeeper(
    api_keys=control.api_keys,
    secrets=control.site_secrets,
    nonces=StoredNonces(control.usages),
    base_url=settings.public_base_url,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event."""
    request_id = event["requestContext"].get("requestId", "")
    response = guarded(
        lambda: _serve(plain_request(read_request(event))),
        request_id=request_id,
        report=lambda error: log_failure("chargeover_api_failed", error, request=request_id),
    )
    log("info", "chargeover_api", request=request_id, status=response.status)
    return response.event(json_text)


def _serve(request: Request) -> Response:
    route, ids = find_operation(ROUTES, request)
    key = doorkeeper.admit(request, route.scope, clock.real_now())
    return route.operation(control.desk(key), request, ids)
