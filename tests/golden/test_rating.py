"""Prices, rounding, tax, discounts, proration and shares come out as other engines say."""

from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.rate_line import rate_line
from postpaid.domain.allocation import allocate
from postpaid.domain.charge import Charge
from postpaid.domain.invoice import Share, line_amount
from postpaid.domain.money import EXACT, MINOR_UNITS, Money, total
from postpaid.domain.site import TaxRounding
from postpaid.domain.tax import TaxRate, TaxRates, taxes_on
from tests.golden.cases import LEFT_OUT, cases_of, read_cases

FILE = "rating.jsonl"
# A currency for each number of places; the sources' own amounts in cents are whole yen here.
CURRENCIES = {MINOR_UNITS[code]: code for code in ("JPY", "USD", "KWD", "CLF")}
OTHER_WAY = {"upper_bound": ("inclusive", "exclusive"), "zero_quantity_flat": (True, False)}
CHARGES = cases_of(FILE, "charge")


def by_id(case: dict[str, Any]) -> str:
    return str(case["id"])


def _currency(case: dict[str, Any]) -> str:
    assert case["rounding"]["mode"] == "half_up"
    return CURRENCIES[case["rounding"]["places"]]


def _money(amount: Decimal, case: dict[str, Any]) -> Money:
    return Money.rounded(amount, _currency(case))


def _expected(case: dict[str, Any]) -> Money:
    found = _money(Decimal(case["expected_amount"]), case)
    assert found.decimal == Decimal(case["expected_amount"]), "the source rounds further"
    return found


@pytest.mark.parametrize("case", CHARGES, ids=by_id)
def test_a_line_costs_what_it_costs_elsewhere(case: dict[str, Any]) -> None:
    amount = rate_line(case["params"], case.get("quantity"), case.get("usages"))

    if "rounding" in case:
        assert _money(amount, case) == _expected(case)
    else:
        assert amount == Decimal(case["expected_amount"])


@pytest.mark.parametrize(
    ("case", "switch"),
    [(case, switch) for case in CHARGES for switch in case.get("switch_sensitive", [])],
    ids=lambda part: part if isinstance(part, str) else by_id(part),
)
def test_a_line_that_hangs_on_a_convention_changes_with_it(
    case: dict[str, Any], switch: str
) -> None:
    said = case["params"].get("semantics", {})
    standard, other = OTHER_WAY[switch]
    turned = {switch: other if said.get(switch, standard) == standard else standard}
    params = case["params"] | {"semantics": said | turned}

    changed = rate_line(params, case.get("quantity"), case.get("usages"))

    assert changed != Decimal(case["expected_amount"])


@pytest.mark.parametrize("case", cases_of(FILE, "rounding", "rounding_lines"), ids=by_id)
def test_amounts_are_rounded_half_away_from_zero_once_for_a_line(case: dict[str, Any]) -> None:
    amounts = [Decimal(amount) for amount in case["params"]["amounts"]]

    if case["params"]["order"] == "each_then_sum":  # lines of an invoice
        found = total((_money(amount, case) for amount in amounts), _currency(case))
    else:  # parts of one line
        found = _money(_sum(amounts), case)

    assert found == _expected(case)


def _sum(amounts: list[Decimal]) -> Decimal:
    exact = Decimal(0)
    for amount in amounts:
        exact = EXACT.add(exact, amount)
    return exact


@pytest.mark.parametrize("case", cases_of(FILE, "discount"), ids=by_id)
def test_a_percentage_is_taken_off(case: dict[str, Any]) -> None:
    base, percent = case["params"]["base"], case["params"]["percent"]
    charge = Charge.from_plain(
        {"pricing_model": "flat_fee", "amount": base, "discount_percent": percent}
    )

    left = charge.price(Decimal(1)).amount

    assert _money(EXACT.subtract(Decimal(base), left), case) == _expected(case)


def _taxes(lines: list[Money], percents: list[str], rounding: TaxRounding) -> Money:
    currency = lines[0].currency
    rates = tuple(TaxRate(f"tax {n}", Decimal(each)) for n, each in enumerate(percents))
    taxed = [(line, TaxRates(rates, inclusive=False)) for line in lines]
    return total((tax.amount for tax in taxes_on(taxed, currency, rounding)), currency)


@pytest.mark.parametrize("case", cases_of(FILE, "tax"), ids=by_id)
def test_tax_is_rounded_for_each_rate(case: dict[str, Any]) -> None:
    assert case["params"]["order"] == "each_then_sum"
    base = _money(Decimal(case["params"]["base"]), case)

    assert _taxes([base], case["params"]["percents"], TaxRounding.LINE) == _expected(case)


@pytest.mark.parametrize("case", cases_of(FILE, "invoice_total"), ids=by_id)
def test_tax_is_rounded_by_line_or_on_the_total_as_a_site_chooses(case: dict[str, Any]) -> None:
    rounding = {"each": TaxRounding.LINE, "sum_then_round": TaxRounding.TOTAL}
    lines = [_money(Decimal(line), case) for line in case["params"]["lines"]]
    percents = [case["params"]["tax_percent"]]

    taxes = _taxes(lines, percents, rounding[case["params"]["tax_order"]])

    assert total(lines, _currency(case)) + taxes == _expected(case)


def _prorated(part: dict[str, str], case: dict[str, Any]) -> Money:
    days, of = int(part["days"]), int(part["days_in_period"])
    return line_amount(Decimal(part["amount"]), _currency(case), Share(days, 0, of))


@pytest.mark.parametrize("case", cases_of(FILE, "proration"), ids=by_id)
def test_a_part_of_a_period_costs_its_share_of_days(case: dict[str, Any]) -> None:
    found = _prorated(case["params"], case)
    if "tax_percent" in case["params"]:
        found += _taxes([found], [case["params"]["tax_percent"]], TaxRounding.LINE)

    assert found == _expected(case)


@pytest.mark.parametrize("case", cases_of(FILE, "proration_sum"), ids=by_id)
def test_prorated_parts_are_lines_each_rounded(case: dict[str, Any]) -> None:
    parts = (_prorated(part, case) for part in case["params"]["parts"])

    assert total(parts, _currency(case)) == _expected(case)


@pytest.mark.parametrize("case", cases_of(FILE, "allocation"), ids=by_id)
def test_shares_add_up_to_the_whole(case: dict[str, Any]) -> None:
    whole = _money(Decimal(case["params"]["total"]), case)
    weights = [Decimal(weight) for weight in case["params"]["weights"]]

    shares = allocate(whole, weights)

    assert [share.decimal for share in shares] == [Decimal(x) for x in case["expected_amount"]]
    assert total(shares, whole.currency) == whole


def test_fewer_than_three_per_cent_of_the_rating_cases_are_left_out() -> None:
    ids = [case["id"] for case in read_cases(FILE)]

    assert len(ids) == len(set(ids)) == 195
    assert len(LEFT_OUT.keys() & set(ids)) / len(ids) < 0.03


def test_what_is_left_out_is_in_the_data() -> None:
    known = {case["id"] for name in (FILE, "calendar.jsonl") for case in read_cases(name)}

    assert set(LEFT_OUT) <= known


def test_every_kind_of_rating_case_is_tried() -> None:
    tried = {"rounding", "discount", "tax", "invoice_total", "proration", "proration_sum"}

    assert {case["kind"] for case in read_cases(FILE)} == tried | {"charge", "allocation"}
