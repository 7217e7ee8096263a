"""The usage ledger: a usage under its identity, written once, never brought back by accident."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from postpaid.domain.period import Period
from postpaid.domain.site import Scope
from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.domain.usage import Usage
from postpaid.store.tables import Table
from postpaid.store.usage import StoredUsages, StoredUsagesOf
from tests.support.samples import NOVEMBER, OCTOBER, SCOPE, a_subscription, a_usage, at

type OfOne = Callable[[str], StoredUsagesOf]


@pytest.fixture(params=[1, 3, USAGE_SHARDS_MAX])
def of(usages: Table, request: pytest.FixtureRequest) -> OfOne:
    """The usages of any subscription, in one partition, in some, in as many as there can be."""

    def of(subscription_id: str) -> StoredUsagesOf:
        return StoredUsages(usages, SCOPE).of(
            a_subscription(subscription_id, usage_shards=request.param)
        )

    return of


@pytest.fixture
def ledger(of: OfOne) -> StoredUsagesOf:
    return of("sub")


def tombstone(ledger: StoredUsagesOf, usage: Usage) -> Usage:
    """Delete a usage that is there."""
    deleted = ledger.delete(usage)
    assert deleted is not None
    return deleted


@pytest.mark.parametrize(
    "usage",
    [
        a_usage(),
        a_usage(quantity="123456789012345678.12345678901234567891"),
        a_usage(quantity="0.00000000000000000001"),
        a_usage(event_id="call#1~%23", note="Grüße 🌍", request="digest"),
        a_usage(subscription_id="a#b~c%7E", line_id="l#i~n%e", on="2026-10-05T23:59:59"),
    ],
)
def test_a_usage_is_read_as_it_was_recorded(of: OfOne, usage: Usage) -> None:
    ledger = of(usage.key.subscription_id)
    assert ledger.add(usage) is None

    assert ledger.get(usage.key) == usage
    assert ledger.in_period(OCTOBER) == [usage]
    assert ledger.add(replace(usage, quantity=Decimal(7))) == usage


def test_what_was_never_recorded_is_not_there(ledger: StoredUsagesOf) -> None:
    assert ledger.get(a_usage().key) is None
    assert ledger.in_period(OCTOBER) == []


def test_a_usage_is_added_once_and_then_shown(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1", note="the first")
    ledger.add(first)

    assert ledger.add(first) == first
    assert ledger.add(a_usage(quantity="2")) == first
    assert ledger.get(first.key) == first


def test_subscription_line_date_and_event_make_the_identity(of: OfOne) -> None:
    usages = [
        a_usage(),
        a_usage(subscription_id="other"),
        a_usage(line_id="texts"),
        a_usage(on="2026-10-05T00:00:01"),
        a_usage(event_id="e1"),
        a_usage(event_id="e2"),
    ]

    assert [of(each.key.subscription_id).add(each) for each in usages] == [None] * len(usages)
    assert [of(each.key.subscription_id).get(each.key) for each in usages] == usages


def test_a_site_sees_its_own_usages_only(usages: Table) -> None:
    usage = a_usage()
    StoredUsages(usages, SCOPE).of(a_subscription()).add(usage)

    for scope in (Scope("acme", 2), Scope("acm"), Scope("acme-2")):
        other = StoredUsages(usages, scope).of(a_subscription())
        assert other.get(usage.key) is None
        assert other.in_period(OCTOBER) == []


# --- deleting


def test_deleting_leaves_a_tombstone_of_the_next_version(ledger: StoredUsagesOf) -> None:
    usage = a_usage(quantity="5", note="why")
    ledger.add(usage)

    deleted = ledger.delete(usage)

    assert deleted == replace(usage, deleted=True, version=2)
    assert ledger.get(usage.key) == deleted
    assert ledger.in_period(OCTOBER) == [deleted]


def test_deleting_again_after_a_lost_answer_says_the_same(ledger: StoredUsagesOf) -> None:
    usage = a_usage()
    ledger.add(usage)

    assert ledger.delete(usage) == ledger.delete(usage) == replace(usage, deleted=True, version=2)


def test_a_tombstone_says_whose_it_is(ledger: StoredUsagesOf) -> None:
    usage = a_usage(request="recorder")
    ledger.add(usage)

    deleted = ledger.delete(usage, deletion="one")

    assert deleted == replace(usage, deleted=True, version=2, deletion="one")
    assert ledger.get(usage.key) == deleted
    assert ledger.delete(usage, deletion="one") == deleted, "as after a lost answer"
    assert ledger.delete(usage, deletion="two") is None
    assert ledger.delete(usage) is None
    ledger.add_again(a_usage(version=3), over=deleted)
    assert ledger.get(usage.key) == a_usage(version=3)


def test_a_deletion_without_a_name_leaves_that_of_the_one_before(ledger: StoredUsagesOf) -> None:
    usage = a_usage(deletion="one")
    ledger.add(usage)

    deleted = ledger.delete(usage)

    assert deleted == replace(usage, deleted=True, version=2)
    assert ledger.get(usage.key) == deleted
    assert ledger.delete(usage) == deleted, "as after a lost answer"


def test_only_exactly_this_version_is_deleted(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1")
    ledger.add(first)
    again = a_usage(quantity="2", version=3)
    ledger.add_again(again, over=tombstone(ledger, first))

    assert ledger.delete(first) is None
    assert ledger.delete(replace(again, version=2)) is None
    assert ledger.get(first.key) == again


def test_what_was_never_there_is_not_deleted(ledger: StoredUsagesOf) -> None:
    assert ledger.delete(a_usage()) is None
    assert ledger.get(a_usage().key) is None


# --- adding again


def test_a_deleted_usage_is_added_again_over_its_tombstone(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1", note="the first")
    ledger.add(first)
    deleted = tombstone(ledger, first)
    again = a_usage(quantity="2", version=3)

    assert ledger.add(again) == deleted
    assert ledger.add_again(again, over=deleted) is None
    assert ledger.get(first.key) == again


def test_adding_again_after_a_lost_answer_shows_what_was_added(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1")
    ledger.add(first)
    deleted = tombstone(ledger, first)
    again = a_usage(quantity="2", version=3)
    ledger.add_again(again, over=deleted)

    assert ledger.add_again(again, over=deleted) == again


def test_nothing_is_added_again_over_another_tombstone(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1")
    ledger.add(first)
    old = tombstone(ledger, first)
    ledger.add_again(a_usage(quantity="2", version=3), over=old)
    new = tombstone(ledger, a_usage(quantity="2", version=3))

    # A request that was delayed past another deletion: what it knew is no longer so.
    assert ledger.add_again(a_usage(quantity="9", version=3), over=old) == new
    assert ledger.get(first.key) == new
    assert new.version == 4


def test_nothing_is_added_again_over_a_live_usage_of_that_version(ledger: StoredUsagesOf) -> None:
    live = a_usage(quantity="1")
    ledger.add(live)

    claimed = replace(live, deleted=True)
    assert ledger.add_again(a_usage(quantity="9", version=2), over=claimed) == live
    assert ledger.get(live.key) == live


def test_a_delayed_first_put_brings_nothing_back(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1")
    ledger.add(first)
    deleted = tombstone(ledger, first)

    assert ledger.add(first) == deleted
    assert ledger.get(first.key) == deleted


def test_a_delayed_delete_takes_nothing_away(ledger: StoredUsagesOf) -> None:
    first = a_usage(quantity="1")
    ledger.add(first)
    again = a_usage(quantity="1", version=3)
    ledger.add_again(again, over=tombstone(ledger, first))

    assert ledger.delete(first) is None
    assert ledger.get(first.key) == again


# --- reading many

_FEW = [
    a_usage("2026-09-30T23:59:59"),
    a_usage("2026-10-01"),
    a_usage("2026-10-01", line_id="texts"),
    a_usage("2026-10-01T00:00:01"),
    a_usage("2026-10-31T23:59:59", line_id="~"),
    a_usage("2026-11-01"),
    a_usage("2026-11-01T00:00:01"),
]


@pytest.fixture
def few(ledger: StoredUsagesOf) -> StoredUsagesOf:
    for usage in reversed(_FEW):
        ledger.add(usage)
    return ledger


def test_a_period_is_half_open(few: StoredUsagesOf) -> None:
    assert few.in_period(OCTOBER) == _FEW[1:5]
    assert few.in_period(NOVEMBER) == _FEW[5:]
    assert few.in_period(Period(at("2026-10-01"), at("2026-10-01T00:00:01"))) == _FEW[1:3]


def test_adjacent_periods_share_no_usage_and_lose_none(few: StoredUsagesOf) -> None:
    boundaries = ["2026-09-01", "2026-10-01", "2026-10-01T00:00:01", "2026-11-01", "2026-12-01"]

    found = [
        usage
        for start, end in pairwise(boundaries)
        for usage in few.in_period(Period(at(start), at(end)))
    ]

    assert found == _FEW


def test_pages_follow_one_another(few: StoredUsagesOf) -> None:
    ever = Period(at("2026-01-01"), at("2027-01-01"))

    for limit in (1, 2, 3, 6, 7, 8):
        pages: list[Usage] = []
        after = None
        while page := few.page(ever, after=after, limit=limit):
            assert len(page) <= limit
            pages += page
            after = page[-1].key
        assert pages == _FEW


def test_what_has_one_date_and_so_one_shard_is_read_in_pages_all_the_same(
    ledger: StoredUsagesOf,
) -> None:
    usages = [a_usage(event_id=f"{n:03d}") for n in range(60)]
    for usage in usages:
        ledger.add(usage)

    first = ledger.page(OCTOBER, after=None, limit=40)

    assert first == usages[:40]
    assert ledger.page(OCTOBER, after=usages[39].key, limit=40) == usages[40:]


def test_a_page_stays_in_its_period_wherever_it_goes_on_from(few: StoredUsagesOf) -> None:
    assert few.page(OCTOBER, after=_FEW[0].key, limit=10) == _FEW[1:5]
    assert few.page(OCTOBER, after=_FEW[2].key, limit=1) == _FEW[3:4]
    assert few.page(OCTOBER, after=_FEW[5].key, limit=10) == []


def test_tombstones_are_read_like_the_others(few: StoredUsagesOf) -> None:
    deleted = tombstone(few, _FEW[2])

    assert few.in_period(OCTOBER) == [_FEW[1], deleted, *_FEW[3:5]]


def test_quantities_never_pass_through_a_float(ledger: StoredUsagesOf) -> None:
    for n, quantity in enumerate(("0.1", "0.30000000000000004", "9007199254740993", "1E+2")):
        ledger.add(a_usage("2026-10-05", quantity, event_id=f"e{n}"))

    assert [usage.quantity for usage in ledger.in_period(OCTOBER)] == [
        Decimal("0.1"),
        Decimal("0.30000000000000004"),
        Decimal(9007199254740993),
        Decimal(100),
    ]
