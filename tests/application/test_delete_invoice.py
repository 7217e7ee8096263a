"""Deleting a pending invoice: nothing of it is ever charged, and what it held is dealt with."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.cancel_subscription import CancelSubscription, cancel_subscription
from postpaid.application.check_invoice import draft_invoice
from postpaid.application.list_invoices import Drawers, invoices_of_subscription
from postpaid.application.ports import Unavailable
from postpaid.application.work_due import work_late
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.subscription import SubscriptionState
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import UsageKey
from tests.application.test_parking import CLOSED, OPEN, price_as
from tests.support.changes import a_shop, next_invoice, rows
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

IN_TWO_DAYS = ClosingPolicy(ClosingMode.AUTO, after_hours=48)
KEY = UsageKey("sub", at("2026-10-05"), "minutes")


def october(
    *price_ids: str, closing: ClosingPolicy = MANUAL, now: str = "2026-11-02", **more: Any
) -> World:
    """October has ended with 100 minutes of the fifth, and its invoice is pending."""
    world = a_shop()
    world.subscription(*(price_ids or ("minutes",)), start="2026-10-01", closing=closing, **more)
    world.sweep()
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    world.clock.now = at(now)
    assert of_term(world).status is InvoiceStatus.PENDING
    return world


def of_term(world: World, start: str = "2026-10-01", k: int = 0) -> Invoice:
    [found] = [each for each in world.invoices() if each.term_start == at(start) and each.k == k]
    return found


def throw_away(world: World) -> Invoice:
    return world.throw_away(of_term(world))


def charged(world: World) -> Decimal:
    """Return what all invoices that are out come to, but for base fees."""
    return sum(
        (
            line.amount.decimal
            for invoice in world.issued()
            for line in world.content(invoice).lines
            if line.kind.value != "base_fee"
        ),
        Decimal(0),
    )


def close_november(world: World) -> None:
    """Bill what is late of October with the invoice of November."""
    world.reconcile()
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()
    world.close(of_term(world, "2026-11-01"))


def balance(world: World) -> str:
    return str(world.stores.credits.balance("globex", "USD").amount)


# --- what it is


def test_a_deleted_invoice_has_no_number_and_says_what_it_would_have_said() -> None:
    world = october()
    draft = draft_invoice(of_term(world), books=world.books).content
    assert draft is not None

    deleted = world.throw_away(of_term(world), "a test customer")

    assert deleted.status is InvoiceStatus.DELETED
    assert (deleted.deleted_at, deleted.delete_reason) == (at("2026-11-02"), "a test customer")
    assert (deleted.serial, deleted.issued_on, deleted.render) == (None, None, None)
    assert (deleted.amount_due, deleted.payment, str(deleted.total)) == (None, None, "72.00")
    assert world.content(deleted) == draft
    assert [quantity for _, _, quantity in draft.manifest] == ["100"]
    assert world.stores.invoices.get(deleted.id) == deleted
    term = world.term("2026-10-01")
    assert (term.status, term.manifest_hash) == (TermStatus.FROZEN, deleted.content_hash)
    world.come_to_rest()
    assert (world.issued(), balance(world), world.render_queue) == ([], "0.00", [])
    assert world.close(world_invoice_of(world, "2026-11-01")).serial == 1, "numbers have no gap"


def world_invoice_of(world: World, start: str) -> Invoice:
    world.skip_to("2026-12-01T00:10")
    world.sweep()
    return of_term(world, start)


def test_deleting_again_shows_what_is_there() -> None:
    world = october()
    deleted = world.throw_away(of_term(world), "the first reason")
    world.clock.now = at("2026-11-09")

    assert world.throw_away(deleted, "another reason") == deleted
    assert world.stores.invoices.get(deleted.id) == deleted


@pytest.mark.parametrize("status", ["issued", "skipped", "voided"])
def test_what_is_closed_cannot_be_deleted(status: str) -> None:
    world = october() if status != "skipped" else _idle()
    invoice = world.close(of_term(world))
    if status == "voided":
        world.void(invoice)

    with pytest.raises(Conflict, match=f"the invoice is {status}") as refused:
        throw_away(world)

    assert refused.value.code == "invoice_not_pending"


def _idle() -> World:
    world = a_shop()
    world.price("plain", "0.10")
    world.subscription("plain", start="2026-10-01", closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    return world


def test_a_deleted_invoice_is_not_closed_refreshed_voided_or_paid() -> None:
    world = october()
    deleted = throw_away(world)
    acts: list[tuple[str, Process]] = [
        ("invoice_not_pending", lambda other: other.close(deleted)),
        ("invoice_not_pending", lambda other: other.sync(deleted)),
        ("invoice_not_issued", lambda other: other.void(deleted)),
        ("invoice_not_issued", lambda other: other.pay(deleted, "1.00")),
    ]
    for code, act in acts:
        with pytest.raises(Conflict, match="deleted") as refused:
            act(world)
        assert refused.value.code == code


def test_an_invoice_that_is_not_there_is_not_found() -> None:
    world = october()
    invoice = of_term(world)
    object.__setattr__(invoice, "id", "inv_none")

    with pytest.raises(NotFound):
        world.throw_away(invoice)


def test_it_is_listed_like_the_others() -> None:
    world = october()
    deleted = throw_away(world)
    stores = world.stores

    found, _ = invoices_of_subscription(
        world.subscription_of(),
        drawers=Drawers(
            scope=world.scope,
            terms=stores.terms,
            invoices=stores.invoices,
            customers=stores.customers,
            subscriptions=stores.subscriptions,
        ),
        after=None,
        limit=10,
    )

    assert found == [deleted]


# --- its usage


def test_usage_it_held_is_dealt_with_and_only_what_comes_later_is_charged() -> None:
    world = october()
    throw_away(world)
    found = world.reconcile()
    assert found is not None
    assert found.supplement is None

    assert world.record("50", "2026-10-20").billing == "late"
    close_november(world)

    assert rows(world, of_term(world, "2026-11-01")) == [
        ("base_fee", "minutes", "62.00"),
        ("supplement", "minutes", "5.00"),
    ]


# What becomes of the 100 minutes, and of others, and what is charged of October in the end.
LATER: list[tuple[str, list[tuple[str, str]], str]] = [
    ("more", [("5", "130")], "3.00"),
    ("less", [("5", "40")], "0"),
    ("none", [("5", "0")], "0"),
    ("there and back", [("5", "40"), ("5", "100")], "0"),
    ("up and down", [("5", "130"), ("5", "70")], "0"),
    ("up, down and up", [("5", "130"), ("5", "70"), ("5", "120")], "2.00"),
    ("another", [("6", "30")], "3.00"),
    ("another, and less", [("6", "30"), ("5", "40")], "3.00"),
    ("another that goes", [("6", "30"), ("6", "0")], "0"),
    ("less, and another that goes", [("5", "40"), ("6", "30"), ("6", "0")], "0"),
]


def _set(world: World, day: str, quantity: str) -> None:
    key = UsageKey("sub", at(f"2026-10-0{day}"), "minutes")
    if world.ledger().get(key) is not None:
        world.delete(key)
    if quantity != "0":
        world.record(quantity, f"2026-10-0{day}")


@pytest.mark.parametrize(("name", "changes", "owed"), LATER, ids=[row[0] for row in LATER])
@pytest.mark.parametrize("each_step", [True, False], ids=["each step is billed", "only the last"])
@pytest.mark.parametrize("parked", [False, True], ids=["ratable", "not ratable"])
def test_what_is_charged_in_the_end_is_what_goes_beyond_it(
    name: str, changes: list[tuple[str, str]], owed: str, each_step: bool, parked: bool
) -> None:
    """Nothing of it is charged, and nothing of it is given back either: nobody paid it."""
    world = october()
    if parked:
        price_as(world, CLOSED | {"tiers": [{"up_to": "99", "unit_amount": "0.10"}]})
        assert world.close(of_term(world)).parked
    deleted = throw_away(world)
    if parked:
        assert (world.content(deleted).lines, str(deleted.total)) == ((), "0.00")
        assert [quantity for _, _, quantity in world.content(deleted).manifest] == ["100"]
        price_as(world, OPEN)

    for day, quantity in changes:
        _set(world, day, quantity)
        if each_step:
            world.reconcile()
    close_november(world)

    assert charged(world) == Decimal(owed)
    assert balance(world) == "0.00"
    found = world.reconcile()
    assert found is not None
    assert found.supplement is None


def test_a_minimum_of_a_deleted_invoice_is_not_charged_by_a_later_one() -> None:
    world = a_shop()
    pricing = {"pricing_model": "per_unit", "unit_amount": "0.10", "minimum": "20"}
    world.priced("least", pricing)
    world.subscription("least", start="2026-10-01", closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    assert rows(world, throw_away(world)) == [("usage", "least", "20.00")]

    world.record("250", "2026-10-20", item_price_id="least")
    world.reconcile()
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()

    closed = world.close(of_term(world, "2026-11-01"))
    assert ("supplement", "least", "5.00") in rows(world, closed)


# --- supplements


def waiting(closing: ClosingPolicy = MANUAL) -> World:
    """October is issued, five more of it wait for the invoice of November, which is pending."""
    world = october(closing=closing)
    world.close(of_term(world))
    world.record("50", "2026-10-20")
    world.reconcile()
    world.skip_to("2026-12-01T00:10")
    world.sweep()
    world.clock.now = at("2026-12-02")
    return world


def test_what_waited_for_it_goes_to_the_invoice_that_follows() -> None:
    world = waiting()
    deleted = world.throw_away(of_term(world, "2026-11-01"))
    assert rows(world, deleted) == [("base_fee", "minutes", "62.00")]
    assert world.content(deleted).supplements == ()

    world.skip_to("2027-01-01T00:10")
    world.sweep()

    closed = world.close(of_term(world, "2026-12-01"))
    assert rows(world, closed)[1:] == [("supplement", "minutes", "5.00")]


def test_what_waited_for_the_last_gets_an_invoice_of_its_own() -> None:
    world = october()
    world.close(of_term(world))
    world.record("50", "2026-10-20")
    world.reconcile()
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:10")
    world.sweep()
    world.throw_away(of_term(world, "2026-11-01"))
    assert [term.status for term in world.terms()] == [TermStatus.FROZEN] * 2

    work_late("sub", OCTOBER.start, worker=world.worker)
    world.come_to_rest()

    own = of_term(world, k=1)
    assert (own.status, rows(world, own)) == (
        InvoiceStatus.ISSUED,
        [("supplement", "minutes", "5.00")],
    )


def own_supplement(quantity: str, day: str = "2026-10-20") -> World:
    """The subscription has ended; late usage of October has a pending invoice of its own."""
    world = october()
    world.close(of_term(world))
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:10")
    world.sweep()
    world.close(of_term(world, "2026-11-01"))
    if day == "2026-10-05":
        world.delete(KEY)
    world.record(quantity, day)
    world.reconcile()
    assert of_term(world, k=1).status is InvoiceStatus.PENDING
    return world


# What the deleted invoice of a supplement held; what comes then; what is charged of October.
FORGONE = [
    ("more, and more", "50", "2026-10-20", ("2026-10-21", "7"), "10.70"),
    ("more, and it goes again", "50", "2026-10-20", ("2026-10-20", "0"), "10.00"),
    ("less, and more", "40", "2026-10-05", ("2026-10-21", "7"), "10.70"),
    ("less, and nothing", "40", "2026-10-05", ("2026-10-05", "0"), "6.00"),
]


@pytest.mark.parametrize(
    ("name", "quantity", "day", "then", "owed"), FORGONE, ids=[row[0] for row in FORGONE]
)
def test_the_invoice_of_a_supplement_is_deleted_with_what_it_charges_or_gives_back(
    name: str, quantity: str, day: str, then: tuple[str, str], owed: str
) -> None:
    world = own_supplement(quantity, day)
    deleted = world.throw_away(of_term(world, k=1))
    assert world.content(deleted).supplements == ((OCTOBER.start, 1),)
    world.come_to_rest()
    assert (charged(world), balance(world)) == (Decimal(10), "0.00")

    key = UsageKey("sub", at(then[0]), "minutes")
    if world.ledger().get(key) is not None:
        world.delete(key)
    if then[1] != "0":
        world.record(then[1], then[0])
    work_late("sub", OCTOBER.start, worker=world.worker)
    world.come_to_rest()

    assert charged(world) == Decimal(owed)


# --- opening invoices


def team(start: str = "2026-10-01", closing: ClosingPolicy = AUTO_AT_ONCE) -> World:
    world = a_shop()
    world.subscription("seats", start=start, closing=closing)
    return world


@pytest.mark.parametrize("start", ["2026-10-01", "2026-11-01"], ids=["after", "before its start"])
def test_an_opening_invoice_is_deleted(start: str) -> None:
    world = team(start)
    [opening] = world.invoices()

    deleted = world.throw_away(opening)

    assert rows(world, deleted) == [("recurring", "seats", "31.00")]
    assert (deleted.due_at, deleted.term_start) == (None, None)
    world.skip_to(f"{start}T00:10")
    assert world.dispatch() == 0, "it is due no more"
    world.come_to_rest()
    assert world.issued() == []
    end = "2026-11-01T00:10" if start == "2026-10-01" else "2026-12-01T00:10"
    assert next_invoice(world, end) == [("recurring", "seats", "31.00")], "the next month"


def test_a_subscription_whose_opening_was_deleted_can_be_withdrawn() -> None:
    world = team("2026-11-01")
    deleted = world.throw_away(world.invoices()[0], "first this")

    command = CancelSubscription(subscription_id="sub", at="now")
    for _ in range(2):
        cancel_subscription(command, office=world.office)

    assert world.subscription_of().state(world.now) is SubscriptionState.ENDED
    assert world.invoices() == [deleted]


def test_the_opening_of_a_withdrawn_subscription_is_shown_as_deleted() -> None:
    world = team("2026-11-01")
    [opening] = world.invoices()
    cancel_subscription(CancelSubscription(subscription_id="sub", at="now"), office=world.office)

    gone = world.throw_away(opening)

    assert (gone.status, gone.content_hash, gone.total) == (InvoiceStatus.DELETED, None, None)
    assert gone.deleted_at == world.now


@pytest.mark.parametrize("deletes", [True, False], ids=["deleted", "issued"])
def test_time_that_a_deleted_invoice_charged_is_not_given_back(deletes: bool) -> None:
    """I-24."""
    world = team()
    if deletes:
        world.throw_away(world.invoices()[0])
    world.sweep()
    world.clock.now = at("2026-10-11")

    world.cancel("now", credit_unused=True)
    world.come_to_rest()

    assert balance(world) == ("0.00" if deletes else "21.00")


@pytest.mark.parametrize("deletes", [True, False], ids=["deleted", "issued"])
def test_time_that_a_term_took_over_unpaid_is_not_given_back(deletes: bool) -> None:
    """The advance was for all of October; its second part took over what was left of it."""
    world = a_shop()
    world.subscription("seats", "minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    if deletes:
        world.throw_away(world.invoices()[0])
    world.sweep()
    world.clock.now = at("2026-10-11")
    from postpaid.application.invoice_now import invoice_now  # noqa: PLC0415

    invoice_now("sub", office=world.office)
    world.come_to_rest()
    world.clock.now = at("2026-10-21")

    world.cancel("now", credit_unused=True)
    world.come_to_rest()

    last = world.content(world.issued()[-1])
    given = [str(line.amount) for line in last.lines if line.kind.value == "credit"]
    assert given == ([] if deletes else ["-11.00"])


# --- parked


def test_a_parked_invoice_is_deleted_and_troubles_nobody_any_more() -> None:
    world = october()
    price_as(world, CLOSED | {"tiers": [{"up_to": "99", "unit_amount": "0.10"}]})
    assert world.close(of_term(world)).parked

    deleted = throw_away(world)

    assert (deleted.parked, deleted.broken, world.content(deleted).lines) == (None, None, ())
    world.come_to_rest()
    assert world.dispatch() == 0
    found = world.reconcile()
    assert found is not None
    assert found.supplement is None


def test_what_the_site_wants_looked_at_may_be_deleted_and_keeps_its_lines() -> None:
    world = october()
    world.change_site(bounds=AmountBounds((Money(100, "USD"),)))
    assert world.close(of_term(world)).broken

    deleted = throw_away(world)

    assert (str(deleted.total), deleted.broken) == ("72.00", None)


# --- at once, and what dies in the middle


def test_a_close_and_a_deletion_at_once_have_one_winner_and_the_other_is_told() -> None:
    def close(world: World) -> object:
        return world.close(of_term(world))

    winners = set()
    for pair in ((close, throw_away), (throw_away, close)):
        for run in every_meeting(october(), *pair):
            ends = [run.first, run.second]
            [won] = [each for each in ends if isinstance(each, Invoice)]
            [lost] = [each for each in ends if isinstance(each, Conflict)]
            assert lost.code == "invoice_not_pending"
            assert run.world.stores.invoices.get(won.id) == won
            winners.add(won.status)
            assert len(run.world.issued()) == (won.status is InvoiceStatus.ISSUED)
            run.world.come_to_rest()
    assert winners == {InvoiceStatus.ISSUED, InvoiceStatus.DELETED}


def test_a_sweep_and_a_deletion_at_once_have_one_winner() -> None:
    def sweep(world: World) -> object:
        world.work()
        return None

    world = october(closing=IN_TWO_DAYS)
    world.skip_to("2026-11-03T00:10")
    world.dispatch()
    for pair in ((sweep, throw_away), (throw_away, sweep)):
        for run in every_meeting(world, *pair):
            told = run.second if pair[1] is throw_away else run.first
            run.world.come_to_rest()
            deleted = of_term(run.world).status is InvoiceStatus.DELETED
            assert deleted is isinstance(told, Invoice)
            assert len(run.world.issued()) == (not deleted)


def test_two_deletions_at_once_are_one() -> None:
    for run in every_meeting(october(), throw_away, throw_away):
        assert run.first == run.second == of_term(run.world)


def test_an_opening_is_closed_or_deleted_and_withdrawn_or_deleted() -> None:
    def close(world: World) -> object:
        return world.close(world.invoices()[0])

    def withdraw(world: World) -> object:
        command = CancelSubscription(subscription_id="sub", at="now")
        return cancel_subscription(command, office=world.office)

    def delete(world: World) -> object:
        return world.throw_away(world.invoices()[0])

    for pair in ((close, delete), (delete, close)):
        for run in every_meeting(team(), *pair):
            assert sum(isinstance(each, Conflict) for each in (run.first, run.second)) == 1
    for pair in ((withdraw, delete), (delete, withdraw)):
        for run in every_meeting(team("2026-11-01"), *pair):
            [opening] = run.world.invoices()
            assert opening.status is InvoiceStatus.DELETED
            assert run.world.subscription_of().end == at("2026-11-01")


@pytest.mark.parametrize("usage_shards", [1, 4])
def test_what_usage_is_told_beside_a_deletion_is_true(usage_shards: int) -> None:
    """What is on time is dealt with by it, what is late is charged, what is pending is either."""

    def record(world: World) -> object:
        return world.record("50", "2026-10-20").billing.value

    told = set()
    for pair in ((throw_away, record), (record, throw_away)):
        for run in every_meeting(october(usage_shards=usage_shards), *pair):
            said = run.second if pair[1] is record else run.first
            told.add(said)
            held = "50" in [each[2] for each in run.world.content(of_term(run.world)).manifest]
            assert held or said != "on_time"
            close_november(run.world)
            assert charged(run.world) == (0 if held else 5)
    assert told == {"on_time", "pending", "late"}


@pytest.mark.parametrize("closing", [MANUAL, IN_TWO_DAYS], ids=["manual", "auto"])
def test_a_deletion_that_dies_anywhere_issues_nothing_and_is_done_by_its_repeat(
    closing: ClosingPolicy,
) -> None:
    begin = october(closing=closing)
    clean = begin.copy()
    throw_away(clean)
    count = len(clean.calls.names)
    assert count > 8
    for place in range(count):
        for error in (Unavailable, Killed):
            for moment in Moment:
                world = begin.copy()
                world.calls.arm(place, moment, fail(error("made up")))
                with suppress(Unavailable, Killed):
                    throw_away(world)
                assert world.calls.sprung
                world.blocks.clear()
                world.come_to_rest()
                assert world.issued() == [], "no sweep goes on as if it were a close"
                assert throw_away(world).status is InvoiceStatus.DELETED
                world.come_to_rest()
                assert world.issued() == []


def test_a_deletion_that_dies_leaves_an_invoice_to_its_closing_policy() -> None:
    for closing, closes in ((MANUAL, False), (IN_TWO_DAYS, True)):
        world = october(closing=closing)
        world.calls.arm("usages.query", Moment.BEFORE, fail(Killed()))
        with suppress(Killed):
            throw_away(world)
        assert world.term("2026-10-01").status is TermStatus.CLOSING
        world.skip_to("2026-11-03T00:10")

        world.come_to_rest()

        assert bool(world.issued()) is closes


def test_a_reconciliation_beside_a_deletion_of_its_supplements_invoice_loses_nothing() -> None:
    def late(world: World) -> object:
        work_late("sub", OCTOBER.start, worker=world.worker)
        return None

    def delete(world: World) -> object:
        return world.throw_away(of_term(world, k=1))

    begin = own_supplement("50")
    begin.record("7", "2026-10-21")
    pairs: list[tuple[Process, Process]] = [(late, delete), (delete, late)]
    for pair in pairs:
        for run in every_meeting(begin, *pair):
            late(run.world)
            late(run.world)
            run.world.come_to_rest()
            own = of_term(run.world, k=1)
            assert charged(run.world) == Decimal("10.70") + (
                5 if own.status is InvoiceStatus.ISSUED else 0
            )
