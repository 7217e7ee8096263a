"""Two processes at once: the second does all it has to do between two calls of the first.

For each pair, every point between the calls of the first is tried. What is checked is what was
promised, so that "on time", "late" and "once" are held to be true and not merely said.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from postpaid.application.change_closing import ChangeClosing
from postpaid.application.due_terms import Due
from postpaid.application.record_usage import RecordedUsage
from postpaid.domain.errors import Conflict
from postpaid.domain.invoice import InvoiceStatus
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.term import BillingState, TermStatus
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from postpaid.store.tables import Range
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

IN_AN_HOUR = ClosingPolicy(ClosingMode.AUTO, after_hours=1)
TERM = Due(*keys.term(SCOPE, "sub", OCTOBER.start))
KEY = UsageKey("sub", at("2026-10-05"), "minutes")


def ended_october(usage_shards: int = 1) -> World:
    """An hour after the end of October, of which nobody has taken notice yet."""
    world = World.voip(usage_shards)
    world.record("61", "2026-10-04")
    world.skip_to("2026-11-01T01:00")
    return world


def visit(world: World) -> object:
    """Roll and close what is due, as a worker does."""
    assert world.visit(TERM)
    return None


def record(world: World) -> RecordedUsage:
    return world.record("300", "2026-10-05")


def delete(world: World) -> RecordedUsage:
    return world.delete(KEY)


def manifest(world: World) -> dict[str, tuple[int, Decimal]]:
    """Return version and quantity of each usage that October's invoice bills."""
    [invoice] = [each for each in world.invoices() if each.term_start == OCTOBER.start]
    content = world.content(invoice)
    quantity = sum((Decimal(entry[2]) for entry in content.manifest), Decimal(0))
    assert invoice.total is not None
    assert invoice.total.decimal == Decimal(10) + quantity * Decimal("0.05")
    return {place: (version, Decimal(text)) for place, version, text in content.manifest}


def audit_numbers(world: World, count: int) -> None:
    """Check that so many numbers are given, each once."""
    series = keys.series_counter(SCOPE, "main").pk
    register = world.billing.query(Range(pk=series, first="NO#", last="NO#~"))
    issued = world.issued()
    assert [invoice.serial for invoice in issued] == list(range(1, count + 1))
    assert [row["invoice_id"] for row in register] == [invoice.id for invoice in issued]


# --- a usage and the close of its term


# A close reads shard after shard, and others come between: the two days here are in two of them.
each_spread = pytest.mark.parametrize("usage_shards", [1, 4])


@each_spread
@pytest.mark.parametrize("closer_first", [True, False])
def test_what_a_recording_is_told_is_true(closer_first: bool, usage_shards: int) -> None:
    told = set()
    pair = (visit, record) if closer_first else (record, visit)

    for run in every_meeting(ended_october(usage_shards), *pair):
        answer = run.second if closer_first else run.first
        assert isinstance(answer, RecordedUsage)
        told.add(answer.billing)
        billed = manifest(run.world)
        assert set(billed.values()) <= {(1, Decimal(61)), (1, Decimal(300))}
        if answer.billing is BillingState.ON_TIME:
            assert len(billed) == 2
        if answer.billing is BillingState.LATE and closer_first:
            assert len(billed) == 1  # if the close was faster than the look, it may have been seen
        run.world.come_to_rest()
        audit_numbers(run.world, 1)
        assert manifest(run.world) == billed, "what is issued never changes"

    assert told >= {BillingState.ON_TIME, BillingState.LATE}
    assert (BillingState.PENDING in told) is closer_first


@each_spread
@pytest.mark.parametrize("closer_first", [True, False])
def test_what_a_deletion_is_told_is_true(closer_first: bool, usage_shards: int) -> None:
    def make() -> World:
        world = World.voip(usage_shards)
        record(world)
        world.skip_to("2026-11-01T01:00")
        return world

    pair = (visit, delete) if closer_first else (delete, visit)
    for run in every_meeting(make(), *pair):
        answer = run.second if closer_first else run.first
        assert isinstance(answer, RecordedUsage)
        assert answer.usage.version == 2
        billed = manifest(run.world)
        if answer.billing is BillingState.ON_TIME:
            assert billed == {}
        if answer.billing is BillingState.LATE and closer_first:
            assert billed == {"2026-10-05T00:00:00Z#minutes": (1, Decimal(300))}


