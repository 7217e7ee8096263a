"""Usage writes of the Chargebee door."""

from postpaid.api.chargebee.usage import (
    KEY_HEADER,
    NAMES,
    Asked,
    chargebee_from_recorded,
    duplicate_usage,
    events_elsewhere,
    taken_id,
    usage_asked,
    usage_to_delete,
)
from postpaid.api.chargebee.usage_ids import key_from_usage_id
from postpaid.api.http import Request, Response, Route
from postpaid.api.spelling import spelled
from postpaid.application.correct_usage import CorrectUsage, usage_not_found
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage, judge
from postpaid.assembly.recorder import Recorder, usage_key
from postpaid.domain.api_key import KeyScope
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.usage import Usage, UsageKey

_TRIES = 4


def _record(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:
    with spelled(NAMES):
        asked = usage_asked(request, ids[0])
        for _ in range(_TRIES):
            try:
                return _recorded(recorder, asked)
            except _Changed:
                continue
        raise Unavailable("the usage changed under every attempt to record it")


class _Changed(Exception):
    """Another request changed or deleted what was found: look again."""


def _recorded(recorder: Recorder, asked: Asked) -> Response:
    try:
        outcome = recorder.record(asked.command)
    except Conflict as refusal:
        if refusal.code == "external_id_taken":
            raise taken_id() from None
        if refusal.code != "usage_conflict":
            raise
        return _beside(recorder, asked, _there(recorder, asked))
    except Invalid as refusal:
        if (refusal.code, refusal.field) == ("missing_field", "id"):
            raise events_elsewhere() from None
        raise
    if outcome.replayed:
        return _beside(recorder, asked, outcome.usage, outcome)
    return _answered(outcome)


def _there(recorder: Recorder, asked: Asked) -> Usage:
    """Return the live usage that is where one was to be recorded; raises `_Changed`."""
    usage, _ = judge(asked.command, recorder.subscriptions, recorder.now)
    there = recorder.read(usage.key)
    if there is None or there.deleted:
        raise _Changed
    return there


def _beside(
    recorder: Recorder, asked: Asked, there: Usage, outcome: RecordedUsage | None = None
) -> Response:
    """Answer a request that found a usage of its subscription, item price and second."""
    command = asked.command
    same = (
        there.quantity == command.quantity
        and command.external_id in {None, there.external_id}
        and command.note in {None, there.note}
    )
    if command.request is not None and there.request == command.request:
        if not same:
            raise Conflict(
                "idempotency_key_reused",
                "the key came with another usage before",
                field=KEY_HEADER,
            )
        return _answered(outcome or recorder.seen(there), replayed=asked.has_key)
    if asked.dedupe == "skip" or (asked.dedupe is not None and same):
        return _answered(outcome or recorder.seen(there))
    if asked.dedupe == "update_existing":
        return _answered(_updated(recorder, asked, there))
    raise duplicate_usage()


def _updated(recorder: Recorder, asked: Asked, there: Usage) -> RecordedUsage:
    """Correct the usage that is there, unless it is invoiced; raises `_Changed`."""
    correction = CorrectUsage(
        key=there.key,
        version=there.version,
        quantity=asked.command.quantity,
        note=asked.command.note,
        unless_invoiced=True,
    )
    try:
        return recorder.correct(correction)
    except NotFound:
        raise _Changed from None
    except Conflict as refusal:
        if refusal.code == "version_mismatch":
            raise _Changed from None
        raise


def _delete(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:
    asked = usage_to_delete(request)
    own = _own(ids[0], asked.id)
    outcome = None if own is None else _deleted(recorder, own, asked.deletion)
    if outcome is None:
        outcome = _deleted(recorder, _named(recorder, ids[0], asked.id), asked.deletion)
    if outcome is None:
        raise usage_not_found()
    return _answered(outcome, replayed=outcome.replayed and asked.has_key)


def _deleted(recorder: Recorder, key: UsageKey, deletion: str | None) -> RecordedUsage | None:
    """Delete a usage; None if there was none, or if another request had deleted it."""
    try:
        outcome = recorder.delete(key, unless_invoiced=True, deletion=deletion)
    except NotFound:
        return None
    is_mine = deletion is not None and outcome.usage.deletion == deletion
    return outcome if is_mine or not outcome.replayed else None


def _own(subscription_id: str, text: str) -> UsageKey | None:
    """Read a usage's identity from an id that this door or the native one made; None if neither."""
    try:
        return key_from_usage_id(subscription_id, text) or usage_key(subscription_id, text)
    except NotFound:
        return None


def _named(recorder: Recorder, subscription_id: str, text: str) -> UsageKey:
    """Find a usage of a subscription by the id that its client gave it; raises `NotFound`."""
    key = recorder.named(check_id(text, "id"))
    if key is None or key.subscription_id != subscription_id:
        raise usage_not_found()
    there = recorder.read(key)
    if there is None or there.external_id != text:
        raise usage_not_found()
    return key


def _answered(outcome: RecordedUsage, *, replayed: bool = False) -> Response:
    return chargebee_from_recorded(outcome.usage, billing=outcome.billing.value, replayed=replayed)


ROUTES = (
    Route("POST", "api/v2/subscriptions/{}/usages", KeyScope.USAGE_WRITE, _record),
    Route("POST", "api/v2/subscriptions/{}/delete_usage", KeyScope.USAGE_WRITE, _delete),
)
