"""Form bodies as Chargebee's clients write them. On the recording path: the standard library only.

A name is `name`, `name[member]`, `name[n]` for a list, or `name[member][n]` for a list of rows that
comes column by column, with cells left out. An empty value says "none": Python's None is sent so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from postpaid.domain.errors import Malformed

BODY_BYTES_MAX = 262_144
FIELDS_MAX = 4000
ROWS_MAX = 500
MEDIA_TYPE = "application/x-www-form-urlencoded"
_NAME = re.compile(r"([A-Za-z0-9_.-]{1,100})(?:\[([A-Za-z0-9_]{1,100})\])?(?:\[([0-9]{1,4})\])?")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Form:
    """A form: *values* are texts, None, members by name, texts by place, or rows by place."""

    values: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """Return it with lists in place of what has places: texts, and rows of texts."""
        return {name: _listed(value) for name, value in self.values.items()}

    def spelled(self, place: Sequence[int | str]) -> str:
        """Return the name by which a client wrote a place in the plain form: `tiers[price][1]`."""
        name, *rest = place
        here = self.values.get(str(name))
        spelled = str(name)
        if rest and isinstance(rest[0], int) and isinstance(here, dict) and _has_places(here):
            written = sorted(here)
            index = written[rest[0]] if rest[0] < len(written) else rest[0]
            rest = [*rest[1:], index]
        return spelled + "".join(f"[{part}]" for part in rest)


def read_form(body: bytes, headers: Mapping[str, str]) -> Form:
    """Read a body; none at all is an empty form. Raises `Malformed`.

    At most 256 KiB, 4 000 fields and 500 rows; a name comes once.
    """
    if len(body) > BODY_BYTES_MAX:
        raise Malformed("payload_too_large", f"the body has more than {BODY_BYTES_MAX} bytes")
    if not body.strip():
        return Form({})
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != MEDIA_TYPE or charset not in {"", "charset=utf-8"}:
        raise Malformed("unsupported_media_type", f"the content type must be {MEDIA_TYPE}")
    if headers.get("content-encoding", "identity") != "identity":
        raise Malformed("unsupported_media_type", "the body must not be compressed")
    try:
        pairs = parse_qsl(
            body.strip().decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=FIELDS_MAX,
            encoding="utf-8",
            errors="strict",
        )
    except ValueError:
        raise Malformed("malformed_request", "the body is not a form that can be read") from None
    return Form(_nested(pairs))


def _nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    seen: set[str] = set()
    for name, text in pairs:
        if name in seen:
            raise Malformed("malformed_request", "the parameter is repeated", field=name[:_SHOWN])
        seen.add(name)
        found = _NAME.fullmatch(name)
        if found is None:
            raise Malformed("malformed_request", "is not a parameter's name", field=name[:_SHOWN])
        value = text if text != "" else None
        first, member, place = found[1], found[2], found[3]
        if member is not None and place is None and member.isdecimal():
            member, place = None, member
        if place is not None and int(place) >= ROWS_MAX:
            raise Malformed(
                "malformed_request", f"has a place beyond {ROWS_MAX - 1}", field=name[:_SHOWN]
            )
        if not _put(values, first, member, place, value):
            raise Malformed(
                "malformed_request", "goes by two forms of the name", field=name[:_SHOWN]
            )
    return values


def _put(
    values: dict[str, Any], first: str, member: str | None, place: str | None, value: str | None
) -> bool:
    """Put a value where its name says; tell whether nothing of another form was there."""
    if member is None and place is None:
        return first not in values and values.setdefault(first, value) == value
    there = values.setdefault(first, {})
    if not isinstance(there, dict):
        return False
    key: int | str = (member or "") if place is None else int(place)
    if there and _has_places(there) != (place is not None):
        return False
    if member is None or place is None:
        free = key not in there
        there[key] = value
        return free
    row = there.setdefault(key, {})
    if not isinstance(row, dict):
        return False
    if value is not None:  # an empty cell is a cell that was left out
        row[member] = value
    return True


def _has_places(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, int) for key in value)


def _listed(value: Any) -> Any:
    if isinstance(value, dict) and value and _has_places(value):
        return [value[place] for place in sorted(value)]
    return value
