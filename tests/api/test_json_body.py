"""JSON from outside: one object, every name once, every number exact."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.api.http import Response
from postpaid.api.json_body import BODY_BYTES_MAX, read_json_object
from postpaid.domain.errors import Invalid, Malformed
from postpaid.domain.quantity import decimal_text, parse_decimal
from tests.support.laws import plain_numbers, tried

JSON = {"content-type": "application/json"}

READ: list[tuple[bytes, dict[str, Any]]] = [
    (b"{}", {}),
    (b" \t\r\n{ } \n", {}),
    (b'{"a":1}', {"a": 1}),
    (b'{"a":-1}', {"a": -1}),
    (b'{"a":0}', {"a": 0}),
    (b'{"a":"1"}', {"a": "1"}),
    (b'{"a":0.1}', {"a": Decimal("0.1")}),
    (b'{"a":123456789012345678}', {"a": 123456789012345678}),
    (b'{"a":1234567890123456789}', {"a": Decimal(1234567890123456789)}),
    (b'{"a":true,"b":false,"c":null}', {"a": True, "b": False, "c": None}),
    (b'{"a":[1,{"a":[]}],"b":{"a":{}}}', {"a": [1, {"a": []}], "b": {"a": {}}}),
    (b'{"":1}', {"": 1}),
    (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    ('{"\u00e9":1,"e\u0301":2}'.encode(), {"\u00e9": 1, "e\u0301": 2}),
    ('{"a":"\U0001f600"}'.encode(), {"a": "\U0001f600"}),
    (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    (b'{"a":"\\u0000"}', {"a": "\x00"}),
    (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
    (b'{"__proto__":1,"constructor":2}', {"__proto__": 1, "constructor": 2}),
]

MALFORMED: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("white space", b" \n"),
    ("a mark of byte order", b"\xef\xbb\xbf{}"),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("UTF-32", '{"a":1}'.encode("utf-32")),
    ("UTF-16 without a mark", '{"a":1}'.encode("utf-16-le")),
    ("Latin-1", '{"a":"\u00e9"}'.encode("latin-1")),
    ("a byte that is none of UTF-8's", b'{"a":"\xff"}'),
    ("an overlong slash", b'{"a":"\xc0\xaf"}'),
    ("a surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}'),
    ("a truncated character", b'{"a":"\xe2\x82"}'),
    ("a lone surrogate", b'{"a":"\\ud800"}'),
    ("a lone low surrogate", b'{"a":"\\udfff"}'),
    ("surrogates in the wrong order", b'{"a":"\\ude00\\ud83d"}'),
    ("a lone surrogate in a name", b'{"\\ud800":1}'),
    ("a lone surrogate deep inside", b'{"a":[{"b":["\\ud800"]}]}'),
    ("an array", b"[]"),
    ("an array of objects", b"[{}]"),
    ("a string", b'"{}"'),
    ("a number", b"1"),
    ("null", b"null"),
    ("true", b"true"),
    ("an object that does not end", b'{"a":1'),
    ("a string that does not end", b'{"a":"'),
    ("bytes behind the object", b"{}x"),
    ("two objects", b"{}{}"),
    ("two lines of JSON", b"{}\n{}"),
    ("a comma at the end", b'{"a":1,}'),
    ("a comma too few", b'{"a":1 "b":2}'),
    ("a name without quotes", b"{a:1}"),
    ("single quotes", b"{'a':1}"),
    ("a comment", b'{"a":1/*x*/}'),
    ("a number as a name", b"{1:1}"),
    ("a control character in a string", b'{"a":"\x01"}'),
    ("a line break in a string", b'{"a":"\n"}'),
    ("NUL", b"\x00"),
    ("NUL behind the object", b"{}\x00"),
    ("a name given twice", b'{"a":1,"a":1}'),
    ("a name given twice, once escaped", b'{"a":1,"\\u0061":2}'),
    ("a name given twice deep inside", b'{"a":[{"b":{"c":1,"c":2}}]}'),
    ("a form", b"a=1&b=2"),
    ("XML", b"<a/>"),
    ("a hundred thousand arrays", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("a hundred thousand objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ("a hundred thousand arrays that do not end", b'{"a":' + b"[" * 100_000),
]

# Written like a number, but not in JSON.
NO_JSON_NUMBERS = [
    *("NaN", "-NaN", "nan", "Infinity", "-Infinity", "+Infinity", "inf", "+1", "--1", "- 1", "-"),
    *("01", "-01", "00", ".5", "-.5", "5.", "1.e2", "1e", "1e+", "1_000", "1,5", "1 000", "0x10"),
    *("1f", "1d", "0b1", "\u0661", "\uff11", "\u22121", "1\u00a0", "TRUE", "None", "undefined"),
]

# JSON numbers (and what is none) at a place where a decimal is wanted: the text of what is read.
NUMBERS: list[tuple[str, str | None]] = [
    ("0", "0"),
    ("-0", "0"),
    ("0.0", "0"),
    ("-0.0", "0"),
    ("0e0", "0"),
    ("0e17", "0"),
    ("0e-400", "0"),
    ("1", "1"),
    ("-1", "-1"),
    ("361", "361"),
    ("361.500", "361.5"),
    ("0.1", "0.1"),
    ("0.30000000000000004", "0.30000000000000004"),
    ("1e2", "100"),
    ("1E2", "100"),
    ("1e+2", "100"),
    ("1E-2", "0.01"),
    ("1.5e1", "15"),
    ("100e-2", "1"),
    ("1e17", "100000000000000000"),
    ("1e-20", "0.00000000000000000001"),
    ("123456789012345678", "123456789012345678"),
    ("-123456789012345678", "-123456789012345678"),
    ("999999999999999999.99999999999999999999", "999999999999999999.99999999999999999999"),
    ("9007199254740993", "9007199254740993"),
    ("0.1234567890123456789", "0.1234567890123456789"),
    ("1" + "0" * 18, None),
    ("1234567890123456789", None),
    ("1" * 39, None),
    ("1" * 4_301, None),
    ("-" + "9" * 100_000, None),
    ("1e18", None),
    ("-1e18", None),
    ("1e400", None),
    ("-1e400", None),
    ("1e999999", None),
    ("1e99999999999", None),
    ("1e999999999999999999999", None),
    ("-1e999999999999999999999", None),
    ("1e-999999999999999999999", None),
    ("0e999999999999999999999", None),
    ("1e-21", None),
    ("1e-400", None),
    ("0.000000000000000000001", None),
    ("1." + "1" * 100_000, None),
    ('"1e2"', None),
    ('"NaN"', None),
    ('"Infinity"', None),
    ('" 1"', None),
    ('"1_000"', None),
    ('"\\uff11"', None),
    ("true", None),
    ("false", None),
    ("null", None),
    ("[]", None),
    ("[1]", None),
    ("{}", None),
]


@pytest.mark.parametrize(("body", "expected"), READ, ids=[str(body[:40]) for body, _ in READ])
def test_an_object_is_read(body: bytes, expected: dict[str, Any]) -> None:
    assert read_json_object(body, JSON) == expected


@pytest.mark.parametrize("body", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_what_is_not_one_object_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        read_json_object(body, JSON)

    assert refusal.value.code == "malformed_request"


def test_what_is_nested_fifty_deep_is_read() -> None:
    value: Any = read_json_object(b'{"a":' + b"[" * 50 + b"]" * 50 + b"}", JSON)["a"]

    for _ in range(49):
        (value,) = value
    assert value == []


def test_a_name_given_twice_is_named() -> None:
    with pytest.raises(Malformed) as refusal:
        read_json_object(b'{"quantity":"1","quantity":"2"}', JSON)

    assert refusal.value.field == "quantity"


@pytest.mark.parametrize("name", ["\\ud800", "x" * 100_000, "\\u202e", "\\u0000", '\\"'])
def test_what_is_said_of_a_strange_name_can_be_sent(name: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_json_object(f'{{"{name}":1,"{name}":2}}'.encode(), JSON)

    assert len(refusal.value.field or "") <= 100
    assert Response(400, {"field": refusal.value.field}).event()["body"].encode()


@pytest.mark.parametrize("literal", NO_JSON_NUMBERS)
def test_what_only_python_takes_for_a_number_is_not_json(literal: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_json_object(f'{{"quantity":{literal}}}'.encode(), JSON)

    assert refusal.value.code == "malformed_request"


@pytest.mark.parametrize(("literal", "text"), NUMBERS, ids=[literal[:40] for literal, _ in NUMBERS])
def test_a_json_number_is_read_exactly_or_refused_by_its_field(
    literal: str, text: str | None
) -> None:
    value = read_json_object(f'{{"quantity":{literal}}}'.encode(), JSON)["quantity"]

    if text is not None:
        assert decimal_text(parse_decimal(value, "quantity")) == text
    else:
        with pytest.raises(Invalid) as refusal:
            parse_decimal(value, "quantity")
        assert (refusal.value.code, refusal.value.field) == ("invalid_field", "quantity")


# --- size and media type


def test_a_body_of_one_mebibyte_is_read_and_a_larger_one_is_not() -> None:
    filling = BODY_BYTES_MAX - len(b'{"a":""}')

    assert len(read_json_object(b'{"a":"' + b"x" * filling + b'"}', JSON)["a"]) == filling
    for body in (b'{"a":"' + b"x" * (filling + 1) + b'"}', b"[" * (BODY_BYTES_MAX + 1)):
        with pytest.raises(Malformed) as refusal:
            read_json_object(body, JSON)
        assert refusal.value.code == "payload_too_large"
    assert BODY_BYTES_MAX == 1024 * 1024


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        " application/json ",
        "application/json;",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
    ],
)
def test_json_may_be_called_so(content_type: str) -> None:
    assert read_json_object(b"{}", {"content-type": content_type}) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "text/json"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/problem+json"},
        {"content-type": "application/jsonp"},
        {"content-type": "application/json, application/json"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json; charset=iso-8859-1"},
        {"content-type": "application/json; charset=utf-8; charset=utf-16"},
        {"content-type": "application/json; version=1"},
        {"content-type": "*/*"},
        {**JSON, "content-encoding": "gzip"},
        {**JSON, "content-encoding": "br"},
        {**JSON, "content-encoding": "deflate"},
        {**JSON, "content-encoding": "gzip, identity"},
        {**JSON, "content-encoding": ""},
    ],
    ids=str,
)
def test_what_is_not_plain_json_is_refused_unread(headers: dict[str, str]) -> None:
    for body in (b"{}", b"\xff"):
        with pytest.raises(Malformed) as refusal:
            read_json_object(body, headers)
        assert refusal.value.code == "unsupported_media_type"


def test_a_body_that_says_it_is_not_compressed_is_read() -> None:
    assert read_json_object(b"{}", {**JSON, "content-encoding": "identity"}) == {}


# --- laws

_scalars = st.none() | st.booleans() | st.text(max_size=8) | st.integers(-(10**25), 10**25)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), _values, max_size=4), st.booleans(), st.booleans())
def test_whatever_is_written_as_json_is_read_as_it_was(
    value: dict[str, Any], ascii_only: bool, indented: bool
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=2 if indented else None)

    assert read_json_object(body.encode(), JSON) == value


@given(plain_numbers(signed=True))
def test_a_number_is_the_same_with_and_without_quotes(text: str) -> None:
    value = read_json_object(f'{{"bare":{text},"quoted":"{text}"}}'.encode(), JSON)

    numbers = [parse_decimal(value[name], name) for name in ("bare", "quoted")]

    assert [Fraction(number) for number in numbers] == [Fraction(text)] * 2
    assert decimal_text(numbers[0]) == decimal_text(numbers[1])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_becomes_a_float(number: float) -> None:
    value = read_json_object(json.dumps({"a": [number, {"b": number}]}).encode(), JSON)

    assert not any(isinstance(leaf, float) for leaf in _leaves(value))
    assert float(value["a"][0]) == number
    assert not math.isnan(value["a"][1]["b"])


def _leaves(value: Any) -> Iterator[object]:
    match value:
        case dict():
            for inner in value.values():
                yield from _leaves(inner)
        case list():
            for inner in value:
                yield from _leaves(inner)
        case _:
            yield value


@given(st.binary(max_size=40) | st.text('{}[]":,\\u0dE8e1.-', max_size=40).map(str.encode))
@tried(250)
def test_any_bytes_are_an_object_or_are_refused(body: bytes) -> None:
    outcome: dict[str, Any] | Malformed
    try:
        outcome = read_json_object(body, JSON)
    except Malformed as refusal:
        outcome = refusal

    if isinstance(outcome, Malformed):
        assert outcome.code == "malformed_request"
    else:
        assert json.dumps(outcome, default=str, ensure_ascii=False).encode()
