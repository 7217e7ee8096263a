"""Working on what is due: a pure function of what is stored, in whatever state it is found."""

from datetime import timedelta
from itertools import pairwise

import pytest

from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
from postpaid.application.work_due import TERMS_PER_VISIT_MAX
from postpaid.domain.invoice import InvoiceStatus, RenderState
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Item, Update
from tests.support.faults import Moment, fail
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import World

TERM = Due(*keys.term(SCOPE, "sub", OCTOBER.start))


def state(world: World) -> tuple[list[Item], list[Item], dict[str, bytes]]:
    """Return everything that is stored."""
    assert isinstance(world.billing, MemoryTable)
    assert isinstance(world.usages, MemoryTable)
    return world.billing.items(), world.usages.items(), {**world.objects}


def statuses(world: World, subscription_id: str = "sub") -> list[str]:
    return [term.status.value for term in world.terms(subscription_id)]


# --- one step after the other


def test_nothing_is_done_before_it_is_due(world: World) -> None:
    before = state(world)
    world.clock.now = OCTOBER.end - timedelta(seconds=1)

    world.visit(TERM)

    assert state(world) == before


def test_a_term_is_rolled_closed_and_settled_as_its_times_come(world: World) -> None:
    world.record("361", "2026-10-05")

    world.clock.now = OCTOBER.end
    world.visit(TERM)
    assert statuses(world) == ["GRACE", "OPEN"]

    world.clock.now = OCTOBER.end + timedelta(minutes=59)
    world.visit(TERM)
    assert statuses(world) == ["GRACE", "OPEN"]

    world.clock.now = OCTOBER.end + timedelta(minutes=60)
    world.visit(TERM)
    assert statuses(world) == ["FROZEN", "OPEN"]
    assert [str(invoice.total) for invoice in world.issued()] == ["28.05"]
    assert world.render_queue == [world.issued()[0].id]

    world.render()
    world.clock.now += timedelta(minutes=5)
    world.visit(TERM)
    assert world.term("2026-10-01").due_at is None


@pytest.mark.parametrize("after", ["roll", "close", "render", "settle"])
def test_every_step_comes_twice_and_changes_nothing_the_second_time(
    world: World, after: str
) -> None:
    world.record("361", "2026-10-05")
    world.clock.now = OCTOBER.end
    world.visit(TERM)
    if after != "roll":
        world.clock.now += timedelta(hours=1)
        world.visit(TERM)
    if after in {"render", "settle"}:
        world.render()
    if after == "settle":
        world.clock.now += timedelta(minutes=5)
        world.visit(TERM)
    before = state(world)

    if after in {"render", "settle"}:
        world.render_queue.append(world.issued()[0].id)  # queues deliver twice, too
        world.render()
    world.visit(TERM)
    world.visit(TERM)

    assert state(world) == before


def test_a_visit_does_at_once_what_is_due_at_once(world: World) -> None:
    world.subscription("minutes", subscription_id="now", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.clock.now = OCTOBER.end

    world.visit(Due(*keys.term(SCOPE, "now", OCTOBER.start)))

    assert statuses(world, "now") == ["FROZEN", "OPEN"]


def test_a_visit_that_comes_late_does_all_that_is_due(world: World) -> None:
    world.record("361", "2026-10-05")
    world.clock.now = at("2026-12-24")

    world.visit(TERM)

    assert statuses(world) == ["FROZEN", "FROZEN", "OPEN"]
    assert [str(invoice.total) for invoice in world.issued()] == ["28.05", "10.00"]


def test_a_visit_to_what_is_not_there_does_nothing(world: World) -> None:
    before = state(world)
    world.clock.now = at("2026-12-24")

    world.visit(Due(*keys.term(SCOPE, "unknown", OCTOBER.start)))
    world.visit(Due(*keys.term(SCOPE, "sub", at("2026-10-02"))))
    world.visit(Due(*keys.entity(SCOPE, "invoice", "inv_unknown")))

    assert state(world) == before


# --- catching up


def test_five_past_months_close_in_order_and_are_numbered_one_to_five() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05", base_fee="10")
    world.subscription("minutes", start="2026-05-01")
    for month in (5, 6, 7, 8, 9):
        world.record(str(month), f"2026-{month:02d}-20")

    world.come_to_rest()

    terms, issued = world.terms(), world.issued()
    assert statuses(world) == ["FROZEN"] * 5 + ["OPEN"]
    assert all(left.period.end == right.period.start for left, right in pairwise(terms))
    assert [invoice.serial for invoice in issued] == [1, 2, 3, 4, 5]
    assert [invoice.period_end for invoice in issued] == [term.period.end for term in terms[:5]]
    totals = ["10.25", "10.30", "10.35", "10.40", "10.45"]
    assert [str(invoice.total) for invoice in issued] == totals


def test_a_visit_takes_a_bounded_number_of_terms_and_the_next_goes_on(world: World) -> None:
    """I-23: and in their order."""
    world.clock.now = at("2029-11-15")  # 37 terms later

    world.visit(TERM)

    assert statuses(world) == ["FROZEN"] * TERMS_PER_VISIT_MAX + ["OPEN"]
    world.visit(Due(*keys.term(SCOPE, "sub", world.terms()[-1].period.start)))
    assert statuses(world) == ["FROZEN"] * 37 + ["OPEN"]
    assert [invoice.serial for invoice in world.issued()] == list(range(1, 38))


# --- closing by request only


def test_a_manual_policy_never_closes_by_itself() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05", base_fee="10")
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)

    for month in (11, 12):
        world.skip_to(f"2026-{month}-01T02:00")
        world.come_to_rest()
    world.skip_to("2026-12-24")
    world.come_to_rest()

    assert statuses(world) == ["GRACE", "GRACE", "OPEN"]
    assert world.issued() == []
    assert len(world.invoices()) == 2


