"""Spread over shards, a subscription is what it is in one: only its usages' partitions differ.

The same life is led twice, in one shard and in several. Everything a client is told and everything
that is stored must come out the same, but for the partitions, and the number of shards itself
(I-17).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.application.audit_subscription import audit_subscription
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.change_schedule import ChangeCadence, change_cadence, change_zone
from postpaid.application.compose_invoice import upcoming_content
from postpaid.application.correct_usage import CorrectUsage, correct_usage
from postpaid.application.delete_usage import delete_usage
from postpaid.application.edit_subscription import Edit, edit_subscription
from postpaid.application.invoice_now import invoice_now
from postpaid.application.list_usages import list_usages
from postpaid.application.reconcile_term import reconcile_term
from postpaid.application.record_usage import RecordedUsage
from postpaid.application.suspend_subscription import SuspendSubscription, suspend_subscription
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.instants import instant_text
from postpaid.domain.period import Period
from postpaid.domain.subscription import USAGE_SHARDS_MAX, Subscription
from postpaid.domain.term import BillingState, Term
from postpaid.domain.usage import Aggregation, Recording, Usage, UsageKey
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.subscriptions import item_from_subscription
from postpaid.store.usage import StoredUsages
from tests.support.changes import add, remove
from tests.support.laws import tried
from tests.support.samples import AUTO_AT_ONCE, OCTOBER, SCOPE, a_subscription, a_usage, at
from tests.support.world import World

EVER = Period(at("2026-01-01"), at("2027-01-01"))
LINES = ("minutes", "calls", "level")

# (seconds since the first of October, line, quantity, event): the same dates often, and any.
_offsets = st.sampled_from([0, 1, 86_399, 86_400, 4 * 86_400]) | st.integers(0, 31 * 86_400 - 1)
_facts = st.lists(
    st.tuples(
        _offsets, st.sampled_from(LINES), st.integers(1, 999), st.sampled_from(["a", "b", "c"])
    ),
    max_size=40,
)
_picks = st.lists(st.integers(0, 39), max_size=6)


def spread(usage_shards: int) -> World:
    """Return the last hour of October of a subscription to minutes, to calls, and to a level.

    Of the level the last one counts, so that the order in which usages are read shows.
    """
    world = World.at("2026-10-31T23:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.price("calls", "0.01", recording=Recording.EVENTS)
    world.price("level", "3", aggregation=Aggregation.LAST)
    world.subscription(*LINES, start="2026-10-01", closing=AUTO_AT_ONCE, usage_shards=usage_shards)
    return world


def told(answer: Callable[[], object]) -> object:
    """Return an answer, or the refusal, as something that can be compared."""
    try:
        return answer()
    except (Conflict, NotFound) as refusal:
        return refusal.code, refusal.details


def record(world: World, fact: tuple[int, str, int, str]) -> RecordedUsage:
    seconds, line, quantity, event = fact
    on = instant_text(OCTOBER.start + timedelta(seconds=seconds))
    events = {"event_id": event} if line == "calls" else {}
    return world.record(str(quantity), on, item_price_id=line, **events)


def pages(world: World, limit: int, **only: str) -> list[list[tuple[str, int, Usage]]]:
    """Return all pages of the list of usages, with the ids that are shown."""
    found = []
    after: UsageKey | None = None
    while True:
        page, after = list_usages(
            world.subscription_of(),
            EVER,
            line_id=only.get("line_id"),
            item_price_id=None,
            after=after,
            limit=limit,
            ledger=world.stores.ledger,
        )
        ids = [(keys.usage_id(each.key), keys.usage_number(SCOPE, each.key)) for each in page]
        found.append([(*shown, each) for shown, each in zip(ids, page, strict=True)])
        if after is None:
            return found


def audit(world: World) -> object:
    stores = world.stores

    def reconcile(subscription_id: str, start: Any) -> Any:
        return reconcile_term(
            subscription_id,
            start,
            scope=world.scope,
            books=world.books,
            ids=stores.ids(world.blocks),
            now=world.now,
        )

    return audit_subscription("sub", terms=stores.terms, reconcile=reconcile, now=world.now)


def life(
    usage_shards: int,
    early: list[tuple[int, str, int, str]],
    late: list[tuple[int, str, int, str]],
    picks: list[int],
    limit: int,
) -> tuple[World, list[object]]:
    """Lead a month and what comes after it; return the world and all that clients were told."""
    world = spread(usage_shards)
    answers: list[object] = [told(lambda fact=fact: record(world, fact)) for fact in early]  # type: ignore[misc]
    recorded = [each.usage.key for each in answers if isinstance(each, RecordedUsage)]

    def touch() -> None:
        for pick in picks:
            if pick < len(recorded):
                key = recorded[pick]
                if pick % 2:
                    answers.append(told(lambda key=key: world.delete(key)))  # type: ignore[misc]
                else:
                    answers.append(told(lambda key=key: world.correct(key, 1, "7.5")))  # type: ignore[misc]
                answers.append(world.ledger().get(key))

    touch()
    answers += [pages(world, limit), pages(world, limit, line_id="calls")]
    answers.append(upcoming_content("sub", books=world.books))
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    answers += [told(lambda fact=fact: record(world, fact)) for fact in late]  # type: ignore[misc]
    picks.reverse()
    touch()
    picks.reverse()
    answers += [audit(world), audit(world), pages(world, limit)]
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()
    answers.append([world.content(invoice) for invoice in world.issued()])
    return world, answers


def stored(world: World) -> tuple[object, ...]:
    """Return all that is stored, without the partitions of usages and the number of shards."""
    assert isinstance(world.usages, MemoryTable)
    assert isinstance(world.billing, MemoryTable)
    usages = [{**item, "pk": None} for item in world.usages.items()]
    billing = [
        {name: value for name, value in item.items() if name != "usage_shards"}
        for item in world.billing.items()
    ]
    return sorted(usages, key=lambda item: str(item["sk"])), billing, world.objects


@given(st.integers(2, USAGE_SHARDS_MAX), _facts, _facts, _picks, st.integers(1, 30))
@tried(40)
def test_whatever_is_used_lists_pages_ids_and_invoices_are_those_of_one_shard(
    shards: int,
    early: list[tuple[int, str, int, str]],
    late: list[tuple[int, str, int, str]],
    picks: list[int],
    limit: int,
) -> None:
    in_one, told_in_one = life(1, early, late, picks, limit)
    in_many, told_in_many = life(shards, early, late, picks, limit)

    assert told_in_many == told_in_one
    assert stored(in_many) == stored(in_one)


def test_the_usages_of_a_spread_subscription_are_in_its_shards() -> None:
    world = spread(4)
    for day in range(1, 9):
        world.record("1", f"2026-10-{day:02d}", item_price_id="minutes")

    assert isinstance(world.usages, MemoryTable)
    partitions = [str(item["pk"]) for item in world.usages.items()]

    assert sorted(set(partitions)) == [keys.usage_pk(SCOPE, "sub", slot) for slot in range(4)]
    assert {partitions.count(pk) for pk in partitions} == {2}


@pytest.mark.parametrize("shards", [1, 8])
def test_a_record_reads_and_writes_as_much_as_in_one_shard(shards: int) -> None:
    world = spread(shards)
    world.calls.names.clear()

    recorded = world.record("1", "2026-10-05", item_price_id="minutes")
    world.record("1", "2026-10-05", item_price_id="minutes")
    world.correct(recorded.usage.key, 1, "7.5")
    world.delete(recorded.usage.key)

    record = ["billing.get", "usages.put", "billing.query"]
    correction = ["billing.get", "usages.get", "usages.put", "billing.query"]
    deletion = ["billing.get", "usages.get", "usages.update", "billing.query"]
    assert world.calls.names == [*record, *record, *correction, *deletion]


@pytest.mark.parametrize("shards", [1, 5, USAGE_SHARDS_MAX])
def test_a_close_and_an_audit_read_each_shard_once(shards: int) -> None:
    world = spread(shards)
    for day in range(1, 29):
        world.record("1", f"2026-10-{day:02d}", item_price_id="minutes")
    world.calls.names.clear()

    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    closing = world.calls.names.count("usages.query")
    audit(world)

    assert closing == shards
    assert world.calls.names.count("usages.query") == 2 * shards


@pytest.mark.parametrize("shards", range(1, USAGE_SHARDS_MAX + 1))
def test_a_page_reads_its_share_of_each_shard(shards: int) -> None:
    """Each shard once, and hardly one of them again, however much there is."""
    world = spread(shards)
    usages = world.ledger()
    for n in range(1_000):
        usages.add(a_usage((OCTOBER.start + timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M")))
    world.calls.names.clear()
    usages = world.ledger()
    world.calls.names.clear()

    assert len(usages.page(EVER, after=None, limit=200)) == 200
    assert shards <= world.calls.names.count("usages.query") <= shards + shards // 4
    world.calls.names.clear()
    assert len(usages.page(EVER, after=a_usage("2026-10-01T01:00").key, limit=1)) == 1
    assert world.calls.names.count("usages.query") == shards


@pytest.mark.parametrize("shards", [1, 4, USAGE_SHARDS_MAX])
@pytest.mark.parametrize(("limit", "shown"), [(20, [20, 10]), (30, [30]), (31, [30])])
def test_a_list_reads_each_shard_once_for_each_page(
    shards: int, limit: int, shown: list[int]
) -> None:
    world = spread(shards)
    for day in range(1, 31):
        world.record("1", f"2026-10-{day:02d}", item_price_id="minutes")
    world.calls.names.clear()

    assert [len(page) for page in pages(world, limit)] == shown
    assert world.calls.names.count("usages.query") == shards * len(shown)


# --- how many, for good


def test_creating_again_with_another_number_of_shards_is_refused() -> None:
    world = spread(8)
    asked: dict[str, Any] = {"start": "2026-10-01", "closing": AUTO_AT_ONCE}

    assert world.subscription(*LINES, **asked, usage_shards=8).usage_shards == 8
    for other in (1, 7, 9):
        with pytest.raises(Conflict) as refusal:
            world.subscription(*LINES, **asked, usage_shards=other)
        assert refusal.value.code == "already_exists"
    assert world.subscription_of().usage_shards == 8


@pytest.mark.parametrize("usage_shards", [-1, 0, USAGE_SHARDS_MAX + 1, 10**9])
def test_a_number_of_shards_that_there_cannot_be_is_refused(usage_shards: int) -> None:
    world = World.voip()

    with pytest.raises(Invalid) as refusal:
        world.subscription("minutes", subscription_id="other", usage_shards=usage_shards)

    assert (refusal.value.code, refusal.value.field) == ("invalid_field", "usage_shards")
    assert world.stores.subscriptions.get("other") is None


def to_another_policy(world: World) -> object:
    command = ChangeClosing(subscription_id="sub", policy=None, hold_until="2026-12-01")
    return world.change_closing(command)


CHANGES: dict[str, Callable[[World], object]] = {
    "lines": lambda w: w.change_lines(add("calls", "more"), remove("minutes")),
    "cadence": lambda w: change_cadence(
        ChangeCadence(subscription_id="sub", cadence=Cadence("week"), at="now"), office=w.office
    ),
    "zone": lambda w: change_zone("sub", "Asia/Tokyo", office=w.office),
    "suspension": lambda w: suspend_subscription(
        SuspendSubscription(subscription_id="sub", until=None), office=w.office
    ),
    "early invoice": lambda w: invoice_now("sub", office=w.office),
    "cancellation": lambda w: w.cancel("now"),
    "closing": to_another_policy,
}


@pytest.mark.parametrize("what", CHANGES)
def test_no_change_of_a_subscription_moves_its_usages(what: str) -> None:
    world = spread(8)
    usage = world.record("5", "2026-10-07", item_price_id="minutes").usage

    CHANGES[what](world)

    subscription = world.subscription_of()
    assert (subscription.version, subscription.usage_shards) == (2, 8)
    assert world.ledger().get(usage.key) == usage


def test_a_change_that_would_move_them_is_a_bug_that_stores_nothing() -> None:
    world = spread(8)
    before = world.subscription_of()

    def move(subscription: Subscription, term: Term) -> Edit:
        return Edit(subscription=replace(subscription, usage_shards=4), term=term)

    with pytest.raises(AssertionError, match="usages stay where they are"):
        edit_subscription("sub", move, office=world.office)

    assert world.subscription_of() == before


def test_a_subscription_with_one_shard_is_stored_as_it_was_before_there_were_any() -> None:
    assert "usage_shards" not in item_from_subscription(SCOPE, a_subscription())
    assert item_from_subscription(SCOPE, a_subscription(usage_shards=2))["usage_shards"] == 2


# --- a subscription that is not there, or not yet


class Kept:
    """Subscriptions of which a read that is not fresh sees none, and how they were read."""

    def __init__(self, stored: Subscription | None) -> None:
        self.stored = stored
        self.reads: list[bool] = []

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        self.reads.append(fresh)
        return self.stored if fresh else None


def test_usage_of_a_subscription_so_new_that_only_a_fresh_read_sees_it_is_found() -> None:
    world = spread(8)
    key = world.record("5", "2026-10-07", item_price_id="minutes").usage.key
    parts: dict[str, Any] = {"ledger": world.stores.ledger, "terms": world.stores.terms}

    command = CorrectUsage(key=key, version=1, quantity=Decimal(6))
    uses: list[Callable[[Kept], RecordedUsage]] = [
        lambda known: correct_usage(command, subscriptions=known, now=world.now, **parts),
        lambda known: delete_usage(key, subscriptions=known, now=world.now, **parts),
    ]
    for use in uses:
        known = Kept(world.subscription_of())
        assert use(known).billing is BillingState.ON_TIME
        assert known.reads == [False, True]


def test_usage_of_no_subscription_is_not_found_and_nothing_is_read_for_it() -> None:
    world = World.voip()
    key = UsageKey("nobody", at("2026-10-05"), "minutes")
    world.calls.names.clear()

    with pytest.raises(NotFound) as refusal:
        world.delete(key)
    assert refusal.value.code == "usage_not_found"
    with pytest.raises(NotFound) as refusal:
        world.correct(key, 1, "7.5")
    assert refusal.value.code == "usage_not_found"

    assert world.calls.names == ["billing.get"] * 4


def test_a_usage_is_not_looked_for_among_those_of_another_subscription() -> None:
    usages = StoredUsages(MemoryTable(), SCOPE).of(a_subscription("other", usage_shards=3))

    uses: list[Callable[[Usage], object]] = [
        usages.add,
        usages.delete,
        lambda usage: usages.get(usage.key),
    ]
    for use in uses:
        with pytest.raises(AssertionError, match="of another subscription"):
            use(a_usage())
