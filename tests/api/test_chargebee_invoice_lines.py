"""Lines of invoices in Chargebee's words: amounts, tiers and taxes."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.api.chargebee.invoice_lines import Lines, line_item_id, shown_lines
from postpaid.domain.catalog import ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.invoice import InvoiceLine, LineKind, Share, line_amount
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.money import Money
from postpaid.domain.site import TaxRounding
from postpaid.domain.tax import TaxRate, TaxRates, taxes_on
from tests.support.samples import OCTOBER, PAYER, SELLER

type Json = dict[str, Any]

FEES = {LineKind.BASE_FEE, LineKind.SETUP}
INVOICE = "inv_q4grewnjbyrvxxmeyv4c2rsh"
VAT = TaxRate("VAT", Decimal("19.5"))
CITY = TaxRate("City", Decimal(2))
TIERS = [
    {"up_to": "100", "unit_amount": "0"},
    {"up_to": "1000", "unit_amount": "0.02"},
    {"up_to": None, "unit_amount": "0.015"},
]
STEPS = [
    {"up_to": "100", "flat_amount": "10"},
    {"up_to": "200", "flat_amount": "18"},
    {"up_to": None, "flat_amount": "25"},
]
BUNDLES = [
    {"up_to": "1000", "unit_amount": "3", "package_size": "100"},
    {"up_to": None, "unit_amount": "2", "package_size": "100"},
]


def a_line(pricing: Mapping[str, Any], quantity: str = "361", **changes: Any) -> InvoiceLine:
    """Return a line of usage; *currency* and *share* are as they are asked."""
    charge = Charge.from_plain(pricing)
    priced = charge.price(Decimal(quantity))
    currency, share = changes.pop("currency", "USD"), changes.pop("share", None)
    kind = changes.pop("kind", LineKind.USAGE)
    amount = line_amount(priced.amount, currency, share)
    return InvoiceLine(
        **{
            "kind": kind,
            "line_id": "minutes",
            "item_price_id": "minutes-usd",
            "price_version": 1,
            "description": "Call minutes",
            "unit": "minute",
            "period": OCTOBER,
            "quantity": None if kind in FEES else Decimal(quantity),
            "amount": -amount if kind is LineKind.CREDIT else amount,
            "priced": priced,
            "pricing": charge.to_plain(),
            "days": None if share is None else share.days,
            "days_in_period": None if share is None else share.of,
            "days_after": None if share is None else share.after,
            **changes,
        }
    )


def content_of(*lines: InvoiceLine, rounding: TaxRounding = TaxRounding.LINE) -> InvoiceContent:
    """Return what an invoice says that has these lines."""
    currency = lines[0].amount.currency
    return InvoiceContent(
        invoice_id=INVOICE,
        subscription_id="sub",
        customer_id="globex",
        currency=currency,
        timezone="UTC",
        engine=1,
        ended=OCTOBER,
        begun=None,
        seller=SELLER,
        customer=PAYER,
        lines=lines,
        taxes=taxes_on(((line.amount, line.tax) for line in lines), currency, rounding),
        manifest=(),
    )


def shown(
    *lines: InvoiceLine,
    start: int = 0,
    limit: int = 300,
    rounding: TaxRounding = TaxRounding.LINE,
) -> Json:
    asked = Lines(start=start, limit=limit, offset=lambda index: f"from {index}")
    content = content_of(*lines, rounding=rounding)
    return shown_lines(INVOICE, content, lambda _: ItemType.ADDON, asked)


def the_line(line: InvoiceLine) -> Json:
    [row] = shown(line)["line_items"]
    return dict(row)


def test_a_line_of_usage_is_whole() -> None:
    assert the_line(a_line({"pricing_model": "per_unit", "unit_amount": "0.05"})) == {
        "id": "li_q4grewnjbyrvxxmeyv4c2rsh_1",
        "subscription_id": "sub",
        "customer_id": "globex",
        "date_from": 1790812800,
        "date_to": 1793491200,
        "unit_amount": 5,
        "quantity": 361,
        "amount": 1805,
        "pricing_model": "per_unit",
        "metered": True,
        "is_taxed": False,
        "tax_amount": 0,
        "tax_exempt_reason": "tax_not_configured",
        "discount_amount": 0,
        "item_level_discount_amount": 0,
        "is_percentage_pricing": False,
        "description": "Call minutes",
        "entity_type": "addon_item_price",
        "entity_id": "minutes-usd",
        "object": "line_item",
    }


FIGURES = (
    *("pricing_model", "quantity", "quantity_in_decimal", "unit_amount", "unit_amount_in_decimal"),
    *("amount", "amount_in_decimal"),
)

# pricing, quantity, changes, what is shown of FIGURES in this order
CASES: dict[str, tuple[Json, str, Json, tuple[Any, ...]]] = {
    "a price of less than a cent is told in decimals": (
        {"pricing_model": "per_unit", "unit_amount": "0.0005"},
        "3",
        {},
        ("per_unit", 3, None, 0, "0.0005", 0, "0.0015"),
    ),
    "a part of a unit is told in decimals": (
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        "22.5",
        {},
        ("per_unit", 22, "22.5", 5, None, 113, "1.125"),
    ),
    "free units do not change the price of one": (
        {"pricing_model": "per_unit", "unit_amount": "0.05", "free_units": "100"},
        "361",
        {},
        ("per_unit", 361, None, 5, None, 1305, None),
    ),
    "a currency without minor units has none": (
        {"pricing_model": "per_unit", "unit_amount": "7"},
        "3",
        {"currency": "JPY"},
        ("per_unit", 3, None, 7, None, 21, None),
    ),
    "a flat fee is one, whatever was used": (
        {"pricing_model": "flat_fee", "amount": "20"},
        "361",
        {},
        ("flat_fee", 1, None, 2000, None, 2000, None),
    ),
    "tiers have an average price": (
        {"pricing_model": "tiered", "tiers": TIERS},
        "1100",
        {},
        ("tiered", 1100, None, 2, None, 1950, None),
    ),
    "an average that ends is told in decimals": (
        {"pricing_model": "tiered", "tiers": TIERS},
        "200",
        {},
        ("tiered", 200, None, 1, None, 200, None),
    ),
    "an average with more places is told whole": (
        {"pricing_model": "volume", "tiers": TIERS},
        "1200",
        {},
        ("volume", 1200, None, 2, "0.015", 1800, None),
    ),
    "an average is of what it came to exactly": (
        {"pricing_model": "volume", "tiers": TIERS},
        "100.25",
        {},
        ("volume", 100, "100.25", 2, None, 201, "2.005"),
    ),
    "an average without an end is rounded from that": (
        {"pricing_model": "tiered", "tiers": [{"up_to": None, "unit_amount": "0.0149"}]},
        "0.3",
        {},
        ("tiered", 0, "0.3", 1, "0.0149", 0, "0.00447"),
    ),
    "a step is for all units together": (
        {"pricing_model": "stairstep", "tiers": STEPS},
        "150",
        {},
        ("stairstep", 150, None, 12, None, 1800, None),
    ),
    "a price by the package is one tier of packages": (
        {"pricing_model": "package", "amount": "3", "package_size": "100"},
        "301",
        {},
        ("tiered", 301, None, 4, None, 1200, None),
    ),
    "a percentage has no model there": (
        {"pricing_model": "percentage", "rate": "2.9", "fixed_amount": "0.30"},
        "100",
        {},
        (None, 100, None, 3, "0.032", 320, None),
    ),
    "a minimum has no model there": (
        {"pricing_model": "per_unit", "unit_amount": "0.05", "minimum": "9"},
        "3",
        {},
        (None, 3, None, 300, None, 900, None),
    ),
    "a discount has no model there": (
        {"pricing_model": "per_unit", "unit_amount": "0.05", "discount_percent": "10"},
        "100",
        {},
        (None, 100, None, 5, "0.045", 450, None),
    ),
    "a part of a period costs a part": (
        {"pricing_model": "per_unit", "unit_amount": "12"},
        "2",
        {"kind": LineKind.RECURRING, "share": Share(10, 21, 31)},
        ("per_unit", 2, None, 387, None, 774, None),
    ),
    "what is given back is negative": (
        {"pricing_model": "per_unit", "unit_amount": "12"},
        "3",
        {"kind": LineKind.CREDIT, "share": Share(10, 0, 31)},
        ("per_unit", 3, None, -387, None, -1161, None),
    ),
    "a base fee is a flat fee": (
        {"pricing_model": "flat_fee", "amount": "10"},
        "0",
        {"kind": LineKind.BASE_FEE},
        ("flat_fee", 1, None, 1000, None, 1000, None),
    ),
    "a setup fee is a flat fee": (
        {"pricing_model": "flat_fee", "amount": "7.5"},
        "0",
        {"kind": LineKind.SETUP},
        ("flat_fee", 1, None, 750, None, 750, None),
    ),
    "more units than an integer holds are cut there, and whole beside it": (
        {"pricing_model": "per_unit", "unit_amount": "0.01"},
        "3000000000",
        {},
        ("per_unit", 2147483647, "3000000000", 1, None, 3000000000, None),
    ),
    "a decimal is cut where it has too many places": (
        {"pricing_model": "per_unit", "unit_amount": "0"},
        "123456789012345678.12345678901234567891",
        {},
        (*("per_unit", 2147483647, "123456789012345678.12345678901234"), 0, None, 0, None),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_line_comes_to(name: str) -> None:
    pricing, quantity, changes, figures = CASES[name]

    row = the_line(a_line(pricing, quantity, **changes))

    assert tuple(row.get(figure) for figure in FIGURES) == figures


def test_usage_that_came_later_is_one_amount_and_says_so() -> None:
    whole = a_line({"pricing_model": "per_unit", "unit_amount": "0.05"}, "400")
    late = replace(
        whole,
        kind=LineKind.SUPPLEMENT,
        amount=Money(195, "USD"),
        billed_before=Money(1805, "USD"),
    )

    answer = shown(late)

    [row] = answer["line_items"]
    assert tuple(row.get(figure) for figure in FIGURES) == (None, 1, None, 195, None, 195, None)
    assert row["metered"]
    assert row["description"] == "Call minutes, came or changed later"
    assert answer["line_item_tiers"] == []


@pytest.mark.parametrize(
    ("kind", "is_metered", "description"),
    [
        (LineKind.USAGE, True, "Call minutes"),
        (LineKind.RECURRING, False, "Call minutes"),
        (LineKind.BASE_FEE, False, "Call minutes, base fee"),
        (LineKind.SETUP, False, "Call minutes, setup fee"),
        (LineKind.CREDIT, False, "Call minutes, credit for unused time"),
    ],
)
def test_a_line_says_what_it_is_for(kind: LineKind, description: str, *, is_metered: bool) -> None:
    row = the_line(a_line({"pricing_model": "flat_fee", "amount": "10"}, kind=kind))

    assert (row["metered"], row["description"]) == (is_metered, description)


def test_a_long_description_is_cut_before_what_it_is_for() -> None:
    line = a_line({"pricing_model": "flat_fee", "amount": "10"}, kind=LineKind.BASE_FEE)

    row = the_line(replace(line, description="x" * 300))

    assert len(row["description"]) == 250
    assert row["description"].endswith("x, base fee")


# pricing, quantity; of each tier: start, end, used, price, kind
TIER_CASES: dict[str, tuple[Json, str, list[tuple[Any, ...]]]] = {
    "each tier has what lies in it": (
        {"pricing_model": "tiered", "tiers": TIERS},
        "1100",
        [
            (1, 100, 100, 0, "per_unit"),
            (101, 1000, 900, 2, "per_unit"),
            (1001, None, 100, 2, "per_unit"),
        ],
    ),
    "tiers that were not reached are left out": (
        {"pricing_model": "tiered", "tiers": TIERS},
        "100",
        [(1, 100, 100, 0, "per_unit")],
    ),
    "free units come first": (
        {"pricing_model": "tiered", "tiers": TIERS, "free_units": "1000"},
        "1150",
        [(1, 100, 100, 0, "per_unit"), (101, 1000, 50, 2, "per_unit")],
    ),
    "by volume all are in the tier that is reached": (
        {"pricing_model": "volume", "tiers": TIERS},
        "1100",
        [(1001, None, 1100, 2, "per_unit")],
    ),
    "a step costs what the whole tier costs": (
        {"pricing_model": "stairstep", "tiers": STEPS},
        "150",
        [(101, 200, 150, 1800, "flat_fee")],
    ),
    "packages are counted in units": (
        {"pricing_model": "tiered", "tiers": BUNDLES},
        "1150",
        [(1, 1000, 1000, 300, "package"), (1001, None, 150, 200, "package")],
    ),
    "one price has no tiers": ({"pricing_model": "per_unit", "unit_amount": "1"}, "3", []),
    "what cannot be said has none": (
        {"pricing_model": "tiered", "tiers": TIERS, "maximum": "1"},
        "1100",
        [],
    ),
}


@pytest.mark.parametrize("name", TIER_CASES)
def test_what_lies_in_a_tier(name: str) -> None:
    pricing, quantity, tiers = TIER_CASES[name]

    rows = shown(a_line(pricing, quantity))["line_item_tiers"]

    names = ("starting_unit", "ending_unit", "quantity_used", "unit_amount", "pricing_type")
    assert [tuple(row.get(name) for name in names) for row in rows] == tiers
    assert {row["line_item_id"] for row in rows} <= {line_item_id(INVOICE, 0)}


def test_a_tier_in_decimals_has_both() -> None:
    tiers = [
        {"up_to": "0.5", "unit_amount": "0.0025"},
        {"up_to": None, "unit_amount": "0.001"},
    ]

    rows = shown(a_line({"pricing_model": "tiered", "tiers": tiers}, "1.75"))["line_item_tiers"]

    assert rows == [
        {
            "line_item_id": "li_q4grewnjbyrvxxmeyv4c2rsh_1",
            "starting_unit": 0,
            "ending_unit": 0,
            "starting_unit_in_decimal": "0",
            "ending_unit_in_decimal": "0.5",
            "quantity_used": 0,
            "quantity_used_in_decimal": "0.5",
            "unit_amount": 0,
            "unit_amount_in_decimal": "0.0025",
            "pricing_type": "per_unit",
            "object": "line_item_tier",
        },
        {
            "line_item_id": "li_q4grewnjbyrvxxmeyv4c2rsh_1",
            "starting_unit": 0,
            "starting_unit_in_decimal": "0.5",
            "quantity_used": 1,
            "quantity_used_in_decimal": "1.25",
            "unit_amount": 0,
            "unit_amount_in_decimal": "0.001",
            "pricing_type": "per_unit",
            "object": "line_item_tier",
        },
    ]


@pytest.mark.parametrize("rounding", TaxRounding)
@pytest.mark.parametrize("is_inclusive", [False, True])
def test_the_taxes_of_the_lines_add_up_to_those_of_the_invoice(
    rounding: TaxRounding, *, is_inclusive: bool
) -> None:
    rates = TaxRates((VAT, CITY), inclusive=is_inclusive)
    price = {"pricing_model": "per_unit", "unit_amount": "0.01"}
    lines = [a_line(price, str(quantity), tax=rates) for quantity in (13, 13, 13, 57, 13)]
    free = a_line(price, "99")

    answer = shown(*lines, free, rounding=rounding)

    by_name = {tax["name"]: tax["amount"] for tax in answer["taxes"]}
    assert by_name.keys() == {"VAT", "City"}
    for name, amount in by_name.items():
        rows = [row for row in answer["line_item_taxes"] if row["tax_name"] == name]
        assert sum(row["tax_amount"] for row in rows) == amount
        assert [row["taxable_amount"] for row in rows] == [13, 13, 13, 57, 13]
    for item in answer["line_items"]:
        own = [r for r in answer["line_item_taxes"] if r["line_item_id"] == item["id"]]
        assert item["tax_amount"] == sum(row["tax_amount"] for row in own)
    *taxed, untaxed = answer["line_items"]
    assert {(row["is_taxed"], row["tax_rate"]) for row in taxed} == {(True, 21.5)}
    assert (untaxed["is_taxed"], untaxed["tax_exempt_reason"]) == (False, "tax_not_configured")
    assert answer["taxes"][0]["description"] == "VAT @ 19.5%"


def test_a_tax_that_is_in_a_price_is_not_mixed_with_one_that_is_not() -> None:
    price = {"pricing_model": "per_unit", "unit_amount": "1"}
    inside = a_line(price, "1195", tax=TaxRates((VAT,), inclusive=True))
    beside = a_line(price, "1000", tax=TaxRates((VAT,), inclusive=False))

    answer = shown(inside, beside)

    assert [tax["amount"] for tax in answer["taxes"]] == [19500, 19500]
    assert [row["tax_amount"] for row in answer["line_item_taxes"]] == [19500, 19500]
    assert [row["tax_amount"] for row in answer["line_items"]] == [19500, 19500]


def test_a_page_of_lines_has_their_tiers_and_taxes_and_says_where_to_go_on() -> None:
    tax = TaxRates((VAT,), inclusive=False)
    lines = [
        a_line({"pricing_model": "tiered", "tiers": TIERS}, str(quantity), tax=tax)
        for quantity in (10, 20, 30, 40, 50)
    ]

    pages = [shown(*lines, start=start, limit=2) for start in (0, 2, 4)]

    quantities = [[row["quantity"] for row in page["line_items"]] for page in pages]
    assert quantities == [[10, 20], [30, 40], [50]]
    offsets = [page.get("line_items_next_offset") for page in pages]
    assert offsets == ["from 2", "from 4", None]
    for page in pages:
        ids = [row["id"] for row in page["line_items"]]
        assert [row["line_item_id"] for row in page["line_item_tiers"]] == ids
        assert [row["line_item_id"] for row in page["line_item_taxes"]] == ids
    nothing = shown(*lines, limit=0)
    assert nothing["line_items"] == []
    assert "line_items_next_offset" not in nothing


def test_an_id_of_a_line_is_no_longer_than_theirs() -> None:
    assert len(line_item_id(INVOICE, 39_999)) <= 40
    assert line_item_id(INVOICE, 0) != line_item_id(INVOICE, 1)
