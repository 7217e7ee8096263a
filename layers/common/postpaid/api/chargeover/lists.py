"""Lists: `where`, `order`, `limit` and `offset` over what a site has, the oldest first."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from postpaid.api.chargeover.times import shown_time
from postpaid.api.chargeover.where import Asked, read_asked
from postpaid.api.desk import Desk, Page
from postpaid.api.http import Request
from postpaid.domain.errors import LimitExceeded
from postpaid.domain.instants import zone

# A list looks at so many things, and sorts so many that it keeps.
LOOKED_AT_MAX = 20_000
SORTED_MAX = 5_000
_CHUNK = 100

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """What may be asked of a list: fields to filter by, those to order by, and other names."""

    fields: frozenset[str]
    sorts: frozenset[str]
    synonyms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source[Thing]:
    """Where a list's things come from, the oldest first, and how they are shown.

    *show* takes which fields and children somebody asks for: what is costly it shows only then, and
    *complete* adds the rest to the rows of the page. *among* are the only things that can be meant,
    if a clause says so: they are then read alone. *hides* tells of what the list leaves out.
    """

    read: Callable[[str | None, int], Page[Thing]]
    show: Callable[[Thing, frozenset[str]], Row]
    among: Callable[[Asked], Iterable[Thing] | None] = lambda _: None
    hides: Callable[[Thing], bool] = lambda _: False
    complete: Callable[[Thing, Row], Row] = lambda _, row: row


def listed[Thing](desk: Desk, request: Request, of: ListOf, source: Source[Thing]) -> list[Row]:
    """Return the rows of a page of a list; raises `Malformed`, `Invalid` or `LimitExceeded`."""
    asked = _asked(request, of)
    first, last = asked.offset, asked.offset + asked.limit
    if asked.order:
        kept = _ordered(_kept(desk, asked, source), asked)[first:last]
    else:
        kept = list(islice(_kept(desk, asked, source), first, last))
    return [whole_row(desk, source.complete(thing, row)) for thing, row in kept]


def counted[Thing](desk: Desk, request: Request, of: ListOf, source: Source[Thing]) -> int:
    """Return how many things a list has in all; raises what `listed` does."""
    return sum(1 for _ in _kept(desk, _asked(request, of), source))


def whole_row(desk: Desk, row: Mapping[str, Any]) -> Row:
    """Return a row as JSON: times in the site's zone, with its offset."""
    return _plain_row(row, zone(desk.site.timezone))


def _plain_row(row: Mapping[str, Any], place: ZoneInfo) -> Row:
    return {name: _plain(value, place) for name, value in row.items()}


def _plain(value: Any, place: ZoneInfo) -> Any:
    match value:
        case datetime():
            return shown_time(value, place)
        case date():
            return value.isoformat()
        case Mapping():
            return _plain_row(value, place)
        case list() | tuple():
            return [_plain(each, place) for each in value]
    return value


def _asked(request: Request, of: ListOf) -> Asked:
    return read_asked(request.query, of.fields, sorts=of.sorts, synonyms=of.synonyms)


def _kept[Thing](desk: Desk, asked: Asked, source: Source[Thing]) -> Iterator[tuple[Thing, Row]]:
    place = zone(desk.site.timezone)
    # A clause on children needs them, whether they are to be shown or not.
    children = {each.field.partition(".")[0] for each in asked.clauses if "." in each.field}
    fields = {each.field for each in asked.clauses} | {name for name, _ in asked.order}
    needed = asked.expand | children | fields
    hidden = children - asked.expand
    for thing in _things(asked, source):
        row = source.show(thing, needed)
        if all(clause.holds(row, place) for clause in asked.clauses):
            yield thing, {name: value for name, value in row.items() if name not in hidden}


def _things[Thing](asked: Asked, source: Source[Thing]) -> Iterator[Thing]:
    among = source.among(asked)
    if among is not None:
        yield from (thing for thing in among if not source.hides(thing))
        return
    after: str | None = None
    looked = 0
    while True:
        things, after = source.read(after, _CHUNK)
        yield from (thing for thing in things if not source.hides(thing))
        looked += len(things)
        if after is None:
            return
        if looked >= LOOKED_AT_MAX:
            raise LimitExceeded(
                "limit_exceeded",
                f"a list looks at {LOOKED_AT_MAX} things at most: narrow it by a filter on an id",
            )


def _ordered[Thing](rows: Iterable[tuple[Thing, Row]], asked: Asked) -> list[tuple[Thing, Row]]:
    found = list(islice(rows, SORTED_MAX + 1))
    if len(found) > SORTED_MAX:
        raise LimitExceeded(
            "limit_exceeded",
            f"more than {SORTED_MAX} would have to be sorted: narrow it by a filter",
            field="order",
        )
    for name, rises in reversed(asked.order):
        found.sort(key=lambda kept, name=name: _rank(kept[1].get(name)), reverse=not rises)  # type: ignore[misc]
    return found


def _rank(value: Any) -> tuple[bool, Any]:
    """Order what is not there before all that is."""
    return (value is not None, value if value is not None else 0)
