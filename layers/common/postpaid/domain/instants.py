"""Instants and dates as text, and the step from a date to an instant.

Every instant in the product has a resolution of one second and is kept in UTC. Its stored form is
`YYYY-MM-DDTHH:MM:SSZ`: fixed width, so that text order is time order.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from postpaid.domain.errors import Invalid

YEAR_MIN = 2000
YEAR_MAX = 2099
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.0+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


def instant_text(instant: datetime) -> str:
    """Print an instant in its stored form, `YYYY-MM-DDTHH:MM:SSZ`."""
    utc = instant.astimezone(UTC)
    assert utc.microsecond == 0, "instants have a resolution of one second"
    return utc.strftime(_FORMAT)


def instant_from_text(text: str) -> datetime:
    """Read an instant from its stored form."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)


def parse_instant(value: object, field: str) -> datetime:
    """Read an ISO 8601 instant with an offset (`Z` or `+02:00`); RFC 3339 §5.6.

    Years 2000 to 2099; whole seconds. Raises `Invalid` naming *field*.
    """
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise Invalid(
            "invalid_field",
            "must be an instant with an offset and whole seconds, such as 2026-10-15T00:00:00Z",
            field=field,
        )
    try:
        instant = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("invalid_field", "is not a point in time", field=field) from None
    return _within_years(instant, field)


def parse_date(value: object, field: str) -> date:
    """Read an ISO 8601 calendar date, `YYYY-MM-DD`; raises `Invalid` naming *field*."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise Invalid("invalid_field", "must be a date such as 2026-10-15", field=field)
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Invalid("invalid_field", "is not a day of the calendar", field=field) from None
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise Invalid(
            "invalid_field", f"must lie in the years {YEAR_MIN} to {YEAR_MAX}", field=field
        )
    return day


def parse_moment(value: object, zone: ZoneInfo, field: str) -> datetime:
    """Read a date (its midnight in *zone*) or an instant with an offset, as a UTC instant."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return midnight(parse_date(value, field), zone, field)
    if isinstance(value, str) and "T" in value:
        return parse_instant(value, field)
    raise Invalid(
        "invalid_field",
        "must be a date (2026-10-15) or an instant with an offset (2026-10-15T08:30:00+02:00)",
        field=field,
    )


def midnight(day: date, zone: ZoneInfo, field: str = "date") -> datetime:
    """Return the first instant of *day* in *zone*, in UTC.

    Where clocks skip midnight it is the instant after the gap; where midnight comes twice, the
    first. A day that the zone never had (a change across the date line) raises `Invalid`.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    if start.astimezone(zone).date() != day:
        raise Invalid("invalid_field", f"is a day that {zone.key} never had", field=field)
    return _within_years(start, field)


def check_zone(value: object, field: str) -> str:
    """Return *value* if it names an IANA time zone; raises `Invalid` naming *field*."""
    if isinstance(value, str) and _ZONE_NAME.fullmatch(value) and value != "Factory":
        try:
            zone(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # the one refusal below serves names of every wrong kind
        else:
            return value
    raise Invalid(
        "invalid_field", "must be an IANA time zone such as America/New_York", field=field
    )


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Return the zone of a name that was checked when it was stored."""
    return ZoneInfo(name)


def _within_years(instant: datetime, field: str) -> datetime:
    # A day of slack: local midnights of the first and last year fall outside it in UTC.
    earliest = datetime(YEAR_MIN, 1, 1, tzinfo=UTC) - timedelta(days=1)
    latest = datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC) + timedelta(days=1)
    if not earliest <= instant < latest:
        raise Invalid(
            "invalid_field", f"must lie in the years {YEAR_MIN} to {YEAR_MAX}", field=field
        )
    return instant
