"""A change of a subscription meets a sweep, a recorder, a close or another change, at every point.

Whoever comes first, all that was answered holds, and the invoices come to what the days cost.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import pytest

from postpaid.application.cancel_subscription import CancelSubscription, cancel_subscription
from postpaid.application.due_terms import Due
from postpaid.application.edit_subscription import Edited, Request
from postpaid.application.invoice_now import invoice_now
from postpaid.application.record_usage import RecordedUsage
from postpaid.domain.invoice import InvoiceStatus, LineKind
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from tests.support.changes import add, change, remove, subscribed
from tests.support.meetings import Process, Run, every_meeting
from tests.support.samples import AUTO_AT_ONCE, OCTOBER, SCOPE, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

TERM = Due(*keys.term(SCOPE, "sub", OCTOBER.start))


def october() -> World:
    """The middle of October; a seat is paid, minutes are counted."""
    world = subscribed("seats", "minutes")
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-16T12:00")
    return world


def november() -> World:
    """October is over, and nobody has taken notice yet."""
    world = october()
    world.skip_to("2026-11-01T00:30")
    return world


def sweep(world: World) -> object:
    assert world.visit(TERM)
    return None


def two_seats(world: World) -> Edited:
    return world.change_lines(change("seats", quantity=2), effective="now")


def a_desk(world: World) -> Edited:
    return world.change_lines(add("desks", "desk"), effective="now")


def no_minutes(world: World) -> Edited:
    return world.change_lines(remove("minutes"), effective="now")


def cancel(world: World) -> Edited:
    return world.cancel("now", credit_unused=True)


def bill(world: World) -> Edited:
    return invoice_now("sub", office=world.office, request=Request(digest="k", content="c"))


def record(world: World) -> RecordedUsage:
    return world.record("50", "2026-10-16")


def contents(world: World) -> list[InvoiceContent]:
    return [world.content(each) for each in world.invoices() if each.content_hash is not None]


def settle(run: Run, until: str = "2026-12-01T00:30") -> World:
    """Go on until everything is billed, and check what must hold of any site."""
    world = run.world
    world.skip_to(until)
    world.come_to_rest(rounds_max=40)
    terms = world.terms()
    assert all(left.period.end == right.period.start for left, right in pairwise(terms))
    assert [term.n for term in terms] == list(range(len(terms)))
    assert all(term.status is TermStatus.FROZEN for term in terms[:-1])
    assert [each.serial for each in world.issued()] == list(range(1, len(world.issued()) + 1))
    billed = [place for content in contents(world) for place, _, _ in content.manifest]
    assert len(billed) == len(set(billed)), "billed twice"
    granted = sum(content.credit_granted.minor for content in contents(world))
    applied = sum(content.credit_applied.minor for content in contents(world))
    owed = world.stores.credits.balance("globex", "USD").amount.minor
    assert granted - applied == owed, "credit that came from nowhere, or went there"
    return world


def by_time(world: World, line_id: str) -> Fraction:
    """Return what a line's time was charged, in all."""
    kinds = {LineKind.RECURRING, LineKind.CREDIT, LineKind.BASE_FEE}
    return sum(
        (
            Fraction(line.amount.decimal)
            for content in contents(world)
            for line in content.lines
            if line.line_id == line_id and line.kind in kinds
        ),
        Fraction(0),
    )


def used(world: World) -> Fraction:
    return sum(
        (
            Fraction(line.amount.decimal)
            for content in contents(world)
            for line in content.lines
            if line.kind is LineKind.USAGE
        ),
        Fraction(0),
    )


# what meets; what the seats cost from October to December's advance
MEETINGS: list[tuple[Callable[[], World], Process, Process, int]] = [
    # 31 days of one; November of 30 days and December of 31, of two
    (november, two_seats, sweep, 31 + 62 + 62),
    (november, sweep, two_seats, 31 + 62 + 62),
    # from the 16th two: 15 of one and 16 of two
    (october, two_seats, a_desk, 15 + 32 + 62 + 62),
    (october, a_desk, two_seats, 15 + 32 + 62 + 62),
    (october, two_seats, bill, 15 + 32 + 62 + 62),
    (october, bill, two_seats, 15 + 32 + 62 + 62),
    (october, two_seats, no_minutes, 15 + 32 + 62 + 62),
]


@pytest.mark.parametrize(("make", "first", "second", "seats"), MEETINGS)
def test_of_two_that_meet_neither_is_lost(
    make: Callable[[], World], first: Process, second: Process, seats: int
) -> None:
    for run in every_meeting(make(), first, second):
        assert not isinstance(run.first, Exception)
        assert not isinstance(run.second, Exception)
        world = settle(run)
        assert by_time(world, "seats") == seats
        assert used(world) == 10
        changed = [each for each in (run.first, run.second) if isinstance(each, Edited)]
        assert world.subscription_of().version == 1 + len(changed)


