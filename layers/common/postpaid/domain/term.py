"""A term: one subscription times one billing interval, with a lifecycle that only goes forward."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from postpaid.domain.period import Period

# The rating engine that new terms pin. A later engine that rates differently gets the next number,
# so that an old line can always be rated again by the rules it was made with.
RATING_ENGINE = 1


class TermStatus(StrEnum):
    """Where a term stands; usage still counts on time while it is OPEN or in GRACE."""

    OPEN = "OPEN"
    GRACE = "GRACE"
    CLOSING = "CLOSING"
    FROZEN = "FROZEN"


TERM_STEPS: dict[TermStatus, frozenset[TermStatus]] = {
    TermStatus.OPEN: frozenset({TermStatus.GRACE}),
    # CLOSING to CLOSING is a takeover: another run closes what a dead one began.
    TermStatus.GRACE: frozenset({TermStatus.CLOSING}),
    TermStatus.CLOSING: frozenset({TermStatus.CLOSING, TermStatus.FROZEN}),
    TermStatus.FROZEN: frozenset(),
}


class BillingState(StrEnum):
    """What a recorded usage can be told about its invoice.

    ON_TIME: on its own term's invoice. PENDING: on this one or the next, once. LATE: as its own
    line later, once.
    """

    ON_TIME = "on_time"
    PENDING = "pending"
    LATE = "late"


_BILLING_STATE = {
    TermStatus.OPEN: BillingState.ON_TIME,
    TermStatus.GRACE: BillingState.ON_TIME,
    TermStatus.CLOSING: BillingState.PENDING,
    TermStatus.FROZEN: BillingState.LATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One billing interval of a subscription.

    *n* counts from 0; *pins* maps line ids to the price version the term is rated with, and
    *engine* is the version of the rules it is rated by. *run*
    names the closing attempt that holds the term while it is CLOSING. *manifests* counts what was
    billed for it: 0 until it is FROZEN, then 1 and more. *due_at* is when a sweep should look
    again, None when there is nothing to do. *policy_changes* counts the closing policies that came
    while it was OPEN, so that it cannot end by one that was read before.
    """

    subscription_id: str
    n: int
    period: Period
    status: TermStatus
    pins: Mapping[str, int] = field(default_factory=dict)
    engine: int = RATING_ENGINE
    invoice_id: str | None = None
    due_at: datetime | None = None
    run: str | None = None
    manifests: int = 0
    manifest_hash: str | None = None
    policy_changes: int = 0

    def __post_init__(self) -> None:
        assert (self.status is TermStatus.FROZEN) == (self.manifests > 0)
        assert (self.status is TermStatus.OPEN) == (self.invoice_id is None)

    @property
    def billing_state(self) -> BillingState:
        """What a usage in this term can be told, if it was durable before the term was read."""
        return _BILLING_STATE[self.status]
