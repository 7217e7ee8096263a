"""Is this an answer that Chargebee may give? By our own models, and by its published interface."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema
from pydantic import ValidationError

from tests.support.chargebee_answers import Answer, Refusal
from tests.support.chargebee_operations import Operation, operation_at
from tests.support.template import ROOT

PUBLISHED = "shared/reference/chargebee_metered_openapi.json"
# By status: the types and the codes there are (chargebee_api_v2_pc_v2_spec, error schemas).
KNOWN_ERRORS: Mapping[int, tuple[frozenset[str], frozenset[str]]] = {
    400: (
        frozenset({"invalid_request"}),
        frozenset(
            {
                *("param_wrong_value", "invalid_request", "duplicate_entry"),
                *("resource_limit_exceeded", "configuration_incompatible"),
            }
        ),
    ),
    401: (frozenset({"untyped"}), frozenset({"api_authentication_failed"})),
    403: (frozenset({"untyped"}), frozenset({"api_authorization_failed"})),
    404: (frozenset({"invalid_request"}), frozenset({"resource_not_found"})),
    405: (frozenset({"invalid_request"}), frozenset({"http_method_not_supported"})),
    409: (frozenset({"invalid_request"}), frozenset({"invalid_state_for_request"})),
    422: (frozenset({"invalid_request"}), frozenset({"unable_to_process_request"})),
    429: (frozenset({"operation_failed"}), frozenset({"lock_timeout"})),
    500: (frozenset({"operation_failed"}), frozenset({"internal_error"})),
    503: (frozenset({"operation_failed"}), frozenset({"internal_temporary_error"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request, its path behind `/api/v2/`, and what came back."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def operation(self) -> Operation | None:
        """The operation that was asked for."""
        return operation_at(self.method, self.path)

    def faults(self) -> list[str]:
        """Return what is wrong with the answer, by our own models."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return ["the body is not JSON"]
        if not isinstance(body, dict):
            return ["the body is not an object"]
        found = [f"{name} is null" for name, value in body.items() if value is None]
        if self.headers.get("chargebee-idempotency-replayed", "true") != "true":
            found.append("the header of a replay is there without one")
        if self.status >= 400:
            return found + self._refusal_faults(body)
        operation = self.operation
        if operation is None:
            return [*found, f"{self.status} of no operation that is known"]
        if self.status != 200:
            return [*found, f"the status {self.status} is not 200"]
        return found + _body_faults(operation, body)

    def faults_as_published(self, published: dict[str, Any]) -> list[str]:
        """Return what is wrong with the answer, by Chargebee's published interface."""
        operation = self.operation
        if operation is None:
            return []
        answers = published_operation(published, operation)["responses"]
        if str(self.status) not in answers:
            return [f"there is no answer {self.status}"]
        schema = answers[str(self.status)]["content"]["application/json"]["schema"]
        whole = {**schema, "components": published["components"]}
        errors = jsonschema.Draft202012Validator(whole).iter_errors(json.loads(self.text))
        return [f"{error.json_path}: {error.message[:200]}" for error in errors]

    def _refusal_faults(self, body: dict[str, Any]) -> list[str]:
        found = _faults(Refusal, body, "")
        if self.status not in KNOWN_ERRORS:
            return [*found, f"the status {self.status} is not known"]
        types, codes = KNOWN_ERRORS[self.status]
        for name, known in (("type", types), ("api_error_code", codes)):
            if body.get(name) not in known:
                found.append(f"{name} is {body.get(name)} with {self.status}")
        if not str(body.get("message", "")).strip():
            found.append("the message is empty")
        return found


def published() -> dict[str, Any] | None:
    """Return Chargebee's published interface, None where it is not beside the project.

    It is looked for in the folders above, for a checkout may be a worktree of another.
    """
    return _published()


@cache
def _published() -> dict[str, Any] | None:
    for folder in ROOT.parents:
        if (folder / PUBLISHED).is_file():
            found: dict[str, Any] = json.loads((folder / PUBLISHED).read_text(encoding="utf-8"))
            return found
    return None


def published_operation(published: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Return what Chargebee publishes of an operation."""
    for template, methods in published["paths"].items():
        parts = ["{}" if part.startswith("{") else part for part in template.strip("/").split("/")]
        if "/".join(parts) == operation.path and operation.method.lower() in methods:
            found: dict[str, Any] = methods[operation.method.lower()]
            return found
    raise AssertionError(f"{operation.name} is not published")


def _body_faults(operation: Operation, body: dict[str, Any]) -> list[str]:
    if not operation.is_list:
        return _members_faults(operation, body, "")
    found = [f"{name} is no member of a list" for name in body.keys() - {"list", "next_offset"}]
    offset = body.get("next_offset", "")
    if not isinstance(offset, str) or len(offset) > 1000:
        found.append("next_offset is not a text of at most 1 000 characters")
    rows = body.get("list")
    if not isinstance(rows, list) or len(rows) > 100:
        return [*found, "list is not a list of at most 100"]
    for place, row in enumerate(rows):
        found += _members_faults(operation, row, f"list[{place}].")
    return found


def _members_faults(operation: Operation, members: dict[str, Any], where: str) -> list[str]:
    known = {**operation.answer, **operation.also}
    found = [f"{where}{name} is missing" for name in operation.answer.keys() - members.keys()]
    for name, value in members.items():
        if name in known:
            found += _faults(known[name], value, f"{where}{name}.")
        else:
            found.append(f"{where}{name} is no member of this answer")
    return found


def _faults(model: type[Answer], value: object, where: str) -> list[str]:
    try:
        model.model_validate(value, strict=True)
    except ValidationError as error:
        return [
            f"{where}{'.'.join(map(str, each['loc']))}: {each['msg']} ({str(each['input'])[:80]})"
            for each in error.errors()
        ]
    return []
