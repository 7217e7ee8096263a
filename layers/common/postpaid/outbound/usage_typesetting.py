"""Typeset a statement of usages; the look is functions/render_invoice/templates/usages.typ."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale

from postpaid.domain.instants import zone
from postpaid.domain.invoice_document import Party, places
from postpaid.domain.period import Period
from postpaid.domain.site import Address
from postpaid.domain.usage import Aggregation
from postpaid.domain.usage_statement import StatedLine, StatedUsage, UsageStatement
from postpaid.outbound.pages import (
    PRECISION,
    Pages,
    day_data,
    language,
    locale_named,
    one_line,
    party_data,
    quantity_pattern,
    spelled,
    spelled_days,
)

_TOTALS = {Aggregation.SUM: "Total", Aggregation.LAST: "Last", Aggregation.MAX: "Highest"}
_MINUS = "\N{MINUS SIGN}"

type _Spelling = Callable[[datetime], str]


class TypstStatementTypesetter:
    """Makes PDFs of statements; keeps the template and the fonts in memory: one per process."""

    def __init__(self, template_path: Path, font_dir: Path) -> None:
        self._pages = Pages(template_path, font_dir)

    def typeset(self, statement: UsageStatement) -> bytes:
        """Return the PDF; the same statement gives the same bytes.

        It is dated with the last day that it is about, whenever it was asked for.
        """
        with localcontext(PRECISION):
            data = _template_data(statement)
        return self._pages.typeset(data, _days(statement.period, zone(statement.timezone))[1])


def _template_data(statement: UsageStatement) -> Mapping[str, object]:
    locale = locale_named("en")
    place = zone(statement.timezone)
    first, last = _days(statement.period, place)
    clock = _clock(statement, place)
    return {
        **language(locale),
        "date": day_data(last),
        "about": one_line(_about(statement)),
        "subscription": one_line(statement.subscription_id),
        "period": spelled_days(first, last, locale),
        "timezone": statement.timezone,
        "count": spelled(Decimal(statement.count), quantity_pattern(locale, 0), locale),
        "seller": party_data(_party(statement.seller, None)),
        "customer": party_data(_party(statement.customer, statement.customer_id)),
        "lines": [_line_data(line, place, clock, locale) for line in statement.lines],
    }


def _about(statement: UsageStatement) -> str:
    if statement.number is not None:
        return f"Invoice {statement.number}"
    return "Draft invoice" if statement.draft else "Nothing charged"


def _line_data(
    line: StatedLine, place: ZoneInfo, clock: _Spelling, locale: Locale
) -> Mapping[str, object]:
    unit = one_line(line.unit) or None
    names = [line.item_price_id, *([line.line_id] if line.line_id != line.item_price_id else [])]
    days = spelled_days(*_days(line.period, place), locale)
    label = _TOTALS[line.aggregation]
    if line.earlier:
        label = "Change" if line.total is not None else "Changed"
    return {
        "description": one_line(line.description),
        "detail": one_line(" \N{MIDDLE DOT} ".join(names)),
        "earlier": f"Came or changed after {days} was billed" if line.earlier else None,
        "unit": unit,
        "usages": [_row(usage, place, clock, locale) for usage in line.usages],
        "total_label": label,
        "total": None if line.total is None else _spelled(line.total, locale),
        "count": _counted(line.usages, locale),
    }


def _row(
    usage: StatedUsage, place: ZoneInfo, clock: _Spelling, locale: Locale
) -> Sequence[str | None]:
    """Return day, time, name, what was billed before, quantity: as few words as there can be."""
    there = usage.at.astimezone(place)
    before = None if usage.before is None else _spelled(usage.before, locale)
    name = one_line(usage.name)
    return _day(there.date(), locale), clock(there), name, before, _spelled(usage.quantity, locale)


def _clock(statement: UsageStatement, place: ZoneInfo) -> _Spelling:
    """Return how times of day are spelled: as exactly as one of them needs.

    Seconds if there are any; the offset if there are several, for then a time may come twice.
    """
    seen = [usage.at.astimezone(place) for line in statement.lines for usage in line.usages]
    shape = "%H:%M:%S" if any(each.second for each in seen) else "%H:%M"
    shifts = len({each.utcoffset() for each in seen}) > 1

    def spell(at: datetime) -> str:
        return at.strftime(shape) + (f" {_offset(at.utcoffset() or timedelta())}" if shifts else "")

    return spell


@lru_cache(maxsize=64)
def _offset(offset: timedelta) -> str:
    sign, size = ("+", offset) if offset >= timedelta() else (_MINUS, -offset)
    minutes = size // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _counted(usages: Sequence[StatedUsage], locale: Locale) -> str:
    count = spelled(Decimal(len(usages)), quantity_pattern(locale, 0), locale)
    return f"{count} usage" if len(usages) == 1 else f"{count} usages"


@lru_cache(maxsize=4096)
def _spelled(number: Decimal, locale: Locale) -> str:
    return spelled(number, quantity_pattern(locale, places(number)), locale)


@lru_cache(maxsize=1024)
def _day(day: date, locale: Locale) -> str:
    return spelled_days(day, day, locale)


def _days(period: Period, place: ZoneInfo) -> tuple[date, date]:
    """Return the first and the last day of a period."""
    last_second = period.end - timedelta(seconds=1)
    return period.start.astimezone(place).date(), last_second.astimezone(place).date()


def _party(address: Address, reference: str | None) -> Party:
    return Party(
        name=address.name,
        address=address.lines,
        email=address.email,
        tax_id=address.tax_id,
        reference=reference,
    )
