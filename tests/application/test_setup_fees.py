"""Setup fees over the life of a subscription: on which invoice each is, and that it comes once."""

from dataclasses import replace
from decimal import Decimal

import pytest

from postpaid.application.cancel_subscription import uncancel_subscription
from postpaid.application.change_schedule import ChangeCadence, change_cadence
from postpaid.application.compose_invoice import upcoming_content
from postpaid.application.invoice_now import invoice_now
from postpaid.application.render_invoice import document_of
from postpaid.application.suspend_subscription import (
    SuspendSubscription,
    resume_subscription,
    suspend_subscription,
)
from postpaid.domain.calendar import Cadence
from postpaid.domain.invoice import InvoiceStatus
from postpaid.domain.invoice_document import DocumentLine
from tests.support.changes import (
    Row,
    add,
    by_unit,
    change,
    next_invoice,
    remove,
    rows,
)
from tests.support.samples import AUTO_AT_ONCE, MANUAL, at
from tests.support.world import World

SEATS_SETUP = ("setup", "seats", "5.00")
CALLS_SETUP = ("setup", "calls", "9.00")
BASE = ("base_fee", "calls", "62.00")
SEAT = ("recurring", "seats", "31.00")
HALF_A_SEAT = ("recurring", "seats", "15.50")


def a_shop(now: str = "2026-10-01T08:00") -> World:
    """Return a shop where a seat costs 31.00 a month, calls 62.00, and both once before that."""
    world = World.at(now)
    world.price("seats", "31", metered=False, setup_fee="5")
    world.price("calls", "0.10", base_fee="62", setup_fee="9")
    world.price("cheap", "0.05", base_fee="31", setup_fee="4", item_id="item-calls")
    world.price("always", "0.01")
    return world


def subscribed(*price_ids: str, **more: object) -> World:
    world = a_shop()
    more = {"start": "2026-10-01", "closing": AUTO_AT_ONCE} | more
    world.subscription(*price_ids, **more)  # type: ignore[arg-type]
    world.sweep()
    return world


def opening(world: World) -> list[Row]:
    return rows(world, world.invoices()[0])


def suspend(world: World, since: str, until: str | None = None) -> None:
    command = SuspendSubscription(subscription_id="sub", since=since, until=until)
    suspend_subscription(command, office=world.office)


# --- lines from the start, and lines that come


def test_a_recurring_line_is_set_up_by_the_opening_invoice_and_a_metered_one_by_the_first() -> None:
    world = subscribed("calls", "seats")

    assert opening(world) == [SEATS_SETUP, SEAT]
    assert next_invoice(world, "2026-11-01T00:10") == [CALLS_SETUP, BASE, SEAT]
    assert next_invoice(world, "2026-12-01T00:10") == [BASE, SEAT]


def test_a_line_that_comes_in_a_term_is_set_up_when_that_ends() -> None:
    world = subscribed("always")
    world.change_lines(add("seats"), add("calls"), effective="2026-10-16")

    assert next_invoice(world, "2026-11-01T00:10") == [
        SEATS_SETUP,
        ("recurring", "seats", "16.00"),
        SEAT,
        CALLS_SETUP,
        ("base_fee", "calls", "32.00"),
    ]
    assert next_invoice(world, "2026-12-01T00:10") == [SEAT, BASE]


def test_a_line_that_comes_with_a_term_is_set_up_when_that_begins() -> None:
    world = subscribed("always")
    world.change_lines(add("seats"), add("calls"), effective="term_end")

    assert next_invoice(world, "2026-11-01T00:10") == [SEATS_SETUP, SEAT]
    assert next_invoice(world, "2026-12-01T00:10") == [SEAT, CALLS_SETUP, BASE]


