"""Refusals as problem details (RFC 9457), each with a `code` that never changes."""

from collections.abc import Callable

from postpaid.api.http import Response
from postpaid.application.ports import Unavailable
from postpaid.domain.errors import BillingError

RETRY_AFTER_SECONDS = 1

# code: status and title. The title is the same for every occurrence, `detail` is this one's.
PROBLEMS: dict[str, tuple[int, str]] = {
    "malformed_request": (400, "The request cannot be read"),
    "invalid_cursor": (400, "The cursor is not one of this list"),
    "unauthenticated": (401, "A valid API key is required"),
    "forbidden": (403, "The API key lacks a scope"),
    "route_not_found": (404, "There is nothing at this path"),
    "customer_not_found": (404, "There is no such customer"),
    "invoice_not_found": (404, "There is no such invoice"),
    "charge_not_found": (404, "The invoice has no such charge"),
    "item_family_not_found": (404, "There is no such item family"),
    "item_not_found": (404, "There is no such item"),
    "item_price_not_found": (404, "There is no such item price"),
    "key_not_found": (404, "There is no such API key"),
    "series_not_found": (404, "There is no such series of numbers"),
    "subscription_not_found": (404, "There is no such subscription"),
    "usage_not_found": (404, "There is no such usage"),
    "method_not_allowed": (405, "The path does not take this method"),
    "already_exists": (409, "The id is taken"),
    "already_suspended": (409, "The subscription is suspended already"),
    "archived": (409, "It is archived"),
    "bound_exceeded": (409, "The invoice breaks a bound"),
    "credit_spent": (409, "The credit it gave is spent"),
    "customer_in_use": (409, "The customer has subscriptions"),
    "external_id_taken": (409, "The external id names another usage"),
    "idempotency_key_reused": (409, "The idempotency key was used"),
    "in_trial": (409, "The subscription is in its trial"),
    "invoice_not_due": (409, "The invoice cannot close yet"),
    "invoice_not_issued": (409, "The invoice is not issued"),
    "invoice_not_pending": (409, "The invoice is not pending"),
    "invoice_not_ratable": (409, "The invoice cannot be made"),
    "invoice_paid": (409, "Something of the invoice was paid"),
    "line_ambiguous": (409, "Several lines answer to this name"),
    "live_site": (409, "The site has no clock of its own"),
    "not_suspended": (409, "The subscription is not suspended"),
    "pdf_not_ready": (409, "The document is not made yet"),
    "request_in_progress": (409, "The request is being answered"),
    "started_afresh": (409, "The site has started afresh"),
    "subscription_ended": (409, "The subscription has ended"),
    "subscription_not_started": (409, "The subscription has not begun"),
    "subscription_started": (409, "The subscription has begun"),
    "term_closed": (409, "The term takes no more usage"),
    "term_just_began": (409, "The term has only just begun"),
    "travel_failed": (409, "The clock could not be moved on"),
    "travel_in_progress": (409, "The clock is on its way elsewhere"),
    "change_scheduled": (409, "Another change is to come"),
    "usage_conflict": (409, "Another quantity is recorded"),
    "usage_deleted": (409, "The usage was deleted"),
    "usage_url_unanswered": (409, "A usage URL has not answered"),
    "version_mismatch": (412, "The version is another by now"),
    "payload_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body has the wrong media type"),
    "invalid_field": (422, "A field is not acceptable"),
    "limit_exceeded": (422, "A limit is reached"),
    "line_not_in_force": (422, "The line is not in force"),
    "line_not_found": (422, "The subscription has no such line"),
    "missing_field": (422, "A field is missing"),
    "not_ratable": (422, "The price cannot rate this quantity"),
    "not_metered": (422, "The line is not metered"),
    "subscription_suspended": (422, "The subscription is suspended"),
    "unknown_field": (422, "There is no such field"),
    "usage_limit_reached": (422, "The subscription takes no more usages"),
    "usage_repeated": (422, "A usage is in the batch twice"),
    "usage_date_out_of_range": (422, "The usage date is not accepted"),
    "internal_error": (500, "The service failed"),
    "temporarily_unavailable": (503, "The service cannot answer now"),
}


def problem(code: str, detail: str, *, request_id: str, **members: object) -> Response:
    """Return a refusal as `application/problem+json`."""
    status, title = PROBLEMS[code]
    headers = {"content-type": "application/problem+json"}
    if status == 401:  # noqa: PLR2004 - RFC 9110 §11.6.1 asks for the challenge
        headers["www-authenticate"] = 'Bearer realm="postpaid"'
    if code in {"temporarily_unavailable", "pdf_not_ready", "request_in_progress"}:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    body = {
        "type": f"urn:problem-type:postpaid:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        **{name: value for name, value in members.items() if value is not None},
        "request_id": request_id,
    }
    return Response(status, body, headers)


def guarded(
    serve: Callable[[], Response], *, request_id: str, report: Callable[[BaseException], None]
) -> Response:
    """Return the response of *serve*, or the refusal that its error means.

    No error leaves a door: a caller can only act on an answer in its own dialect. *report* is told
    of those that are bugs.
    """
    try:
        return serve()
    except (BillingError, Unavailable) as error:
        response = refusal(error, request_id=request_id)
        if isinstance(error, BillingError) and error.code == "method_not_allowed":
            allow = {"allow": ", ".join(error.details["allow"])}
            return Response(response.status, response.body, {**response.headers, **allow})
        return response
    except Exception as error:  # noqa: BLE001 - the last line of defence, and it is reported
        report(error)
        return problem("internal_error", "the failure was logged", request_id=request_id)


def refusal(error: BillingError | Unavailable, *, request_id: str, within: str = "") -> Response:
    """Return the refusal that an error means; *within* is the path of what its field is part of."""
    if isinstance(error, Unavailable):
        return problem(
            "temporarily_unavailable",
            "no answer from storage; sending the same request again is safe",
            request_id=request_id,
        )
    field = error.field
    if within and field is not None:
        field = f"{within}.{field}" if field else within
    return problem(error.code, error.message, request_id=request_id, field=field, **error.details)
