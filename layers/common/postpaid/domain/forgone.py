"""What is not charged of a term because invoices that held its usage were deleted.

A deleted invoice leaves its manifest: what usages were before, and what after. Where it took one
up, that much of the usage is free; where it took one down, that much was charged and is not given
back. Both are said in quantities, not in amounts, so that a later correction finds its own part of
a usage dealt with and nothing else, and so that an invoice that could not be rated is deleted like
any other. Amounts come from rating these quantities anew, each time the term is supplemented.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.money import EXACT
from postpaid.domain.supplement import Supplement
from postpaid.domain.usage import Usage

type Quantities = Mapping[str, Decimal]
type Part = tuple[Decimal, Decimal]  # of a quantity: from one that is left out up to another

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Forgone:
    """What deleted manifests of a term took up, each as the quantities before and after, by place.

    Before the first there was nothing, not even a minimum: that is None. *kept* are the parts of
    usages that stay charged, because what would have given them back was deleted.
    """

    steps: tuple[tuple[Quantities | None, Quantities], ...]
    kept: Mapping[str, Sequence[Part]]

    @classmethod
    def of(
        cls, first: InvoiceContent, later: Iterable[Supplement], deleted: Iterable[int]
    ) -> "Forgone | None":
        """Read it from the manifests of a term, of which those numbered *deleted* were.

        None if none was.
        """
        gone = frozenset(deleted)
        if not gone:
            return None
        steps: list[tuple[Quantities | None, Quantities]] = []
        kept: dict[str, list[Part]] = {}
        now: dict[str, Decimal] = {}
        for k, changed in enumerate(_changes(first, later)):
            was, now = now, {**now, **changed}
            if k not in gone:
                continue
            before = {place: _counted(was.get(place, _NOTHING), kept.get(place)) for place in now}
            for place, quantity in changed.items():
                if quantity < was.get(place, _NOTHING):
                    kept.setdefault(place, []).append((quantity, was[place]))
            after = {place: _counted(now[place], kept.get(place)) for place in now}
            if k == 0:
                steps.append((None, after))
            elif before != after:
                steps.append((before, after))
        return cls(tuple(steps), kept)

    def counted(self, placed: Iterable[tuple[str, Usage]]) -> list[tuple[str, Usage]]:
        """Return a term's usages, by place, with what stays charged of them."""
        return [
            (place, _with(usage, _counted(_quantity(usage), self.kept.get(place))))
            for place, usage in placed
        ]


def within(counted: Iterable[tuple[str, Usage]], quantities: Quantities) -> list[Usage]:
    """Return as much of usages, by place, as certain quantities are of them."""
    return [
        _with(usage, min(_quantity(usage), quantities.get(place, _NOTHING)))
        for place, usage in counted
    ]


def _changes(first: InvoiceContent, later: Iterable[Supplement]) -> list[Quantities]:
    own = {place: Decimal(quantity) for place, _, quantity in first.manifest}
    return [
        own,
        *({each.place: each.now.quantity for each in one.differences} for one in later),
    ]


def _quantity(usage: Usage) -> Decimal:
    return _NOTHING if usage.deleted else usage.quantity


def _with(usage: Usage, quantity: Decimal) -> Usage:
    """Return a usage with another quantity; none of it is as if it were deleted."""
    if quantity == _quantity(usage):
        return usage
    return replace(usage, quantity=quantity, deleted=not quantity)


def _counted(quantity: Decimal, kept: Sequence[Part] | None) -> Decimal:
    """Return how much a quantity and the parts that are kept are together, each but once."""
    reached = quantity
    found = quantity
    for start, end in sorted(kept or ()):
        if end > reached:
            found = EXACT.add(found, EXACT.subtract(end, max(start, reached)))
            reached = end
    return found