def test_usage_that_is_put_before_the_fence_and_looks_after_it_is_on_the_invoice() -> None:
    """The other half of the handshake: a put whose look never came is billed by the close."""

    def die(world: World) -> object:
        world.calls.arm("billing.query", Moment.BEFORE, fail(Killed()))
        return record(world)

    for run in every_meeting(ended_october(), visit, die):
        assert isinstance(run.second, Killed)
        answer = record(run.world)
        assert answer.replayed
        run.world.come_to_rest()
        # Durable and on an invoice, or late; never both, never lost.
        assert len(manifest(run.world)) in {1, 2}


# --- two who record


@pytest.mark.parametrize("quantity", ["300", "301"])
def test_two_who_record_the_same_identity_agree_on_one_fact(quantity: str) -> None:
    def record_other(world: World) -> RecordedUsage:
        return world.record(quantity, "2026-10-05")

    for run in every_meeting(World.voip(), record, record_other):
        stored = run.world.ledger().get(KEY)
        assert stored is not None
        assert stored.version == 1
        results = [run.first, run.second]
        recorded = [each for each in results if isinstance(each, RecordedUsage)]
        assert [each.usage for each in recorded] == [stored] * len(recorded)
        assert sum(not each.replayed for each in recorded) == 1
        if quantity == "301":
            assert sum(isinstance(each, Conflict) for each in results) == 1
        else:
            assert len(recorded) == 2


def test_recording_and_deleting_the_same_usage_happen_one_after_the_other() -> None:
    def make() -> World:
        world = World.voip()
        record(world)
        return world

    for pair in ((record, delete), (delete, record)):
        for run in every_meeting(make(), *pair):
            stored = run.world.ledger().get(KEY)
            assert stored is not None
            answers = [run.first, run.second]
            assert all(isinstance(each, RecordedUsage) for each in answers)
            again = [a for a in answers if isinstance(a, RecordedUsage) and a.usage.version == 3]
            # Deleted last, or recorded again over the tombstone.
            assert (stored.version, stored.deleted) == ((3, False) if again else (2, True))


def test_two_who_record_again_over_one_tombstone_make_one_usage() -> None:
    def make() -> World:
        world = World.voip()
        record(world)
        delete(world)
        return world

    for run in every_meeting(make(), record, record):
        stored = run.world.ledger().get(KEY)
        assert stored is not None
        assert (stored.version, stored.deleted) == (3, False)
        answers = [each for each in (run.first, run.second) if isinstance(each, RecordedUsage)]
        assert sorted(answer.replayed for answer in answers) == [False, True]


# --- two who close


def test_two_closers_issue_one_invoice() -> None:
    for run in every_meeting(ended_october(), visit, visit):
        assert len(manifest(run.world)) == 1
        run.world.come_to_rest()
        audit_numbers(run.world, 1)
        statuses = [term.status for term in run.world.terms()]
        assert statuses == [TermStatus.FROZEN, TermStatus.OPEN]


def test_a_closer_that_dies_beside_another_does_no_harm() -> None:
    """The second ends at each of its own calls, at each point of the first."""
    begin = ended_october()
    clean = begin.copy()
    visit(clean)
    calls = len(clean.calls.names)
    runs = 0

    for own_call in range(calls):

        def die(world: World, own_call: int = own_call) -> object:
            world.calls.arm(own_call, Moment.AFTER, fail(Killed()))
            return visit(world)

        for run in every_meeting(begin, visit, die):
            runs += 1
            run.world.come_to_rest()
            audit_numbers(run.world, 1)
            assert len(manifest(run.world)) == 1

    assert runs > calls * calls


