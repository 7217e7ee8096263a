"""`POST /_bulk`: up to 25 requests in one, served one by one, each answered in its own envelope.

They are independent: one that is refused stops no other. The outer answer is always 200, or the
refusal of what is no such list.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from postpaid.api.chargeover.bodies import read_list
from postpaid.api.chargeover.envelope import answer, refusal
from postpaid.api.chargeover.json_text import json_text
from postpaid.api.chargeover.once import KEY_HEADER
from postpaid.api.chargeover.requests import BASE, plain_request
from postpaid.api.http import Request, Response, read_request
from postpaid.application.ports import Unavailable
from postpaid.domain.errors import BillingError, Invalid, LimitExceeded, Malformed

PATH = (*BASE, "_bulk")
REQUESTS_MAX = 25
# A function answers with 6 MB at most, in which the envelopes must fit as well.
ANSWER_BYTES_MAX = 5_000_000
_METHODS = ("GET", "POST", "PUT", "DELETE")
_MEMBERS = frozenset({"request_method", "uri", "payload"})
_URI_LENGTH_MAX = 4_000


def is_bulk(request: Request) -> bool:
    """Tell whether a request is a list of requests."""
    return request.path == PATH and request.method == "POST"


def served_in_bulk(
    request: Request, serve: Callable[[Request], Response], *, is_late: Callable[[], bool]
) -> Response:
    """Serve a list of requests by *serve*, which refuses by no exception.

    Those whose turn comes when *is_late* are not served, and told to come again. Raises `Malformed`
    or `Invalid` for what is no list of 1 to 25.
    """
    parts = read_list(request)
    if not 1 <= len(parts) <= REQUESTS_MAX:
        raise Invalid("invalid_field", f"has 1 to {REQUESTS_MAX} requests", field="_bulk")
    return answer({"_bulk": list(_answers(request, parts, serve, is_late))})


def _answers(
    request: Request,
    parts: list[Any],
    serve: Callable[[Request], Response],
    is_late: Callable[[], bool],
) -> Iterator[Mapping[str, Any]]:
    room = ANSWER_BYTES_MAX
    for place, part in enumerate(parts):
        response = _answered(request, part, place, serve, is_late)
        size = len(json_text(response.body).encode())
        if size > room:
            # Only what is read is so large: nothing that was done goes unsaid.
            too_large = LimitExceeded(
                "limit_exceeded", "the answers are too large together: ask for it on its own"
            )
            response = refusal(too_large, request_id="")
            size = len(json_text(response.body).encode())
        room -= size
        yield response.body


def _answered(
    request: Request,
    part: object,
    place: int,
    serve: Callable[[Request], Response],
    is_late: Callable[[], bool],
) -> Response:
    try:
        inner = _request(request, part, place)
    except BillingError as error:
        return refusal(error, request_id="")
    if is_late():
        return refusal(Unavailable("its turn came too late"), request_id="")
    return serve(inner)


def _request(outer: Request, part: object, place: int) -> Request:
    """Return one of the requests, by the same keys; raises `Malformed` or `Invalid`."""
    if not isinstance(part, dict):
        raise Invalid("invalid_field", "must be an object", field=f"{place}")
    unknown = next((name for name in part if name not in _MEMBERS), None)
    if unknown is not None:
        raise Invalid("unknown_field", "is not a field that is known here", field=unknown[:100])
    method, uri = part.get("request_method"), part.get("uri")
    if method not in _METHODS:
        raise Invalid(
            "invalid_field", f"must be one of {', '.join(_METHODS)}", field="request_method"
        )
    if not isinstance(uri, str) or not uri.startswith("/") or len(uri) > _URI_LENGTH_MAX:
        raise Invalid("invalid_field", "must be a path, such as /api/v3/customer/2", field="uri")
    inner = plain_request(read_request(_event(outer, str(method), uri, part.get("payload"), place)))
    if inner.path[: len(PATH)] == PATH:
        raise Invalid("not_supported", "a list of requests holds no other", field="uri")
    return inner


def _event(outer: Request, method: str, uri: str, payload: object, place: int) -> dict[str, Any]:
    """Return what the gateway would have sent of a request, which is then read as all others."""
    parts = urlsplit(f"https://bulk{uri}")
    headers = {name: each for name, each in outer.headers.items() if name != KEY_HEADER}
    key = outer.headers.get(KEY_HEADER)
    if key:
        digest = hashlib.sha256(key.encode()).hexdigest()
        headers[KEY_HEADER] = f"{digest}-{place}"
    return {
        "rawPath": unquote(parts.path).replace("%", "%25"),
        "rawQueryString": parts.query,
        "requestContext": {"http": {"method": method}, "requestId": f"{outer.id}-{place}"},
        "headers": headers,
        "body": "" if payload is None else _payload_text(payload),
    }


def _payload_text(payload: object) -> str:
    """Return a payload as it was sent; raises `Malformed`."""
    try:
        # Short as it came: 1E+999999999 in full would take a gigabyte.
        return json_text(payload, str)
    except RecursionError:
        raise Malformed("malformed_request", "the payload is nested too deeply") from None
