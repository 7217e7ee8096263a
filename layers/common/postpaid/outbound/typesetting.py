"""Typeset an invoice as a PDF: numbers and dates by Babel, the page by typst.

The look is functions/render_invoice/templates/invoice.typ. Text of users reaches it only as JSON
data, never as markup.
"""

import copy
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from pathlib import Path

import typst
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_interval
from babel.numbers import NumberPattern, get_currency_symbol

from postpaid.domain.invoice_document import DocumentLine, InvoiceDocument, Party, places

# Archivable (PDF/A-3, which also admits attachments) and accessible (PDF/UA).
_STANDARDS: "list[typst.PDFStandard]" = ["a-3a", "ua-1"]
# The alphabets of our fonts. Numbers and dates of other locales are spelled in English.
_SCRIPTS = frozenset({"Latn", "Grek", "Cyrl"})
_ENGLISH = Locale("en")
# Enough for 38 digits before and 38 after the point.
_PRECISION = Context(prec=100)

_SURROGATE = re.compile("[\ud800-\udfff]")
# Controls, and the marks that would print the text after them in another order.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_BLANKS = re.compile("[ \t\n\r\v\f\x85\u2028\u2029]+")
_LETTER_MEETS_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


class TypstTypesetter:
    """Makes PDFs; keeps the template and the fonts in memory, so make one per process."""

    def __init__(self, template_path: Path, font_dir: Path) -> None:
        # Only what ships: typst's own fonts stand in for glyphs that ours lack.
        fonts = typst.Fonts(include_system_fonts=False, font_paths=[font_dir])
        self._compiler = typst.Compiler(
            template_path, root=template_path.parent, font_paths=fonts, ignore_system_fonts=True
        )

    def typeset(self, document: InvoiceDocument) -> bytes:
        """Return the PDF; the same document gives the same bytes.

        It claims PDF/A-3a and PDF/UA-1, unless a character has no glyph in any font: the
        standards forbid that, and then it is a plain PDF which shows a box in its place.
        """
        inputs = {"document": json.dumps(_template_data(document))}
        try:
            return self._compile(inputs, document.issued_on, _STANDARDS)
        except typst.TypstError:
            # A real fault of the template raises again here.
            return self._compile(inputs, document.issued_on, [])

    def _compile(
        self, inputs: dict[str, str], on: date, standards: "list[typst.PDFStandard]"
    ) -> bytes:
        pdf = self._compiler.compile(
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=standards,
            timestamp=datetime.combine(on, time(), UTC),
        )
        assert isinstance(pdf, bytes)
        return pdf


def _template_data(document: InvoiceDocument) -> Mapping[str, object]:
    locale = _locale(document.locale)
    currency = document.currency

    def money(amount: Decimal | None) -> str | None:
        if amount is None:
            return None
        shown = max(document.minor_units, places(amount))
        return _spelled(amount, _money_pattern(locale, currency, shown), locale)

    def quantity(number: Decimal | None) -> str | None:
        if number is None:
            return None
        return _spelled(number, _quantity_pattern(locale, places(number)), locale)

    def line_data(line: DocumentLine) -> Mapping[str, object]:
        return {
            "description": _one_line(line.description),
            "detail": _one_line(line.detail),
            "quantity": quantity(line.quantity),
            "unit": _one_line(line.unit) or None,
            "unit_amount": money(line.unit_amount),
            "amount": money(line.amount),
        }

    return {
        "lang": locale.language,
        "region": locale.territory if len(locale.territory or "") == 2 else None,
        "date": {part: getattr(document.issued_on, part) for part in ("year", "month", "day")},
        "title": _one_line(document.title),
        "number": _one_line(document.number),
        "issued_on": _spelled_days(document.issued_on, document.issued_on, locale),
        "due_on": document.due_on and _spelled_days(document.due_on, document.due_on, locale),
        "period": _spelled_days(document.period_start, document.period_end_inclusive, locale),
        "currency": _one_line(currency),
        "seller": _party_data(document.seller),
        "customer": _party_data(document.customer),
        "lines": [line_data(line) for line in document.lines],
        "subtotal": money(document.subtotal),
        "totals": [
            {"label": _one_line(row.label), "amount": money(row.amount), "emphasis": row.emphasis}
            for row in document.totals
        ],
        "total": money(document.total),
        "notes": [_one_line(line) for line in (document.notes or "").strip().splitlines()],
    }


def _party_data(party: Party) -> Mapping[str, object]:
    lines = [
        *party.address,
        party.email or "",
        f"Tax ID {party.tax_id}" if party.tax_id else "",
        f"Reference {party.reference}" if party.reference else "",
    ]
    return {
        "name": _one_line(party.name),
        "lines": [line for line in map(_one_line, lines) if line],
    }


def _one_line(text: str | None) -> str:
    blank_free = _BLANKS.sub(" ", text or "").strip()
    return _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", blank_free))


@lru_cache(maxsize=64)
def _locale(name: str) -> Locale:
    """Return the locale to spell numbers and dates in; English where we have no letters for it."""
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return _ENGLISH
    likely: str = get_global("likely_subtags").get(locale.language, "")
    script = locale.script or next((part for part in likely.split("_") if len(part) == 4), "")
    return locale if script in _SCRIPTS else _ENGLISH


@lru_cache(maxsize=256)
def _money_pattern(locale: Locale, currency: str, decimal_places: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(locale.currency_formats["standard"])
    symbol = get_currency_symbol(currency, locale)
    pattern.prefix = tuple(affix.replace("¤", symbol) for affix in pattern.prefix)
    pattern.suffix = tuple(affix.replace("¤", symbol) for affix in pattern.suffix)
    pattern.frac_prec = (decimal_places, decimal_places)
    return pattern


@lru_cache(maxsize=256)
def _quantity_pattern(locale: Locale, decimal_places: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(locale.decimal_formats[None])
    pattern.frac_prec = (0, decimal_places)
    return pattern


def _spelled(number: Decimal, pattern: NumberPattern, locale: Locale) -> str:
    with localcontext(_PRECISION):
        text = pattern.apply(number or Decimal(0), locale)  # -0 is 0
    return _LETTER_MEETS_DIGIT.sub("\xa0", text)  # KWD 1.000, not KWD1.000


def _spelled_days(first: date, last: date, locale: Locale) -> str:
    return format_interval(first, last, "yMMMd", locale=locale)
