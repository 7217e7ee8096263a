"""What the use cases hand to the stores, or get from them, beside the things of the domain."""

from dataclasses import dataclass
from datetime import datetime

from postpaid.domain.line import Line
from postpaid.domain.money import Money
from postpaid.domain.site import LatePolicy
from postpaid.domain.subscription import Subscription


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """A term that ends before its time: where it *was* to end, and the *subscription* then.

    *new* are the subscription's entries that were not there before. *credit_unused* is whether its
    rest, as the next term, gives back what it leaves unused.
    """

    was: datetime
    subscription: Subscription
    new: tuple[Line, ...]
    credit_unused: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """A customer's credit in one currency, and its *version*; 0 if it never had any."""

    amount: Money
    version: int


@dataclass(frozen=True, slots=True)
class CreditChange:
    """What an invoice leaves of a customer's credit; *over* is the balance it was made from."""

    customer_id: str
    amount: Money
    over: Balance


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """A later manifest of a term, k = 1 being the first, as the log has it.

    *amount* is what it comes to before tax, *billed_in* the invoice that bills it: None while it
    waits for the next one.
    """

    subscription_id: str
    start: datetime
    k: int
    content_hash: str
    amount: Money
    policy: LatePolicy
    found_at: datetime
    billed_in: str | None

    @property
    def waiting(self) -> bool:
        """Whether there is something that no invoice bills yet."""
        return self.billed_in is None and self.amount.minor != 0
