"""Usage writes of the Chargebee door."""

from functions.record_usage.recorder import Recorder, usage_key
from postpaid.api.chargebee.errors import spelled
from postpaid.api.chargebee.usage import (
    NAMES,
    Asked,
    chargebee_from_recorded,
    duplicate_usage,
    idempotency_key,
    usage_asked,
    usage_to_delete,
)
from postpaid.api.http import Request, Response, Route
from postpaid.application.correct_usage import CorrectUsage, usage_not_found
from postpaid.application.record_usage import RecordedUsage, judge
from postpaid.domain.api_key import KeyScope
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.usage import Usage, UsageKey


def _record(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:
    with spelled(NAMES):
        asked = usage_asked(request, ids[0])
        try:
            outcome = recorder.record(asked.command)
        except Conflict as refusal:
            if refusal.code != "usage_conflict":
                raise
            there = _there(recorder, asked)
            if there is None:  # deleted since then: it may be recorded now
                outcome = recorder.record(asked.command)
                return _answered(recorder, outcome)
            return _beside(recorder, asked, there)
        if outcome.replayed:
            return _beside(recorder, asked, outcome.usage, outcome)
    return _answered(recorder, outcome)


def _there(recorder: Recorder, asked: Asked) -> Usage | None:
    """Return the live usage that is where one was to be recorded."""
    usage, _ = judge(asked.command, recorder.subscriptions, recorder.now)
    there = recorder.read(usage.key)
    return None if there is None or there.deleted else there


def _beside(
    recorder: Recorder, asked: Asked, there: Usage, outcome: RecordedUsage | None = None
) -> Response:
    """Answer a request that found a usage of its subscription, item price and second."""
    command = asked.command
    seen = outcome or recorder.seen(there)
    same = (
        there.quantity == command.quantity
        and command.external_id in {None, there.external_id}
        and command.note in {None, there.note}
    )
    if command.request is not None and there.request == command.request:
        if not same:
            raise Conflict("idempotency_key_reused", "the key came with another usage before")
        return _answered(recorder, seen, replayed=asked.has_key)
    if asked.dedupe == "skip" or (asked.dedupe is not None and same):
        return _answered(recorder, seen)
    if asked.dedupe == "update_existing":
        correction = CorrectUsage(
            key=there.key,
            version=there.version,
            quantity=command.quantity,
            note=command.note,
        )
        return _answered(recorder, recorder.correct(correction))
    raise duplicate_usage()


def _delete(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:
    key = _named(recorder, ids[0], usage_to_delete(request))
    has_key = idempotency_key(request.headers) is not None
    outcome = recorder.delete(key, unless_invoiced=True)
    if outcome.replayed and not has_key:
        raise usage_not_found()
    return _answered(recorder, outcome, replayed=outcome.replayed)


def _named(recorder: Recorder, subscription_id: str, text: str) -> UsageKey:
    """Find a usage of a subscription by its own id or the client's; raises `NotFound`."""
    try:
        return usage_key(subscription_id, text)
    except NotFound:
        key = recorder.named(check_id(text, "id"))
        if key is None or key.subscription_id != subscription_id:
            raise
        there = recorder.read(key)
        if there is None or there.external_id != text:
            raise
        return key


def _answered(recorder: Recorder, outcome: RecordedUsage, *, replayed: bool = False) -> Response:
    usage = outcome.usage
    return chargebee_from_recorded(
        usage, recorder.id(usage), billing=outcome.billing.value, replayed=replayed
    )


ROUTES = (
    Route("POST", "api/v2/subscriptions/{}/usages", KeyScope.USAGE_WRITE, _record),
    Route("POST", "api/v2/subscriptions/{}/delete_usage", KeyScope.USAGE_WRITE, _delete),
)
