"""Pages of lists: filters, `sort_by`, `limit` and `offset` in, `list` and `next_offset` out."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from postpaid.api.chargebee.filters import Filter, Kind, read_filter
from postpaid.api.cursors import check_instant, cursor_text, page_size, read_cursor
from postpaid.api.desk import Desk, Page
from postpaid.api.http import Request, Response
from postpaid.domain.errors import Invalid, LimitExceeded, Malformed
from postpaid.domain.instants import zone

PAGE_DEFAULT = 10
# A page of a sparse filter looks at so many things; its offset goes on behind them.
LOOKED_AT_MAX = 1000
# What is sorted by an attribute without an index is read whole, for every page.
SORTED_MAX = 5000
_CHUNK = 100
_SHOWN = 100
NO_CHANNELS = "nothing comes by an app store here"
NO_ENTITIES = "there are no business entities here"

type Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """What may be asked of a list: *kinds* of attributes to filter by, and what to sort by.

    The list comes newest first by `created_at`. *flags* are parameters that are true or false.
    *refused* are Chargebee's attributes that are not served, and why.
    """

    name: str
    kinds: Mapping[str, Kind]
    sorts: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one request asks of a list. *sort* is the attribute, and whether it rises."""

    filters: tuple[Filter, ...]
    sort: tuple[str, bool] | None
    limit: int
    flags: Mapping[str, bool] = field(default_factory=dict)

    def keeps(self, desk: Desk, resource: Mapping[str, Any]) -> bool:
        """Tell whether a resource meets all filters; days are those of the site's zone."""
        place = zone(desk.site.timezone)
        return all(each.keeps(resource, place) for each in self.filters)

    def only(self, attribute: str) -> tuple[str, ...] | None:
        """Return the values that an attribute may have by `is` or `in`, each once; None if any."""
        for each in self.filters:
            if each.attribute == attribute and each.op in {"is", "in"}:
                return tuple(dict.fromkeys(str(value) for value in each.values))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source[Thing]:
    """Where a list's things come from, newest first, and how they are shown.

    *hides* tells of what the list leaves out. *get* finds a thing by its id; *among* are the only
    things that can be meant, if a filter says so: they are then read alone.
    """

    read: Callable[[str | None, int], Page[Thing]]
    place: Callable[[Thing], str]
    show: Callable[[Thing], Resource]
    wrap: Callable[[Thing, Resource], Resource]
    hides: Callable[[Thing], bool] = lambda _: False
    get: Callable[[str], Thing | None] | None = None
    among: Callable[[Asked], Iterable[Thing] | None] = lambda _: None

    def narrowed(self, asked: Asked) -> Iterable[Thing] | None:
        """Return the only things that the filters leave, None if all must be looked at."""
        ids = asked.only("id")
        if ids is None or self.get is None:
            return self.among(asked)
        return [thing for each in ids if (thing := self.get(each)) is not None]


def read_asked(request: Request, of: ListOf) -> Asked:
    """Read the query of a list; raises `Invalid` or `Malformed` naming the parameter."""
    filters: list[Filter] = []
    flags: dict[str, bool] = {}
    sort: tuple[str, bool] | None = None
    for name, text in request.query.items():
        if name in {"limit", "offset"}:
            continue
        why = of.refused.get(name.partition("[")[0])
        if why is not None:
            raise Invalid("not_supported", why, field=name[:_SHOWN])
        if name in of.flags:
            if text not in {"true", "false"}:
                raise Invalid("invalid_field", "must be true or false", field=name)
            flags[name] = text == "true"
        elif name in {"sort_by[asc]", "sort_by[desc]"}:
            if text not in of.sorts or sort is not None:
                allowed = ", ".join(sorted(of.sorts)) or "nothing"
                raise Invalid("invalid_field", f"is one of {allowed}, once", field=name)
            sort = (text, name == "sort_by[asc]")
        else:
            filters.append(read_filter(name, text, of.kinds))
    limit = page_size(request.query, PAGE_DEFAULT)
    return Asked(filters=tuple(filters), sort=sort, limit=limit, flags=flags)


