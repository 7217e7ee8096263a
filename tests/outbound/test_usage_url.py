"""A usage URL is asked once, over one connection, and only a plain good answer counts."""

import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from postpaid.application.pull_usage import Unanswered
from postpaid.domain.usage_url import UsageUrl
from postpaid.outbound.usage_question import question_body, read_answer
from postpaid.outbound.usage_url import ANSWER_BYTES_MAX, UsageUrls
from postpaid.runtime.clock import milliseconds
from tests.support.questions import TOKEN, Server, a_question, http, serving

GOOD = b'{"line_items": [{"usage_amount": 25}]}'


def asked(server: Server, urls: UsageUrls | None = None) -> Decimal:
    urls = urls or UsageUrls(milliseconds, test_hosts=frozenset({server.host}))
    return urls.ask(UsageUrl(server.url), a_question())


def reason_of(answer: bytes) -> str:
    with serving(answer) as server, pytest.raises(Unanswered) as raised:
        asked(server)
    return str(raised.value)


# --- what is sent


def test_the_question_is_one_post_of_json() -> None:
    with serving(http(GOOD)) as server:
        assert asked(server) == 25
        [request] = server.requests

    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /usage?key=abc HTTP/1.1"
    assert dict(line.split(": ") for line in lines[1:]) == {
        "Host": server.host,
        "User-Agent": "postpaid-usage-url/1",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    assert json.loads(body)["package"]["package_id"] == 713


def test_it_names_the_customer_the_package_the_line_and_the_seconds() -> None:
    assert json.loads(question_body(a_question("America/New_York"))) == {
        "customer": {"customer_id": 3, "external_key": "globex", "company": "Globex"},
        "package": {"package_id": 713, "external_key": "sub", "customer_id": 3},
        "this_line_item": {
            "line_item_id": 854,
            "external_key": "minutes",
            "item_external_key": "voice",
            "item_name": "Call minutes",
        },
        "from_datetime": "2026-09-30T20:00:00-04:00",
        "to_datetime": "2026-10-31T19:59:59-04:00",
        "security_token": TOKEN,
    }


def test_a_site_without_a_secret_sends_a_token_of_null() -> None:
    body = json.loads(question_body(replace(a_question(), security_token=None)))

    assert body["security_token"] is None


def test_a_question_does_not_show_its_token() -> None:
    assert TOKEN not in repr(a_question())


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with serving(http(GOOD)) as server:
        assert asked(server) == 25


# --- what counts as an answer


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        ('{"line_items":[{"usage_amount":25}]}', "25"),
        ('{"line_items":[{"usage_ammount":25}]}', "25"),
        ('{"line_items":[{"usage_amount":"25.50"}]}', "25.5"),
        ('{"line_items":[{"usage_amount":0.1}]}', "0.1"),
        ('{"line_items":[{"usage_amount":1.5e2}]}', "150"),
        ('{"line_items":[{"usage_amount":0}]}', "0"),
        ('{"line_items":[{"usage_amount":-0}]}', "0"),
        ('{"line_items":[]}', "0"),
        ('{"line_items":[{"usage_amount":7,"usage_ammount":"7.0"}]}', "7"),
        ('{"line_items":[{"usage_amount":7,"unit":"minutes"}],"code":200}', "7"),
        ('{"line_items":[{"usage_amount":123456789012345678.01234567890123456789}]}',
         "123456789012345678.01234567890123456789"),
    ],
)  # fmt: skip
def test_an_amount_is_read_exactly(body: str, amount: str) -> None:
    assert read_answer(body.encode()) == Decimal(amount)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "what is not JSON"),
        ("<html>", "what is not JSON"),
        ("\xff", "what is not JSON"),
        ('{"line_items":[{"usage_amount":NaN}]}', "what is not JSON"),
        ('{"line_items":[{"usage_amount":Infinity}]}', "what is not JSON"),
        ("[" * 100_000, "what is not JSON"),
        ("25", "without a list of line_items"),
        ("[]", "without a list of line_items"),
        ("null", "without a list of line_items"),
        ("{}", "without a list of line_items"),
        ('{"line_items":null}', "without a list of line_items"),
        ('{"line_items":{"usage_amount":25}}', "without a list of line_items"),
        ('{"line_items":[25]}', "without a list of line_items"),
        ('{"line_items":[{"usage_amount":25},{"usage_amount":5}]}', "more than one line item"),
        ('{"line_items":[{}]}', "without a usage_amount"),
        ('{"line_items":[{"Usage_amount":25}]}', "without a usage_amount"),
        ('{"line_items":[{"usage_amount":null}]}', "a usage_amount that must be a decimal"),
        ('{"line_items":[{"usage_amount":true}]}', "a usage_amount that must be a decimal"),
        ('{"line_items":[{"usage_amount":[25]}]}', "a usage_amount that must be a decimal"),
        ('{"line_items":[{"usage_amount":""}]}', "a usage_amount that must be a plain"),
        ('{"line_items":[{"usage_amount":"1e3"}]}', "a usage_amount that must be a plain"),
        ('{"line_items":[{"usage_amount":" 25"}]}', "a usage_amount that must be a plain"),
        ('{"line_items":[{"usage_amount":-1}]}', "a usage_amount that must not be negative"),
        ('{"line_items":[{"usage_amount":"-0.1"}]}', "a usage_amount that must not be negative"),
        ('{"line_items":[{"usage_amount":1e30}]}', "a usage_amount that has too many digits"),
        ('{"line_items":[{"usage_amount":1e999999999}]}', "a usage_amount that"),
        (
            '{"line_items":[{"usage_amount":1' + "0" * 5000 + "}]}",
            "a usage_amount that has too many digits",
        ),
        ('{"line_items":[{"usage_amount":7,"usage_ammount":8}]}', "two different amounts"),
    ],
    ids=lambda part: part[:40],
)
def test_anything_else_is_no_answer(body: str, reason: str) -> None:
    with pytest.raises(Unanswered) as raised:
        read_answer(body.encode("latin-1"))

    assert str(raised.value).startswith(f"answered with {reason}") or str(raised.value) == (
        f"answered {reason}"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(GOOD, status="201 Created"), "answered with status 201"),
        (http(b"", status="204 No Content"), "answered with status 204"),
        (http(GOOD, status="400 Bad Request"), "answered with status 400"),
        (http(GOOD, status="500 Internal Server Error"), "answered with status 500"),
        (http(b"<html></html>", kind="text/html"), "answered with what is not JSON"),
        (http(b""), "answered with what is not JSON"),
        (http(GOOD + b" " * ANSWER_BYTES_MAX), "answered with more than 65536 bytes"),
        (http(GOOD)[:-3], "did not send all of its answer"),
        (http(GOOD)[:20], "answered with"),
        (b"", "did not answer"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "did not answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, "did"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, "answered with more than 65536 bytes"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Encoding: gzip\r\n\r\n" + GOOD,
            "answered with a compressed body",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n26\r\n" + GOOD + b"\r\n",
            "did not answer: IncompleteRead",
        ),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_server_that_answers_wrongly_has_not_answered(answer: bytes, reason: str) -> None:
    assert reason_of(answer).startswith(reason)


