"""Ids of usages that have none of their own. On the recording path: the standard library only.

Here a usage's id is unique in its site, and has at most 100 characters. The public ids of other
doors are unique in a subscription, and longer. So this one holds the date in seconds, a digest of
the subscription's id, the line and, if there is one, the event.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from postpaid.domain.usage import UsageKey

ID_LENGTH_MAX = 100  # Chargebee's
# The longest line id whose usages get ids that short: 13 bytes come before it.
LINE_ID_MAX = 57
_PREFIX = "usage_"
_DATE, _DIGEST = 5, 8
_BETWEEN = b"\n"  # in no id
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def usage_id(key: UsageKey) -> str:
    """Return the id of a usage that its client gave none; unique in the site."""
    seconds = (key.at - _EPOCH) // timedelta(seconds=1)
    event = b"" if key.event_id is None else _BETWEEN + key.event_id.encode()
    raw = seconds.to_bytes(_DATE) + _digest(key.subscription_id) + key.line_id.encode() + event
    return _PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")


def key_from_usage_id(subscription_id: str, text: str) -> UsageKey | None:
    """Read the identity of a subscription's usage from its id; None if it is not one of these."""
    raw = _unpacked(text)
    if raw is None or raw[_DATE : _DATE + _DIGEST] != _digest(subscription_id):
        return None
    line, *event = raw[_DATE + _DIGEST :].split(_BETWEEN)
    try:
        key = UsageKey(
            subscription_id,
            _date(raw),
            line.decode("ascii"),
            event[0].decode("ascii") if event else None,
        )
    except (ValueError, OverflowError):
        return None
    return key if usage_id(key) == text else None


def date_of_usage_id(text: str) -> datetime | None:
    """Return the date of whatever usage has this id; None if it is not one of these."""
    raw = _unpacked(text)
    try:
        return None if raw is None else _date(raw)
    except OverflowError:
        return None


def is_of_subscription(subscription_id: str, text: str) -> bool:
    """Tell whether an id is one of these, of a usage of this subscription."""
    raw = _unpacked(text)
    return raw is not None and raw[_DATE : _DATE + _DIGEST] == _digest(subscription_id)


def _digest(subscription_id: str) -> bytes:
    return hashlib.sha256(subscription_id.encode()).digest()[:_DIGEST]


def _date(raw: bytes) -> datetime:
    return _EPOCH + timedelta(seconds=int.from_bytes(raw[:_DATE]))


def _unpacked(text: str) -> bytes | None:
    if not text.startswith(_PREFIX):
        return None
    body = text.removeprefix(_PREFIX)
    try:
        raw = urlsafe_b64decode((body + "=" * (-len(body) % 4)).encode("ascii"))
    except ValueError:
        return None
    is_whole = len(raw) > _DATE + _DIGEST
    return raw if is_whole and urlsafe_b64encode(raw).decode().rstrip("=") == body else None
