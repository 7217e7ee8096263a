"""The auditor's own arithmetic: exact fractions, rounded once to cents, half away from zero."""

from fractions import Fraction

from tests.soak.plan import Price


def charge(price: Price, quantity: Fraction) -> int:
    """Return what a quantity costs, in cents."""
    if price.model == "tiered":
        return cents(_graduated(price, quantity))
    rate = next(rate for bound, rate in price.tiers if bound is None or quantity <= Fraction(bound))
    return cents(quantity * Fraction(rate))


def tax(price: Price, amount: int) -> int:
    """Return the tax on a line of so many cents."""
    return 0 if price.tax_percent is None else _rounded(amount * Fraction(price.tax_percent) / 100)


def base_fee(price: Price) -> int:
    """Return what a whole term costs beside its usage, in cents."""
    return 0 if price.base_fee is None else cents(Fraction(price.base_fee))


def cents(amount: Fraction) -> int:
    """Round an amount of dollars to cents."""
    return _rounded(amount * 100)


def cents_of(text: str) -> int:
    """Read an amount that must be whole cents; raises `ValueError` if it is not."""
    exact = Fraction(text) * 100
    if exact.denominator != 1:
        raise ValueError(f"{text} is not an amount of cents")
    return exact.numerator


def _graduated(price: Price, quantity: Fraction) -> Fraction:
    total, below = Fraction(0), Fraction(0)
    for bound, rate in price.tiers:
        upper = quantity if bound is None else min(quantity, Fraction(bound))
        total += max(upper - below, Fraction(0)) * Fraction(rate)
        below = upper
    return total


def _rounded(exact: Fraction) -> int:
    size = int(abs(exact) + Fraction(1, 2))
    return size if exact >= 0 else -size
