"""The grammar of ids that clients choose."""

import re

from postpaid.domain.errors import Invalid

ID_LENGTH_MAX = 100
_PRINTABLE = re.compile(r"[ -.0-~]+")  # ASCII 0x20-0x7E without the slash


def check_id(value: object, field: str) -> str:
    """Return *value* if it is an id: 1-100 printable ASCII characters without `/`.

    Spaces at the ends and the path segments `.` and `..` are refused too, because clients and
    proxies change them on the way. Raises `Invalid` naming *field*.
    """
    if not isinstance(value, str):
        raise Invalid("invalid_field", "must be a string", field=field)
    if not 1 <= len(value) <= ID_LENGTH_MAX:
        raise Invalid("invalid_field", f"must have 1 to {ID_LENGTH_MAX} characters", field=field)
    if not _PRINTABLE.fullmatch(value):
        raise Invalid(
            "invalid_field", "may hold only printable ASCII characters other than '/'", field=field
        )
    if value != value.strip() or value in {".", ".."}:
        raise Invalid(
            "invalid_field", "must not begin or end with a space, nor be '.' or '..'", field=field
        )
    return value
