"""What has an integer is found by it, whatever becomes of it; a line by that of any entry."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from postpaid.application.change_schedule import ChangeCadence, change_cadence
from postpaid.application.find_numbered import FoundLine, Kind, find_line, find_numbered
from postpaid.application.ports import Unavailable
from postpaid.application.start_afresh import start_afresh
from postpaid.domain.calendar import Cadence
from postpaid.domain.customer import Customer
from postpaid.domain.errors import BillingError, Conflict, NotFound
from postpaid.domain.subscription import Subscription
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import TransactionRefused
from tests.support.changes import a_shop, add, change, remove, subscribed
from tests.support.faults import Killed, Moment, fail
from tests.support.integers import astray
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, a_site, at
from tests.support.world import World


def found(world: World, kind: Kind, number: int) -> Any:
    """Return what has an integer, as a door finds it."""
    stores = world.stores
    reads: dict[Kind, Callable[[str], Any]] = {
        "customer": stores.customers.get,
        "item_family": stores.families.get,
        "item": stores.items.get,
        "item_price": stores.prices.newest,
        "subscription": stores.subscriptions.get,
        "invoice": stores.invoices.get,
    }
    return find_numbered(kind, number, numbered=stores.numbered, read=reads[kind])


def line(world: World, number: int) -> str | None:
    """Return the id of the line of the one subscription that an integer means."""
    there = find_line(
        number, numbered=world.stores.numbered, subscriptions=world.stores.subscriptions
    )
    if there is None:
        return None
    assert there == FoundLine(world.subscription_of(), there.line_id)
    return there.line_id


def numbers(subscription: Subscription, line_id: str) -> list[int]:
    """Return the integers of the entries that a line has."""
    return [each.number for each in subscription.lines if each.id == line_id]


def integers(world: World) -> set[str]:
    """Return the keys of all entries of the register."""
    assert isinstance(world.billing, MemoryTable)
    pks = {str(item["pk"]) for item in world.billing.items()}
    return {pk for pk in pks if "#number#" in pk}


# --- things


def test_each_thing_is_found_as_it_is_by_now() -> None:
    world = World.voip()
    world.family("phones")
    item = world.change_item("item-minutes", family_id="phones")
    price = world.reprice("minutes", base_fee="11")
    family = world.change_family("phones", archived=True)
    customer = world.change_customer(payment_days=30)
    subscription = world.subscription_of()

    assert found(world, "item", item.number) == item
    assert found(world, "item_price", price.number) == price
    assert found(world, "item_family", family.number) == family
    assert found(world, "customer", customer.number) == customer
    assert found(world, "subscription", subscription.number) == subscription
    assert found(world, "customer", customer.number + 1) is None
    assert line(world, 10**6) is None


def test_a_customer_that_was_deleted_is_found_so() -> None:
    world = World.at("2026-10-05T12:00")
    deleted = world.delete_customer()

    assert found(world, "customer", deleted.number) == deleted
    assert deleted.deleted


def test_every_invoice_is_found_from_the_moment_it_is_pending() -> None:
    """The opening one, those of terms, one that is cut, and a supplement's own."""
    world = subscribed("seats", "minutes")
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:30")
    world.come_to_rest()
    world.cancel("now")
    world.come_to_rest()
    world.record("50", "2026-10-06")
    world.reconcile()

    invoices = world.invoices()

    assert len(invoices) == 4
    assert len({each.number for each in invoices}) == 4
    assert [found(world, "invoice", each.number) for each in invoices] == invoices
    assert astray(world.billing) == []


# --- lines


def test_every_entry_that_a_line_ever_had_means_the_line() -> None:
    world = subscribed("seats", "minutes")
    world.skip_to("2026-10-10T12:00")
    world.change_lines(change("seats", quantity=2), change("minutes", item_price_id="cheap"))
    edited = world.change_lines(change("seats", quantity=3), effective="now").subscription

    seats, minutes = (numbers(edited, each) for each in ("seats", "minutes"))
    assert (len(seats), len(minutes)) == (3, 2)
    assert [line(world, number) for number in seats] == ["seats"] * 3
    assert [line(world, number) for number in minutes] == ["minutes"] * 2


def test_an_entry_that_was_taken_back_before_it_came_means_its_line_still() -> None:
    world = subscribed("seats", "minutes")
    to_come = world.change_lines(change("minutes", item_price_id="cheap"), effective="term_end")
    first, future = numbers(to_come.subscription, "minutes")

    same = change("minutes", item_price_id="minutes")
    taken_back = world.change_lines(same, effective="now").subscription

    assert future not in numbers(taken_back, "minutes"), "the entry is gone"
    assert [line(world, number) for number in (first, future)] == ["minutes"] * 2


def test_a_line_that_was_removed_or_never_came_is_found_and_one_that_returns_is_the_same() -> None:
    world = subscribed("seats", "minutes")
    world.skip_to("2026-10-10T12:00")
    [first] = numbers(world.subscription_of(), "seats")
    planned = world.change_lines(add("desks"), effective="2026-10-20").subscription
    [desks] = numbers(planned, "desks")
    world.change_lines(remove("desks"), effective="2026-10-20")
    world.change_lines(remove("seats"), effective="2026-10-15")
    back = world.change_lines(add("seats", "seats"), effective="2026-10-20").subscription

    assert numbers(back, "desks") == []
    assert line(world, desks) == "desks"
    assert [line(world, number) for number in numbers(back, "seats")] == ["seats"] * 2
    assert line(world, first) == "seats"


