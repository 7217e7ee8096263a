"""The second count of an invoice (I-25): it agrees with the first, and notices whatever is off."""

import ast
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain import second_count
from postpaid.domain.bounds import Bound, broken_by
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import InvoiceLine, LineKind, Share, line_amount
from postpaid.domain.invoice_content import InvoiceContent, stored_content
from postpaid.domain.money import MINOR_UNITS, Money
from postpaid.domain.second_count import check_second_count
from postpaid.domain.site import TaxRounding
from postpaid.domain.tax import TaxRate, TaxRates, taxes_on
from tests.support.laws import tried
from tests.support.prices import charges, percents, quantities
from tests.support.samples import NOVEMBER, OCTOBER, PAYER, SELLER

_rates = st.builds(
    TaxRates,
    st.lists(
        st.builds(TaxRate, st.sampled_from(("VAT", "City")), percents.map(Decimal)),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
    st.booleans(),
)


@st.composite
def _lines(draw: st.DrawFn, currency: str) -> InvoiceLine:
    """Draw a line of any kind at any price, of a whole period or a part."""
    plain = draw(charges())
    charge = Charge.from_plain(plain)
    quantity = Decimal(draw(quantities(plain)))
    priced = charge.price_events([quantity] * 2) if charge.by_event else charge.price(quantity)
    kind = draw(st.sampled_from(LineKind))
    share = draw(st.none() | st.builds(Share, st.integers(0, 15), st.integers(0, 16), st.just(31)))
    amount = line_amount(priced.amount, currency, share)
    before = None
    if kind is LineKind.SUPPLEMENT:
        before = Money(draw(st.integers(0, 10**6)), currency)
        amount += -before
    return InvoiceLine(
        kind=kind,
        line_id="line",
        item_price_id="price",
        price_version=1,
        description="Something",
        unit=None,
        period=OCTOBER,
        quantity=quantity,
        amount=-amount if kind is LineKind.CREDIT else amount,
        priced=priced,
        pricing=charge.to_plain(),
        tax=draw(st.none() | _rates),
        days=share and share.days,
        days_after=share and share.after,
        days_in_period=share and share.of,
        billed_before=before,
    )


@st.composite
def contents(draw: st.DrawFn, rounding: TaxRounding) -> InvoiceContent:
    """Draw what an invoice may say."""
    currency = draw(st.sampled_from(("USD", "JPY", "KWD", "CLF")))
    lines = tuple(draw(st.lists(_lines(currency), max_size=4)))
    return InvoiceContent(
        invoice_id="inv",
        subscription_id="sub",
        customer_id="globex",
        currency=currency,
        timezone="UTC",
        engine=1,
        ended=OCTOBER,
        begun=NOVEMBER,
        seller=SELLER,
        customer=PAYER,
        lines=lines,
        taxes=taxes_on(((line.amount, line.tax) for line in lines), currency, rounding),
        balance=draw(st.none() | st.integers(0, 10**5).map(lambda minor: Money(minor, currency))),
        manifest=(),
    )


@given(st.data(), st.sampled_from(TaxRounding))
@tried(150)
def test_i_25_whatever_an_invoice_says_is_counted_the_same_twice(
    data: st.DataObject, rounding: TaxRounding
) -> None:
    check_second_count(stored_content(data.draw(contents(rounding))), rounding)


def _line(**changes: Any) -> dict[str, Any]:
    """Return 31 days at 62.00 a month, of which 15 are due and 6 follow."""
    return {
        "kind": "recurring",
        "exact_amount": "62",
        "amount": "30.00",
        "days": 15,
        "days_in_period": 31,
        "days_after": 6,
        "billed_before": None,
        "components": [{"amount": "60.5"}, {"amount": "1.50"}],
        "steps": [],
        "tax": {"inclusive": False, "rates": [{"name": "VAT", "percent": "20"}]},
        **changes,
    }


def _plain() -> dict[str, Any]:
    return {
        "currency": "USD",
        "lines": [
            _line(),
            _line(kind="credit", amount="-2.00", days=1),
            _line(
                kind="supplement",
                amount="-0.01",
                exact_amount="9.990",
                billed_before="10.00",
                days=None,
                components=[{"amount": "20"}],
                steps=[{"amount": "11.1"}, {"amount": "9.99"}],
                tax={"inclusive": True, "rates": [{"name": "City", "percent": "10"}]},
            ),
        ],
        "subtotal": "27.99",
        "taxes": [
            {"name": "VAT", "percent": "20", "inclusive": False, "base": "28.00", "amount": "5.60"},
            {"name": "City", "percent": "10", "inclusive": True, "base": "-0.01", "amount": "0.00"},
        ],
        "balance": "3.00",
        "total": "30.59",
    }


def _check(plain: dict[str, Any]) -> None:
    check_second_count(json.dumps(plain).encode(), TaxRounding.LINE)


def test_an_invoice_counted_by_hand_is_right() -> None:
    _check(_plain())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("total", "30.60", "it says 30.60 as its total, and counted again that is 30.59 (I-25)"),
        ("total", "33.59", "its total"),  # the credit is forgotten
        ("total", "30.590", "its total"),
        ("total", 30.59, "its total"),
        ("balance", None, "its total"),
        ("balance", "3.01", "its total"),
        ("subtotal", "28.00", "its subtotal"),
        ("lines.0.amount", "30.01", "the amount of line 1"),
        ("lines.0.days", 16, "the amount of line 1"),
        ("lines.0.kind", "credit", "the amount of line 1"),
        ("lines.0.exact_amount", "62.000001", "the exact amount of line 1"),
        ("lines.0.components.0.amount", "60.4", "the exact amount of line 1"),
        ("lines.1.amount", "2.00", "the amount of line 2"),
        ("lines.2.billed_before", "9.99", "the amount of line 3"),
        ("lines.2.steps.1.amount", "9.98", "the exact amount of line 3"),
        ("lines.2.steps", [], "the exact amount of line 3"),
        ("taxes.0.amount", "5.61", "its tax VAT"),
        ("taxes.0.base", "27.99", "the base of VAT"),
        ("taxes.0.percent", "19", "the base of VAT"),
        ("taxes.1.inclusive", False, "the base of City"),
        ("taxes.1.amount", "-0.01", "its tax City"),
        ("lines.0.tax", None, "the base of VAT"),
        ("lines.0.tax.rates.0.percent", "21", "the number of its taxes"),
        ("taxes", [], "the number of its taxes"),
        ("currency", "JPY", "the amount of line 1"),
    ],
)
def test_i_25_what_is_off_is_noticed(path: str, value: object, said: str) -> None:
    plain = _plain()
    inner: Any = plain
    *places, last = path.split(".")
    for place in places:
        inner = inner[int(place)] if place.isdigit() else inner[place]
    inner[last] = value

    with pytest.raises(Conflict) as refusal:
        _check(plain)
    assert said in refusal.value.message
    broken = broken_by(refusal.value)
    assert broken is not None
    assert broken.bound is Bound.SECOND_COUNT
    assert not broken.acceptable


