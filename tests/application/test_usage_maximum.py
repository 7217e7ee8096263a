"""A subscription's maximum of usages: counted exactly, whoever records at once; off by default."""

from typing import Any

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.application.keep import KEEP
from postpaid.application.ports import Lost
from postpaid.application.record_usage import RecordedUsage, RecordUsage, record_usage
from postpaid.application.sites import ChangeSite, change_site
from postpaid.domain.errors import LimitExceeded
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.sites import StoredSites
from postpaid.store.usage import StoredUsages
from tests.support.meetings import every_meeting
from tests.support.samples import MANUAL, OCTOBER, SCOPE, a_subscription, a_term, a_usage, at
from tests.support.world import World

KEY = UsageKey("sub", at("2026-10-05"), "minutes")


def limited(maximum: int | None, **more: Any) -> World:
    """A subscription with a maximum, in October."""
    world = World.at("2026-10-05T12:00", **more)
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", usage_records_max=maximum)
    return world


def record(world: World, day: int = 5, quantity: str = "361", **more: Any) -> RecordedUsage:
    return world.record(quantity, f"2026-10-{day:02d}", **more)


def full(world: World, day: int, **more: Any) -> dict[str, Any]:
    """Record what is refused; return the figures that are said."""
    with pytest.raises(LimitExceeded) as refusal:
        record(world, day, **more)
    assert (refusal.value.code, refusal.value.field) == ("usage_limit_reached", None)
    return refusal.value.details


def change(world: World, maximum: int | None) -> Subscription:
    return world.change_closing(ChangeClosing(subscription_id="sub", usage_records_max=maximum))


def counted(world: World) -> object:
    item = world.usages.get(keys.usage_count(SCOPE, "sub"))
    return None if item is None else item["n"]


def stored(world: World) -> int:
    return len(world.ledger().in_period(OCTOBER))


# --- what counts


def test_there_is_no_maximum_unless_it_is_asked_for(world: World) -> None:
    record(world)

    assert world.subscription_of().usage_records_max is None
    assert counted(world) is None


def test_at_the_maximum_nothing_more_is_recorded_and_the_figures_are_said() -> None:
    world = limited(2)
    record(world, 1)
    record(world, 2)

    assert full(world, 3) == {"limit": 2, "count": 2}
    assert full(world, 3, external_id="x") == {"limit": 2, "count": 2}
    assert (stored(world), counted(world)) == (2, 2)
    assert world.stores.ledger.named("x") is None


def test_a_repeat_counts_once_and_is_answered_at_the_maximum() -> None:
    world = limited(1)
    first = record(world)

    for _ in range(3):
        again = record(world)
        assert (again.usage, again.replayed) == (first.usage, True)
    assert counted(world) == 1


def test_a_deletion_frees_no_place_but_its_own() -> None:
    world = limited(1)
    record(world)
    world.delete(KEY)

    assert full(world, 6) == {"limit": 1, "count": 1}
    assert record(world, quantity="5").usage.version == 3
    assert (stored(world), counted(world)) == (1, 1)


def test_a_maximum_that_is_set_later_counts_from_then_on(world: World) -> None:
    for day in (1, 2, 3):
        record(world, day)
    changed = change(world, 2)
    assert (changed.usage_records_max, changed.version) == (2, 2)

    world.delete(UsageKey("sub", at("2026-10-03"), "minutes"))
    record(world, 3)  # again: it was there before
    record(world, 4)
    record(world, 5)

    assert full(world, 6) == {"limit": 2, "count": 2}
    # While there is none nothing is counted; then counting goes on from where it was.
    assert change(world, None).usage_records_max is None
    record(world, 6)
    change(world, 3)
    record(world, 7)
    assert full(world, 8) == {"limit": 3, "count": 3}
    change(world, 1)
    assert full(world, 8) == {"limit": 1, "count": 3}
    assert record(world, 7).replayed


def test_other_changes_leave_the_maximum_alone() -> None:
    world = limited(7)
    world.change_closing(ChangeClosing(subscription_id="sub", policy=MANUAL))
    assert world.subscription_of().usage_records_max == 7
    world.cancel("2026-12-24")
    assert world.subscription_of().usage_records_max == 7


@pytest.mark.parametrize(
    ("asked", "made"), [(KEEP, 50), (None, None), (9, 9)], ids=["unsaid", "null", "another"]
)
def test_the_site_has_a_maximum_for_what_is_made_later(asked: Any, made: int | None) -> None:
    world = World.voip()
    sites = StoredSites(world.billing)
    site = change_site("acme", ChangeSite(usage_records_max=50), sites=sites)
    assert site.usage_records_max == 50
    assert change_site("acme", ChangeSite(number_prefix="X-"), sites=sites) == sites.get("acme")

    world.subscription("minutes", subscription_id="new", usage_records_max=asked)

    assert world.subscription_of("new").usage_records_max == made
    assert world.subscription_of().usage_records_max is None, "it was there before"
    lifted = change_site("acme", ChangeSite(usage_records_max=None), sites=sites)
    assert lifted.usage_records_max is None
    assert sites.get("acme") == lifted


