"""Signed requests as they come in, against signatures of another implementation."""

import re

import pytest

from postpaid.api.chargeover.signature import read_signed
from postpaid.api.http import RawUrl, Request, read_request
from postpaid.domain.api_key import KeyPair
from postpaid.domain.errors import Unauthenticated
from tests.support.events import http_event

# As `openssl dgst -sha256 -hmac <private>` makes them of the text that is signed.
PRIVATE, PUBLIC = "0123456789abcdef0123456789abcdef", "abcdefghij012345"
VECTORS = [
    (
        "GET",
        "/api/v3/customer",
        b"",
        "7db36e4f2763803d640fc71669ceb65b8ad5e4c4c8124f864e4550a42ccc1ca2",
    ),
    (
        "GET",
        "/api/v3/customer?where=company:EQUALS:Foo&limit=10",
        b"",
        "cc1dcecd79ed707e6c63e688bac4ba712ba8ade18406e22d87ddd845750f064d",
    ),
    (
        "GET",
        "/api/v3/customer?where=company%3AEQUALS%3AFoo%5C%2C+Bar&_dummy=1",
        b"",
        "b81abc6445de6397210158177020f57210a065b430f98b84a27f82bf1fb1bef4",
    ),
    (
        "GET",
        "/api/v3/customer/external_key%3AA%20b",
        b"",
        "bcab2016ab8999d16b50f8a4cc87c445b28ce6835767e72390666489352f8c45",
    ),
    (
        "POST",
        "/api/v3/usage",
        b'{"line_item_id":854,"usage_value":22}',
        "65700935ddcd5e3f8f0bbeb204f046faa5f601cb1e07b7909150ef796bd0f8f3",
    ),
    (
        "POST",
        "/api/v3//usage",
        b'{"line_item_id":854,"usage_value":265.2}',
        "c0da66047bd84449b37b8358bd48de89f4da702135b6931945d82644be3a0e0a",
    ),
    (
        "POST",
        "/api/v3/usage?action=bulk",
        '[{"line_item_id":854,"usage_value":1,"custom_1":"café"}]'.encode(),
        "8fe15d42ddd43e1642afa5c6426b552f9ef8dc34515634ba41fac0a1f1bede48",
    ),
    (
        "POST",
        "/api/v3/package/5?action=cancel&_dummy=1",
        b"",
        "91f25bd0ac3305239b78bc1cdcfb5ea158f8431cd61674bf44388d3059b717d0",
    ),
]
HEAD = (
    f'ChargeOver co_public_key="{PUBLIC}" co_nonce="nonce%03d" co_timestamp="%d" '
    'co_signature_method="HMAC-SHA256" co_version="1.0" co_signature="%s"'
)
PAIR = KeyPair(PUBLIC, PRIVATE)


def _request(number: int, signature: str | None = None) -> Request:
    method, target, body, own = VECTORS[number]
    headers = {
        "authorization": HEAD % (number, 1790000000 + number, signature or own),
        "host": "acme.example.com",
    }
    return read_request(http_event(method, target, headers=headers, body=body or None))


@pytest.mark.parametrize("number", range(len(VECTORS)), ids=[row[1] for row in VECTORS])
def test_what_another_implementation_signed_is_recognized(number: int) -> None:
    signed = read_signed(_request(number))

    assert signed is not None
    assert (signed.public, signed.nonce) == (PUBLIC, f"nonce{number:03d}")
    assert signed.timestamp == 1790000000 + number
    assert any(PAIR.signed(message, signed.signature) for message in signed.messages)


@pytest.mark.parametrize("number", range(len(VECTORS)))
def test_no_signature_is_good_for_another_request(number: int) -> None:
    for other, (_, _, _, signature) in enumerate(VECTORS):
        if other != number:
            signed = read_signed(_request(number, signature))
            assert signed is not None
            assert not any(PAIR.signed(message, signed.signature) for message in signed.messages)


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer x", "Chargeovers x"])
def test_what_is_not_signed_is_none(header: str) -> None:
    request = read_request(http_event("GET", "/api/v3/customer", headers={"authorization": header}))

    assert read_signed(request) is None


@pytest.mark.parametrize(
    "missing",
    ["public_key", "nonce", "timestamp", "signature_method", "version", "signature"],
)
def test_what_is_missing_is_named(missing: str) -> None:
    whole = _request(0)
    header = re.sub(f'co_{missing}="[^"]*"', "", whole.headers["authorization"])
    event = http_event("GET", "/api/v3/customer", headers={"authorization": header})

    with pytest.raises(Unauthenticated, match=f"co_{missing} is missing"):
        read_signed(read_request(event))


URLS = [
    (RawUrl("https", "h", "/api/v3/usage", ""), "", ["https://h/api/v3/usage"]),
    (RawUrl("https", "h", "/a", "x=1&y=%2C"), "", ["https://h/a?x=1&y=%2c"]),
    (RawUrl("", "h:8080", "/a", ""), "", ["https://h:8080/a", "http://h:8080/a"]),
    (RawUrl("https", "h", "/a", ""), "https://B.example", ["https://h/a", "https://b.example/a"]),
    (
        RawUrl("https", "h", "/A b:c", ""),
        "",
        ["https://h/a b:c", "https://h/a%20b:c", "https://h/a%20b%3ac"],
    ),
]


@pytest.mark.parametrize(("url", "base", "tried"), URLS, ids=[str(row[2]) for row in URLS])
def test_the_url_is_tried_as_a_client_may_have_seen_it(
    url: RawUrl, base: str, tried: list[str]
) -> None:
    request = Request(
        method="GET",
        path=(),
        query={},
        headers={"authorization": HEAD % (0, 1, "0" * 64)},
        body=b"body",
        id="r",
        url=url,
    )

    signed = read_signed(request, base)

    assert signed is not None
    assert [message.decode() for message in signed.messages] == [
        f"{PUBLIC}||{each}||nonce000||1||body" for each in tried
    ]
