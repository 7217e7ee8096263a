"""Requests under an idempotency key: acted on once, and answered so again for half an hour.

Usage writes are not among them: they go by their usage, and pay for no second item. Nor is what
only asks for a document: its link would be over before its key is.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from postpaid.api.chargebee.errors import refusal
from postpaid.api.chargebee.usage import KEY_HEADER, REPLAYED_HEADER, idempotency_key
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.ports import Unavailable
from postpaid.application.replay import Reply, RequestKey, Turn, answered_once
from postpaid.domain.errors import BillingError
from postpaid.domain.site import Scope

_REQUEST_ID = "x-request-id"
_FIRST_GENERATION = 1
_DOCUMENT = "pdf"


def served(
    desk: Desk, request: Request, operation: Callable[[Desk, Request], Response]
) -> Response:
    """Serve a request, or answer as it was answered when it came first under its key.

    A key means one request of the site, by method and path. Raises what `answered_once` raises:
    with other parameters `idempotency_key_reused`, while the first is at work
    `request_in_progress`. Refusals are answers, too, and are given again.
    """
    key = idempotency_key(request.headers) if request.method == "POST" else None
    if key is None or request.path[-1] == _DOCUMENT:
        return operation(desk, request)

    def act(turn: Turn) -> Reply:
        at = replace(desk, new_id=desk.seeded_ids(turn.seed))
        try:
            response = operation(at, replace(request, again=turn.again))
        except (BillingError, Unavailable) as error:
            response = refusal(error, request_id=request.id)
        headers = {name: each for name, each in response.headers.items() if name != _REQUEST_ID}
        return Reply(response.status, json.dumps(response.body, ensure_ascii=False), headers)

    scope = _scope(desk, request)
    with spelled({"Idempotency-Key": KEY_HEADER}):
        found = answered_once(
            RequestKey(request.method, "/".join(request.path), key),
            hashlib.sha256(request.body).hexdigest(),
            act,
            scope=scope,
            replies=desk.replies_in(scope),
            run=desk.new_run(),
            now=desk.real_now(),
        )
    told = {_REQUEST_ID: request.id} if found.reply.status >= 400 and request.id else {}  # noqa: PLR2004
    replayed = {REPLAYED_HEADER: "true"} if found.replayed else {}
    headers = {**found.reply.headers, **told, **replayed}
    return Response(found.reply.status, json.loads(found.reply.body), headers)


def _scope(desk: Desk, request: Request) -> Scope:
    """Return where the answer is kept: with the site, if the request may give it a generation."""
    if "time_machines" in request.path[:3]:
        return Scope(desk.scope.site, _FIRST_GENERATION)
    return desk.scope
