"""A term: one subscription times one billing interval, with a lifecycle that only goes forward."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from postpaid.domain.instants import YEAR_MAX
from postpaid.domain.period import Period

# The rating engine that new terms pin. A later engine that rates differently gets the next number,
# so that an old line can always be rated again by the rules it was made with.
RATING_ENGINE = 1
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


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

    *n* counts from 0. *pins* maps the numbers of the line entries that were known for it at its
    start to the price versions they are rated with, and *engine* is the version of the rules it is
    rated by. Those in *idle* were not in force yet. Of the other recurring ones, those in *covered*
    were charged with the term before, up to the instants there; the rest are charged in advance, up
    to *advance_to*, or to the end if that is None: they differ where the term was ended early or
    went on after all. *charged* are the lines, by id, that were charged in advance before it and
    never in force. *credit_unused* says that an early end gives back what it left unused. *run*
    names the closing attempt that holds the term while it is CLOSING. *manifests* counts what was
    billed for it: 0 until it is FROZEN, then 1 and more. *last* is noted when it ends without a
    successor. *due_at* is when a sweep should look again, None when there is nothing to do.
    *changes* counts the changes of the subscription that came while it was OPEN, so that it cannot
    end by a state of it that was read before. *answered* are the lines whose usage URL has answered
    for it, *asked_since* is when they were asked first, on everybody's clock, and *unanswered* why
    one did not answer when it was asked last.
    """

    subscription_id: str
    n: int
    period: Period
    status: TermStatus
    pins: Mapping[int, int] = field(default_factory=dict)
    engine: int = RATING_ENGINE
    idle: frozenset[int] = frozenset()
    covered: Mapping[int, datetime] = field(default_factory=dict)
    advance_to: datetime | None = None
    charged: frozenset[str] = frozenset()
    credit_unused: bool = False
    invoice_id: str | None = None
    due_at: datetime | None = None
    run: str | None = None
    manifests: int = 0
    manifest_hash: str | None = None
    changes: int = 0
    last: bool = False
    answered: tuple[str, ...] = ()
    asked_since: datetime | None = None
    unanswered: str | None = None

    def __post_init__(self) -> None:
        assert (self.status is TermStatus.FROZEN) == (self.manifests > 0)
        assert (self.status is TermStatus.OPEN) == (self.invoice_id is None)
        assert not (self.last and self.status is TermStatus.OPEN)
        assert self.idle <= self.pins.keys()
        assert self.covered.keys() <= self.pins.keys() - self.idle

    def is_paid(self, number: int) -> bool:
        """Tell whether an entry was charged in advance, if it is a recurring one."""
        return number in self.pins and number not in self.idle

    @property
    def paid_to(self) -> datetime:
        """Where the advance charges end that were made at the start of the term."""
        return self.advance_to or self.period.end

    def paid_until(self, number: int) -> datetime:
        """Where an entry's advance charge ends, made now or with the term before."""
        return self.covered.get(number, self.paid_to)

    @property
    def usage_period(self) -> Period:
        """The dates whose usage the term bills, once it has ended.

        The last term takes what lies behind it, too: it was recorded while a cancellation was on
        its way, and a 2xx is a promise. The term itself says that it is the last, in the
        transaction that ended it, so that its close need not compare it with anything.
        """
        return Period(self.period.start, _LATEST) if self.last else self.period

    @property
    def billing_state(self) -> BillingState:
        """What a usage in this term can be told, if it was durable before the term was read."""
        return _BILLING_STATE[self.status]
