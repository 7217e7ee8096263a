"""The envelope around every answer. On the recording path: the standard library only.

`{code, status, message, details, response}`: the code is the HTTP status, a list is always an array
and `details` always an object, because the vendor's libraries read them unasked. They tell success
by `status` (PHP) or by exactly 200, 201 and 202 (Python, C#).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from postpaid.api.http import Response
from postpaid.application.ports import Unavailable
from postpaid.domain.errors import BillingError

RETRY_AFTER_SECONDS = 1
NOT_FOUND, UNAUTHENTICATED, FAILED = 404, 401, 500
_BAD = 400
_STATUSES = {
    "unauthenticated": UNAUTHENTICATED,
    "forbidden": 403,
    "internal_error": FAILED,
    "temporarily_unavailable": 503,
}
# What clients call the things of use cases.
_MISSING = {
    "customer_not_found": "customer",
    "item_not_found": "item",
    "item_price_not_found": "tierset",
    "subscription_not_found": "package",
    "invoice_not_found": "invoice",
    "payment_not_found": "transaction",
    "usage_not_found": "usage",
}
# Those that have an answer of their own; all others are 400, with the field and the reason.
CODES = frozenset({*_STATUSES, *_MISSING})
_NOT_KNOWN = (
    "No answer from storage, so that it is not known what is recorded. Look before you send it "
    "again: without an external_key it would count twice."
)
_LATER = frozenset({"temporarily_unavailable", "request_in_progress", "pdf_not_ready"})


class NotKnown(Unavailable):
    """Storage did not say whether it stored, and the same request again might count twice."""


def answer(response: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a success: 200 for what is read or done, 201 for created, 202 for changed."""
    return Response(status, _envelope(status, "OK", "", response, {}), headers or {})


def done() -> Response:
    """Answer an action or a deletion: a bare `true`, which typed clients read."""
    return answer(response=True)


def created(number: int, location: str = "") -> Response:
    """Answer that a thing was created, with its id and where it is."""
    return answer({"id": number}, 201, {"location": location} if location else {})


def changed(number: int, location: str = "") -> Response:
    """Answer that a thing was changed."""
    return answer({"id": number}, 202, {"location": location} if location else {})


def guarded(
    serve: Callable[[], Response], *, request_id: str, report: Callable[[BaseException], None]
) -> Response:
    """Return the response of *serve*, or the refusal that its error means.

    No error leaves the door: *report* is told of those that are bugs.
    """
    try:
        return serve()
    except (BillingError, Unavailable) as error:
        return refusal(error, request_id=request_id)
    except Exception as error:  # noqa: BLE001 - the last line of defence, and it is reported
        report(error)
        return _refused("internal_error", FAILED, "The failure was logged.", None, request_id)


def refusal(error: BillingError | Unavailable, *, request_id: str) -> Response:
    """Return the refusal that an error means."""
    if isinstance(error, Unavailable):
        return _unavailable(error, request_id)
    status, message = _STATUSES.get(error.code, _BAD), _message(error)
    if error.code in _MISSING and error.field is None:
        status, message = NOT_FOUND, f"This {_MISSING[error.code]} does not exist."
    return _refused(error.code, status, message, error.field, request_id)


def _unavailable(error: Unavailable, request_id: str) -> Response:
    code = "temporarily_unavailable"
    if not isinstance(error, NotKnown):
        message = "No answer from storage; sending the same request again is safe."
        return _refused(code, _STATUSES[code], message, None, request_id)
    whole = _refused(code, _STATUSES[code], _NOT_KNOWN, None, request_id)
    # Nor is a client told when to send it again, as some then do by themselves.
    headers = {name: each for name, each in whole.headers.items() if name != "retry-after"}
    return replace(whole, headers=headers)


def _message(error: BillingError) -> str:
    """Say what is wrong: in the vendor's words where they are known."""
    match error.code:
        case "unauthenticated":
            return f"Invalid or incorrect authorization [{error.message}]"
        case "missing_field":
            return f"A required parameter was missing: {error.field}."
        case "route_not_found" | "method_not_allowed" | "malformed_request":
            return error.message if error.field is None else f"{error.field}: {error.message}"
    if error.field is None:
        return error.message
    return f"Missing or invalid parameter. {error.field}: {error.message}"


def _refused(code: str, status: int, message: str, field: str | None, request_id: str) -> Response:
    headers = {"x-request-id": request_id} if request_id else {}
    if status == UNAUTHENTICATED:
        # The vendor's Python library sends its keys only when it is asked so (RFC 9110 §11.6.1).
        headers["www-authenticate"] = 'Basic realm="postpaid"'
    if code in _LATER:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    # Which field, and our own code, which says more than a status: for people and for logs.
    details = {"code": code} | ({} if field is None else {"field": field})
    response = None if status == NOT_FOUND else False
    return Response(status, _envelope(status, "Error", message, response, details), headers)


def _envelope(
    code: int, status: str, message: str, response: Any, details: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "code": code,
        "status": status,
        "message": message,
        "details": dict(details),
        "response": response,
    }
