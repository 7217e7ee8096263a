"""A client of the deployed stack: plain HTTP, a connection for each request."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from postpaid_cli.stack import LocalStack

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; *json* is None where the body is not JSON."""

    status: int
    headers: Mapping[str, str]
    json: Any
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Sends requests with one API key."""

    stack: LocalStack
    key: str

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Send a request; *body* is JSON-ready. Underscores in header names stand for hyphens."""
        base = urlsplit(self.stack.base_url)
        sent = {"Authorization": f"Bearer {self.key}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else json.dumps(body).encode()
        return exchange(base.netloc, method, base.path + path, raw, sent)

    def must(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that must succeed; return its JSON."""
        reply = self.send(method, path, body)
        assert reply.status in {200, 201}, (method, path, reply)
        return reply.json


def admin_of(stack: LocalStack) -> HttpClient:
    """Return a client that may do everything."""
    return HttpClient(stack, stack.keys["admin_key"])


def exchange(
    host: str, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> Reply:
    """Make one request on a connection of its own."""
    connection = http.client.HTTPConnection(host, timeout=120)
    try:
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        raw = answer.read()
        kind = answer.getheader("content-type") or ""
        return Reply(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            json=json.loads(raw) if "json" in kind else None,
            body=raw,
        )
    finally:
        connection.close()


def wait_for[Found](what: str, look: Callable[[], Found | None]) -> Found:
    """Look until something is there; what the stack does by itself takes its time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come in {PATIENCE_SECONDS} s")