def test_usage_is_nothing_that_a_fee_waits_for_and_late_usage_brings_none() -> None:
    world = subscribed("calls")
    assert next_invoice(world, "2026-11-01T00:10") == [CALLS_SETUP, BASE]

    world.record("100", "2026-10-05", item_price_id="calls")
    world.reconcile()

    found = next_invoice(world, "2026-12-01T00:10")
    assert found == [BASE, ("supplement", "calls", "10.00")]


def test_changes_of_a_line_bring_no_other_fee() -> None:
    world = subscribed("calls", "seats")
    world.change_lines(
        change("seats", quantity=2), change("calls", item_price_id="cheap"), effective="2026-10-16"
    )

    found = next_invoice(world, "2026-11-01T00:10")

    assert [row for row in found if row[0] == "setup"] == [CALLS_SETUP]
    world.change_lines(change("seats", pricing=by_unit(1)), effective="2026-11-16")
    assert "setup" not in {kind for kind, _, _ in next_invoice(world, "2027-01-01T00:10")}


def test_a_line_that_never_was_in_force_costs_nothing_and_another_of_its_price_is_another() -> None:
    world = subscribed("always")
    world.change_lines(add("seats"), add("calls"), effective="2026-10-16")
    world.change_lines(remove("seats"), remove("calls"), effective="2026-10-16")
    assert next_invoice(world, "2026-11-01T00:10") == []

    world.change_lines(add("seats", "ours"), add("seats", "theirs"), effective="2026-11-16")

    assert next_invoice(world, "2026-12-01T00:10") == [
        ("setup", "ours", "5.00"),
        ("recurring", "ours", "15.50"),
        ("recurring", "ours", "31.00"),
        ("setup", "theirs", "5.00"),
        ("recurring", "theirs", "15.50"),
        ("recurring", "theirs", "31.00"),
    ]


@pytest.mark.parametrize("again", ["2026-10-20", "2026-11-10", "2026-12-01"])
def test_a_line_that_is_removed_and_added_again_is_set_up_no_second_time(again: str) -> None:
    world = subscribed("always", "seats")
    world.change_lines(remove("seats"), effective="2026-10-10")
    world.skip_to(f"{again}T08:00")
    world.come_to_rest()

    world.change_lines(add("seats", "seats"), effective=again)

    found = next_invoice(world, "2027-01-01T00:10")
    assert ("recurring", "seats", "31.00") in found
    assert "setup" not in {kind for kind, _, _ in found}


@pytest.mark.parametrize("again", ["2026-10-20", "2026-11-10", "2026-12-01", "2027-01-11"])
def test_nor_is_one_that_was_charged_in_advance_and_removed_from_that_very_moment_on(
    again: str,
) -> None:
    world = subscribed("always", "seats")
    world.change_lines(remove("seats"), effective="2026-10-01")
    world.skip_to(f"{again}T08:00")
    world.come_to_rest()

    world.change_lines(add("seats", "seats"), effective=again)

    found = next_invoice(world, "2027-02-01T00:10")
    assert ("recurring", "seats", "31.00") in found
    assert "setup" not in {kind for kind, _, _ in found}


def test_the_version_of_the_term_that_is_charged_says_how_much() -> None:
    world = subscribed("calls", "seats")
    world.reprice("calls", setup_fee="10")
    world.reprice("seats", setup_fee="10")
    world.change_lines(add("seats", "more"), effective="2026-11-01")
    world.reprice("seats", setup_fee="11")

    found = next_invoice(world, "2026-11-01T00:10")

    assert [row for row in found if row[0] == "setup"] == [
        CALLS_SETUP,
        ("setup", "more", "11.00"),
    ]


