"""One-time charges: what is put on a pending invoice beside what its subscription owes."""

from dataclasses import dataclass
from datetime import datetime

from postpaid.domain.line import Line
from postpaid.domain.period import Period

# How many one invoice takes, those that were taken off again included.
CHARGES_MAX = 50
COMMENT_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCharge:
    """One entry of an invoice's one-time charges; *n* is its place in their order.

    *line* says what is charged: its id is the charge's own, its price version was the newest when
    the charge was added, and its quantity is charged whole. *period* is the time it is for, None
    for the invoice's own. *comment* is for those who bill; no customer sees it. One with
    *removed_at* was taken off the invoice again.
    """

    invoice_id: str
    n: int
    line: Line
    period: Period | None
    comment: str | None
    added_at: datetime
    removed_at: datetime | None = None

    def __post_init__(self) -> None:
        assert self.n >= 1
        assert not self.line.metered
        assert self.line.quantity is not None
        assert self.comment is None or 1 <= len(self.comment) <= COMMENT_LENGTH_MAX

    @property
    def id(self) -> str:
        """The charge's id, its own among those of its invoice."""
        return self.line.id
