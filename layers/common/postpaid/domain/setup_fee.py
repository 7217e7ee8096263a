"""When a line is set up: once in its life, by the invoice that first charges it.

What was in force before a term began cannot change any more, so the entries tell it. One thing they
do not: a line may be charged in advance for a term, and then be removed or suspended from the very
start of that term on. That it was charged the terms hand on, until it comes into force.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from postpaid.domain.line import Line
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term


def set_up_in(
    subscription: Subscription, entries: Sequence[Line], term: Term
) -> tuple[Line, Period] | None:
    """Return the entry and the time with which a line is first in force, if that is in a term.

    *entries* are those of one line. None also if it was charged in advance: that set it up.
    """
    if not _is_first(subscription, entries, term) or any(_paid(entries, term)):
        return None
    for entry in entries:
        for period in subscription.in_force(entry, term.period):
            return entry, period
    return None


def set_up_with(subscription: Subscription, entries: Sequence[Line], term: Term) -> Line | None:
    """Return the entry with which a line is first charged, if that is in advance for a term."""
    if not _is_first(subscription, entries, term):
        return None
    return next(_paid(entries, term), None)


def charged_unused(subscription: Subscription, ended: Term) -> frozenset[str]:
    """Return the lines, by id, that were charged in advance and not in force up to a term's end.

    The next term keeps them as `charged`.
    """
    charged = set(ended.charged)
    if not subscription.is_trial(ended.period):
        charged |= {entry.id for entry in _paid(subscription.lines, ended)}
    return frozenset(charged - _in_force_before(subscription, subscription.lines, ended.period.end))


def _is_first(subscription: Subscription, entries: Sequence[Line], term: Term) -> bool:
    """Tell whether a line was charged nothing before a term began."""
    if entries[0].id in term.charged:
        return False
    return not _in_force_before(subscription, entries, term.period.start)


def _in_force_before(
    subscription: Subscription, entries: Iterable[Line], instant: datetime
) -> set[str]:
    """Return the lines, by id, that were in force before an instant, in time that is charged."""
    if instant <= subscription.billed_from:
        return set()
    before = Period(subscription.billed_from, instant)
    return {entry.id for entry in entries if subscription.in_force(entry, before)}


def _paid(entries: Iterable[Line], term: Term) -> Iterator[Line]:
    """Return the entries that were charged in advance for a term."""
    return (entry for entry in entries if not entry.metered and term.is_paid(entry.number))
