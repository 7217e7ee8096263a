"""Paycycles: how often a package is invoiced, by the vendor's codes."""

from postpaid.domain.calendar import MONTHLY, Cadence
from postpaid.domain.errors import Invalid

PAYCYCLES = {
    "dly": Cadence("day", 1),
    "1wk": Cadence("week", 1),
    "2wk": Cadence("week", 2),
    "4wk": Cadence("week", 4),
    "8wk": Cadence("week", 8),
    "12w": Cadence("week", 12),
    "30d": Cadence("day", 30),
    "116": Cadence("half_month", 1),
    "mon": MONTHLY,
    "2mn": Cadence("month", 2),
    "qtr": Cadence("quarter", 1),
    "six": Cadence("half_year", 1),
    "yrl": Cadence("year", 1),
    "2yr": Cadence("year", 2),
    "3yr": Cadence("year", 3),
    "4yr": Cadence("year", 4),
    "5yr": Cadence("year", 5),
    "10y": Cadence("year", 10),
}
# Of a price: once per billing cycle, whatever that is.
EVERY = "evy"


def read_paycycle(code: str, field: str) -> Cadence:
    """Return how often a code says; raises `Invalid` naming *field*."""
    found = PAYCYCLES.get(code)
    if found is None:
        raise Invalid("invalid_field", f"must be one of {', '.join(PAYCYCLES)}", field=field)
    return found


def read_price_paycycle(code: str | None, field: str) -> Cadence | None:
    """Return the only cadence that a price is for, None for any; raises `Invalid`."""
    return None if code in {None, "", EVERY} else read_paycycle(str(code), field)


def shown_paycycle(cadence: Cadence | None) -> str:
    """Return the code of a cadence; one that the vendor has none for is spelled, `5_month`."""
    if cadence is None:
        return EVERY
    for code, known in PAYCYCLES.items():
        if known.agrees(cadence):
            return code
    return f"{cadence.count}_{cadence.unit}"
