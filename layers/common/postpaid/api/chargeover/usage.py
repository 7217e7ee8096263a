"""One usage in ChargeOver's words: reading and showing. On the recording path: no model library.

`from` is the date of a usage. What else is said of it, `to` and the custom fields, is kept in its
note as JSON, so that it is shown again; other doors show the note as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from postpaid.api.chargeover.requests import NO_DATA, NOTHING
from postpaid.api.chargeover.things import CUSTOM, custom_shown, split_custom
from postpaid.api.chargeover.times import read_time
from postpaid.api.http import Request
from postpaid.api.json_body import BODY_BYTES_MAX, number_text, parse_any_json
from postpaid.domain.errors import Invalid, LimitExceeded, Malformed
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.line import Line
from postpaid.domain.quantity import parse_quantity
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import NOTE_LENGTH_MAX, Aggregation, Usage, UsageKey

RECORDS_MAX = 1000
# What names a line; `customer.external_key` and the like are the names in the vendor's bulk call.
LOCATORS = (
    *("line_item_id", "line_item_external_key", "package_id", "package_external_key"),
    *("customer_id", "customer_external_key", "item_id", "item_external_key"),
)
_PLAIN = frozenset({*LOCATORS, "usage_value", "from", "to", "type", "external_key", "options"})
_SPELLED = {
    "customer.customer_id": "customer_id",
    "customer.external_key": "customer_external_key",
    "line_item.line_item_id": "line_item_id",
    "line_item.external_key": "line_item_external_key",
    "line_item.item_id": "item_id",
    "line_item.item_external_key": "item_external_key",
    "package.package_id": "package_id",
    "package.external_key": "package_external_key",
}
_NESTED = frozenset(name.partition(".")[0] for name in _SPELLED)
_TYPES = {"add": Aggregation.SUM, "max": Aggregation.MAX, "lat": Aggregation.LAST}
TYPE_OF = {how: name for name, how in _TYPES.items()}
_NOT_HERE = frozenset({"pia", "pas", "dlt"})
_WHOLE = re.compile(r"[0-9]{1,10}")
_KEPT = frozenset({"to", *CUSTOM})
# The vendor's typed libraries read an id as an integer of 32 bits.
_NUMBERS = 2**31 - 1
_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One record as it was sent; *spelled* is how the client wrote the names of its fields.

    *at* and *to* are still text, as their zone is the package's.
    """

    locators: Mapping[str, str]
    spelled: Mapping[str, str]
    quantity: Decimal
    at: object
    to: object
    type: str | None
    external_key: str | None
    custom: Mapping[str, str | None]


def read_record(request: Request) -> Given:
    """Read the body of `POST /usage`; raises `Malformed` or `Invalid` naming the field."""
    plain = _body(request)
    if not isinstance(plain, dict):
        raise Malformed("malformed_request", "The body must be a JSON object")
    return given(plain)


def read_records(request: Request) -> list[Mapping[str, Any]]:
    """Read the body of a bulk call: a list of records, `{"usage": […]}` or a record alone.

    Raises `Malformed`, `Invalid` or `LimitExceeded`.
    """
    plain = _body(request)
    if isinstance(plain, dict):
        plain = plain["usage"] if plain.keys() == {"usage"} else [plain]
    if not isinstance(plain, list):
        raise Malformed("malformed_request", "The body must be a list of usage records")
    if not plain:
        raise Malformed("malformed_request", NO_DATA)
    if len(plain) > RECORDS_MAX:
        raise LimitExceeded(
            "limit_exceeded", f"There are more than {RECORDS_MAX} records in one call."
        )
    for index, each in enumerate(plain):
        if not isinstance(each, dict):
            raise Invalid("invalid_field", "must be a JSON object", field=f"[{index}]")
    return plain


def _body(request: Request) -> Any:
    if len(request.body) > BODY_BYTES_MAX:
        raise Malformed("malformed_request", f"The body has more than {BODY_BYTES_MAX} bytes.")
    if request.body.strip() in NOTHING:
        raise Malformed("malformed_request", NO_DATA)
    plain = parse_any_json(request.body, "The body")
    if plain == {}:
        raise Malformed("malformed_request", NO_DATA)
    return plain


def given(plain: Mapping[str, Any]) -> Given:
    """Read one record; raises `Invalid` naming the field."""
    spelled: dict[str, str] = {}
    values: dict[str, Any] = {}
    rest, custom = split_custom(plain)
    for name, value in _flat(rest):
        known = _SPELLED.get(name, name)
        if known not in _PLAIN:
            raise Invalid(
                "unknown_field", "is not a field of a usage that is known here", field=name[:_SHOWN]
            )
        if known in values:
            raise Invalid("invalid_field", "is said twice", field=name)
        spelled[known] = name
        values[known] = value.strip() if isinstance(value, str) else value
    said = {name: value for name, value in values.items() if value not in (None, "", [], {})}
    if "options" in said:
        raise Invalid("not_supported", "has no meaning here: leave it out", field="options")
    if "usage_value" not in said:
        raise Invalid("missing_field", "is required", field="usage_value")
    return Given(
        locators={name: _locator(said[name], spelled[name]) for name in LOCATORS if name in said},
        spelled=spelled,
        quantity=parse_quantity(said["usage_value"], "usage_value"),
        at=said.get("from"),
        to=said.get("to"),
        type=_type(said.get("type")),
        external_key=_key(said.get("external_key")),
        custom=custom,
    )


