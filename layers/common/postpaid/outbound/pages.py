"""What all documents are made with: numbers and dates by Babel, the page by typst.

The look is in functions/render_invoice/templates. Text of users reaches it only as JSON data, never
as markup.
"""

import copy
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from functools import lru_cache
from pathlib import Path

import typst
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_interval
from babel.numbers import NumberPattern, get_currency_symbol

from postpaid.domain.invoice_document import Party

# Archivable (PDF/A-3, which also admits attachments) and accessible (PDF/UA).
_STANDARDS: "list[typst.PDFStandard]" = ["a-3a", "ua-1"]
# The alphabets of our fonts. Numbers and dates of other locales are spelled in English.
_SCRIPTS = frozenset({"Latn", "Grek", "Cyrl"})
_ENGLISH = Locale("en")
# A document of so many bytes is large; typst keeps what it computed for ten more documents, and
# several large ones would not fit into a function's memory.
_LARGE = 20_000
_KEPT = 10
# Enough for 38 digits before and 38 after the point.
PRECISION = Context(prec=100)

_SURROGATE = re.compile("[\ud800-\udfff]")
# Controls that are not white space, and marks that would print what follows in another order.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


class Pages:
    """Makes PDFs by one template, which it keeps in memory with the fonts: one per process."""

    def __init__(self, template_path: Path, font_dir: Path) -> None:
        self._fonts = _fonts(font_dir)
        self._compiler = typst.Compiler(
            template_path,
            root=template_path.parent,
            font_paths=self._fonts,
            ignore_system_fonts=True,
        )

    def typeset(self, data: Mapping[str, object], on: date) -> bytes:
        """Return the PDF of what the template reads; the same data give the same bytes.

        It claims PDF/A-3a and PDF/UA-1, unless a character has no glyph in any font: the
        standards forbid that, and then it is a plain PDF which shows a box in its place.
        """
        inputs = {"document": json.dumps(data)}
        try:
            return self._compile(inputs, on, _STANDARDS)
        except typst.TypstError:
            # A real fault of the template raises again here.
            return self._compile(inputs, on, [])
        finally:
            if len(inputs["document"]) > _LARGE:
                self._forget()

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

    def _forget(self) -> None:
        """Have typst give up what it keeps of earlier documents, by making others of nothing."""
        for _ in range(_KEPT + 1):
            empty = typst.Compiler(b" ", font_paths=self._fonts, ignore_system_fonts=True)
            empty.compile(format="pdf")


@lru_cache(maxsize=1)
def _fonts(font_dir: Path) -> typst.Fonts:
    # Only what ships: typst's own fonts stand in for glyphs that ours lack.
    return typst.Fonts(include_system_fonts=False, font_paths=[font_dir])


def language(locale: Locale) -> Mapping[str, object]:
    """Return what a template is told of a locale."""
    # The 419 of Latin America is no region to typst.
    region = locale.territory if (locale.territory or "").isalpha() else None
    return {"lang": locale.language, "region": region}


def day_data(day: date) -> Mapping[str, int]:
    """Return the parts of a date, as typst reads it."""
    return {"year": day.year, "month": day.month, "day": day.day}


def party_data(party: Party) -> Mapping[str, object]:
    """Return what a template reads of a party: its name, and the lines below."""
    lines = [
        *party.address,
        party.email or "",
        f"Tax ID {party.tax_id}" if party.tax_id else "",
        f"Reference {party.reference}" if party.reference else "",
    ]
    return {
        "name": one_line(party.name),
        "lines": [line for line in map(one_line, lines) if line],
    }


def one_line(text: str | None) -> str:
    """Return a text as it may be printed: composed, on one line, in the order it is read."""
    text = text or ""
    if not text.isprintable():
        text = _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", text))
    return unicodedata.normalize("NFC", " ".join(text.split()))


@lru_cache(maxsize=64)
def locale_named(name: str) -> Locale:
    """Return the locale to spell numbers and dates in; English where we have no letters for it."""
    try:
        locale = Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return _ENGLISH
    likely: str = get_global("likely_subtags").get(locale.language, "")  # sr: sr_Cyrl_RS
    script = locale.script or likely.partition("_")[2].partition("_")[0]
    return locale if script in _SCRIPTS else _ENGLISH


@lru_cache(maxsize=256)
def money_pattern(locale: Locale, currency: str, decimal_places: int) -> NumberPattern:
    """Return how money of a currency is spelled."""
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
def quantity_pattern(locale: Locale, decimal_places: int) -> NumberPattern:
    """Return how quantities are spelled."""
    pattern: NumberPattern = copy.copy(locale.decimal_formats[None])
    pattern.frac_prec = (0, decimal_places)
    return pattern


def spelled(number: Decimal, pattern: NumberPattern, locale: Locale) -> str:
    """Spell a number."""
    text: str = pattern.apply(number or Decimal(0), locale)  # -0 is 0
    return text


def spelled_days(first: date, last: date, locale: Locale) -> str:
    """Spell the days from the first to the last, or one day."""
    return format_interval(first, last, "yMMMd", locale=locale)
