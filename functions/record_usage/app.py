"""Usage writes: record and delete, put then look. Lean, because every record passes here."""

from typing import Any

from postpaid.api.http import Request, Response, Route, bearer_or_basic, find_route, read_request
from postpaid.api.native.errors import guarded
from postpaid.api.native.usage import (
    native_from_deleted,
    native_from_recorded,
    record_usage_from_native,
    usage_not_found,
)
from postpaid.application.authenticate import authenticate
from postpaid.application.delete_usage import delete_usage
from postpaid.application.record_usage import record_usage
from postpaid.domain.api_key import ApiKey, KeyScope
from postpaid.domain.subscription import Subscription
from postpaid.runtime.cache import Cache
from postpaid.runtime.clock import real_now, site_now
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo, keys
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.sites import ThisSite
from postpaid.store.subscriptions import StoredSubscriptions
from postpaid.store.terms import StoredTerms
from postpaid.store.usage import StoredUsages

settings = Settings.from_environment()
client = dynamo.connect()
usages = dynamo.DynamoTable(client, settings.usage_table)
billing = dynamo.DynamoTable(client, settings.billing_table)
api_keys = StoredApiKeys(billing, Cache[ApiKey]())
kept_subscriptions = Cache[Subscription]()

ROUTES = (
    Route("POST", "v1/subscriptions/{}/usages", KeyScope.USAGE_WRITE, "record"),
    Route("DELETE", "v1/subscriptions/{}/usages/{}", KeyScope.USAGE_WRITE, "delete"),
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event."""
    request_id = event["requestContext"].get("requestId", "")
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
    ledger, terms = StoredUsages(usages, key.scope), StoredTerms(billing, key.scope)
    if route.operation == "delete":
        return _delete(ids, key, ledger, terms)
    # Only a test site has a clock of its own, and then it is read afresh: it may just have moved.
    now = site_now(ThisSite(billing, key.scope.site).get()) if key.test else real_now()
    outcome = record_usage(
        record_usage_from_native(request, ids[0]),
        subscriptions=StoredSubscriptions(billing, key.scope, kept_subscriptions),
        ledger=ledger,
        terms=terms,
        now=now,
    )
    usage = outcome.usage.key
    return native_from_recorded(outcome, keys.usage_id(usage), keys.usage_number(key.scope, usage))


def _delete(
    ids: tuple[str, ...], key: ApiKey, ledger: StoredUsages, terms: StoredTerms
) -> Response:
    try:
        usage = keys.usage_from_id(*ids)
    except ValueError:
        raise usage_not_found() from None
    outcome = delete_usage(usage, ledger=ledger, terms=terms)
    return native_from_deleted(outcome, ids[1], keys.usage_number(key.scope, usage))
