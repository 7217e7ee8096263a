"""What the stack says when all is quiet, as its public API shows it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.soak.books import Place, Told

type Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One usage in one supplement: from the version that was billed to the one that is now."""

    usage_id: str
    billed_version: int
    billed_quantity: Fraction
    version: int
    quantity: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One supplement, as the list of late usages shows it."""

    subscription_id: str
    start: str
    end: str
    k: int
    amount: str
    invoice_id: str | None
    steps: tuple[Step, ...]
    lines: tuple[Shown, ...]

    def __str__(self) -> str:
        return f"supplement {self.k} of {self.subscription_id} from {self.start}"


@dataclass(frozen=True)
class Ending:
    """The subscriptions, live usages, whole invoices, late usages and credits there are."""

    subscriptions: Mapping[str, Shown]
    usages: Mapping[str, list[Shown]]
    invoices: list[Shown]
    late: list[Shown]
    credits: Mapping[str, list[Shown]]

    @cached_property
    def live(self) -> dict[Place, Told]:
        """The usages that are there."""
        found: dict[Place, Told] = {}
        for listed in self.usages.values():
            found |= {place_of(usage): told_of(usage) for usage in listed}
        return found

    @cached_property
    def entries(self) -> list[Entry]:
        """The supplements, each behind those of its term that were before it."""
        read = [_entry(each) for each in self.late]
        return sorted(read, key=lambda entry: (entry.subscription_id, entry.start, entry.k))

    @cached_property
    def firsts(self) -> dict[tuple[str, str], list[Shown]]:
        """The invoices of terms, by subscription and start; there should be one of each."""
        found = defaultdict(list)
        for invoice in self.invoices:
            if not invoice["supplement"]:
                found[invoice["subscription_id"], invoice["period"]["start"]].append(invoice)
        return dict(found)

    @cached_property
    def by_id(self) -> dict[str, Shown]:
        """The invoices by their id."""
        return {invoice["id"]: invoice for invoice in self.invoices}

    def steps(self) -> Iterator[tuple[Entry, Step]]:
        """Yield what supplements bill, usage by usage, in order."""
        for entry in self.entries:
            for step in entry.steps:
                yield entry, step


def place_of(usage: Shown) -> Place:
    """Read the identity of a usage."""
    return Place(
        usage["subscription_id"], usage["line_id"], usage["usage_date"], usage.get("event_id", "")
    )


def told_of(usage: Shown) -> Told:
    """Read what an answer says of a usage."""
    return Told(
        id=usage["id"],
        version=usage["version"],
        quantity=Fraction(usage["quantity"]),
        deleted=usage["deleted"],
        billing=usage.get("billing"),
        replayed=usage.get("replayed"),
    )


def _entry(late: Shown) -> Entry:
    return Entry(
        subscription_id=late["subscription_id"],
        start=late["term"]["start"],
        end=late["term"]["end"],
        k=late["supplement"],
        amount=late["amount"],
        invoice_id=late["invoice_id"],
        steps=tuple(
            Step(
                usage_id=each["id"],
                billed_version=each["billed_version"],
                billed_quantity=Fraction(each["billed_quantity"]),
                version=each["version"],
                quantity=Fraction(each["quantity"]),
            )
            for each in late["usages"]
        ),
        lines=tuple(late["lines"]),
    )
