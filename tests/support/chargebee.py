"""The Chargebee door as a client without an SDK, held to the published interface."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema  # type: ignore[import-untyped]
import pytest

from postpaid.api.http import match_path
from tests.support.functions import Answer, Functions, Json
from tests.support.template import ROOT

FORM = "application/x-www-form-urlencoded"
_SCHEMA = Path("shared", "reference", "chargebee_metered_openapi.json")
_ERROR = {"message", "type", "api_error_code"}


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
    assert isinstance(answer.json, dict)
    assert None not in answer.json.values(), "no null at the top level"
    assert answer.headers.get("chargebee-idempotency-replayed", "true") == "true"
    if answer.status >= 400:
        assert answer.json.keys() >= _ERROR, answer.text
    _check_objects(answer.json)
    spec = published()
    if spec is None:
        return
    operation = _operation(spec, method, path)
    if operation is None:
        assert answer.status in {404, 405}, "what is not published is not served"
        return
    schema = operation["responses"][str(answer.status)]["content"]["application/json"]["schema"]
    if "$ref" in schema and answer.status >= 400:
        schema = {"$ref": schema["$ref"]}
    whole = {**schema, "components": spec["components"]}
    errors = list(jsonschema.Draft202012Validator(whole).iter_errors(answer.json))
    assert not errors, (method, path, answer.status, [error.message for error in errors])


@cache
def published() -> Json | None:
    """Read the published interface, None where it is not beside the project."""
    for folder in ROOT.parents:
        if (folder / _SCHEMA).is_file():
            found: Json = json.loads((folder / _SCHEMA).read_text(encoding="utf-8"))
            return found
    return None


def require_published() -> Json:
    """Return the published interface; skips the test, saying so, where it is absent."""
    spec = published()
    if spec is None:
        pytest.skip(f"the published interface is not here: {_SCHEMA} in a folder above")
    return spec


def quoted(identifier: str) -> str:
    """Write an id as the SDKs do in a path."""
    return quote(identifier, safe="/")


def _operation(spec: Json, method: str, path: str) -> Json | None:
    parts = path.split("/")
    for template, operations in spec["paths"].items():
        general = "/".join(
            "{}" if part.startswith("{") else part for part in template.strip("/").split("/")
        )
        if match_path(general, parts) is not None and method.lower() in operations:
            found: Json = operations[method.lower()]
            return found
    return None


def _check_objects(answer: Json) -> None:
    """Assert that every resource says what it is."""
    for each in answer.get("list", [answer]):
        for name, resource in each.items():
            if isinstance(resource, dict):
                assert resource.get("object") == name, (name, resource)
