"""Usage that comes or changes after its invoice is billed once, as a line of its own."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from postpaid.application import compose_invoice
from postpaid.application.audit_subscription import Audited, audit_subscription
from postpaid.application.compose_invoice import draft_content, upcoming_content
from postpaid.application.ports import Unavailable
from postpaid.application.reconcile_term import Reconciled
from postpaid.application.work_due import work_late
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind
from postpaid.domain.site import LatePolicy
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Put
from tests.support.changes import a_shop, next_invoice, rows
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, SCOPE, a_site, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

KEY = UsageKey("sub", at("2026-10-05"), "minutes")
TIERS = [{"up_to": "100", "unit_amount": "1"}, {"up_to": None, "unit_amount": "0.5"}]


def november(**more: Any) -> World:
    """October is billed with 100 minutes of the fifth; it is the second of November."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE, **more)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.clock.now = at("2026-11-02")
    assert str(world.issued()[0].total) == "72.00"
    return world


def correct(world: World, quantity: str) -> None:
    world.delete(KEY)
    world.record(quantity, "2026-10-05")


def supplements(world: World) -> list[tuple[str, str, str]]:
    """Return amount, what was billed before and quantity of each supplement line, by invoice."""
    return [
        (str(line.amount), str(line.billed_before), str(line.quantity))
        for invoice in world.issued()
        for line in world.content(invoice).lines
        if line.kind is LineKind.SUPPLEMENT
    ]


def settled(world: World) -> None:
    """Check that October's manifests add up to its usage, and its lines to the price of it."""
    world.reconcile()
    found = world.reconcile()
    assert found is not None
    assert found.supplement is None, "a second run finds nothing"
    term = world.term("2026-10-01")
    log = world.stores.manifests.of_term(term)
    assert [each.k for each in log] == list(range(1, term.manifests))
    used = sum(
        (usage.quantity for usage in world.ledger().in_period(term.period) if not usage.deleted),
        Decimal(0),
    )
    billed = sum(each.amount.minor for each in log)
    [first] = [
        each for each in world.invoices() if each.k == 0 and each.term_start == term.period.start
    ]
    usage_lines = [
        line.amount.minor for line in world.content(first).lines if line.kind is LineKind.USAGE
    ]
    assert billed + sum(usage_lines) == used * 10, "cents: 0.10 a minute"


def test_usage_that_is_as_it_was_billed_makes_no_supplement() -> None:
    world = november()

    found = world.reconcile()

    assert found is not None
    assert found.supplement is None
    assert world.term("2026-10-01").manifests == 1
    assert world.reconcile("2026-11-01") is None, "a term that is open is not looked at"


def test_late_usage_is_a_line_of_the_next_invoice_that_names_its_own_period() -> None:
    world = november()
    assert world.record("50", "2026-10-20").billing == "late"

    found = world.reconcile()

    assert found is not None
    assert found.supplement is not None
    assert [each.place for each in found.supplement.differences] == ["2026-10-20T00:00:00Z#minutes"]
    assert found.invoice is None
    settled(world)
    first = world.content(world.issued()[0])
    assert next_invoice(world, "2026-12-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("supplement", "minutes", "5.00"),
    ]
    second = world.content(world.issued()[1])
    assert second.lines[1].period == first.period
    assert second.supplements == ((at("2026-10-01"), 1),)
    assert world.content(world.issued()[0]) == first, "an issued invoice never changes"
    assert supplements(world) == [("5.00", "10.00", "150")]
    assert next_invoice(world, "2027-01-01T00:10") == [("base_fee", "minutes", "62.00")]


# what happens to the 100 minutes after they were billed; what October is then billed in all
CHANGES: list[tuple[str, list[str], str]] = [
    ("more", ["361"], "36.10"),
    ("less", ["40"], "4.00"),
    ("none", [], "0.00"),
    ("there and back", ["361", "100"], "10.00"),
]


