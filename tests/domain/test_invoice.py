"""The life of an invoice, its id and its number."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.charge import Priced
from postpaid.domain.invoice import (
    INVOICE_STEPS,
    InvoiceLine,
    InvoiceStatus,
    LineKind,
    PaymentState,
    RenderState,
    invoice_id,
    serial_text,
)
from postpaid.domain.money import Money
from postpaid.domain.pricing import Component
from postpaid.domain.site import Scope
from tests.support.laws import instants
from tests.support.samples import OCTOBER, SCOPE, an_invoice, at

PENDING, ISSUED, SKIPPED, DELETED, VOIDED = InvoiceStatus

ALLOWED = {(PENDING, ISSUED), (PENDING, SKIPPED), (PENDING, DELETED), (ISSUED, VOIDED)}

# What an invoice has in each status, and so what it has not in the others.
NUMBERED: dict[str, Any] = {"serial": 361, "serial_text": "INV-000361", "render": RenderState.DONE}
WRITTEN: dict[str, Any] = {"content_hash": "0" * 64, "total": Money(1805, "USD")}
SHAPES: dict[InvoiceStatus, dict[str, Any]] = {
    PENDING: {},
    ISSUED: {**NUMBERED, **WRITTEN},
    SKIPPED: {**WRITTEN},
    DELETED: {},
    VOIDED: {**NUMBERED, **WRITTEN},
}
PARTS: dict[str, dict[str, Any]] = {
    "serial": {"serial": 361, "serial_text": "INV-000361"},
    "render": {"render": RenderState.PENDING},
    "content_hash": {"content_hash": "0" * 64},
    "total": {"total": Money(1805, "USD")},
    "number": NUMBERED,
    "content": WRITTEN,
}

# Ids are stored: a change here would make old invoices twice.
KNOWN_IDS = [
    (("acme", 1, "sub", "2026-11-01", 0), "inv_q4grewnjbyrvxxmeyv4c2rsh"),
    (("acme", 1, "sub", "2026-11-01", 1), "inv_do5aldtwtbtfmlr4hbo3gbms"),
    (("acme", 2, "sub", "2026-11-01", 0), "inv_qlwvsh7hebgzjdfx5alzqiir"),
]


@pytest.mark.parametrize("after", InvoiceStatus)
@pytest.mark.parametrize("before", InvoiceStatus)
def test_an_invoice_takes_only_these_steps(before: InvoiceStatus, after: InvoiceStatus) -> None:
    assert (after in INVOICE_STEPS[before]) == ((before, after) in ALLOWED)


def test_every_status_of_an_invoice_is_reached_from_pending() -> None:
    seen = {PENDING}
    for _ in InvoiceStatus:
        seen |= {after for before in seen for after in INVOICE_STEPS[before]}

    assert seen == set(INVOICE_STEPS) == set(InvoiceStatus)


@pytest.mark.parametrize("status", InvoiceStatus)
def test_an_invoice_has_what_its_status_says(status: InvoiceStatus) -> None:
    assert an_invoice(status=status, **SHAPES[status]).status is status


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("status", InvoiceStatus)
def test_an_invoice_has_nothing_more_and_nothing_less(status: InvoiceStatus, part: str) -> None:
    if (status, part) == (DELETED, "content"):
        # With its subscription, without content; on request, with what it would have said.
        assert an_invoice(status=status, **WRITTEN).amount_due is None
        return
    has = SHAPES[status].keys() >= PARTS[part].keys()
    kept = {name: value for name, value in SHAPES[status].items() if name not in PARTS[part]}
    shape = kept if has else kept | PARTS[part]

    with pytest.raises(AssertionError):
        an_invoice(status=status, **shape)


# What no invoice can be.
WRONG: list[tuple[InvoiceStatus, dict[str, Any]]] = [
    (ISSUED, {"paid": Money(1, "USD")}),
    (ISSUED, {"payments": 1}),
    (VOIDED, {"paid": Money(1, "USD"), "payments": 1}),
    (PENDING, {"paid": Money(1, "USD"), "payments": 1}),
    (ISSUED, {"voided_at": at("2026-11-02")}),
    (VOIDED, {"void_reason": "why"}),
    *((status, {"deleted_at": at("2026-11-02")}) for status in (PENDING, ISSUED, SKIPPED, VOIDED)),
    (DELETED, {"delete_reason": "why"}),
    (PENDING, {"due_on": date(2026, 11, 1)}),
    (ISSUED, {"issued_on": date(2026, 11, 2), "due_on": date(2026, 11, 1)}),
    *((status, {"series": "eu"}) for status in (PENDING, SKIPPED, DELETED)),
]


@pytest.mark.parametrize(("status", "more"), WRONG)
def test_an_invoice_says_nothing_that_it_has_not_come_to(
    status: InvoiceStatus, more: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        an_invoice(status=status, **SHAPES[status], **more)


@pytest.mark.parametrize("status", InvoiceStatus)
def test_nothing_is_due_of_an_invoice_that_is_not_issued(status: InvoiceStatus) -> None:
    invoice = an_invoice(status=status, **SHAPES[status])

    told = (invoice.amount_paid, invoice.amount_due, invoice.payment)

    due = (Money(0, "USD"), Money(1805, "USD"), PaymentState.DUE)
    assert told == (due if status is ISSUED else (None, None, None))


@pytest.mark.parametrize(("parts", "expected"), KNOWN_IDS)
def test_the_id_of_an_invoice_never_changes(
    parts: tuple[str, int, str, str, int], expected: str
) -> None:
    site, generation, group, end, k = parts

    assert invoice_id(Scope(site, generation), group, at(end), k) == expected


_boundaries = st.tuples(
    st.tuples(st.text("ab1:", min_size=1, max_size=4), st.integers(1, 12)),
    st.text("ab1:-#", min_size=1, max_size=6),
    instants,
    st.integers(0, 12),
)


@given(st.lists(_boundaries, unique=True, min_size=2, max_size=20))
def test_two_boundaries_never_share_an_invoice(boundaries: list[Any]) -> None:
    ids = {invoice_id(Scope(*scope), group, end, k) for scope, group, end, k in boundaries}

    assert len(ids) == len(boundaries)
    assert all(re.fullmatch(r"inv_[a-z2-7]{24}", each) for each in ids)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((Scope("a", 11), "1", 1), (Scope("a", 1), "11", 1)),
        ((Scope("a1", 1), "x", 1), (Scope("a", 11), "x", 1)),
        ((Scope("a", 1), "1:x", 0), (Scope("a", 1), "x", 0)),
        ((Scope("a", 1), "x", 1), (Scope("a", 1), "x", 11)),
    ],
)
def test_parts_of_an_id_do_not_run_into_each_other(one: Any, other: Any) -> None:
    ids = [invoice_id(scope, group, OCTOBER.end, k) for scope, group, k in (one, other)]

    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("prefix", "serial", "text"),
    [
        ("INV-", 1, "INV-000001"),
        ("INV-", 361, "INV-000361"),
        ("", 7, "000007"),
        ("2026/", 999999, "2026/999999"),
        ("INV-", 1000000, "INV-1000000"),
    ],
)
def test_a_number_is_printed_with_its_prefix(prefix: str, serial: int, text: str) -> None:
    assert serial_text(prefix, serial) == text


def _line(exact: str, minor: int, components: tuple[Component, ...]) -> InvoiceLine:
    return InvoiceLine(
        kind=LineKind.USAGE,
        line_id="minutes",
        item_price_id="minutes",
        price_version=1,
        description="Call minutes",
        unit="minute",
        period=OCTOBER,
        quantity=Decimal(361),
        amount=Money(minor, "USD"),
        priced=Priced(Decimal(exact), Decimal(361), components, ()),
        pricing={},
    )


def test_a_lines_amount_is_its_exact_amount_rounded() -> None:
    assert _line("18.045", 1805, ()).amount == Money(1805, "USD")
    for minor in (1804, 1806, -1805, 0):
        with pytest.raises(AssertionError):
            _line("18.045", minor, ())


def test_a_line_names_a_unit_price_only_where_all_units_had_the_same() -> None:
    one = Component(Decimal("18.05"), Decimal(361), Decimal("0.05"))
    flat = Component(Decimal(5))

    assert _line("18.05", 1805, (one,)).unit_amount == Decimal("0.05")
    assert _line("5", 500, (flat,)).unit_amount is None
    assert _line("23.05", 2305, (flat, one)).unit_amount is None
    assert _line("0", 0, ()).unit_amount is None


def test_an_invoice_of_a_live_site_is_not_that_of_its_test_twin() -> None:
    twins = {invoice_id(scope, "sub", OCTOBER.end, 0) for scope in (SCOPE, Scope("acme-test"))}

    assert len(twins) == 2
