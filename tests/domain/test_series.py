"""Series of invoice numbers: what may stand before them, so that each is of one invoice only."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.errors import Invalid, LimitExceeded
from postpaid.domain.invoice import serial_text
from postpaid.domain.series import MAIN, PREFIXES_MAX, SERIES_MAX, Series, with_prefix
from tests.support.samples import a_site

INV = Series(MAIN, "INV-")
EU = Series("eu", "EU-", ("E-", "E"))


def test_every_site_has_a_main_series_and_may_have_others() -> None:
    assert a_site().all_series == (INV,)
    site = a_site(number_prefix="A-", former_prefixes=("INV-",), series=(EU,))

    assert site.all_series == (Series(MAIN, "A-", ("INV-",)), EU)
    assert (site.series_named("main"), site.series_named("eu")) == site.all_series
    assert [site.series_named(name) for name in ("", "EU", "Main", "other")] == [None] * 4


def test_a_series_is_added_behind_the_others() -> None:
    assert with_prefix([INV, EU], "us", "US-", "f") == (INV, EU, Series("us", "US-"))


def test_a_series_keeps_the_prefixes_it_had_and_may_go_back_to_one() -> None:
    once = with_prefix([INV, EU], "eu", "F-", "f")
    twice = with_prefix(once, "eu", "E-", "f")

    assert once == (INV, Series("eu", "F-", ("E-", "E", "EU-")))
    assert twice == (INV, Series("eu", "E-", ("E", "EU-", "F-")))
    assert with_prefix(twice, "eu", "E-", "f") == twice


@pytest.mark.parametrize(
    "prefix",
    [
        *("INV-", "inv-", "INV -", " INV-"),  # told apart by case or spaces only
        *("INV-1", "INV-2027", "inv-0"),  # INV-1000001 would be the first, or the 1 000 001st
        *("EU-", "E-", "E", "e"),  # the present prefix of another, and those it had
        *("EU-7", "E-7", "E7", "E 7"),
    ],
)
def test_no_other_series_prints_what_one_prints_or_printed(prefix: str) -> None:
    with pytest.raises(Invalid) as refusal:
        with_prefix([INV, EU], "us", prefix, "series[3].number_prefix")

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "series[3].number_prefix")
    assert "series 'main'" in refusal.value.message or "series 'eu'" in refusal.value.message


@pytest.mark.parametrize(
    ("prefix", "possible"),
    [
        *(("inv-", True), ("INV -", True), ("INV", True), ("", True), ("INV-2027-", True)),
        # Number 1 of these is number 1 000 001 or 2 027 000 001 of the series behind `INV-`.
        *(("INV-1", False), ("INV-2027", False), ("EU-", False)),
    ],
)
def test_a_series_does_not_print_a_number_twice_itself(prefix: str, possible: bool) -> None:
    if possible:
        main, _ = with_prefix([INV, EU], MAIN, prefix, "number_prefix")
        assert main == Series(MAIN, prefix, ("INV-",))
    else:
        with pytest.raises(Invalid) as refusal:
            with_prefix([INV, EU], MAIN, prefix, "number_prefix")
        assert refusal.value.field == "number_prefix"


@pytest.mark.parametrize("prefix", ["IN", "INV", "INV--", "INV-A", "INV-2027-", "I", "V-", "", "U"])
def test_prefixes_may_begin_alike(prefix: str) -> None:
    assert with_prefix([INV, EU], "us", prefix, "f")[2] == Series("us", prefix)


def test_a_prefix_that_is_empty_leaves_none_of_digits_alone() -> None:
    for prefix in ("1", "2027", " 0 "):
        with pytest.raises(Invalid):
            with_prefix([Series(MAIN, "")], "eu", prefix, "f")
        with pytest.raises(Invalid):
            with_prefix([Series(MAIN, prefix)], "eu", "", "f")


def test_there_are_so_many_series_and_no_more() -> None:
    series: tuple[Series, ...] = (INV,)
    for n in range(SERIES_MAX - 1):
        series = with_prefix(series, f"s{n}", f"S{n}-", "f")
    assert len(series) == SERIES_MAX == 20

    with pytest.raises(LimitExceeded) as refusal:
        with_prefix(series, "more", "M-", "f")
    assert (refusal.value.code, refusal.value.field) == ("limit_exceeded", "series")
    assert len(with_prefix(series, "s0", "M-", "f")) == SERIES_MAX


def test_there_are_so_many_prefixes_and_no_more() -> None:
    series: tuple[Series, ...] = (INV, EU)  # which have four
    for n in range(PREFIXES_MAX - 4):
        series = with_prefix(series, "eu", f"S{n}-", "f")

    with pytest.raises(LimitExceeded) as refusal:
        with_prefix(series, "main", "M-", "f")
    assert (refusal.value.code, refusal.value.field) == ("limit_exceeded", "f")
    assert with_prefix(series, "eu", "E-", "f")[1].prefix == "E-"


_prefixes = st.text("aA1 -", max_size=3)
_serials = st.integers(1, 130) | st.integers(999_990, 1_000_130) | st.integers(10**7, 10**7 + 200)


@given(
    st.lists(st.tuples(st.sampled_from(["main", "eu", "us"]), _prefixes), max_size=12),
    st.lists(_serials, min_size=1, max_size=20),
)
def test_whatever_was_let_in_no_two_invoices_print_the_same_number(
    changes: list[tuple[str, str]], serials: list[int]
) -> None:
    series: tuple[Series, ...] = (INV,)
    ever = {(MAIN, INV.prefix)}
    for series_id, prefix in changes:
        try:
            series = with_prefix(series, series_id, prefix, "f")
        except Invalid:
            continue
        ever.add((series_id, prefix))

    printed = [
        (series_id, serial, serial_text(prefix, serial))
        for series_id, prefix in ever
        for serial in {*serials, 1, 11, 1_000_001, 1_000_011, 10_000_001}
    ]
    for (one, first, text), (other, second, same) in combinations(printed, 2):
        if text == same:
            assert (one, first) == (other, second)
