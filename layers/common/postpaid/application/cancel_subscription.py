"""Cancel a subscription, now, at the end of its term or at a date; or take that back.

What was used is billed with the last term. What was paid in advance for time that is left is given
back only if the caller says so.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Edit,
    Edited,
    Office,
    Request,
    check_version,
    check_within,
    edit_subscription,
    ended_at,
    natural_end,
    noted,
)
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.roll_term import known_subscription
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.invoice import Invoice, InvoiceStatus, invoice_id
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term

NOW = "now"
TERM_END = "term_end"
_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSubscription:
    """*at* is `now`, `term_end`, or a date or instant as text.

    *credit_unused* gives back what was paid in advance for the time that is left.
    """

    subscription_id: str
    at: object = TERM_END
    credit_unused: bool = False


def cancel_subscription(
    command: CancelSubscription, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """Set where a subscription ends; one that has not begun ends without an invoice.

    Raises `NotFound`, `Invalid`; `Conflict` with code `subscription_ended`.
    """
    withdrawn = _withdrawn(command, office, request)
    if withdrawn is not None:
        return Edited(withdrawn, None, new=True)

    def change(subscription: Subscription, term: Term) -> Edit | None:
        going_on = replace(subscription, end=None)
        whole = natural_end(subscription, term)
        if command.at == NOW:
            # A term that began this very second has a second.
            end = max(office.now, term.period.start + timedelta(seconds=1))
        elif command.at == TERM_END:
            end = whole
        else:
            end = subscription.moment(command.at, "at")
        check_within(end, term, going_on, "at", begin=False)
        if command.credit_unused and not subscription.prorate:
            raise Invalid(
                "invalid_field",
                "there is no proration: nothing is given back",
                field="credit_unused",
            )
        cancelled = replace(subscription, end=end, cycles=None)
        shortened = ended_at(term, min(end, whole), credit_unused=command.credit_unused)
        if subscription.end == end and shortened == term:
            return None
        return Edit(
            subscription=cancelled, term=shortened, ends=command.at == NOW or end <= office.now
        )

    return edit_subscription(command.subscription_id, change, office=office, request=request)


def uncancel_subscription(
    subscription_id: str, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """Let a subscription go on whose end has not come; a number of cycles is forgotten with it.

    Raises `NotFound`; `Conflict` with code `subscription_ended`.
    """

    def change(subscription: Subscription, term: Term) -> Edit | None:
        if subscription.end is None:
            return None
        going_on = replace(subscription, end=None, cycles=None)
        return Edit(subscription=going_on, term=ended_at(term, natural_end(subscription, term)))

    return edit_subscription(subscription_id, change, office=office, request=request)


def _withdrawn(
    command: CancelSubscription, office: Office, request: Request
) -> Subscription | None:
    """End a subscription that has not begun, if that is what is asked."""
    books = office.books
    for _ in range(_TRIES):
        subscription = known_subscription(books.subscriptions, command.subscription_id)
        if subscription.start <= office.now:
            return None
        if command.at == NOW:
            at = office.now
        elif command.at == TERM_END:
            return None
        else:
            at = subscription.moment(command.at, "at")
        if at > subscription.start:
            return None
        if subscription.end == subscription.start:
            return subscription
        check_version(subscription, request)
        term = books.terms.get(subscription.id, subscription.start)
        assert term is not None, "a subscription has a term from the start"
        ended = replace(
            subscription,
            end=subscription.start,
            version=subscription.version + 1,
            changed_at=office.now,
        )
        ended = noted(ended, request, None)
        try:
            books.closing.withdraw(ended, term, _opening(subscription, office))
        except Lost:
            continue
        return ended
    raise Unavailable("other changes came first every time")


def _opening(subscription: Subscription, office: Office) -> Invoice | None:
    """Return the opening invoice that goes with a subscription; None if there is none to delete.

    Raises `Lost` if it went already: this request's first try landed behind what it has read.
    """
    opening = office.books.invoices.get(
        invoice_id(office.scope, subscription.id, subscription.start, 0)
    )
    if opening is None or opening.status is InvoiceStatus.PENDING:
        return opening
    if opening.status is not InvoiceStatus.DELETED:
        raise Conflict("subscription_started", "its opening invoice is out already")
    if opening.content_hash is None:
        raise Lost
    return None  # a request of its own deleted it
