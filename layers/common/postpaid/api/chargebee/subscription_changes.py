"""Changes of running subscriptions, and their end."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from postpaid.api.chargebee.customers import policy
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.params import read
from postpaid.api.chargebee.subscription_lines import (
    NAMES,
    by_rows,
    check_one_plan,
    line_changes,
    priced,
)
from postpaid.api.chargebee.subscription_params import (
    CANCEL_REFUSED,
    CHANGE_REFUSED,
    Cancellation,
    SubscriptionChange,
)
from postpaid.api.chargebee.subscriptions import show
from postpaid.api.chargebee.things import annotations, kept
from postpaid.api.chargebee.usage import idempotency_key
from postpaid.api.desk import Desk
from postpaid.api.desk_calls import change_settings
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.cancel_subscription import (
    NOW,
    TERM_END,
    CancelSubscription,
    cancel_subscription,
)
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_lines import ChangeLines, LineAction, LineChange, change_lines
from postpaid.application.edit_subscription import Request as ChangeRequest
from postpaid.application.keep import KEEP
from postpaid.application.roll_term import known_subscription
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX, annotations_text
from postpaid.domain.catalog import Item
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import instant_text
from postpaid.domain.line import Line
from postpaid.domain.subscription import Subscription, SubscriptionState

_TERM_ENDS = frozenset({"end_of_term", "end_of_billing_term"})


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change items, from now or the end of the term, and how invoices close."""
    subscription = known_subscription(desk.subscriptions, ids[0])
    form = read_form(request.body, request.headers)
    params = read(SubscriptionChange, form, refused=CHANGE_REFUSED)
    params.check()
    _check_unserved(params, subscription)
    if not params.subscription_items:
        lines = subscription.shown_lines(desk.now)
        params.check_pending(metered=any(line.metered for line in lines))
    option = "end_of_term" if params.end_of_term else "change_option"
    when = "changes_scheduled_at" if params.changes_scheduled_at else option
    with spelled({**NAMES, "effective": when}):
        _noted(params.echoed(kept(subscription)), subscription)  # refused before anything changes
        if params.subscription_items:
            subscription = _change_lines(desk, request, subscription, params)
        elif params.replace_items_list or params.item_tiers or _effective(params) != NOW:
            raise Invalid("missing_field", "is required", field="subscription_items")
        subscription = _change_settings(desk, subscription, params)
    return show(desk, subscription)


