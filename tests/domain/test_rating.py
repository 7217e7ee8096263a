"""From quantities and prices to invoice lines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge, Priced
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.line import Line
from postpaid.domain.metering import Metered
from postpaid.domain.money import MINOR_UNITS, Money
from postpaid.domain.period import Period
from postpaid.domain.pricing import Component, PricingModel
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.pricing.per_unit import PerUnit
from postpaid.domain.rating import rate_term
from postpaid.domain.tax import TaxRate, TaxRates
from postpaid.domain.term import Term
from tests.support.laws import plain_numbers
from tests.support.samples import NOVEMBER, OCTOBER, a_line, a_subscription, a_term, at

MINUTES = a_line("minutes")
SEATS = a_line("seats", metered=False, quantity=Decimal(3), unit="seat")
PLATFORM = a_line("platform", metered=False, unit=None)


def _price(
    model: PricingModel, *, base_fee: str | None = None, currency: str = "USD", **modifiers: Any
) -> ItemPrice:
    return ItemPrice(
        id="voice-minutes",
        number=1,
        item_id="voice",
        name="Call minutes",
        currency=currency,
        version=1,
        charge=Charge(model=model, **modifiers),
        base_fee=None if base_fee is None else Decimal(base_fee),
        created_at=at("2026-01-01"),
    )


def _per_unit(amount: str, **facts: str) -> ItemPrice:
    return _price(PerUnit(Decimal(amount)), **facts)


def _flat(amount: str, **facts: str) -> ItemPrice:
    return _price(FlatFee(Decimal(amount)), **facts)


def _term(period: Period, lines: tuple[Line, ...]) -> Term:
    n = 0 if period == OCTOBER else 1
    return a_term(n, period=period, pins={line.number: 1 for line in lines})


def _rate(
    lines: tuple[Line, ...],
    prices: Mapping[str, ItemPrice],
    *,
    ended: Period | None,
    begun: Period | None,
    usage: Mapping[str, Metered],
) -> tuple[InvoiceLine, ...]:
    return rate_term(
        a_subscription(lines=lines),
        ended=None if ended is None else _term(ended, lines),
        begun=None if begun is None else _term(begun, lines),
        prices={(line.item_price_id, 1): prices[line.id] for line in lines},
        usage=usage,
        customer_tax=None,
    )


def rate_arrears(
    line: Line, price: ItemPrice, period: Period, quantity: Decimal | None
) -> tuple[InvoiceLine, ...]:
    usage = {} if quantity is None else {line.id: Metered((quantity,))}
    return _rate((line,), {line.id: price}, ended=period, begun=None, usage=usage)


def rate_advance(line: Line, price: ItemPrice, period: Period) -> tuple[InvoiceLine, ...]:
    return _rate((line,), {line.id: price}, ended=None, begun=period, usage={})


def _shown(lines: list[InvoiceLine] | tuple[InvoiceLine, ...]) -> list[tuple[str, str]]:
    return [(line.kind.value, str(line.amount)) for line in lines]


# price, quantity of the ended term, lines
ARREARS: list[tuple[ItemPrice, str | None, list[tuple[str, str]]]] = [
    (_per_unit("0.05"), "361", [("usage", "18.05")]),
    (_per_unit("0.05"), None, []),
    (_per_unit("0.05"), "0", [("usage", "0.00")]),
    (_per_unit("0.05", base_fee="10"), "361", [("base_fee", "10.00"), ("usage", "18.05")]),
    (_per_unit("0.05", base_fee="10"), None, [("base_fee", "10.00")]),
    (_per_unit("0.05", base_fee="0"), None, [("base_fee", "0.00")]),
    (_flat("25"), "361", [("usage", "25.00")]),
    (_flat("25"), None, []),
    # Rounded once, at the end: 3 times 0.005 is 0.015 and not 3 times 0.01.
    (_per_unit("0.005"), "3", [("usage", "0.02")]),
    (_per_unit("0.005"), "0.9", [("usage", "0.00")]),
    (_per_unit("0.005"), "1", [("usage", "0.01")]),
    (_per_unit("0.05", currency="JPY"), "361", [("usage", "18")]),
    (_per_unit("0.05", currency="JPY"), "370", [("usage", "19")]),
    (_per_unit("0.05", currency="BHD"), "361.01", [("usage", "18.051")]),
    (_per_unit("0.05", currency="CLF"), "361.0001", [("usage", "18.0500")]),
    (_per_unit("0.05", currency="CLF"), "361.001", [("usage", "18.0501")]),
]

# line, price, lines
ADVANCE: list[tuple[Line, ItemPrice, list[tuple[str, str]]]] = [
    (PLATFORM, _flat("99"), [("recurring", "99.00")]),
    (PLATFORM, _per_unit("99"), [("recurring", "99.00")]),
    (SEATS, _per_unit("5"), [("recurring", "15.00")]),
    (SEATS, _flat("5"), [("recurring", "5.00")]),
    (replace(SEATS, quantity=Decimal("2.5")), _per_unit("0.333"), [("recurring", "0.83")]),
    (replace(SEATS, quantity=Decimal(0)), _per_unit("5"), [("recurring", "0.00")]),
]


@pytest.mark.parametrize(("price", "quantity", "expected"), ARREARS)
def test_a_metered_line_is_charged_for_the_term_that_ended(
    price: ItemPrice, quantity: str | None, expected: list[tuple[str, str]]
) -> None:
    used = None if quantity is None else Decimal(quantity)

    lines = rate_arrears(MINUTES, price, OCTOBER, used)

    assert _shown(lines) == expected
    assert {line.period for line in lines} <= {OCTOBER}
    assert [line.quantity for line in lines if line.kind is LineKind.USAGE] == (
        [] if used is None else [used]
    )


@pytest.mark.parametrize(("line", "price", "expected"), ADVANCE)
def test_a_recurring_line_is_charged_for_the_term_that_begins(
    line: Line, price: ItemPrice, expected: list[tuple[str, str]]
) -> None:
    lines = rate_advance(line, price, NOVEMBER)

    assert _shown(lines) == expected
    assert {rated.period for rated in lines} == {NOVEMBER}
    assert lines[-1].quantity == (Decimal(1) if line.quantity is None else line.quantity)


def test_a_line_says_everything_it_takes_to_rate_it_again() -> None:
    price = replace(_per_unit("0.05", base_fee="10"), version=7)

    base, usage = rate_arrears(MINUTES, price, OCTOBER, Decimal(361))

    assert usage == InvoiceLine(
        kind=LineKind.USAGE,
        line_id="minutes",
        item_price_id="voice-minutes",
        price_version=7,
        description="Call minutes",
        unit="minute",
        period=OCTOBER,
        quantity=Decimal(361),
        amount=Money(1805, "USD"),
        priced=Priced(
            Decimal("18.05"),
            Decimal(361),
            (Component(Decimal("18.05"), Decimal(361), Decimal("0.05")),),
            (),
        ),
        pricing={"pricing_model": "per_unit", "unit_amount": "0.05"},
    )
    assert base == replace(
        usage,
        kind=LineKind.BASE_FEE,
        quantity=None,
        amount=Money(1000, "USD"),
        priced=Priced(Decimal(10), Decimal(0), (Component(Decimal(10)),), ()),
        pricing={"pricing_model": "flat_fee", "amount": "10"},
    )


LINES = (SEATS, MINUTES, PLATFORM, a_line("texts"))
PRICES = {
    "seats": _per_unit("5"),
    "minutes": _per_unit("0.05", base_fee="2"),
    "platform": _flat("99"),
    "texts": _per_unit("0.10"),
}


@pytest.mark.parametrize(
    ("ends", "begins", "expected"),
    [
        (True, True, ["seats", "minutes", "minutes", "platform", "texts"]),
        (True, False, ["minutes", "minutes", "texts"]),
        (False, True, ["seats", "platform"]),
        (False, False, []),
    ],
)
def test_an_invoice_bills_the_ended_term_and_opens_the_next(
    ends: bool, begins: bool, expected: list[str]
) -> None:
    ended, begun = OCTOBER if ends else None, NOVEMBER if begins else None
    usage = {"minutes": Metered((Decimal(361),)), "texts": Metered((Decimal(2),))}

    lines = _rate(LINES, PRICES, ended=ended, begun=begun, usage=usage if ends else {})

    assert [line.line_id for line in lines] == expected
    for line in lines:
        assert line.period == (ended if line.line_id in usage else begun)


def test_lines_of_one_price_are_charged_each_for_its_own_usage() -> None:
    lines = tuple(a_line(city, item_price_id="storage") for city in ("berlin", "boston", "bern"))
    prices = dict.fromkeys(("berlin", "boston", "bern"), _per_unit("0.05", base_fee="1"))

    rated = _rate(
        lines,
        prices,
        ended=OCTOBER,
        begun=NOVEMBER,
        usage={"boston": Metered((Decimal(361),)), "berlin": Metered((Decimal(100),))},
    )

    assert [(line.line_id, *shown) for line, shown in zip(rated, _shown(rated), strict=True)] == [
        ("berlin", "base_fee", "1.00"),
        ("berlin", "usage", "5.00"),
        ("boston", "base_fee", "1.00"),
        ("boston", "usage", "18.05"),
        ("bern", "base_fee", "1.00"),
    ]


# what the catalogue says, what the line says for itself, the usages, lines
OWN_ARREARS: list[tuple[ItemPrice, dict[str, Any], tuple[str, ...], list[tuple[str, str]]]] = [
    (
        _per_unit("0.05", base_fee="10"),
        {"pricing_model": "per_unit", "unit_amount": "0.03"},
        ("300", "61"),
        [("base_fee", "10.00"), ("usage", "10.83")],
    ),
    (
        _flat("25", base_fee="10"),
        {"pricing_model": "per_unit", "unit_amount": "0.03"},
        (),
        [("base_fee", "10.00")],
    ),
    (
        _per_unit("0.05"),
        {
            "pricing_model": "tiered",
            "tiers": [{"up_to": "100", "unit_amount": "0.10"}, {"unit_amount": "0.01"}],
        },
        ("361",),
        [("usage", "12.61")],
    ),
    (
        _per_unit("0.05"),
        {"pricing_model": "per_unit", "unit_amount": "0.01", "minimum": "5"},
        (),
        [("usage", "5.00")],
    ),
    (
        _price(PerUnit(Decimal(1)), minimum=Decimal(9), maximum=Decimal(10)),
        {"pricing_model": "per_unit", "unit_amount": "2"},
        ("40",),
        [("usage", "80.00")],
    ),
    (_price(PerUnit(Decimal(1)), minimum=Decimal(9)), {"pricing_model": "dynamic"}, (), []),
    (
        _per_unit("0.05"),
        {"pricing_model": "flat_fee", "amount": "0.25", "aggregation": "each"},
        ("300", "61"),
        [("usage", "0.50")],
    ),
    (
        _per_unit("0.05"),
        {"pricing_model": "percentage", "rate": "1", "fixed_amount": "0.10"},
        ("300", "61"),
        [("usage", "3.81")],
    ),
    # Rounded to the currency of the item price.
    (
        _per_unit("0.05", currency="JPY"),
        {"pricing_model": "per_unit", "unit_amount": "0.5"},
        ("3",),
        [("usage", "2")],
    ),
]


@pytest.mark.parametrize(("price", "own", "usages", "expected"), OWN_ARREARS)
def test_a_metered_line_with_a_price_of_its_own_is_charged_by_that_beside_the_base_fee(
    price: ItemPrice, own: dict[str, Any], usages: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    line = replace(MINUTES, charge_text=Charge.from_plain(own).to_text())
    used = {line.id: Metered(tuple(map(Decimal, usages)))} if usages else {}

    lines = _rate((line,), {line.id: price}, ended=OCTOBER, begun=None, usage=used)

    assert _shown(lines) == expected


# line, what it says for itself, lines
OWN_ADVANCE: list[tuple[Line, dict[str, Any], list[tuple[str, str]]]] = [
    (PLATFORM, {"pricing_model": "flat_fee", "amount": "80"}, [("recurring", "80.00")]),
    (SEATS, {"pricing_model": "per_unit", "unit_amount": "4"}, [("recurring", "12.00")]),
    (
        SEATS,
        {"pricing_model": "per_unit", "unit_amount": "4", "discount_percent": "50"},
        [("recurring", "6.00")],
    ),
    (
        SEATS,
        {"pricing_model": "volume", "tiers": [{"up_to": "3", "unit_amount": "2.5"}]},
        [("recurring", "7.50")],
    ),
]


@pytest.mark.parametrize(("line", "own", "expected"), OWN_ADVANCE)
def test_a_recurring_line_with_a_price_of_its_own_is_charged_by_that(
    line: Line, own: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    own_line = replace(line, charge_text=Charge.from_plain(own).to_text())

    assert _shown(rate_advance(own_line, _flat("99"), NOVEMBER)) == expected


def test_a_line_with_a_price_of_its_own_says_that_and_is_named_and_taxed_by_the_catalogue() -> None:
    tax = TaxRates((TaxRate("VAT", Decimal(20)),), inclusive=False)
    price = replace(_per_unit("0.05", base_fee="10"), version=7, tax=tax)
    own = Charge(model=PerUnit(Decimal("0.05")))
    line = replace(MINUTES, charge_text=own.to_text())

    lines = rate_arrears(line, replace(price, charge=_flat("1").charge), OCTOBER, Decimal(361))

    assert lines == rate_arrears(MINUTES, price, OCTOBER, Decimal(361))


def test_each_entry_of_a_line_is_rated_by_its_own_price_or_the_catalogues() -> None:
    bounds = (None, at("2026-10-11"), at("2026-10-21"), None)
    own = (None, Charge(model=PerUnit(Decimal("0.03"))), Charge(model=FlatFee(Decimal(2))))
    entries = tuple(
        replace(
            MINUTES,
            number=number,
            since=bounds[number],
            until=bounds[number + 1],
            charge_text=None if charge is None else charge.to_text(),
        )
        for number, charge in enumerate(own)
    )
    dates = tuple(map(at, ("2026-10-10T23:59", "2026-10-11", "2026-10-20", "2026-10-21")))
    usage = Metered(tuple(map(Decimal, (100, 10, 20, 500))), dates)

    lines = _rate(
        entries, {"minutes": _per_unit("0.05")}, ended=OCTOBER, begun=None, usage={"minutes": usage}
    )

    assert [(str(line.quantity), str(line.amount)) for line in lines] == [
        ("100", "5.00"),
        ("30", "0.90"),
        ("500", "2.00"),
    ]


@dataclass(frozen=True, slots=True)
class _Parts:
    """A model of several components, as graduated prices have them."""

    kind: ClassVar[str] = "parts"
    amounts: tuple[str, ...]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        raise NotImplementedError

    def to_plain(self) -> dict[str, Any]:
        return {}

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        return tuple(Component(Decimal(amount)) for amount in self.amounts)


@pytest.mark.parametrize(
    ("amounts", "exact", "shown"),
    [
        ((), "0", "0.00"),
        (("10", "0.05", "8"), "18.05", "18.05"),
        (("0.004", "0.004"), "0.008", "0.01"),
        (("0.005", "0.005", "0.005"), "0.015", "0.02"),
        (
            ("999999999999999999", "0.00000000000000000001"),
            "999999999999999999.00000000000000000001",
            "999999999999999999.00",
        ),
    ],
)
def test_the_components_of_a_line_add_up_before_it_is_rounded(
    amounts: tuple[str, ...], exact: str, shown: str
) -> None:
    (line,) = rate_arrears(MINUTES, _price(_Parts(amounts)), OCTOBER, Decimal(3))

    assert line.priced.amount == Decimal(exact)
    assert str(line.amount) == shown
    assert [component.amount for component in line.priced.components] == [
        Decimal(a) for a in amounts
    ]


@given(plain_numbers(), plain_numbers(), st.sampled_from(("JPY", "USD", "BHD", "CLF")))
def test_a_line_is_priced_exactly_and_rounded_once(
    unit_amount: str, quantity: str, currency: str
) -> None:
    price = _per_unit(unit_amount, currency=currency)
    exact = Fraction(unit_amount) * Fraction(quantity)

    (line,) = rate_arrears(MINUTES, price, OCTOBER, Decimal(quantity))

    error = Fraction(line.amount.decimal) - exact
    assert Fraction(line.priced.amount) == exact
    assert abs(error) * 2 * 10 ** MINOR_UNITS[currency] <= 1
