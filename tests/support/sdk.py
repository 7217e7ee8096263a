"""Chargebee's own SDK, as it comes from PyPI, on the functions in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from chargebee import Chargebee
from chargebee import http_request as sdk_http

from tests.support.functions import Functions

_HOST = "http://acme.example.test"


@contextmanager
def sdk_on(functions: Functions, key: str) -> Iterator[Chargebee]:
    """Return the SDK with a key; what it sends goes through the routes of the template."""
    real = httpx.Client

    def serve(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode("ascii")
        answer = functions.call(
            request.method,
            target,
            request.read(),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.text)

    def client(**_: Any) -> httpx.Client:
        return real(transport=httpx.MockTransport(serve))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sdk_http.httpx, "Client", client)
        patch.setattr(Chargebee, "verify_ca_certs", False)
        sdk = Chargebee(api_key=key, site="acme", chargebee_domain="example.test", protocol="http")
        assert sdk.env.api_endpoint == f"{_HOST}/api/v2"
        yield sdk
