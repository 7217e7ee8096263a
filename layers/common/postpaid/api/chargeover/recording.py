"""Record usage: one at a time, or up to 1 000 as a whole. On the recording path.

An external key names one usage of the site for ever, so that it comes again without counting again;
an `Idempotency-Key` is taken for one. A record with neither is a new one each time it is sent.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postpaid.api.chargeover.envelope import NotKnown, answer, created
from postpaid.api.chargeover.line_of_usage import LineFinder
from postpaid.api.chargeover.usage import (
    Given,
    check_type,
    entry_at,
    given,
    moment,
    note_of,
    read_record,
    read_records,
    usage_number,
)
from postpaid.api.http import Request, Response
from postpaid.api.records import Records
from postpaid.api.spelling import spelled
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage, RecordUsage
from postpaid.domain.errors import BillingError, Conflict, Invalid
from postpaid.domain.identifiers import ID_LENGTH_MAX, check_id
from postpaid.domain.instants import instant_text
from postpaid.domain.usage import Recording, Usage, UsageKey

_HEADER = "Idempotency-Key"
# The fields of use cases, as clients know them.
_NAMES = {
    "usage_date": "from",
    "quantity": "usage_value",
    "external_id": "external_key",
    "id": "external_key",
    "note": "to",
}
_DIGEST_LENGTH = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A usage to record; *dated* if it says its date itself, *at* is the date in any case."""

    command: RecordUsage
    line_id: str
    at: datetime
    dated: bool
    recording: Recording
    spelled: dict[str, str]

    @property
    def key(self) -> str | None:
        """The external key."""
        return self.command.external_id


def record(records: Records, request: Request) -> Response:
    """Record one usage; raises `Malformed`, `Invalid`, `NotFound` or `Conflict`."""
    asked = _asked(records, LineFinder(records), read_record(request), _idempotency_key(request))
    with spelled(asked.spelled):
        try:
            usage = _recorded(records, asked)
        except Unavailable as error:
            raise _unknown(error, [asked]) from None
    return created(usage_number(records.number(usage)))


def record_many(records: Records, request: Request) -> Response:
    """Record many usages: if one is found wrong, none is recorded and the first such is named.

    A record that another request keeps from being stored while this one runs is named as well; the
    others are then recorded.
    """
    finder, key = LineFinder(records), _idempotency_key(request)
    asked: list[_Asked] = []
    for index, plain in enumerate(read_records(request)):
        try:
            asked.append(_one_of_many(records, finder, plain, key, index))
        except BillingError as error:
            raise _placed(error, index) from None
    _check_keys(asked)
    try:
        usages = _recorded_many(records, asked)
    except Unavailable as error:
        raise _unknown(error, asked) from None
    return answer({"id": usage_number(records.number(usages[0])), "result": True}, 201)


def _one_of_many(
    records: Records, finder: LineFinder, plain: Any, key: str | None, index: int
) -> _Asked:
    own = None if key is None else f"{key}.{index}"
    if own is not None and len(own) > ID_LENGTH_MAX:
        raise Invalid("invalid_field", "is too long for so many records", field=_HEADER)
    return _asked(records, finder, given(plain), own)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(_HEADER.lower())
    return None if key is None else check_id(key, _HEADER)


# --- what is asked


def _asked(records: Records, finder: LineFinder, record: Given, key: str | None) -> _Asked:
    """Find a record's line, and say what is to be recorded; raises `Invalid` or `NotFound`."""
    names = {**_NAMES, **record.spelled}
    with spelled(names):
        place = finder.find(record)
        subscription = place.subscription
        at = records.now if record.at is None else moment(subscription, record.at, "from")
        until = None if record.to is None else moment(subscription, record.to, "to")
        if until is not None and until < at:
            raise Invalid("invalid_field", "must not lie before 'from'", field="to")
        line = entry_at(subscription, UsageKey(subscription.id, at, place.line_id))
        check_type(record, line)
        external_key = record.external_key or key
        digest = _digest_of(records, external_key)
        command = RecordUsage(
            subscription_id=subscription.id,
            line_id=place.line_id,
            item_price_id=None,
            usage_date=instant_text(at),
            quantity=record.quantity,
            note=note_of(record, until),
            external_id=external_key,
            event_id=digest if line.recording is Recording.EVENTS else None,
            request=digest,
        )
    return _Asked(
        command=command,
        line_id=place.line_id,
        at=at,
        dated=record.at is not None,
        recording=line.recording,
        spelled={**names, "line_id": record.spelled.get(place.field, place.field)},
    )


def _digest_of(records: Records, key: str | None) -> str:
    """Return what a usage's event and its request are known by.

    By its request a repeat of this very one, or of its key, is told from another's usage.
    """
    text = records.new_id() if key is None else f"chargeover#{key}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


# --- one


def _recorded(records: Records, asked: _Asked) -> Usage:
    there = None
    try:
        outcome = records.record(asked.command)
    except Conflict as refusal:
        if refusal.code == "external_id_taken":
            there = _named(records, asked)
        if there is None:
            raise _refused(asked, refusal) from None
        return _repeated(asked, there)
    return _repeated(asked, outcome.usage) if outcome.replayed else outcome.usage


def _named(records: Records, asked: _Asked) -> Usage | None:
    """Read the usage that has the external key, None if it is not there any more."""
    assert asked.key is not None
    key = records.named(asked.key)
    there = None if key is None else records.read(key)
    return None if there is None or there.deleted else there


