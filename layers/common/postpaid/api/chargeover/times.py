"""Dates and times as this door's clients write and read them. On the recording path.

`YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS`, or ISO 8601 with a `T`, with or without an offset; without one
it is a time of the site's zone.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from postpaid.domain.errors import Invalid
from postpaid.domain.instants import YEAR_MAX, YEAR_MIN

_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def read_time(value: object, zone: ZoneInfo, field: str) -> datetime:
    """Read a date or a time as a UTC instant of whole seconds; raises `Invalid` naming *field*.

    A time that clocks skip counts by the offset before the gap, one that comes twice as the first.
    """
    if not isinstance(value, str) or not _FORM.fullmatch(value.strip()):
        raise Invalid(
            "invalid_field",
            "must be a date or a time, such as 2026-10-15 or 2026-10-15 08:30:00",
            field=field,
        )
    try:
        found = datetime.fromisoformat(value.strip())
        placed = found.replace(tzinfo=zone, fold=0) if found.tzinfo is None else found
        instant = placed.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise Invalid("invalid_field", "is not a point in time", field=field) from None
    if not YEAR_MIN <= instant.year <= YEAR_MAX:
        raise Invalid(
            "invalid_field", f"must lie in the years {YEAR_MIN} to {YEAR_MAX}", field=field
        )
    return instant


def shown_time(instant: datetime | None, zone: ZoneInfo) -> str | None:
    """Print an instant in the site's zone, with its offset: `2026-03-10T01:01:49-05:00`."""
    return None if instant is None else instant.astimezone(zone).isoformat(timespec="seconds")
