"""Several series of invoice numbers: which one an invoice draws from, and that each is whole."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.application.due_terms import Due
from postpaid.application.keep import KEEP
from postpaid.application.ports import Unavailable
from postpaid.application.work_due import work_late
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.invoice import InvoiceStatus
from postpaid.domain.series import SERIES_MAX, Series
from postpaid.domain.site import Site
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from postpaid.store.sites import item_from_site
from postpaid.store.tables import Update
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.numbers import audit_numbers
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import World


def shop() -> World:
    """A site with the series `eu` and `us` beside `main`, and a customer who is in `eu`."""
    world = World.at("2026-10-05T12:00")
    world.add_series("eu", "EU-")
    world.add_series("us", "US-")
    world.price("minutes", "0.05", base_fee="10.00")
    world.price("seats", "7", metered=False)
    world.customer("europe", series="eu")
    return world


def subscribe(world: World, name: str, price: str = "minutes", **more: Any) -> Subscription:
    return world.subscription(price, subscription_id=name, start="2026-10-01", **more)


def ended_october(*names: str, **more: Any) -> World:
    """The first of November, some subscriptions of `europe` due to close."""
    world = shop()
    for name in names:
        subscribe(world, name, customer_id="europe", closing=AUTO_AT_ONCE, **more)
    world.skip_to("2026-11-01T00:10")
    return world


def visit(name: str) -> Process:
    """Roll and close a subscription's October, as a worker does."""

    def process(world: World) -> object:
        assert world.visit(Due(*keys.term(SCOPE, name, OCTOBER.start)))
        return None

    return process


def move(world: World, series: str | None, name: str = "sub") -> Subscription:
    """Name another series on a subscription; None for its customer's."""
    return world.change_closing(ChangeClosing(subscription_id=name, series=series))


def numbers(world: World) -> dict[str, str]:
    """Return the printed number of each subscription's only issued invoice."""
    found = {each.subscription_id: each.serial_text or "" for each in world.issued()}
    assert len(found) == len(world.issued())
    return found


# --- which series


@pytest.mark.parametrize(
    ("customer", "subscription", "number"),
    [
        ("globex", None, "INV-000001"),
        ("globex", "main", "INV-000001"),
        ("globex", "us", "US-000001"),
        ("europe", None, "EU-000001"),
        ("europe", "us", "US-000001"),
        ("europe", "main", "INV-000001"),
    ],
)
def test_the_subscriptions_series_comes_before_the_customers_and_that_before_main(
    customer: str, subscription: str | None, number: str
) -> None:
    world = shop()
    subscribe(world, "sub", customer_id=customer, series=subscription)
    world.skip_to("2026-11-01T01:10")

    world.come_to_rest()

    [invoice] = world.issued()
    assert (invoice.serial_text, invoice.serial) == (number, 1)
    assert invoice.series == {"INV": "main", "EU-": "eu", "US-": "us"}[number[:3]]
    audit_numbers(world)


def test_each_series_counts_for_itself() -> None:
    world = shop()
    for n in range(4):
        subscribe(world, f"main-{n}")
        subscribe(world, f"eu-{n}", customer_id="europe")
    subscribe(world, "us", series="us")
    world.skip_to("2026-11-01T01:10")

    world.come_to_rest()

    drawn = audit_numbers(world)
    assert {name: len(invoices) for name, invoices in drawn.items()} == {
        "main": 4,
        "eu": 4,
        "us": 1,
    }
    for name, invoices in drawn.items():
        assert {each.subscription_id.split("-")[0] for each in invoices} == {name}


def test_opening_and_supplementary_invoices_are_in_the_same_series() -> None:
    world = shop()
    subscribe(world, "sub", "seats", customer_id="europe", closing=AUTO_AT_ONCE)
    subscribe(world, "used", closing=AUTO_AT_ONCE, series="eu", cycles=1)
    world.sweep()
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.record("20", "2026-10-20", subscription_id="used")
    assert world.term("2026-10-01", "used").status is TermStatus.FROZEN

    work_late("used", OCTOBER.start, worker=world.worker)

    drawn = audit_numbers(world)
    kinds = [(each.subscription_id, each.term_start is None, each.k) for each in drawn["eu"]]
    assert kinds[0] == ("sub", True, 0), "the opening invoice"
    assert sorted(kinds[1:]) == [("sub", False, 0), ("used", False, 0), ("used", False, 1)]
    assert kinds[-1] == ("used", False, 1)
    assert drawn["main"] == drawn["us"] == []


