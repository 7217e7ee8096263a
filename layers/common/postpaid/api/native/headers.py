"""Headers of a request: the client's own key, and the version it knows. On the recording path."""

import hashlib
import re
from collections.abc import Mapping

from postpaid.domain.errors import Invalid

IDEMPOTENCY_KEY_LENGTH_MAX = 255
_ENTITY_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def request_digest(headers: Mapping[str, str]) -> str | None:
    """Return a short digest of `Idempotency-Key`, None if none was sent; raises `Invalid`."""
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_LENGTH_MAX:
        raise Invalid(
            "invalid_field",
            f"must have 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} characters",
            field="Idempotency-Key",
        )
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def version_in(headers: Mapping[str, str]) -> int | None:
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
