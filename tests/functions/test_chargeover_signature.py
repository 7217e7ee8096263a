"""Signature version 1 at the ChargeOver door: what is served, and what is refused."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from postpaid.runtime import clock
from postpaid.runtime.clock import real_now
from postpaid.store.dynamo import DynamoTable
from tests.support.events import http_event
from tests.support.functions import Answer, Functions, read_answer
from tests.support.over import Over, check_envelope
from tests.support.signer import HOST, Signer


@dataclass
class Caller:
    """A client that signs what it sends."""

    over: Over
    base: str = HOST
    signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.signer = Signer(pair=self.over.pair)

    def header(
        self, url: str, body: bytes = b"", *, at: datetime | None = None, **more: Any
    ) -> str:
        """Return the header of a request, signed now if nothing else is said."""
        return self.signer.header(url, body, at=at or real_now(), **more)

    def call(self, method: str, target: str, body: bytes | None = None, **more: Any) -> Answer:
        """Sign a request and send it."""
        header = self.header(f"{self.base}/api/v3{target}", body or b"", **more)
        return self.send(method, target, body, {"authorization": header})

    def send(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send a request as it is."""
        answer = self.over.functions.call(method, f"/api/v3{target}", body, headers=headers)
        check_envelope(answer)
        return answer


@pytest.fixture(scope="module")
def signer(functions: Functions) -> Caller:
    over = Over.on(functions, functions.new_site("co-signed"))
    over.create("/customer", {"company": "Acme", "external_key": "A b:c,d"})
    return Caller(over)


# --- good ones


@pytest.mark.parametrize(
    "target",
    [
        "/customer",
        "/customer/",
        "//customer",
        "/customer?limit=5&_dummy=1",
        "/customer?where=company%3AEQUALS%3AFoo%5C%2C+Bar&limit=10",
        "/customer?where=mod_datetime:GTE:2026-01-01%2000:00:00",
        "/customer/external_key:A%20b:c,d",
        "/customer/external_key%3AA%20b%3Ac%2Cd",
    ],
)
def test_a_signed_read_is_served(signer: Caller, target: str) -> None:
    answer = signer.call("GET", target)

    assert answer.status == 200, answer.text


def test_a_body_is_signed_as_it_is_sent(signer: Caller) -> None:
    body = '{"company": "Café",  "custom_1": "x"}'.encode()

    assert signer.call("POST", "/customer", body).status == 201


@pytest.mark.parametrize("skew", [-899, -1, 0, 1, 899])
def test_clocks_may_differ_by_a_quarter_of_an_hour(
    signer: Caller, monkeypatch: pytest.MonkeyPatch, skew: int
) -> None:
    now = real_now()
    monkeypatch.setattr(clock, "real_now", lambda: now)

    assert signer.call("GET", "/customer", at=now + timedelta(seconds=skew)).status == 200


# --- wrong ones


@pytest.mark.parametrize("skew", [-901, 901, 10**6, -(10**9)])
def test_beyond_that_a_signature_is_refused(
    signer: Caller, monkeypatch: pytest.MonkeyPatch, skew: int
) -> None:
    now = real_now()
    monkeypatch.setattr(clock, "real_now", lambda: now)

    answer = signer.call("GET", "/customer", at=now + timedelta(seconds=skew))

    assert answer.status == 401
    assert "co_timestamp is more than 15 minutes" in answer.json["message"]


@pytest.mark.parametrize("what", ["url", "query", "host", "body", "private", "signature", "nonce"])
def test_whatever_is_changed_is_found(signer: Caller, what: str) -> None:
    body = b'{"company": "Acme"}'
    url = f"{HOST}/api/v3/customer?x=1"
    signed = {
        "url": url.replace("customer", "item"),
        "query": url + "&y=2",
        "host": url.replace("abcdefghij", "other"),
    }.get(what, url)
    header = signer.header(
        signed,
        body + b" " if what == "body" else body,
        private="0" * 32 if what == "private" else None,
        nonce="12345678",
    )
    if what == "signature":
        header = header[:-3] + ("0" if header[-3] != "0" else "1") + header[-2:]
    if what == "nonce":
        header = header.replace("12345678", "12345679")
    before = signer.over.functions.written()

    answer = signer.send("POST", "/customer?x=1", body, {"authorization": header})

    assert answer.status == 401
    assert answer.json["message"].endswith("[a valid signature is required]")
    assert answer.headers["www-authenticate"] == 'Basic realm="postpaid"'
    assert signer.over.functions.written() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("co_nonce=", "nonce="),
        ("HMAC-SHA256", "HMAC-SHA1"),
        ('co_version="1.0"', 'co_version="2.0"'),
        ('co_timestamp="', 'co_timestamp="-'),
        ('co_timestamp="', 'co_timestamp="99999'),
        ('co_nonce="', 'co_nonce="' + "x" * 64),
        ('co_signature="', 'co_signature="g'),
        ('co_public_key="', 'co_public_key="é'),
    ],
)
def test_a_header_of_another_form_is_refused(signer: Caller, old: str, new: str) -> None:
    header = signer.header(f"{HOST}/api/v3/customer").replace(old, new, 1)

    assert signer.send("GET", "/customer", None, {"authorization": header}).status == 401


