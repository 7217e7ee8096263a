"""A test site that starts afresh is empty, but for its catalogue, its settings and its keys."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from postpaid.application.advance_clock import Hands, advance_clock
from postpaid.application.due_terms import Due
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.start_afresh import start_afresh
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.series import Series
from postpaid.domain.site import Scope, Site
from postpaid.domain.usage import UsageKey
from postpaid.store.due import StoredDue
from postpaid.store.sites import StoredSites, clock_name
from postpaid.store.tables import TransactionRefused
from tests.support.faults import Killed, Moment, fail
from tests.support.samples import AUTO_AT_ONCE, a_site, at
from tests.support.world import World

GENESIS = "2026-09-01"
FAULTS = [(error, moment) for error in (Unavailable, Killed) for moment in Moment]


def afresh(world: World, text: str | None = GENESIS) -> World:
    """Have the site start afresh; return the world as its next request sees it."""
    instant = None if text is None else at(text)
    site = start_afresh(world.stores.site, instant, sites=world.stores.all_sites, now=world.now)
    return at_its_clock(world, site)


def at_its_clock(world: World, site: Site) -> World:
    world.clock.now = site.began
    return replace(world, scope=site.scope)


def advance(world: World, to: str) -> None:
    """Move the site's clock, doing what falls due on the way."""

    def set_clock(instant: datetime) -> None:
        world.clock.now = instant

    def work(due: Due, now: datetime) -> None:
        world.visit(due)
        world.render()

    hands = Hands(
        due=StoredDue(world.billing, clock_name(world.stores.site)),
        set_clock=set_clock,
        work=work,
        is_late=lambda: False,
        report=lambda _: None,
    )
    advance_clock(at(to), hands=hands, now=world.now)


def used() -> World:
    """A test site on the fifth of October; two versions of a price, and August is invoiced."""
    world = World.at("2026-09-05T12:00", site=a_site(test=True, created_at=at("2026-07-15")))
    world.price("minutes", "0.05", base_fee="10.00")
    world.reprice("minutes", base_fee="12.00")
    world.price("other", "1")
    world.subscription("minutes", start="2026-08-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-08-05", external_id="x")
    advance(world, "2026-10-05T12:00")
    assert [each.serial_text for each in world.issued()] == ["INV-000001", "INV-000002"]
    return world


def test_nothing_of_before_is_seen_but_the_catalogue_with_all_its_versions() -> None:
    before = used()
    items, prices = before.stores.lists(before.now).items, before.stores.lists(before.now).prices
    kept = items(None, 9), prices(None, 9)
    versions = [("minutes", 1), ("minutes", 2), ("other", 1)]
    pinned = before.stores.prices.versions(versions)
    [invoice, *_] = before.issued()
    subscription, key = before.subscription_of(), UsageKey("sub", at("2026-08-05"), "minutes")
    assert before.stores.ledger.of(subscription).get(key) is not None

    world = afresh(before)

    stores, lists = world.stores, world.stores.lists(world.now)
    for listed in (lists.customers, lists.subscriptions, lists.invoices, lists.late_usages):
        assert listed(None, 9) == ([], None)
    assert (lists.items(None, 9), lists.prices(None, 9)) == kept
    assert stores.prices.versions(versions) == pinned
    assert stores.prices.newest("minutes") == pinned["minutes", 2]
    assert stores.customers.get("globex") is None
    assert stores.subscriptions.get("sub") is None
    assert stores.terms.look("sub", at("2026-08-05")) is None
    assert stores.invoices.get(invoice.id) is None
    assert stores.ledger.named("x") is None
    assert stores.ledger.of(subscription).get(key) is None
    assert stores.closing(world.now).next_serial("main") == (1, None)


def test_the_same_ids_are_made_and_billed_anew_and_numbers_begin_at_one() -> None:
    before = used()
    old = {each.id for each in before.invoices()}
    world = afresh(before)
    world.customer()
    world.subscription("minutes", start="2026-08-01", closing=AUTO_AT_ONCE)

    recorded = world.record("7", "2026-08-05", external_id="x")
    advance(world, "2026-10-05")

    assert (recorded.replayed, recorded.usage.version) == (False, 1)
    assert [each.serial_text for each in world.issued()] == ["INV-000001", "INV-000002"]
    assert [str(each.total) for each in world.issued()] == ["12.35", "12.00"]
    assert not old & {each.id for each in world.invoices()}


def test_integers_of_the_catalogue_go_on_and_others_begin_at_one() -> None:
    before = used()
    last = before.item("last").number

    world = afresh(before)

    assert world.customer().number == 1
    assert world.item("next").number == last + 1


def test_settings_series_and_prefixes_stay() -> None:
    world = used()
    world.change_site(timezone="Europe/Berlin", number_prefix="B-")
    before = world.add_series("eu", "EU-")

    site = afresh(world).stores.site

    assert replace(site, scope=before.scope, genesis=None, former=None) == replace(
        before, clock_offset_seconds=site.clock_offset_seconds
    )
    assert (site.former_prefixes, site.series) == (("INV-",), (Series("eu", "EU-"),))


