"""Simple tax: rates in per cent on a line's amount, inclusive or exclusive.

A price's own rates come before its customer's. Rounding is per line, or once per rate on the total;
both are usual, and a site chooses. Tax is computed on rounded line amounts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from postpaid.domain.errors import Invalid
from postpaid.domain.money import MINOR_UNITS, Money
from postpaid.domain.site import TaxRounding

RATES_MAX = 10
PERCENT_MAX = 100


@dataclass(frozen=True, slots=True)
class TaxRate:
    """One tax: its name on the invoice and its rate in per cent."""

    name: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class TaxRates:
    """The taxes on an amount; *inclusive* amounts hold them already."""

    rates: tuple[TaxRate, ...]
    inclusive: bool

    def __post_init__(self) -> None:
        if len(self.rates) > RATES_MAX:
            raise Invalid(
                "invalid_field", f"must have at most {RATES_MAX} rates", field="tax.rates"
            )
        for index, rate in enumerate(self.rates):
            if not 0 <= rate.percent <= PERCENT_MAX:
                raise Invalid(
                    "invalid_field",
                    f"must lie from 0 to {PERCENT_MAX}",
                    field=f"tax.rates[{index}].percent",
                )

    def exact(self, amount: Money, rate: TaxRate) -> Fraction:
        """Return one rate's tax on an amount, exactly, in minor units."""
        parts = Fraction(rate.percent)
        whole = Fraction(100)
        if self.inclusive:
            whole += sum((Fraction(each.percent) for each in self.rates), Fraction(0))
        return Fraction(amount.minor * parts, whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxAmount:
    """The sum of one tax on an invoice: *amount* of *name* at *percent* on *base*."""

    name: str
    percent: Decimal
    inclusive: bool
    base: Money
    amount: Money


def taxes_on(
    lines: Iterable[tuple[Money, TaxRates | None]], currency: str, rounding: TaxRounding
) -> tuple[TaxAmount, ...]:
    """Return the taxes on lines of (amount, rates), one for each name, rate and inclusiveness.

    In order of first appearance; lines without rates bear none.
    """
    bases: dict[tuple[TaxRate, bool], int] = {}
    sums: dict[tuple[TaxRate, bool], Fraction] = {}
    for amount, rates in lines:
        if rates is None:
            continue
        for rate in rates.rates:
            key = (rate, rates.inclusive)
            tax = rates.exact(amount, rate)
            if rounding is TaxRounding.LINE:
                tax = Fraction(rounded_minor(tax))
            bases[key] = bases.get(key, 0) + amount.minor
            sums[key] = sums.get(key, Fraction(0)) + tax
    return tuple(
        TaxAmount(
            name=rate.name,
            percent=rate.percent,
            inclusive=inclusive,
            base=Money(bases[rate, inclusive], currency),
            amount=Money(rounded_minor(total), currency),
        )
        for (rate, inclusive), total in sums.items()
    )


def rounded_minor(exact: Fraction) -> int:
    """Round minor units to a whole number, half away from zero."""
    if exact < 0:
        return -rounded_minor(-exact)
    doubled = 2 * exact + 1
    return doubled.numerator // (2 * doubled.denominator)


def minor_fraction(amount: Decimal, currency: str) -> Fraction:
    """Return an exact amount in major units as a fraction of minor ones."""
    return Fraction(amount) * Fraction(10 ** int(MINOR_UNITS[currency]))