def test_where_taxes_are_rounded_matters() -> None:
    """Three times 0.5 cents are three cents by line and two in total."""
    line = _line(days=None, exact_amount="0.05", amount="0.05", components=[{"amount": "0.05"}]) | {
        "tax": {"inclusive": False, "rates": [{"name": "VAT", "percent": "10"}]}
    }
    tax = {"name": "VAT", "percent": "10", "inclusive": False, "base": "0.15"}
    for rounding, amount, total in (
        (TaxRounding.LINE, "0.03", "0.18"),
        (TaxRounding.TOTAL, "0.02", "0.17"),
    ):
        plain = _plain() | {
            "lines": [line] * 3,
            "subtotal": "0.15",
            "taxes": [tax | {"amount": amount}],
            "balance": None,
            "total": total,
        }
        body = json.dumps(plain).encode()
        check_second_count(body, rounding)
        [other] = set(TaxRounding) - {rounding}
        with pytest.raises(Conflict):
            check_second_count(body, other)


def test_the_second_count_uses_nothing_of_the_first() -> None:
    tree = ast.parse(Path(second_count.__file__).read_text(encoding="utf-8"))
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("postpaid")
        for alias in node.names
    }

    assert imported == {
        "postpaid.domain.bounds.Bound",
        "postpaid.domain.bounds.bound_exceeded",
        "postpaid.domain.money.MINOR_UNITS",
        "postpaid.domain.site.TaxRounding",
    }
    assert {MINOR_UNITS[code] for code in ("USD", "JPY", "KWD", "CLF")} == {0, 2, 3, 4}
