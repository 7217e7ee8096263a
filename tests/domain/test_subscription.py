"""Subscriptions: which line a usage is for, and which dates are accepted."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.errors import BillingError, Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import parse_moment
from postpaid.domain.line import LINES_MAX, default_line_id
from postpaid.domain.subscription import check_usage_date
from tests.support.samples import NOVEMBER, OCTOBER, a_line, a_subscription, at

LINES = (
    a_line("minutes"),
    a_line("texts", item_price_id="messages"),
    a_line("seats", metered=False),
    a_line("berlin", item_price_id="storage"),
    a_line("boston", item_price_id="storage"),
    a_line("odd", item_price_id="minutes-of-odd"),
)

FOUND = [
    ("minutes", None, "minutes"),
    (None, "minutes", "minutes"),
    ("minutes", "minutes", "minutes"),
    (None, "messages", "texts"),
    ("texts", None, "texts"),
    ("berlin", None, "berlin"),
    ("boston", None, "boston"),
    ("boston", "storage", "boston"),
]

NOT_FOUND: list[tuple[str | None, str | None, type[BillingError], str, str]] = [
    (None, None, Invalid, "missing_field", "item_price_id"),
    ("nothing", None, NotFound, "line_not_found", "line_id"),
    (None, "nothing", NotFound, "line_not_found", "item_price_id"),
    ("", None, NotFound, "line_not_found", "line_id"),
    (None, "", NotFound, "line_not_found", "item_price_id"),
    ("minutes", "messages", NotFound, "line_not_found", "line_id"),
    ("messages", None, NotFound, "line_not_found", "line_id"),
    (None, "texts", NotFound, "line_not_found", "item_price_id"),
    (None, "storage", Conflict, "line_ambiguous", "item_price_id"),
    ("seats", None, Invalid, "not_metered", "line_id"),
    (None, "seats", Invalid, "not_metered", "item_price_id"),
]


@pytest.mark.parametrize(("line_id", "price_id", "expected"), FOUND)
def test_a_line_answers_to_its_id_and_to_its_item_price(
    line_id: str | None, price_id: str | None, expected: str
) -> None:
    subscription = a_subscription(lines=LINES)

    line = subscription.metered_line(line_id=line_id, item_price_id=price_id, at=OCTOBER.start)

    assert line.id == expected


@pytest.mark.parametrize(("line_id", "price_id", "kind", "code", "field"), NOT_FOUND)
def test_a_name_that_says_no_metered_line_is_refused(
    line_id: str | None, price_id: str | None, kind: type[BillingError], code: str, field: str
) -> None:
    subscription = a_subscription(lines=LINES)

    with pytest.raises(kind) as refusal:
        subscription.metered_line(line_id=line_id, item_price_id=price_id, at=OCTOBER.start)

    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_an_ambiguous_item_price_is_answered_with_its_lines() -> None:
    with pytest.raises(Conflict) as refusal:
        a_subscription(lines=LINES).metered_line(
            line_id=None, item_price_id="storage", at=OCTOBER.start
        )

    assert refusal.value.details == {"line_ids": ["berlin", "boston"]}


@pytest.mark.parametrize(
    ("price_id", "taken", "expected"),
    [
        ("minutes", [], "minutes"),
        ("minutes", ["texts"], "minutes"),
        ("minutes", ["minutes"], "minutes.2"),
        ("minutes", ["minutes", "minutes.2"], "minutes.3"),
        ("minutes", ["minutes.2"], "minutes"),
        ("minutes", ["minutes", "minutes.3"], "minutes.2"),
        ("m" * 100, ["m" * 100], "m" * 98 + ".2"),
        ("m" * 100, ["m" * 100, *("m" * 98 + f".{n}" for n in range(2, 10))], "m" * 97 + ".10"),
        ("m" * 98 + ".2", ["m" * 98 + ".2"], "m" * 98 + ".3"),
    ],
)
def test_a_line_is_named_after_its_item_price(
    price_id: str, taken: list[str], expected: str
) -> None:
    assert default_line_id(price_id, taken) == expected


@given(st.text("ab.2 ", min_size=1, max_size=100).filter(lambda text: text == text.strip()))
def test_fifty_lines_of_one_item_price_have_fifty_names(price_id: str) -> None:
    taken: list[str] = []
    for _ in range(LINES_MAX):
        taken.append(default_line_id(price_id, taken))

    assert len(set(taken)) == LINES_MAX
    assert all(len(check_id(name, "id")) <= 100 for name in taken if price_id not in {".", ".."})


def test_a_subscription_has_lines_with_ids_and_numbers_of_their_own() -> None:
    fifty = tuple(a_line(f"line-{n}") for n in range(LINES_MAX))

    assert len(a_subscription(lines=fifty).lines) == LINES_MAX == 50
    for lines in (
        (),
        (a_line("same"), a_line("same")),
        (a_line("a"), a_line("b", number=a_line("a").number)),
    ):
        with pytest.raises(AssertionError):
            a_subscription(lines=lines)


@pytest.mark.parametrize(
    ("timezone", "start", "instant", "n", "first", "last"),
    [
        ("UTC", "2026-10-01", "2026-10-01", 0, "2026-10-01T00:00:00", "2026-11-01T00:00:00"),
        ("UTC", "2026-10-01", "2026-09-01", 0, "2026-10-01T00:00:00", "2026-11-01T00:00:00"),
        ("UTC", "2026-10-01", "2026-10-31T23:59", 0, "2026-10-01T00:00", "2026-11-01T00:00:00"),
        ("UTC", "2026-10-01", "2026-11-01", 1, "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
        ("UTC", "2026-01-31", "2026-03-30", 1, "2026-02-28T00:00:00", "2026-03-31T00:00:00"),
        (
            *("America/New_York", "2026-01-31T05:00", "2026-03-31T03:59:59", 1),
            *("2026-02-28T05:00:00", "2026-03-31T04:00:00"),
        ),
        (
            *("America/New_York", "2026-01-31T05:00", "2026-03-31T04:00:00", 2),
            *("2026-03-31T04:00:00", "2026-04-30T04:00:00"),
        ),
    ],
)
def test_a_term_is_found_by_an_instant(
    timezone: str, start: str, instant: str, n: int, first: str, last: str
) -> None:
    subscription = a_subscription(timezone=timezone, start=at(start))

    term = subscription.term_at(at(instant))

    assert (term.start, term.end) == (at(first), at(last))
    assert term == subscription.schedule.term(n)
    assert subscription.zone_at(at(instant)).key == timezone


# now, earliest, what is accepted from and before; the subscription starts with October
WINDOWS = [
    ("2026-10-15", "2025-10-01", "2026-10-01T00:00:00", "2026-11-01T00:00:00"),
    ("2026-10-31T23:59:59", "2025-10-01", "2026-10-01T00:00:00", "2026-11-01T00:00:00"),
    ("2026-11-01T00:00:00", "2025-10-01", "2026-10-01T00:00:00", "2026-12-01T00:00:00"),
    ("2028-02-10", "2027-01-06T08:30:00", "2027-01-06T08:30:00", "2028-03-01T00:00:00"),
]


@pytest.mark.parametrize(
    ("now", "earliest", "first", "until"), WINDOWS, ids=[row[0] for row in WINDOWS]
)
def test_usage_is_accepted_up_to_the_end_of_the_present_term(
    now: str, earliest: str, first: str, until: str
) -> None:
    subscription, second = a_subscription(), timedelta(seconds=1)

    for instant in (at(first), at(until) - second):
        check_usage_date(subscription, instant, earliest=at(earliest), now=at(now))
    for instant in (at(first) - second, at(until), at(until) + second):
        with pytest.raises(Invalid) as refusal:
            check_usage_date(subscription, instant, earliest=at(earliest), now=at(now))
        assert (refusal.value.code, refusal.value.field) == (
            "usage_date_out_of_range",
            "usage_date",
        )
        assert refusal.value.details == {
            "accepted_from": f"{first}Z",
            "accepted_before": f"{until}Z",
        }


def test_a_subscription_that_has_not_begun_takes_no_usage_yet() -> None:
    start, early = a_subscription().start, at("2025-10-01")

    check_usage_date(a_subscription(), start, earliest=early, now=start)
    with pytest.raises(Invalid) as refusal:
        check_usage_date(a_subscription(), start, earliest=early, now=start - timedelta(seconds=1))
    assert (refusal.value.code, refusal.value.field) == ("usage_date_out_of_range", "usage_date")
    assert refusal.value.details == {"accepted_from": "2026-10-01T00:00:00Z"}


def test_the_present_term_is_that_of_the_subscriptions_zone() -> None:
    vienna = a_subscription(
        timezone="Europe/Vienna",
        start=parse_moment("2026-10-01", ZoneInfo("Europe/Vienna"), "start"),
    )
    midnight = parse_moment("2026-11-01", vienna.schedule.zone, "usage_date")

    check_usage_date(
        vienna, midnight - timedelta(seconds=1), earliest=OCTOBER.start, now=at("2026-10-05")
    )
    with pytest.raises(Invalid):
        check_usage_date(vienna, midnight, earliest=OCTOBER.start, now=at("2026-10-05"))


def test_a_changed_subscription_is_a_new_version_of_the_same() -> None:
    subscription = a_subscription()

    assert subscription.version == 1
    assert replace(subscription, version=2).schedule.term(1) == NOVEMBER
