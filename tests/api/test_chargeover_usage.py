"""One usage in ChargeOver's words: how a record is read, and what is kept and shown of it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from postpaid.api.chargeover.usage import (
    LOCATORS,
    RECORDS_MAX,
    Given,
    given,
    moment,
    note_of,
    read_record,
    read_records,
    shown_usage,
    usage_number,
)
from postpaid.api.http import Request
from postpaid.domain.calendar import Cadence, Schedule
from postpaid.domain.errors import BillingError, Invalid, LimitExceeded, Malformed
from postpaid.domain.instants import instant_text, zone
from postpaid.domain.usage import NOTE_LENGTH_MAX, Aggregation
from tests.support.samples import a_line, a_subscription, a_usage, at

RECORD = {"line_item_id": 854, "usage_value": 22}


def a_request(body: object) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method="POST", path=(), query={}, headers={}, body=raw, id="r")


def a_record(**changes: Any) -> Given:
    return given(RECORD | changes)


LOCATED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"line_item_id": 854}, {"line_item_id": "854"}),
    ({"line_item_id": "854"}, {"line_item_id": "854"}),
    ({"line_item_id": " 854 "}, {"line_item_id": "854"}),
    ({"line_item_id": Decimal("854.0")}, {"line_item_id": "854"}),
    ({"line_item_external_key": 7}, {"line_item_external_key": "7"}),
    ({"customer.external_key": "a"}, {"customer_external_key": "a"}),
    ({"customer": {"external_key": "a"}}, {"customer_external_key": "a"}),
    ({"customer": {"customer_id": 5}}, {"customer_id": "5"}),
    ({"line_item": {"item_external_key": "i"}}, {"item_external_key": "i"}),
    ({"line_item.item_id": "3"}, {"item_id": "3"}),
    ({"package": {"external_key": "p"}}, {"package_external_key": "p"}),
    ({"line_item_id": "", "package_id": None, "customer": {}, "package": None}, {}),
]


@pytest.mark.parametrize(("sent", "read"), LOCATED, ids=[str(row[0]) for row in LOCATED])
def test_a_line_is_named_by_numbers_keys_and_dots(
    sent: dict[str, Any], read: dict[str, str]
) -> None:
    found = given({"usage_value": 1, **sent})

    assert found.locators == read
    assert set(found.locators) <= set(LOCATORS)


VALUES: list[tuple[object, str]] = [
    (22, "22"),
    ("22", "22"),
    (Decimal("265.2"), "265.2"),
    ("265.20", "265.2"),
    (" 1.5 ", "1.5"),
    (Decimal("1E+3"), "1000"),
    (Decimal("0.00000000000000000001"), "0.00000000000000000001"),
]


@pytest.mark.parametrize(("sent", "read"), VALUES, ids=str)
def test_a_value_is_a_number_or_a_text(sent: object, read: str) -> None:
    assert a_record(usage_value=sent).quantity == Decimal(read)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"usage_value": 0}, "usage_value"),
    ({"usage_value": "-0"}, "usage_value"),
    ({"usage_value": Decimal("1E+999999999")}, "usage_value"),
    ({"usage_value": Decimal("NaN")}, "usage_value"),
    ({"usage_value": {"a": 1}}, "usage_value"),
    ({"line_item_id": True}, "line_item_id"),
    ({"line_item_id": -1}, "line_item_id"),
    ({"line_item_id": "12345678901"}, "line_item_id"),
    ({"line_item_id": Decimal("1E+999999999")}, "line_item_id"),
    ({"line_item_id": [854]}, "line_item_id"),
    ({"line_item": {"line_item_id": 1}}, "line_item.line_item_id"),
    ({"line_item": {"shoe": 1}}, "line_item.shoe"),
    ({"line_item": 5}, "line_item"),
    ({"package.external_key": "a/b"}, "package.external_key"),
    ({"external_key": "x" * 101}, "external_key"),
    ({"external_key": ["x"]}, "external_key"),
    ({"type": "dlt"}, "type"),
    ({"type": 5}, "type"),
    ({"options": {"a": 1}}, "options"),
    ({"custom_0": "x"}, "custom_0"),
    ({"custom_1": "x" * 251}, "custom_1"),
    ({"custom_1": Decimal("1E+999999999")}, "custom_1"),
    ({"x" * 200: 1}, "x" * 100),
]


@pytest.mark.parametrize(("change", "field"), WRONG, ids=[str(row[0])[:60] for row in WRONG])
def test_what_is_wrong_is_named_as_it_was_sent(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        a_record(**change)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ([RECORD, RECORD], 2),
        ({"usage": [RECORD]}, 1),
        (RECORD, 1),
        ([RECORD] * RECORDS_MAX, RECORDS_MAX),
    ],
    ids=["list", "usage", "one", "all there may be"],
)
def test_many_come_in_a_list_or_as_usage_or_alone(body: object, count: int) -> None:
    assert len(read_records(a_request(body))) == count


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Malformed),
        (b" [] ", Malformed),
        (b"null", Malformed),
        (b"{}", Malformed),
        (b"5", Malformed),
        (b'{"usage": {}}', Malformed),
        (b'{"usage": []}', Malformed),
        (b"[1]", Invalid),
        (b"[[]]", Invalid),
        (b"[" + b"{}," * RECORDS_MAX + b"{}]", LimitExceeded),
        (b" " * 1_048_577, Malformed),
        (b'[{"a": 1, "a": 2}]', Malformed),
    ],
)
def test_what_is_no_list_of_records_is_refused(body: bytes, kind: type[BillingError]) -> None:
    with pytest.raises(kind):
        read_records(a_request(body))


@pytest.mark.parametrize("body", [b"", b'""', b"null", b"{}", b"[]", b"5", b'"x"', b'[{"a": 1}]'])
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_record(a_request(body))


# --- dates

LONDON, TOKYO = zone("Europe/London"), zone("Asia/Tokyo")
MOVED = a_subscription(
    timezone="Europe/London",
    later=(Schedule(at("2026-11-01"), at("2026-11-01"), TOKYO, Cadence()),),
)
DATES = [
    ("2026-10-05", "2026-10-04T23:00:00Z"),
    ("2026-10-05 08:00:00", "2026-10-05T07:00:00Z"),
    ("2026-10-05T08:00:00", "2026-10-05T07:00:00Z"),
    ("2026-10-05T08:00:00+00:00", "2026-10-05T08:00:00Z"),
    ("2026-10-25 01:30:00", "2026-10-25T00:30:00Z"),  # comes twice: the first
    ("2026-11-02 09:00:00", "2026-11-02T00:00:00Z"),  # by then the package is in Tokyo
    ("2026-11-01 08:00:00", "2026-11-01T08:00:00Z"),
]


@pytest.mark.parametrize(("sent", "read"), DATES)
def test_a_date_is_of_the_zone_of_its_time(sent: str, read: str) -> None:
    assert instant_text(moment(MOVED, sent, "from")) == read


# --- what is kept


def test_what_is_said_beside_a_value_is_kept_in_the_note_and_shown() -> None:
    record = a_record(custom_2="b", custom_1="café", custom_3="")
    note = note_of(record, at("2026-10-06"))

    assert note == '{"to":"2026-10-06T00:00:00Z","custom_1":"café","custom_2":"b"}'
    row = shown_usage(a_subscription(), a_usage(note=note), 5, 9)
    assert row["to"] == at("2026-10-06")
    assert (row["custom_1"], row["custom_2"], row["custom_3"]) == ("café", "b", None)


def test_who_says_nothing_beside_keeps_no_note() -> None:
    assert note_of(a_record(), None) is None


@pytest.mark.parametrize("length", [NOTE_LENGTH_MAX, NOTE_LENGTH_MAX + 1])
def test_a_note_has_its_length(length: int) -> None:
    one = '{"custom_1":"","custom_2":"","custom_3":""}'
    left = length - len(one) - 400
    record = a_record(custom_1="x" * 200, custom_2="y" * 200, custom_3="z" * left)

    if length <= NOTE_LENGTH_MAX:
        assert len(note_of(record, None) or "") == length
        return
    with pytest.raises(Invalid) as refused:
        note_of(record, None)
    assert refused.value.field == "custom_3"


@pytest.mark.parametrize(
    "note",
    [
        None,
        "from the switch",
        "{",
        "[]",
        "5",
        '{"to": 5}',
        '{"to": "soon"}',
        '{"custom_1": null}',
        '{"custom_1": "x", "else": "y"}',
    ],
)
def test_a_note_of_somebody_else_says_nothing_here(note: str | None) -> None:
    usage = a_usage(note=note)

    row = shown_usage(a_subscription(), usage, 5, 9)

    assert row["to"] == row["from"] == usage.key.at
    assert row["custom_1"] is None


@pytest.mark.parametrize(
    ("how", "shown"),
    [(Aggregation.SUM, "add"), (Aggregation.MAX, "max"), (Aggregation.LAST, "lat")],
)
def test_a_type_is_how_the_line_counts(how: Aggregation, shown: str) -> None:
    subscription = a_subscription(lines=(a_line(aggregation=how),))

    assert shown_usage(subscription, a_usage(), 5, 9)["type"] == shown


@pytest.mark.parametrize("number", [0, 1, 2**31 - 2, 2**31 - 1, 2**31, 2**53 - 1])
def test_an_integer_fits_into_31_bits_and_is_never_zero(number: int) -> None:
    assert 0 < usage_number(number) < 2**31