def _repeated(asked: _Asked, there: Usage) -> Usage:
    """Return a usage that was there, if this record is the same again; raises `Conflict`."""
    command = asked.command
    if asked.key is None:
        if there.request == command.request:
            return there
        raise _second(asked)
    is_same = (
        (there.key.subscription_id, there.key.line_id) == (command.subscription_id, asked.line_id)
        and there.quantity == command.quantity
        and command.note in {None, there.note}
        and (not asked.dated or there.key.at == asked.at)
        and there.external_id == asked.key
    )
    if not is_same:
        raise _another()
    return there


def _refused(asked: _Asked, refusal: Conflict) -> Conflict:
    """Return a refusal of the recorder as this door says it."""
    match refusal.code:
        case "external_id_taken":
            return Conflict(
                "external_id_taken",
                "named a usage that was deleted since then, and names no other",
                field="external_key",
            )
        case "usage_deleted":
            return Conflict("usage_deleted", refusal.message, field="external_key")
        case "usage_conflict":
            is_named = asked.key is not None and asked.recording is Recording.EVENTS
            return _another() if is_named else _second(asked)
    return refusal


def _another() -> Conflict:
    return Conflict(
        "external_id_taken",
        "came before with another line, date, value or other fields; it names that usage for ever",
        field="external_key",
    )


def _second(asked: _Asked) -> Conflict:
    at = instant_text(asked.at)
    return Conflict(
        "usage_conflict",
        f"the line takes one usage for each point in time, and has one of {at}",
        field="from",
    )


def _unknown(error: Unavailable, asked: Sequence[_Asked]) -> Unavailable:
    """Return what it means that storage did not say whether it stored."""
    named = all(each.key is not None for each in asked)
    return error if named else NotKnown(str(error))


# --- many


def _check_keys(asked: Sequence[_Asked]) -> None:
    """Refuse a call in which two records have one external key; raises `Invalid`."""
    seen: dict[str, int] = {}
    for index, each in enumerate(asked):
        if each.key is not None and seen.setdefault(each.key, index) != index:
            raise Invalid(
                "usage_repeated",
                f"is that of [{seen[each.key]}] as well: nothing was recorded",
                field=f"[{index}].external_key",
            )


def _recorded_many(records: Records, asked: Sequence[_Asked]) -> list[Usage]:
    """Record what is not there yet; whatever can be seen to be wrong before is refused before."""
    found: dict[int, Usage] = {}
    for index, each in enumerate(asked):
        try:
            there = _there(records, each)
        except BillingError as error:
            raise _placed(error, index) from None
        if there is not None:
            found[index] = there
    new = [index for index in range(len(asked)) if index not in found]
    outcomes = _batch(records, asked, new)
    for outcome in outcomes:
        if isinstance(outcome, Unavailable):
            raise outcome
    for index, outcome in zip(new, outcomes, strict=True):
        try:
            found[index] = _settled(records, asked[index], outcome)
        except BillingError as error:
            raise _placed(error, index, asked[index]) from None
    return [found[index] for index in range(len(asked))]


def _there(records: Records, asked: _Asked) -> Usage | None:
    """Return what is recorded of a record already; raises `Conflict` if something else is."""
    if asked.key is not None:
        key = records.named(asked.key)
        if key is not None:
            there = records.read(key)
            if there is None or there.deleted:
                raise _refused(asked, Conflict("external_id_taken", ""))
            return _repeated(asked, there)
    if asked.recording is Recording.ONE_PER_DATE:
        subscription_id = asked.command.subscription_id
        there = records.read(UsageKey(subscription_id, asked.at, asked.line_id))
        if there is not None and not there.deleted:
            raise _second(asked)
    return None


def _batch(
    records: Records, asked: Sequence[_Asked], new: Sequence[int]
) -> list[RecordedUsage | BillingError | Unavailable]:
    """Record those at the places *new*; a refusal of the whole names the place in the call."""
    if not new:
        return []
    try:
        return records.record_batch([asked[index].command for index in new], whole=True)
    except BillingError as error:
        place, _, field = (error.field or "").removeprefix("usages[").partition("]")
        index = new[int(place)]
        error.field = field.removeprefix(".") or None
        if error.code == "usage_repeated":
            error.message = "is a point in time that the line has another record for in this call"
            error.field = "from"
        raise _placed(error, index, asked[index]) from None


def _settled(
    records: Records, asked: _Asked, outcome: RecordedUsage | BillingError | Unavailable
) -> Usage:
    """Return what a record of a call is by now; raises the refusal that it met."""
    if isinstance(outcome, RecordedUsage):
        return _repeated(asked, outcome.usage) if outcome.replayed else outcome.usage
    if isinstance(outcome, Conflict):
        there = _named(records, asked) if outcome.code == "external_id_taken" else None
        if there is not None:
            return _repeated(asked, there)
        raise _refused(asked, outcome)
    raise outcome


def _placed(error: BillingError, index: int, asked: _Asked | None = None) -> BillingError:
    """Return a refusal with its place in the call in front of its field."""
    field = error.field
    if asked is not None and field is not None:
        field = asked.spelled.get(field, field)
    if field != _HEADER:
        error.field = f"[{index}]" if field is None else f"[{index}].{field}"
    return error
