"""What a client takes an answer for, against a server on loopback that misbehaves as asked."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from tests.soak.books import Outcome
from tests.soak.wire import Wire


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    seen: list[tuple[str, str, int]]
    go_on: Event


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        what = self.path.rpartition("/")[2]
        self.server.seen.append((what, self.headers["Authorization"], self.client_address[1]))
        if what == "hang":
            self.server.go_on.wait(10)
        if what in {"hang", "cut"}:
            self.close_connection = True
            return
        self._answer(int(what), {"code": f"code_{what}"} if what != "502" else None)

    def do_GET(self) -> None:
        last = "cursor=a%2Fb" in self.path
        self._answer(200, {"data": [2 if last else 1], "next_cursor": None if last else "a/b"})

    def _answer(self, status: int, body: object) -> None:
        raw = b"bad gateway" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """A server on a free port."""
    running = _Server(("127.0.0.1", 0), _Handler)
    running.seen, running.go_on = [], Event()
    thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.go_on.set()
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def wire(server: _Server) -> Iterator[Wire]:
    """A connection to it."""
    opened = Wire(f"http://127.0.0.1:{server.server_port}/stage", "pp_test_key")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("what", "outcome", "code"),
    [
        ("200", Outcome.OK, ""),
        ("201", Outcome.OK, ""),
        ("404", Outcome.REFUSED, "code_404"),
        ("409", Outcome.REFUSED, "code_409"),
        ("412", Outcome.REFUSED, "code_412"),
        ("500", Outcome.UNKNOWN, "code_500"),
        ("502", Outcome.UNKNOWN, "502"),
        ("503", Outcome.UNKNOWN, "code_503"),
        ("cut", Outcome.UNKNOWN, "no answer"),
    ],
)
def test_an_answer_is_a_promise_only_if_our_code_decided_it(
    wire: Wire, what: str, outcome: Outcome, code: str
) -> None:
    answer = wire.send("POST", f"/{what}", {})

    assert (answer.outcome, answer.code) == (outcome, code)
    assert answer.began <= answer.ended


def test_the_connection_is_kept_and_made_anew_when_it_was_lost(wire: Wire, server: _Server) -> None:
    for what in ("200", "409", "cut", "200"):
        wire.send("POST", f"/{what}", {"a": 1})

    first, second, cut, last = [port for _, _, port in server.seen]
    assert first == second == cut != last
    assert {key for _, key, _ in server.seen} == {"Bearer pp_test_key"}


def test_a_request_that_is_given_up_was_sent_and_has_no_outcome(
    wire: Wire, server: _Server
) -> None:
    answer = wire.send("POST", "/hang", {}, abandon_after=0.05)
    after = wire.send("POST", "/201", {})

    assert (answer.outcome, answer.body, after.outcome) == (Outcome.UNKNOWN, None, Outcome.OK)
    deadline = time.monotonic() + 5
    while len(server.seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(what for what, _, _ in server.seen) == ["201", "hang"]


def test_a_request_that_must_succeed_raises_what_it_was_told(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match=r"answered 409: .*code_409"):
        wire.must("POST", "/409", {})


@pytest.mark.parametrize(("failures", "succeeds"), [(1, True), (3, True), (4, False)])
def test_a_request_that_must_succeed_is_repeated_a_few_times(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, failures: int, succeeds: bool
) -> None:
    paths = iter(["/cut"] * failures + ["/200"] * 4)
    send = wire.send
    monkeypatch.setattr(wire, "send", lambda *_: send("POST", next(paths), {}))
    monkeypatch.setattr("tests.soak.wire._PAUSES", (0.0, 0.0, 0.0))

    if succeeds:
        assert wire.must("POST", "/any") == {"code": "code_200"}
    else:
        with pytest.raises(RuntimeError, match="answered 0"):
            wire.must("POST", "/any")


def test_a_list_is_read_to_its_end(wire: Wire) -> None:
    assert wire.all("/list") == [1, 2]
