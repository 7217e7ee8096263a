"""Events to requests, requests to routes, responses to what the gateway sends."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.api.http import (
    QUERY_FIELDS_MAX,
    Request,
    Response,
    Route,
    bearer_or_basic,
    find_route,
    read_request,
)
from postpaid.api.native.routes import ROUTES as NATIVE
from postpaid.domain.api_key import KeyScope
from postpaid.domain.errors import Malformed, NotFound

ROUTES = (
    Route("GET", "v1/items", KeyScope.READ, "list"),
    Route("POST", "v1/items", KeyScope.ADMIN, "create"),
    Route("GET", "v1/items/{}", KeyScope.READ, "show"),
    Route("DELETE", "v1/items/{}", KeyScope.ADMIN, "remove"),
    Route("GET", "v1/items/{}/prices/{}", KeyScope.READ, "price"),
)

# rawPath, as the gateway hands it on (it decodes every escape but %25), and its segments
PATHS = [
    ("/v1/items", ("v1", "items")),
    ("/v1/items/", ("v1", "items")),
    ("/", ("",)),
    ("/v1/items/a b", ("v1", "items", "a b")),
    ("/v1/items/a+b", ("v1", "items", "a+b")),
    ("/v1/items/a#b", ("v1", "items", "a#b")),
    ("/v1/items/a?b", ("v1", "items", "a?b")),
    ("/v1/items/a%25b", ("v1", "items", "a%b")),
    ("/v1/items/a%2523b", ("v1", "items", "a%23b")),
    ("/v1/items/%2525", ("v1", "items", "%25")),
    ("/v1/items/%25%25", ("v1", "items", "%%")),
    ("/v1/items/~", ("v1", "items", "~")),
    ("/v1/items/{}", ("v1", "items", "{}")),
    ("/v1/items/\u00e9", ("v1", "items", "\u00e9")),
    ("/v1//items", ("v1", "", "items")),
    ("/v1/items/../site", ("v1", "items", "..", "site")),
]

QUERIES = [
    ("", {}),
    (None, {}),
    ("limit=5", {"limit": "5"}),
    ("limit=5&start=2026-10-01", {"limit": "5", "start": "2026-10-01"}),
    ("a=", {"a": ""}),
    ("a", {"a": ""}),
    ("=a", {"": "a"}),
    ("a=b=c", {"a": "b=c"}),
    ("a=b%20c+d", {"a": "b c d"}),
    ("a=%2B%26%3D%25", {"a": "+&=%"}),
    ("a=%25b", {"a": "%b"}),
    ("a=1;b=2", {"a": "1;b=2"}),
    ("a=1&A=2", {"a": "1", "A": "2"}),
    ("a=%C3%A9", {"a": "\u00e9"}),
    ("a[]=1", {"a[]": "1"}),
    ("start=2026-10-01T00%3A00%3A00%2B02%3A00", {"start": "2026-10-01T00:00:00+02:00"}),
    ("&".join(f"a{n}=1" for n in range(QUERY_FIELDS_MAX)), {f"a{n}": "1" for n in range(50)}),
]

NO_QUERIES = [
    ("a=1&a=1", "a"),
    ("a=1&a=2", "a"),
    ("a=1&b=2&%61=3", "a"),
    ("a=%FF", None),
    ("%FF=1", None),
    ("a=%C0%AF", None),
    ("a=%ED%A0%80", None),
    ("&".join(f"a{n}=1" for n in range(QUERY_FIELDS_MAX + 1)), None),
    ("a=1&" * 100_000, None),
]

KEY = "pp_live_0123456789abcdef_secret_00000000"


def _basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.b64encode(raw).decode()


CREDENTIALS = [
    (f"Bearer {KEY}", KEY),
    (f"bearer {KEY}", KEY),
    (f"BEARER {KEY}", KEY),
    (f"Bearer  {KEY} ", KEY),
    ("Bearer ", ""),
    ("Bearer a b", "a b"),
    ("Bearer \u00e9", "\u00e9"),
    (f"Basic {_basic(KEY + ':')}", KEY),
    (f"basic {_basic(KEY + ':')}", KEY),
    (f"Basic {_basic(KEY)}", KEY),
    (f"Basic {_basic(KEY + ':password')}", KEY),
    (f"Basic {_basic(KEY + ':a:b')}", KEY),
    (f"Basic  {_basic(KEY + ':')} ", KEY),
    (f"Basic {_basic(':password')}", ""),
    ("Basic ", ""),
    ("Basic", ""),
    (f"Basic {_basic(KEY).rstrip('=')[:-1]}", None),
    ("Basic not base64", None),
    ("Basic !!!!", None),
    ("Basic \u00e9", None),
    (f"Basic {_basic(b'\xff\xfe')}", None),
    (f"Basic {_basic('\u00e9:')}", None),
    (f"Basic {_basic(KEY)[:8]}\n{_basic(KEY)[8:]}", None),
    (KEY, None),
    ("", None),
    (" ", None),
    (f"Token {KEY}", None),
    (f"Digest {KEY}", None),
    (f"Bearer:{KEY}", None),
    (f"Bearer\t{KEY}", None),
]


def _event(**facts: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": facts.pop("path", "/v1/items"),
        "rawQueryString": "",
        "headers": {},
        "requestContext": {
            "requestId": "JKJaXmPLvHcESHA=",
            "http": {"method": facts.pop("method", "GET")},
        },
        "isBase64Encoded": False,
        **facts,
    }


def _request(method: str, *path: str) -> Request:
    return Request(method=method, path=path, query={}, headers={}, body=b"", id="")


# --- requests


@pytest.mark.parametrize(("raw", "expected"), PATHS, ids=[raw for raw, _ in PATHS])
def test_a_path_is_split_and_its_last_escape_decoded(raw: str, expected: tuple[str, ...]) -> None:
    assert read_request(_event(path=raw)).path == expected


@pytest.mark.parametrize(("raw", "expected"), QUERIES, ids=[str(raw)[:40] for raw, _ in QUERIES])
def test_a_query_is_read(raw: str | None, expected: dict[str, str]) -> None:
    assert read_request(_event(rawQueryString=raw)).query == expected


@pytest.mark.parametrize(("raw", "field"), NO_QUERIES, ids=[raw[:40] for raw, _ in NO_QUERIES])
def test_a_query_that_says_two_things_or_none_is_refused(raw: str, field: str | None) -> None:
    with pytest.raises(Malformed) as refusal:
        read_request(_event(rawQueryString=raw))

    assert (refusal.value.code, refusal.value.field) == ("malformed_request", field)


@pytest.mark.parametrize(
    ("body", "encoded", "expected"),
    [
        (None, False, b""),
        ("", False, b""),
        ("", True, b""),
        ("{}", False, b"{}"),
        ("\u00e9", False, b"\xc3\xa9"),
        ("e30=", True, b"{}"),
        ("/w==", True, b"\xff"),
        ("e30=", False, b"e30="),
    ],
)
def test_a_body_is_the_bytes_that_were_sent(
    body: str | None, encoded: bool, expected: bytes
) -> None:
    assert read_request(_event(body=body, isBase64Encoded=encoded)).body == expected


@pytest.mark.parametrize(
    ("body", "encoded"),
    [("e30", True), ("e", True), ("\u00e9", True), ("\ud800", False)],
    ids=ascii,
)
def test_a_body_that_cannot_be_read_is_refused(body: str, encoded: bool) -> None:
    with pytest.raises(Malformed) as refusal:
        read_request(_event(body=body, isBase64Encoded=encoded))

    assert refusal.value.code == "malformed_request"


def test_a_request_has_method_headers_and_id() -> None:
    headers = {"Content-Type": "application/json", "authorization": "Bearer x", "X-Y": "Z"}

    request = read_request(_event(method="POST", headers=headers))

    assert request.method == "POST"
    assert request.id == "JKJaXmPLvHcESHA="
    assert request.headers == {
        "content-type": "application/json",
        "authorization": "Bearer x",
        "x-y": "Z",
    }


def test_an_event_may_lack_what_is_empty() -> None:
    event = _event()
    for name in ("rawQueryString", "headers", "isBase64Encoded"):
        del event[name]
    del event["requestContext"]["requestId"]

    request = read_request(event)

    assert (request.query, request.headers, request.body, request.id) == ({}, {}, b"", "")


@given(st.text(max_size=60))
def test_a_query_is_read_or_refused_and_nothing_else(raw: str) -> None:
    outcome: Request | Malformed
    try:
        outcome = read_request(_event(rawQueryString=raw))
    except Malformed as refusal:
        outcome = refusal

    assert isinstance(outcome, Request) or outcome.code == "malformed_request"


# --- routes


@pytest.mark.parametrize(
    ("method", "path", "operation", "ids"),
    [
        ("GET", ("v1", "items"), "list", ()),
        ("POST", ("v1", "items"), "create", ()),
        ("GET", ("v1", "items", "voice"), "show", ("voice",)),
        ("DELETE", ("v1", "items", "voice"), "remove", ("voice",)),
        ("GET", ("v1", "items", "{}"), "show", ("{}",)),
        ("GET", ("v1", "items", "items"), "show", ("items",)),
        ("GET", ("v1", "items", "a/b"), "show", ("a/b",)),
        ("GET", ("v1", "items", "voice", "prices", "eur"), "price", ("voice", "eur")),
        ("GET", ("v1", "items", "prices", "prices", "prices"), "price", ("prices", "prices")),
    ],
)
def test_a_request_finds_its_route_and_the_ids_in_its_path(
    method: str, path: tuple[str, ...], operation: str, ids: tuple[str, ...]
) -> None:
    route, found = find_route(ROUTES, _request(method, *path))

    assert (route.operation, route.method, found) == (operation, method, ids)


@pytest.mark.parametrize(
    "path",
    [
        ("",),
        ("v1",),
        ("items",),
        ("V1", "items"),
        ("v1", "Items"),
        ("v2", "items"),
        ("{}", "items"),
        ("v1", "items", "voice", "prices"),
        ("v1", "items", "voice", "price", "eur"),
        ("v1", "items", "voice", "prices", "eur", "more"),
        ("", "v1", "items"),
    ],
)
def test_a_path_that_is_not_there_is_not_found(path: tuple[str, ...]) -> None:
    with pytest.raises(NotFound) as refusal:
        find_route(ROUTES, _request("GET", *path))

    assert (refusal.value.code, refusal.value.details) == ("route_not_found", {})


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", ("v1", "items"), ["GET", "POST"]),
        ("get", ("v1", "items"), ["GET", "POST"]),
        ("POST", ("v1", "items", "voice"), ["DELETE", "GET"]),
        ("HEAD", ("v1", "items", "voice", "prices", "eur"), ["GET"]),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told_from_a_path_that_is_not_there(
    method: str, path: tuple[str, ...], allow: list[str]
) -> None:
    with pytest.raises(NotFound) as refusal:
        find_route(ROUTES, _request(method, *path))

    assert (refusal.value.code, refusal.value.details) == ("method_not_allowed", {"allow": allow})


def test_methods_that_another_function_serves_are_named_but_not_found() -> None:
    elsewhere = (("POST", "v1/items/{}"), ("POST", "v1/items/{}/usages"))

    with pytest.raises(NotFound) as refusal:
        find_route(ROUTES, _request("PUT", "v1", "items", "voice"), elsewhere=elsewhere)
    assert refusal.value.details == {"allow": ["DELETE", "GET", "POST"]}

    with pytest.raises(NotFound) as refusal:
        find_route(ROUTES, _request("GET", "v1", "items", "voice", "usages"), elsewhere=elsewhere)
    assert refusal.value.details == {"allow": ["POST"]}

    with pytest.raises(NotFound) as refusal:
        find_route(ROUTES, _request("POST", "v1", "items", "voice"), elsewhere=elsewhere)
    assert refusal.value.code == "method_not_allowed"


def test_no_request_has_two_routes() -> None:
    for route in NATIVE:
        path = route.template.replace("{}", "an-id").split("/")
        taking = [other for other in NATIVE if other.match(path) is not None]

        assert [other.template for other in taking if other.method == route.method] == [
            route.template
        ]


# --- credentials


@pytest.mark.parametrize(
    ("header", "expected"), CREDENTIALS, ids=[ascii(header)[:50] for header, _ in CREDENTIALS]
)
def test_a_key_is_a_bearer_token_or_the_user_of_basic(header: str, expected: str | None) -> None:
    assert bearer_or_basic({"authorization": header}) == expected


def test_a_request_may_show_no_key() -> None:
    assert bearer_or_basic({}) is None
    assert bearer_or_basic({"x-api-key": KEY, "cookie": f"key={KEY}"}) is None


@given(st.text(max_size=60), st.sampled_from(("Bearer ", "Basic ", "basic", "")))
def test_reading_a_key_never_fails(text: str, kind: str) -> None:
    shown = bearer_or_basic({"authorization": kind + text})

    assert shown is None or isinstance(shown, str)


# --- responses


def test_a_response_is_json_that_nobody_may_keep() -> None:
    event = Response(201, {"name": "\u00e9", "lines": []}).event()

    assert event["statusCode"] == 201
    assert event["headers"] == {"content-type": "application/json", "cache-control": "no-store"}
    assert json.loads(event["body"]) == {"name": "\u00e9", "lines": []}
    assert "\u00e9" in event["body"]


def test_a_response_may_have_headers_of_its_own_and_no_body() -> None:
    event = Response(303, None, {"location": "/x", "content-type": "application/pdf"}).event()

    assert event["body"] == ""
    assert event["headers"] == {
        "content-type": "application/pdf",
        "cache-control": "no-store",
        "location": "/x",
    }
