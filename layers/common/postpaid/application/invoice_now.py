"""Invoice now: the open term ends at once, its rest is the next term, on the same grid."""

from dataclasses import replace
from datetime import UTC, datetime

from postpaid.application.compose_invoice import Parties, coming_content
from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Edit,
    Edited,
    Office,
    Request,
    edit_subscription,
    ended_at,
)
from postpaid.application.entries import EarlyEnd
from postpaid.application.roll_term import successor
from postpaid.application.usage_urls import still_unanswered
from postpaid.domain.asking import lines_to_ask, unanswered
from postpaid.domain.errors import Conflict
from postpaid.domain.instants import YEAR_MAX
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.subscription import Subscription, SubscriptionState
from postpaid.domain.term import Term, TermStatus

_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


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
        edit = _cut(subscription, term, office.now)
        asks = lines_to_ask(subscription, edit.term.period) if to_close_at_once else ()
        if asks:
            raise still_unanswered(unanswered(subscription, asks, ()))
        return edit

    return edit_subscription(subscription_id, change, office=office, request=request)


def content_now(subscription_id: str, *, office: Office) -> InvoiceContent:
    """Return what the invoice of `invoice_now` would say; nothing is stored.

    Raises what that raises, and `Conflict` with code `invoice_not_ratable` or `bound_exceeded`.
    """
    books = office.books
    # The term first: a subscription that is read after it is never the older of the two.
    term = books.terms.look(subscription_id, _LATEST)
    parties = Parties.of(subscription_id, books)
    subscription = parties.subscription
    if term is None or term.status is not TermStatus.OPEN or subscription.end == subscription.start:
        raise Conflict("subscription_ended", f"the subscription '{subscription_id}' has ended")
    edit = _cut(subscription, term, office.now)
    early = EarlyEnd(term.period.end, subscription, (), edit.credit_rest)
    begun = successor(edit.term, subscription, books.prices, early)
    return coming_content(parties, edit.term, begun, books=books)


def _cut(subscription: Subscription, term: Term, now: datetime) -> Edit:
    if subscription.state(now) is SubscriptionState.FUTURE:
        raise Conflict("subscription_not_started", "it begins later: nothing was used yet")
    if subscription.is_trial(term.period):
        raise Conflict("in_trial", "nothing is charged before the trial ends")
    if now <= term.period.start:
        raise Conflict("term_just_began", "the open term began this very second")
    return Edit(
        subscription=subscription,
        term=replace(ended_at(term, now), credit_unused=False),
        ends=True,
        credit_rest=term.credit_unused,
    )
