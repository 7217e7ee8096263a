"""Reading usages back."""

from postpaid.api.cursors import cursor_text, page_size, read_cursor
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.native.lists import check_query, page
from postpaid.api.native.shapes import native_from_late, native_list
from postpaid.api.native.usage import native_from_usage
from postpaid.application.correct_usage import subscription_of, usage_not_found
from postpaid.application.entries import Appended
from postpaid.application.find_usage import find_usage
from postpaid.application.list_usages import EVER
from postpaid.application.list_usages import list_usages as read_page
from postpaid.application.roll_term import known_subscription
from postpaid.domain.errors import Invalid
from postpaid.domain.period import Period
from postpaid.domain.usage import Usage


def get_usage(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a usage; a deleted one is not found."""
    try:
        key = desk.usage_ids.key(*ids)
    except ValueError:
        raise usage_not_found() from None
    usage = desk.ledger.of(subscription_of(key, desk.subscriptions)).get(key)
    if usage is None or usage.deleted:
        raise usage_not_found()
    return Response(200, _shown(desk, usage))


def list_usages(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List a subscription's usages by date: `start` included, `end` not, both optional."""
    query = request.query
    check_query(request, {"limit", "cursor", "start", "end", "line_id", "item_price_id"})
    subscription = known_subscription(desk.subscriptions, ids[0])
    start, end = EVER.start, EVER.end
    if "start" in query:
        start = subscription.moment(query["start"], "start")
    if "end" in query:
        end = subscription.moment(query["end"], "end")
    if start >= end:
        raise Invalid("invalid_field", "must be later than start", field="end")
    listing = f"subscriptions/{ids[0]}/usages"
    after = read_cursor(
        desk.scope,
        listing,
        query,
        parts=1,
        check=lambda text: desk.usage_ids.key(subscription.id, text),
    )
    usages, last = read_page(
        subscription,
        Period(start, end),
        line_id=query.get("line_id"),
        item_price_id=query.get("item_price_id"),
        after=desk.usage_ids.key(subscription.id, after[0]) if after else None,
        limit=page_size(query),
        ledger=desk.ledger,
    )
    cursor = None
    if last is not None:
        cursor = cursor_text([desk.usage_ids.text(last)], desk.scope, listing, query)
    return Response(200, native_list([_shown(desk, usage) for usage in usages], cursor))


def find_usages(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Find the usage of the site that has an external id: a list of one, or of none."""
    check_query(request, {"external_id"})
    if "external_id" not in request.query:
        raise Invalid("missing_field", "is required", field="external_id")
    usage = find_usage(
        request.query["external_id"], subscriptions=desk.subscriptions, ledger=desk.ledger
    )
    return Response(200, native_list([] if usage is None else [_shown(desk, usage)], None))


def list_late_usages(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List what came or changed after its term was invoiced, newest first, and what became of it.

    Found by the runs that bill it, so seconds after it was recorded, or at the daily audit.
    """

    def shown(appended: Appended) -> dict[str, object]:
        return native_from_late(appended, desk.documents.get_supplement(appended), desk.usage_ids)

    return page(desk, request, "late-usages", desk.lists.late_usages, shown)


def _shown(desk: Desk, usage: Usage) -> dict[str, object]:
    return native_from_usage(
        usage, desk.usage_ids.text(usage.key), desk.usage_ids.number(usage.key)
    )