def test_a_revoked_key_signs_nothing(functions: Functions) -> None:
    over = Over.on(functions, functions.new_site("co-signed-revoked"))
    admin = functions.new_key(over.site)
    functions.call("DELETE", f"/v1/api-keys/{over.pair.public}", key=admin)

    assert Caller(over).call("GET", "/customer").status == 401


def test_a_signature_opens_what_its_key_may(signer: Caller) -> None:
    reader = Caller(Over.on(signer.over.functions, signer.over.site, KeyScope.READ))
    before = signer.over.functions.written()

    assert reader.call("POST", "/customer", b'{"company": "X"}').status == 403

    assert signer.over.functions.written() == before


# --- again


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/customer", None),
        ("POST", "/customer", b'{"company": "Once"}'),
        ("POST", "/usage", b'{"line_item_id": 1, "usage_value": 1}'),
        ("POST", "//usage", b'{"line_item_id": 1, "usage_value": 1}'),
    ],
)
def test_a_signed_request_is_taken_once(
    signer: Caller, method: str, target: str, body: bytes | None
) -> None:
    header = signer.header(f"{HOST}/api/v3{target}", body or b"")
    first = signer.send(method, target, body, {"authorization": header})
    before = signer.over.functions.written()

    again = signer.send(method, target, body, {"authorization": header})

    assert first.status in {200, 201, 400}
    assert again.status == 401
    assert "co_nonce was used" in again.json["message"]
    assert signer.over.functions.written() == before


def test_of_many_at_once_one_is_taken(signer: Caller) -> None:
    body = b'{"company": "At once"}'
    header = signer.header(f"{HOST}/api/v3/customer", body)

    with ThreadPoolExecutor(8) as pool:
        sent = [("POST", "/customer", body, {"authorization": header})] * 8
        answers = list(pool.map(lambda each: signer.send(*each), sent))

    assert sorted(answer.status for answer in answers) == [201] + [401] * 7


def test_a_nonce_is_free_at_another_time_and_for_another_key(signer: Caller) -> None:
    other = Caller(Over.on(signer.over.functions, signer.over.site))
    at = real_now()

    answers = [
        signer.call("GET", "/customer", nonce="same", at=at),
        other.call("GET", "/customer", nonce="same", at=at),
        signer.call("GET", "/customer", nonce="same", at=at - timedelta(seconds=1)),
        signer.call("GET", "/customer", nonce="same", at=at),
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 401]


def test_what_is_remembered_of_a_nonce_goes_by_itself(signer: Caller, functions: Functions) -> None:
    at = real_now()
    signer.call("GET", "/customer", nonce="remembered", at=at)

    notes = [each for each in functions.usage_items() if "#~nonce#" in each["pk"]["S"]]

    assert {"N": str(int(at.timestamp()) + 900)} in [each["expires"] for each in notes]
    assert all("remembered" not in str(each) for each in notes)
    assert all("expires" not in each for each in functions.usage_items() if each not in notes)


def test_the_sdk_s_own_repeat_of_the_note_is_no_replay(
    signer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = DynamoTable.put

    def twice(table: DynamoTable, asked: Any) -> None:
        put(table, asked)
        if "#~nonce#" in asked.item["pk"]:
            put(table, asked)

    monkeypatch.setattr(DynamoTable, "put", twice)

    assert signer.call("GET", "/customer").status == 200


# --- where it comes in


def test_without_a_word_of_the_scheme_both_are_tried(signer: Caller) -> None:
    url = "http://localhost:8080/api/v3/customer"
    event = http_event(
        "GET",
        "/api/v3/customer",
        headers={"authorization": signer.header(url), "host": "localhost:8080"},
    )
    del event["headers"]["x-forwarded-proto"]

    answer = read_answer(signer.over.functions.invoke("ChargeoverApiFunction", event), event)

    assert answer.status == 200, answer.text


def test_the_public_base_url_may_be_signed(signer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    module = signer.over.functions.modules["ChargeoverApiFunction"]
    keeper = module.doorkeeper
    monkeypatch.setattr(
        module,
        "doorkeeper",
        type(keeper)(
            api_keys=keeper.api_keys,
            secrets=keeper.secrets,
            nonces=keeper.nonces,
            base_url="https://billing.example.com",
        ),
    )
    outside = Caller(signer.over, base="https://billing.example.com")

    assert outside.call("GET", "/customer").status == 200
    assert signer.call("GET", "/customer").status == 200


def test_basic_stays_as_it_is(signer: Caller) -> None:
    before = signer.over.functions.written()
    pair = f"{signer.over.pair.public}:{signer.over.pair.private}".encode()
    sent = {"authorization": "Basic " + base64.b64encode(pair).decode()}

    assert signer.send("GET", "/customer", None, sent).status == 200
    assert signer.over.functions.written() == before