@pytest.mark.parametrize(
    "make",
    [
        lambda world: world.cancel("term_end"),
        lambda world: world.cancel("now"),
        lambda world: world.change_lines(remove("seats"), effective="now"),
    ],
    ids=["cancel", "cancel now", "remove"],
)
def test_what_brings_no_entry_enters_none_of_a_line(make: Callable[[World], object]) -> None:
    world = subscribed("seats", "minutes")
    world.skip_to("2026-10-10T12:00")
    before = {pk for pk in integers(world) if "#line#" in pk}

    make(world)

    assert {pk for pk in integers(world) if "#line#" in pk} == before
    assert astray(world.billing) == []


def test_a_cadence_that_changes_with_lines_at_once_enters_them() -> None:
    world = subscribed("seats", "minutes")
    world.skip_to("2026-10-10T12:00")
    command = ChangeCadence(
        subscription_id="sub",
        cadence=Cadence("year"),
        at="now",
        changes=(change("seats", quantity=2), add("desks")),
    )

    edited = change_cadence(command, office=world.office).subscription

    entries = [*numbers(edited, "seats"), *numbers(edited, "desks")]
    assert [line(world, number) for number in entries] == ["seats", "seats", "desks"]
    assert astray(world.billing) == []


# --- what does not come about


def new_customer(world: World, closing: Any = None) -> Customer:
    return world.customer("initech", closing=closing)


type Make = Callable[[World], object]

CREATIONS: dict[str, tuple[Make, Make]] = {
    "customer": (new_customer, lambda world: new_customer(world, MANUAL)),
    "item": (lambda world: world.item("disk"), lambda world: world.item("disk", metered=False)),
    "family": (
        lambda world: world.family("phones"),
        lambda world: world.family("phones", description="All that rings"),
    ),
    "price": (
        lambda world: world.price("disk", "1", item_id="item-seats"),
        lambda world: world.price("disk", "2", item_id="item-seats"),
    ),
    "subscription": (
        lambda world: world.subscription("seats", closing=AUTO_AT_ONCE),
        lambda world: world.subscription("minutes", "seats"),
    ),
}


@pytest.mark.parametrize("kind", CREATIONS)
def test_a_creation_that_is_refused_or_repeated_enters_nothing(kind: str) -> None:
    make, make_another = CREATIONS[kind]
    world = a_shop()
    made = make(world)
    before = integers(world)

    assert make(world) == made
    with pytest.raises(Conflict):
        make_another(world)

    assert integers(world) == before
    assert astray(world.billing) == []


@pytest.mark.parametrize("kind", CREATIONS)
@pytest.mark.parametrize("same", [True, False], ids=["the same", "another"])
def test_of_two_creations_at_once_one_is_found_and_the_other_left_nothing(
    kind: str, *, same: bool
) -> None:
    make, make_another = CREATIONS[kind]
    second = make if same else make_another

    for run in every_meeting(a_shop(), make, second):
        assert astray(run.world.billing) == []
        refusals = [each for each in (run.first, run.second) if isinstance(each, BillingError)]
        assert len(refusals) == (0 if same else 1)


@pytest.mark.parametrize("kind", CREATIONS)
def test_a_creation_that_another_transaction_is_in_the_way_of_is_not_refused(kind: str) -> None:
    """It is not known whether the id is taken: whoever repeats it is told."""
    make, _ = CREATIONS[kind]
    world = a_shop()
    clean = len(integers(world))
    tries = 1 if kind != "subscription" else 4
    for _ in range(tries):
        world.calls.arm("billing.transact", Moment.BEFORE, fail(TransactionRefused({})))
    if kind == "subscription":
        make(world)  # of its customer's tally others are often in the way: it tries again itself
    else:
        with pytest.raises(Unavailable):
            make(world)
        assert len(integers(world)) == clean
        make(world)

    assert astray(world.billing) == []


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_a_change_without_an_answer_enters_its_entries_once(
    error: type[BaseException], moment: Moment
) -> None:
    world = subscribed("seats", "minutes")
    world.skip_to("2026-10-10T12:00")
    world.calls.arm("billing.transact", moment, fail(error("no answer")))
    with pytest.raises(error):
        world.change_lines(change("seats", quantity=2))

    edited = world.change_lines(change("seats", quantity=2)).subscription

    assert [line(world, number) for number in numbers(edited, "seats")] == ["seats"] * 2
    assert len([pk for pk in integers(world) if "#line#" in pk]) == 3
    assert astray(world.billing) == []


# --- start afresh


def test_a_site_that_starts_afresh_finds_its_catalogue_only() -> None:
    world = World.at("2026-10-05T12:00", site=a_site(test=True))
    family = world.family("phones")
    price = world.price("seats", "5", metered=False)
    item = world.stores.items.get("item-seats")
    subscription = world.subscription("seats", start="2026-10-01")
    customer, [invoice] = world.customer_of(), world.invoices()
    assert item is not None
    assert found(world, "invoice", invoice.number) == invoice

    site = start_afresh(
        world.stores.site, at("2026-10-01"), sites=world.stores.all_sites, now=world.now
    )
    world.clock.now = site.began
    later = replace(world, scope=site.scope)

    assert found(later, "item_family", family.number) == family
    assert found(later, "item", item.number) == item
    assert found(later, "item_price", price.number) == price
    former: list[tuple[Kind, int]] = [
        ("customer", customer.number),
        ("subscription", subscription.number),
        ("invoice", invoice.number),
    ]
    assert [found(later, *each) for each in former] == [None] * 3
    assert line(later, subscription.lines[0].number) is None
    # Integers begin again with one: they are the new customer's then.
    again = replace(later, blocks={}).customer("initech")
    assert found(later, "customer", again.number) == again
    with pytest.raises(NotFound):
        later.subscription("seats", customer_id="globex")
