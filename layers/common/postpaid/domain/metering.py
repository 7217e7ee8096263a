"""From usages to one quantity per line."""

from collections.abc import Iterable
from decimal import Decimal

from postpaid.domain.money import EXACT
from postpaid.domain.usage import Usage


def quantities(usages: Iterable[Usage]) -> dict[str, Decimal]:
    """Add up the live usages of each line; a line without any is absent."""
    sums: dict[str, Decimal] = {}
    for usage in usages:
        if not usage.deleted:
            line = usage.key.line_id
            sums[line] = EXACT.add(sums.get(line, Decimal(0)), usage.quantity)
    return sums
