"""What a request says beside its body: which version it knows, and the client's own key."""

import hashlib

from postpaid.api.http import Request
from postpaid.api.native.headers import request_digest, version_in
from postpaid.application.edit_subscription import Request as ChangeRequest


def change_request(request: Request) -> ChangeRequest:
    """Read `If-Match`, an entity tag, and `Idempotency-Key`; raises `Invalid`."""
    content = "/".join(request.path).encode() + b"\n" + request.body
    return ChangeRequest(
        version=version_in(request.headers),
        digest=request_digest(request.headers),
        content=hashlib.sha256(content).hexdigest()[:24],
    )