def test_making_a_subscription_again_does_not_bring_its_maximum_back() -> None:
    world = limited(5)
    changed = change(world, 6)

    again = world.subscription("minutes", start="2026-10-01", usage_records_max=5)

    assert again == changed


# --- a subscription that a process keeps


class Kept:
    """Subscriptions of which the kept copy and the stored one differ."""

    def __init__(self, kept: int | None, fresh: int | None) -> None:
        self.kept, self.fresh, self.reads = kept, fresh, list[bool]()

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        self.reads.append(fresh)
        return a_subscription(subscription_id, usage_records_max=self.fresh if fresh else self.kept)


class OneTerm:
    """Terms of which a look finds this one."""

    def look(self, subscription_id: str, at: object) -> object:
        return a_term()


@pytest.mark.parametrize(
    ("kept", "fresh", "limit", "reads"),
    [
        (2, 2, 2, [False, True]),
        (2, 3, None, [False, True]),
        (2, None, None, [False, True]),
        (2, 1, 1, [False, True]),
        (3, 2, None, [False]),  # for a minute at most it takes what the old one allows
        (None, 2, None, [False]),
    ],
)
def test_a_copy_may_accept_and_never_refuses(
    kept: int | None, fresh: int | None, limit: int | None, reads: list[bool]
) -> None:
    table = MemoryTable()
    ledger = StoredUsages(table, SCOPE)
    for day in (1, 2):
        ledger.of(a_subscription()).add(a_usage(f"2026-10-{day:02d}"), records_max=9)
    subscriptions = Kept(kept, fresh)

    def ask() -> RecordedUsage:
        command = RecordUsage(
            subscription_id="sub",
            line_id=None,
            item_price_id="minutes",
            usage_date="2026-10-05",
            quantity=a_usage().quantity,
        )
        parts: Any = {"subscriptions": subscriptions, "terms": OneTerm()}
        return record_usage(command, ledger=ledger, now=at("2026-10-05T12:00"), **parts)

    if limit is None:
        assert not ask().replayed
    else:
        with pytest.raises(LimitExceeded) as refusal:
            ask()
        assert refusal.value.details == {"limit": limit, "count": 2}
    assert subscriptions.reads == reads


# --- meetings


def test_of_two_who_record_the_last_one_there_may_be_one_is_refused() -> None:
    world = limited(2)
    record(world, 1)
    seen = set()

    for run in every_meeting(
        world, lambda world: refusable(world, 5), lambda world: refusable(world, 6)
    ):
        taken = [each for each in (run.first, run.second) if isinstance(each, RecordedUsage)]
        [refusal] = [each for each in (run.first, run.second) if isinstance(each, LimitExceeded)]
        assert len(taken) == 1
        assert refusal.details == {"limit": 2, "count": 2}
        seen.add(taken[0].usage.key.at)
        assert (stored(run.world), counted(run.world)) == (2, 2)

    assert len(seen) == 2, "either may win"


def refusable(world: World, day: int) -> object:
    try:
        return record(world, day)
    except LimitExceeded as refusal:
        return refusal


def test_two_who_record_the_last_one_twice_are_both_told_of_it() -> None:
    world = limited(2)
    record(world, 1)

    for run in every_meeting(world, record, record):
        assert isinstance(run.first, RecordedUsage)
        assert isinstance(run.second, RecordedUsage)
        assert run.first.usage == run.second.usage
        assert {run.first.replayed, run.second.replayed} == {True, False}
        assert (stored(run.world), counted(run.world)) == (2, 2)


@pytest.mark.parametrize("raised_first", [True, False])
def test_a_maximum_that_is_raised_meanwhile_refuses_or_takes_and_counts_right(
    raised_first: bool,
) -> None:
    world = limited(2)
    record(world, 1)
    record(world, 2)

    def raise_it(world: World) -> object:
        return change(world, 3)

    def ask(world: World) -> object:
        return refusable(world, 5)

    told = set()
    for run in every_meeting(world, *((raise_it, ask) if raised_first else (ask, raise_it))):
        answer = run.second if raised_first else run.first
        assert not isinstance(answer, Lost)
        told.add(type(answer))
        is_taken = isinstance(answer, RecordedUsage)
        assert stored(run.world) == counted(run.world) == (3 if is_taken else 2)
        assert run.world.subscription_of().usage_records_max == 3
    assert told == {RecordedUsage, LimitExceeded}
