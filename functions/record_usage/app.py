"""Usage writes: record, correct and delete, put then look; lean, as every record passes here."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from postpaid.api.http import Request, Response, Route, bearer_or_basic, find_route, read_request
from postpaid.api.native.errors import guarded
from postpaid.api.native.usage import (
    correct_usage_from_native,
    native_from_batch,
    native_from_deleted,
    native_from_recorded,
    record_batch_from_native,
    record_usage_from_native,
)
from postpaid.application.authenticate import authenticate
from postpaid.application.correct_usage import correct_usage, usage_not_found
from postpaid.application.delete_usage import delete_usage
from postpaid.application.due_terms import Due
from postpaid.application.record_batch import record_batch
from postpaid.application.record_usage import RecordedUsage, record_usage
from postpaid.domain.api_key import ApiKey, KeyScope
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import BillingState
from postpaid.domain.usage import UsageKey
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

PENDING_DELAY_SECONDS = 300

ROUTES = (
    Route("POST", "v1/subscriptions/{}/usages", KeyScope.USAGE_WRITE, "record"),
    Route("POST", "v1/usages", KeyScope.USAGE_WRITE, "record-batch"),
    Route("PUT", "v1/subscriptions/{}/usages/{}", KeyScope.USAGE_WRITE, "correct"),
    Route("DELETE", "v1/subscriptions/{}/usages/{}", KeyScope.USAGE_WRITE, "delete"),
)


class Present(NamedTuple):
    """Where and when a request is served: its site's generation, and the present on its clock."""

    scope: Scope
    now: datetime


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
    present = _present(key)
    if route.operation == "record-batch":
        return _record_batch(request, present)
    outcome = _write(route.operation, request, ids, present)
    scope = present.scope
    _ask_to_reconcile([outcome], scope)
    if route.operation == "delete":
        return native_from_deleted(outcome, *_ids(outcome, scope))
    return native_from_recorded(outcome, *_ids(outcome, scope), made=route.operation == "record")


def _write(
    operation: str, request: Request, ids: tuple[str, ...], present: Present
) -> RecordedUsage:
    scope, now = present
    ledger, terms = StoredUsages(usages, scope), StoredTerms(billing, scope)
    subscriptions = StoredSubscriptions(billing, scope, kept_subscriptions)
    if operation == "delete":
        return delete_usage(usage_key(ids), subscriptions=subscriptions, ledger=ledger, terms=terms)
    if operation == "correct":
        command = correct_usage_from_native(request, usage_key(ids))
        return correct_usage(
            command, subscriptions=subscriptions, ledger=ledger, terms=terms, now=now
        )
    return record_usage(
        record_usage_from_native(request, ids[0]),
        subscriptions=subscriptions,
        ledger=ledger,
        terms=terms,
        now=now,
    )


def _record_batch(request: Request, present: Present) -> Response:
    scope, now = present
    outcomes = record_batch(
        record_batch_from_native(request),
        subscriptions=StoredSubscriptions(billing, scope, kept_subscriptions),
        ledger=StoredUsages(usages, scope),
        terms=StoredTerms(billing, scope),
        now=now,
    )
    _ask_to_reconcile([each for each in outcomes if isinstance(each, RecordedUsage)], scope)
    results = [
        native_from_recorded(each, *_ids(each, scope)) if isinstance(each, RecordedUsage) else each
        for each in outcomes
    ]
    return native_from_batch(results, request_id=request.id)


def _present(key: ApiKey) -> Present:
    # Only a test site has a clock of its own, and then it is read afresh: it may just have moved,
    # or the site have started afresh, which the key is not told of.
    if not key.test:
        return Present(key.scope, real_now())
    site = ThisSite(billing, key.scope.site).get()
    return Present(site.scope, site_now(site))


def _ids(outcome: RecordedUsage, scope: Scope) -> tuple[str, int]:
    identity = outcome.usage.key
    return keys.usage_id(identity), keys.usage_number(scope, identity)


def usage_key(ids: tuple[str, ...]) -> UsageKey:
    """Read a usage's identity from the path; raises `NotFound`."""
    try:
        return keys.usage_from_id(*ids)
    except ValueError:
        raise usage_not_found() from None


def _ask_to_reconcile(outcomes: Iterable[RecordedUsage], scope: Scope) -> None:
    """Ask a worker to bill what their terms' invoices missed: for speed, the audit finds it too."""
    delays: dict[Due, int] = {}
    for outcome in outcomes:
        if outcome.term_start is not None:
            # While a close is running there is nothing to reconcile yet.
            delay = 0 if outcome.billing is BillingState.LATE else PENDING_DELAY_SECONDS
            subscription_id = outcome.usage.key.subscription_id
            term = Due(*keys.term(scope, subscription_id, outcome.term_start))
            delays[term] = min(delay, delays.get(term, delay))
    if delays:
        _send(delays)


def _send(delays: dict[Due, int]) -> None:
    from postpaid.outbound import queue  # noqa: PLC0415 - few usages are late, and it takes 20 ms

    try:
        to = queue.Queue(queue.connect(), settings.close_queue_url)
        for delay in sorted({*delays.values()}):
            terms = [term for term, its in delays.items() if its == delay]
            to.send(queue.reconcile_message(terms), delay_seconds=delay)
    except Exception as error:  # noqa: BLE001 - the usage is durable: whatever fails now, say yes
        log_failure("reconcile_not_asked_for", error)
