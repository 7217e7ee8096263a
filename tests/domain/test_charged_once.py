"""No time is charged twice (I-22), and no more is given back than was billed (I-24)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from postpaid.domain.bounds import Bound, broken_by
from postpaid.domain.charge import Priced
from postpaid.domain.charged_once import check_charged_once, check_given_back
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import InvoiceLine, LineKind, Share, line_amount
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term
from tests.support.samples import a_line, a_subscription, a_term, at

SEATS = a_line("seats", number=5, metered=False)
MORE = replace(SEATS, number=6, since=at("2026-10-11"))
SUBSCRIPTION = a_subscription(lines=(a_line(), replace(SEATS, until=at("2026-10-11")), MORE))
ENDED = a_term(0, pins={1: 1, 5: 1, 6: 1}, idle=frozenset({6}))
BEGUN = a_term(1, pins={1: 1, 6: 1})


def days(start: str, end: str) -> Period:
    return Period(at(f"2026-{start}"), at(f"2026-{end}"))


def a_charge(
    kind: str, start: str, end: str, share: Share | None = None, line_id: str = "seats"
) -> InvoiceLine:
    """Return a line of 31.00 a month."""
    amount = line_amount(Decimal(31), "USD", share)
    return InvoiceLine(
        kind=LineKind(kind),
        line_id=line_id,
        item_price_id=line_id,
        price_version=1,
        description="Something",
        unit=None,
        period=days(start, end),
        quantity=None,
        amount=-amount if kind == "credit" else amount,
        priced=Priced(Decimal(31), Decimal(0), (), ()),
        pricing={},
        days=share and share.days,
        days_after=share and share.after,
        days_in_period=share and share.of,
    )


ADVANCE = a_charge("recurring", "11-01", "12-01")
BACK = a_charge("credit", "10-11", "11-01", Share(21, 0, 31))
ANEW = a_charge("recurring", "10-11", "11-01", Share(21, 0, 31))
FEE = a_charge("base_fee", "10-01", "11-01", line_id="minutes")
USAGE = a_charge("usage", "10-01", "11-01", line_id="minutes")
USUAL = (FEE, USAGE, BACK, ANEW, ADVANCE)


def check(
    *lines: InvoiceLine,
    subscription: Subscription = SUBSCRIPTION,
    ended: Term | None = ENDED,
    begun: Term | None = BEGUN,
) -> None:
    check_charged_once(subscription, ended, begun, lines)


UNPRORATED = replace(SUBSCRIPTION, prorate=False)
CUT = replace(ENDED, period=days("10-01", "10-20"), advance_to=at("2026-11-01"))
REST = a_term(1, period=days("10-20", "11-01"), pins={1: 1, 5: 1}, covered={5: at("2026-11-01")})
PAID_ON = replace(ENDED, advance_to=at("2026-11-10"))
IN_TRIAL = replace(SUBSCRIPTION, trial_end=at("2026-11-01"))


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        (USUAL, {}),
        ((), {}),
        ((ADVANCE,), {"ended": None}),
        ((BACK, ANEW), {"begun": None}),
        # A term that was cut hands on what was paid beyond it, or it is forgone without proration.
        ((), {"ended": CUT, "begun": REST}),
        ((), {"ended": CUT, "begun": REST, "subscription": UNPRORATED}),
        (
            (a_charge("recurring", "10-20", "11-01"),),
            {"ended": CUT, "begun": replace(REST, covered={}), "subscription": UNPRORATED},
        ),
        # Nothing was paid in advance for a trial.
        ((ADVANCE,), {"subscription": IN_TRIAL}),
        ((ADVANCE,), {"subscription": IN_TRIAL, "ended": PAID_ON}),
        # Hours of one day belong to what is in force when it ends.
        ((*USUAL, a_charge("recurring", "10-20T08:00", "10-20T20:00")), {}),
        ((*USUAL, a_charge("credit", "10-20T08:00", "10-20T20:00", Share(0, 11, 31))), {}),
    ],
)
def test_what_charges_every_day_once_passes(
    lines: tuple[InvoiceLine, ...], more: dict[str, Term | Subscription | None]
) -> None:
    check(*lines, **more)  # type: ignore[arg-type]


TWICE = "and once is right (I-22)"


@pytest.mark.parametrize(
    ("lines", "more", "said"),
    [
        (
            (*USUAL, ADVANCE),
            {},
            f"it charges line 'seats' from 2026-11-01T00:00:00Z 2 times, {TWICE}",
        ),
        (
            (*USUAL, ADVANCE, ADVANCE),
            {},
            f"it charges line 'seats' from 2026-11-01T00:00:00Z 3 times, {TWICE}",
        ),
        # October was paid in advance: without its credit the change is charged beside it.
        (
            (ANEW, ADVANCE),
            {},
            f"it charges line 'seats' from 2026-10-11T00:00:00Z 2 times, {TWICE}",
        ),
        (
            (BACK, a_charge("recurring", "10-09", "11-01", Share(23, 0, 31)), ADVANCE),
            {},
            f"it charges line 'seats' from 2026-10-09T00:00:00Z 2 times, {TWICE}",
        ),
        (
            (a_charge("recurring", "10-31", "12-01"),),
            {},
            f"it charges line 'seats' from 2026-10-31T00:00:00Z 2 times, {TWICE}",
        ),
        # What the term before paid is charged again in the rest of it.
        (
            (a_charge("recurring", "10-20", "11-01"),),
            {"ended": CUT, "begun": REST},
            f"it charges line 'seats' from 2026-10-20T00:00:00Z 2 times, {TWICE}",
        ),
        (
            (a_charge("recurring", "10-20", "11-01"),),
            {"ended": CUT, "begun": REST, "subscription": UNPRORATED},
            f"it charges line 'seats' from 2026-10-20T00:00:00Z 2 times, {TWICE}",
        ),
        (
            (FEE, FEE),
            {},
            "it charges the base fee of line 'minutes' from 2026-10-01T00:00:00Z 2 times, " + TWICE,
        ),
        (
            (a_charge("usage", "10-31", "11-02", line_id="minutes"),),
            {},
            "it charges line 'minutes' outside its term from 2026-10-31T00:00:00Z once, and never",
        ),
        (
            (a_charge("base_fee", "09-30", "11-01", line_id="minutes"),),
            {},
            "outside its term from 2026-09-30",
        ),
        ((USAGE,), {"ended": None}, "outside its term from 2026-10-01"),
        (
            (ADVANCE,),
            {"begun": replace(BEGUN, period=days("11-02", "12-01"))},
            "it charges what lies between 2026-11-01T00:00:00Z and the next term never, " + TWICE,
        ),
    ],
)
def test_i_22_time_that_is_charged_twice_is_noticed(
    lines: tuple[InvoiceLine, ...], more: dict[str, Term | Subscription | None], said: str
) -> None:
    with pytest.raises(Conflict) as refusal:
        check(*lines, **more)  # type: ignore[arg-type]

    assert said in refusal.value.message
    broken = broken_by(refusal.value)
    assert broken is not None
    assert (broken.bound, broken.acceptable) == (Bound.PERIODS, False)


@pytest.mark.parametrize(
    ("lines", "more", "said"),
    [
        (
            (BACK, a_charge("credit", "10-20", "10-22", Share(2, 10, 31)), ANEW),
            {},
            "it gives back time of line 'seats' from 2026-10-20T00:00:00Z, and none was billed",
        ),
        (
            (a_charge("credit", "11-01", "11-05", Share(4, 26, 30)),),
            {"begun": None},
            "it gives back time of line 'seats' from 2026-11-01T00:00:00Z, and none was billed",
        ),
        # The days are right, and the amount is not.
        (
            (a_charge("credit", "10-11", "11-01", Share(40, 0, 31)), ANEW),
            {},
            "it gives back 40.00 of line 'seats', and 31.00 was billed (I-24)",
        ),
        (
            (a_charge("credit", "10-11", "10-20", Share(20, 11, 31)),),
            {"ended": replace(ENDED, advance_to=at("2026-10-20")), "begun": None},
            "it gives back 20.00 of line 'seats', and 19.00 was billed (I-24)",
        ),
    ],
)
def test_i_24_no_more_time_is_given_back_than_was_billed(
    lines: tuple[InvoiceLine, ...], more: dict[str, Term | None], said: str
) -> None:
    with pytest.raises(Conflict) as refusal:
        check(*lines, **more)  # type: ignore[arg-type]

    assert said in refusal.value.message
    broken = broken_by(refusal.value)
    assert broken is not None
    assert (broken.bound, broken.acceptable) == (Bound.GIVEN_BACK, False)


def a_supplement(exact: int, before: int) -> InvoiceLine:
    """Return what is billed of usage that costs *exact* now, and of which *before* was billed."""
    priced = Priced(Decimal(exact), Decimal(0), (), ())
    amount, billed = Money(100 * (exact - before), "USD"), Money(100 * before, "USD")
    return replace(
        USAGE, kind=LineKind.SUPPLEMENT, priced=priced, amount=amount, billed_before=billed
    )


def test_i_24_a_supplement_gives_back_at_most_what_was_billed() -> None:
    check_given_back([USAGE, a_supplement(5, 10), a_supplement(0, 10), a_supplement(7, 0)])
    with pytest.raises(Conflict) as refusal:
        check_given_back([a_supplement(-1, 10)])

    assert refusal.value.message == (
        "it gives back 11.00 of line 'minutes' from 2026-10-01T00:00:00Z, "
        "and 10.00 was billed (I-24)"
    )
