"""Invoice now: the open term ends at once, its rest is the next term, on the same grid."""

from dataclasses import replace

from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Edit,
    Edited,
    Office,
    Request,
    edit_subscription,
    ended_at,
)
from postpaid.application.usage_urls import still_unanswered
from postpaid.domain.asking import lines_to_ask, unanswered
from postpaid.domain.errors import Conflict
from postpaid.domain.subscription import Subscription, SubscriptionState
from postpaid.domain.term import Term


def invoice_now(
    subscription_id: str,
    *,
    office: Office,
    request: Request = NO_REQUEST,
    to_close_at_once: bool = False,
) -> Edited:
    """End the open term now; its invoice is pending, and *outcome* is its boundary.

    What was paid in advance stays paid; what is charged by time is shared by days. Raises
    `NotFound`; `Conflict` with code `subscription_ended`, `subscription_not_started` or `in_trial`.
    One that is *to_close_at_once* is refused with code `usage_url_unanswered` where usage URLs
    are to be asked first, before anything ends.
    """

    def change(subscription: Subscription, term: Term) -> Edit:
        state = subscription.state(office.now)
        if state is SubscriptionState.FUTURE:
            raise Conflict("subscription_not_started", "it begins later: nothing was used yet")
        if subscription.is_trial(term.period):
            raise Conflict("in_trial", "nothing is charged before the trial ends")
        if office.now <= term.period.start:
            raise Conflict("term_just_began", "the open term began this very second")
        ended = ended_at(term, office.now)
        asks = lines_to_ask(subscription, ended.period) if to_close_at_once else ()
        if asks:
            raise still_unanswered(unanswered(subscription, asks, ()))
        return Edit(
            subscription=subscription,
            term=replace(ended, credit_unused=False),
            ends=True,
            credit_rest=term.credit_unused,
        )

    return edit_subscription(subscription_id, change, office=office, request=request)
