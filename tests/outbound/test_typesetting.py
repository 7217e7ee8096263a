import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from postpaid.domain.invoice_document import DocumentLine, DocumentTotal, InvoiceDocument, Party
from postpaid.outbound.typesetting import TypstTypesetter

ROOT = Path(__file__).parents[2]
TYPESETTER = TypstTypesetter(
    ROOT / "functions/render_invoice/templates/invoice.typ", ROOT / "functions/render_invoice/fonts"
)

VOIP = InvoiceDocument(
    number="INV-000361",
    issued_on=date(2026, 11, 1),
    due_on=date(2026, 11, 15),
    period_start=date(2026, 10, 1),
    period_end_inclusive=date(2026, 10, 31),
    currency="USD",
    minor_units=2,
    seller=Party(
        name="Northwind Telecom Ltd",
        address=("18 Harbour Exchange", "London E14 9GE"),
        email="billing@northwind.example",
        tax_id="GB 417 2265 80",
    ),
    customer=Party(name="Blue Harbor Café", reference="CUST-00917"),
    lines=(
        DocumentLine(description="VoIP calls — base fee", amount=Decimal("10.00")),
        DocumentLine(
            description="VoIP calls",
            detail="Metered usage",
            quantity=Decimal(361),
            unit="minute",
            unit_amount=Decimal("0.05"),
            amount=Decimal("18.05"),
        ),
    ),
    subtotal=Decimal("28.05"),
    total=Decimal("28.05"),
    notes="Quote the invoice number.\nThank you.",
)

HOSTILE = [
    "#(1+1)",
    '#panic("x")',
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.0"',
    "#set page(fill: red)",
    "$x^2$",
    "*bold* _emphasis_ `raw`",
    "<label> @reference",
    "= heading",
    "// comment /* comment */",
    r"\u{41} \ ~ \#",
    "-> => --- ... 3x4",
    "\"double\" 'single'",
    "{{7*7}} ${7*7} %s",
    "<script>alert(1)</script>",
    "W" * 70,
    "a" * 100,
]


def single(amount: str, **changes: Any) -> InvoiceDocument:
    line = DocumentLine(description="One", amount=Decimal(amount))
    return replace(VOIP, lines=(line,), subtotal=Decimal(amount), total=Decimal(amount), **changes)


def with_lines(count: int) -> InvoiceDocument:
    lines = tuple(
        replace(VOIP.lines[1], description=f"Extension {n}", detail=None if n % 3 else "Tier 1")
        for n in range(1, count + 1)
    )
    amount = Decimal("18.05") * count
    return replace(VOIP, lines=lines, subtotal=amount, total=amount)


def pages(document: InvoiceDocument) -> list[str]:
    reader = PdfReader(io.BytesIO(TYPESETTER.typeset(document)))
    return [page.extract_text() for page in reader.pages]


def text(document: InvoiceDocument) -> str:
    """The document's words, one space between them: what is no blank in CLDR is one here."""
    return " ".join(" ".join(pages(document)).split())


def squeezed(words: str) -> str:
    return "".join(words.split())


def claims_standards(document: InvoiceDocument) -> bool:
    return b"pdfaid:part" in TYPESETTER.typeset(document)


def test_the_founding_example_is_one_page_that_says_everything() -> None:
    (page,) = pages(VOIP)
    for said in (
        *("Invoice", "INV-000361", "Nov 1, 2026", "Nov 15, 2026"),
        *("Northwind Telecom Ltd", "18 Harbour Exchange", "billing@northwind.example"),
        *("Tax ID GB 417 2265 80", "Blue Harbor Café", "Reference CUST-00917"),
        *("VoIP calls — base fee", "$10.00", "Metered usage", "361", "minute", "$0.05", "$18.05"),
        *("Subtotal", "Amount due", "USD", "$28.05", "Thank you.", "Page 1 of 1"),
    ):
        assert said in page
    assert "Oct 1 \u2013 31, 2026" in text(VOIP)


