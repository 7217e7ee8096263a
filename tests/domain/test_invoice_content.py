"""What an invoice says, in the form that is stored for ever."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.charge import Priced
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import InvoiceLine, LineKind, Share, line_amount
from postpaid.domain.invoice_content import (
    LINES_MAX,
    InvoiceContent,
    content_from_plain,
    plain_content,
    plain_period,
)
from postpaid.domain.money import MINOR_UNITS, Money
from postpaid.domain.period import Period
from postpaid.domain.pricing import Component
from postpaid.domain.site import Address
from postpaid.domain.tax import TaxAmount, TaxRate, TaxRates
from tests.support.laws import instants, plain_numbers, tried
from tests.support.samples import NOVEMBER, OCTOBER, PAYER, SELLER

USAGE = InvoiceLine(
    kind=LineKind.USAGE,
    line_id="minutes",
    item_price_id="voice-minutes",
    price_version=7,
    description="Call minutes",
    unit="minute",
    period=OCTOBER,
    quantity=Decimal("361.0"),
    amount=Money(1805, "USD"),
    priced=Priced(
        Decimal("18.050"),
        Decimal("361.0"),
        (Component(Decimal("18.050"), Decimal("361.0"), Decimal("0.050")),),
        (),
    ),
    pricing={"pricing_model": "per_unit", "unit_amount": "0.05"},
    tax=TaxRates((TaxRate("VAT", Decimal("20.0")),), inclusive=False),
)
FEE = replace(
    USAGE,
    kind=LineKind.BASE_FEE,
    unit=None,
    quantity=None,
    amount=Money(1000, "USD"),
    priced=Priced(Decimal(10), Decimal(0), (Component(Decimal(10)),), ()),
    pricing={"pricing_model": "flat_fee", "amount": "10"},
    tax=None,
)
CONTENT = InvoiceContent(
    invoice_id="inv_q4grewnjbyrvxxmeyv4c2rsh",
    subscription_id="sub",
    customer_id="globex",
    currency="USD",
    timezone="America/New_York",
    engine=1,
    ended=OCTOBER,
    begun=NOVEMBER,
    seller=SELLER,
    customer=PAYER,
    lines=(FEE, USAGE),
    taxes=(
        TaxAmount(
            name="VAT",
            percent=Decimal("20.0"),
            inclusive=False,
            base=Money(1805, "USD"),
            amount=Money(361, "USD"),
        ),
    ),
    manifest=(("2026-10-05T00:00:00Z#minutes", 1, "361"),),
)

# Stored objects stay as they are: whoever changes this writes a new schema and keeps a reader.
PLAIN: dict[str, Any] = {
    "schema": 1,
    "engine": 1,
    "invoice_id": "inv_q4grewnjbyrvxxmeyv4c2rsh",
    "subscription_id": "sub",
    "customer_id": "globex",
    "currency": "USD",
    "timezone": "America/New_York",
    "ended": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
    "begun": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "seller": {
        "name": "Acme Voice",
        "lines": ["1 Long Wharf", "Boston"],
        "email": None,
        "tax_id": "04-1234567",
    },
    "customer": {
        "name": "Globex",
        "lines": ["9 Elm Street"],
        "email": "bills@globex.example",
        "tax_id": None,
    },
    "lines": [
        {
            "kind": "base_fee",
            "line_id": "minutes",
            "item_price_id": "voice-minutes",
            "price_version": 7,
            "description": "Call minutes",
            "unit": None,
            "period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
            "quantity": None,
            "unit_amount": None,
            "amount": "10.00",
            "exact_amount": "10",
            "days": None,
            "days_in_period": None,
            "days_after": None,
            "billed_before": None,
            "pricing": {"pricing_model": "flat_fee", "amount": "10"},
            "components": [
                {"quantity": None, "unit_amount": None, "amount": "10", "tier": None, "note": None}
            ],
            "steps": [],
            "tax": None,
        },
        {
            "kind": "usage",
            "line_id": "minutes",
            "item_price_id": "voice-minutes",
            "price_version": 7,
            "description": "Call minutes",
            "unit": "minute",
            "period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
            "quantity": "361",
            "unit_amount": "0.05",
            "amount": "18.05",
            "exact_amount": "18.05",
            "days": None,
            "days_in_period": None,
            "days_after": None,
            "billed_before": None,
            "pricing": {"pricing_model": "per_unit", "unit_amount": "0.05"},
            "components": [
                {
                    "quantity": "361",
                    "unit_amount": "0.05",
                    "amount": "18.05",
                    "tier": None,
                    "note": None,
                }
            ],
            "steps": [],
            "tax": {"inclusive": False, "rates": [{"name": "VAT", "percent": "20"}]},
        },
    ],
    "subtotal": "28.05",
    "taxes": [
        {"name": "VAT", "percent": "20", "inclusive": False, "base": "18.05", "amount": "3.61"}
    ],
    "balance": None,
    "total": "31.66",
    "supplements": [],
    "manifest": [["2026-10-05T00:00:00Z#minutes", 1, "361"]],
}


def test_the_stored_form_never_changes() -> None:
    assert plain_content(CONTENT) == PLAIN
    assert list(plain_content(CONTENT)) == list(PLAIN)
    assert content_from_plain(PLAIN) == CONTENT


@pytest.mark.parametrize(("ended", "begun"), [(OCTOBER, None), (None, NOVEMBER)])
def test_an_invoice_may_only_end_or_only_begin_a_term(
    ended: Period | None, begun: Period | None
) -> None:
    content = replace(CONTENT, ended=ended, begun=begun)

    assert content_from_plain(plain_content(content)) == content
    assert content.period == (ended or begun)


def test_an_invoice_is_headed_with_the_ended_term_before_the_begun_one() -> None:
    assert CONTENT.period == OCTOBER
    with pytest.raises(AssertionError):
        _ = replace(CONTENT, ended=None, begun=None).period


def test_the_total_is_the_sum_of_the_rounded_lines() -> None:
    half_cent = Priced(Decimal("0.005"), Decimal(1), (), ())
    third = replace(USAGE, priced=half_cent, amount=Money(1, "USD"))

    assert CONTENT.subtotal == Money(2805, "USD")
    assert CONTENT.total == Money(3166, "USD")
    untaxed = replace(CONTENT, taxes=())
    assert untaxed.total == Money(2805, "USD")
    assert replace(untaxed, lines=(third, third, third)).total == Money(3, "USD")
    assert replace(untaxed, lines=()).total == Money(0, "USD")


def test_an_inclusive_tax_is_told_and_not_added() -> None:
    included = replace(CONTENT.taxes[0], inclusive=True)

    assert replace(CONTENT, taxes=(included,)).total == Money(2805, "USD")


def test_an_invoice_has_one_currency_and_at_most_forty_thousand_lines() -> None:
    euro = replace(USAGE, amount=Money(1805, "EUR"))

    assert len(replace(CONTENT, lines=(USAGE,) * LINES_MAX).lines) == 40_000
    with pytest.raises(AssertionError):
        replace(CONTENT, lines=(USAGE, euro))
    with pytest.raises(Conflict) as refusal:
        replace(CONTENT, lines=(USAGE,) * (LINES_MAX + 1))
    assert refusal.value.code == "bound_exceeded"
    assert refusal.value.message == "it has 40001 lines, and at most 40000 are allowed (I-21)"


def _altered(place: str, value: object) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(PLAIN))
    inner: Any = plain
    *path, last = place.split(".")
    for part in path:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[last] = value
    return plain


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema", 2),
        ("schema", 0),
        ("total", "31.67"),
        ("total", "31.6600"),
        ("lines.1.amount", "18.06"),
        ("lines.1.amount", "18.050"),
        ("lines.1.exact_amount", "18.06"),
        ("lines.1.period", None),
        ("currency", "JPY"),
        ("currency", "BHD"),
    ],
)
def test_a_stored_form_that_contradicts_itself_is_not_read(place: str, value: object) -> None:
    with pytest.raises(AssertionError):
        content_from_plain(_altered(place, value))


def test_no_period_has_no_plain_form() -> None:
    assert plain_period(None) is None
    assert plain_period(OCTOBER) == PLAIN["ended"]


_texts = st.text(max_size=12)
_maybe_numbers = st.none() | plain_numbers().map(Decimal)
_periods = (
    st.tuples(instants, instants)
    .filter(lambda pair: pair[0] < pair[1])
    .map(lambda pair: Period(*pair))
)
_parties = st.builds(
    Address,
    name=_texts,
    lines=st.lists(_texts, max_size=3).map(tuple),
    email=st.none() | _texts,
    tax_id=st.none() | _texts,
)


@st.composite
def _lines(draw: st.DrawFn, currency: str) -> InvoiceLine:
    exact = Decimal(draw(plain_numbers(signed=True)))
    quantity = draw(_maybe_numbers)
    kind = draw(st.sampled_from(LineKind))
    share = draw(st.none() | st.builds(Share, st.integers(0, 15), st.integers(0, 16), st.just(31)))
    amount = line_amount(exact, currency, share)
    before = None
    if kind is LineKind.SUPPLEMENT:
        before = Money(draw(st.integers(-(10**9), 10**9)), currency)
        amount += -before
    component = st.builds(Component, plain_numbers().map(Decimal), _maybe_numbers, _maybe_numbers)
    return InvoiceLine(
        kind=kind,
        line_id=draw(_texts),
        item_price_id=draw(_texts),
        price_version=draw(st.integers(1, 10**6)),
        description=draw(_texts),
        unit=draw(st.none() | _texts),
        period=draw(_periods),
        quantity=quantity,
        amount=-amount if kind is LineKind.CREDIT else amount,
        priced=Priced(
            exact,
            Decimal(0) if quantity is None else quantity,
            tuple(draw(st.lists(component, max_size=3))),
            (),
        ),
        pricing=draw(st.dictionaries(_texts, _texts, max_size=2)),
        days=share and share.days,
        days_after=share and share.after,
        days_in_period=share and share.of,
        billed_before=before,
    )


@st.composite
def _contents(draw: st.DrawFn) -> InvoiceContent:
    currency = draw(st.sampled_from(sorted(MINOR_UNITS)))
    return InvoiceContent(
        invoice_id=draw(_texts),
        subscription_id=draw(_texts),
        customer_id=draw(_texts),
        currency=currency,
        timezone=draw(_texts),
        engine=draw(st.integers(1, 9)),
        ended=draw(st.none() | _periods),
        begun=draw(st.none() | _periods),
        seller=draw(_parties),
        customer=draw(_parties),
        lines=tuple(draw(st.lists(_lines(currency), max_size=2))),
        manifest=tuple(
            draw(st.lists(st.tuples(_texts, st.integers(1, 10**6), plain_numbers()), max_size=4))
        ),
        supplements=tuple(draw(st.lists(st.tuples(instants, st.integers(1, 99)), max_size=2))),
        balance=draw(st.none() | st.integers(0, 10**9).map(lambda minor: Money(minor, currency))),
    )


@given(_contents())
@tried(25)
def test_what_an_invoice_says_survives_its_plain_form(content: InvoiceContent) -> None:
    plain = plain_content(content)
    stored = json.dumps(plain, sort_keys=True)

    again = content_from_plain(json.loads(stored))

    assert again == content
    assert again.total == content.total
    assert json.dumps(plain_content(again), sort_keys=True) == stored


def test_days_to_pay_are_left_out_where_there_are_none() -> None:
    """What was stored before there were any reads and hashes as it did."""
    assert "payment_days" not in plain_content(CONTENT)
    later = replace(CONTENT, payment_days=30)

    plain = plain_content(later)

    assert plain == plain_content(CONTENT) | {"payment_days": 30}
    assert content_from_plain(json.loads(json.dumps(plain))) == later
