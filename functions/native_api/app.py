"""The control plane of the native door: everything under `/v1` but usage writes."""

from typing import Any

from postpaid.api.http import Request, Response, bearer_or_basic, find_route, read_request
from postpaid.api.native.errors import guarded
from postpaid.api.native.routes import ROUTES, USAGE_WRITES
from postpaid.application.authenticate import authenticate
from postpaid.assembly.control import Control
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings

control = Control.connect(Settings.from_environment())


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event."""
    request_id = event["requestContext"].get("requestId", "")
    response = guarded(
        lambda: _serve(read_request(event)),
        request_id=request_id,
        report=lambda error: log_failure("native_api_failed", error, request=request_id),
    )
    log("info", "native_api", request=request_id, status=response.status)
    return response.event()


def _serve(request: Request) -> Response:
    route, ids = find_route(ROUTES, request, elsewhere=USAGE_WRITES)
    key = authenticate(bearer_or_basic(request.headers), route.scope, api_keys=control.api_keys)
    return route.operation(control.desk(key), request, ids)
