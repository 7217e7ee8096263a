"""Filters of lists, as Chargebee's clients write them, over resources as this door shows them.

`field[op]=value`. The values of `in`, `not_in` and `between` come as a JSON list, as Python's repr
of one, or in brackets without quotes (chargebee_api_v2_pc_v2_spec; the SDKs of Python and Node).
"""

import json
import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from postpaid.domain.errors import Invalid

VALUES_MAX = 100
_NAME = re.compile(r"([a-z_]+)\[([a-z_]+)\]")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_SHOWN = 100


class Kind(Enum):
    """What kind of values an attribute has, and so by what it may be filtered."""

    TEXT = frozenset({"is", "is_not", "starts_with", "in", "not_in", "is_present"})
    CHOICE = frozenset({"is", "is_not", "in", "not_in", "is_present"})
    STAMP = frozenset({"after", "before", "on", "between", "is_present"})
    NUMBER = frozenset({"is", "is_not", "lt", "lte", "gt", "gte", "between", "is_present"})
    FLAG = frozenset({"is"})


_LISTS = {"in", "not_in", "between"}
_NUMERIC = {Kind.STAMP, Kind.NUMBER}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on an attribute; *values* are of its kind, one unless *op* takes several."""

    attribute: str
    op: str
    values: tuple[Any, ...]

    def keeps(self, resource: Mapping[str, Any], zone: ZoneInfo) -> bool:
        """Tell whether a resource meets it; an attribute that is not shown meets only denials.

        Of an attribute with several values one must meet a condition, and all a denial.
        """
        value = resource.get(self.attribute)
        if isinstance(value, frozenset):
            each = (self.keeps({self.attribute: one}, zone) for one in value)
            return all(each) if self.op in {"is_not", "not_in"} else any(each)
        if self.op == "is_present":
            return bool((value is not None) == self.values[0])
        if value is None:
            return self.op in {"is_not", "not_in"}
        if self.op == "on":
            return _day(value, zone) == _day(self.values[0], zone)
        return _TESTS[self.op](value, self.values)


_TESTS: dict[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    "is": lambda value, given: bool(value == given[0]),
    "is_not": lambda value, given: bool(value != given[0]),
    "starts_with": lambda value, given: str(value).startswith(given[0]),
    "in": lambda value, given: value in given,
    "not_in": lambda value, given: value not in given,
    "after": lambda value, given: bool(value > given[0]),
    "before": lambda value, given: bool(value < given[0]),
    "gt": lambda value, given: bool(value > given[0]),
    "gte": lambda value, given: bool(value >= given[0]),
    "lt": lambda value, given: bool(value < given[0]),
    "lte": lambda value, given: bool(value <= given[0]),
    "between": lambda value, given: bool(given[0] <= value <= given[1]),
}


def read_filter(name: str, text: str, kinds: Mapping[str, Kind]) -> Filter:
    """Read one filter of a query; raises `Invalid` naming it."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in kinds:
        raise Invalid("unknown_field", "is not a parameter of this list", field=name[:_SHOWN])
    attribute, op = found[1], found[2]
    kind = kinds[attribute]
    if op not in kind.value:
        ops = ", ".join(sorted(kind.value))
        raise Invalid("invalid_field", f"is no condition; there are {ops}", field=name[:_SHOWN])
    if op == "is_present" or kind is Kind.FLAG:
        return Filter(attribute, op, (_truth(text, name),))
    texts = read_values(text, name) if op in _LISTS else (text,)
    if op == "between" and len(texts) != 2:  # noqa: PLR2004 - from one to another
        raise Invalid("invalid_field", "must have two values, such as [1,2]", field=name)
    if not all(texts):
        raise Invalid("invalid_field", "must not be empty", field=name)
    if kind in _NUMERIC:
        return Filter(attribute, op, tuple(_number(each, name) for each in texts))
    return Filter(attribute, op, texts)


def read_values(text: str, name: str) -> tuple[str, ...]:
    """Read a list of values in any of its spellings; raises `Invalid` naming the parameter."""
    inner = text.strip()
    if not (inner.startswith("[") and inner.endswith("]")):
        raise Invalid("invalid_field", "must be a list, such as [a,b]", field=name[:_SHOWN])
    values: list[str] | None = None
    for read in (json.loads, literal_eval):
        try:
            values = _texts(read(inner))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if values is not None:
            break
    if values is None:
        values = [part.strip() for part in inner[1:-1].split(",")]
    if not 1 <= len(values) <= VALUES_MAX:
        raise Invalid("invalid_field", f"must have 1 to {VALUES_MAX} values", field=name[:_SHOWN])
    return tuple(values)


def _texts(found: object) -> list[str] | None:
    if not isinstance(found, list):
        return None
    plain = all(isinstance(each, str | int) and not isinstance(each, bool) for each in found)
    return [str(each) for each in found] if plain else None


def _truth(text: str, name: str) -> bool:
    if text not in {"true", "false"}:
        raise Invalid("invalid_field", "must be true or false", field=name[:_SHOWN])
    return text == "true"


def _number(text: str, name: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Invalid("invalid_field", "must be a whole number", field=name[:_SHOWN])
    return int(text)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _day(stamp: int, zone: ZoneInfo) -> object:
    try:
        return (_EPOCH + timedelta(seconds=stamp)).astimezone(zone).date()
    except OverflowError:
        return None
