"""What a request says beside its body: which version it knows, and the client's own key."""

import hashlib
import re
from collections.abc import Mapping

from postpaid.api.http import Request
from postpaid.api.native.idempotency import request_digest
from postpaid.application.edit_subscription import Request as ChangeRequest
from postpaid.domain.errors import Invalid

_ENTITY_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def change_request(request: Request) -> ChangeRequest:
    """Read `If-Match`, an entity tag, and `Idempotency-Key`; raises `Invalid`."""
    content = "/".join(request.path).encode() + b"\n" + request.body
    return ChangeRequest(
        version=_version(request.headers),
        digest=request_digest(request.headers),
        content=hashlib.sha256(content).hexdigest()[:24],
    )


def _version(headers: Mapping[str, str]) -> int | None:
    """Read the version in `If-Match` (RFC 9110 §13.1.1), None for any; raises `Invalid`."""
    given = headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    found = _ENTITY_TAG.fullmatch(given.strip())
    if found is None:
        raise Invalid(
            "invalid_field", 'must be an entity tag that was shown, such as "3"', field="If-Match"
        )
    return int(found[1])