def test_usage_between_two_closers_is_billed_if_it_was_told_so() -> None:
    """The first closer loses its term to the second after it has read the usage."""

    def close_and_record(world: World) -> RecordedUsage:
        world.stores.terms.fence("sub", OCTOBER.start, "the second", world.now)
        return record(world)

    def make() -> World:
        world = ended_october()
        world.clock.now -= timedelta(minutes=30)
        visit(world)  # rolls
        world.clock.now += timedelta(minutes=30)
        return world

    for run in every_meeting(make(), visit, close_and_record):
        if isinstance(run.second, RecordedUsage):
            billed = manifest(run.world)
            if run.second.billing is BillingState.ON_TIME:
                assert len(billed) == 2
            if run.second.billing is BillingState.LATE:
                assert len(billed) == 1


def test_a_request_and_a_sweep_close_an_invoice_once() -> None:
    def close(world: World) -> object:
        [invoice] = [each for each in world.invoices() if each.term_start == OCTOBER.start]
        return world.close(invoice)

    def make() -> World:
        world = ended_october()
        world.clock.now -= timedelta(minutes=30)
        visit(world)  # rolls
        world.clock.now += timedelta(minutes=30)
        return world

    for pair in ((close, visit), (visit, close)):
        for run in every_meeting(make(), *pair):
            audit_numbers(run.world, 1)
            assert len(manifest(run.world)) == 1


def test_an_opening_invoice_is_issued_once_by_two() -> None:
    def make() -> World:
        world = World.at("2026-10-05T12:00")
        world.price("seats", "7", metered=False)
        world.subscription("seats")
        return world

    def close(world: World) -> object:
        return world.close(world.invoices()[0])

    for run in every_meeting(make(), close, close):
        assert run.first == run.second == run.world.invoices()[0]
        audit_numbers(run.world, 1)


def test_two_invoices_that_close_at_once_get_two_numbers() -> None:
    def make() -> World:
        world = World.voip()
        world.subscription("minutes", subscription_id="other", start="2026-10-01")
        world.skip_to("2026-11-01T01:00")
        return world

    def visit_other(world: World) -> object:
        assert world.visit(Due(*keys.term(SCOPE, "other", OCTOBER.start)))
        return None

    for run in every_meeting(make(), visit, visit_other):
        audit_numbers(run.world, 2)


# --- two who change what there is


def test_two_who_create_the_same_subscription_create_one() -> None:
    def make() -> World:
        world = World.at("2026-10-05T12:00")
        world.price("seats", "7", metered=False)
        return world

    def subscribe(world: World) -> object:
        return world.subscription("seats", start="2026-10-01")

    for run in every_meeting(make(), subscribe, subscribe):
        assert run.first == run.second == run.world.stores.subscriptions.get("sub")
        assert len(run.world.terms()) == len(run.world.invoices()) == 1


def change(policy: ClosingPolicy) -> Process:
    def process(world: World) -> object:
        return world.change_closing(ChangeClosing(subscription_id="sub", policy=policy))

    return process


@pytest.mark.parametrize("roll_first", [True, False])
@pytest.mark.parametrize(("before", "after"), [(MANUAL, AUTO_AT_ONCE), (IN_AN_HOUR, MANUAL)])
def test_a_policy_that_changes_while_a_term_ends_counts_for_it(
    before: ClosingPolicy, after: ClosingPolicy, roll_first: bool
) -> None:
    def make() -> World:
        world = World.at("2026-10-05T12:00")
        world.price("minutes", "0.05", base_fee="10")
        world.subscription("minutes", start="2026-10-01", closing=before)
        world.skip_to("2026-11-01T00:10")
        return world

    pair = (visit, change(after)) if roll_first else (change(after), visit)
    for run in every_meeting(make(), *pair):
        world = run.world
        if world.term("2026-10-01").status in {TermStatus.CLOSING, TermStatus.FROZEN}:
            continue  # it had begun to close by the policy that was
        world.skip_to("2026-11-01T02:00")
        world.come_to_rest()
        [invoice] = world.invoices()
        closed = invoice.status is InvoiceStatus.ISSUED
        assert closed is (after is AUTO_AT_ONCE)
