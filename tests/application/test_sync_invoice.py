"""Refreshing a pending invoice: nothing is frozen, and one that was parked goes on if it can."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from postpaid.application.close_invoice import TAKEOVER_AFTER
from postpaid.application.due_terms import Due
from postpaid.application.invoice_now import invoice_now
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.sites import ChangeSite, change_site
from postpaid.application.sync_invoice import Synced
from postpaid.domain.bounds import AmountBounds, Bound, Broken
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.term import BillingState, TermStatus
from postpaid.store import keys
from postpaid.store.closing import StoredClosing
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Put, Value
from tests.support.changes import a_shop, next_invoice
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

CLOSED = {"pricing_model": "tiered", "tiers": [{"up_to": "100", "unit_amount": "0.10"}]}
OPEN = {"pricing_model": "tiered", "tiers": [{"up_to": None, "unit_amount": "0.10"}]}
TERM = Due(*keys.term(SCOPE, "sub", OCTOBER.start))
TOO_MANY = "quantity: 101 units are more than the tiers hold"


def price_as(world: World, pricing: Mapping[str, Any], price_id: str = "minutes") -> None:
    """Make the price one that the catalogue refuses, as a bug or another release might."""
    item = world.billing.get(keys.price_version(SCOPE, price_id, 1))
    assert item is not None
    charge: Value = dict(Charge.from_plain(pricing).to_plain())
    world.billing.put(Put({**item, "charge": charge}))


def bound(world: World, highest: int | None) -> None:
    bounds = AmountBounds(() if highest is None else (Money(highest, "USD"),))
    change_site("acme", ChangeSite(bounds=bounds), sites=world.stores.all_sites)


def pending(closing: ClosingPolicy = MANUAL) -> World:
    """October is over and waits for its close; 101 minutes were used."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=closing)
    world.record("101", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    return world


def parked(closing: ClosingPolicy = AUTO_AT_ONCE) -> World:
    """October's invoice could not be rated."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=closing)
    world.record("101", "2026-10-05")
    price_as(world, CLOSED)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    if closing.mode is ClosingMode.MANUAL:
        world.close(the_invoice(world))
    assert the_invoice(world).parked == TOO_MANY
    return world


def mended(closing: ClosingPolicy = AUTO_AT_ONCE) -> World:
    """What parked it is gone."""
    world = parked(closing)
    price_as(world, OPEN)
    return world


def the_invoice(world: World) -> Invoice:
    [found] = [each for each in world.invoices() if each.term_start == OCTOBER.start]
    return found


def sync(world: World) -> Synced:
    return world.sync(the_invoice(world))


def total(synced: Synced) -> str:
    assert synced.draft.content is not None
    return str(synced.draft.content.total)


def stored(world: World) -> list[Any]:
    assert isinstance(world.billing, MemoryTable)
    return world.billing.items()


# --- one that is not parked


def test_it_says_what_it_would_if_it_closed_now_and_nothing_is_frozen() -> None:
    world = pending()
    before = stored(world)

    assert total(sync(world)) == "72.10"
    assert world.record("9", "2026-10-06").billing is BillingState.ON_TIME
    synced = sync(world)

    assert total(synced) == "73.00"
    assert (synced.invoice, synced.draft.refusal) == (the_invoice(world), None)
    assert stored(world) == before
    assert world.term("2026-10-01").status is TermStatus.GRACE
    assert world.content(world.close(synced.invoice)) == synced.draft.content


def test_one_that_would_be_parked_is_not_parked_yet() -> None:
    world = pending()
    bound(world, 7_209)
    before = stored(world)

    synced = sync(world)

    assert (synced.invoice.parked, total(synced)) == (None, "72.10")
    assert synced.draft.refusal is not None
    assert synced.draft.refusal.code == "bound_exceeded"
    assert stored(world) == before


@pytest.mark.parametrize("status", ["issued", "voided", "skipped", "deleted"])
def test_only_a_pending_invoice_is_refreshed(status: str) -> None:
    world = World.at("2026-10-01T08:00")
    world.price("seats", "0" if status == "skipped" else "1", metered=False)
    start = "2026-10-20" if status == "deleted" else "2026-10-01"
    world.subscription("seats", start=start, closing=AUTO_AT_ONCE)
    if status == "deleted":
        world.cancel("now")
    else:
        world.sweep()
    [invoice] = world.invoices()
    if status == "voided":
        world.void(invoice)
    before = stored(world)

    with pytest.raises(Conflict, match=f"is {status}") as refusal:
        world.sync(invoice)

    assert refusal.value.code == "invoice_not_pending"
    assert stored(world) == before


def test_an_unknown_invoice_is_not_found() -> None:
    world = pending()
    with pytest.raises(NotFound):
        world.sync(replace(the_invoice(world), id="inv_unknown"))


# --- one that is parked


def test_one_that_cannot_be_made_still_is_told_the_present_reason() -> None:
    world = parked()
    before = stored(world)
    assert sync(world).invoice.parked == TOO_MANY
    assert stored(world) == before
    writes = {"billing.transact", "billing.update", "billing.put"}
    world.calls.names.clear()
    sync(world)
    assert not writes & set(world.calls.names), "the same reason is not written again"
    world.record("1", "2026-10-06")

    synced = sync(world)

    assert synced.invoice.parked == TOO_MANY.replace("101", "102")
    assert synced.draft.content is None
    assert the_invoice(world) == synced.invoice
    assert world.term("2026-10-01").due_at is None


def test_a_reason_becomes_another_bound_and_the_other_way_round() -> None:
    world = mended()
    bound(world, 100)

    synced = sync(world)

    assert synced.invoice.broken == Broken(Bound.HIGHEST_TOTAL, "72.10 USD", "1.00 USD")
    assert (the_invoice(world), total(synced)) == (synced.invoice, "72.10")
    price_as(world, CLOSED)
    assert (sync(world).invoice.parked, the_invoice(world).broken) == (TOO_MANY, None)


@pytest.mark.parametrize(
    ("closing", "due"),
    [
        (AUTO_AT_ONCE, "2026-11-01T00:00"),
        (ClosingPolicy(ClosingMode.AUTO, after_hours=48), "2026-11-03T00:00"),
        (MANUAL, None),
    ],
)
def test_one_whose_trouble_is_gone_is_due_again_by_its_closing_policy(
    closing: ClosingPolicy, due: str | None
) -> None:
    world = parked()
    stores = world.stores
    subscription = world.subscription_of()
    changed = replace(subscription, closing=closing, version=subscription.version + 1)
    stores.subscriptions.replace(changed)
    price_as(world, OPEN)

    synced = sync(world)

    assert (synced.invoice.parked, synced.invoice.broken, total(synced)) == (None, None, "72.10")
    assert the_invoice(world) == synced.invoice
    term = world.term("2026-10-01")
    assert (term.status, term.due_at) == (TermStatus.CLOSING, None if due is None else at(due))
    world.come_to_rest()
    closes_now = due == "2026-11-01T00:00"
    assert len(world.issued()) == int(closes_now)
    if due is not None:
        world.skip_to("2026-11-03T00:10")
        world.come_to_rest()
    else:
        world.close(synced.invoice)
    [invoice] = world.issued()
    assert str(invoice.total) == "72.10"


def test_a_hold_keeps_it_back() -> None:
    world = mended()
    subscription = world.subscription_of()
    held = replace(subscription, hold_until=at("2026-11-20"), version=subscription.version + 1)
    world.stores.subscriptions.replace(held)

    sync(world)

    assert world.term("2026-10-01").due_at == at("2026-11-20")


def test_a_bound_that_was_raised_lets_it_go_on() -> None:
    world = pending(ClosingPolicy(ClosingMode.AUTO, after_hours=1))
    bound(world, 100)
    world.clock.now = at("2026-11-01T01:10")
    world.come_to_rest()
    assert the_invoice(world).broken == Broken(Bound.HIGHEST_TOTAL, "72.10 USD", "1.00 USD")
    bound(world, 7_210)

    sync(world)
    world.come_to_rest()

    assert str(the_invoice(world).total) == "72.10"


def test_usage_during_all_that_is_on_the_invoice_or_a_supplement() -> None:
    world = mended()
    assert world.record("9", "2026-10-06").billing is BillingState.PENDING

    assert total(sync(world)) == "73.00"
    assert world.record("10", "2026-10-07").billing is BillingState.PENDING
    world.come_to_rest()

    assert str(the_invoice(world).total) == "74.00"


def test_an_opening_invoice_goes_on_at_the_start_of_its_subscription() -> None:
    world = a_shop()
    bound(world, 100)
    world.subscription("seats", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.come_to_rest()
    [opening] = world.invoices()
    assert (opening.broken is not None, opening.due_at) == (True, None)
    bound(world, None)

    synced = world.sync(opening)

    assert (synced.invoice.parked, synced.invoice.due_at) == (None, OCTOBER.start)
    assert world.stores.invoices.get(opening.id) == synced.invoice
    world.come_to_rest()
    assert [str(each.total) for each in world.issued()] == ["31.00"]


def test_an_invoice_for_a_supplement_goes_on_at_once() -> None:
    world = pending(AUTO_AT_ONCE)
    world.cancel("2026-11-01T00:30:00Z")
    next_invoice(world, "2026-11-01T02:00")
    bound(world, 100)
    world.record("100", "2026-10-06")
    world.reconcile()
    world.come_to_rest()
    [own] = [each for each in world.invoices() if each.k]
    assert own.parked == "it charges 10.00 USD, and the site's highest total is 1.00 USD (I-20)"
    bound(world, None)

    assert world.sync(own).invoice.due_at == world.now
    world.come_to_rest()

    assert [str(each.total) for each in world.issued() if each.k] == ["10.00"]


# --- others at the same time


def close(world: World) -> Invoice:
    return world.close(the_invoice(world))


def come_too_late(world: World) -> object:
    """A worker whose message comes twice."""
    assert world.visit(TERM)
    return None


def record(world: World) -> object:
    return world.record("10", "2026-10-07")


def settled(world: World) -> None:
    """Check that October is issued once, with all of its usage, by sweeps alone."""
    world.come_to_rest()
    world.reconcile()
    world.come_to_rest()
    billed = sum(
        line.amount.minor
        for invoice in world.issued()
        for line in world.content(invoice).lines
        if line.kind.value in {"usage", "supplement"} and line.period == OCTOBER
    )
    waiting = sum(each.amount.minor for each in world.stores.manifests.waiting("sub", 50))
    used = sum(10 * int(usage.quantity) for usage in world.ledger().in_period(OCTOBER))
    assert billed + waiting == used
    assert the_invoice(world).status is InvoiceStatus.ISSUED
    assert [each.serial for each in world.issued()] == [1]


@pytest.mark.parametrize("other", [close, come_too_late, record, sync])
@pytest.mark.parametrize("first", [True, False])
def test_whoever_comes_between_it_is_issued_once(
    other: Callable[[World], object], first: bool
) -> None:
    pair = (sync, other) if first else (other, sync)
    came = set()
    for run in every_meeting(mended(), *pair):
        synced = run.first if first else run.second
        if isinstance(synced, Synced):
            assert synced.invoice.parked is None
        else:
            assert isinstance(synced, Conflict)
            assert synced.code == "invoice_not_pending"
        came.add(type(synced))
        settled(run.world)
    assert came == ({Synced, Conflict} if other is close else {Synced})


@pytest.mark.parametrize("first", [True, False])
def test_one_that_is_parked_again_meanwhile_stays_parked(
    first: bool,
) -> None:
    def spoil(world: World) -> object:
        price_as(world, CLOSED)
        return close(world)

    begin = mended()
    pair = (sync, spoil) if first else (spoil, sync)
    for run in every_meeting(begin, *pair):
        # Even if its draft was made before: the run that parked it is another by then.
        assert the_invoice(run.world).parked == TOO_MANY
        assert run.world.term("2026-10-01").due_at is None
        assert run.world.dispatch(look_back=None) == 0


def test_a_close_that_died_keeps_its_place_in_what_is_due() -> None:
    world = mended()
    world.calls.arm("documents.put", Moment.BEFORE, fail(Killed()))
    with pytest.raises(Killed):
        close(world)
    due_at = world.term("2026-10-01").due_at
    assert due_at == world.now + TAKEOVER_AFTER

    synced = sync(world)

    assert synced.invoice.parked is None
    assert world.term("2026-10-01").due_at == due_at
    settled(world)


def test_who_never_comes_first_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = mended()

    def lost(*_: object, **__: object) -> None:
        raise Lost

    monkeypatch.setattr(StoredClosing, "unpark", lost)

    with pytest.raises(Unavailable):
        sync(world)


# --- faults


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("begin", [mended, parked])
def test_whatever_call_fails_a_repeat_does_it(
    begin: Callable[[], World], moment: Moment, error: type[BaseException]
) -> None:
    start = begin()
    start.record("1", "2026-10-06")
    clean = start.copy()
    expected = sync(clean)
    calls = len(clean.calls.names)
    assert calls > 8
    for at_call in range(calls):
        world = start.copy()
        world.calls.arm(at_call, moment, fail(error()))
        with pytest.raises(error):
            sync(world)
        assert world.calls.sprung

        assert sync(world).invoice == expected.invoice
        assert the_invoice(world) == expected.invoice
        if begin is mended:
            settled(world)
        else:
            world.come_to_rest()
            assert the_invoice(world).parked == TOO_MANY.replace("101", "102")


def test_what_follows_is_not_held_up() -> None:
    world = parked()
    world.clock.now = at("2026-11-10T08:00")
    invoice_now("sub", office=world.office)
    world.come_to_rest()
    assert len(world.issued()) == 1
    price_as(world, OPEN)

    sync(world)
    world.come_to_rest()

    assert [each.serial for each in world.issued()] == [1, 2]
    assert the_invoice(world).serial == 2
