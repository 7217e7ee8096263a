"""What a document may say: amounts that need no rounding, and add up."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.invoice_document import (
    DocumentLine,
    DocumentTotal,
    InvoiceDocument,
    Party,
    places,
)

LINES = (
    DocumentLine(description="Base fee", amount=Decimal("10.00")),
    DocumentLine(
        description="Call minutes",
        quantity=Decimal(361),
        unit="minute",
        unit_amount=Decimal("0.05"),
        amount=Decimal("18.05"),
    ),
)
DOCUMENT = InvoiceDocument(
    number="INV-000361",
    issued_on=date(2026, 11, 1),
    due_on=None,
    period_start=date(2026, 10, 1),
    period_end_inclusive=date(2026, 10, 31),
    currency="USD",
    minor_units=2,
    seller=Party(name="Acme Voice"),
    customer=Party(name="Globex"),
    lines=LINES,
    subtotal=Decimal("28.05"),
    totals=(DocumentTotal(label="Credit", amount=Decimal("-8.05")),),
    total=Decimal("20.00"),
)

PLACES = [
    ("0", 0),
    ("0.00", 0),
    ("0E+3", 0),
    ("1", 0),
    ("100", 0),
    ("1E+3", 0),
    ("1.0", 0),
    ("1.50", 1),
    ("-1.50", 1),
    ("18.05", 2),
    ("0.001", 3),
    ("0.12345678901234567890", 19),
    ("999999999999999999.00000000000000000001", 20),
]

WRONG: list[dict[str, Any]] = [
    {"minor_units": -1},
    {"minor_units": 1},
    {"period_start": date(2026, 11, 1)},
    {"subtotal": Decimal("28.06")},
    {"subtotal": Decimal("28.050000000000000000000000001")},
    {"total": Decimal("20.001")},
    {"totals": (DocumentTotal(label="Tax", amount=Decimal("0.005")),)},
    {"lines": ()},
    {"lines": LINES[:1]},
    {"lines": (replace(LINES[0], amount=Decimal("10.001")), LINES[1])},
    {"total": Decimal("NaN")},
    {"total": Decimal("Infinity")},
]


@pytest.mark.parametrize(("number", "expected"), PLACES)
def test_places_are_those_a_number_needs(number: str, expected: int) -> None:
    assert places(Decimal(number)) == expected


@given(st.integers(-(10**30), 10**30), st.integers(0, 30), st.integers(0, 5))
def test_zeros_at_the_end_need_no_places(digits: int, exponent: int, zeros: int) -> None:
    short, long = f"{digits}E-{exponent}", f"{digits}{'0' * zeros}E-{exponent + zeros}"

    assert places(Decimal(short)) == places(Decimal(long)) <= exponent


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_has_no_places(number: str) -> None:
    with pytest.raises(AssertionError):
        places(Decimal(number))
    with pytest.raises(AssertionError):
        replace(LINES[0], quantity=Decimal(number))
    with pytest.raises(AssertionError):
        replace(LINES[0], unit_amount=Decimal(number))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"totals": ()},
        {"minor_units": 4},
        {"minor_units": 0, "lines": (), "totals": (), "subtotal": Decimal(0)},
        {"period_end_inclusive": date(2026, 10, 1)},
        {"lines": (), "subtotal": Decimal(0)},
        {"subtotal": Decimal("28.0500000")},
    ],
    ids=str,
)
def test_a_document_of_whole_minor_units_that_add_up_is_made(changes: dict[str, Any]) -> None:
    assert replace(DOCUMENT, **changes).number == "INV-000361"


@pytest.mark.parametrize("changes", WRONG, ids=lambda changes: str(changes)[:60])
def test_a_document_that_would_be_wrong_is_not_made(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        replace(DOCUMENT, **changes)


def test_a_document_is_an_invoice_in_english_unless_told_otherwise() -> None:
    assert (DOCUMENT.title, DOCUMENT.locale, DOCUMENT.notes) == ("Invoice", "en", None)
    assert not DOCUMENT.totals[0].emphasis
