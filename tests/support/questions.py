"""A question for a usage URL, and servers on loopback that answer it in all kinds of ways."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from postpaid.domain.asking import Question
from tests.support.samples import OCTOBER, a_customer, a_line, a_site, a_subscription

TOKEN = "5f2c" * 8

type Answering = Callable[[socket.socket], None]


def a_question(timezone: str = "UTC") -> Question:
    """Return what is asked of October's minutes."""
    return Question(
        site=a_site(timezone=timezone),
        customer=a_customer(number=3),
        subscription=a_subscription(number=713),
        line=a_line(number=854),
        period=OCTOBER,
        security_token=TOKEN,
    )


@dataclass
class Server:
    """A server on loopback; *requests* are what it was sent."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The host as a stack is told of it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """A URL at it."""
        return f"http://{self.host}/usage?key=abc"


@contextmanager
def serving(
    answer: Answering | bytes, context: ssl.SSLContext | None = None, *, port: int = 0
) -> Iterator[Server]:
    """Answer every connection: with some bytes, or as *answer* does, then close it.

    With a *context* it speaks TLS. *port* 0 is any that is free.
    """
    listener = socket.create_server(("127.0.0.1", port))
    server = Server(listener.getsockname()[1])
    gone = threading.Event()

    def serve() -> None:
        while not gone.is_set():
            with suppress(OSError):
                accepted, _ = listener.accept()
                with accepted:
                    if gone.is_set():
                        return
                    accepted.settimeout(5)
                    _serve_one(accepted, answer, context, server)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        gone.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
            pass
        thread.join(10)
        listener.close()


def _serve_one(
    accepted: socket.socket,
    answer: Answering | bytes,
    context: ssl.SSLContext | None,
    server: Server,
) -> None:
    connection = accepted
    if context is not None:
        connection = context.wrap_socket(accepted, server_side=True)
    with connection:
        server.requests.append(_request(connection))
        if isinstance(answer, bytes):
            connection.sendall(answer)
            _linger(connection)
        else:
            answer(connection)


def http(body: bytes, *, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return an answer of HTTP."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
    while len(body) < length:
        piece = connection.recv(65_536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def _linger(connection: socket.socket) -> None:
    """Let the other side read all there is before the connection is gone."""
    connection.shutdown(socket.SHUT_WR)
    with suppress(OSError):
        while connection.recv(65_536):
            pass
