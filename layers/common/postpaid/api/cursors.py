"""Cursors of lists: opaque to clients, bound to the list they came from.

A cursor holds only a place within the caller's own list; the partition is always made from the
authenticated site, so that an altered cursor can reach nothing else.
"""

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress

from postpaid.domain.errors import Malformed
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.site import Scope

CURSOR_LENGTH_MAX = 1200  # the longest place is a usage whose line and event have long ids
PAGE_DEFAULT = 50
PAGE_MAX = 100
# What differs from page to page of one list.
_PAGING = {"cursor", "limit", "offset", "line_items_limit", "line_items_offset"}
_LIMIT = re.compile(r"[0-9]{1,9}")


def cursor_text(place: list[str], scope: Scope, listing: str, query: Mapping[str, str]) -> str:
    """Write a cursor for a place in a list."""
    text = json.dumps([_binding(scope, listing, query, place), *place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(
    scope: Scope,
    listing: str,
    query: Mapping[str, str],
    *,
    parts: int,
    check: Callable[..., object] = lambda *_: None,
    name: str = "cursor",
) -> list[str] | None:
    """Read the query's cursor, the parameter *name*; None if there is none.

    *check* takes the parts and raises `ValueError` if they are no place: the binding keeps no
    secret, so a client can make a cursor of its own. Raises `Malformed` with code `invalid_cursor`
    for one that is altered or of another list.
    """
    text = query.get(name)
    if text is None:
        return None
    binding, place = _unpacked(text)
    if binding == _binding(scope, listing, query, place) and len(place) == parts:
        with suppress(ValueError):
            check(*place)
            return place
    raise Malformed("invalid_cursor", "the cursor is not one of this list", field=name)


def check_instant(text: str) -> None:
    """Refuse a part that is not an instant in its stored form; raises `ValueError`."""
    if instant_text(instant_from_text(text)) != text:
        raise ValueError(text)


def page_size(query: Mapping[str, str], default: int = PAGE_DEFAULT) -> int:
    """Read the query's `limit`, 1 to 100, *default* if there is none; raises `Malformed`."""
    text = query.get("limit", str(default))
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= PAGE_MAX:
        raise Malformed(
            "malformed_request", f"must be a number from 1 to {PAGE_MAX}", field="limit"
        )
    return int(text)


def _binding(scope: Scope, listing: str, query: Mapping[str, str], place: list[str]) -> str:
    filters = {name: value for name, value in query.items() if name not in _PAGING}
    text = json.dumps([scope.site, scope.generation, listing, filters, place], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_part(part: object) -> bool:
    return isinstance(part, str) and part.isascii()


def _unpacked(text: str) -> tuple[str | None, list[str]]:
    if len(text) > CURSOR_LENGTH_MAX:
        return None, []
    try:
        place = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None, []
    if not isinstance(place, list) or not all(_is_part(part) for part in place):
        return None, []
    return (place[0], place[1:]) if place else (None, [])
