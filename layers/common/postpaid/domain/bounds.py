"""What an invoice is held to before it is frozen: no invoice rather than a wrong one.

    I-20  it charges no more than its site wants looked at; off unless the site says so
    I-21  it has no more lines than any subscription could have
    I-22  it charges no time of a line twice, and none that was charged before
    I-24  it gives back no more than was billed
    I-25  it comes to the same if it is counted again from what is stored

An invoice that breaks one is parked. Of these I-20 alone may be accepted by a request: it asks
whether somebody has looked, while the others say that something is wrong. (I-23, how many terms a
visit catches up with, is in `application.work_due`.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.money import Money
from postpaid.domain.quantity import decimal_text

# The median is of the last invoices of the same kind, at most and at least so many.
MEDIAN_OF_MAX = 6
MEDIAN_OF_MIN = 3
FACTOR_MAX = 1000


class Bound(StrEnum):
    """What may be broken."""

    HIGHEST_TOTAL = "highest_total"
    MEDIAN_FACTOR = "median_factor"
    LINES = "lines"
    PERIODS = "periods"
    GIVEN_BACK = "given_back"
    SECOND_COUNT = "second_count"


ACCEPTABLE = frozenset({Bound.HIGHEST_TOTAL, Bound.MEDIAN_FACTOR})

_SAID = {
    Bound.HIGHEST_TOTAL: "it charges {figure}, and the site's highest total is {limit} (I-20)",
    Bound.MEDIAN_FACTOR: "it charges {figure}, and {where} is {limit} (I-20)",
    Bound.LINES: "it has {figure} lines, and at most {limit} are allowed (I-21)",
    Bound.PERIODS: "it charges {where} {figure}, and {limit} is right (I-22)",
    Bound.GIVEN_BACK: "it gives back {figure} of {where}, and {limit} was billed (I-24)",
    Bound.SECOND_COUNT: "it says {figure} as {where}, and counted again that is {limit} (I-25)",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """Which bound an invoice breaks, by what *figure*, and where its *limit* is."""

    bound: Bound
    figure: str
    limit: str

    @property
    def acceptable(self) -> bool:
        """Whether a request to close may accept it."""
        return self.bound in ACCEPTABLE


def bound_exceeded(bound: Bound, figure: object, limit: object, where: str = "") -> Conflict:
    """Return the refusal to make an invoice that breaks a bound; *where* is in its text alone."""
    broken = Broken(bound, str(figure), str(limit))
    said = _SAID[bound].format(figure=broken.figure, limit=broken.limit, where=where)
    return Conflict("bound_exceeded", said, details=broken_details(broken))


def broken_details(broken: Broken) -> dict[str, object]:
    """Return a broken bound as members of a refusal."""
    return {
        "bound": broken.bound.value,
        "figure": broken.figure,
        "limit": broken.limit,
        "acceptable": broken.acceptable,
    }


def broken_by(refusal: Conflict) -> Broken | None:
    """Return the bound that a refusal is about, None if it is about something else."""
    if refusal.code != "bound_exceeded":
        return None
    told = refusal.details
    return Broken(Bound(told["bound"]), told["figure"], told["limit"])


@dataclass(frozen=True, slots=True)
class AmountBounds:
    """What a site wants looked at before it is issued (I-20); nothing unless it says so.

    *highest* has at most one amount of a currency. *factor* is how many times the median of a
    subscription's last invoices another one of that kind may be.
    """

    highest: tuple[Money, ...] = ()
    factor: Decimal | None = None

    def __post_init__(self) -> None:
        assert len({amount.currency for amount in self.highest}) == len(self.highest)
        if self.factor is not None and not 1 <= self.factor <= FACTOR_MAX:
            raise Invalid(
                "invalid_field", f"must lie from 1 to {FACTOR_MAX}", field="bounds.median_factor"
            )

    def check_highest(self, charges: Money) -> None:
        """Hold what an invoice charges to the highest total of its currency (I-20).

        Raises `Conflict` with code `bound_exceeded`.
        """
        for highest in self.highest:
            if highest.currency == charges.currency and charges.minor > highest.minor:
                raise bound_exceeded(Bound.HIGHEST_TOTAL, _told(charges), _told(highest))

    def check_median(self, charges: Money, before: Sequence[Money]) -> None:
        """Hold what an invoice charges to what the last ones did, the newest first (I-20).

        Raises `Conflict` with code `bound_exceeded`.
        """
        last = sorted(amount.minor for amount in before[:MEDIAN_OF_MAX])
        if self.factor is None or len(last) < MEDIAN_OF_MIN:
            return
        middle = len(last) // 2
        doubled = last[middle] + last[-middle - 1]
        # Whole minor units are above it exactly if they are above it rounded down.
        numerator, denominator = self.factor.as_integer_ratio()
        limit = Money(numerator * doubled // (2 * denominator), charges.currency)
        if charges.minor > limit.minor:
            where = f"{decimal_text(self.factor)} times the median of the last {len(last)}"
            raise bound_exceeded(Bound.MEDIAN_FACTOR, _told(charges), _told(limit), where)


def _told(amount: Money) -> str:
    return f"{amount} {amount.currency}"
