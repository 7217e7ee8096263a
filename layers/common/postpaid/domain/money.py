"""Currencies and money in integer minor units; the one place that rounds."""

import contextvars
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    Inexact,
    Overflow,
    Underflow,
    setcontext,
)

from postpaid.domain.errors import Invalid

# Products of a 38-digit quantity and a 38-digit price, summed over any term, fit; a result that
# would still be rounded is a bug and raises instead of losing a digit.
EXACT = Context(prec=400, traps=[Inexact, Overflow, Underflow])
_ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP, traps=[Overflow, Underflow])

# Looked up once: to find a method on a context takes as long as what it computes.
add, subtract, multiply = EXACT.add, EXACT.subtract, EXACT.multiply
_whole = _ROUNDING.to_integral_value

# Where operators are exact, too. A copy of it is entered in a tenth of the time of `localcontext`.
_EXACTLY = contextvars.Context()
_EXACTLY.run(setcontext, EXACT)

_NOTHING = Decimal(0)

# ISO 4217 (list one, 2026): minor unit exponents. Funds, metals and test codes are left out.
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
    "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
    "TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
MINOR_UNITS: dict[str, int] = {
    code: places
    for places, codes in ((0, _ZERO), (2, _TWO), (3, _THREE), (4, _FOUR))
    for code in codes.split()
}
_MINOR_IN_MAJOR = {code: Decimal(10**places) for code, places in MINOR_UNITS.items()}


def check_currency(value: object, field: str) -> str:
    """Return *value* if it is an ISO 4217 code in upper case; raises `Invalid` naming *field*."""
    if not isinstance(value, str) or value not in MINOR_UNITS:
        raise Invalid("invalid_field", "must be an ISO 4217 currency code such as USD", field=field)
    return value


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency, in integer minor units (cents, yen, fils)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        assert self.currency in MINOR_UNITS, self.currency

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> "Money":
        """Round an exact amount in major units, half away from zero, to the minor unit."""
        return cls(in_minor_units(amount, currency), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with exactly the currency's places."""
        return EXACT.scaleb(Decimal(self.minor), -MINOR_UNITS[self.currency])

    def __add__(self, other: "Money") -> "Money":
        assert other.currency == self.currency, "money of two currencies is never added"
        return Money(self.minor + other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return format(self.decimal, "f")


def in_minor_units(amount: Decimal, currency: str) -> int:
    """Round an exact amount in major units, half away from zero, to whole minor units."""
    return int(_whole(multiply(amount, _MINOR_IN_MAJOR[currency])))


def whole(number: Decimal, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Round a number to a whole one, half away from zero unless told otherwise."""
    return number.to_integral_value(rounding, _ROUNDING)


def ceiling(number: Decimal) -> Decimal:
    """Return the least whole number that is not less."""
    return whole(number, ROUND_CEILING)


def floor(number: Decimal) -> Decimal:
    """Return the greatest whole number that is not greater."""
    return whole(number, ROUND_FLOOR)


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """Add numbers exactly, whatever context the caller has; zero if there are none."""
    return _EXACTLY.copy().run(sum, numbers, _NOTHING)


def total(parts: Iterable[Money], currency: str) -> Money:
    """Add amounts of one currency; zero if there are none."""
    minor = 0
    for part in parts:
        assert part.currency == currency, "money of two currencies is never added"
        minor += part.minor
    return Money(minor, currency)