def test_a_voided_invoice_says_so_with_the_day_on_every_page() -> None:
    voided = replace(VOIP, voided_on=date(2026, 11, 5))
    (page,) = pages(voided)
    for said in ("Invoice", "INV-000361", "VOID", "Voided", "Nov 5, 2026", "Total", "$28.05"):
        assert said in page
    for not_said in ("Amount due", "Nov 15, 2026"):
        assert not_said not in page, "nothing is due any more"
    for ordinary in ("VOID", "Voided", "· void"):
        assert ordinary not in text(VOIP)
    many = replace(with_lines(60), voided_on=date(2026, 11, 5))
    assert len(pages(many)) == 3
    assert all("INV-000361 · void" in page for page in pages(many))
    nameless = replace(many, number="W" * 90)
    assert all("void" in page for page in pages(nameless))
    metadata = PdfReader(io.BytesIO(TYPESETTER.typeset(voided))).metadata
    assert metadata is not None
    assert metadata.title == "Invoice INV-000361 (void)"
    assert claims_standards(voided)


def test_a_voided_invoice_has_bytes_of_its_own_and_always_the_same() -> None:
    voided = replace(VOIP, voided_on=date(2026, 11, 5))

    assert TYPESETTER.typeset(voided) == TYPESETTER.typeset(voided)
    assert TYPESETTER.typeset(voided) != TYPESETTER.typeset(VOIP)
    later = replace(VOIP, voided_on=date(2026, 11, 6))
    assert TYPESETTER.typeset(voided) != TYPESETTER.typeset(later)


def test_the_same_document_gives_the_same_bytes_whatever_came_between() -> None:
    first = TYPESETTER.typeset(VOIP)
    other = TYPESETTER.typeset(with_lines(60))
    assert other != first
    assert TYPESETTER.typeset(VOIP) == first


def test_fresh_processes_give_the_same_bytes() -> None:
    code = (
        "import sys; from tests.outbound.test_typesetting import TYPESETTER, VOIP;"
        "sys.stdout.buffer.write(TYPESETTER.typeset(VOIP))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Pacific/Auckland"))
    ]
    assert runs == [TYPESETTER.typeset(VOIP)] * 2


def test_the_metadata_names_the_invoice_its_seller_and_its_date() -> None:
    reader = PdfReader(io.BytesIO(TYPESETTER.typeset(VOIP)))
    metadata = reader.metadata
    assert metadata is not None
    assert metadata.title == "Invoice INV-000361"
    assert metadata.author == "Northwind Telecom Ltd"
    assert metadata.creation_date is not None
    assert metadata.creation_date.date() == date(2026, 11, 1)
    assert str(reader.root_object["/Lang"]) == "en"


def test_the_document_is_tagged_archivable_and_passive() -> None:
    reader = PdfReader(io.BytesIO(TYPESETTER.typeset(VOIP)))
    assert claims_standards(VOIP)
    assert "/StructTreeRoot" in reader.root_object
    assert not {"/OpenAction", "/AA", "/AcroForm", "/Names"} & reader.root_object.keys()
    assert not any("/Annots" in page for page in reader.pages)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_in_any_field_appears_literally(hostile: str) -> None:
    party = Party(
        name=hostile, address=(hostile,), email=hostile, tax_id=hostile, reference=hostile
    )
    line = replace(VOIP.lines[1], description=hostile, detail=hostile, unit=hostile)
    document = replace(
        VOIP,
        number=hostile,
        title=hostile,
        seller=party,
        customer=party,
        lines=(line,),
        subtotal=Decimal("18.05"),
        totals=(DocumentTotal(label=hostile, amount=Decimal(0)),),
        total=Decimal("18.05"),
        notes=hostile,
    )
    # Title, number, two parties of five, the line's three, a total and the notes; the footer may
    # repeat a short name and number.
    found = squeezed(text(document)).count(squeezed(hostile))
    assert found in {17, 19}
    reader = PdfReader(io.BytesIO(TYPESETTER.typeset(document)))
    assert reader.metadata is not None
    assert reader.metadata.author == hostile


