"""Usage writes: record, correct and delete, put then look; lean, as every record passes here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.record_usage import chargebee, chargeover, native
from postpaid.api.chargebee import errors as chargebee_errors
from postpaid.api.chargeover import envelope
from postpaid.api.chargeover.callers import Doorkeeper
from postpaid.api.chargeover.json_text import json_text
from postpaid.api.chargeover.requests import find_operation, plain_request
from postpaid.api.http import Request, Response, bearer_or_basic, find_route, read_request
from postpaid.api.native import errors as native_errors
from postpaid.application.authenticate import authenticate
from postpaid.application.find_numbered import LineName
from postpaid.assembly.recorder import Tables
from postpaid.domain.api_key import ApiKey
from postpaid.domain.subscription import Subscription
from postpaid.runtime import clock
from postpaid.runtime.cache import Cache
from postpaid.runtime.log import log, log_failure
from postpaid.runtime.settings import Settings
from postpaid.store import dynamo
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.nonces import StoredNonces
from postpaid.store.site_secrets import StoredSiteSecrets

if TYPE_CHECKING:
    from postpaid.outbound.queue import Queue


def _close_queue() -> "Queue":
    from postpaid.outbound import queue  # noqa: PLC0415 - few usages are late; it takes 20 ms

    return queue.Queue(queue.connect(), settings.close_queue_url)


settings = Settings.from_environment()
client = dynamo.connect()
billing = dynamo.DynamoTable(client, settings.billing_table)
usages = dynamo.DynamoTable(client, settings.usage_table)
api_keys = StoredApiKeys(billing, Cache[ApiKey]())
site_secrets = StoredSiteSecrets(billing, Cache[str]())
kept_subscriptions, kept_lines = Cache[Subscription](), Cache[LineName]()
tables = Tables(
    usages=usages,
    billing=billing,
    kept_subscriptions=kept_subscriptions,
    kept_lines=kept_lines,
    close_queue=_close_queue,
)
doorkeeper = Doorkeeper(
    api_keys=api_keys,
    secrets=site_secrets,
    nonces=StoredNonces(usages),
    base_url=settings.public_base_url,
)

ROUTES = (*native.ROUTES, *chargebee.ROUTES, *chargeover.ROUTES)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Serve one HTTP API event, in the words of its door."""
    request_id = event["requestContext"].get("requestId", "")
    door = _door(event["rawPath"])
    response = door.guarded(
        lambda: door.serve(read_request(event)),
        request_id=request_id,
        report=lambda error: log_failure("record_usage_failed", error, request=request_id),
    )
    log("info", "record_usage", request=request_id, status=response.status)
    return door.event(response)


@dataclass(frozen=True, slots=True)
class _Door:
    """How one door is served: its refusals, its routes and keys, and how it writes an answer."""

    guarded: Callable[..., Response]
    serve: Callable[[Request], Response]
    event: Callable[[Response], dict[str, Any]] = Response.event


def _door(path: str) -> _Door:
    if path.startswith("/api/v3/"):
        return _CHARGEOVER
    return _CHARGEBEE if path.startswith("/api/v2/") else _NATIVE


def _serve(request: Request) -> Response:
    route, ids = find_route(ROUTES, request)
    key = authenticate(bearer_or_basic(request.headers), route.scope, api_keys=api_keys)
    return route.operation(tables.recorder(key), request, ids)


def _serve_chargeover(asked: Request) -> Response:
    request = plain_request(asked)
    route, ids = find_operation(ROUTES, request)
    key = doorkeeper.admit(request, route.scope, clock.real_now())
    return route.operation(tables.recorder(key), request, ids)


_NATIVE = _Door(native_errors.guarded, _serve)
_CHARGEBEE = _Door(chargebee_errors.guarded, _serve)
_CHARGEOVER = _Door(envelope.guarded, _serve_chargeover, lambda response: response.event(json_text))
