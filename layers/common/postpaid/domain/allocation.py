"""Sharing an amount out, so that the shares always add up to it."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from postpaid.domain.money import Money


def allocate(total: Money, weights: Sequence[Decimal]) -> tuple[Money, ...]:
    """Share *total* out by *weights*, in minor units, by the largest remainders.

    Each share is its exact part rounded towards zero; the units that are left go, one each, to the
    shares that lost most by it, among equals to the earlier. Weights are zero or more, not all
    zero; a weight of zero gets nothing. A negative total is shared as its opposite is.
    """
    parts = [Fraction(weight) for weight in weights]
    whole = sum(parts, Fraction(0))
    assert whole > 0, "something must have a weight"
    assert min(parts) >= 0, "a weight is zero or more"
    sign = -1 if total.minor < 0 else 1
    size = sign * total.minor
    exact = [Fraction(size * part, whole) for part in parts]
    units = [share.numerator // share.denominator for share in exact]
    left = size - sum(units)
    by_loss = sorted(range(len(exact)), key=lambda index: units[index] - exact[index])
    for index in by_loss[:left]:
        units[index] += 1
    return tuple(Money(sign * unit, total.currency) for unit in units)
