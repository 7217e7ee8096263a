"""`where`, `order`, `limit` and `offset`, over rows as this door shows them.

`field:OP:value`, several divided by commas, all of which must hold; a backslash before a colon or a
comma makes it part of a value. The vendor's PHP library leaves the colons of a value as they are,
so that only the first two divide a clause.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from postpaid.api.chargeover.times import read_time
from postpaid.domain.errors import Invalid, Malformed

LIMIT_DEFAULT, LIMIT_MAX = 10, 500
OFFSET_MAX = 100_000
CLAUSES_MAX = 20
_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,20})?")
_SHOWN = 100
_FLAGS = {"1": True, "true": True, "0": False, "false": False}

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition; *field* may be a path through children, `line_items.item_id`."""

    field: str
    op: str
    value: str

    def holds(self, row: Row, zone: ZoneInfo) -> bool:
        """Tell whether a row meets it; of several children one must. Raises `Invalid`."""
        values = list(_values(row, self.field.split(".")))
        if self.op in {"IS", "ISNOT"}:
            is_null = all(value is None for value in values)
            return is_null == (self.op == "IS")
        if self.op == "NOTEQUALS":
            return not any(self._equals(value, zone) for value in values)
        return any(self._meets(value, zone) for value in values)

    def _meets(self, value: object, zone: ZoneInfo) -> bool:
        if value is None:
            return False
        if self.op == "EQUALS":
            return self._equals(value, zone)
        if self.op == "CONTAINS":
            return self.value.casefold() in str(value).casefold()
        return _ORDERS[self.op](*self._pair(value, zone))

    def _equals(self, value: object, zone: ZoneInfo) -> bool:
        if value is None:
            return False
        mine, other = self._pair(value, zone)
        return bool(mine == other)

    def _pair(self, value: object, zone: ZoneInfo) -> tuple[Any, Any]:
        """Return a row's value and the clause's own as two of one kind."""
        match value:
            case bool():
                if self.value.lower() not in _FLAGS:
                    raise Invalid("invalid_field", "is true or false", field=self.field)
                return value, _FLAGS[self.value.lower()]
            case int() | Decimal():
                if not _NUMBER.fullmatch(self.value):
                    raise Invalid("invalid_field", "is compared with a number", field=self.field)
                return Decimal(value), Decimal(self.value)
            case datetime():
                return value, read_time(self.value, zone, self.field)
            case date():
                return value, read_time(self.value, zone, self.field).astimezone(zone).date()
        return str(value), self.value


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "GT": lambda value, given: bool(value > given),
    "GTE": lambda value, given: bool(value >= given),
    "LT": lambda value, given: bool(value < given),
    "LTE": lambda value, given: bool(value <= given),
}
_OPS = frozenset({"EQUALS", "NOTEQUALS", "CONTAINS", "IS", "ISNOT", *_ORDERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one request asks of a list. *order* are fields, each with whether it rises."""

    clauses: tuple[Clause, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int
    offset: int
    expand: frozenset[str]

    def only(self, field: str) -> str | None:
        """Return the one value that a field may have, None for any."""
        found = (each.value for each in self.clauses if (each.field, each.op) == (field, "EQUALS"))
        return next(found, None)


def read_asked(
    query: Mapping[str, str],
    fields: frozenset[str],
    *,
    sorts: frozenset[str],
    synonyms: Mapping[str, str],
) -> Asked:
    """Read the query of a list; other parameters are no matter of ours.

    Raises `Malformed` in the vendor's words, `Invalid` naming the parameter.
    """
    clauses = tuple(_clauses(query.get("where", ""), fields, synonyms))
    return Asked(
        clauses=clauses,
        order=tuple(_orders(query.get("order", ""), sorts, synonyms)),
        limit=_whole(query, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
        offset=_whole(query, "offset", 0, 0, OFFSET_MAX),
        expand=frozenset(each for each in query.get("expand", "").split(",") if each),
    )


def _clauses(text: str, fields: frozenset[str], synonyms: Mapping[str, str]) -> Iterator[Clause]:
    parts = _split(text, ",") if text.strip() else []
    if len(parts) > CLAUSES_MAX:
        raise Invalid("invalid_field", f"has at most {CLAUSES_MAX} clauses", field="where")
    for part in parts:
        found = _split(part, ":", 2)
        if len(found) != 3:  # noqa: PLR2004 - field, operator, value
            raise Malformed("malformed_request", "Malformed WHERE clause.")
        field, op, value = found[0].strip(), found[1].strip().upper(), _unescaped(found[2])
        field = synonyms.get(field, field)
        if op not in _OPS or (op in {"IS", "ISNOT"} and value.upper() != "NULL"):
            raise Malformed("malformed_request", "Malformed WHERE clause.")
        if field not in fields:
            raise Malformed("malformed_request", f"You cannot filter by: {field[:_SHOWN]}.")
        yield Clause(field, op, value)


def _orders(
    text: str, sorts: frozenset[str], synonyms: Mapping[str, str]
) -> Iterator[tuple[str, bool]]:
    for part in filter(None, text.split(",")):
        name, _, direction = part.strip().partition(":")
        name = synonyms.get(name, name)
        if name not in sorts or direction.upper() not in {"", "ASC", "DESC"}:
            raise Malformed("malformed_request", f"You cannot order by: {part[:_SHOWN]}.")
        yield name, direction.upper() != "DESC"


def _whole(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name) or str(default)
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise Invalid("invalid_field", f"must be a number from {least} to {most}", field=name)
    return int(text)


def _split(text: str, divider: str, times: int = -1) -> list[str]:
    """Split at dividers that no backslash stands before."""
    parts, start, place = list[str](), 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == divider and times:
            parts.append(text[start:place])
            start, times = place + 1, times - 1
        place += 1
    return [*parts, text[start:]]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([:,\\])", r"\1", text)


def _values(row: object, path: list[str]) -> Iterator[object]:
    if isinstance(row, list):
        for each in row:
            yield from _values(each, path)
    elif not path:
        yield row
    elif isinstance(row, Mapping):
        yield from _values(row.get(path[0]), path[1:])
    else:
        yield None
