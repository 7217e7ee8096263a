"""Suspend a subscription and resume it: meanwhile time costs nothing, and no usage is taken."""

from dataclasses import dataclass, replace

from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Edit,
    Edited,
    Office,
    Request,
    check_within,
    edit_subscription,
)
from postpaid.domain.errors import Conflict, Invalid, LimitExceeded
from postpaid.domain.period import Interval
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term

SUSPENSIONS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendSubscription:
    """From when to when, as text; None is now, or without end."""

    subscription_id: str
    since: object = None
    until: object = None


def suspend_subscription(
    command: SuspendSubscription, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """Suspend a subscription; terms go on, and what they charge by time is charged by day.

    Raises `NotFound`, `Invalid`; `Conflict` with code `already_suspended` where it would overlap.
    """

    def change(subscription: Subscription, term: Term) -> Edit | None:
        since = office.now
        if command.since is not None:
            since = subscription.moment(command.since, "from")
        check_within(since, term, subscription, "from")
        until = None if command.until is None else subscription.moment(command.until, "to")
        if until is not None and until <= since:
            raise Invalid("invalid_field", "must be later than from", field="to")
        asked = Interval(since, until)
        if asked in subscription.suspensions:
            return None
        if len(subscription.suspensions) >= SUSPENSIONS_MAX:
            raise LimitExceeded(
                "limit_exceeded", f"a subscription has at most {SUSPENSIONS_MAX} suspensions"
            )
        for there in subscription.suspensions:
            apart = (there.end is not None and there.end <= since) or (
                until is not None and until <= there.start
            )
            if not apart:
                raise Conflict("already_suspended", "it is suspended in this time already")
        spans = sorted([*subscription.suspensions, asked], key=lambda span: span.start)
        return Edit(subscription=replace(subscription, suspensions=tuple(spans)), term=term)

    return edit_subscription(command.subscription_id, change, office=office, request=request)


def resume_subscription(
    subscription_id: str, at: object, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """End the suspension that is running at *at* (None is now), or drop the one that is to come.

    Raises `NotFound`, `Invalid`; `Conflict` with code `not_suspended`.
    """

    def change(subscription: Subscription, term: Term) -> Edit:
        instant = office.now if at is None else subscription.moment(at, "at")
        check_within(instant, term, subscription, "at")
        for place, there in enumerate(subscription.suspensions):
            if there.end is not None and there.end <= instant:
                continue
            if at is None and there.start > instant:
                break
            kept = list(subscription.suspensions)
            if there.start < instant:
                kept[place] = Interval(there.start, instant)
            else:
                del kept[place]
            return Edit(subscription=replace(subscription, suspensions=tuple(kept)), term=term)
        raise Conflict("not_suspended", "no suspension is running; `at` names one that is to come")

    return edit_subscription(subscription_id, change, office=office, request=request)
