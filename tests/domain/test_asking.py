"""What is asked of usage URLs, where an answer is recorded, and when it is asked again."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.asking import (
    ASKED_FOR,
    answer_key,
    answered_by,
    lines_to_ask,
    next_ask,
    unanswered,
)
from postpaid.domain.period import Interval, Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Recording
from postpaid.domain.usage_url import UsageUrl
from tests.support.samples import NOVEMBER, OCTOBER, a_line, a_subscription, at

URL = UsageUrl("https://usage.example.com/minutes")
MINUTE = timedelta(minutes=1)


def asking(*line_ids: str, **changes: Any) -> Subscription:
    return a_subscription(usage_urls=dict.fromkeys(line_ids or ("minutes",), URL), **changes)


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, "2026-10-31T23:59:59"),
        # A line that ended, came later, or changed its price in between.
        ({"lines": (a_line(until=at("2026-10-16")),)}, "2026-10-15T23:59:59"),
        ({"lines": (a_line(since=at("2026-10-16")),)}, "2026-10-31T23:59:59"),
        (
            {
                "lines": (
                    a_line(until=at("2026-10-16")),
                    a_line(number=2, since=at("2026-10-16"), until=at("2026-10-20T08:00")),
                )
            },
            "2026-10-20T07:59:59",
        ),
        ({"lines": (a_line(since=at("2026-11-01")), a_line("other"))}, None),
        ({"lines": (a_line(until=at("2026-10-01"), since=at("2026-10-01")), a_line("x"))}, None),
        # Suspended at the end, all the time, or in the middle.
        ({"suspensions": (Interval(at("2026-10-21")),)}, "2026-10-20T23:59:59"),
        ({"suspensions": (Interval(at("2026-10-01")),)}, None),
        (
            {"suspensions": (Interval(at("2026-10-10"), at("2026-10-20")),)},
            "2026-10-31T23:59:59",
        ),
        # Usage of the trial is charged to nobody.
        ({"end": at("2026-10-09")}, "2026-10-08T23:59:59"),
        ({"lines": (a_line(metered=False, quantity=Decimal(1)),)}, None),
    ],
)
def test_an_answer_is_dated_in_the_last_second_of_its_line(
    changes: dict[str, Any], last: str | None
) -> None:
    subscription = asking(**changes)

    key = answer_key(subscription, "minutes", OCTOBER)

    assert (None if key is None else key.at) == (None if last is None else at(last))
    assert lines_to_ask(subscription, OCTOBER) == (() if last is None else ("minutes",))


def test_it_is_the_same_whatever_comes_after_the_term() -> None:
    before = asking()
    after = asking(
        lines=(a_line(until=at("2026-11-10")), a_line(number=2, since=at("2026-11-10"))),
        suspensions=(Interval(at("2026-11-20")),),
        end=at("2026-12-01"),
    )

    assert answer_key(before, "minutes", OCTOBER) == answer_key(after, "minutes", OCTOBER)


def test_it_has_an_id_only_where_the_line_records_events() -> None:
    events = asking(lines=(a_line(recording=Recording.EVENTS),))
    found, plain = (answer_key(each, "minutes", OCTOBER) for each in (events, asking()))

    assert found is not None
    assert plain is not None
    assert (found.event_id, plain.event_id) == ("usage_url", None)


def test_it_names_the_entry_that_is_in_force_then() -> None:
    later = a_line(number=2, since=at("2026-10-16"))
    subscription = asking(lines=(a_line(until=at("2026-10-16")), later))

    assert answered_by(subscription, "minutes", OCTOBER) == later


def test_a_trial_asks_nobody() -> None:
    subscription = asking(trial_end=OCTOBER.end, anchor=OCTOBER.end)

    assert lines_to_ask(subscription, OCTOBER) == ()
    assert lines_to_ask(subscription, NOVEMBER) == ("minutes",)


def test_only_lines_with_urls_are_asked_in_one_order() -> None:
    lines = (a_line(), a_line("disk"), a_line("mail"))
    subscription = asking("minutes", "disk", lines=lines)

    assert lines_to_ask(subscription, OCTOBER) == ("disk", "minutes")


def test_what_is_waited_for_is_asked_has_a_url_still_and_no_answer() -> None:
    subscription = asking("minutes", "disk", "new")

    waiting = unanswered(subscription, ("disk", "gone", "minutes"), ("disk",))

    assert waiting == {"minutes": URL}


@pytest.mark.parametrize(
    ("tried", "pause"),
    [
        *((0, 5), (1, 5), (5, 5), (7, 7), (10, 10), (20, 20), (160, 160), (640, 640)),
        *((720, 720), (800, 640), (1280, 160), (1439, 5), (1440, 5), (9999, 5)),
    ],
)
def test_pauses_double_and_end_when_it_is_given_up(tried: int, pause: int) -> None:
    since = at("2026-11-01")

    assert next_ask(since, since + tried * MINUTE) == pause * MINUTE


def test_it_is_asked_at_least_eight_times() -> None:
    since = now = at("2026-11-01")
    times: list[datetime] = []
    while now < since + ASKED_FOR:
        times.append(now)
        now += next_ask(since, now)

    assert 8 <= len(times) <= 20


def test_a_short_term_asks_for_itself_alone() -> None:
    short = Period(at("2026-10-01"), at("2026-10-05T08:00"))
    key = answer_key(asking(), "minutes", short)

    assert key is not None
    assert key.at == at("2026-10-05T07:59:59")
