"""What every refusal of the native door has in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.functions import Answer

_MEMBERS = {"type", "title", "status", "code", "detail", "request_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request that is refused, and how: *said* names the field in the problem.

    *body* is JSON-ready, or bytes that are sent as they are. *key* names one of the test's keys.
    """

    name: str
    status: int
    code: str
    said: str | None = None
    method: str = "POST"
    target: str
    body: object = None
    key: str | None = "admin"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_base64: bool | None = None
    allow: str | None = None


def check_refusal(
    answer: Answer,
    *,
    status: int,
    code: str,
    said: str | None,
    secrets: list[str],
    allow: str | None = None,
) -> None:
    """Assert that an answer is this problem, whole and well formed, and that it tells no secret."""
    problem = answer.json
    assert (answer.status, answer.code, problem.get("field")) == (status, code, said), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert problem.keys() >= _MEMBERS
    assert problem["type"] == f"urn:problem-type:postpaid:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.request_id
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert answer.headers.get("allow") == allow
    assert ("retry-after" in answer.headers) == (
        code in {"pdf_not_ready", "request_in_progress"} or status == 503
    )
    assert len(answer.text) < 8_000
    assert [secret for secret in secrets if secret in answer.text] == []
