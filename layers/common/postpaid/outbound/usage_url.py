"""Asks usage URLs: the one place from which anything but AWS is reached.

The URL is an integrator's, and this process has what others would like to reach from inside. So:
https at port 443 only; the name is resolved here, once, and all its addresses must be public; the
connection goes to an address that was checked, and the certificate must be the name's; no redirect
is followed, no proxy is asked, nothing of ours is sent but the question; time and size are bounded,
whatever the other side does. Named test hosts are exempt from the rules about addresses, ports and
https, and from nothing else.
"""

import io
import socket
import ssl
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from http.client import HTTPException, HTTPResponse
from typing import Any

from postpaid.application.pull_usage import Unanswered
from postpaid.domain.asking import Question
from postpaid.domain.usage_url import NO_TEST_HOSTS, UsageUrl
from postpaid.outbound.public_address import is_public
from postpaid.outbound.usage_question import question_body, read_answer

ASK_MILLISECONDS = 10_000
ANSWER_BYTES_MAX = 65_536
# What is read beside the body: the status line and the headers.
_HEAD_BYTES_MAX = 16_384
_ADDRESSES_TRIED = 4
_OK = 200
_AGENT = "postpaid-usage-url/1"

# Names to addresses, as `socket.getaddrinfo` gives them, in its order.
type Resolve = Callable[[str, int], Sequence[str]]


def resolved(host: str, port: int) -> list[str]:
    """Return all addresses of a host; raises `OSError` if it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class UsageUrls:
    """Asks usage URLs; *milliseconds* is a clock that only measures, *test_hosts* are exempt."""

    def __init__(
        self,
        milliseconds: Callable[[], int],
        *,
        test_hosts: AbstractSet[str] = NO_TEST_HOSTS,
        resolve: Resolve = resolved,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._milliseconds = milliseconds
        self._test_hosts = test_hosts
        self._resolve = resolve
        self._tls = context

    def ask(self, url: UsageUrl, question: Question) -> Decimal:
        """Ask how much was used, in 10 seconds and one request; raises `Unanswered`."""
        wrong = url.check(self._test_hosts)
        if wrong is not None:
            raise Unanswered(f"is not asked: it {wrong}")
        until = self._milliseconds() + ASK_MILLISECONDS
        try:
            body = self._exchanged(url, question_body(question), until)
        except TimeoutError:
            raise Unanswered("did not answer within 10 seconds") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", None) or error.reason or "TLS failed"
            raise Unanswered(f"could not be asked safely: {reason}") from None
        except (OSError, HTTPException) as error:
            raise Unanswered(f"did not answer: {type(error).__name__}") from None
        return read_answer(body)

    def _exchanged(self, url: UsageUrl, body: bytes, until: int) -> bytes:
        """Send the question over one connection and return the body of the answer."""
        with self._connected(url, until) as connection:
            connection.settimeout(_seconds(self._left(until)))
            connection.sendall(_request(url, body))
            reader = _Bounded(connection, lambda: _seconds(self._left(until)))
            response = HTTPResponse(_Read(reader), method="POST")  # type: ignore[arg-type]
            with response:
                response.begin()
                return _checked_body(response)

    def _connected(self, url: UsageUrl, until: int) -> socket.socket:
        plain = self._reached(url, until)
        if url.is_plain:
            return plain
        try:
            plain.settimeout(_seconds(self._left(until)))
            return self._context().wrap_socket(plain, server_hostname=url.host)
        except BaseException:
            plain.close()
            raise

    def _reached(self, url: UsageUrl, until: int) -> socket.socket:
        """Connect to one of the addresses that were checked; no name is resolved again."""
        failure: OSError = OSError("no address")
        addresses = self._addresses(url)[:_ADDRESSES_TRIED]
        for index, address in enumerate(addresses):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            reached = socket.socket(family, socket.SOCK_STREAM)
            try:
                # One that says nothing leaves the others their time.
                reached.settimeout(_seconds(self._left(until) // (len(addresses) - index)))
                reached.connect((address, url.port))
            except OSError as error:
                reached.close()
                failure = error
            else:
                return reached
        raise failure

    def _addresses(self, url: UsageUrl) -> list[str]:
        """Return where a URL's host is; raises `Unanswered` if any of it is not public."""
        try:
            found = [*dict.fromkeys(self._resolve(url.host, url.port))]
        except (OSError, UnicodeError):
            raise Unanswered("did not answer: its host has no address") from None
        if not found:
            raise Unanswered("did not answer: its host has no address")
        if url.authority not in self._test_hosts and not all(map(is_public, found)):
            raise Unanswered("is not asked: its host has an address that is not public")
        return found

    def _left(self, until: int) -> int:
        """Return the milliseconds that are left; raises `TimeoutError` if there are none."""
        left = until - self._milliseconds()
        if left <= 0:
            raise TimeoutError
        return left

    def _context(self) -> ssl.SSLContext:
        """Return how certificates are checked; made once, and only where it is needed."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _seconds(milliseconds: int) -> float:
    return max(milliseconds, 1) * 0.001


class _Bounded(io.RawIOBase):
    """What comes over a connection, no more than a bound, and only while there is time."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        super().__init__()
        self._connection = connection
        self._left = left
        self._room = _HEAD_BYTES_MAX + ANSWER_BYTES_MAX

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there; raises `TimeoutError`, or `Unanswered` beyond the bound."""
        self._connection.settimeout(self._left())
        count = self._connection.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            raise _too_large()
        return count


class _Read:
    """The one thing that `HTTPResponse` asks of a socket."""

    def __init__(self, reader: _Bounded) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what reads the connection."""
        return io.BufferedReader(self._reader)


def _request(url: UsageUrl, body: bytes) -> bytes:
    default = url.port == (80 if url.is_plain else 443)
    head = [
        f"POST {url.target} HTTP/1.1",
        f"Host: {url.host if default else url.authority}",
        f"User-Agent: {_AGENT}",
        "Accept: application/json",
        "Accept-Encoding: identity",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    # The form of the URL was checked: nothing in it ends a line.
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _checked_body(response: HTTPResponse) -> bytes:
    """Read the body of an answer that counts; raises `Unanswered`."""
    if response.status != _OK:
        raise Unanswered(f"answered with status {response.status}")
    if response.getheader("content-encoding", "identity").strip().lower() != "identity":
        raise Unanswered("answered with a compressed body")
    body = response.read(ANSWER_BYTES_MAX + 1)
    if len(body) > ANSWER_BYTES_MAX:
        raise _too_large()
    if response.length:
        raise Unanswered("did not send all of its answer")
    return body


def _too_large() -> Unanswered:
    return Unanswered(f"answered with more than {ANSWER_BYTES_MAX} bytes")