def test_a_fee_that_a_price_gets_later_is_none_of_the_lines_that_began_before() -> None:
    world = a_shop()
    world.price("plain", "31", metered=False)
    world.subscription("always", "plain", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.sweep()
    world.reprice("plain", setup_fee="10")
    world.reprice("always", setup_fee="10")

    found = next_invoice(world, "2026-12-01T00:10")

    assert found == [("recurring", "plain", "31.00")] * 2


# --- trial


def test_a_trial_costs_nothing_and_what_began_in_it_is_set_up_with_its_first_charge() -> None:
    world = subscribed("calls", "seats", trial_end="2026-11-01")
    world.change_lines(add("seats", "short"), effective="2026-10-05")
    world.clock.now = at("2026-10-10T08:00")
    world.change_lines(remove("short"), add("seats", "more"), effective="2026-10-10")

    assert next_invoice(world, "2026-11-01T00:10") == [
        SEATS_SETUP,
        SEAT,
        ("setup", "more", "5.00"),
        ("recurring", "more", "31.00"),
    ]
    found = next_invoice(world, "2026-12-01T00:10")
    assert [row for row in found if row[0] == "setup"] == [CALLS_SETUP]


def test_who_is_gone_when_the_trial_ends_was_never_set_up() -> None:
    world = subscribed("calls", "seats", trial_end="2026-11-01")
    world.cancel("2026-10-20")

    assert next_invoice(world, "2026-12-01T00:10") == []


# --- suspended


def test_a_line_that_is_suspended_from_before_its_start_is_set_up_when_it_is_resumed() -> None:
    world = subscribed("always")
    suspend(world, "2026-10-10")
    world.change_lines(add("seats"), add("calls"), effective="2026-10-20")
    assert next_invoice(world, "2026-11-16T08:00") == []

    resume_subscription("sub", "2026-11-16", office=world.office)

    assert next_invoice(world, "2026-12-01T00:10") == [
        SEATS_SETUP,
        HALF_A_SEAT,
        SEAT,
        CALLS_SETUP,
        ("base_fee", "calls", "31.00"),
    ]


@pytest.mark.parametrize("until", ["2026-10-20", "2026-11-16", "2026-12-01", "2026-12-16"])
def test_one_that_was_charged_in_advance_and_then_suspended_from_its_start_on_is_set_up_once(
    until: str,
) -> None:
    world = subscribed("seats")
    assert opening(world) == [SEATS_SETUP, SEAT]
    suspend(world, "2026-10-01", until)

    found = next_invoice(world, "2027-02-01T00:10")

    assert ("credit", "seats", "-31.00") in found or until == "2026-10-20"
    assert ("recurring", "seats", "31.00") in found
    assert "setup" not in {kind for kind, _, _ in found}


# --- terms that are cut, moved, and ended


@pytest.mark.parametrize("prorate", [True, False])
def test_a_term_that_is_cut_sets_up_what_began_in_it_and_its_rest_nothing(prorate: bool) -> None:
    world = subscribed("calls", "seats", prorate=prorate)
    world.change_lines(add("seats", "more"), effective="2026-10-05")
    world.clock.now = at("2026-10-11T12:00")
    invoice_now("sub", office=world.office)

    cut = next_invoice(world, "2026-10-11T13:00")

    assert [row for row in cut if row[0] == "setup"] == [CALLS_SETUP, ("setup", "more", "5.00")]
    assert "setup" not in {kind for kind, _, _ in next_invoice(world, "2026-12-01T00:10")}


def test_another_cadence_at_once_charges_anew_and_sets_up_only_what_comes_with_it() -> None:
    world = subscribed("calls", "seats")
    world.clock.now = at("2026-10-11T00:00")
    command = ChangeCadence(
        subscription_id="sub", cadence=Cadence("week"), at="now", changes=[add("seats", "more")]
    )
    change_cadence(command, office=world.office)

    found = next_invoice(world, "2026-10-11T13:00")

    assert [row for row in found if row[0] == "setup"] == [CALLS_SETUP, ("setup", "more", "5.00")]
    assert ("credit", "seats", "-21.00") in found
    assert SEAT in found
    assert "setup" not in {kind for kind, _, _ in next_invoice(world, "2026-11-11T00:10")}


def test_a_fee_is_not_given_back() -> None:
    world = subscribed("calls", "seats")
    world.clock.now = at("2026-10-11T12:00")
    world.change_lines(add("seats", "more"), effective="2026-10-11")

    world.cancel("now", credit_unused=True)

    assert next_invoice(world, "2026-12-05T00:00") == [
        CALLS_SETUP,
        ("base_fee", "calls", "20.00"),
        ("credit", "seats", "-21.00"),
        ("setup", "more", "5.00"),
    ]


def test_an_end_that_is_taken_back_sets_up_nothing_again() -> None:
    world = subscribed("calls", "seats")
    world.cancel("2026-10-20", credit_unused=True)
    uncancel_subscription("sub", office=world.office)

    assert next_invoice(world, "2026-11-01T00:10") == [CALLS_SETUP, BASE, SEAT]
    world.cancel("2026-12-01")
    uncancel_subscription("sub", office=world.office)
    assert next_invoice(world, "2027-01-01T00:10") == [BASE, SEAT, BASE, SEAT]


def test_a_subscription_that_is_withdrawn_costs_no_fee() -> None:
    world = a_shop("2026-09-20T08:00")
    world.subscription("calls", "seats", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.cancel("now")

    assert next_invoice(world, "2026-12-01T00:10") == []


# --- invoices that are deleted, voided, looked at


def test_an_invoice_that_is_deleted_takes_the_fee_with_it() -> None:
    world = subscribed("calls", "seats", closing=MANUAL, opening_pending=True)
    [pending] = world.invoices()
    world.throw_away(pending)
    assert rows(world, world.invoices()[0]) == [SEATS_SETUP, SEAT]
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.throw_away(world.invoices()[1])
    assert rows(world, world.invoices()[1]) == [CALLS_SETUP, BASE, SEAT]

    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()

    found = world.close(world.invoices()[2])
    assert rows(world, found) == [BASE, SEAT]


def test_a_void_does_not_charge_it_anew() -> None:
    world = subscribed("seats")
    world.void(world.invoices()[0])

    assert world.invoices()[0].status is InvoiceStatus.VOIDED
    assert next_invoice(world, "2026-11-01T00:10") == [SEAT]


def test_what_is_to_come_shows_the_fee_as_long_as_it_is_to_come() -> None:
    world = subscribed("calls")

    def coming() -> list[str]:
        return [line.kind.value for line in upcoming_content("sub", books=world.books).lines]

    assert coming() == ["setup", "base_fee"]
    world.change_lines(add("seats"), effective="term_end")
    assert coming() == ["setup", "base_fee", "setup", "recurring"]
    next_invoice(world, "2026-11-01T00:10")
    assert coming() == ["base_fee", "recurring"]


def test_a_fee_of_zero_is_told_and_alone_makes_no_invoice() -> None:
    world = World.at("2026-10-01T08:00")
    world.price("free", "0", metered=False, setup_fee="0")
    world.subscription("free", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.sweep()

    [invoice] = world.invoices()
    assert rows(world, invoice) == [("setup", "free", "0.00"), ("recurring", "free", "0.00")]
    assert invoice.status is InvoiceStatus.SKIPPED


def test_the_document_says_that_it_is_a_setup_fee() -> None:
    world = subscribed("always")
    world.change_lines(add("calls"), effective="2026-10-16")
    next_invoice(world, "2026-11-01T00:10")
    invoice = world.issued()[-1]

    document = document_of(invoice, world.content(invoice))

    assert document.lines[0] == DocumentLine(
        description="Item-calls",
        detail="Setup fee, 2026-10-16 to 2026-10-31",
        amount=Decimal("9.00"),
    )
    whole = replace(world.content(invoice).lines[0], period=world.content(invoice).period)
    content = replace(world.content(invoice), lines=(whole,))
    assert document_of(invoice, content).lines[0].detail == "Setup fee"
