"""The books that a client keeps by itself: what it asked, and what it was answered.

An answer is `ok`, `refused` or, if there was none or one that says "not now", unknown. Nothing else
enters these books; the service's own are held against them.
"""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Fact:
    """An acknowledged version of a usage, and where it was said to be billed."""

    subscription_id: str
    place: str
    version: int
    quantity: Decimal
    deleted: bool
    billing: str
    external_id: str | None = None


@dataclass
class Ledger:
    """What was acknowledged; each request about a usage names a quantity that no other names."""

    facts: list[Fact] = field(default_factory=list)
    refused: set[Decimal] = field(default_factory=set)
    unknown: set[Decimal] = field(default_factory=set)

    def ok(self, fact: Fact) -> None:
        """Note an acknowledged version."""
        self.facts.append(fact)
        self.unknown.discard(fact.quantity)

    def no(self, quantity: Decimal | None) -> None:
        """Note that what names this quantity was refused, for good."""
        if quantity is not None:
            self.refused.add(quantity)
            self.unknown.discard(quantity)

    def no_answer(self, quantity: Decimal | None) -> None:
        """Note that it is not known what became of what names this quantity."""
        if quantity is not None:
            self.unknown.add(quantity)