@pytest.mark.parametrize(("name", "quantities", "billed"), CHANGES)
@pytest.mark.parametrize(
    "at_once", [True, False], ids=["each step is billed", "the last is billed"]
)
def test_a_correction_is_billed_as_the_difference(
    name: str, quantities: list[str], billed: str, at_once: bool
) -> None:
    world = november()
    if not quantities:
        world.delete(KEY)
    for quantity in quantities:
        correct(world, quantity)
        if at_once:
            world.reconcile()
    settled(world)

    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()

    charged = Decimal(10) + sum(Decimal(amount) for amount, _, _ in supplements(world))
    assert charged == Decimal(billed)


def test_what_is_given_back_goes_to_the_customers_credit() -> None:
    world = a_shop()
    world.price("plain", "0.10")
    world.subscription("plain", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-05", item_price_id="plain")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.delete(UsageKey("sub", at("2026-10-05"), "plain"))
    world.reconcile()

    assert next_invoice(world, "2026-12-01T00:10") == [("supplement", "plain", "-10.00")]

    assert str(world.issued()[-1].total) == "0.00"
    assert str(world.stores.credits.balance("globex", "USD").amount) == "10.00"


def test_late_usage_is_rated_with_the_tiers_that_its_term_had_reached() -> None:
    world = a_shop()
    world.priced("tiered", {"pricing_model": "tiered", "tiers": TIERS})
    world.subscription("tiered", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("90", "2026-10-05", item_price_id="tiered")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    world.record("20", "2026-10-06", item_price_id="tiered")
    world.reconcile()

    # Ten more at 1.00 and ten at 0.50.
    assert next_invoice(world, "2026-12-01T00:10") == [("supplement", "tiered", "15.00")]


def test_it_has_an_invoice_of_its_own_if_none_is_to_come_within_weeks() -> None:
    world = november()
    world.cancel("now")
    world.come_to_rest()
    assert world.record("50", "2026-10-20").billing == "late"

    found = world.reconcile()

    assert found is not None
    assert found.invoice is not None
    world.come_to_rest()
    own = world.stores.invoices.get(found.invoice.id)
    assert own is not None
    assert (own.status, own.k, str(own.total)) == (InvoiceStatus.ISSUED, 1, "5.00")
    assert rows(world, own) == [("supplement", "minutes", "5.00")]
    assert [each.serial for each in world.issued()] == [1, 2, 3]
    settled(world)


def test_an_invoice_that_is_held_for_long_leaves_late_usage_to_one_of_its_own() -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.record("1", "2026-10-06")
    held = replace(world.subscription_of(), hold_until=at("2027-02-01"), version=2)
    world.stores.subscriptions.replace(held)

    found = world.reconcile()

    assert found is not None
    assert found.invoice is not None


def test_what_is_only_stored_is_on_record_and_never_billed() -> None:
    world = november(late=LatePolicy.STORE_ONLY)
    world.record("50", "2026-10-20")

    found = world.reconcile()

    assert found is not None
    assert found.supplement is not None
    assert (found.supplement.lines, found.supplement.policy) == ((), LatePolicy.STORE_ONLY)
    assert world.reconcile() is not None
    assert next_invoice(world, "2026-12-01T00:10") == [("base_fee", "minutes", "62.00")]


def test_the_site_says_what_becomes_of_late_usage_where_a_subscription_does_not() -> None:
    world = World.at("2026-10-01", site=a_site(late=LatePolicy.STORE_ONLY))
    world.price("minutes", "0.10")

    assert world.subscription("minutes", start="2026-10-01").late is LatePolicy.STORE_ONLY


def test_a_draft_shows_what_waits_for_its_invoice() -> None:
    world = november()
    world.record("50", "2026-10-20")
    world.reconcile()
    world.skip_to("2026-12-01T00:10")
    world.dispatch()

    foretold = upcoming_content("sub", books=world.books).lines

    assert [str(line.amount) for line in foretold] == ["62.00", "5.00"]


# --- found by the audit


def audit(world: World) -> Audited:
    def reconcile(subscription_id: str, start: datetime) -> Reconciled | None:
        return work_late(subscription_id, start, worker=world.worker)

    terms = world.stores.terms
    return audit_subscription("sub", terms=terms, reconcile=reconcile, now=world.now)


def test_the_audit_finds_what_nobody_asked_to_be_looked_at_again() -> None:
    world = november()
    world.record("50", "2026-10-20")

    assert audit(world) == Audited(terms=1, differences=1)
    assert audit(world) == Audited(terms=1, differences=0)
    settled(world)


def test_the_audit_goes_as_far_back_as_usage_may_be_dated() -> None:
    world = a_shop("2026-01-01T08:00")
    world.subscription("minutes", start="2026-01-01", closing=AUTO_AT_ONCE)
    world.skip_to("2027-03-01T00:10")
    world.come_to_rest(rounds_max=40)
    assert len(world.terms()) == 15
    world.record("7", "2026-02-10")

    # 400 days before the first of March 2027 is the 25th of January 2026.
    assert audit(world) == Audited(terms=14, differences=1)
    world.skip_to("2027-05-01T00:10")
    world.come_to_rest(rounds_max=40)
    assert audit(world) == Audited(terms=14, differences=0)


@pytest.mark.parametrize("usage_shards", [1, 3])
def test_one_fault_anywhere_loses_no_late_usage_and_bills_none_twice(usage_shards: int) -> None:
    """Whatever call of recording and reconciling fails or is the last of its process."""
    start = november(usage_shards=usage_shards)
    clean = start.copy()
    clean.record("50", "2026-10-20")
    clean.reconcile()
    count = len(clean.calls.names)
    assert count > 12
    for place in range(count):
        for error in (Unavailable, Killed):
            for moment in Moment:
                world = start.copy()
                world.calls.arm(place, moment, fail(error("made up")))
                with suppress(Unavailable, Killed):
                    world.record("50", "2026-10-20")
                    world.reconcile()
                assert world.calls.sprung
                world.blocks.clear()
                world.record("50", "2026-10-20")  # no answer: once more
                audit(world)
                settled(world)
                world.skip_to("2026-12-01T00:10")
                world.come_to_rest()
                assert supplements(world) == [("5.00", "10.00", "150")], (place, error, moment)


# --- at once


def test_two_runs_that_meet_bill_once() -> None:
    world = november()
    world.record("50", "2026-10-20")

    for run in every_meeting(world, lambda w: w.reconcile(), lambda w: w.reconcile()):
        assert run.world.term("2026-10-01").manifests == 2
        settled(run.world)


@pytest.mark.parametrize("usage_shards", [1, 3])
def test_usage_that_meets_a_run_is_in_it_or_found_by_the_next(usage_shards: int) -> None:
    world = november(usage_shards=usage_shards)
    world.record("50", "2026-10-20")

    def record(other: World) -> object:
        return other.record("7", "2026-10-21")

    for pair in ((lambda w: w.reconcile(), record), (record, lambda w: w.reconcile())):
        for run in every_meeting(world, *pair):
            settled(run.world)


def test_a_supplement_that_meets_the_close_it_waits_for_is_on_that_invoice_or_the_next() -> None:
    world = november()
    world.skip_to("2026-12-01T00:10")
    world.dispatch()
    world.clock.now = at("2026-12-01T00:10")
    world.record("50", "2026-10-20")

    def close(other: World) -> object:
        other.work()
        return None

    for pair in ((lambda w: w.reconcile(), close), (close, lambda w: w.reconcile())):
        for run in every_meeting(world, *pair):
            settled(run.world)
            run.world.skip_to("2027-01-01T00:10")
            run.world.come_to_rest()
            assert supplements(run.world) == [("5.00", "10.00", "150")]


def test_two_closes_that_meet_take_a_supplement_once() -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.record("50", "2026-10-20")
    held = replace(world.subscription_of(), hold_until=at("2027-02-01"), version=2)
    world.stores.subscriptions.replace(held)
    for month in ("2026-12-01T00:10", "2027-01-01T00:10"):
        world.skip_to(month)
        world.sweep()
    world.reconcile()
    pending = [each for each in world.invoices() if each.status is InvoiceStatus.PENDING]
    assert len(pending) == 2
    assert all(left.period_end < right.period_end for left, right in pairwise(pending))

    def close(invoice: Invoice) -> Process:
        return lambda other: other.close(invoice)

    for run in every_meeting(world, close(pending[0]), close(pending[1])):
        assert len(supplements(run.world)) == 1
        assert [each.serial for each in run.world.issued()] == [1, 2, 3]


# --- supplements whose invoice will not come


def ended_with_two_that_wait(monkeypatch: pytest.MonkeyPatch, taken: int) -> World:
    """A subscription that has ended, whose last invoice took only so many of two supplements."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.cancel("2026-11-20")
    for day in ("2026-10-20", "2026-10-21"):
        world.record("50", day)
        world.reconcile()
    monkeypatch.setattr(compose_invoice, "SUPPLEMENTS_MAX", taken)
    world.skip_to("2026-11-20T00:10")
    world.come_to_rest()
    assert [term.status for term in world.terms()] == [TermStatus.FROZEN] * 2
    assert len(supplements(world)) == taken
    return world


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_what_waits_for_an_invoice_that_will_not_come_gets_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    world = ended_with_two_that_wait(monkeypatch, taken)

    work_late("sub", at("2026-10-01"), worker=world.worker)
    world.come_to_rest()

    assert sorted(supplements(world), key=str) == [
        ("5.00", "10.00", "150"),
        ("5.00", "15.00", "200"),
    ]
    assert [each.serial for each in world.issued()] == list(range(1, 3 + 2 - taken))
    settled(world)


def test_one_fault_anywhere_strands_no_supplement(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = ended_with_two_that_wait(monkeypatch, taken=0)

    def bill(world: World) -> None:
        with suppress(Unavailable, Killed):
            work_late("sub", at("2026-10-01"), worker=world.worker)

    clean = begin.copy()
    bill(clean)
    for place in range(len(clean.calls.names)):
        for error in (Unavailable, Killed):
            for moment in Moment:
                world = begin.copy()
                world.calls.arm(place, moment, fail(error("made up")))
                bill(world)
                assert world.calls.sprung
                bill(world)
                world.come_to_rest()
                assert [row[0] for row in supplements(world)] == ["5.00", "5.00"]
                settled(world)


def test_two_who_find_a_stranded_supplement_bill_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def bill(world: World) -> object:
        return work_late("sub", at("2026-10-01"), worker=world.worker)

    for run in every_meeting(ended_with_two_that_wait(monkeypatch, taken=0), bill, bill):
        run.world.come_to_rest()
        assert [row[0] for row in supplements(run.world)] == ["5.00", "5.00"]
        assert [each.serial for each in run.world.issued()] == [1, 2, 3, 4]


def test_a_close_takes_what_is_about_to_get_an_invoice_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last term is CLOSING: its close may still take what waits, or find it taken."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.close(world.invoices()[0])
    world.record("50", "2026-10-20")
    world.reconcile()
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:10")
    world.come_to_rest()
    world.stores.terms.fence("sub", at("2026-11-01"), "a run that died", world.now)

    def close(other: World) -> object:
        [last] = [each for each in other.invoices() if each.term_start == at("2026-11-01")]
        return other.close(last)

    def bill(other: World) -> object:
        return work_late("sub", at("2026-10-01"), worker=other.worker)

    for pair in ((close, bill), (bill, close)):
        for run in every_meeting(world, *pair):
            run.world.come_to_rest()
            assert [row[0] for row in supplements(run.world)] == ["5.00"]


def test_a_close_that_does_not_see_the_next_term_comes_again() -> None:
    """DynamoDB shows the items of a transaction one by one; nothing charged in advance is lost."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    [invoice] = world.invoices()
    whole, torn = world.billing, MemoryTable()
    assert isinstance(whole, MemoryTable)
    for item in whole.items():
        if (item["pk"], item["sk"]) != keys.term(SCOPE, "sub", at("2026-11-01")):
            torn.put(Put(item))
    beside = replace(world, billing=torn)

    with pytest.raises(Unavailable):
        beside.close(invoice)
    with pytest.raises(Unavailable):
        draft_content(invoice, books=beside.books, site=beside.books.sites.get())
    assert beside.issued() == []

    assert str(world.close(invoice).total) == "72.00"
