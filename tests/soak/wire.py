"""A client's connection: kept open, given up at times in the middle of a request."""

import http.client
import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from tests.soak.books import Outcome

_TIMEOUT_SECONDS = 60
_PAUSES = (0.0, 0.5, 2.0)  # before a request is repeated that got no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back and when, in seconds of the process's clock; *status* 0 if nothing did."""

    status: int
    body: Any
    began: float
    ended: float

    @property
    def outcome(self) -> Outcome:
        """Only what our code decided is a promise: a 5xx leaves open what was done."""
        if 200 <= self.status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome.OK
        if HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.REFUSED
        return Outcome.UNKNOWN

    @property
    def code(self) -> str:
        """The code of a refusal, or what else there is to say of a failure."""
        if self.outcome is Outcome.OK:
            return ""
        code = self.body.get("code") if isinstance(self.body, dict) else None
        return str(code or self.status or "no answer")


class Wire:
    """One keep-alive connection to the API; not safe to share between threads."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base = urlsplit(base_url)
        self._key = key
        self._connection = self._connect()

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        abandon_after: float | None = None,
        **headers: str,
    ) -> Answer:
        """Send a request and read its answer, or hang up some seconds after sending it."""
        sent = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else json.dumps(body).encode()
        began = time.monotonic()
        status, answer = 0, None
        try:
            self._connection.request(method, self._base.path + path, raw, sent)
            if abandon_after is None:
                reply = self._connection.getresponse()
                text = reply.read()
                status, answer = reply.status, _json(text)
            else:
                time.sleep(abandon_after)
                self._reconnect()
        except (OSError, http.client.HTTPException):
            self._reconnect()
        return Answer(status=status, body=answer, began=began, ended=time.monotonic())

    def must(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that has to succeed and may be repeated; return its JSON."""
        answer = self.send(method, path, body)
        for pause in _PAUSES:
            if answer.outcome is not Outcome.UNKNOWN:
                break
            # Such as on a connection that was idle for minutes, and that the server has ended.
            time.sleep(pause)
            answer = self.send(method, path, body)
        if answer.outcome is not Outcome.OK:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {answer.body}")
        return answer.body

    def all(self, path: str) -> list[Any]:
        """Read a list to its end."""
        found: list[Any] = []
        cursor = ""
        while True:
            page = self.must("GET", f"{path}?limit=100{cursor}")
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={quote(page['next_cursor'], safe='')}"

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _reconnect(self) -> None:
        self._connection.close()
        self._connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._base.netloc, timeout=_TIMEOUT_SECONDS)


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
