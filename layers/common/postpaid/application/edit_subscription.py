"""Change a subscription that is running: read it and its open term, decide, store both at once.

crash before the store     nothing changed; the repeat does it
lost answer after it       the repeat carries the same idempotency key and finds it done; without
                           a key it finds what it asks for already so, if it is that kind of ask
a sweep ends the term      one of the two is refused, reads again and decides anew
two changes at once        the same; neither is lost
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from postpaid.application.books import Books
from postpaid.application.catalog import Items
from postpaid.application.entries import EarlyEnd
from postpaid.application.ports import Ids, Lost, Unavailable
from postpaid.application.roll_term import closing_policy, end_term, known_subscription, roll_term
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import YEAR_MAX, instant_from_text, instant_text
from postpaid.domain.line import new_entries
from postpaid.domain.period import Period
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus

TERMS_BEHIND_MAX = 24
REQUESTS_KEPT = 50
_TRIES = 6
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client says beside the change: the version it knows, the digest of its own key.

    *content* is the digest of what it asks, so that a key that is used again is noticed.
    """

    version: int | None = None
    digest: str | None = None
    content: str = ""


NO_REQUEST = Request()


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What changes of subscriptions need."""

    scope: Scope
    books: Books
    items: Items
    ids: Ids
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A subscription and its open term as they should be.

    *ends* the term where it now ends, at once; *credit_rest* is what its rest, as the next term,
    inherits.
    """

    subscription: Subscription
    term: Term
    ends: bool = False
    credit_rest: bool = False


class Change(Protocol):
    """One kind of change."""

    def __call__(self, subscription: Subscription, term: Term) -> Edit | None:
        """Decide what becomes of a subscription and its open term; None if it is so already."""
        ...


@dataclass(frozen=True, slots=True)
class Edited:
    """A subscription after a change; *outcome* is where a term was ended by it, if one was."""

    subscription: Subscription
    outcome: datetime | None
    new: bool


def edit_subscription(
    subscription_id: str, change: Change, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """Apply a change to a subscription, whole or not at all.

    Raises `NotFound`; `Conflict` with code `subscription_ended`, with `version_mismatch` if the
    client knows another version than there is, or with `idempotency_key_reused`; what *change*
    raises; `Unavailable` if others came first.
    """
    for _ in range(_TRIES):
        try:
            # The term first: a subscription that is read after it is never the older of the two.
            term = _open_term(subscription_id, office)
            subscription = known_subscription(office.books.subscriptions, subscription_id)
            done = _done(subscription, request)
            if done is not None:
                return done
            check_version(subscription, request)
            if term is None or subscription.end == subscription.start:
                raise Conflict(
                    "subscription_ended", f"the subscription '{subscription.id}' has ended"
                )
            edit = change(subscription, term)
            if edit is None:
                return Edited(subscription, None, new=False)
            return _stored(edit, subscription, term, request, office)
        except Lost:
            continue
    raise Unavailable("other changes came first every time")


def ended_at(term: Term, end: datetime, *, credit_unused: bool = False) -> Term:
    """Return an open term with another end; what was paid in advance is remembered."""
    return replace(
        term,
        period=Period(term.period.start, end),
        due_at=end,
        advance_to=None if term.paid_to == end else term.paid_to,
        credit_unused=credit_unused and max([term.paid_to, *term.covered.values()]) > end,
    )


def natural_end(subscription: Subscription, term: Term) -> datetime:
    """Return where a term would end if the subscription went on."""
    going_on = replace(subscription, end=None).term_from(term.period.start)
    assert going_on is not None
    return going_on.end


def check_within(
    at: datetime, term: Term, subscription: Subscription, field: str, *, begin: bool = True
) -> None:
    """Refuse a date of change before the open term, or beyond the subscription's life.

    Terms before the open one are being billed. Not *begin*: the very start is too early as well.
    """
    first = term.period.start
    if at < first or (at == first and not begin):
        word = "at" if begin else "behind"
        raise Invalid(
            "invalid_field",
            f"must lie {word} {instant_text(first)}, where the open term begins, or later",
            field=field,
        )
    if subscription.end is not None and at >= subscription.end:
        raise Invalid(
            "invalid_field",
            f"must lie before {instant_text(subscription.end)}, the end of the subscription",
            field=field,
        )
    if at > _LATEST:
        raise Invalid("invalid_field", "is too far ahead", field=field)


def _open_term(subscription_id: str, office: Office) -> Term | None:
    """Return the open term, ending those whose time has come first; None if there is none."""
    books = office.books
    for _ in range(TERMS_BEHIND_MAX):
        term = books.terms.look(subscription_id, _LATEST)
        if term is None or term.status is not TermStatus.OPEN:
            return None
        if office.now < term.period.end or term.due_at is None:
            return term
        roll_term(
            term,
            scope=office.scope,
            subscriptions=books.subscriptions,
            customers=books.customers,
            prices=books.prices,
            sites=books.sites,
            closing=books.closing,
            ids=office.ids,
            now=office.now,
        )
    raise Unavailable("the subscription's terms are being caught up with")


def _stored(
    edit: Edit, was: Subscription, was_term: Term, request: Request, office: Office
) -> Edited:
    assert edit.subscription.usage_shards == was.usage_shards, "usages stay where they are"
    outcome = edit.term.period.end if edit.ends else None
    changed = replace(edit.subscription, version=was.version + 1, changed_at=office.now)
    subscription = noted(changed, request, outcome)
    new = new_entries(subscription.lines, was.lines)
    if edit.ends:
        books = office.books
        end_term(
            edit.term,
            subscription,
            scope=office.scope,
            policy=closing_policy(subscription, books.customers, books.sites),
            prices=books.prices,
            closing=books.closing,
            ids=office.ids,
            now=office.now,
            early=EarlyEnd(was_term.period.end, subscription, new, edit.credit_rest),
        )
    else:
        office.books.closing.edit(
            subscription, replace(edit.term, changes=was_term.changes + 1), was_term, new
        )
    return Edited(subscription, outcome, new=True)


def noted(subscription: Subscription, request: Request, outcome: datetime | None) -> Subscription:
    """Return a changed subscription that knows the request that changed it, if it has a key."""
    if request.digest is None:
        return subscription
    told = "" if outcome is None else instant_text(outcome)
    note = (request.digest, request.content, told)
    return replace(subscription, requests=(*subscription.requests, note)[-REQUESTS_KEPT:])


def check_version(subscription: Subscription, request: Request) -> None:
    """Refuse a change that was made from another version than there is."""
    if request.version not in {None, subscription.version}:
        raise Conflict(
            "version_mismatch",
            f"the version is {subscription.version} by now: read it again, and change that",
            field="If-Match",
            details={"version": subscription.version},
        )


def _done(subscription: Subscription, request: Request) -> Edited | None:
    """Return what a request did when it came the first time."""
    for digest, content, told in subscription.requests:
        if digest == request.digest:
            if content != request.content:
                raise Conflict(
                    "idempotency_key_reused",
                    "the key came with another request before",
                    field="Idempotency-Key",
                )
            outcome = instant_from_text(told) if told else None
            return Edited(subscription, outcome, new=False)
    return None