def page[Thing](
    desk: Desk, request: Request, of: ListOf, asked: Asked, source: Source[Thing]
) -> Response:
    """Answer a page of a list."""
    narrowed = source.narrowed(asked)
    if narrowed is None and asked.sort in {None, ("created_at", False)}:
        after = read_cursor(
            desk.scope, of.name, request.query, parts=1, check=_check_place, name="offset"
        )
        shown, place = _streamed(desk, asked, source, after[0] if after else None)
        return answer(desk, request, of, shown, None if place is None else [place])
    kept = [
        (thing, resource)
        for thing, resource in _all(source, narrowed)
        if not source.hides(thing) and asked.keeps(desk, resource)
    ]
    return _sorted_page(desk, request, of, asked, source, kept)


def answer(
    desk: Desk, request: Request, of: ListOf, shown: list[Resource], place: list[str] | None
) -> Response:
    """Answer with what a page shows, and where the next one begins if there is more."""
    body: Resource = {"list": shown}
    if place is not None:
        body["next_offset"] = cursor_text(place, desk.scope, of.name, request.query)
    return Response(200, body)


def _streamed[Thing](
    desk: Desk, asked: Asked, source: Source[Thing], after: str | None
) -> tuple[list[Resource], str | None]:
    shown: list[Resource] = []
    looked_at = 0
    while True:
        things, place = source.read(after, _CHUNK if asked.filters else asked.limit)
        for index, thing in enumerate(things):
            looked_at += 1
            resource = source.show(thing)
            if not source.hides(thing) and asked.keeps(desk, resource):
                shown.append(source.wrap(thing, resource))
            if len(shown) == asked.limit or looked_at == LOOKED_AT_MAX:
                is_last = index == len(things) - 1 and place is None
                return shown, None if is_last else source.place(thing)
        if place is None:
            return shown, None
        after = place


def _all[Thing](
    source: Source[Thing], narrowed: Iterable[Thing] | None
) -> Iterator[tuple[Thing, Resource]]:
    """Return what there is to sort; raises `LimitExceeded` if that is too much."""
    for count, thing in enumerate(_each(source) if narrowed is None else narrowed):
        if count == SORTED_MAX:
            raise LimitExceeded(
                "limit_exceeded",
                f"more than {SORTED_MAX} would have to be sorted: leave the order to the list, "
                "which is by created_at, newest first, or name fewer by a filter",
                field="sort_by",
            )
        yield thing, source.show(thing)


def _each[Thing](source: Source[Thing]) -> Iterator[Thing]:
    after = None
    while True:
        things, after = source.read(after, _CHUNK)
        yield from things
        if after is None:
            return


def _sorted_page[Thing](
    desk: Desk,
    request: Request,
    of: ListOf,
    asked: Asked,
    source: Source[Thing],
    kept: list[tuple[Thing, Resource]],
) -> Response:
    attribute, is_rising = asked.sort or ("", False)  # by their places, newest first

    def key(pair: tuple[Thing, Resource]) -> tuple[bool, Any, str]:
        value = pair[1].get(attribute)
        return value is None, 0 if value is None else value, source.place(pair[0])

    ordered = sorted(kept, key=key, reverse=not is_rising)
    after = read_cursor(desk.scope, of.name, request.query, parts=1, name="offset")
    if after is not None:
        ordered = [
            pair
            for pair in ordered
            if (_checked_key(after[0], key(pair)) < key(pair)) == is_rising
            and _checked_key(after[0], key(pair)) != key(pair)
        ]
    shown = ordered[: asked.limit]
    place = [json.dumps(key(shown[-1]))] if len(ordered) > asked.limit else None
    wrapped = [source.wrap(thing, resource) for thing, resource in shown]
    return answer(desk, request, of, wrapped, place)


def _check_place(place: str) -> None:
    # A place in a list begins with when its thing was created.
    check_instant(place.partition("#")[0])


def _checked_key(text: str, like: tuple[bool, Any, str]) -> tuple[bool, Any, str]:
    """Read a place among what is sorted; raises `Malformed` if it cannot be compared with one."""
    try:
        is_none, value, place = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        is_none, value, place = None, None, None
    same = isinstance(place, str) and isinstance(is_none, bool)
    if not same or (is_none == like[0] and type(value) is not type(like[1])):
        raise Malformed("invalid_cursor", "the cursor is not one of this list", field="offset")
    return is_none, value, place
