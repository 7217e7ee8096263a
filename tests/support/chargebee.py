"""The Chargebee door as a client without an SDK, held to the published interface."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.chargebee_judge import PUBLISHED, Exchange, published
from tests.support.functions import Answer, Functions, Json

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Door:
    """A client with one key; every answer is checked to be one that Chargebee may give."""

    functions: Functions
    key: str

    def get(self, path: str, query: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """Send a GET; *path* is behind `/api/v2/`."""
        target = f"/api/v2/{path}" + (f"?{urlencode(query)}" if query else "")
        return self._checked("GET", path, target, None, **options)

    def post(self, path: str, form: Mapping[str, object] | None = None, **options: Any) -> Answer:
        """Send a form; *path* is behind `/api/v2/`."""
        body = urlencode(form or {}).encode()
        return self._checked("POST", path, f"/api/v2/{path}", body, **options)

    def must(self, answer: Answer) -> Any:
        """Return the JSON of an answer that must be a success."""
        assert answer.status == 200, (answer.status, answer.text)
        return answer.json

    def _checked(
        self,
        method: str,
        path: str,
        target: str,
        body: bytes | None,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        sent = {"content-type": FORM} | dict(headers or {})
        answer = self.functions.call(method, target, body, key=key or self.key, headers=sent)
        check_answer(method, path, answer)
        return answer


def refused(answer: Answer) -> tuple[int, str, str | None]:
    """Return the status, `api_error_code` and `param` of a refusal."""
    assert answer.status >= 400, answer.text
    return answer.status, answer.json["api_error_code"], answer.json.get("param")


def check_answer(method: str, path: str, answer: Answer) -> None:
    """Assert that an answer is one of those that the interface has for this request."""
    exchange = Exchange(
        method=method, path=path, status=answer.status, headers=answer.headers, text=answer.text
    )
    assert exchange.faults() == []
    spec = published()
    if spec is not None:
        assert exchange.faults_as_published(spec) == []


def require_published() -> Json:
    """Return the published interface; skips the test, saying so, where it is absent."""
    spec = published()
    if spec is None:
        pytest.skip(f"the published interface is not here: {PUBLISHED}")
    return spec


def quoted(identifier: str) -> str:
    """Write an id as the SDKs do in a path."""
    return quote(identifier, safe="/")
