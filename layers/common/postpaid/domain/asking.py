"""What is asked of usage URLs when a term is to close, and where the answers are recorded.

The identity of an answer is a function of its line and term, so recording it twice is recording it
once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from postpaid.domain.customer import Customer
from postpaid.domain.line import Line
from postpaid.domain.period import Period
from postpaid.domain.site import Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Recording, UsageKey
from postpaid.domain.usage_url import UsageUrl

# The id of an answer at a line that records events, and what its record says it was recorded with:
# one that was deleted is not recorded again.
ANSWER_ID = "usage_url"
# How long answers are waited for before the invoice is parked.
ASKED_FOR = timedelta(hours=24)
_PAUSE_MIN = timedelta(minutes=5)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a line's URL is asked: how much was used in `[period)`, of which *line*, of whom.

    *security_token* is what it knows us by; None if the site has no secret yet.
    """

    site: Site
    customer: Customer
    subscription: Subscription
    line: Line
    period: Period
    security_token: str | None = field(repr=False)


def lines_to_ask(subscription: Subscription, period: Period) -> tuple[str, ...]:
    """Return the lines with a usage URL that a term may be charged for: none in a trial."""
    if subscription.is_trial(period):
        return ()
    return tuple(
        line_id
        for line_id in sorted(subscription.usage_urls)
        if answered_by(subscription, line_id, period) is not None
    )


def answered_by(subscription: Subscription, line_id: str, period: Period) -> Line | None:
    """Return the entry that a line's answer is recorded at; None if it was in force nowhere."""
    last = _last_second(subscription, line_id, period)
    if last is None:
        return None
    return next(line for line in _entries(subscription, line_id, period) if line.in_force(last))


def answer_key(subscription: Subscription, line_id: str, period: Period) -> UsageKey | None:
    """Return the identity of a line's answer for a term; None if it was in force nowhere.

    It is dated in the last second of the term in which the line was in force.
    """
    last = _last_second(subscription, line_id, period)
    line = answered_by(subscription, line_id, period)
    if last is None or line is None:
        return None
    event_id = ANSWER_ID if line.recording is Recording.EVENTS else None
    return UsageKey(subscription.id, last, line_id, event_id)


def unanswered(
    subscription: Subscription, asked: Iterable[str], answered: Iterable[str]
) -> dict[str, UsageUrl]:
    """Return the URLs that are still to answer, by line; one that was taken away is not asked."""
    urls, done = subscription.usage_urls, frozenset(answered)
    return {line_id: urls[line_id] for line_id in asked if line_id in urls and line_id not in done}


def next_ask(since: datetime, now: datetime) -> timedelta:
    """Return the pause behind an ask in vain: as long as it has been tried for, so it doubles.

    At least 5 minutes, and no longer than until it is given up.
    """
    tried = now - since
    return max(_PAUSE_MIN, min(tried, ASKED_FOR - tried))


def _last_second(subscription: Subscription, line_id: str, period: Period) -> datetime | None:
    ends = [
        part.end
        for line in _entries(subscription, line_id, period)
        for part in subscription.in_force(line, period)
    ]
    return max(ends) - _SECOND if ends else None


def _entries(subscription: Subscription, line_id: str, period: Period) -> list[Line]:
    return [line for line in subscription.lines_in(period) if line.id == line_id and line.metered]
