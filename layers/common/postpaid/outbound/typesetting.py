"""Typeset an invoice as a PDF: numbers and dates by Babel, the page by typst.

The look is functions/render_invoice/templates/invoice.typ. Text of users reaches it only as JSON
data, never as markup.
"""

import copy
import json
import re
import unicodedata
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
# Controls that are not white space, and marks that would print what follows in another order.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


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
        with localcontext(_PRECISION):
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
        # The 419 of Latin America is no region to typst.
        "region": locale.territory if (locale.territory or "").isalpha() else None,
        "date": {part: getattr(document.issued_on, part) for part in ("year", "month", "day")},
        "title": _one_line(document.title),
        "number": _one_line(document.number),
        "issued_on": _spelled_days(document.issued_on, document.issued_on, locale),
        "voided_on": document.voided_on
        and _spelled_days(document.voided_on, document.voided_on, locale),
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
    text = text or ""
    if not text.isprintable():
        text = _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@lru_cache(maxsize=64)
def _locale(name: str) -> Locale:
    """Return the locale to spell numbers and dates in; English where we have no letters for it."""
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return _ENGLISH
    likely: str = get_global("likely_subtags").get(locale.language, "")  # sr: sr_Cyrl_RS
    script = locale.script or likely.partition("_")[2].partition("_")[0]
    return locale if script in _SCRIPTS else _ENGLISH


@lru_cache(maxsize=256)
def _money_pattern(locale: Locale, currency: str, decimal_places: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(locale.currency_formats["standard"])
    symbol = get_currency_symbol(currency, locale)
    # A symbol of letters keeps its distance: KWD 1.000, 1.000 KWD.
    before = symbol + "\xa0" if symbol[-1:].isalpha() else symbol
    after = "\xa0" + symbol if symbol[:1].isalpha() else symbol

    def prefix(affix: str) -> str:
        return affix[:-1] + before if affix.endswith("¤") else affix.replace("¤", symbol)

    def suffix(affix: str) -> str:
        return after + affix[1:] if affix.startswith("¤") else affix.replace("¤", symbol)

    pattern.prefix = (prefix(pattern.prefix[0]), prefix(pattern.prefix[1]))
    pattern.suffix = (suffix(pattern.suffix[0]), suffix(pattern.suffix[1]))
    pattern.frac_prec = (decimal_places, decimal_places)
    return pattern


@lru_cache(maxsize=256)
def _quantity_pattern(locale: Locale, decimal_places: int) -> NumberPattern:
    pattern: NumberPattern = copy.copy(locale.decimal_formats[None])
    pattern.frac_prec = (0, decimal_places)
    return pattern


def _spelled(number: Decimal, pattern: NumberPattern, locale: Locale) -> str:
    text: str = pattern.apply(number or Decimal(0), locale)  # -0 is 0
    return text


def _spelled_days(first: date, last: date, locale: Locale) -> str:
    return format_interval(first, last, "yMMMd", locale=locale)