def test_a_pending_invoice_of_a_manual_policy_takes_usage_until_it_is_closed() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05")
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.skip_to("2026-11-01T02:00")
    world.come_to_rest()
    world.skip_to("2026-11-20")
    [invoice] = world.invoices()
    world.record("361", "2026-10-31")

    assert str(world.close(invoice).total) == "18.05"


# --- opening invoices


@pytest.fixture
def seats() -> World:
    """Seats at 7.00 a month in advance, from the sixth of October."""
    world = World.at("2026-10-05T12:00")
    world.price("seats", "7", metered=False)
    world.subscription("seats", start="2026-10-06")
    return world


def test_an_opening_invoice_is_issued_at_the_start_and_then_settled(seats: World) -> None:
    [opening] = seats.invoices()
    seats.sweep()
    assert seats.invoices() == [opening]

    seats.clock.now = at("2026-10-06")
    seats.come_to_rest()

    [issued] = seats.issued()
    assert (issued.id, issued.serial, str(issued.total)) == (opening.id, 1, "7.00")
    assert issued.render is RenderState.DONE
    assert issued.due_at is None
    assert issued.issued_on == at("2026-10-06").date()


def test_an_opening_invoice_is_issued_once_however_often_it_is_visited(seats: World) -> None:
    [opening] = seats.invoices()
    seats.clock.now = at("2026-10-06")
    due = Due(*keys.entity(SCOPE, "invoice", opening.id))

    for _ in range(3):
        seats.visit(due)
    assert len(seats.render_queue) == 3  # asked for until it is there
    seats.render()
    before = [invoice.content_hash for invoice in seats.issued()]
    for _ in range(2):
        seats.visit(due)

    assert [invoice.content_hash for invoice in seats.issued()] == before
    assert seats.issued()[0].due_at is None


# --- when something fails


def test_a_document_that_nobody_made_is_asked_for_again(world: World) -> None:
    world.clock.now = OCTOBER.end + timedelta(hours=1)
    world.visit(TERM)
    world.render_queue.clear()  # the message is lost

    world.clock.now += timedelta(minutes=5)
    world.visit(TERM)

    assert world.render_queue == [world.issued()[0].id]
    assert world.term("2026-10-01").due_at is not None


def test_a_skipped_invoice_needs_no_document() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05")
    world.subscription("minutes", start="2026-10-01")
    world.skip_to("2026-11-01T01:00")

    world.come_to_rest()

    assert world.render_queue == []
    assert [invoice.status for invoice in world.invoices()] == [InvoiceStatus.SKIPPED]
    assert world.term("2026-10-01").due_at is None


def test_a_queue_that_takes_no_message_undoes_nothing(world: World) -> None:
    world.record("361", "2026-10-05")
    world.skip_to("2026-11-01T01:00")
    world.calls.arm("render_queue.send", Moment.BEFORE, fail(Unavailable("no answer")))

    assert not world.visit(TERM)

    assert statuses(world) == ["FROZEN", "OPEN"]
    world.come_to_rest()
    [invoice] = world.issued()
    assert invoice.render is RenderState.DONE


def test_an_invoice_that_moves_on_beside_a_visit_is_left_to_the_next(seats: World) -> None:
    [opening] = seats.invoices()
    key = keys.entity(SCOPE, "invoice", opening.id)
    seats.clock.now = at("2026-10-06")
    seats.visit(Due(*key))
    seats.render()

    def void() -> None:
        seats.billing.update(Update(key, None, set={"status": InvoiceStatus.VOIDED.value}))

    seats.calls.arm("billing.update", Moment.BEFORE, void)
    assert seats.visit(Due(*key))
    [voided] = seats.invoices()
    assert (voided.status, voided.due_at) == (InvoiceStatus.VOIDED, opening.due_at)

    assert seats.visit(Due(*key))
    assert seats.invoices()[0].due_at is None
