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


@dataclass(frozen=True, slots=True)
class Charged:
    """An acknowledged one-time charge."""

    invoice_id: str
    id: str
    quantity: Decimal


@dataclass
class Charges:
    """What was acknowledged of one-time charges.

    Each request to put one on names a quantity that no other names, but for its repeats. *off* and
    *unknown_off* are the ids of those that were taken off, and perhaps were.
    """

    on: set[Charged] = field(default_factory=set)
    refused: set[Decimal] = field(default_factory=set)
    unknown: set[Decimal] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    unknown_off: set[str] = field(default_factory=set)

    def ok(self, charge: Charged) -> None:
        """Note that a charge was put on."""
        self.on.add(charge)
        self.unknown.discard(charge.quantity)

    def taken_off(self, charge_id: str) -> None:
        """Note that a charge was taken off."""
        self.off.add(charge_id)
        self.unknown_off.discard(charge_id)

    def no(self, charge_id: str | None, quantity: Decimal | None) -> None:
        """Note that a request was refused, for good; without a quantity it was to take one off."""
        if quantity is not None:
            self.refused.add(quantity)
            self.unknown.discard(quantity)
        elif charge_id is not None:
            self.unknown_off.discard(charge_id)

    def no_answer(self, charge_id: str | None, quantity: Decimal | None) -> None:
        """Note that it is not known what became of a request."""
        if quantity is not None:
            self.unknown.add(quantity)
        elif charge_id is not None:
            self.unknown_off.add(charge_id)

    def copy(self) -> "Charges":
        """Return books of their own in which all is the same."""
        return Charges(
            {*self.on}, {*self.refused}, {*self.unknown}, {*self.off}, {*self.unknown_off}
        )


@dataclass
class Ledger:
    """What was acknowledged; each request about a usage names a quantity that no other names."""

    facts: list[Fact] = field(default_factory=list)
    refused: set[Decimal] = field(default_factory=set)
    unknown: set[Decimal] = field(default_factory=set)
    charges: Charges = field(default_factory=Charges)

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
