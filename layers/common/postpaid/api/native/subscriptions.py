"""Subscriptions: made, read, and how their invoices close."""

from postpaid.api.desk import Desk
from postpaid.api.desk_calls import change_settings, subscribe
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.lists import One, page
from postpaid.api.native.models import SubscriptionBody, SubscriptionChange, policy_of, read
from postpaid.api.native.requests import change_request
from postpaid.api.native.shapes import native_from_subscription, native_from_upcoming
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_schedule import change_zone
from postpaid.application.compose_invoice import upcoming_content
from postpaid.application.keep import KEEP, Keep
from postpaid.application.make_line import CreateLine
from postpaid.application.roll_term import known_subscription
from postpaid.application.subscriptions import CreateSubscription
from postpaid.domain.calendar import read_cadence
from postpaid.domain.errors import Invalid
from postpaid.domain.invoice import invoice_id
from postpaid.domain.site import LatePolicy
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage_url import UsageUrl


def post_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create a subscription: 201, or 200 if an equal one is there."""
    body = read(SubscriptionBody, read_json_object(request.body, request.headers))
    created = subscribe(desk, _command(body, desk))
    subscription = created.thing
    is_opened = any(not line.metered for line in subscription.lines)
    due = subscription.hold_until or subscription.start
    at_once = not subscription.opening_pending and due <= desk.now
    if created.new and is_opened and subscription.trial_end is None and at_once:
        # The opening invoice is due: a sweep would find it minutes later.
        desk.hasten([invoice_id(desk.scope, subscription.id, subscription.start, 0)])
    return show_subscription(desk, subscription, 201 if created.new else 200)


def _command(body: SubscriptionBody, desk: Desk) -> CreateSubscription:
    return CreateSubscription(
        id=desk.new_id("sub") if body.id is None else body.id,
        customer_id=body.customer_id,
        timezone=body.timezone,
        start=body.start,
        cadence=read_cadence(body.cadence.unit, body.cadence.count, "cadence."),
        by_calendar=body.cadence.anchor == "calendar",
        prorate=body.prorate,
        usage_shards=body.usage_shards,
        trial_end=body.trial_end,
        cycles=body.cycles,
        hold_until=body.hold_until,
        late=None if body.late_usage is None else LatePolicy(body.late_usage),
        usage_records_max=_records_max(body),
        series=body.series,
        lines=[
            CreateLine(
                item_price_id=line.item_price_id,
                id=line.id,
                quantity=line.quantity,
                pricing=line.pricing,
                usage_url=_usage_url(line.usage_url, f"lines[{index}].usage_url", desk),
            )
            for index, line in enumerate(body.lines)
        ],
        closing=policy_of(body.closing),
        opening_pending=body.opening_pending,
    )


def get_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show a subscription."""
    return show_subscription(desk, known_subscription(desk.subscriptions, ids[0]))


def patch_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change how a subscription closes, pending invoices included, what it takes, or its zone."""
    body = read(SubscriptionChange, read_json_object(request.body, request.headers))
    given = body.model_fields_set
    if not given:
        names = "closing, hold_until, series, timezone, late_usage, usage_records_max or usage_urls"
        raise Invalid("missing_field", f"name {names}")
    if "usage_shards" in given:
        raise Invalid(
            "invalid_field",
            "cannot change: where every usage is stored depends on it",
            field="usage_shards",
        )
    asked = change_request(request)
    if "timezone" in given:
        if len(given) > 1:
            raise Invalid(
                "invalid_field", "goes alone: it counts from a boundary on", field="timezone"
            )
        edited = change_zone(ids[0], body.timezone, office=desk.office, request=asked)
        return show_subscription(desk, edited.subscription)
    if "late_usage" in given and body.late_usage is None:
        raise Invalid("invalid_field", "a policy cannot be taken away", field="late_usage")
    if "usage_urls" in given and body.usage_urls is None:
        raise Invalid(
            "invalid_field", "must name lines, each with a URL or null", field="usage_urls"
        )
    command = ChangeClosing(
        subscription_id=ids[0],
        policy=policy_of(body.closing) if "closing" in given else KEEP,
        hold_until=body.hold_until if "hold_until" in given else KEEP,
        late=KEEP if body.late_usage is None else LatePolicy(body.late_usage),
        usage_records_max=_records_max(body),
        series=body.series if "series" in given else KEEP,
        request=asked,
        usage_urls=_usage_urls(body, desk),
    )
    subscription = change_settings(desk, command)
    return show_subscription(desk, subscription)


def _records_max(body: SubscriptionBody | SubscriptionChange) -> int | Keep | None:
    """Return what a body says of the maximum: null means none, and unsaid is not null."""
    return body.usage_records_max if "usage_records_max" in body.model_fields_set else KEEP


def _usage_url(value: str | None, field: str, desk: Desk) -> UsageUrl | None:
    return None if value is None else UsageUrl.read(value, field, desk.test_hosts)


def _usage_urls(body: SubscriptionChange, desk: Desk) -> dict[str, UsageUrl | None] | Keep:
    """Return what a body says of usage URLs, line by line."""
    if body.usage_urls is None:
        return KEEP
    return {
        line_id: _usage_url(value, f"usage_urls.{line_id[:100]}", desk)
        for line_id, value in body.usage_urls.items()
    }


def get_upcoming(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show what the coming invoice would say if the open term ended now."""
    return Response(200, native_from_upcoming(upcoming_content(ids[0], books=desk.books)))


def list_subscriptions(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List subscriptions, newest first, or find one by its integer."""
    one = One("subscription", desk.subscriptions.get)
    return page(
        desk,
        request,
        "subscriptions",
        desk.lists.subscriptions,
        lambda subscription: native_from_subscription(subscription, None, desk.now),
        one,
    )


def show_subscription(desk: Desk, subscription: Subscription, status: int = 200) -> Response:
    """Answer with a subscription and its present term; the entity tag is its version."""
    term = desk.terms.look(subscription.id, desk.now)
    body = native_from_subscription(subscription, term, desk.now)
    return Response(status, body, {"etag": f'"{subscription.version}"'})