def test_a_long_id_wraps_and_is_copied_whole() -> None:
    long_id = "sub_" + "Ab3dEf7hIj" * 12
    document = replace(VOIP, lines=tuple(replace(it, detail=long_id) for it in VOIP.lines))
    (page,) = pages(document)
    assert long_id not in page
    assert page.replace("\n", "").count(long_id) == 2


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        pytest.param("exe.\u202egnp", "exe.gnp", id="right-to-left override"),
        pytest.param("\u2066a\u2069b", "ab", id="isolates"),
        pytest.param("a\x00\x07b\x85\u2028 \t c", "ab c", id="controls and white space"),
        pytest.param("a\ud800b", "a\ufffdb", id="half of a surrogate pair"),
        pytest.param("Cafe\u0301", "Café", id="decomposed accents"),
    ],
)
def test_what_would_deceive_or_fail_is_not_printed(written: str, printed: str) -> None:
    document = replace(VOIP, customer=Party(name=f"<{written}>"))
    assert f"<{printed}>" in text(document)


@pytest.mark.parametrize(
    "name",
    ["Łódź Žižkov Ğüşİ ßœ", "Αθήνα Ώχ", "Київ Щёлково Ђорђе", "Việt Nam", "€ £ ¥ ₹ ₺ ₽ ₩ ₫ ₴ ₦"],
)
def test_the_fonts_have_the_letters_of_europe(name: str) -> None:
    document = replace(VOIP, customer=Party(name=name))
    assert name in text(document)
    assert claims_standards(document)


@pytest.mark.parametrize("name", ["漢字", "😀", "\ue000", "ꙮ𒀀"])
def test_a_letter_without_a_glyph_costs_the_standards_but_not_the_document(name: str) -> None:
    document = replace(VOIP, customer=Party(name=name, address=("27 Quay Street",)))
    assert "27 Quay Street" in text(document)
    assert not claims_standards(document)


@pytest.mark.parametrize(
    ("currency", "minor_units", "locale", "amount", "printed"),
    [
        ("USD", 2, "en", "1234567.5", "$1,234,567.50"),
        ("USD", 2, "en", "-5", "-$5.00"),
        ("USD", 2, "en", "-0", "$0.00"),
        ("USD", 2, "en-GB", "5", "US$5.00"),
        ("JPY", 0, "en", "1234", "¥1,234"),
        ("JPY", 0, "ja", "1234", "¥1,234"),
        ("KWD", 3, "en", "1200.5", "KWD 1,200.500"),
        ("KWD", 3, "de", "1200.5", "1.200,500 KWD"),
        ("EUR", 2, "de", "1234.5", "1.234,50 €"),
        ("EUR", 2, "fr", "1234.5", "1 234,50 €"),
        ("CHF", 2, "de-CH", "1234.5", "CHF 1\u2019234.50"),
        ("INR", 2, "en_IN", "1234567", "₹12,34,567.00"),
        ("USD", 2, "en", "1E+3", "$1,000.00"),
        ("USD", 2, "en", "9" * 38 + ".99", "$99" + ",999" * 12 + ".99"),
    ],
)
def test_money_is_spelled_in_the_locale_and_never_rounded(
    currency: str, minor_units: int, locale: str, amount: str, printed: str
) -> None:
    document = single(amount, currency=currency, minor_units=minor_units, locale=locale)
    # The line, the subtotal and twice the amount due.
    assert squeezed(text(document)).count(squeezed(printed)) == 4


@pytest.mark.parametrize(
    ("unit_amount", "printed"),
    [("0.05", "$0.05"), ("0.00035", "$0.00035"), ("2", "$2.00"), ("1.50000", "$1.50")],
)
def test_a_unit_price_keeps_its_precision(unit_amount: str, printed: str) -> None:
    line = replace(VOIP.lines[1], unit_amount=Decimal(unit_amount))
    assert f"361 minute {printed} $18.05" in text(replace(VOIP, lines=(VOIP.lines[0], line)))


@pytest.mark.parametrize(
    ("quantity", "locale", "printed"),
    [
        ("361.000", "en", "361"),
        ("1284560", "en", "1,284,560"),
        ("1284.0625", "de", "1.284,0625"),
        ("0.000000000001", "en", "0.000000000001"),
        ("-3", "en", "-3"),
        ("0", "en", "0"),
    ],
)
def test_a_quantity_has_separators_and_no_trailing_zeros(
    quantity: str, locale: str, printed: str
) -> None:
    line = replace(VOIP.lines[1], quantity=Decimal(quantity))
    document = replace(VOIP, lines=(VOIP.lines[0], line), locale=locale)
    assert f" {printed} minute " in text(document)


