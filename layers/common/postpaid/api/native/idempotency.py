"""The client's own key for a request, as a short digest. On the recording path."""

import hashlib
from collections.abc import Mapping

from postpaid.domain.errors import Invalid

IDEMPOTENCY_KEY_LENGTH_MAX = 255


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
