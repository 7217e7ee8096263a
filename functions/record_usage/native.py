"""Usage writes of the native door."""

from postpaid.api.http import Request, Response, Route
from postpaid.api.native.usage import (
    correct_usage_from_native,
    native_from_batch,
    native_from_deleted,
    native_from_recorded,
    record_batch_from_native,
    record_usage_from_native,
)
from postpaid.application.record_usage import RecordedUsage
from postpaid.assembly.recorder import Recorder, usage_key
from postpaid.domain.api_key import KeyScope


def _record(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:
    outcome = recorder.record(record_usage_from_native(request, ids[0]))
    return native_from_recorded(outcome, *_ids(outcome, recorder))


def _record_batch(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    outcomes = recorder.record_batch(record_batch_from_native(request))
    results = [
        native_from_recorded(each, *_ids(each, recorder))
        if isinstance(each, RecordedUsage)
        else each
        for each in outcomes
    ]
    return native_from_batch(results, request_id=request.id)


def _correct(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:
    outcome = recorder.correct(correct_usage_from_native(request, usage_key(*ids)))
    return native_from_recorded(outcome, *_ids(outcome, recorder), made=False)


def _delete(recorder: Recorder, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    outcome = recorder.delete(usage_key(*ids))
    return native_from_deleted(outcome, *_ids(outcome, recorder))


def _ids(outcome: RecordedUsage, recorder: Recorder) -> tuple[str, int]:
    return recorder.id(outcome.usage), recorder.number(outcome.usage)


ROUTES = (
    Route("POST", "v1/subscriptions/{}/usages", KeyScope.USAGE_WRITE, _record),
    Route("POST", "v1/usages", KeyScope.USAGE_WRITE, _record_batch),
    Route("PUT", "v1/subscriptions/{}/usages/{}", KeyScope.USAGE_WRITE, _correct),
    Route("DELETE", "v1/subscriptions/{}/usages/{}", KeyScope.USAGE_WRITE, _delete),
)