def test_each_start_is_a_generation_of_its_own_whose_clock_begins_where_it_was_told() -> None:
    world = used()
    real = world.now
    second = afresh(world)
    site = second.stores.site
    assert (site.scope, site.began) == (Scope("acme", 2), at(GENESIS))
    assert real + timedelta(seconds=site.clock_offset_seconds) == at(GENESIS)
    assert StoredDue(world.billing, "acme~2").place() == at(GENESIS)

    third = afresh(second, None)

    site = third.stores.site
    assert (site.scope, site.began, site.clock_offset_seconds) == (Scope("acme", 3), real, 0)
    assert site.former == (at("2026-07-15"), real + timedelta(days=1))


def test_the_catalogue_of_a_clock_that_was_far_ahead_is_still_listed() -> None:
    world = used()
    ahead = int((at("2029-05-05") - world.now).total_seconds())
    world.clock.now = at("2029-05-05")
    moved = replace(world.stores.site, clock_offset_seconds=ahead)
    world.stores.all_sites.replace(moved, over=world.stores.site)
    world.item("ahead")
    site = start_afresh(
        world.stores.site, at("2025-01-01"), sites=world.stores.all_sites, now=world.now
    )
    fresh = at_its_clock(world, site)
    fresh.item("behind")

    shown, _ = fresh.stores.lists(fresh.now).items(None, 9)

    assert [each.id for each in shown] == ["ahead", "item-other", "item-minutes", "behind"]


@pytest.mark.parametrize("text", ["2026-10-05T12:00:01", "2023-10-01T11:59:59", "2026-11-01"])
def test_a_clock_begins_neither_ahead_nor_too_long_ago(text: str) -> None:
    world = used()
    with pytest.raises(Invalid) as refusal:
        afresh(world, text)
    assert refusal.value.field == "at"
    assert world.stores.site.scope == Scope("acme")


@pytest.mark.parametrize("text", ["2026-10-05T12:00:00", "2023-10-01T12:00:00"])
def test_a_clock_begins_as_early_or_late_as_is_told(text: str) -> None:
    assert afresh(used(), text).stores.site.began == at(text)


def test_a_live_site_never_starts_afresh() -> None:
    world = World.voip()
    with pytest.raises(Conflict) as refusal:
        afresh(world)
    assert refusal.value.code == "live_site"


def test_of_two_at_once_one_is_told_that_the_other_did_so() -> None:
    world = used()
    site, sites, now = world.stores.site, world.stores.all_sites, world.now
    start_afresh(site, at(GENESIS), sites=sites, now=now)

    with pytest.raises(Conflict) as refusal:
        start_afresh(site, at("2026-09-02"), sites=sites, now=now)

    assert refusal.value.code == "started_afresh"
    there = sites.get("acme")
    assert there is not None
    assert (there.scope, there.began) == (Scope("acme", 2), at(GENESIS))


def test_one_whose_settings_change_meanwhile_keeps_the_change() -> None:
    world = used()
    site = world.stores.site
    world.change_site(currency="EUR")

    fresh = start_afresh(site, at(GENESIS), sites=world.stores.all_sites, now=world.now)

    assert (fresh.currency, fresh.scope.generation) == ("EUR", 2)


def test_one_that_others_always_come_before_is_not_begun() -> None:
    class Busy(StoredSites):
        def begin_generation(self, site: Site, over: Site) -> None:
            raise Lost

    world = used()
    with pytest.raises(Unavailable):
        start_afresh(world.stores.site, None, sites=Busy(world.billing), now=world.now)


@pytest.mark.parametrize("lost", [True, False], ids=["applied", "refused"])
def test_a_transaction_without_an_answer_is_found_to_be_done_or_made_again(lost: bool) -> None:
    """DynamoDB refuses what it did already if the SDK sends it again."""
    world = used()
    moment = Moment.AFTER if lost else Moment.BEFORE
    world.calls.arm("billing.transact", moment, fail(TransactionRefused({})))

    site = afresh(world).stores.site

    assert world.calls.sprung
    assert site.scope == Scope("acme", 2)


@pytest.mark.parametrize(("error", "moment"), FAULTS)
def test_a_crash_at_any_call_leaves_one_generation_whole_and_a_repeat_starts_afresh(
    error: type[BaseException], moment: Moment
) -> None:
    begin = used().copy()
    clean = begin.copy()
    afresh(clean)
    calls = len(clean.calls.names)
    kept = begin.stores.lists(begin.now).prices(None, 9)
    assert clean.calls.names.count("billing.transact") == 1, "one write, or it is not all at once"

    for at_call in range(calls):
        world = begin.copy()
        world.calls.arm(at_call, moment, fail(error("a fault")))
        with pytest.raises((Unavailable, Killed)):
            afresh(world)
        assert world.calls.sprung
        stores = world.another_process().stores
        empty = stores.subscriptions.get("sub") is None
        assert empty == (stores.scope.generation == 2)
        world.clock.now = stores.site.began if empty else world.now
        assert stores.lists(world.now).prices(None, 9) == kept

        world = afresh(replace(world, scope=stores.scope))

        assert world.stores.subscriptions.get("sub") is None
        assert world.stores.lists(world.now).prices(None, 9) == kept
        world.customer()
        world.subscription("minutes", start="2026-08-01", closing=AUTO_AT_ONCE)
        advance(world, "2026-09-02")
        assert [each.serial for each in world.issued()] == [1]
