"""Usages in native JSON. This file is on the recording path: no model library, no price."""

from collections.abc import Mapping, Sequence
from typing import Any

from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.errors import refusal
from postpaid.api.native.headers import request_digest, version_in
from postpaid.application.correct_usage import CorrectUsage
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage, RecordUsage
from postpaid.domain.errors import BillingError, Invalid, LimitExceeded
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import instant_text
from postpaid.domain.quantity import decimal_text, parse_quantity
from postpaid.domain.usage import Usage, UsageKey

_FIELDS = frozenset(
    {"item_price_id", "line_id", "usage_date", "quantity", "id", "external_id", "note"}
)
_REQUIRED = ("usage_date", "quantity")
_DONE = (200, 201)
BATCH_USAGES_MAX = 100
BATCH_BYTES_MAX = 262_144


def record_usage_from_native(request: Request, subscription_id: str) -> RecordUsage:
    """Read `POST /v1/subscriptions/{id}/usages`; raises `Malformed` or `Invalid`."""
    body = read_json_object(request.body, request.headers)
    return _command(body, subscription_id, request_digest(request.headers))


def record_batch_from_native(request: Request) -> list[RecordUsage | BillingError]:
    """Read `POST /v1/usages`; raises `Malformed`, `Invalid` or `LimitExceeded` for the whole.

    What is wrong with one of its usages stands in that one's place.
    """
    body = read_json_object(request.body, request.headers, bytes_max=BATCH_BYTES_MAX)
    for name in body:
        if name != "usages":
            raise Invalid("unknown_field", "is not a field of a batch", field=name[:100])
    usages = body.get("usages")
    if usages is None:
        raise Invalid("missing_field", "is required", field="usages")
    if not isinstance(usages, list) or not usages:
        raise Invalid("invalid_field", "must be a list of usages, one at least", field="usages")
    if len(usages) > BATCH_USAGES_MAX:
        raise LimitExceeded(
            "limit_exceeded", f"a batch has at most {BATCH_USAGES_MAX} usages", field="usages"
        )
    digest = request_digest(request.headers)
    return [_element(each, digest) for each in usages]


def _element(given: object, digest: str | None) -> RecordUsage | BillingError:
    if not isinstance(given, dict):
        return Invalid("invalid_field", "must be a JSON object", field="")
    body = dict(given)
    try:
        if body.get("subscription_id") is None:
            raise Invalid("missing_field", "is required", field="subscription_id")
        return _command(body, check_id(body.pop("subscription_id"), "subscription_id"), digest)
    except BillingError as error:
        return error


def _command(body: Mapping[str, Any], subscription_id: str, digest: str | None) -> RecordUsage:
    for name in body:
        if name not in _FIELDS:
            raise Invalid("unknown_field", "is not a field of a usage", field=name[:100])
    for name in _REQUIRED:
        if body.get(name) is None:
            raise Invalid("missing_field", "is required", field=name)
    return RecordUsage(
        subscription_id=subscription_id,
        line_id=_text_or_none(body, "line_id"),
        item_price_id=_text_or_none(body, "item_price_id"),
        usage_date=body["usage_date"],
        quantity=parse_quantity(body["quantity"], "quantity"),
        event_id=_text_or_none(body, "id"),
        note=_note(body),
        request=digest,
        external_id=_text_or_none(body, "external_id"),
    )


def correct_usage_from_native(request: Request, key: UsageKey) -> CorrectUsage:
    """Read `PUT /v1/subscriptions/{id}/usages/{id}`; raises `Malformed` or `Invalid`."""
    body = read_json_object(request.body, request.headers)
    for name in body:
        if name not in {"quantity", "note"}:
            raise Invalid("unknown_field", "cannot be corrected", field=name[:100])
    if body.get("quantity") is None:
        raise Invalid("missing_field", "is required", field="quantity")
    version = version_in(request.headers)
    if version is None:
        raise Invalid("missing_field", "name the version to correct", field="If-Match")
    return CorrectUsage(
        key=key,
        version=version,
        quantity=parse_quantity(body["quantity"], "quantity"),
        note=_note(body),
    )


def native_from_recorded(
    outcome: RecordedUsage, usage_id: str, number: int, *, made: bool = True
) -> Response:
    """Answer a recording: 201 the first time, 200 when it is a replay or not *made* but changed."""
    body = native_from_usage(outcome.usage, usage_id, number)
    body |= {"billing": outcome.billing.value, "replayed": outcome.replayed}
    status = 201 if made and not outcome.replayed else 200
    return Response(status, body, {"etag": f'"{outcome.usage.version}"'})


def native_from_batch(
    results: Sequence[Response | BillingError | Unavailable], *, request_id: str
) -> Response:
    """Answer a batch, usage by usage, in the order it was sent in.

    200 if one of its usages is recorded, or if they are refused for different reasons. If all are
    refused for the same one, the answer is the first's, and has all in `results`.
    """
    answers = [
        refusal(each, request_id=request_id, within=f"usages[{index}]")
        if isinstance(each, BillingError | Unavailable)
        else each
        for index, each in enumerate(results)
    ]
    shown = [
        {"status": answer.status, "usage" if answer.status in _DONE else "problem": answer.body}
        for answer in answers
    ]
    first = answers[0]
    codes = {answer.body.get("code") for answer in answers}
    if first.status in _DONE or len(codes) > 1:
        return Response(200, {"results": shown})
    return Response(first.status, first.body | {"results": shown}, first.headers)


def native_from_deleted(outcome: RecordedUsage, usage_id: str, number: int) -> Response:
    """Answer a deletion: 200, the same when it is repeated."""
    body = native_from_usage(outcome.usage, usage_id, number)
    return Response(200, body | {"billing": outcome.billing.value})


def native_from_usage(usage: Usage, usage_id: str, number: int) -> dict[str, Any]:
    """Return a usage as the native door shows it."""
    shown = {
        "id": usage_id,
        "integer_id": number,
        "subscription_id": usage.key.subscription_id,
        "line_id": usage.key.line_id,
        "item_price_id": usage.item_price_id,
        "usage_date": instant_text(usage.key.at),
        "quantity": decimal_text(usage.quantity),
        "event_id": usage.key.event_id,
        "external_id": usage.external_id,
        "note": usage.note,
        "source": usage.source.value,
        "version": usage.version,
        "deleted": usage.deleted,
        "recorded_at": instant_text(usage.recorded_at),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _text_or_none(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid("invalid_field", "must be a string", field=name)
    return value


def _note(body: Mapping[str, Any]) -> str | None:
    note = _text_or_none(body, "note")
    if note is not None and not note.isprintable():
        raise Invalid("invalid_field", "must not hold control characters", field="note")
    return note