def test_a_cancellation_and_a_sweep_agree_on_the_last_term() -> None:
    for pair in ((cancel, sweep), (sweep, cancel)):
        for run in every_meeting(november(), *pair):
            world = settle(run)
            assert not isinstance(run.first, Exception)
            assert world.terms()[-1].status is TermStatus.FROZEN
            # October, and nothing of the first of November, on which it ended.
            assert by_time(world, "seats") == 31


@pytest.mark.parametrize("pair", [(cancel, record), (record, cancel)])
def test_usage_that_meets_a_cancellation_is_refused_or_billed(
    pair: tuple[Process, Process],
) -> None:
    for run in every_meeting(october(), *pair):
        world = settle(run)
        recorded = next(
            (each for each in (run.first, run.second) if isinstance(each, RecordedUsage)), None
        )
        assert used(world) == (10 if recorded is None else 15)


@pytest.mark.parametrize("pair", [(no_minutes, record), (record, no_minutes)])
def test_usage_that_meets_the_removal_of_its_line_is_refused_or_billed(
    pair: tuple[Process, Process],
) -> None:
    for run in every_meeting(october(), *pair):
        world = settle(run)
        recorded = [each for each in (run.first, run.second) if isinstance(each, RecordedUsage)]
        assert used(world) == 10 + 5 * len(recorded)


def test_an_invoice_that_two_ask_for_with_one_key_is_one() -> None:
    for run in every_meeting(october(), bill, bill):
        assert isinstance(run.first, Edited)
        assert isinstance(run.second, Edited)
        assert run.first.outcome == run.second.outcome
        world = settle(run)
        early = [each for each in world.invoices() if each.period_end == at("2026-10-16T12:00")]
        assert len(early) == 1
        assert by_time(world, "minutes") == 62 + 62


@pytest.mark.parametrize("pair", [(bill, record), (record, bill)])
def test_usage_that_meets_an_early_invoice_is_on_one_of_the_two(
    pair: tuple[Process, Process],
) -> None:
    for run in every_meeting(october(), *pair):
        world = settle(run)
        assert used(world) == 15


def test_a_cancellation_and_a_change_agree_who_came_first() -> None:
    for pair in ((cancel, a_desk), (a_desk, cancel)):
        for run in every_meeting(october(), *pair):
            world = settle(run)
            assert world.terms()[-1].status is TermStatus.FROZEN
            assert by_time(world, "seats") == 15


def test_credit_is_drawn_once_by_two_invoices_that_close_at_once() -> None:
    def make() -> World:
        world = subscribed("desks", "seats")
        for name in ("one", "two"):
            world.subscription(
                "seats", subscription_id=name, start="2026-11-01", closing=AUTO_AT_ONCE
            )
        world.clock.now = at("2026-10-02T12:00")
        world.cancel("now", credit_unused=True)
        world.come_to_rest()
        assert str(world.stores.credits.balance("globex", "USD").amount) == "90.00"
        world.skip_to("2026-11-01T00:10")
        return world

    def close(name: str) -> Process:
        def process(world: World) -> object:
            [opening] = [
                each
                for each in world.invoices()
                if each.subscription_id == name and each.status is not InvoiceStatus.DELETED
            ]
            return world.close(opening)

        return process

    for run in every_meeting(make(), close("one"), close("two")):
        world = settle(run, "2026-11-01T02:00")
        totals = sorted(
            str(each.total) for each in world.issued() if each.subscription_id in {"one", "two"}
        )
        assert totals == ["0.00", "0.00"]
        assert str(world.stores.credits.balance("globex", "USD").amount) == "28.00"


def test_a_price_that_changes_while_a_term_ends_counts_for_the_next_or_the_one_after() -> None:
    def reprice(world: World) -> object:
        return world.reprice("seats", pricing={"pricing_model": "per_unit", "unit_amount": "62"})

    for pair in ((reprice, sweep), (sweep, reprice)):
        for run in every_meeting(november(), *pair):
            world = settle(run)
            assert by_time(world, "seats") in {31 + 31 + 62, 31 + 62 + 62}


def test_a_subscription_is_withdrawn_or_begun_but_not_both() -> None:
    def make() -> World:
        world = World.at("2026-10-19T08:00")
        world.price("seats", "31", metered=False)
        world.subscription("seats", start="2026-10-20", closing=AUTO_AT_ONCE)
        return world

    def withdraw(world: World) -> object:
        command = CancelSubscription(subscription_id="sub", at="now")
        return cancel_subscription(command, office=world.office)

    def change_it(world: World) -> object:
        return world.change_lines(change("seats", quantity=2), effective="2026-10-25")

    for pair in ((withdraw, change_it), (change_it, withdraw)):
        for run in every_meeting(make(), *pair):
            world = settle(run)
            assert [each.status for each in world.invoices()] == [InvoiceStatus.DELETED]
            assert world.subscription_of().end == world.subscription_of().start