@pytest.mark.parametrize(
    ("locale", "end", "period"),
    [
        ("en", date(2026, 10, 31), "Oct 1 \u2013 31, 2026"),
        ("en-GB", date(2026, 10, 31), "1\u201331 Oct 2026"),
        ("en_GB", date(2026, 11, 30), "1 Oct \u2013 30 Nov 2026"),
        ("en-GB", date(2027, 9, 30), "1 Oct 2026 \u2013 30 Sept 2027"),
        ("en-GB", date(2026, 10, 1), "1 Oct 2026"),
        ("de", date(2026, 10, 31), "1.\u201331. Okt. 2026"),
        ("el", date(2026, 10, 31), "1\u201331 Οκτ 2026"),
        pytest.param("ja", date(2026, 10, 31), "Oct 1 \u2013 31, 2026", id="no Japanese letters"),
        pytest.param("tlh", date(2026, 10, 31), "Oct 1 \u2013 31, 2026", id="unknown language"),
        pytest.param("../x", date(2026, 10, 31), "Oct 1 \u2013 31, 2026", id="no locale at all"),
    ],
)
def test_dates_are_spelled_in_the_locale_or_in_english(locale: str, end: date, period: str) -> None:
    document = replace(VOIP, locale=locale, period_end_inclusive=end)
    assert f" {period} " in text(document)


def test_forty_lines_flow_to_a_second_page_under_the_same_header() -> None:
    first, second = pages(with_lines(40))
    for page in (first, second):
        for header in ("Description", "Quantity", "Unit price", "Amount"):
            assert header in page
    assert "Page 1 of 2" in first
    assert "Page 2 of 2" in second
    assert "INV-000361" in second
    assert "$722.00" in second


@pytest.mark.parametrize("count", range(12, 26))
def test_the_last_page_has_a_line_the_totals_and_the_notes(count: int) -> None:
    words = " ".join(pages(with_lines(count))[-1].split())
    for said in (f"Extension {count} ", "Subtotal", "Amount due", "Thank you."):
        assert said in words


def test_a_description_of_several_pages_flows() -> None:
    line = DocumentLine(description="word " * 3000, amount=Decimal(5))
    document = replace(single("5"), lines=(line,))
    assert text(document).count("word") == 3000


def test_columns_that_no_line_uses_are_left_out() -> None:
    words = text(single("10"))
    assert "Amount" in words
    assert "Quantity" not in words
    assert "Unit" not in words


def test_an_invoice_needs_little_to_be_whole() -> None:
    document = replace(
        VOIP,
        seller=Party(name="A"),
        customer=Party(name="B"),
        lines=(),
        subtotal=Decimal(0),
        total=Decimal(0),
        due_on=None,
        notes=None,
    )
    words = text(document)
    assert "Amount due USD $0.00" in words
    assert "Due" not in words


def test_further_totals_stand_between_the_subtotal_and_the_amount_due() -> None:
    totals = (
        DocumentTotal(label="VAT 20 %", amount=Decimal("5.61")),
        DocumentTotal(label="Total", amount=Decimal("33.66"), emphasis=True),
        DocumentTotal(label="Credit", amount=Decimal("-3.66")),
    )
    said = "Subtotal $28.05 VAT 20 % $5.61 Total $33.66 Credit -$3.66 Amount due USD $30.00"
    assert said in text(replace(VOIP, totals=totals, total=Decimal(30)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"total": Decimal("28.055")}, id="an amount that printing would round"),
        pytest.param(
            {"subtotal": Decimal("28.04")}, id="a subtotal that is not the sum of the lines"
        ),
        pytest.param({"total": Decimal("NaN")}, id="an amount that is no number"),
        pytest.param({"period_start": date(2026, 11, 1)}, id="a period that ends before it starts"),
    ],
)
def test_a_document_that_contradicts_itself_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        replace(VOIP, **change)
