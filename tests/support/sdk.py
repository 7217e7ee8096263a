"""Chargebee's own SDK, as it comes from PyPI, on the functions in this process or on a stack.

It is not modified, only its connections are watched: every answer is judged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from chargebee import Chargebee
from chargebee import http_request as sdk_http

from postpaid_cli.stack import LocalStack
from tests.support.chargebee_judge import Exchange
from tests.support.functions import Functions

_HOST = "http://acme.example.test"
_ROOT = "/api/v2/"
_LOST = '{"message": "lost", "type": "operation_failed", "api_error_code": "internal_error"}'


@contextmanager
def sdk_on(functions: Functions, key: str) -> Iterator[Chargebee]:
    """Return the SDK with a key; what it sends goes through the routes of the template."""

    def serve(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode("ascii")
        answer = functions.call(
            request.method,
            target,
            request.read(),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.text)

    wire = Wire()
    with _connected_by(lambda: Watched(httpx.MockTransport(serve), wire)):
        sdk = Chargebee(api_key=key, site="acme", chargebee_domain="example.test", protocol="http")
        assert sdk.env.api_endpoint == f"{_HOST}/api/v2"
        yield sdk
    assert wire.faults() == []


@dataclass
class Wire:
    """What went over the connections of an SDK; the next *lose* answers do not reach it."""

    exchanges: list[Exchange] = field(default_factory=list)
    lose: int = 0

    def faults(self) -> list[tuple[str, str, list[str]]]:
        """Return what is wrong with the answers, by our own models."""
        return [
            (each.method, each.path, faults) for each in self.exchanges if (faults := each.faults())
        ]

    def succeeded(self) -> set[str]:
        """Return the names of the operations that were answered 200."""
        return {
            each.operation.name
            for each in self.exchanges
            if each.status == 200 and each.operation is not None
        }


@contextmanager
def sdk_at(stack: LocalStack, key: str, wire: Wire) -> Iterator[Chargebee]:
    """Return the SDK with a key, as a user of a local stack would make it."""
    told = stack.chargebee()
    with _connected_by(lambda: Watched(httpx.HTTPTransport(), wire)):
        yield Chargebee(
            api_key=key, site=told["site"], chargebee_domain=told["domain"], protocol="http"
        )


@dataclass
class Watched(httpx.BaseTransport):
    """A connection that keeps what comes back."""

    inner: httpx.BaseTransport
    wire: Wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        response = self.inner.handle_request(request)
        response.read()
        target = request.url.raw_path.decode("ascii")
        self.wire.exchanges.append(
            Exchange(
                method=request.method,
                path=target.partition(_ROOT)[2].partition("?")[0],
                status=response.status_code,
                headers=dict(response.headers),
                text=response.text,
            )
        )
        if self.wire.lose:
            self.wire.lose -= 1
            return httpx.Response(500, text=_LOST)
        return response

    def close(self) -> None:
        """Close the connection."""
        self.inner.close()


@contextmanager
def _connected_by(transport: Any) -> Iterator[None]:
    real = httpx.Client

    def client(**_: Any) -> httpx.Client:
        return real(transport=transport())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sdk_http.httpx, "Client", client)
        patch.setattr(Chargebee, "verify_ca_certs", False)
        yield
