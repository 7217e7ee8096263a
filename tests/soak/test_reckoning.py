"""The auditor's arithmetic and calendar, against cases that were worked out by hand."""

from fractions import Fraction

import pytest

from tests.soak.plan import CALLS, CLOCK, DATA, JOBS, PRICES, TEXTS, Plan, Price, plans
from tests.soak.reckoning import base_fee, cents, cents_of, charge, tax


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        (CALLS, "0", 0),
        (CALLS, "361", 1805),
        (CALLS, "0.1", 1),
        (CALLS, "0.099999", 0),
        (DATA, "100", 1000),
        (DATA, "100.5", 1004),
        (DATA, "400", 3400),
        (DATA, "750", 5150),
        (JOBS, "60", 1200),
        (JOBS, "60.000001", 900),
        (JOBS, "250", 3750),
        (JOBS, "250.000001", 2750),
        (JOBS, "300", 3300),
        (TEXTS, "100", 130),
        (TEXTS, "50", 65),
    ],
)
def test_a_quantity_costs_what_it_does_by_hand(price: Price, quantity: str, amount: int) -> None:
    assert charge(price, Fraction(quantity)) == amount


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("0.005", 1), ("0.0049", 0), ("-0.005", -1), ("-0.0049", 0), ("1.235", 124), ("-1.235", -124)],
)
def test_cents_are_rounded_half_away_from_zero(exact: str, rounded: int) -> None:
    assert cents(Fraction(exact)) == rounded


@pytest.mark.parametrize(("amount", "due"), [(100, 19), (130, 25), (-130, -25), (50, 10), (0, 0)])
def test_tax_is_rounded_for_each_line(amount: int, due: int) -> None:
    assert tax(TEXTS, amount) == due
    assert tax(CALLS, amount) == 0


def test_base_fees_are_read_in_cents() -> None:
    assert [base_fee(price) for price in PRICES] == [1000, 0, 333, 0]


def test_an_amount_that_is_no_whole_cents_is_refused() -> None:
    assert cents_of("-12.30") == -1230
    with pytest.raises(ValueError, match=r"0\.005"):
        cents_of("0.005")


def _terms(plan: Plan, count: int) -> list[tuple[str, str]]:
    terms = plan.terms()
    return [next(terms) for _ in range(count)]


def test_terms_are_weeks_of_the_wall_clock_whatever_it_does() -> None:
    york = plans(50)["sub-01"]

    assert york.zone.key == "America/New_York"
    # The clocks there go forward on Sunday 8 March 2026, those of Berlin on the 29th.
    assert _terms(york, 2) == [
        ("2026-02-28T05:00:00Z", "2026-03-07T05:00:00Z"),
        ("2026-03-07T05:00:00Z", "2026-03-14T04:00:00Z"),
    ]


def test_terms_of_fifty_subscriptions_end_on_all_days_in_four_zones_and_close_in_all_ways() -> None:
    made = plans(50).values()

    assert len({plan.start.isoweekday() for plan in made}) == 7
    assert len({plan.zone.key for plan in made}) == 4
    assert len({(str(plan.closing), plan.prices) for plan in made}) == 15
    assert {plan.late for plan in made} == {"supplement", "refuse"}
    assert all(plan.at(plan.start) <= CLOCK for plan in made)


def test_prices_are_asked_for_as_they_are_reckoned() -> None:
    assert [price.body()["pricing_model"] for price in PRICES] == [
        "per_unit",
        "tiered",
        "volume",
        "per_unit",
    ]
    assert CALLS.body()["unit_amount"] == "0.05"
    assert DATA.body()["tiers"][-1] == {"up_to": None, "unit_amount": "0.05"}
    assert TEXTS.body()["tax"] == {"rates": [{"name": "VAT", "percent": "19"}], "inclusive": False}
    assert [price.item()["recording"] for price in PRICES] == ["one_per_date"] * 3 + ["events"]
