"""What a site wants looked at before it is issued: the highest total, and the median (I-20)."""

from decimal import Decimal

import pytest

from postpaid.domain.bounds import (
    ACCEPTABLE,
    FACTOR_MAX,
    MEDIAN_OF_MAX,
    MEDIAN_OF_MIN,
    AmountBounds,
    Bound,
    Broken,
    bound_exceeded,
    broken_by,
)
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.money import Money


def usd(minor: int) -> Money:
    return Money(minor, "USD")


HIGHEST = AmountBounds((Money(500, "JPY"), usd(10_000)))


@pytest.mark.parametrize(
    ("charges", "said"),
    [
        (usd(9_999), None),
        (usd(10_000), None),
        (usd(-20_000), None),
        (Money(20_000, "EUR"), None),
        (usd(10_001), ("100.01 USD", "100.00 USD")),
        (Money(501, "JPY"), ("501 JPY", "500 JPY")),
    ],
    ids=str,
)
def test_i_20_an_invoice_charges_at_most_the_highest_total_of_its_currency(
    charges: Money, said: tuple[str, str] | None
) -> None:
    if said is None:
        HIGHEST.check_highest(charges)
        return
    with pytest.raises(Conflict) as refusal:
        HIGHEST.check_highest(charges)

    assert broken_by(refusal.value) == Broken(Bound.HIGHEST_TOTAL, *said)
    figure, limit = said
    expected = f"it charges {figure}, and the site's highest total is {limit} (I-20)"
    assert refusal.value.message == expected


@pytest.mark.parametrize(
    ("factor", "before", "highest"),
    [
        ("2", [100, 300, 200], 400),
        ("2", [100, 100, 100, 101], 200),
        ("2", [101, 100, 100, 101], 201),
        ("1", [7, 7, 7, 7, 7, 7], 7),
        ("1.5", [1, 1, 1], 1),
        ("1.99999999999999999999", [100, 100, 100], 199),
        ("3", [10, 10, 10, 10, 10, 10, 9000, 9000, 9000], 30),
        (str(FACTOR_MAX), [10**30] * 3, 10**33),
    ],
)
def test_i_20_an_invoice_charges_at_most_so_many_times_the_median(
    factor: str, before: list[int], highest: int
) -> None:
    bounds = AmountBounds(factor=Decimal(factor))
    last = [usd(minor) for minor in before]

    bounds.check_median(usd(highest), last)
    with pytest.raises(Conflict) as refusal:
        bounds.check_median(usd(highest + 1), last)

    broken = broken_by(refusal.value)
    assert broken == Broken(Bound.MEDIAN_FACTOR, f"{usd(highest + 1)} USD", f"{usd(highest)} USD")
    counted = min(len(before), MEDIAN_OF_MAX)
    assert f"and {factor} times the median of the last {counted} is " in refusal.value.message


@pytest.mark.parametrize("before", [[], [1], [1, 1]])
def test_a_median_of_few_says_nothing(before: list[int]) -> None:
    assert MEDIAN_OF_MIN == 3
    AmountBounds(factor=Decimal(2)).check_median(usd(10**9), [usd(each) for each in before])


def test_nothing_is_bounded_unless_the_site_says_so() -> None:
    AmountBounds().check_highest(usd(10**40))
    AmountBounds().check_median(usd(10**40), [usd(1)] * 6)


@pytest.mark.parametrize("factor", ["0", "0.99999", "-1", "1000.01", "1E+99"])
def test_a_factor_is_from_one_to_a_thousand(factor: str) -> None:
    with pytest.raises(Invalid) as refusal:
        AmountBounds(factor=Decimal(factor))

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "bounds.median_factor")


def test_a_currency_has_one_highest_total() -> None:
    with pytest.raises(AssertionError):
        AmountBounds((usd(1), usd(2)))


@pytest.mark.parametrize("bound", Bound)
def test_a_refusal_tells_its_bound_figure_limit_and_whether_it_may_be_accepted(
    bound: Bound,
) -> None:
    refusal = bound_exceeded(bound, 7, "5", "what it is about")

    assert refusal.code == "bound_exceeded"
    assert refusal.details == {
        "bound": bound.value,
        "figure": "7",
        "limit": "5",
        "acceptable": bound in {Bound.HIGHEST_TOTAL, Bound.MEDIAN_FACTOR},
    }
    assert {
        each for each in Bound if bound_exceeded(each, 1, 1).details["acceptable"]
    } == ACCEPTABLE
    for told in ("7", "5", "(I-2"):
        assert told in refusal.message
    assert broken_by(refusal) == Broken(bound, "7", "5")


def test_another_refusal_is_about_no_bound() -> None:
    assert broken_by(Conflict("invoice_not_ratable", "why")) is None