def _flat(plain: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a record's fields, those of an object within it by dotted names."""
    for name, value in plain.items():
        if name not in _NESTED or not (value is None or isinstance(value, dict)):
            yield name, value
            continue
        yield from ((f"{name}.{inner}", each) for inner, each in (value or {}).items())


def _locator(value: object, field: str) -> str:
    """Read what names a thing: an integer, or an external key as text."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = number_text(value)
    if not isinstance(value, str):
        raise Invalid("invalid_field", "must be a number or a text", field=field)
    if field.rpartition("_")[2] == "id":
        if not _WHOLE.fullmatch(value):
            raise Invalid("invalid_field", "must be a whole number", field=field)
        return value
    return check_id(value, field)


def _type(value: object) -> str | None:
    if value is None:
        return None
    text = value.lower() if isinstance(value, str) else ""
    if text in _NOT_HERE:
        raise Invalid("not_supported", f"{text} is not known here: add, max or lat", field="type")
    if text not in _TYPES:
        raise Invalid("invalid_field", "must be add, max or lat", field="type")
    return text


def _key(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = number_text(value)
    return check_id(value, "external_key")


def check_type(record: Given, line: Line) -> None:
    """Refuse a type that is not how the line's usages become one quantity; raises `Invalid`."""
    if record.type is not None and _TYPES[record.type] is not line.aggregation:
        raise Invalid(
            "invalid_field",
            f"the usages of this line are taken as '{TYPE_OF[line.aggregation]}', by its item",
            field="type",
        )


def moment(subscription: Subscription, value: object, field: str) -> datetime:
    """Read a date or time of a package, in its zone of then; raises `Invalid` naming *field*."""
    for schedule in reversed(subscription.later):
        found = read_time(value, schedule.zone, field)
        if found >= schedule.start:
            return found
    return read_time(value, subscription.schedule.zone, field)


def note_of(record: Given, until: datetime | None) -> str | None:
    """Return what a usage keeps beside its date and quantity, None if nothing.

    Raises `Invalid` if that is longer than a note may be.
    """
    kept: dict[str, str] = {} if until is None else {"to": instant_text(until)}
    kept |= {name: text for name, text in sorted(record.custom.items()) if text is not None}
    for name, text in kept.items():
        if not text.isprintable():
            raise Invalid("invalid_field", "must not hold control characters", field=name)
    if not kept:
        return None
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    if len(text) > NOTE_LENGTH_MAX:
        raise Invalid(
            "invalid_field",
            f"`to` and all custom fields may have {NOTE_LENGTH_MAX} characters, as JSON",
            field=next(reversed(kept)),
        )
    return text


def _kept(usage: Usage) -> dict[str, Any]:
    """Return what this door kept with a usage: a note that is somebody else's says nothing."""
    try:
        found = json.loads(usage.note or "{}", parse_float=Decimal)
    except ValueError:
        return {}
    if not isinstance(found, dict) or not found.keys() <= _KEPT:
        return {}
    if not all(isinstance(each, str) for each in found.values()):
        return {}
    return found


def usage_number(number: int) -> int:
    """Return the integer by which this door shows a usage: 31 bits of its own.

    It tells the usages of a line apart; of all that a site has, two may share one.
    """
    return 1 + number % _NUMBERS


def shown_usage(subscription: Subscription, usage: Usage, number: int, line: int) -> dict[str, Any]:
    """Show a usage of a line, by the integers of both."""
    kept = _kept(usage)
    until = usage.key.at
    if "to" in kept:
        try:
            until = instant_from_text(kept["to"])
        except ValueError:
            kept = {}
    return {
        "usage_history_id": usage_number(number),
        "line_item_id": line,
        "package_id": subscription.number,
        "usage_value": usage.quantity,
        "type": TYPE_OF[entry_at(subscription, usage.key).aggregation],
        "from": usage.key.at,
        "to": until,
        "external_key": usage.external_id,
        **custom_shown(kept),
        "write_datetime": usage.recorded_at,
    }


def entry_at(subscription: Subscription, key: UsageKey) -> Line:
    """Return the entry of a usage's line at its date, else the last that began before, or any."""
    mine = [line for line in subscription.lines if line.id == key.line_id]
    there = [line for line in mine if line.in_force(key.at)]
    before = [line for line in mine if line.since is None or line.since <= key.at]
    return (there or before[-1:] or mine)[0]
