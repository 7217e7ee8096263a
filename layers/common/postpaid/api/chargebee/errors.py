"""Refusals as Chargebee's clients know them. On the recording path: the standard library only.

Chargebee's libraries make an exception by `type`, and show `api_error_code` and `param`; a body
without `api_error_code` is an unknown failure to them (chargebee 3.29; apidocs.chargebee.com).
"""

from collections.abc import Callable

from postpaid.api.http import Response
from postpaid.application.ports import Unavailable
from postpaid.domain.errors import BillingError

RETRY_AFTER_SECONDS = 1
type Answer = tuple[int, str, str]  # status, type, api_error_code

_UNREADABLE: Answer = (400, "invalid_request", "invalid_request")
_WRONG: Answer = (400, "invalid_request", "param_wrong_value")
_TAKEN: Answer = (400, "invalid_request", "duplicate_entry")
_FULL: Answer = (400, "invalid_request", "resource_limit_exceeded")
_INCOMPATIBLE: Answer = (400, "invalid_request", "configuration_incompatible")
_MISSING: Answer = (404, "invalid_request", "resource_not_found")
_STATE: Answer = (409, "invalid_request", "invalid_state_for_request")
_UNPROCESSABLE: Answer = (422, "invalid_request", "unable_to_process_request")
_BUSY: Answer = (429, "operation_failed", "lock_timeout")

# By the codes of `postpaid.api.native.errors`, and those of this door.
ANSWERS: dict[str, Answer] = {
    **dict.fromkeys(
        ("malformed_request", "payload_too_large", "unsupported_media_type"), _UNREADABLE
    ),
    **dict.fromkeys(
        (
            *("invalid_cursor", "invalid_field", "missing_field", "unknown_field"),
            *("line_not_in_force", "not_ratable", "not_metered", "subscription_suspended"),
            *("usage_date_out_of_range", "usage_repeated"),
        ),
        _WRONG,
    ),
    "not_supported": _INCOMPATIBLE,
    **dict.fromkeys(("already_exists", "external_id_taken", "usage_conflict"), _TAKEN),
    **dict.fromkeys(("limit_exceeded", "usage_limit_reached"), _FULL),
    **dict.fromkeys(
        (
            *("charge_not_found", "customer_not_found", "invoice_not_found", "item_not_found"),
            *(
                "item_family_not_found",
                "item_price_not_found",
                "key_not_found",
                "line_not_found",
                "route_not_found",
            ),
            *("series_not_found", "subscription_not_found", "usage_not_found"),
            "time_machine_not_found",
        ),
        _MISSING,
    ),
    "method_not_allowed": (405, "invalid_request", "http_method_not_supported"),
    **dict.fromkeys(
        (
            *(
                "archived",
                "customer_in_use",
                "already_suspended",
                "bound_exceeded",
                "change_scheduled",
                "credit_spent",
            ),
            *("in_trial", "invoice_not_due", "invoice_not_issued", "invoice_not_pending"),
            *("invoice_not_ratable", "invoice_paid", "line_ambiguous", "live_site"),
            *("not_suspended", "pdf_not_ready", "subscription_ended"),
            *("subscription_not_started", "subscription_started", "term_closed"),
            *("term_just_began", "usage_deleted", "usage_invoiced", "version_mismatch"),
            *(
                "usage_url_unanswered",
                "invoice_empty",
                "started_afresh",
                "travel_failed",
                "travel_in_progress",
            ),
        ),
        _STATE,
    ),
    "idempotency_key_reused": _UNPROCESSABLE,
    "request_in_progress": _BUSY,
    "unauthenticated": (401, "untyped", "api_authentication_failed"),
    "forbidden": (403, "untyped", "api_authorization_failed"),
    "internal_error": (500, "operation_failed", "internal_error"),
    "temporarily_unavailable": (503, "operation_failed", "internal_temporary_error"),
}
_LATER = frozenset({"temporarily_unavailable", "pdf_not_ready", "request_in_progress"})


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
        return _answer("internal_error", "the failure was logged", None, request_id)


def refusal(error: BillingError | Unavailable, *, request_id: str) -> Response:
    """Return the refusal that an error means."""
    if isinstance(error, Unavailable):
        message = "no answer from storage; sending the same request again is safe"
        return _answer("temporarily_unavailable", message, None, request_id)
    message = error.message if error.field is None else f"{error.field}: {error.message}"
    response = _answer(error.code, message, error.field, request_id)
    if error.code == "method_not_allowed":
        allow = {"allow": ", ".join(error.details["allow"])}
        return Response(response.status, response.body, {**response.headers, **allow})
    return response


def _answer(code: str, message: str, param: str | None, request_id: str) -> Response:
    status, kind, api_error_code = ANSWERS[code]
    headers = {"x-request-id": request_id} if request_id else {}
    if status == 401:  # noqa: PLR2004 - RFC 9110 §11.6.1 asks for the challenge
        headers["www-authenticate"] = 'Basic realm="postpaid"'
    if code in _LATER:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    body = {
        "message": message,
        "type": kind,
        "api_error_code": api_error_code,
        # Old libraries read these.
        "error_code": api_error_code,
        "error_msg": message,
        "http_status_code": status,
    }
    return Response(status, body if param is None else body | {"param": param}, headers)
