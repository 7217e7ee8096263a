"""Series of invoice numbers: each counts from 1 without a gap, behind a prefix of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from postpaid.domain.errors import Invalid, LimitExceeded

MAIN = "main"  # the series that every site has
SERIES_MAX = 20
PREFIXES_MAX = 100  # of a site, those that its series had before included


@dataclass(frozen=True, slots=True)
class Series:
    """A series of invoice numbers, and what is printed before them.

    *former* are the prefixes it had before. They stay its own: there may be invoices with them.
    """

    id: str
    prefix: str
    former: tuple[str, ...] = ()

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All prefixes that its numbers may be printed with."""
        return (*self.former, self.prefix)

    def renamed(self, prefix: str) -> "Series":
        """Return the series with another prefix, which may be one that it had before."""
        former = tuple(each for each in self.prefixes if each != prefix)
        return replace(self, prefix=prefix, former=former)


def with_prefix(
    series: Iterable[Series], series_id: str, prefix: str, field: str
) -> tuple[Series, ...]:
    """Return the series of a site with one of them renamed, or a new one behind them.

    Raises `Invalid` naming *field* if two invoices could print the same number; `LimitExceeded`.
    """
    there = {each.id: each for each in series}
    old = there.get(series_id)
    there[series_id] = Series(series_id, prefix) if old is None else old.renamed(prefix)
    if len(there) > SERIES_MAX:
        raise LimitExceeded(
            "limit_exceeded", f"a site has at most {SERIES_MAX} series", field="series"
        )
    if sum(len(each.prefixes) for each in there.values()) > PREFIXES_MAX:
        raise LimitExceeded(
            "limit_exceeded",
            f"the series of a site have at most {PREFIXES_MAX} prefixes, former ones included",
            field=field,
        )
    for other in there.values():
        for taken in other.prefixes:
            if _ambiguous(prefix, taken, same_series=other.id == series_id):
                raise Invalid(
                    "invalid_field",
                    f"prints numbers that '{taken}' may print as well, which is or was the prefix "
                    f"of series '{other.id}'",
                    field=field,
                )
    return tuple(there.values())


def _ambiguous(prefix: str, taken: str, *, same_series: bool) -> bool:
    """Tell whether a number behind one prefix may be read as a number behind the other.

    `A` and the number 1000001 print what `A1` and the number 1 do. People tell numbers apart
    neither by case nor by spaces.
    """
    shorter, longer = sorted(
        ("".join(each.split()).casefold() for each in (prefix, taken)), key=len
    )
    if shorter == longer:
        return not same_series
    return longer.startswith(shorter) and longer.removeprefix(shorter).isdecimal()