def cancel(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Cancel: at once, at the end of the term, or at a date."""
    subscription = known_subscription(desk.subscriptions, ids[0])
    params = read(Cancellation, read_form(request.body, request.headers), refused=CANCEL_REFUSED)
    if subscription.state(desk.now) is SubscriptionState.ENDED:
        raise Conflict("subscription_ended", f"the subscription '{subscription.id}' has ended")
    if params.credit_option_for_current_term_charges == "full":
        raise Invalid(
            "not_supported",
            "what was used is charged: say prorate, or none",
            field="credit_option_for_current_term_charges",
        )
    if params.unbilled_charges_option == "delete":
        raise Invalid(
            "not_supported",
            "what was used is charged: delete the usages first",
            field="unbilled_charges_option",
        )
    command = CancelSubscription(
        subscription_id=subscription.id,
        at=_end(params),
        credit_unused=params.credit_option_for_current_term_charges == "prorate",
    )
    reason = {"cancel_reason_code": params.cancel_reason_code}
    option = "end_of_term" if params.end_of_term else "cancel_option"
    names = {**NAMES, "at": "cancel_at" if params.cancel_at else option}
    with spelled({**names, "annotations": "cancel_reason_code"}):
        _noted({**kept(subscription), **reason}, subscription)
        edited = cancel_subscription(command, office=desk.office, request=_asked(request))
    ended = edited.subscription
    if params.cancel_reason_code is not None:
        noted = _noted({**kept(ended), **reason}, ended)
        ended = _closing(desk, ChangeClosing(subscription_id=ended.id, annotations=noted))
    return show(desk, ended)


def _end(params: Cancellation) -> str:
    return _when(
        params.cancel_option, params.end_of_term, params.cancel_at, "cancel_option", "cancel_at"
    )


def _effective(params: SubscriptionChange) -> str:
    date = params.changes_scheduled_at
    return _when(
        params.change_option, params.end_of_term, date, "change_option", "changes_scheduled_at"
    )


def _when(
    option: str | None,
    end_of_term: bool | None,  # noqa: FBT001 - a parameter's value
    date: datetime | None,
    option_field: str,
    date_field: str,
) -> str:
    """Return when something is to be, of the three ways to say it; raises `Invalid`."""
    if option is None:
        option = "end_of_term" if end_of_term else "immediately"
        if date is not None:
            option = "specific_date"
    if end_of_term and option not in _TERM_ENDS:
        raise Invalid(
            "invalid_field", f"is against the {option} that is asked", field="end_of_term"
        )
    if (option == "specific_date") != (date is not None):
        raise Invalid(
            "invalid_field", f"goes with a {option_field} specific_date", field=date_field
        )
    if date is not None:
        return instant_text(date)
    return TERM_END if option in _TERM_ENDS else NOW


def _check_unserved(params: SubscriptionChange, subscription: Subscription) -> None:
    """Refuse what a change cannot be here; raises `Invalid`."""
    if params.prorate is not None and params.prorate != subscription.prorate:
        why = "is said once, when the subscription is created in the native API"
        raise Invalid("not_supported", why, field="prorate")
    if params.invoice_immediately:
        why = "changes are on the next invoice; the native API can invoice now"
        raise Invalid("not_supported", why, field="invoice_immediately")
    if params.force_term_reset:
        raise Invalid("not_supported", "terms stay as they are", field="force_term_reset")


def _change_lines(
    desk: Desk, request: Request, subscription: Subscription, params: SubscriptionChange
) -> Subscription:
    found = priced(desk, params.subscription_items)
    at = _effective(params)
    lines = subscription.shown_lines(desk.now)
    asked = _asked(request)
    if asked.digest not in {key for key, _, _ in subscription.requests}:
        _check_settled(lines, desk.now)
    lines = [line for line in lines if not _is_scheduled(line, desk.now)]
    replaces = bool(params.replace_items_list)
    changes, rows, gone = line_changes(lines, found, params.item_tiers, replaces=replaces)
    _swap_plan(desk, lines, changes, gone, [item for _, _, item in found])
    stays = [line.metered for line in lines if line.id not in gone]
    params.check_pending(metered=any((*stays, *(item.metered for _, _, item in found))))
    if not changes:
        return subscription
    command = ChangeLines(subscription_id=subscription.id, changes=changes, effective=at)
    with by_rows(rows):
        return change_lines(command, office=desk.office, request=asked).subscription


def _is_scheduled(line: Line, now: datetime) -> bool:
    """Tell whether a line is to come or to go."""
    return line.until is not None or (line.since is not None and now < line.since)


def _check_settled(lines: Sequence[Line], now: datetime) -> None:
    """Refuse changes before one that is scheduled: both would be charged; raises `Conflict`."""
    for line in lines:
        if _is_scheduled(line, now):
            raise Conflict(
                "change_scheduled",
                f"a change of '{line.item_price_id}' is scheduled: others can follow behind it",
                field="subscription_items",
            )


def _swap_plan(
    desk: Desk,
    lines: Sequence[Line],
    changes: list[LineChange],
    gone: Sequence[str],
    asked: Sequence[Item],
) -> None:
    """Let the plan that is asked for take the place of the one there is; raises `Invalid`."""
    staying = [line for line in lines if line.id not in gone]
    items = {line.id: desk.items.get(line.item_id) for line in staying}
    asked_ids = {item.id for item in asked}
    plans = [item for item in asked if item.type == "plan"]
    for line in staying:
        item = items[line.id]
        if item is not None and item.type == "plan" and item.id not in asked_ids:
            if plans:
                changes.append(LineChange(action=LineAction.REMOVE, id=line.id))
            else:
                plans = [item]
    check_one_plan(plans)


def _change_settings(
    desk: Desk, subscription: Subscription, params: SubscriptionChange
) -> Subscription:
    noted = _noted(params.echoed(kept(subscription)), subscription)
    closes = "auto_close_invoices" in params.given()
    if noted == subscription.annotations and not closes:
        return subscription
    return _closing(
        desk,
        ChangeClosing(
            subscription_id=subscription.id,
            policy=policy(params.auto_close_invoices, desk.site) if closes else KEEP,
            annotations=noted,
        ),
    )


def _noted(known: Mapping[str, Any], subscription: Subscription) -> dict[str, Any]:
    """Return what is to be kept with a subscription; raises `LimitExceeded` if it is too much."""
    noted = annotations(known, subscription)
    annotations_text(noted, SUBSCRIPTION_BYTES_MAX)
    return noted


def _closing(desk: Desk, command: ChangeClosing) -> Subscription:
    return change_settings(desk, command)


def _asked(request: Request) -> ChangeRequest:
    """Return by what a change is known if its request comes again."""
    key = idempotency_key(request.headers)
    if key is None:
        return ChangeRequest()
    content = "/".join(request.path).encode() + b"\n" + request.body
    return ChangeRequest(
        digest=hashlib.sha256(f"chargebee {key}".encode()).hexdigest()[:24],
        content=hashlib.sha256(content).hexdigest()[:24],
    )