@pytest.mark.parametrize("kind", ["text/html; charset=UTF-8", "text/plain", ""])
def test_json_counts_whatever_it_is_called(kind: str) -> None:
    """A script that sets no header calls all it says a page."""
    with serving(http(GOOD, kind=kind)) as server:
        assert asked(server) == 25


def test_a_body_in_chunks_or_without_a_length_counts() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
    size = f"{len(GOOD):x}".encode()
    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + GOOD + b"\r\n0\r\n\r\n"

    for answer in (head + chunks, head + b"\r\n" + GOOD):
        with serving(answer) as server:
            assert asked(server) == 25


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(http(GOOD)) as other:
        answer = f"HTTP/1.1 {status} Moved\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n"
        assert reason_of(answer.encode()) == f"answered with status {status}"
        assert other.requests == []


# --- time


def test_one_that_drips_is_left_when_its_time_is_over() -> None:
    """Each byte comes a second after the one before, which is no timeout of any of them."""
    seconds = [0]

    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            for _ in range(1_000):
                seconds[0] += 1
                connection.sendall(b"a")

    with serving(drip) as server:
        urls = UsageUrls(lambda: seconds[0] * 1_000, test_hosts=frozenset({server.host}))
        with pytest.raises(Unanswered) as raised:
            asked(server, urls)

    assert str(raised.value) == "did not answer within 10 seconds"


