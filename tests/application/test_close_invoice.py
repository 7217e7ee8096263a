"""Closing: what is on an invoice, its number and its date, and that all of it happens once."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.check_invoice import draft_invoice
from postpaid.application.close_invoice import TAKEOVER_AFTER, close_invoice
from postpaid.application.make_line import CreateLine
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.subscriptions import CreateSubscription
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind, RenderState
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from postpaid.store.catalog import item_from_price
from postpaid.store.closing import StoredClosing
from postpaid.store.tables import Put, Update
from tests.support.samples import (
    NOVEMBER,
    OCTOBER,
    PAYER,
    SCOPE,
    SELLER,
    a_price,
    a_site,
    an_invoice,
    at,
)
from tests.support.world import World

type Row = tuple[LineKind, str, Decimal | None, str]


def rows(content: InvoiceContent) -> list[Row]:
    """Return kind, line, quantity and amount of each line."""
    return [(line.kind, line.line_id, line.quantity, str(line.amount)) for line in content.lines]


def end_october(world: World) -> Invoice:
    """Roll October; return its invoice, which nobody closes yet."""
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    [invoice] = [each for each in world.invoices() if each.term_start == OCTOBER.start]
    assert invoice.status is InvoiceStatus.PENDING
    return invoice


# --- what is on an invoice


def test_the_founding_example(world: World) -> None:
    """361 minutes at 0.05 and a base fee of 10.00 make 28.05."""
    for day, minutes in ((5, "120"), (12, "200"), (31, "41")):
        world.record(minutes, f"2026-10-{day:02d}")

    invoice = world.close(end_october(world))

    assert str(invoice.total) == "28.05"
    assert invoice.status is InvoiceStatus.ISSUED
    assert (invoice.serial, invoice.serial_text) == (1, "INV-000001")
    assert invoice.issued_on == date(2026, 11, 1)
    assert invoice.render is RenderState.PENDING
    content = world.content(invoice)
    assert rows(content) == [
        (LineKind.BASE_FEE, "minutes", None, "10.00"),
        (LineKind.USAGE, "minutes", Decimal(361), "18.05"),
    ]
    assert {line.period for line in content.lines} == {OCTOBER}
    assert (content.ended, content.begun) == (OCTOBER, NOVEMBER)
    assert (content.seller, content.customer) == (SELLER, PAYER)
    assert content.manifest == (
        ("2026-10-05T00:00:00Z#minutes", 1, "120"),
        ("2026-10-12T00:00:00Z#minutes", 1, "200"),
        ("2026-10-31T00:00:00Z#minutes", 1, "41"),
    )
    frozen = world.term("2026-10-01")
    assert frozen.status is TermStatus.FROZEN
    assert (frozen.manifests, frozen.manifest_hash) == (1, invoice.content_hash)


def test_metered_lines_are_billed_in_arrears_and_recurring_ones_in_advance() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05")
    world.price("seats", "7", metered=False)
    world.subscription("seats", "minutes", start="2026-10-01")
    world.record("361", "2026-10-05")

    invoice = world.close(end_october(world))

    content = world.content(invoice)
    assert rows(content) == [
        (LineKind.RECURRING, "seats", Decimal(1), "7.00"),
        (LineKind.USAGE, "minutes", Decimal(361), "18.05"),
    ]
    assert [line.period for line in content.lines] == [NOVEMBER, OCTOBER]
    assert str(invoice.total) == "25.05"


def test_an_opening_invoice_charges_the_first_term_in_advance() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05", base_fee="10")
    world.price("seats", "7", metered=False)
    lines = [
        CreateLine(item_price_id="seats", id=None, quantity="2.5"),
        CreateLine(item_price_id="minutes", id=None, quantity=None),
    ]
    world.subscribe(
        CreateSubscription(
            id="sub",
            customer_id="globex",
            timezone=None,
            start="2026-10-01",
            lines=lines,
            closing=None,
        )
    )
    world.record("361", "2026-10-05")
    [opening] = world.invoices()

    invoice = world.close(opening)

    content = world.content(invoice)
    assert rows(content) == [(LineKind.RECURRING, "seats", Decimal("2.5"), "17.50")]
    assert (content.ended, content.begun) == (None, OCTOBER)
    assert content.manifest == ()
    assert world.term("2026-10-01").status is TermStatus.OPEN


def test_an_opening_invoice_does_not_close_before_its_subscription_starts() -> None:
    world = World.at("2026-10-05")
    world.price("seats", "7", metered=False)
    world.subscription("seats", start="2026-10-06")
    [opening] = world.invoices()

    with pytest.raises(Conflict) as refusal:
        world.close(opening)
    assert refusal.value.code == "invoice_not_due"
    assert world.invoices() == [opening]

    world.clock.now = at("2026-10-06")
    assert world.close(opening).status is InvoiceStatus.ISSUED


def test_without_usage_there_is_no_usage_line_but_the_base_fee(world: World) -> None:
    invoice = world.close(end_october(world))

    assert rows(world.content(invoice)) == [(LineKind.BASE_FEE, "minutes", None, "10.00")]
    assert invoice.serial == 1


def test_usage_that_costs_nothing_is_a_line_all_the_same() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0")
    world.subscription("minutes", start="2026-10-01")
    world.record("361", "2026-10-05")

    invoice = world.close(end_october(world))

    assert rows(world.content(invoice)) == [(LineKind.USAGE, "minutes", Decimal(361), "0.00")]
    assert invoice.status is InvoiceStatus.ISSUED


def test_an_invoice_without_lines_is_skipped_and_draws_no_number() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05")
    world.subscription("minutes", start="2026-10-01")

    invoice = world.close(end_october(world))

    assert invoice.status is InvoiceStatus.SKIPPED
    assert (str(invoice.total), invoice.serial, invoice.render) == ("0.00", None, None)
    assert world.stores.closing(world.now).next_serial("main") == (1, None)
    assert world.term("2026-10-01").status is TermStatus.FROZEN
    assert world.content(invoice).lines == ()
    assert world.close(invoice) == invoice


def test_only_the_terms_own_usage_is_billed(world: World) -> None:
    world.clock.now = at("2026-11-01T00:05")
    for moment in ("2026-10-01", "2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z"):
        world.record("1", moment)

    content = world.content(world.close(end_october(world)))

    assert [entry[0][:20] for entry in content.manifest] == [
        "2026-10-01T00:00:00Z",
        "2026-10-31T23:59:59Z",
    ]


def test_every_line_is_rated_for_itself() -> None:
    world = World.at("2026-10-05")
    world.price("minutes", "0.05")
    world.price("texts", "0.015")
    world.subscription("minutes", "texts", "minutes", start="2026-10-01")
    world.record("361", "2026-10-05", item_price_id=None, line_id="minutes")
    world.record("3", "2026-10-05", item_price_id=None, line_id="minutes.2")
    world.record("1", "2026-10-05", item_price_id="texts")

    content = world.content(world.close(end_october(world)))

    assert rows(content) == [
        (LineKind.USAGE, "minutes", Decimal(361), "18.05"),
        (LineKind.USAGE, "texts", Decimal(1), "0.02"),
        (LineKind.USAGE, "minutes.2", Decimal(3), "0.15"),
    ]


def test_a_term_is_rated_with_the_price_versions_it_pinned(world: World) -> None:
    world.record("361", "2026-10-05")
    second = a_price("minutes", version=2, item_id="item-minutes", base_fee=Decimal(99))
    version = keys.price_version(SCOPE, "minutes", 2)._asdict()
    world.billing.put(Put(item_from_price(SCOPE, second)))
    world.billing.put(Put(item_from_price(SCOPE, second) | version))
    pending = end_october(world)
    draft = draft_invoice(pending, books=world.books)
    assert draft.content is not None
    assert str(draft.content.total) == "28.05"

    october = keys.term(SCOPE, "sub", OCTOBER.start)
    world.billing.update(
        Update(october, None, set={"pins": {str(world.subscription_of().lines[0].number): 2}})
    )
    content = world.content(world.close(pending))

    assert {line.price_version for line in content.lines} == {2}
    assert rows(content)[0] == (LineKind.BASE_FEE, "minutes", None, "99.00")


def test_a_draft_says_what_the_invoice_would(world: World) -> None:
    world.record("361", "2026-10-05")
    pending = end_october(world)

    draft = draft_invoice(pending, books=world.books)

    assert world.term("2026-10-01").status is TermStatus.GRACE
    assert draft.refusal is None
    assert world.content(world.close(pending)) == draft.content


# --- numbers and dates


def test_the_prefix_and_the_zone_are_the_sites() -> None:
    world = World.at(
        "2026-10-05",
        site=a_site(timezone="Pacific/Auckland", number_prefix="A/", created_at=at("2026-10-05")),
    )
    world.price("minutes", "0.05", base_fee="1")
    world.subscription("minutes", start="2026-10-01", timezone="UTC")
    pending = end_october(world)
    world.clock.now = at("2026-11-01T12:00")

    invoice = world.close(pending)

    assert invoice.serial_text == "A/000001"
    assert invoice.issued_on == date(2026, 11, 2)  # it is tomorrow there


def test_dates_never_go_back_within_the_series(world: World) -> None:
    world.subscription("minutes", subscription_id="second", start="2026-10-01")
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    first, second = world.invoices()
    world.clock.now = at("2026-11-05")
    world.close(first)

    world.clock.now = at("2026-11-01T00:20")  # a host whose clock is behind
    assert world.close(second).issued_on == date(2026, 11, 5)


# --- once


def test_closing_again_returns_the_same_invoice(world: World) -> None:
    pending = end_october(world)
    issued = world.close(pending)
    world.clock.now = at("2026-12-24")

    assert world.close(pending) == issued
    assert world.close(issued) == issued
    assert len(world.issued()) == 1


def test_an_unknown_invoice_is_not_found(world: World) -> None:
    with pytest.raises(NotFound) as refusal:
        world.close(an_invoice())

    assert refusal.value.code == "invoice_not_found"


@pytest.mark.parametrize("status", [InvoiceStatus.DELETED, InvoiceStatus.VOIDED])
def test_what_is_deleted_or_voided_does_not_close(world: World, status: InvoiceStatus) -> None:
    invoice = end_october(world)
    if status is InvoiceStatus.VOIDED:
        world.close(invoice)
    key = keys.entity(SCOPE, "invoice", invoice.id)
    world.billing.update(Update(key, None, set={"status": status.value}))

    with pytest.raises(Conflict) as refusal:
        world.close(invoice)

    assert refusal.value.code == "invoice_not_pending"
    assert status.value.lower() in refusal.value.message


def test_another_run_takes_over_what_a_dead_one_began(world: World) -> None:
    world.record("361", "2026-10-05")
    pending = end_october(world)
    world.stores.terms.fence("sub", OCTOBER.start, "a dead run", world.now + TAKEOVER_AFTER)
    assert world.record("1", "2026-10-06").billing.value == "pending"

    invoice = world.close(pending)

    assert str(invoice.total) == "28.10"
    assert world.term("2026-10-01").status is TermStatus.FROZEN


class Elbowed(StoredClosing):
    """A closing that loses its freeze a number of times."""

    def __init__(self, world: World, losses: int) -> None:
        super().__init__(world.billing, world.scope, world.now)
        self._losses = losses

    def freeze(self, *arguments: Any, **more: Any) -> None:
        if self._losses:
            self._losses -= 1
            raise Lost
        super().freeze(*arguments, **more)


@pytest.mark.parametrize("losses", [0, 1, 29, 30])
def test_a_close_that_others_come_before_is_tried_again_and_then_given_up(
    world: World, losses: int
) -> None:
    world.record("361", "2026-10-05")
    pending = end_october(world)
    books = replace(world.books, closing=Elbowed(world, losses))

    if losses == 30:
        with pytest.raises(Unavailable):
            close_invoice(pending.id, books=books, run="run", now=world.now)
        assert world.term("2026-10-01").status is TermStatus.CLOSING
    else:
        closed = close_invoice(pending.id, books=books, run="run", now=world.now)
        assert str(closed.total) == "28.05"


def test_a_dead_run_keeps_a_term_from_the_sweep_for_minutes_only(world: World) -> None:
    end_october(world)

    def fenced(now: datetime) -> datetime | None:
        return world.stores.terms.fence("sub", OCTOBER.start, "run", now + TAKEOVER_AFTER).due_at

    assert fenced(world.now) == world.now + timedelta(minutes=5)
