"""Usages in Chargebee's words. This file is on the recording path: no model library, no price."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.usage_ids import usage_id
from postpaid.api.http import Request, Response
from postpaid.application.record_usage import RecordUsage
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import YEAR_MAX, YEAR_MIN, instant_text
from postpaid.domain.quantity import decimal_text, parse_quantity
from postpaid.domain.usage import Usage, UsageSource

KEY_HEADER = "chargebee-idempotency-key"
KEY_LENGTH_MAX = 100
REPLAYED_HEADER = "chargebee-idempotency-replayed"
_FIELDS = ("id", "item_price_id", "quantity", "usage_date", "note", "dedupe_option")
_REQUIRED = ("item_price_id", "usage_date", "quantity")
_DEDUPE = ("skip", "update_existing")
_STAMP = re.compile(r"[0-9]{1,12}")
_FIRST = int(datetime(YEAR_MIN, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC).timestamp())

# The names of a use case's fields here.
NAMES = {"line_id": "item_price_id", "external_id": "id", "id": "id"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A usage to record, and what to do if there is one of its subscription, price and second."""

    command: RecordUsage
    dedupe: str | None
    has_key: bool


@dataclass(frozen=True, slots=True)
class AskedDeletion:
    """The id of a usage to delete; *deletion* is what the tombstone will know the request by."""

    id: str
    deletion: str | None
    has_key: bool


def usage_asked(request: Request, subscription_id: str) -> Asked:
    """Read `POST /subscriptions/{id}/usages`; raises `Malformed` or `Invalid`.

    A request without an idempotency key is known by its own id, so that what this very request
    stored is not taken for another's when an answer of the table is lost.
    """
    values = read_form(request.body, request.headers).plain()
    for name in values:
        if name not in _FIELDS:
            raise Invalid("unknown_field", "is not a parameter of a usage", field=name[:100])
    given = {name: _text(values, name) for name in _FIELDS}
    for name in _REQUIRED:
        if given[name] is None:
            raise Invalid("missing_field", "is required", field=name)
    if given["dedupe_option"] not in {None, *_DEDUPE}:
        raise Invalid("invalid_field", f"is one of {', '.join(_DEDUPE)}", field="dedupe_option")
    command = RecordUsage(
        subscription_id=subscription_id,
        line_id=None,
        item_price_id=given["item_price_id"],
        usage_date=_instant(given["usage_date"]),
        quantity=parse_quantity(given["quantity"], "quantity"),
        note=_note(given["note"]),
        request=_name_of(request),
        external_id=given["id"],
    )
    has_key = idempotency_key(request.headers) is not None
    return Asked(command, given["dedupe_option"], has_key=has_key)


def usage_to_delete(request: Request) -> AskedDeletion:
    """Read `POST /subscriptions/{id}/delete_usage`; raises `Malformed` or `Invalid`.

    It is known by its idempotency key or its own id, as one that records is.
    """
    values = read_form(request.body, request.headers).plain()
    for name in values:
        if name != "id":
            raise Invalid("unknown_field", "is not a parameter here", field=name[:100])
    asked = _text(values, "id")
    if asked is None:
        raise Invalid("missing_field", "is required", field="id")
    has_key = idempotency_key(request.headers) is not None
    return AskedDeletion(asked, _name_of(request), has_key=has_key)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the client's own key of a request, None if none was sent; raises `Invalid`."""
    key = headers.get(KEY_HEADER)
    if not key:
        return None
    if len(key) > KEY_LENGTH_MAX:
        raise Invalid(
            "invalid_field", f"must have at most {KEY_LENGTH_MAX} characters", field=KEY_HEADER
        )
    return key


def duplicate_usage() -> Conflict:
    """Return the refusal of a second usage of a subscription, item price and second."""
    return Conflict(
        "usage_conflict",
        "there is a usage of this subscription, item price and second: delete it to add another",
        field="usage_date",
    )


def taken_id() -> Conflict:
    """Return the refusal of an `id` that another usage has."""
    return Conflict(
        "external_id_taken",
        "another usage of the site has this id, or had it before it was deleted",
        field="id",
    )


def events_elsewhere() -> Invalid:
    """Return the refusal of a usage for what has several in a second, each with an id of its own.

    Here an id is unique in the site; there it is unique in its second.
    """
    return Invalid(
        "not_supported",
        "its item records events, several of which may be in one second: the native API takes them",
        field="item_price_id",
    )


def chargebee_from_recorded(usage: Usage, *, billing: str, replayed: bool = False) -> Response:
    """Answer with a usage; the header of a replay is there only if it is one.

    `billing`, ours alone, says on which invoice it will be: `on_time`, `pending` or `late`.
    """
    shown = chargebee_from_usage(usage) | {"billing": billing}
    return Response(200, {"usage": shown}, {REPLAYED_HEADER: "true"} if replayed else {})


def chargebee_from_usage(usage: Usage) -> dict[str, Any]:
    """Return a usage as this door shows it, but for where it is invoiced."""
    recorded_at = int(usage.recorded_at.timestamp())
    shown = {
        "id": usage.external_id or usage_id(usage.key),
        "usage_date": int(usage.key.at.timestamp()),
        "subscription_id": usage.key.subscription_id,
        "item_price_id": usage.item_price_id,
        "quantity": decimal_text(usage.quantity),
        # Of the words there are the nearest: Chargebee knows no URLs that are asked.
        "source": "bulk_operation" if usage.source is UsageSource.USAGE_URL else "api",
        "note": usage.note,
        "resource_version": recorded_at * 1000 + usage.version,
        "updated_at": recorded_at,
        "created_at": recorded_at,
        "object": "usage",
    }
    return {name: value for name, value in shown.items() if value is not None}


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid("invalid_field", "must be one value", field=name)
    return value


def _instant(text: str | None) -> str:
    if text is None or not _STAMP.fullmatch(text) or not _FIRST <= int(text) < _LAST:
        raise Invalid(
            "invalid_field",
            f"must be seconds since 1970 within the years {YEAR_MIN} to {YEAR_MAX}",
            field="usage_date",
        )
    return instant_text(datetime.fromtimestamp(int(text), UTC))


def _note(note: str | None) -> str | None:
    if note is not None and not note.isprintable():
        raise Invalid("invalid_field", "must not hold control characters", field="note")
    return note


def _name_of(request: Request) -> str | None:
    """Return what a usage keeps of the request that wrote it: a digest of its key or its own id."""
    key = idempotency_key(request.headers)
    return _digest("key", key) if key is not None else _digest("request", request.id)


def _digest(kind: str, text: str) -> str | None:
    if not text:
        return None
    return hashlib.sha256(f"chargebee {kind} {text}".encode()).hexdigest()[:24]
