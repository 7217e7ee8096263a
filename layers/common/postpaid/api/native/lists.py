"""Pages of lists: `limit` and `cursor` in, `data` and `next_cursor` out."""

from collections.abc import Callable, Mapping
from typing import Any

from postpaid.api.cursors import check_instant, cursor_text, page_size, read_cursor
from postpaid.api.desk import Desk, Page
from postpaid.api.http import Request, Response
from postpaid.api.native.shapes import native_list
from postpaid.domain.errors import Malformed


def page[Thing](
    desk: Desk,
    request: Request,
    listing: str,
    read: Callable[[str | None, int], Page[Thing]],
    show: Callable[[Thing], Mapping[str, Any]],
) -> Response:
    """Answer a page of a list whose place is one text."""
    check_query(request, {"limit", "cursor"})
    after = read_cursor(desk.scope, listing, request.query, parts=1, check=_check_place)
    things, place = read(after[0] if after else None, page_size(request.query))
    cursor = None if place is None else cursor_text([place], desk.scope, listing, request.query)
    return Response(200, native_list([show(thing) for thing in things], cursor))


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
