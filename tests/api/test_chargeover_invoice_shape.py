"""Invoices and their lines as the ChargeOver door shows them, by tables."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from postpaid.api.chargeover.invoice_lines import (
    Sold,
    line_item_id,
    package_line_id,
    shown_line,
)
from postpaid.api.chargeover.invoice_shape import shown_content, shown_head
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.invoice import (
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LineKind,
    RenderState,
    Share,
    line_amount,
)
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.line import Line
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.site import Address, Scope
from postpaid.domain.tax import TaxAmount, TaxRate, TaxRates
from postpaid.domain.usage import Recording

SCOPE = Scope("acme")
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SEPTEMBER = Period(at("2015-09-01T04:00"), at("2015-10-01T04:00"))
OCTOBER = Period(at("2015-10-01T04:00"), at("2015-11-01T04:00"))


# --- where an invoice stands


def invoice(status: InvoiceStatus = InvoiceStatus.ISSUED, **changes: Any) -> Invoice:
    return Invoice(
        **{
            "id": "inv_x",
            "number": 7,
            "customer_id": "harbor",
            "subscription_id": "calls",
            "currency": "USD",
            "status": status,
            "period_end": SEPTEMBER.end,
            "k": 0,
            "term_start": SEPTEMBER.start,
            "created_at": at("2015-10-01T04:01"),
            "total": Money(2805, "USD"),
            "serial": 361,
            "serial_text": "INV-000361",
            "issued_on": date(2015, 10, 1),
            "due_on": date(2015, 10, 31),
            "content_hash": "hash",
            "render": RenderState.PENDING,
            **changes,
        }
    )


def paid(minor: int) -> dict[str, Any]:
    return {"paid": Money(minor, "USD"), "payments": 1}


# what of an invoice is different, today, its status, days overdue, balance
STANDING: list[tuple[dict[str, Any], str, str, int, str]] = [
    ({}, "2015-10-01", "open-unpaid", 0, "28.05"),
    ({}, "2015-10-31", "open-unpaid", 0, "28.05"),
    ({}, "2015-11-01", "open-overdue", 1, "28.05"),
    ({}, "2016-01-01", "open-overdue", 62, "28.05"),
    ({"due_on": None}, "2016-01-01", "open-unpaid", 0, "28.05"),
    (paid(1000), "2015-10-31", "open-unpaid", 0, "18.05"),
    (paid(1000), "2015-11-02", "open-overdue", 2, "18.05"),
    (paid(2805), "2015-11-02", "closed-paid", 0, "0.00"),
    ({"total": Money(0, "USD")}, "2015-11-02", "closed-paid", 0, "0.00"),
    ({"credit_applied": Money(500, "USD")}, "2015-10-02", "open-unpaid", 0, "28.05"),
    (
        {"status": InvoiceStatus.VOIDED, "voided_at": at("2015-10-05")},
        "2015-11-02",
        "closed-void",
        0,
        "0.00",
    ),
]


@pytest.mark.parametrize(("changes", "today", "status", "overdue", "balance"), STANDING)
def test_an_invoice_stands_where_its_day_and_payments_put_it(
    changes: dict[str, Any], today: str, status: str, overdue: int, balance: str
) -> None:
    shown = shown_head(
        invoice(**changes), scope=SCOPE, today=date.fromisoformat(today), place=NEW_YORK
    )

    assert shown["invoice_status_str"] == status
    assert shown["invoice_status_state"] == status[0]
    assert shown["days_overdue"] == overdue
    assert str(shown["balance"]) == balance
    assert shown["is_paid"] == status.startswith("closed")
    assert shown["is_void"] == (status == "closed-void")
    assert shown["is_overdue"] == (status == "open-overdue")


def test_credit_is_taken_off_the_total_and_goes_back_with_a_void() -> None:
    credit = {"credit_applied": Money(500, "USD"), **paid(1000)}
    void = {"status": InvoiceStatus.VOIDED, "voided_at": at("2015-10-05")}

    shown = [
        shown_head(invoice(**changes), scope=SCOPE, today=date(2015, 10, 2), place=NEW_YORK)
        for changes in (credit, void | {"credit_applied": Money(500, "USD")})
    ]

    names = ("total", "credits", "payments", "applied", "balance")
    assert [[str(each[name]) for name in names] for each in shown] == [
        ["33.05", "5.00", "10.00", "15.00", "18.05"],
        ["33.05", "0.00", "0.00", "0.00", "0.00"],
    ]


def test_an_invoice_changed_when_it_was_issued_or_voided() -> None:
    late = invoice(issued_on=date(2015, 10, 9), due_on=None)
    void = invoice(InvoiceStatus.VOIDED, voided_at=at("2015-10-20"))

    shown = [
        shown_head(each, scope=SCOPE, today=date(2015, 10, 20), place=NEW_YORK)
        for each in (invoice(), late, void)
    ]

    assert [(each["write_datetime"], each["mod_datetime"]) for each in shown] == [
        (at("2015-10-01T04:01"), at("2015-10-01T04:01")),
        (at("2015-10-09T04:00"), at("2015-10-09T04:00")),
        (at("2015-10-01T04:01"), at("2015-10-20")),
    ]


# --- lines


PER_UNIT = {"pricing_model": "per_unit", "unit_amount": "0.05"}
TIERED = {
    "pricing_model": "tiered",
    "tiers": [
        {"up_to": "100", "unit_amount": "0.05"},
        {"up_to": None, "unit_amount": "0.04"},
    ],
}
FLAT = {"pricing_model": "flat_fee", "amount": "20"}


def line(
    kind: LineKind, pricing: dict[str, Any], quantity: str | None, **changes: Any
) -> InvoiceLine:
    charge = Charge.from_plain(pricing)
    priced = charge.price(Decimal(quantity or "0"))
    share = changes.pop("share", None)
    amount = line_amount(priced.amount, "USD", share)
    before = changes.get("billed_before")
    if before is not None:
        amount += -before
    values = {
        "kind": kind,
        "line_id": "voip-line",
        "item_price_id": "voip",
        "price_version": 1,
        "description": "VoIP Service",
        "unit": "minute",
        "period": SEPTEMBER,
        "quantity": None if quantity is None else Decimal(quantity),
        "amount": -amount if kind is LineKind.CREDIT else amount,
        "priced": priced,
        "pricing": charge.to_plain(),
        "days": share and share.days,
        "days_after": share and share.after,
        "days_in_period": share and share.of,
    }
    return InvoiceLine(**values | changes)


ITEM = Item(
    id="voip",
    number=12,
    name="VoIP",
    type=ItemType.PLAN,
    metered=True,
    unit="minute",
    recording=Recording.EVENTS,
    created_at=at("2015-01-01"),
)
PRICE = ItemPrice(
    id="voip",
    number=24,
    item_id="voip",
    name="VoIP Service",
    currency="USD",
    version=1,
    charge=Charge.from_plain(PER_UNIT),
    base_fee=Decimal(10),
    created_at=at("2015-01-01"),
)
BASE_10 = {"pricing_model": "flat_fee", "amount": "10.00"}
HALF = Share(15, 15, 30)
# a line, its rate, quantity, usage and total, and those of its flags that are true
LINES: list[tuple[InvoiceLine, str, str, str, str, str]] = [
    (line(LineKind.BASE_FEE, BASE_10, None), "10.00", "1", "0", "10.00", "base recurring"),
    (line(LineKind.USAGE, PER_UNIT, "361"), "0.05", "361", "361", "18.05", "usage recurring"),
    (line(LineKind.USAGE, PER_UNIT, "0.5"), "0.05", "0.5", "0.5", "0.03", "usage recurring"),
    (
        line(LineKind.USAGE, TIERED, "361"),
        "0.042770",
        "361",
        "361",
        "15.44",
        "usage recurring",
    ),
    (
        line(LineKind.USAGE, PER_UNIT | {"free_units": "400"}, "361"),
        "0.000000",
        "361",
        "361",
        "0.00",
        "usage recurring free",
    ),
    (
        line(LineKind.USAGE, PER_UNIT | {"minimum": "5"}, "0"),
        "5.00",
        "1",
        "0",
        "5.00",
        "usage recurring",
    ),
    (line(LineKind.RECURRING, PER_UNIT, "40"), "0.05", "40", "0", "2.00", "base recurring"),
    (line(LineKind.RECURRING, FLAT, "40"), "20.00", "1", "0", "20.00", "base recurring"),
    (
        line(LineKind.RECURRING, PER_UNIT, "40", share=HALF),
        "1.00",
        "1",
        "0",
        "1.00",
        "base recurring",
    ),
    (
        line(LineKind.CREDIT, PER_UNIT, "40", share=HALF),
        "-1.00",
        "1",
        "0",
        "-1.00",
        "base recurring",
    ),
    (line(LineKind.ONE_TIME, PER_UNIT, "40"), "0.05", "40", "0", "2.00", ""),
    (
        line(LineKind.SUPPLEMENT, PER_UNIT, "361", billed_before=Money(1700, "USD")),
        "1.05",
        "1",
        "0",
        "1.05",
        "usage recurring",
    ),
]


@pytest.mark.parametrize(("sold", "rate", "quantity", "usage", "amount", "flags"), LINES)
def test_a_line_says_its_rate_its_quantity_and_what_it_is(
    sold: InvoiceLine, rate: str, quantity: str, usage: str, amount: str, flags: str
) -> None:
    shown = shown_line(7, 0, sold, sold=Sold(ITEM, PRICE), package_line=854, tax=None, scope=SCOPE)

    names = ("line_rate", "line_quantity", "line_usage", "line_total")
    assert [str(shown[name]) for name in names] == [rate, quantity, usage, amount]
    kinds = ("base", "usage", "setup", "recurring", "free")
    assert [name for name in kinds if shown[f"is_{name}"]] == flags.split()
    assert (shown["item_id"], shown["tierset_id"], shown["package_line_id"]) == (12, 24, 854)


def test_a_line_with_tax_says_how_much_of_it_is_taxed() -> None:
    base = line(LineKind.BASE_FEE, BASE_10, None)

    with_tax, without = (
        shown_line(7, 0, base, sold=Sold(ITEM, PRICE), package_line=1, tax=tax, scope=SCOPE)
        for tax in (Money(83, "USD"), None)
    )

    names = ("is_taxed", "tax_taxable", "tax_taxed", "tax_total")
    assert [str(with_tax[name]) for name in names] == ["1", "10.00", "10.00", "0.83"]
    assert [str(without[name]) for name in names] == ["0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("number", "index", "identifier"),
    [(1, 0, 257), (1, 254, 511), (2, 0, 513), (4_194_303, 254, 2**30 - 1)],
)
def test_a_lines_integer_is_its_place_on_its_invoice(
    number: int, index: int, identifier: int
) -> None:
    assert line_item_id(number, index) == identifier


@pytest.mark.parametrize("number", [1, 2, 4_194_303, 4_194_304, 2**31 - 1])
def test_the_lines_of_an_invoice_have_integers_of_their_own_in_32_bits(number: int) -> None:
    found = [line_item_id(number, index) for index in range(40_000)]

    assert len(set(found)) == len(found)
    assert min(found) > 0
    assert max(found) < 2**31


def test_the_first_lines_of_different_invoices_have_different_integers() -> None:
    found = [line_item_id(number, index) for number in range(1, 300) for index in range(255)]
    beyond = {line_item_id(1, index) for index in range(255, 1000)}

    assert len(set(found)) == len(found)
    assert beyond.isdisjoint(found)


# --- which line of the package


def entry(number: int, **changes: Any) -> Line:
    values: dict[str, Any] = {
        "id": "voip-line",
        "number": number,
        "item_id": "voip",
        "item_price_id": "voip",
        "price_version": 1,
        "name": "VoIP",
        "unit": "minute",
        "metered": True,
        "recording": Recording.EVENTS,
        "quantity": None,
    }
    return Line(**values | changes)


MIDDLE = at("2015-09-15T04:00")
SEATS = {"metered": False, "recording": Recording.ONE_PER_DATE}
FIRST, SECOND = Period(SEPTEMBER.start, MIDDLE), Period(MIDDLE, SEPTEMBER.end)
TWO_PRICES = (
    entry(1, until=MIDDLE),
    entry(2, since=MIDDLE, item_price_id="dear"),
)
TWO_QUANTITIES = (
    entry(1, until=MIDDLE, quantity=Decimal(3), **SEATS),
    entry(2, since=MIDDLE, quantity=Decimal(5), **SEATS),
)
USAGE = line(LineKind.USAGE, PER_UNIT, "1")
# entries, the line of an invoice, the entry it is for
ENTRIES: list[tuple[tuple[Line, ...], InvoiceLine, int | None]] = [
    ((entry(1),), USAGE, 1),
    ((entry(9, id="other"), entry(1)), USAGE, 1),
    ((entry(9, id="other"),), USAGE, None),
    (TWO_PRICES, line(LineKind.USAGE, PER_UNIT, "1", period=FIRST), 1),
    (TWO_PRICES, line(LineKind.USAGE, PER_UNIT, "1", item_price_id="dear"), 2),
    (TWO_QUANTITIES, line(LineKind.RECURRING, PER_UNIT, "3", period=FIRST), 1),
    (TWO_QUANTITIES, line(LineKind.RECURRING, PER_UNIT, "5", period=SECOND), 2),
    # What was paid for the second half at the first quantity is given back.
    (TWO_QUANTITIES, line(LineKind.CREDIT, PER_UNIT, "3", period=SECOND), 1),
    ((entry(1, until=MIDDLE), entry(2, since=MIDDLE, until=MIDDLE)), USAGE, 1),
    ((entry(1, since=MIDDLE),), USAGE, 1),
    ((entry(1),), line(LineKind.ONE_TIME, PER_UNIT, "1"), None),
]


@pytest.mark.parametrize(("entries", "sold", "number"), ENTRIES)
def test_a_line_is_for_the_entry_at_its_price_and_quantity(
    entries: tuple[Line, ...], sold: InvoiceLine, number: int | None
) -> None:
    assert package_line_id(entries, sold) == number


# --- what it says


def content(*lines: InvoiceLine, **changes: Any) -> InvoiceContent:
    return InvoiceContent(
        **{
            "invoice_id": "inv_x",
            "subscription_id": "calls",
            "customer_id": "harbor",
            "currency": "USD",
            "timezone": "America/New_York",
            "engine": 1,
            "ended": SEPTEMBER,
            "begun": OCTOBER,
            "seller": Address(name="Acme"),
            "customer": Address(
                name="Blue Harbor", lines=("1 Pier", "Salem, MA", "US", "Attn. Jo")
            ),
            "lines": lines,
            "manifest": (),
            **changes,
        }
    )


ALL = tuple(row[0] for row in LINES)


def test_the_three_sums_are_the_subtotal() -> None:
    shown = shown_content(content(*ALL))

    assert (str(shown["sum_base"]), str(shown["sum_usage"]), str(shown["sum_onetime"])) == (
        "32.00",
        "39.57",
        "2.00",
    )
    assert shown["subtotal"] == sum(shown[f"sum_{name}"] for name in ("base", "usage", "onetime"))


@pytest.mark.parametrize(("inclusive", "taxes"), [(False, "1.90"), (True, "0.00")])
def test_taxes_are_what_is_added_to_the_subtotal(inclusive: bool, taxes: str) -> None:
    rates = TaxRates((TaxRate("VAT", Decimal(19)),), inclusive)
    tax = TaxAmount(
        name="VAT",
        percent=Decimal(19),
        inclusive=inclusive,
        base=Money(1000, "USD"),
        amount=Money(190, "USD"),
    )
    base = line(LineKind.BASE_FEE, BASE_10, None, tax=rates)

    shown = shown_content(content(base, taxes=(tax,)))

    assert (str(shown["subtotal"]), str(shown["taxes"])) == ("10.00", taxes)


# the ended and the begun term, and the days of the cycle
CYCLES: list[tuple[Period | None, Period | None, list[str | None]]] = [
    (
        SEPTEMBER,
        OCTOBER,
        ["2015-10-01", "2015-10-31", "2015-10-01", "2015-09-01", "2015-09-30"],
    ),
    (None, SEPTEMBER, ["2015-09-01", "2015-09-30", "2015-09-01", None, None]),
    (SEPTEMBER, None, [None, None, "2015-10-01", "2015-09-01", "2015-09-30"]),
]


@pytest.mark.parametrize(("ended", "begun", "days"), CYCLES)
def test_the_days_of_a_cycle_are_those_of_the_packages_zone(
    ended: Period | None, begun: Period | None, days: list[str | None]
) -> None:
    shown = shown_content(content(ended=ended, begun=begun))

    names = ("pre_from", "pre_to", "this", "post_from", "post_to")
    found = [shown[f"cycle_{name}_date"] for name in names]
    assert [each and each.isoformat() for each in found] == days


def test_the_customer_is_named_as_the_invoice_names_it() -> None:
    shown = shown_content(content())

    assert shown["bill_block"] == "Blue Harbor\n1 Pier\nSalem, MA\nUS\nAttn. Jo"
    assert [shown[f"bill_addr{n}"] for n in (1, 2, 3)] == ["1 Pier", "Salem, MA", "US, Attn. Jo"]
    assert shown["bill_city"] == shown["ship_block"] == ""
