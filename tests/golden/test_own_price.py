"""A line with a price of its own costs what it would if the catalogue said that price."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.invoice import InvoiceLine
from postpaid.domain.line import Line
from postpaid.domain.metering import Metered
from postpaid.domain.pricing.per_unit import PerUnit
from postpaid.domain.rating import rate_term
from tests.golden.cases import cases_of
from tests.support.samples import NOVEMBER, OCTOBER, a_line, a_price, a_subscription, a_term

ELSE = Charge(model=PerUnit(Decimal("7.77")), minimum=Decimal("0.01"))


def _of_the_catalogue(params: dict[str, Any]) -> bool:
    """Tell whether a case is a price alone: others have around it what no catalogue says."""
    try:
        Charge.from_plain(params)
    except Invalid:
        return False
    return True


CASES = [case for case in cases_of("rating.jsonl", "charge") if _of_the_catalogue(case["params"])]


def _lines(line: Line, charge: Charge, usages: list[Decimal]) -> tuple[InvoiceLine, ...]:
    """Rate October in arrears and November in advance, with the charge that the catalogue has."""
    pins = {line.number: 1}
    return rate_term(
        a_subscription(lines=(line,)),
        ended=a_term(period=OCTOBER, pins=pins),
        begun=a_term(1, period=NOVEMBER, pins=pins),
        prices={(line.item_price_id, 1): a_price(line.item_price_id, charge=charge)},
        usage={line.id: Metered(tuple(usages))} if line.metered and usages else {},
        customer_tax=None,
    )


@pytest.mark.parametrize("metered", [True, False], ids=["metered", "recurring"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_a_price_of_its_own_comes_to_the_same_lines_as_the_same_price_in_the_catalogue(
    case: dict[str, Any], metered: bool
) -> None:
    usages = [Decimal(each) for each in case.get("usages", [case.get("quantity")])]
    charge = Charge.from_plain(case["params"])
    line = a_line("minutes") if metered else a_line("seats", metered=False, quantity=sum(usages))
    own = replace(line, charge_text=charge.to_text())

    found = _lines(own, ELSE, usages)

    assert found == _lines(line, charge, usages)
    assert found != _lines(line, ELSE, usages), "the price is another one"
    assert own.charge == charge


def test_most_cases_are_prices_alone() -> None:
    assert len(CASES) > 110