def test_one_that_never_ends_is_left_when_it_is_too_large() -> None:
    def pour(connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        with suppress(OSError):
            connection.sendall(head)
            while True:
                connection.sendall(b" " * 65_536)

    with serving(pour) as server, pytest.raises(Unanswered) as raised:
        asked(server)

    assert str(raised.value) == "answered with more than 65536 bytes"


def test_one_that_says_nothing_is_left_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("postpaid.outbound.usage_url.ASK_MILLISECONDS", 50)

    def wait(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(1)

    with serving(wait) as server, pytest.raises(Unanswered) as raised:
        asked(server)

    assert str(raised.value) == "did not answer within 10 seconds"


def test_nobody_there_is_no_answer() -> None:
    with serving(b"") as server:
        pass

    with pytest.raises(Unanswered) as raised:
        asked(server)
    assert str(raised.value) == "did not answer: ConnectionRefusedError"


# --- the connection goes where was looked


class Rebinding:
    """A resolver that says something public when it is asked first, and then something else."""

    def __init__(self, first: Sequence[str]) -> None:
        self.asked = 0
        self._first = first

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._first if self.asked == 1 else ["127.0.0.1"]


def test_a_name_is_resolved_once_and_its_address_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached: list[tuple[object, object]] = []

    class Socket(socket.socket):
        def connect(self, address: object) -> None:
            reached.append((self.family, address))
            raise ConnectionRefusedError

    monkeypatch.setattr(socket, "socket", Socket)
    resolve = Rebinding(["93.184.215.14", "2606:4700::1111", "93.184.215.14"])
    urls = UsageUrls(milliseconds, resolve=resolve)

    with pytest.raises(Unanswered):
        urls.ask(UsageUrl("https://usage.example.com/"), a_question())

    assert resolve.asked == 1
    assert reached == [
        (socket.AF_INET, ("93.184.215.14", 443)),
        (socket.AF_INET6, ("2606:4700::1111", 443)),
    ]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost, with its key, that nobody else trusts."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=36_000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[tuple[int, list[str | None]]]:
    """A server that speaks TLS; and which names it was asked for (SNI)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    with serving(http(GOOD), context) as server:
        yield server.port, names


def _ask_securely(port: int, host: str, context: ssl.SSLContext) -> Decimal:
    authority = f"{host}:{port}"
    urls = UsageUrls(
        milliseconds,
        test_hosts=frozenset({authority}),
        resolve=lambda _host, _port: ["127.0.0.1"],
        context=context,
    )
    return urls.ask(UsageUrl(f"https://{authority}/usage"), a_question())


def test_the_certificate_must_be_of_the_name_and_the_name_is_told(
    secure: tuple[int, list[str | None]], certificate: Path
) -> None:
    port, names = secure
    trusting = ssl.create_default_context(cafile=str(certificate))

    assert _ask_securely(port, "localhost", trusting) == 25
    with pytest.raises(Unanswered) as raised:
        _ask_securely(port, "other.example", trusting)

    assert names == ["localhost", "other.example"]
    assert str(raised.value).startswith("could not be asked safely: Hostname mismatch")


def test_a_certificate_that_nobody_signed_is_not_trusted(
    secure: tuple[int, list[str | None]],
) -> None:
    with pytest.raises(Unanswered) as raised:
        _ask_securely(secure[0], "localhost", ssl.create_default_context())

    assert str(raised.value).startswith("could not be asked safely: self-signed certificate")
