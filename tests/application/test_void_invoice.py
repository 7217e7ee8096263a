"""Voiding: an invoice keeps what it says and is owed no more, and its credit moves back once."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest

from postpaid.application.catalog import Created
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.render_invoice import render_invoice
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.store.closing import StoredClosing
from tests.support.changes import a_shop, next_invoice, rows, subscribed
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.samples import AUTO_AT_ONCE, a_site, at
from tests.support.world import PlainTypesetter, World

pytestmark = pytest.mark.usefixtures("few_shards")


def a_seat() -> World:
    """One invoice, of 31.00, is out."""
    return subscribed("seats")


def credited() -> World:
    """A credit of 90.00 was given; the openings of `one` and `two`, 31.00 each, are to draw on it.

    93.00 were paid in advance for October, and it ended on the second.
    """
    world = subscribed("desks", "seats")
    for name in ("one", "two"):
        world.subscription("seats", subscription_id=name, start="2026-11-01", closing=AUTO_AT_ONCE)
    world.clock.now = at("2026-10-02T12:00")
    world.cancel("now", credit_unused=True)
    world.come_to_rest()
    world.skip_to("2026-11-01T00:10")
    assert balance(world) == "90.00"
    return world


def drawn() -> World:
    """Of these 90.00, the opening of `one` took 31.00."""
    world = credited()
    world.close(opening(world, "one"))
    assert balance(world) == "59.00"
    return world


def balance(world: World) -> str:
    return str(world.stores.credits.balance("globex", "USD").amount)


def opening(world: World, subscription_id: str) -> Invoice:
    [found] = [
        each
        for each in world.invoices()
        if each.subscription_id == subscription_id and each.term_start is None
    ]
    return found


def granting(world: World) -> Invoice:
    """Return the invoice that gave the credit."""
    [found] = [each for each in world.issued() if world.content(each).credit_granted.minor]
    return found


def state(world: World) -> list[object]:
    return [*world.invoices(), balance(world)]


# --- what it is


def test_a_voided_invoice_keeps_its_number_and_all_it_says() -> None:
    world = a_seat()
    [invoice] = world.issued()
    said = world.content(invoice)

    voided = world.void(invoice, "sent to the wrong customer")

    assert voided == replace(
        invoice,
        status=InvoiceStatus.VOIDED,
        voided_at=world.now,
        void_reason="sent to the wrong customer",
        render=RenderState.PENDING,
        due_at=world.now,
    )
    assert world.stores.invoices.get(invoice.id) == voided
    assert (voided.serial_text, voided.content_hash) == ("INV-000001", invoice.content_hash)
    assert world.content(voided) == said
    assert (voided.amount_paid, voided.amount_due, voided.payment) == (None, None, None)


def test_voiding_again_shows_what_is_there() -> None:
    world = a_seat()
    voided = world.void(world.issued()[0], "the first reason")
    world.clock.now = at("2026-10-09")

    assert world.void(voided, "another reason") == voided
    assert world.stores.invoices.get(voided.id) == voided


# --- its document


def document(world: World) -> str:
    """Return the document of the one invoice, as the plain typesetter makes it."""
    [invoice] = world.invoices()
    assert (invoice.render, invoice.due_at) == (RenderState.DONE, None)
    assert invoice.pdf_hash is not None
    return world.objects[invoice.pdf_hash].decode()


MARK = "voided_on=datetime.date(2026, 10, 5)"


def test_its_document_is_made_anew_with_a_mark_and_the_earlier_one_is_kept() -> None:
    world = a_seat()
    world.come_to_rest()
    before = document(world)
    assert "voided_on=None" in before
    objects = dict(world.objects)
    world.skip_to("2026-10-05T09:00")

    world.void(world.issued()[0])
    world.come_to_rest()

    assert MARK in document(world)
    assert document(world).replace(MARK, "voided_on=None") == before
    assert world.objects.items() >= objects.items()
    assert len(world.objects) == len(objects) + 1
    assert world.dispatch(look_back=timedelta(days=30)) == 0, "nothing of it is left to do"


def test_a_document_that_was_not_made_yet_is_made_once_with_the_mark() -> None:
    world = a_seat_unrendered()

    world.void(world.issued()[0])
    world.come_to_rest()

    assert MARK in document(world)
    assert len(world.objects) == 2, "what it says, and this document"


def test_the_day_it_was_voided_is_not_before_the_day_it_was_issued() -> None:
    """The site's zone says when it was issued; in the subscription's it may be the day before."""
    world = World.at("2026-10-05T11:00", site=a_site(timezone="Pacific/Auckland"))
    world.price("seats", "31", metered=False)
    world.subscription("seats", start="2026-10-01", timezone="UTC", closing=AUTO_AT_ONCE)
    world.sweep()
    [invoice] = world.issued()
    assert invoice.issued_on == date(2026, 10, 6)

    world.void(invoice)
    world.come_to_rest()

    assert "voided_on=datetime.date(2026, 10, 6)" in document(world)


def a_seat_unrendered() -> World:
    world = a_shop("2026-10-05T08:00")
    world.subscription("seats", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.dispatch()
    world.work()
    assert [each.render for each in world.issued()] == [RenderState.PENDING]
    return world


def render(world: World) -> object:
    return render_invoice(
        world.invoices()[0].id,
        invoices=world.stores.invoices,
        documents=world.documents,
        typesetter=PlainTypesetter(),
    )


@pytest.mark.parametrize("first", [True, False])
def test_a_renderer_that_meets_the_void_never_leaves_a_document_without_the_mark(
    first: bool,
) -> None:
    pair = (render, void_seat) if first else (void_seat, render)
    for run in every_meeting(a_seat_unrendered(), *pair):
        for outcome in (run.first, run.second):
            assert isinstance(outcome, Invoice)
        run.world.come_to_rest()
        assert MARK in document(run.world)


def test_two_renderers_that_meet_the_void_make_the_same_document() -> None:
    begin = a_seat_unrendered()
    void_seat(begin)
    for run in every_meeting(begin, render, render):
        run.world.come_to_rest()
        assert MARK in document(run.world)
        assert len(run.world.objects) == 2


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_whatever_call_fails_the_sweeps_make_the_marked_document(
    moment: Moment, error: type[BaseException]
) -> None:
    def scenario(world: World) -> None:
        void_seat(world)
        world.render_queue.clear()  # the stream's message is lost
        world.sweep()
        world.sweep()

    begin = a_seat()
    begin.clock.now = at("2026-10-05T09:00")
    begin.come_to_rest()
    clean = begin.copy()
    scenario(clean)
    for at_call in range(len(clean.calls.names)):
        world = begin.copy()
        world.calls.arm(at_call, moment, fail(error()))
        with suppress(error):
            scenario(world)
        assert world.calls.sprung
        void_seat(world)
        world.come_to_rest()
        assert MARK in document(world)


def test_the_numbers_go_on() -> None:
    world = a_seat()
    world.void(world.issued()[0])

    next_invoice(world, "2026-11-01T00:30")

    assert [each.serial for each in world.issued()] == [2]


@pytest.mark.parametrize("status", ["pending", "skipped", "deleted"])
def test_only_an_issued_invoice_is_voided(status: str) -> None:
    world = World.at("2026-10-01T08:00")
    world.price("seats", "0", metered=False)
    start = "2026-10-20" if status == "deleted" else "2026-10-01"
    world.subscription("seats", start=start, closing=AUTO_AT_ONCE)
    if status == "skipped":
        world.sweep()
    elif status == "deleted":
        world.cancel("now")
    [invoice] = world.invoices()
    before = state(world)

    with pytest.raises(Conflict, match=f"is {status}") as refusal:
        world.void(invoice)

    assert refusal.value.code == "invoice_not_issued"
    assert state(world) == before


def test_an_unknown_invoice_is_not_found() -> None:
    world = a_seat()

    with pytest.raises(NotFound):
        world.void(replace(world.issued()[0], id="inv_unknown"))


def test_an_invoice_of_which_something_was_paid_is_not_voided() -> None:
    world = a_seat()
    [invoice] = world.issued()
    world.pay(invoice, "0.01")
    before = state(world)

    with pytest.raises(Conflict) as refusal:
        world.void(invoice)

    assert (refusal.value.code, refusal.value.details) == ("invoice_paid", {"amount_paid": "0.01"})
    assert state(world) == before


# --- usage


def test_the_usage_it_billed_stays_billed() -> None:
    world = subscribed("minutes")
    world.record("100", "2026-10-05")
    assert ("usage", "minutes", "10.00") in next_invoice(world, "2026-11-01T00:30")
    [invoice] = world.issued()

    world.void(invoice)

    reconciled = world.reconcile()
    assert reconciled is None or reconciled.invoice is None
    world.record("5", "2026-10-06")
    world.reconcile()
    assert next_invoice(world, "2026-12-01T00:30") == [
        ("base_fee", "minutes", "62.00"),
        ("supplement", "minutes", "0.50"),
    ]
    assert ("usage", "minutes", "10.00") in rows(world, invoice)


# --- credit


def test_what_it_took_from_the_credit_goes_back() -> None:
    world = drawn()

    world.void(opening(world, "one"))

    assert balance(world) == "90.00"


def test_what_it_gave_is_taken_away_again() -> None:
    world = credited()

    world.void(granting(world))

    assert balance(world) == "0.00"


def test_what_it_gave_and_was_spent_cannot_be_taken_away() -> None:
    world = drawn()
    before = state(world)

    with pytest.raises(Conflict) as refusal:
        world.void(granting(world))

    assert refusal.value.code == "credit_spent"
    assert refusal.value.details == {"credit_granted": "90.00", "credit_balance": "59.00"}
    assert state(world) == before
    world.void(opening(world, "one"))
    world.void(granting(world))
    assert balance(world) == "0.00"


# --- others at the same time


def void_one(world: World) -> Invoice:
    return world.void(opening(world, "one"), "twice")


def void_grant(world: World) -> Invoice:
    [found] = [
        each
        for each in world.invoices()
        if each.content_hash is not None and world.content(each).credit_granted.minor
    ]
    return world.void(found)


def close_two(world: World) -> Invoice:
    return world.close(opening(world, "two"))


def pay_seat(world: World) -> object:
    return world.pay(world.invoices()[0], "31.00")


def void_seat(world: World) -> Invoice:
    return world.void(world.invoices()[0])


def test_of_two_that_void_one_invoice_the_credit_moves_once() -> None:
    for process, left in ((void_one, "90.00"), (void_grant, "0.00")):
        begin = drawn() if process is void_one else credited()
        for run in every_meeting(begin, process, process):
            assert isinstance(run.first, Invoice)
            assert run.first == run.second
            assert balance(run.world) == left


@pytest.mark.parametrize("pair", [(void_one, close_two), (close_two, void_one)])
def test_credit_that_goes_back_while_another_invoice_draws_on_it(
    pair: tuple[Process, Process],
) -> None:
    for run in every_meeting(drawn(), *pair):
        assert isinstance(run.first, Invoice)
        assert isinstance(run.second, Invoice)
        assert balance(run.world) == "59.00"
        assert str(opening(run.world, "two").total) == "0.00"


@pytest.mark.parametrize("pair", [(void_grant, close_two), (close_two, void_grant)])
def test_credit_is_spent_or_taken_away_but_not_both(pair: tuple[Process, Process]) -> None:
    came = set()
    for run in every_meeting(credited(), *pair):
        refused = [each for each in (run.first, run.second) if isinstance(each, Conflict)]
        total = str(opening(run.world, "two").total)
        came.add((tuple(each.code for each in refused), balance(run.world), total))
    assert came == {(("credit_spent",), "59.00", "0.00"), ((), "0.00", "31.00")}


@pytest.mark.parametrize("pair", [(void_seat, pay_seat), (pay_seat, void_seat)])
def test_an_invoice_is_paid_or_voided_but_not_both(pair: tuple[Process, Process]) -> None:
    codes: dict[Process, str] = {void_seat: "invoice_paid", pay_seat: "invoice_not_issued"}
    came = set()
    for run in every_meeting(a_seat(), *pair):
        [invoice] = run.world.invoices()
        outcomes = dict(zip(pair, (run.first, run.second), strict=True))
        [(loser, refusal)] = [
            each for each in outcomes.items() if not isinstance(each[1], Invoice | Created)
        ]
        assert isinstance(refusal, Conflict)
        assert refusal.code == codes[loser]
        paid = run.world.stores.payments.of_invoice(invoice.id)
        assert (invoice.status is InvoiceStatus.VOIDED) == (not paid) == (loser is pay_seat)
        came.add(loser)
    assert came == {void_seat, pay_seat}


def test_who_never_comes_first_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_seat()

    def lost(*_: object, **__: object) -> None:
        raise Lost

    monkeypatch.setattr(StoredClosing, "void", lost)

    with pytest.raises(Unavailable):
        world.void(world.issued()[0])


# --- faults


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize(
    ("begin", "process", "left"), [(drawn, void_one, "90.00"), (credited, void_grant, "0.00")]
)
def test_whatever_call_fails_a_repeat_voids_it_once(
    begin: Callable[[], World],
    process: Process,
    left: str,
    moment: Moment,
    error: type[BaseException],
) -> None:
    start = begin()
    clean = start.copy()
    expected = process(clean)
    calls = len(clean.calls.names)
    assert calls > 3
    for at_call in range(calls):
        world = start.copy()
        world.calls.arm(at_call, moment, fail(error()))
        with pytest.raises(error):
            process(world)
        assert world.calls.sprung

        assert process(world) == expected
        assert balance(world) == left
