"""Pages of lists: `limit` and `cursor` in, `data` and `next_cursor` out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from postpaid.api.cursors import check_instant, cursor_text, page_size, read_cursor
from postpaid.api.desk import Desk, Page
from postpaid.api.http import Request, Response
from postpaid.api.native.shapes import native_list
from postpaid.application.find_numbered import Kind, find_numbered
from postpaid.domain.errors import Malformed

_INTEGER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class One[Thing]:
    """Of what kind the things of a list are, and how one is read by its id."""

    kind: Kind
    read: Callable[[str], Thing | None]


def page[Thing](
    desk: Desk,
    request: Request,
    listing: str,
    read: Callable[[str | None, int], Page[Thing]],
    show: Callable[[Thing], Mapping[str, Any]],
    one: One[Thing] | None = None,
) -> Response:
    """Answer a page of a list whose place is one text.

    With *one* the list takes an `integer_id`, and has the thing with that integer, or none.
    """
    if one is not None and "integer_id" in request.query:
        return _numbered(desk, request, one, show)
    check_query(request, {"limit", "cursor"})
    after = read_cursor(desk.scope, listing, request.query, parts=1, check=_check_place)
    things, place = read(after[0] if after else None, page_size(request.query))
    cursor = None if place is None else cursor_text([place], desk.scope, listing, request.query)
    return Response(200, native_list([show(thing) for thing in things], cursor))


def _numbered[Thing](
    desk: Desk,
    request: Request,
    one: One[Thing],
    show: Callable[[Thing], Mapping[str, Any]],
) -> Response:
    """Answer a list of the thing of a kind that has an integer; it is never behind."""
    check_query(request, {"limit", "integer_id"})
    page_size(request.query)
    text = request.query["integer_id"]
    if not _INTEGER.fullmatch(text):
        raise Malformed("malformed_request", "must be a whole number from 1 on", field="integer_id")
    found = find_numbered(one.kind, int(text), numbered=desk.numbered, read=one.read)
    return Response(200, native_list([] if found is None else [show(found)], None))


def _check_place(place: str) -> None:
    # A place in a list begins with when its thing was created.
    check_instant(place.partition("#")[0])


def check_query(request: Request, known: set[str]) -> None:
    """Refuse a query parameter that would silently do nothing."""
    for name in request.query:
        if name not in known:
            raise Malformed(
                "malformed_request", "is not a parameter of this list", field=name[:100]
            )