def test_the_series_is_the_one_that_is_named_when_the_invoice_closes() -> None:
    world = shop()
    subscribe(world, "sub", customer_id="europe", closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    [pending] = world.invoices()
    assert pending.series == "main", "none is drawn from yet"

    changed = move(world, "us")
    issued = world.close(pending)

    assert (changed.series, changed.version) == ("us", 2)
    assert changed == world.subscription_of()
    assert (issued.series, issued.serial_text) == ("us", "US-000001")
    assert move(world, None).series is None
    world.skip_to("2026-12-01T00:10")
    world.sweep()
    [_, november] = world.invoices()
    assert world.close(november).serial_text == "EU-000001"
    again = world.close(pending)
    assert (again.series, again.serial_text) == ("us", "US-000001"), "it never changes"
    audit_numbers(world)


def test_what_else_changes_leaves_the_series_as_it_is() -> None:
    world = shop()
    subscribe(world, "sub", series="us")

    changed = world.change_closing(ChangeClosing(subscription_id="sub", policy=MANUAL))

    assert ChangeClosing(subscription_id="sub").series is KEEP
    assert (changed.series, changed.closing) == ("us", MANUAL)
    assert world.cancel("term_end").subscription.series == "us"


def test_an_invoice_with_nothing_to_charge_draws_from_no_series() -> None:
    world = shop()
    world.price("texts", "0.01")
    subscribe(world, "sub", "texts", customer_id="europe", closing=AUTO_AT_ONCE)
    world.skip_to("2026-11-01T00:10")

    world.come_to_rest()

    [invoice] = world.invoices()
    assert (invoice.status, invoice.series) == (InvoiceStatus.SKIPPED, "main")
    assert {*map(len, audit_numbers(world).values())} == {0}


def test_a_voided_invoice_keeps_its_number_and_its_series_goes_on() -> None:
    world = ended_october("first", "second")
    world.visit(Due(*keys.term(SCOPE, "first", OCTOBER.start)))
    [issued] = world.issued()

    voided = world.void(issued)
    world.come_to_rest()

    assert (voided.series, voided.serial_text) == ("eu", "EU-000001")
    assert numbers(world) == {"second": "EU-000002"}
    first, _ = audit_numbers(world)["eu"]
    assert (first.id, first.status) == (voided.id, InvoiceStatus.VOIDED)


def test_dates_go_back_in_no_series_whatever_the_others_do() -> None:
    world = shop()
    invoices = {}
    for name, series in (("a", "eu"), ("b", "eu"), ("c", "us")):
        subscribe(world, name, series=series, closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    invoices = {each.subscription_id: each for each in world.invoices()}
    world.clock.now = at("2026-11-05")
    world.close(invoices["a"])

    world.clock.now = at("2026-11-01T00:20")  # a host whose clock is behind

    assert world.close(invoices["b"]).issued_on == date(2026, 11, 5)
    assert world.close(invoices["c"]).issued_on == date(2026, 11, 1)
    audit_numbers(world)


def test_a_prefix_that_changes_counts_from_the_next_number_and_the_numbers_go_on() -> None:
    world = ended_october("first", "second")
    visit("first")(world)

    world.add_series("eu", "E/")
    visit("second")(world)

    assert numbers(world) == {"first": "EU-000001", "second": "E/000002"}
    audit_numbers(world)


def test_what_was_stored_before_there_were_series_is_in_main() -> None:
    world = World.voip()
    world.skip_to("2026-11-01T01:10")
    world.come_to_rest()
    [invoice] = world.issued()
    stored = [
        world.billing.get(keys.entity(SCOPE, kind, name))
        for kind, name in (("invoice", invoice.id), ("customer", "globex"), ("subscription", "sub"))
    ]
    settings = item_from_site(world.stores.sites.get())["settings"]
    assert isinstance(settings, dict)

    assert all(item is not None and "series" not in item for item in stored)
    assert not {"series", "former_prefixes"} & settings.keys()
    assert (invoice.series, invoice.serial_text) == ("main", "INV-000001")
    assert world.add_series("eu", "EU-").number_prefix == "INV-", "such a site can be changed"


# --- what is refused


def test_a_series_that_the_site_has_not_is_refused_wherever_it_is_named() -> None:
    world = shop()
    subscribe(world, "there", series="us")

    for name in (
        lambda: world.customer("other", series="uk"),
        lambda: subscribe(world, "other", series="uk"),
        lambda: move(world, "EU", "there"),
    ):
        with pytest.raises(NotFound) as refusal:
            name()
        assert (refusal.value.code, refusal.value.field) == ("series_not_found", "series")
    for series_id in ("", " eu", "e/u", "é", "x" * 101):
        for name in (
            lambda series_id=series_id: world.customer("other", series=series_id),
            lambda series_id=series_id: subscribe(world, "other", series=series_id),
            lambda series_id=series_id: move(world, series_id, "there"),
        ):
            with pytest.raises(Invalid) as wrong:
                name()
            assert wrong.value.field == "series"

    assert world.stores.customers.get("other") is None
    assert world.stores.subscriptions.get("other") is None
    assert world.subscription_of("there").version == 1


def test_a_customer_of_another_series_is_another_customer() -> None:
    world = shop()

    assert world.customer("europe", series="eu").series == "eu"
    with pytest.raises(Conflict) as refusal:
        world.customer("europe")
    assert refusal.value.code == "already_exists"


def test_a_subscription_that_moved_since_is_still_the_one_that_was_asked_for() -> None:
    world = shop()
    made = subscribe(world, "sub", series="us")
    moved = move(world, "eu")

    there = replace(made, series="eu", version=2, changed_at=world.now)
    assert subscribe(world, "sub", series="us") == moved == there


@pytest.mark.parametrize(
    ("settings", "error", "field"),
    [
        ({"series": [Series("main", "M-")]}, Invalid, "series[0].id"),
        ({"series": [Series("a", "A-"), Series("a", "B-")]}, Invalid, "series[1].id"),
        ({"series": [Series("a/b", "A-")]}, Invalid, "series[0].id"),
        ({"series": [Series("", "A-")]}, Invalid, "series[0].id"),
        ({"series": [Series("x" * 101, "A-")]}, Invalid, "series[0].id"),
        ({"series": [Series("a", "INV-")]}, Invalid, "series[0].number_prefix"),
        ({"series": [Series("a", "A-"), Series("b", "a-")]}, Invalid, "series[1].number_prefix"),
        ({"series": [Series("a", "EU-7")]}, Invalid, "series[0].number_prefix"),
        ({"number_prefix": "EU-"}, Invalid, "number_prefix"),
        # What the one leaves in the same request stays its own.
        (
            {"number_prefix": "X-", "series": [Series("a", "INV-")]},
            Invalid,
            "series[0].number_prefix",
        ),
        (
            {"series": [Series(f"s{n}", f"S{n}-") for n in range(SERIES_MAX - 2)]},
            LimitExceeded,
            "series",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_series_that_cannot_be_change_nothing(
    settings: dict[str, Any], error: type[BillingError], field: str
) -> None:
    world = shop()
    before = world.stores.sites.get()

    with pytest.raises(error) as refusal:
        world.change_site(timezone="Asia/Tokyo", **settings)

    assert refusal.value.field == field
    assert world.stores.sites.get() == before


def test_series_are_added_and_renamed_in_one_request_and_those_unnamed_stay() -> None:
    world = shop()

    changed = world.change_site(
        number_prefix="M-", series=[Series("uk", "UK-"), Series("us", "USA-")]
    )

    assert changed == world.stores.sites.get()
    assert changed.all_series == (
        Series("main", "M-", ("INV-",)),
        Series("eu", "EU-"),
        Series("us", "USA-", ("US-",)),
        Series("uk", "UK-"),
    )
    assert world.change_site(number_prefix="INV-").former_prefixes == ("M-",)


# --- at once


def test_two_invoices_that_close_at_once_in_one_series_get_two_numbers() -> None:
    for run in every_meeting(ended_october("first", "second"), visit("first"), visit("second")):
        assert len(audit_numbers(run.world)["eu"]) == 2


def test_two_invoices_of_different_series_do_not_wait_for_each_other() -> None:
    begin = ended_october("first")
    subscribe(begin, "second", series="us", closing=AUTO_AT_ONCE)
    alone = begin.copy()
    visit("first")(alone)

    for run in every_meeting(begin, visit("first"), visit("second")):
        assert numbers(run.world) == {"first": "EU-000001", "second": "US-000001"}
        assert run.world.calls.names.count("billing.transact") == 2, "no freeze was tried again"
        audit_numbers(run.world)


def test_two_who_close_one_invoice_draw_one_number() -> None:
    for run in every_meeting(ended_october("sub"), visit("sub"), visit("sub")):
        assert len(audit_numbers(run.world)["eu"]) == 1


@pytest.mark.parametrize("close_first", [True, False])
def test_a_prefix_that_changes_during_a_close_is_printed_or_the_next_one_is(
    *, close_first: bool
) -> None:
    def rename(world: World) -> Site:
        return world.add_series("eu", "E-")

    def take(world: World) -> Site:
        return world.add_series("fr", "EU-")

    close = visit("sub")
    pair = (close, rename) if close_first else (rename, close)
    seen = set()
    for run in every_meeting(ended_october("sub"), *pair):
        [invoice] = audit_numbers(run.world)["eu"]
        seen.add(invoice.serial_text)
        with pytest.raises(Invalid):
            take(run.world)  # there may be an invoice with it, and here there is
    assert seen == {"EU-000001", "E-000001"}


@pytest.mark.parametrize("close_first", [True, False])
def test_a_subscription_that_moves_during_a_close_draws_from_one_series(
    *, close_first: bool
) -> None:
    def to_us(world: World) -> Subscription:
        return move(world, "us")

    close = visit("sub")
    pair = (close, to_us) if close_first else (to_us, close)
    seen = set()
    for run in every_meeting(ended_october("sub"), *pair):
        run.world.come_to_rest()  # a term that is about to end is read again
        drawn = audit_numbers(run.world)
        assert sum(map(len, drawn.values())) == 1
        seen.add(next(name for name, invoices in drawn.items() if invoices))
        assert run.world.subscription_of().series == "us"
    assert seen == {"eu", "us"}


def test_of_two_series_that_ask_for_one_prefix_one_gets_it() -> None:
    def ask(name: str) -> Process:
        return lambda world: world.add_series(name, "X-")

    for run in every_meeting(shop(), ask("one"), ask("two")):
        assert sum(isinstance(each, Invalid) for each in (run.first, run.second)) == 1
        series = run.world.stores.sites.get().all_series
        assert len(series) == 4
        assert sum(each.prefix == "X-" for each in series) == 1


def test_two_who_add_series_add_both() -> None:
    def add(name: str) -> Process:
        return lambda world: world.add_series(name, f"{name}/")

    for run in every_meeting(shop(), add("one"), add("two")):
        names = [each.id for each in run.world.stores.sites.get().all_series]
        assert sorted(names) == ["eu", "main", "one", "two", "us"]


def test_who_names_a_series_while_it_is_added_has_it_or_is_refused() -> None:
    def add(world: World) -> object:
        return world.add_series("uk", "UK-")

    def name(world: World) -> object:
        return subscribe(world, "sub", series="uk", closing=AUTO_AT_ONCE)

    refused = 0
    for run in every_meeting(shop(), add, name):
        if isinstance(run.second, NotFound):
            refused += 1
            assert run.world.stores.subscriptions.get("sub") is None
            continue
        run.world.skip_to("2026-11-01T00:10")
        run.world.come_to_rest()
        assert numbers(run.world) == {"sub": "UK-000001"}
    assert refused > 0


# --- faults


@pytest.mark.usefixtures("few_shards")
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("error", [Unavailable, Killed])
def test_one_fault_anywhere_leaves_no_gap_in_any_series(
    error: type[BaseException], moment: Moment
) -> None:
    begin = ended_october("first", "second")
    subscribe(begin, "third", series="us", closing=AUTO_AT_ONCE)

    def sweep(world: World) -> None:
        world.dispatch()
        world.work()

    clean = begin.copy()
    sweep(clean)
    count = len(clean.calls.names)
    assert count > 40
    for place in range(count):
        world = begin.copy()
        world.calls.arm(place, moment, fail(error("made up")))
        with suppress(Unavailable, Killed):
            sweep(world)
        assert world.calls.sprung
        world.blocks.clear()
        world.come_to_rest()
        drawn = audit_numbers(world)
        assert {name: len(each) for name, each in drawn.items()} == {"main": 0, "eu": 2, "us": 1}


def test_the_audit_would_notice_a_number_that_is_given_twice() -> None:
    world = ended_october("first", "second", "third")
    for name in ("first", "second"):
        visit(name)(world)
    audit_numbers(world)

    counter = keys.series_counter(SCOPE, "eu")
    world.billing.update(Update(counter, None, set={"next": 2}))

    with pytest.raises(AssertionError):
        audit_numbers(world)
