"""Annotations: what a door keeps with a thing for its clients. Nothing here reads what they say.

They are kept as one text, canonical JSON, so that equal ones are equal, and `1` is not `true`:

>>> annotations_text({"b": [1, None], "a": {"x": "é"}}, 100)
'{"a":{"x":"é"},"b":[1,null]}'
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from postpaid.domain.errors import Invalid, LimitExceeded

CATALOG_BYTES_MAX = 8_192  # of items, families, prices and customers, each
SUBSCRIPTION_BYTES_MAX = 2_048  # the recording path reads subscriptions
PAYMENT_BYTES_MAX = 4_096


class Annotated:
    """A thing with annotations; *annotations_text* is their JSON, empty if there are none."""

    __slots__ = ()

    annotations_text: str

    @property
    def annotations(self) -> Mapping[str, Any]:
        """What a door keeps with it: plain JSON, a copy; numbers are int or exact `Decimal`."""
        return annotations_from_text(self.annotations_text)


def annotations_from_text(text: str) -> dict[str, Any]:
    """Read annotations from their text; none from the empty one."""
    found: dict[str, Any] = json.loads(text, parse_float=Decimal) if text else {}
    return found


def annotations_text(
    annotations: Mapping[str, Any], bytes_max: int, field: str = "annotations"
) -> str:
    """Return annotations as canonical JSON, empty if there are none; numbers are int or `Decimal`.

    Raises `Invalid` for what is no JSON, `LimitExceeded` above *bytes_max* bytes of UTF-8.
    """
    if not annotations:
        return ""
    try:
        text = _written(annotations, field)
        size = len(text.encode())
    except (RecursionError, UnicodeError):
        raise _no_json(field) from None
    if size > bytes_max:
        raise LimitExceeded(
            "limit_exceeded", f"takes {size} bytes as JSON, {bytes_max} at most", field=field
        )
    return text


def _written(value: object, field: str) -> str:
    match value:
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
        case Decimal() if value.is_finite():
            return str(value)
        case list() | tuple():
            return f"[{','.join(_written(each, field) for each in value)}]"
        case Mapping() if all(isinstance(name, str) for name in value):
            parts = (
                f"{json.dumps(name, ensure_ascii=False)}:{_written(value[name], field)}"
                for name in sorted(value)
            )
            return f"{{{','.join(parts)}}}"
    raise _no_json(field)


def _no_json(field: str) -> Invalid:
    return Invalid("invalid_field", "must be plain JSON", field=field)
