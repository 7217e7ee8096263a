"""What is charged once: whole, by its price or its own, and what such an entry may be."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.one_time import COMMENT_LENGTH_MAX, OneTimeCharge
from postpaid.domain.rating import rate_once
from postpaid.domain.tax import TaxRate, TaxRates
from tests.support.samples import NOVEMBER, OCTOBER, a_line, a_price, at

type Plain = dict[str, Any]

PER_UNIT: Plain = {"pricing_model": "per_unit", "unit_amount": "49"}
TIERED: Plain = {
    "pricing_model": "tiered",
    "tiers": [{"up_to": "10", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1"}],
}
VOLUME = TIERED | {"pricing_model": "volume"}
SETUP = a_line("setup", metered=False, unit="visit", quantity=Decimal(1), price_version=3)


def _price(pricing: Plain = PER_UNIT, **changes: Any) -> ItemPrice:
    charge = Charge.from_plain(pricing, "")
    return a_price("setup", version=3, charge=charge, **{"base_fee": None, **changes})


def _rated(
    quantity: str, price: ItemPrice, own: Plain | None = None, tax: TaxRates | None = None
) -> InvoiceLine:
    text = None if own is None else Charge.from_plain(own, "").to_text()
    entry = replace(SETUP, quantity=Decimal(quantity), charge_text=text)
    return rate_once(entry, price, OCTOBER, tax)


# Quantity, price, own price, amount.
AMOUNTS: list[tuple[str, Plain, Plain | None, str]] = [
    ("1", PER_UNIT, None, "49.00"),
    ("2.5", PER_UNIT, None, "122.50"),
    # Rounded once, half away from zero.
    ("3", PER_UNIT | {"unit_amount": "0.335"}, None, "1.01"),
    ("7", {"pricing_model": "flat_fee", "amount": "12.34"}, None, "12.34"),
    ("12", TIERED, None, "22.00"),
    ("12", VOLUME, None, "12.00"),
    ("12", PER_UNIT | {"free_units": "10"}, None, "98.00"),
    ("1", PER_UNIT | {"minimum": "60"}, None, "60.00"),
    ("12", PER_UNIT, TIERED, "22.00"),
    ("12", TIERED, PER_UNIT | {"discount_percent": "10"}, "529.20"),
    ("1", PER_UNIT, PER_UNIT | {"unit_amount": "0"}, "0.00"),
]


@pytest.mark.parametrize(("quantity", "pricing", "own", "amount"), AMOUNTS)
def test_what_is_charged_once_is_charged_whole(
    quantity: str, pricing: Plain, own: Plain | None, amount: str
) -> None:
    line = _rated(quantity, _price(pricing), own)

    assert (str(line.amount), line.quantity) == (amount, Decimal(quantity))
    assert line.pricing == Charge.from_plain(pricing if own is None else own, "").to_plain()


def test_its_line_says_which_charge_and_price_it_is_and_no_share_of_a_time() -> None:
    line = _rated("2", _price(name="Set-up"))

    assert (line.kind, line.line_id, line.item_price_id) == (LineKind.ONE_TIME, "setup", "setup")
    assert (line.description, line.unit, line.price_version) == ("Set-up", "visit", 3)
    assert (line.period, line.share, line.unit_amount) == (OCTOBER, None, Decimal(49))
    assert line.billed_before is None


def test_it_is_in_the_price_s_currency_and_rounded_by_that() -> None:
    line = _rated("1", _price(PER_UNIT | {"unit_amount": "49.5"}, currency="JPY"))

    assert (line.amount.minor, line.amount.currency) == (50, "JPY")


VAT = TaxRates((TaxRate("VAT", Decimal(20)),), inclusive=False)
GST = TaxRates((TaxRate("GST", Decimal(5)),), inclusive=True)


@pytest.mark.parametrize(
    ("of_price", "of_customer", "expected"),
    [(None, None, None), (None, VAT, VAT), (GST, VAT, GST), (GST, None, GST)],
)
def test_the_price_s_tax_comes_before_the_customer_s(
    of_price: TaxRates | None, of_customer: TaxRates | None, expected: TaxRates | None
) -> None:
    for own in (None, TIERED):
        assert _rated("1", _price(tax=of_price), own, tax=of_customer).tax == expected


def test_a_quantity_beyond_its_tiers_cannot_be_rated() -> None:
    ends = TIERED | {"tiers": [{"up_to": "10", "unit_amount": "2"}]}

    with pytest.raises(Invalid):
        _rated("11", _price(ends))


def _charge(**changes: Any) -> OneTimeCharge:
    values = {
        "invoice_id": "inv_1",
        "n": 1,
        "line": SETUP,
        "period": None,
        "comment": None,
        "added_at": at("2026-11-05"),
    }
    return OneTimeCharge(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"period": NOVEMBER, "comment": "c"},
        {"comment": "c" * COMMENT_LENGTH_MAX},
        {"removed_at": at("2026-11-06")},
    ],
)
def test_a_charge_is_called_as_its_line(changes: Plain) -> None:
    assert _charge(**changes).id == "setup"


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 0},
        {"line": a_line()},
        {"line": replace(SETUP, quantity=None)},
        {"comment": ""},
        {"comment": "c" * (COMMENT_LENGTH_MAX + 1)},
    ],
    ids=["no place", "metered", "no quantity", "an empty comment", "a long comment"],
)
def test_what_is_no_one_time_charge_cannot_be_made(changes: Plain) -> None:
    with pytest.raises(AssertionError):
        _charge(**changes)
