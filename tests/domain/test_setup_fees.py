"""A setup fee is charged once in the life of a line: on which invoice, at which version, for what.

One invoice at a time, in tables. Whole lives are in tests/application/test_setup_fees.py, and lives
of every kind in tests/independent/test_setup_fees.py.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.bounds import Bound, broken_by
from postpaid.domain.charge import Charge
from postpaid.domain.charged_once import check_charged_once
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.metering import Metered
from postpaid.domain.money import Money
from postpaid.domain.period import Interval, Period
from postpaid.domain.pricing.flat_fee import FlatFee
from postpaid.domain.rating import rate_term, versions_to_read
from postpaid.domain.setup_fee import charged_unused
from postpaid.domain.subscription import Subscription
from postpaid.domain.tax import TaxRate, TaxRates
from postpaid.domain.term import Term
from tests.support.samples import a_line, a_price, a_subscription, a_term, at

CALLS = a_line("calls", number=1)
SEATS = a_line("seats", number=5, metered=False, quantity=Decimal(3))
PRICE = a_price(base_fee=None, setup_fee=Decimal("7.50"))


def day(text: str) -> Any:
    return at(f"2026-{text}")


def days(start: str, end: str) -> Period:
    return Period(day(start), day(end))


def of(*lines: Any, **more: Any) -> Subscription:
    return a_subscription(lines=lines, **more)


def term(n: int, *pinned: int, **more: Any) -> Term:
    """Return October, or a month after it, with entries that are pinned at version 2."""
    return a_term(n, pins=dict.fromkeys(pinned, 2), **more)


def rated(
    subscription: Subscription,
    ended: Term | None,
    begun: Term | None,
    usage: Mapping[str, Metered] | None = None,
    **price: Any,
) -> tuple[InvoiceLine, ...]:
    """Return the lines of an invoice at prices that are alike but for their names and versions."""
    prices = {
        (name, version): replace(PRICE, id=name, version=version, **price)
        for name, version in versions_to_read(subscription, ended, begun)
    }
    lines = rate_term(
        subscription,
        ended=ended,
        begun=begun,
        prices=prices,
        usage=usage or {},
        customer_tax=TaxRates((TaxRate("VAT", Decimal(20)),), inclusive=False),
    )
    check_charged_once(subscription, ended, begun, lines)
    return lines


def setups(
    subscription: Subscription, ended: Term | None, begun: Term | None
) -> list[tuple[str, int, Period]]:
    """Return line, version and period of the setup fees; there are no others."""
    return [
        (line.item_price_id, line.price_version, line.period)
        for line in rated(subscription, ended, begun)
        if line.kind is LineKind.SETUP
    ]


OCTOBER, NOVEMBER, DECEMBER = days("10-01", "11-01"), days("11-01", "12-01"), days("12-01", "12-31")
LATER = replace(SEATS, number=6, since=day("10-11"))
ELSE = replace(LATER, item_price_id="else")
USED_LATER = replace(CALLS, since=day("10-11"))
SUSPENDED = (Interval(day("10-01"), day("11-15")),)
TRIAL = {"trial_end": day("11-01"), "anchor": day("11-01")}
# The rest of October, after an invoice on the 20th.
CUT = term(0, 5, period=days("10-01", "10-20"), advance_to=day("11-01"))
REST = term(1, 5, period=days("10-20", "11-01"), covered={5: day("11-01")})

SEATS_IN_OCTOBER = ("seats", 2, OCTOBER)
CASES: dict[str, tuple[Subscription, Term | None, Term | None, list[tuple[str, int, Period]]]] = {
    # --- metered: in arrears, with the term in which it came into force
    "a metered line from the start": (of(CALLS), term(0, 1), term(1, 1), [("calls", 2, OCTOBER)]),
    "in the second term not again": (of(CALLS), term(1, 1), term(2, 1), []),
    "nothing before its term has ended": (of(CALLS), None, term(0, 1), []),
    "a metered line that came later": (
        of(USED_LATER),
        term(0, 1, idle=frozenset({1})),
        term(1, 1),
        [("calls", 2, days("10-11", "11-01"))],
    ),
    "a metered line that is still to come": (
        of(replace(CALLS, since=day("11-11"))),
        term(0),
        term(1, 1, idle=frozenset({1})),
        [],
    ),
    "a metered line that was removed before it was in force": (
        of(replace(CALLS, since=day("10-11"), until=day("10-11"))),
        term(0),
        None,
        [],
    ),
    "a metered line whose first price was replaced at once: the one it was in force at": (
        of(
            replace(CALLS, until=day("10-01")),
            replace(CALLS, number=2, since=day("10-01"), item_price_id="else"),
        ),
        term(0, 1),
        None,
        [("else", 1, OCTOBER)],
    ),
    "a metered line in force for hours": (
        of(replace(CALLS, since=day("10-11T08:00"), until=day("10-11T09:00"))),
        term(0),
        None,
        [("calls", 1, days("10-11T08:00", "10-11T09:00"))],
    ),
    "a metered line with another price in its term": (
        of(replace(CALLS, until=day("10-11")), replace(CALLS, number=2, since=day("10-11"))),
        term(0, 1),
        term(1, 2),
        [("calls", 2, days("10-01", "10-11"))],
    ),
    "a metered line with another price in the next term": (
        of(replace(CALLS, until=day("11-11")), replace(CALLS, number=2, since=day("11-11"))),
        term(1, 1),
        term(2, 2),
        [],
    ),
    "a metered line that was suspended at first": (
        of(CALLS, suspensions=SUSPENDED),
        term(1, 1, idle=frozenset({1})),
        term(2, 1),
        [("calls", 2, days("11-15", "12-01"))],
    ),
    "a metered line while it is suspended": (
        of(CALLS, suspensions=SUSPENDED),
        term(0, 1),
        None,
        [],
    ),
    # --- recurring: in advance, or in arrears where it began in between
    "a recurring line from the start": (of(SEATS), None, term(0, 5), [SEATS_IN_OCTOBER]),
    "when that term ends not again": (of(SEATS), term(0, 5), term(1, 5), []),
    "a recurring line that came later": (
        of(LATER),
        term(0, 6, idle=frozenset({6})),
        term(1, 6),
        [("seats", 2, days("10-11", "11-01"))],
    ),
    "a recurring line that came with the next term": (
        of(replace(SEATS, since=day("11-01"))),
        term(0),
        term(1, 5),
        [("seats", 2, NOVEMBER)],
    ),
    "a recurring line that was dated back to the start of its term": (
        of(CALLS, replace(SEATS, since=day("11-01"))),
        term(1, 1),
        term(2, 1, 5),
        [("seats", 1, NOVEMBER)],
    ),
    "more of a recurring line": (
        of(replace(SEATS, until=day("10-11")), LATER),
        term(0, 5),
        term(1, 6),
        [],
    ),
    "a recurring line with another price": (
        of(replace(SEATS, until=day("10-11")), ELSE),
        term(0, 5),
        term(1, 6),
        [],
    ),
    "a recurring line that is there again, in its term": (
        of(replace(SEATS, until=day("10-05")), LATER),
        term(0, 5),
        term(1, 6),
        [],
    ),
    "a recurring line that is there again, terms later": (
        of(replace(SEATS, until=day("10-05")), replace(LATER, since=day("12-01"))),
        term(1),
        term(2, 6),
        [],
    ),
    "another line at the same price": (
        of(SEATS, replace(LATER, id="others")),
        term(0, 5),
        term(1, 5, 6),
        [("seats", 1, days("10-11", "11-01"))],
    ),
    "a recurring line in force for hours": (
        of(CALLS, replace(SEATS, since=day("11-11T08:00"), until=day("11-11T09:00"))),
        term(1, 1),
        None,
        [("seats", 1, days("11-11T08:00", "11-11T09:00"))],
    ),
    "a recurring line that was removed from the very start on, after it was charged": (
        of(CALLS, replace(SEATS, until=day("10-01"))),
        None,
        term(0, 1, 5),
        [SEATS_IN_OCTOBER],
    ),
    "and is there again in its term": (
        of(replace(SEATS, until=day("10-01")), LATER),
        term(0, 5),
        term(1, 6),
        [],
    ),
    "and is there again in a later one": (
        of(replace(SEATS, until=day("10-01")), replace(LATER, since=day("11-11"))),
        term(1, 6, idle=frozenset({6}), charged=frozenset({"seats"})),
        term(2, 6),
        [],
    ),
    "and is there again from a boundary on": (
        of(replace(SEATS, until=day("10-01")), replace(LATER, since=day("12-01"))),
        term(1, charged=frozenset({"seats"})),
        term(2, 6, charged=frozenset({"seats"})),
        [],
    ),
    # --- suspended
    "a recurring line that is suspended when its term begins": (
        of(SEATS, suspensions=SUSPENDED),
        term(0),
        term(1, 5, idle=frozenset({5})),
        [],
    ),
    "and is resumed in a term": (
        of(SEATS, suspensions=SUSPENDED),
        term(1, 5, idle=frozenset({5})),
        term(2, 5),
        [("seats", 2, days("11-15", "12-01"))],
    ),
    "and is resumed at a boundary": (
        of(SEATS, suspensions=(Interval(day("10-01"), day("11-01")),)),
        term(0, 5, idle=frozenset({5})),
        term(1, 5),
        [("seats", 2, NOVEMBER)],
    ),
    "a recurring line that was suspended from the very start on, after it was charged": (
        of(SEATS, suspensions=SUSPENDED),
        term(1, 5, idle=frozenset({5}), charged=frozenset({"seats"})),
        term(2, 5),
        [],
    ),
    # --- trial
    "a metered line in the trial": (of(CALLS, **TRIAL), term(0, 1), term(1, 1), []),
    "a metered line after the trial": (
        of(CALLS, **TRIAL),
        term(1, 1),
        None,
        [("calls", 2, NOVEMBER)],
    ),
    "a recurring line with the first charge after the trial": (
        of(LATER, **TRIAL),
        term(0, 6, idle=frozenset({6})),
        term(1, 6),
        [("seats", 2, NOVEMBER)],
    ),
    "a line with another price in the trial: the one that is charged": (
        of(replace(SEATS, until=day("10-11")), ELSE, **TRIAL),
        term(0, 5),
        term(1, 6),
        [("else", 2, NOVEMBER)],
    ),
    "a line that was removed in the trial, and is there again": (
        of(CALLS, replace(SEATS, until=day("10-11")), replace(LATER, since=day("11-11")), **TRIAL),
        term(1, 1, 6, idle=frozenset({6})),
        None,
        [("calls", 2, NOVEMBER), ("seats", 2, days("11-11", "12-01"))],
    ),
    "a line that was removed in the trial": (
        of(CALLS, replace(SEATS, until=day("10-11")), **TRIAL),
        term(0, 1, 5),
        term(1, 1),
        [],
    ),
    # --- terms that are cut, and ended
    "a term that is cut": (of(SEATS), CUT, REST, []),
    "its rest": (of(SEATS), REST, term(1, 5), []),
    "a line that came before the cut": (
        of(SEATS, replace(LATER, id="others")),
        CUT,
        replace(REST, pins={5: 2, 6: 2}),
        [("seats", 1, days("10-11", "10-20"))],
    ),
    "without proration, on the same invoice as its charge with the rest": (
        of(SEATS, replace(LATER, id="others"), prorate=False),
        CUT,
        replace(REST, pins={5: 2, 6: 2}),
        [("seats", 1, days("10-11", "10-20"))],
    ),
    "a line that came with the cut": (
        of(SEATS, replace(LATER, id="others", since=day("10-20"))),
        CUT,
        replace(REST, pins={5: 2, 6: 2}),
        [("seats", 2, days("10-20", "11-01"))],
    ),
    "a metered line of a term that is cut": (
        of(CALLS),
        replace(CUT, pins={1: 2}),
        replace(REST, pins={1: 2}, covered={}),
        [("calls", 2, days("10-01", "10-20"))],
    ),
    "a metered line of its rest": (of(CALLS), replace(REST, pins={1: 2}, covered={}), None, []),
    "a subscription that ended": (
        of(CALLS, LATER, end=day("10-20")),
        term(0, 1, period=days("10-01", "10-20"), advance_to=day("11-01")),
        None,
        [("calls", 2, days("10-01", "10-20")), ("seats", 1, days("10-11", "10-20"))],
    ),
    "a line that was to come after the end": (
        of(CALLS, replace(LATER, since=day("10-25")), end=day("10-20")),
        term(1, 1, period=days("10-10", "10-20")),
        None,
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_line_is_set_up_by_the_invoice_that_first_charges_it(name: str) -> None:
    subscription, ended, begun, expected = CASES[name]

    assert setups(subscription, ended, begun) == expected


def test_a_setup_fee_is_whole_and_of_no_quantity_and_taxed_as_its_price_is() -> None:
    [setup, seats] = rated(of(LATER), term(0, 6, idle=frozenset({6})), None)

    assert setup == replace(
        seats,
        kind=LineKind.SETUP,
        quantity=None,
        amount=Money(750, "USD"),
        priced=Charge(model=FlatFee(Decimal("7.50"))).price(Decimal(0)),
        pricing={"pricing_model": "flat_fee", "amount": "7.5"},
        days=None,
        days_in_period=None,
        days_after=None,
    )
    assert seats.days == 21
    assert seats.tax is not None


@pytest.mark.parametrize(
    ("fee", "amounts"), [(None, []), ("0", ["0.00"]), ("0.005", ["0.01"]), ("99", ["99.00"])]
)
def test_it_is_charged_as_the_price_says(fee: str | None, amounts: list[str]) -> None:
    amount = None if fee is None else Decimal(fee)

    lines = rated(of(SEATS), None, term(0, 5), setup_fee=amount)

    assert [str(line.amount) for line in lines if line.kind is LineKind.SETUP] == amounts
    assert lines[-1].kind is LineKind.RECURRING, "it comes first"


def test_usage_of_a_term_before_counts_nothing_and_the_fee_comes_before_the_base_fee() -> None:
    subscription = of(replace(CALLS, since=day("11-11")))
    used = {"calls": Metered((Decimal(100),))}

    before = rated(subscription, term(0), None, used, base_fee=Decimal(30))
    then = rated(subscription, term(1, 1, idle=frozenset({1})), None, used, base_fee=Decimal(30))

    assert [line.kind.value for line in before] == ["usage"]
    assert [line.kind.value for line in then] == ["setup", "base_fee", "usage"]


@pytest.mark.parametrize("line", [CALLS, SEATS])
def test_a_charge_of_the_lines_own_replaces_the_model_and_not_the_fee(line: Any) -> None:
    own = replace(line, charge_text=Charge(model=FlatFee(Decimal(1))).to_text())
    ended, begun = (term(0, 1), None) if line.metered else (None, term(0, 5))

    lines = rated(of(own), ended, begun, {"calls": Metered((Decimal(1),))} if ended else None)

    assert [str(line.amount) for line in lines] == ["7.50", "1.00"]


# --- what terms hand on


@pytest.mark.parametrize(
    ("subscription", "ended", "expected"),
    [
        (of(SEATS), term(0, 5), set()),
        (of(SEATS), CUT, set()),
        (of(CALLS, SEATS, suspensions=SUSPENDED), term(0, 1, 5), {"seats"}),
        (of(CALLS, SEATS, suspensions=SUSPENDED), term(0, 1, 5, idle=frozenset({5})), set()),
        (of(CALLS, replace(SEATS, until=day("10-01"))), term(0, 1, 5), {"seats"}),
        (of(replace(SEATS, until=day("10-01")), LATER), term(0, 5), set()),
        # It is kept until the line comes into force.
        (of(SEATS, suspensions=(Interval(day("10-01")),)), term(1, charged={"seats"}), {"seats"}),
        (of(SEATS, suspensions=SUSPENDED), term(1, charged={"seats"}), set()),
        # Nothing is charged for a trial, and what was in force in it was not charged.
        (of(SEATS, suspensions=SUSPENDED, **TRIAL), term(0, 5), set()),
        (
            of(SEATS, suspensions=(Interval(day("11-01")),), **TRIAL),
            term(1, 5),
            {"seats"},
        ),
    ],
)
def test_a_term_hands_on_what_was_charged_and_never_in_force(
    subscription: Subscription, ended: Term, expected: set[str]
) -> None:
    assert charged_unused(subscription, ended) == expected


# --- the check that counts them


def a_setup(line_id: str, period: Period = OCTOBER) -> InvoiceLine:
    [line] = (line for line in rated(of(SEATS), None, term(0, 5)) if line.kind is LineKind.SETUP)
    return replace(line, line_id=line_id, period=period)


@pytest.mark.parametrize(
    ("subscription", "ended", "begun", "times", "said"),
    [
        (of(SEATS), None, term(0, 5), 2, "'seats' 2 times, and once is right (I-22)"),
        (of(SEATS), term(0, 5), term(1, 5), 1, "'seats', which began elsewhere, once, and never"),
        (of(SEATS), term(1, 5), term(2, 5), 1, "began elsewhere"),
        (of(SEATS), term(1, 5), None, 1, "began elsewhere"),
        (of(SEATS), None, term(1, 5), 1, "began elsewhere"),
        (of(CALLS), term(0, 1), None, 1, "began elsewhere"),
        (of(replace(SEATS, since=day("11-11"))), term(0), term(1, 5, idle={5}), 1, "elsewhere"),
        (of(replace(SEATS, until=day("10-01"))), term(0, 5), term(1), 1, "elsewhere"),
        (of(SEATS, suspensions=SUSPENDED), term(0), term(1, 5, idle={5}), 1, "elsewhere"),
        (of(SEATS, suspensions=SUSPENDED), term(1, 5, idle={5}, charged={"seats"}), None, 1, ""),
        (
            of(SEATS, suspensions=(Interval(day("10-01"), day("11-01")),)),
            None,
            term(1, 5, charged={"seats"}),
            1,
            "elsewhere",
        ),
        (of(replace(CALLS, id="seats")), term(1, 1), None, 1, "elsewhere"),
        (of(replace(CALLS, id="seats"), **TRIAL), term(0, 1), term(1, 1), 1, "elsewhere"),
    ],
)
def test_i_22_a_fee_that_is_charged_again_is_noticed(
    subscription: Subscription, ended: Term | None, begun: Term | None, times: int, said: str
) -> None:
    with pytest.raises(Conflict) as refusal:
        check_charged_once(subscription, ended, begun, [a_setup("seats")] * times)

    assert "it charges the setup fee of line 'seats'" in refusal.value.message
    assert said in refusal.value.message
    broken = broken_by(refusal.value)
    assert broken is not None
    assert (broken.bound, broken.acceptable) == (Bound.PERIODS, False)
