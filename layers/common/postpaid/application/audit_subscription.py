"""Find out whether every term that usage may still be dated in is billed as it was used.

What no recorder asked to be looked at again, because it died or its message got lost, is found
here. Running it twice, or beside anything else, changes nothing more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from postpaid.application.ports import Terms
from postpaid.application.reconcile_term import Reconciled
from postpaid.application.record_usage import AGE_MAX
from postpaid.domain.term import Term, TermStatus

_PAGE = 50


# Brings a term, by its subscription and start, up to its usage; None if it is not frozen.
type Reconcile = Callable[[str, datetime], Reconciled | None]


@dataclass(frozen=True, slots=True)
class Audited:
    """How many terms were looked at, and how many were not billed as they were used."""

    terms: int
    differences: int


def audit_subscription(
    subscription_id: str, *, terms: Terms, reconcile: Reconcile, now: datetime
) -> Audited:
    """Reconcile every frozen term of a subscription that usage may still be dated in."""
    looked_at = differences = 0
    for term in _reachable(subscription_id, terms, now):
        if term.status is TermStatus.FROZEN:
            found = reconcile(subscription_id, term.period.start)
            looked_at += 1
            differences += found is not None and found.supplement is not None
    return Audited(looked_at, differences)


def _reachable(subscription_id: str, terms: Terms, now: datetime) -> Iterator[Term]:
    before: datetime | None = None
    while page := terms.page(subscription_id, before=before, limit=_PAGE):
        for term in page:
            if term.period.end < now - AGE_MAX:
                return
            yield term
        before = page[-1].period.start
