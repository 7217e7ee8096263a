"""Dates, instants and zones from outside, and the step from a date to an instant."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpaid.domain.errors import Invalid
from postpaid.domain.instants import (
    check_zone,
    instant_from_text,
    instant_text,
    midnight,
    parse_date,
    parse_instant,
    parse_moment,
    zone,
)
from tests.support.laws import ZONE_NAMES, instants, tried, zones

NEW_YORK = ZoneInfo("America/New_York")

INSTANTS = [
    ("2026-10-15T00:00:00Z", "2026-10-15T00:00:00Z"),
    ("2026-10-15T08:30:59Z", "2026-10-15T08:30:59Z"),
    ("2026-10-15T08:30:00+00:00", "2026-10-15T08:30:00Z"),
    ("2026-10-15T08:30:00-00:00", "2026-10-15T08:30:00Z"),
    ("2026-10-15T08:30:00+02:00", "2026-10-15T06:30:00Z"),
    ("2026-10-15T08:30:00-04:00", "2026-10-15T12:30:00Z"),
    ("2026-10-15T08:30:00+05:45", "2026-10-15T02:45:00Z"),
    ("2026-10-15T00:30:00+14:00", "2026-10-14T10:30:00Z"),
    ("2026-10-15T23:30:00-12:00", "2026-10-16T11:30:00Z"),
    ("2026-10-15T12:00:00+23:59", "2026-10-14T12:01:00Z"),
    ("2026-10-15T08:30:00.0Z", "2026-10-15T08:30:00Z"),
    ("2026-10-15T08:30:00.000000000000+02:00", "2026-10-15T06:30:00Z"),
    ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
    ("2026-12-31T23:59:59Z", "2026-12-31T23:59:59Z"),
    ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
    ("2099-12-31T23:59:59Z", "2099-12-31T23:59:59Z"),
    # A day of slack: the first and the last year's midnights in every zone.
    ("2000-01-01T00:00:00+14:00", "1999-12-31T10:00:00Z"),
    ("1999-12-31T00:00:00Z", "1999-12-31T00:00:00Z"),
    ("2099-12-31T23:59:59-12:00", "2100-01-01T11:59:59Z"),
    ("2100-01-01T23:59:59Z", "2100-01-01T23:59:59Z"),
]

NO_INSTANTS: list[object] = [
    # Not written so
    "",
    " ",
    "now",
    "2026-10-15",
    "2026-10-15Z",
    "2026-10-15T",
    "2026-10-15T08",
    "2026-10-15T08Z",
    "2026-10-15T08:30Z",
    "2026-10-15T08:30:00",
    "2026-10-15 08:30:00Z",
    "2026-10-15t08:30:00z",
    "2026-10-15T08:30:00z",
    "20261015T083000Z",
    "2026-W42-4T08:30:00Z",
    "2026-288T08:30:00Z",
    "2026-10-15T08:30:00,0Z",
    "2026-10-15T08:30:00.Z",
    "2026-10-15T08:30:00.5Z",
    "2026-10-15T08:30:00.000001Z",
    "2026-10-15T08:30:00.0000000001Z",
    "2026-10-15T08:30:00+02",
    "2026-10-15T08:30:00+0200",
    "2026-10-15T08:30:00+2:00",
    "2026-10-15T08:30:00+02:00:00",
    "2026-10-15T08:30:00 +02:00",
    "2026-10-15T08:30:00\u221204:00",
    "2026-10-15T08:30:00UTC",
    "2026-10-15T08:30:00EST",
    "2026-10-15T08:30:00+02:00[Europe/Vienna]",
    "2026-10-15T08:30:00Z ",
    " 2026-10-15T08:30:00Z",
    "2026-10-15T08:30:00Z\n",
    "2026-10-15T08:30:00Z\x00",
    "2026-1-15T08:30:00Z",
    "2026-10-15T8:30:00Z",
    "26-10-15T08:30:00Z",
    "02026-10-15T08:30:00Z",
    "+2026-10-15T08:30:00Z",
    "-2026-10-15T08:30:00Z",
    "\u0662\u0660\u0662\u0666-10-15T08:30:00Z",
    "\uff12\uff10\uff12\uff16-10-15T08:30:00Z",
    "2026-10-15T08:30:00Z\ud800",
    "10/15/2026 08:30",
    "1792497600",
    # Written so, but not a point in time
    "2026-02-29T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-00-15T00:00:00Z",
    "2026-13-15T00:00:00Z",
    "2026-10-00T00:00:00Z",
    "2026-10-32T00:00:00Z",
    "2026-10-15T24:00:00Z",
    "2026-10-15T25:00:00Z",
    "2026-10-15T08:60:00Z",
    "2026-10-15T08:30:60Z",
    "2016-12-31T23:59:60Z",
    "2026-10-15T08:30:00+24:00",
    "2026-10-15T08:30:00+99:99",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    # A point in time, but too far
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1999-12-30T23:59:59Z",
    "1999-12-31T00:00:00+00:01",
    "2100-01-02T00:00:00Z",
    "2100-01-01T23:59:59-00:01",
    "9999-12-31T23:59:59Z",
    # Other types
    None,
    True,
    1792497600,
    1792497600.5,
    b"2026-10-15T08:30:00Z",
    datetime(2026, 10, 15, tzinfo=UTC),
    ["2026-10-15T08:30:00Z"],
    {},
]

DATES = [
    ("2026-10-15", date(2026, 10, 15)),
    ("2026-01-01", date(2026, 1, 1)),
    ("2026-12-31", date(2026, 12, 31)),
    ("2000-01-01", date(2000, 1, 1)),
    ("2000-02-29", date(2000, 2, 29)),
    ("2028-02-29", date(2028, 2, 29)),
    ("2099-12-31", date(2099, 12, 31)),
]

NO_DATES: list[object] = [
    "",
    " ",
    "today",
    "2026",
    "2026-10",
    "2026-10-1",
    "2026-1-01",
    "26-10-15",
    "20261015",
    "2026-W42-4",
    "2026-W42",
    "2026-288",
    "2026/10/15",
    "2026.10.15",
    "01/02/2024",
    "15-10-2026",
    "15 Oct 2026",
    "2026-10-15 ",
    " 2026-10-15",
    "2026-10-15\n",
    "2026-10-15Z",
    "2026-10-15T00:00:00Z",
    "2026\u201110\u201115",
    "\u0662\u0660\u0662\u0666-10-15",
    "2026-02-29",
    "2100-02-29",
    "2026-02-30",
    "2026-04-31",
    "2026-00-01",
    "2026-13-01",
    "2026-10-00",
    "2026-10-32",
    "0000-01-01",
    "0001-01-01",
    "1970-01-01",
    "1999-12-31",
    "2100-01-01",
    "9999-12-31",
    "10000-01-01",
    None,
    False,
    20261015,
    b"2026-10-15",
    date(2026, 10, 15),
    ["2026-10-15"],
]

# A date is its first instant in the zone; what has an offset needs no zone.
MOMENTS = [
    ("2026-10-15", "UTC", "2026-10-15T00:00:00Z"),
    ("2026-10-15", "America/New_York", "2026-10-15T04:00:00Z"),
    ("2026-01-15", "America/New_York", "2026-01-15T05:00:00Z"),
    ("2026-10-15", "Asia/Kolkata", "2026-10-14T18:30:00Z"),
    ("2026-10-15", "Pacific/Kiritimati", "2026-10-14T10:00:00Z"),
    ("2026-10-15", "Pacific/Pago_Pago", "2026-10-15T11:00:00Z"),
    ("2000-01-01", "Pacific/Kiritimati", "1999-12-31T10:00:00Z"),
    ("2099-12-31", "Pacific/Pago_Pago", "2099-12-31T11:00:00Z"),
    ("2026-10-15T08:30:00+02:00", "America/New_York", "2026-10-15T06:30:00Z"),
    ("2026-10-15T08:30:00Z", "Asia/Kolkata", "2026-10-15T08:30:00Z"),
]

# Days whose midnight was skipped, came twice, or moved with the clocks.
MIDNIGHTS = [
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),  # 00:00 became 01:00
    ("America/Sao_Paulo", "2018-11-05", "2018-11-05T02:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"),  # 24:00 became 23:00
    ("Africa/Cairo", "2023-04-28", "2023-04-27T22:00:00Z"),  # 00:00 became 01:00
    ("Africa/Cairo", "2023-10-27", "2023-10-26T22:00:00Z"),  # 24:00 became 23:00
    ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z"),  # 00:00 became 01:00
    ("Asia/Beirut", "2023-03-26", "2023-03-25T22:00:00Z"),
    ("Asia/Beirut", "2023-10-29", "2023-10-28T22:00:00Z"),  # 24:00 became 23:00
    ("America/Havana", "2024-03-10", "2024-03-10T05:00:00Z"),  # 00:00 became 01:00
    ("America/Havana", "2024-11-03", "2024-11-03T04:00:00Z"),  # 01:00 became 00:00: twice
    ("America/Santiago", "2022-09-11", "2022-09-11T04:00:00Z"),  # 00:00 became 01:00
    ("Asia/Tehran", "2022-03-22", "2022-03-21T20:30:00Z"),  # 00:00 became 01:00
    ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z"),  # 00:01 became 23:01: twice
    ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z"),  # clocks change at 2, not at 0
    ("America/New_York", "2026-03-09", "2026-03-09T04:00:00Z"),
    ("America/New_York", "2026-11-02", "2026-11-02T05:00:00Z"),
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z"),
    ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),  # directly behind the 29th
]

LOST_DAYS = [("Pacific/Apia", "2011-12-30"), ("Pacific/Fakaofo", "2011-12-30")]

NO_ZONES: list[object] = [
    *("", " ", "/", "Nowhere", "Mars/Olympus", "Invalid/Timezone", "Factory", "utc", "Utc"),
    *("europe/vienna", "EUROPE/VIENNA", "Europe/vienna", "Europe/Vienna ", " Europe/Vienna"),
    *("Europe/Vienna\n", "Europe/Vienna\x00", "Europe/", "/Europe/Vienna", "Europe//Vienna"),
    *("Europe", "America", "America/Argentina", "Europe/Vienna/x/y", "a/b/c/d"),
    *("../UTC", "./UTC", "Europe/../UTC", "..", ".", "/etc/localtime", "posix/UTC", "right/UTC"),
    *("localtime", "posixrules", "zone.tab", "tzdata.zi", "leapseconds", "__init__", "__pycache__"),
    *("+02:00", "UTC+2", "GMT+2", "Z", "CEST", "Eastern Standard Time", "Europe\\Vienna"),
    *("\u0395urope/Vienna", "Europe/Vienna\ud800", "A" * 300, "A" * 70_000, "A/" * 40_000),
    *(None, True, 0, 2.0, b"UTC", ["UTC"], {}, UTC, ZoneInfo("UTC")),
]


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _refuses(read: Callable[[], object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read()
    assert (refusal.value.code, refusal.value.field) == ("invalid_field", field)


def _label(value: object) -> str:
    return ascii(value)[:45]


@pytest.mark.parametrize(("text", "expected"), INSTANTS, ids=[text for text, _ in INSTANTS])
def test_an_instant_is_read_as_utc(text: str, expected: str) -> None:
    instant = parse_instant(text, "at")

    assert instant == _utc(expected)
    assert instant.tzinfo is UTC
    assert instant_text(instant) == expected


@pytest.mark.parametrize("value", NO_INSTANTS, ids=_label)
def test_what_is_no_instant_is_refused(value: object) -> None:
    _refuses(lambda: parse_instant(value, "lines[0].at"), "lines[0].at")
    if value != "2026-10-15":
        _refuses(lambda: parse_moment(value, NEW_YORK, "usage_date"), "usage_date")


@pytest.mark.parametrize(("text", "expected"), DATES, ids=[text for text, _ in DATES])
def test_a_date_is_a_day_of_the_calendar(text: str, expected: date) -> None:
    assert parse_date(text, "on") == expected


@pytest.mark.parametrize("value", NO_DATES, ids=_label)
def test_what_is_no_date_is_refused(value: object) -> None:
    _refuses(lambda: parse_date(value, "on"), "on")
    if value != "2026-10-15T00:00:00Z":
        _refuses(lambda: parse_moment(value, NEW_YORK, "usage_date"), "usage_date")


@pytest.mark.parametrize(
    ("text", "name", "expected"), MOMENTS, ids=[" ".join(row[:2]) for row in MOMENTS]
)
def test_a_moment_is_a_midnight_or_an_instant(text: str, name: str, expected: str) -> None:
    moment = parse_moment(text, ZoneInfo(name), "usage_date")

    assert moment == _utc(expected)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "day", "expected"), MIDNIGHTS, ids=[" ".join(row[:2]) for row in MIDNIGHTS]
)
def test_a_day_begins_with_its_first_instant(name: str, day: str, expected: str) -> None:
    start = midnight(date.fromisoformat(day), ZoneInfo(name))

    assert start == _utc(expected)
    assert start.tzinfo is UTC


@pytest.mark.parametrize(("name", "day"), LOST_DAYS)
def test_a_day_that_a_zone_never_had_is_refused(name: str, day: str) -> None:
    _refuses(lambda: midnight(date.fromisoformat(day), ZoneInfo(name)), "date")
    _refuses(lambda: midnight(date.fromisoformat(day), ZoneInfo(name), "start"), "start")
    _refuses(lambda: parse_moment(day, ZoneInfo(name), "usage_date"), "usage_date")


@given(zones, st.dates(date(2000, 1, 1), date(2099, 12, 31)))
@example(ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4))
@example(ZoneInfo("Africa/Cairo"), date(2023, 4, 28))
@example(ZoneInfo("Asia/Beirut"), date(2023, 3, 26))
@example(ZoneInfo("Pacific/Apia"), date(2011, 12, 30))
@example(ZoneInfo("Pacific/Apia"), date(2011, 12, 31))
@tried(250)
def test_before_its_midnight_a_day_has_not_begun(place: ZoneInfo, day: date) -> None:
    try:
        start = midnight(day, place)
    except Invalid:
        assert (place.key, day.isoformat()) in LOST_DAYS
        return

    assert start.astimezone(place).date() == day
    assert (start - timedelta(seconds=1)).astimezone(place).date() < day


@given(instants)
def test_an_instant_survives_its_text(instant: datetime) -> None:
    text = instant_text(instant)

    assert instant_from_text(text) == instant
    assert instant_from_text(text).tzinfo is UTC
    assert parse_instant(text, "at") == instant
    assert len(text) == len("YYYY-MM-DDTHH:MM:SSZ")


@given(instants, instants)
@example(datetime(2026, 9, 30, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (instant_text(one) < instant_text(other)) == (one < other)


@given(instants, st.integers(-1439, 1439))
def test_an_offset_names_the_same_instant(instant: datetime, minutes: int) -> None:
    local = instant.astimezone(timezone(timedelta(minutes=minutes)))

    assert parse_instant(local.isoformat(), "at") == instant
    assert instant_text(local) == instant_text(instant)


def test_a_fraction_of_a_second_is_never_cut_in_silence() -> None:
    with pytest.raises(AssertionError):
        instant_text(datetime(2026, 10, 15, 8, 30, 0, 1, tzinfo=UTC))


@given(st.text("0123456789-T:Z+. W", max_size=30), zones)
@tried(200)
def test_a_moment_is_read_or_refused_and_nothing_else(text: str, place: ZoneInfo) -> None:
    _read_or_refused(text, place)


@given(st.from_regex(r"\A[0-9]{4}-[0-3][0-9]-[0-3][0-9](T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?\Z"), zones)
@tried(150)
def test_what_looks_like_a_moment_is_read_or_refused(text: str, place: ZoneInfo) -> None:
    _read_or_refused(text, place)


def _read_or_refused(text: str, place: ZoneInfo) -> None:
    outcome: datetime | Invalid
    try:
        outcome = parse_moment(text, place, "usage_date")
    except Invalid as refusal:
        outcome = refusal

    if isinstance(outcome, Invalid):
        assert (outcome.code, outcome.field) == ("invalid_field", "usage_date")
    else:
        assert 1999 <= outcome.year <= 2100
        assert outcome.tzinfo is UTC


def test_every_zone_of_the_database_is_one() -> None:
    assert len(ZONE_NAMES) > 500
    for name in ZONE_NAMES:
        assert check_zone(name, "timezone") == name
        assert zone(name).key == name


@pytest.mark.parametrize("value", NO_ZONES, ids=_label)
def test_an_unknown_zone_is_an_error_and_never_utc(value: object) -> None:
    _refuses(lambda: check_zone(value, "timezone"), "timezone")


@given(st.text(max_size=40))
def test_a_zone_is_known_or_refused_and_nothing_else(name: str) -> None:
    if name in ZONE_NAMES:
        assert check_zone(name, "timezone") == name
    else:
        _refuses(lambda: check_zone(name, "timezone"), "timezone")
