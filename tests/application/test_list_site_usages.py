"""Usages of a whole site: every live one once, subscription by subscription, page by page."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.list_site_usages import SitePlace, UsageFilter, list_site_usages
from postpaid.application.list_usages import READ_MAX
from postpaid.domain.period import Period
from postpaid.domain.usage import Usage, UsageKey
from tests.support.samples import OCTOBER, a_usage, at
from tests.support.world import World

type Page = tuple[list[Usage], SitePlace | None]


@pytest.fixture
def busy() -> World:
    """Three subscriptions, the newest, `c`, over three shards; 20 usages each, some deleted."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05")
    world.price("texts", "0.01")
    for subscription_id, prices, shards in (("a", 1, 1), ("b", 2, 1), ("c", 2, 3)):
        names = ("minutes", "texts")[:prices]
        world.subscription(
            *names, subscription_id=subscription_id, start="2026-10-01", usage_shards=shards
        )
        world.clock.now += timedelta(minutes=1)
        for n in range(20):
            world.ledger(subscription_id).add(
                a_usage(
                    f"2026-10-{n % 4 + 1:02d}T00:00:{n:02d}",
                    str(n + 1),
                    subscription_id=subscription_id,
                    line_id=names[n % prices],
                    item_price_id=names[n % prices],
                )
            )
        deleted = world.ledger(subscription_id).get(
            UsageKey(subscription_id, at("2026-10-01T00:00:00"), "minutes")
        )
        assert deleted is not None
        world.ledger(subscription_id).delete(deleted)
    return world


def page(world: World, after: SitePlace | None, limit: int, **wanted: Any) -> Page:
    stores = world.stores
    return list_site_usages(
        UsageFilter(**wanted),
        after=after,
        limit=limit,
        lists=stores.lists(world.now),
        subscriptions=stores.subscriptions,
        ledger=stores.ledger,
    )


def read_all(world: World, limit: int, **wanted: Any) -> list[Usage]:
    found: list[Usage] = []
    after: SitePlace | None = None
    while True:
        usages, after = page(world, after, limit, **wanted)
        assert len(usages) <= limit
        found += usages
        if after is None:
            return found


def expected(world: World, order: str, keep: Callable[[Usage], bool]) -> list[Usage]:
    return [
        usage
        for subscription_id in order
        for usage in world.ledger(subscription_id).in_period(OCTOBER)
        if not usage.deleted and keep(usage)
    ]


FIRST_TWO_DAYS = Period(at("2026-10-01"), at("2026-10-03"))
FILTERS: list[tuple[dict[str, Any], str, Callable[[Usage], bool]]] = [
    ({}, "cba", lambda _: True),
    ({"subscription_ids": ["a", "c", "a"]}, "ac", lambda _: True),
    ({"subscription_ids": ["b", "none", "a"]}, "ba", lambda _: True),
    ({"subscription_ids": []}, "", lambda _: True),
    ({"item_price_ids": {"texts"}}, "cb", lambda usage: usage.item_price_id == "texts"),
    ({"item_price_ids": {"other"}}, "", lambda _: True),
    ({"period": FIRST_TWO_DAYS}, "cba", lambda usage: FIRST_TWO_DAYS.contains(usage.key.at)),
    ({"period": Period(at("2026-09-01"), at("2026-10-01"))}, "", lambda _: True),
    (
        {"is_wanted": lambda usage: usage.quantity % 5 == 0},
        "cba",
        lambda usage: usage.quantity % 5 == 0,
    ),
]


@pytest.mark.parametrize("limit", [1, 2, 19, 20, 57, 100])
@pytest.mark.parametrize(("wanted", "order", "keep"), FILTERS)
def test_every_usage_that_is_wanted_is_listed_once_in_order(
    busy: World, wanted: dict[str, Any], order: str, keep: Callable[[Usage], bool], limit: int
) -> None:
    found = read_all(busy, limit, **wanted)

    assert found == expected(busy, order, keep)
    assert bool(found) == bool(order)


def test_what_is_made_meanwhile_moves_nothing(busy: World) -> None:
    whole = read_all(busy, 100)
    first, after = page(busy, None, 10)
    busy.subscription("minutes", subscription_id="new", start="2026-10-01")
    busy.record("7", "2026-10-02", subscription_id="new")
    rest, end = page(busy, after, 100)

    assert first + rest == whole
    assert end is None


def test_a_place_in_what_is_not_there_is_the_end(busy: World) -> None:
    nowhere = SitePlace("none", None)

    assert page(busy, nowhere, 10) == ([], None)
    assert page(busy, nowhere, 10, subscription_ids=["a"]) == ([], None)
    assert page(busy, SitePlace("c", None), 10, subscription_ids=["a"]) == ([], None)


def test_a_page_reads_a_bounded_number_of_records(busy: World) -> None:
    start = at("2026-10-04T01:00")
    for n in range(READ_MAX):
        instant = (start + n * timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
        busy.ledger("c").add(a_usage(instant, "1000", subscription_id="c"))

    before = len(busy.calls.names)
    first, after = page(busy, None, 10, is_wanted=lambda usage: usage.quantity == 20)
    assert [usage.key.subscription_id for usage in first] == ["c"]
    assert after is not None
    assert (after.subscription_id, after.usage is not None) == ("c", True)
    # Three shards, each a few pieces for every 200 records.
    assert busy.calls.names[before:].count("usages.query") < 60

    rest, end = page(busy, after, 10, is_wanted=lambda usage: usage.quantity == 20)
    assert [usage.key.subscription_id for usage in rest] == ["b", "a"]
    assert end is None
    assert {usage.quantity for usage in first + rest} == {Decimal(20)}


def test_a_page_looks_into_a_bounded_number_of_subscriptions() -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05")
    for n in range(130):
        world.subscription("minutes", subscription_id=f"sub-{n:03d}", start="2026-10-01")
    world.record("7", "2026-10-02", subscription_id="sub-000")

    first, after = page(world, None, 10)
    second, end = page(world, after, 10)

    assert (first, end) == ([], None)
    assert after == SitePlace("sub-029", None)
    assert [usage.quantity for usage in second] == [Decimal(7)]


def test_subscriptions_that_can_have_none_are_not_looked_into(busy: World) -> None:
    before = len(busy.calls.names)
    read_all(busy, 100, item_price_ids={"texts"})

    # Of three subscriptions two: one in one partition, one in three.
    assert busy.calls.names[before:].count("usages.query") == 4


def test_subscriptions_that_cannot_have_what_is_wanted_are_not_looked_into(busy: World) -> None:
    found, place = page(busy, None, 100, may_be_of=lambda each: each.id == "b")

    assert {usage.key.subscription_id for usage in found} == {"b"}
    assert len(found) == 19
    assert place is None
