"""From usages to the quantity a line is charged for."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from postpaid.domain.money import exact_sum
from postpaid.domain.usage import Aggregation, Usage


@dataclass(frozen=True, slots=True)
class Metered:
    """The live usages of one line in a term, in order of their dates; there is at least one.

    *dates* go with the quantities, one each.
    """

    quantities: tuple[Decimal, ...]
    dates: tuple[datetime, ...] = ()

    def aggregate(self, how: Aggregation) -> Decimal:
        """Return one quantity: the sum, the last by usage date, or the greatest."""
        if how is Aggregation.LAST:
            return self.quantities[-1]
        if how is Aggregation.MAX:
            return max(self.quantities)
        return exact_sum(self.quantities)

    def split(self, bounds: Sequence[datetime]) -> list["Metered | None"]:
        """Return the parts before, between and behind rising *bounds*; None where there is none.

        A usage dated at a bound is behind it.
        """
        places = [0, *(bisect_left(self.dates, bound) for bound in bounds), len(self.dates)]
        return [
            Metered(self.quantities[first:last], self.dates[first:last]) if first < last else None
            for first, last in pairwise(places)
        ]


def metered(usages: Iterable[Usage]) -> Mapping[str, Metered]:
    """Collect the live usages of each line; a line without any is absent.

    Sorted by date, then by event id, whatever order they come in.
    """
    lines: dict[str, list[Usage]] = {}
    for usage in usages:
        if not usage.deleted:
            lines.setdefault(usage.key.line_id, []).append(usage)
    return {line_id: _in_order(found) for line_id, found in lines.items()}


def _in_order(usages: Sequence[Usage]) -> Metered:
    ordered = sorted(usages, key=lambda usage: (usage.key.at, usage.key.event_id or ""))
    return Metered(
        tuple(usage.quantity for usage in ordered), tuple(usage.key.at for usage in ordered)
    )
