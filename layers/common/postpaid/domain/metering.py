"""From usages to what a line is charged for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from postpaid.domain.money import EXACT
from postpaid.domain.usage import Aggregation, Usage


@dataclass(frozen=True, slots=True)
class Metered:
    """The live usages of one line in a term, in order of their dates; there is at least one."""

    quantities: tuple[Decimal, ...]

    def aggregate(self, how: Aggregation) -> Decimal:
        """Return one quantity: the sum, the last by usage date, or the greatest."""
        if how is Aggregation.LAST:
            return self.quantities[-1]
        if how is Aggregation.MAX:
            return max(self.quantities)
        total = Decimal(0)
        for quantity in self.quantities:
            total = EXACT.add(total, quantity)
        return total


def metered(usages: Iterable[Usage]) -> Mapping[str, Metered]:
    """Collect the live usages of each line; a line without any is absent.

    Sorted by date, then by event id, whatever order they come in.
    """
    lines: dict[str, list[Usage]] = {}
    for usage in usages:
        if not usage.deleted:
            lines.setdefault(usage.key.line_id, []).append(usage)
    return {line_id: Metered(_in_order(found)) for line_id, found in lines.items()}


def _in_order(usages: Sequence[Usage]) -> tuple[Decimal, ...]:
    ordered = sorted(usages, key=lambda usage: (usage.key.at, usage.key.event_id or ""))
    return tuple(usage.quantity for usage in ordered)
