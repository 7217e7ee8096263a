"""Usage writes: record, correct and delete, put then look; lean, as every record passes here."""

from typing import Any

from functions.record_usage import chargebee, native
from functions.record_usage.recorder import Tables
from postpaid.api.chargebee import errors as chargebee_errors
from postpaid.api.http import Request, Response, bearer_or_basic, find_route, read_request
from postpaid.api.native import errors as native_errors
from postpaid.application.authenticate import authenticate
from postpaid.domain.api_key import ApiKey
from postpaid.domain.subscription import Subscription
from postpaid.runtime.cache import Cache
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo
from postpaid.store.api_keys import StoredApiKeys

settings = Settings.from_environment()
client = dynamo.connect()
billing = dynamo.DynamoTable(client, settings.billing_table)
api_keys = StoredApiKeys(billing, Cache[ApiKey]())
kept_subscriptions = Cache[Subscription]()
tables = Tables(
    usages=dynamo.DynamoTable(client, settings.usage_table),
    billing=billing,
    kept_subscriptions=kept_subscriptions,
    close_queue_url=lambda: settings.close_queue_url,
)

ROUTES = (*native.ROUTES, *chargebee.ROUTES)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event, in the words of its door."""
    request_id = event["requestContext"].get("requestId", "")
    is_chargebee = event["rawPath"].startswith("/api/v2/")
    guarded = chargebee_errors.guarded if is_chargebee else native_errors.guarded
    response = guarded(
        lambda: _serve(read_request(event)),
        request_id=request_id,
        report=lambda error: log_failure("record_usage_failed", error, request=request_id),
    )
    log("info", "record_usage", request=request_id, status=response.status)
    return response.event()


def _serve(request: Request) -> Response:
    route, ids = find_route(ROUTES, request)
    key = authenticate(bearer_or_basic(request.headers), route.scope, api_keys=api_keys)
    return route.operation(tables.recorder(key), request, ids)
