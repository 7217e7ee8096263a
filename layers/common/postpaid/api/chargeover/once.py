"""Requests under the client's own key: acted on once, and answered so again for half an hour.

ChargeOver's clients send none; who adds an `Idempotency-Key` may send a request again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal

from postpaid.api.chargeover.envelope import refusal
from postpaid.api.chargeover.json_text import json_text
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.ports import Unavailable
from postpaid.application.replay import Reply, RequestKey, Turn, answered_once
from postpaid.domain.errors import BillingError, Invalid

KEY_HEADER = "idempotency-key"
KEY_LENGTH_MAX = 255
_REQUEST_ID = "x-request-id"


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the client's own key of a request, None if none was sent; raises `Invalid`."""
    key = headers.get(KEY_HEADER)
    if not key:
        return None
    if len(key) > KEY_LENGTH_MAX:
        raise Invalid(
            "invalid_field", f"must have at most {KEY_LENGTH_MAX} characters", field=KEY_HEADER
        )
    return key


def digest_of(key: str) -> str:
    """Return a short name for a key, of 24 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def served_once(desk: Desk, request: Request, act: Callable[[], Response]) -> Response:
    """Act, or answer as it was answered when the request came first under its key.

    *act* may run twice if the first run died, and must know by itself what that one did. Raises
    what `answered_once` does.
    """
    key = key_of(request.headers)
    if key is None:
        return act()

    def answered(_: Turn) -> Reply:
        try:
            response = act()
        except (BillingError, Unavailable) as error:
            response = refusal(error, request_id=request.id)
        headers = {name: each for name, each in response.headers.items() if name != _REQUEST_ID}
        return Reply(response.status, json_text(response.body), headers)

    found = answered_once(
        RequestKey(request.method, "/".join(request.path), key),
        hashlib.sha256(request.body).hexdigest(),
        answered,
        scope=desk.scope,
        replies=desk.replies_in(desk.scope),
        run=desk.new_run(),
        now=desk.real_now(),
    )
    body = json.loads(found.reply.body, parse_float=Decimal)
    return Response(found.reply.status, body, dict(found.reply.headers))
