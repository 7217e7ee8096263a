"""Count an invoice a second time, from the bytes that are stored of it (I-25).

Whole numbers and fractions only: nothing here is what the first count was made with, but the list
of currencies. It begins with the components of each line: what they add up to, what is due of that
by days, what was billed of it before; then come the taxes, the customer's credit and the total.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from postpaid.domain.bounds import Bound, bound_exceeded
from postpaid.domain.money import MINOR_UNITS
from postpaid.domain.site import TaxRounding

type Plain = Mapping[str, Any]
type Saying = tuple[str, Any, str]  # what it is, as it is said, and as it is counted here


def check_second_count(body: bytes, rounding: TaxRounding) -> None:
    """Check that all an invoice says it comes to is what it comes to (I-25).

    *rounding* is where its taxes were rounded. Raises `Conflict` with code `bound_exceeded`.
    """
    # Amounts are text; one that is not is none that is said here.
    plain = json.loads(body, parse_float=Fraction)
    for what, said, counted in _Count(plain, rounding).sayings():
        if said != counted:
            raise bound_exceeded(Bound.SECOND_COUNT, said, counted, what)


class _Count:
    """One invoice in its plain form; amounts are whole minor units."""

    def __init__(self, plain: Plain, rounding: TaxRounding) -> None:
        self._plain = plain
        self._places = int(MINOR_UNITS[plain["currency"]])
        self._rounding = rounding

    def sayings(self) -> Iterator[Saying]:
        """Return everything that can be counted, as it is said and as it is."""
        plain, amounts = self._plain, []
        for number, line in enumerate(plain["lines"], start=1):
            exact = _exact(line)
            if Fraction(line["exact_amount"]) != exact:
                yield f"the exact amount of line {number}", line["exact_amount"], str(exact)
            amounts.append(self._due(line, exact))
            yield f"the amount of line {number}", line["amount"], self._text(amounts[-1])
        subtotal = sum(amounts)
        yield "its subtotal", plain["subtotal"], self._text(subtotal)
        exclusive = 0
        taxes = self._taxes(amounts)
        said = {(each["name"], each["percent"], each["inclusive"]): each for each in plain["taxes"]}
        yield "the number of its taxes", str(len(plain["taxes"])), str(len(taxes))
        for key, (base, tax) in taxes.items():
            told = said.get(key, {})
            yield f"the base of {key[0]}", told.get("base"), self._text(base)
            yield f"its tax {key[0]}", told.get("amount"), self._text(tax)
            exclusive += 0 if key[2] else tax
        owed = max(subtotal + exclusive, 0)
        credit = 0 if plain["balance"] is None else self._minor(plain["balance"])
        yield "its total", plain["total"], self._text(owed - min(owed, credit))

    def _due(self, line: Plain, exact: Fraction) -> int:
        """Return what is due of a line: of a part of a period, by the days that are left."""
        whole = exact * 10**self._places
        if line["days"] is None:
            due = _rounded(whole)
        else:
            after, of = line["days_after"], line["days_in_period"]
            due = _rounded(whole * Fraction(after + line["days"], of))
            due -= _rounded(whole * Fraction(after, of))
        if line["billed_before"] is not None:
            due -= self._minor(line["billed_before"])
        return -due if line["kind"] == "credit" else due

    def _taxes(self, amounts: Iterable[int]) -> dict[tuple[str, str, bool], tuple[int, int]]:
        """Return base and tax by name, rate and inclusiveness."""
        found: dict[tuple[str, str, bool], tuple[int, Fraction]] = {}
        for line, amount in zip(self._plain["lines"], amounts, strict=True):
            if line["tax"] is None:
                continue
            rates, inclusive = line["tax"]["rates"], line["tax"]["inclusive"]
            percents = [Fraction(rate["percent"]) for rate in rates]
            whole = 100 + (sum(percents) if inclusive else 0)
            for rate, percent in zip(rates, percents, strict=True):
                tax = amount * percent * Fraction(1, whole)
                if self._rounding is TaxRounding.LINE:
                    tax = Fraction(_rounded(tax))
                key = (rate["name"], rate["percent"], inclusive)
                base, before = found.get(key, (0, Fraction(0)))
                found[key] = base + amount, before + tax
        return {key: (base, _rounded(tax)) for key, (base, tax) in found.items()}

    def _minor(self, text: str) -> int:
        return int(Fraction(text) * 10**self._places)

    def _text(self, minor: int) -> str:
        sign, digits = ("-" if minor < 0 else ""), str(max(minor, -minor))
        if not self._places:
            return sign + digits
        digits = digits.zfill(self._places + 1)
        return f"{sign}{digits[: -self._places]}.{digits[-self._places :]}"


def _exact(line: Plain) -> Fraction:
    """Add up the components of a line; what adjusted it last says what it left."""
    if line["steps"]:
        return Fraction(line["steps"][-1]["amount"])
    by_places: dict[int, int] = {}  # there may be a component for each of many usages
    for component in line["components"]:
        whole, _, decimals = component["amount"].partition(".")
        places = len(decimals)
        by_places[places] = by_places.get(places, 0) + int(whole + decimals)
    return sum((Fraction(n, 10**places) for places, n in by_places.items()), Fraction(0))


def _rounded(exact: Fraction) -> int:
    """Round half away from zero."""
    up = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    if exact >= 0:
        return up
    return -((-2 * exact.numerator + exact.denominator) // (2 * exact.denominator))
