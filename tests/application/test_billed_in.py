"""Where usages are billed: by what the manifests say of them, and by which line."""

from datetime import timedelta
from typing import Any

import pytest

from postpaid.application.billed_in import BilledIn, billed_in
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind
from postpaid.domain.money import Money
from postpaid.domain.site import LatePolicy
from postpaid.domain.usage import Aggregation, Usage, UsageKey
from tests.support.changes import change
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, a_usage, at
from tests.support.world import World


def usages_of(world: World) -> list[Usage]:
    return list(world.ledger().in_period(world.term("2026-10-01").usage_period))


def found(world: World, usages: list[Usage] | None = None) -> dict[UsageKey, BilledIn]:
    shown = usages_of(world) if usages is None else usages
    return billed_in(shown, subscription=world.subscription_of(), books=world.books)


def one(world: World, on: str = "2026-10-05") -> BilledIn | None:
    """Return where the minutes of a day are billed."""
    usage = world.ledger().get(UsageKey("sub", at(on), "minutes"))
    assert usage is not None
    return found(world, [usage]).get(usage.key)


def billed(**more: Any) -> World:
    """October with two usages, invoiced; it is the first of November."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE, **more)
    world.record("100", "2026-10-05")
    world.record("200", "2026-10-06")
    world.skip_to("2026-11-01T00:30")
    world.come_to_rest()
    return world


def line_kind(world: World, where: BilledIn) -> tuple[LineKind, str]:
    assert where.line is not None
    line = world.content(where.invoice).lines[where.line]
    return line.kind, line.line_id


def next_month(world: World) -> Invoice:
    world.skip_to("2026-12-01T00:30")
    world.come_to_rest()
    return world.issued()[-1]


# --- the first manifest


def test_usages_of_an_issued_invoice_are_billed_by_their_line() -> None:
    world = billed()
    [invoice] = world.issued()

    where = found(world)

    assert {each.invoice for each in where.values()} == {invoice}
    assert len(where) == 2
    assert {line_kind(world, each) for each in where.values()} == {(LineKind.USAGE, "minutes")}


@pytest.mark.parametrize("state", ["open", "grace", "parked"])
def test_what_is_not_invoiced_yet_is_billed_nowhere(state: str) -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05")
    closing = AUTO_AT_ONCE if state == "parked" else MANUAL
    world.subscription("minutes", start="2026-10-01", closing=closing)
    world.record("100", "2026-10-05")
    if state != "open":
        if state == "parked":
            world.change_site(bounds=AmountBounds((Money(1, "USD"),), None))
        world.skip_to("2026-11-01T00:30")
        world.come_to_rest()
        [invoice] = world.invoices()
        assert (invoice.status, invoice.parked is not None) == (
            InvoiceStatus.PENDING,
            state == "parked",
        )

    assert found(world) == {}


def test_what_an_invoice_that_was_voided_billed_is_billed_nowhere() -> None:
    world = billed()
    [invoice] = world.issued()
    world.void(invoice)

    assert found(world) == {}


def test_a_usage_before_any_term_and_nothing_at_all_are_billed_nowhere() -> None:
    world = billed()

    assert found(world, []) == {}
    assert found(world, [a_usage("2026-09-30")]) == {}


# --- what came later


def test_what_came_late_is_billed_where_its_supplement_is() -> None:
    world = billed()
    world.record("300", "2026-10-07")
    assert one(world, "2026-10-07") is None, "nobody has found it yet"
    world.reconcile()
    assert one(world, "2026-10-07") is None, "it waits for the next invoice"
    first = one(world)
    invoice = next_month(world)

    late = one(world, "2026-10-07")
    assert late is not None
    assert late.invoice == invoice
    assert line_kind(world, late) == (LineKind.SUPPLEMENT, "minutes")
    assert one(world) == first, "what was billed before stays where it is"


def test_a_version_is_billed_where_that_version_is() -> None:
    world = billed()
    before = one(world)
    world.correct(UsageKey("sub", at("2026-10-05"), "minutes"), 1, "150")

    assert before is not None
    assert one(world) is None, "this version is on no invoice"
    world.reconcile()
    invoice = next_month(world)
    after = one(world)
    assert after is not None
    assert after.invoice == invoice
    assert one(world, "2026-10-06") is not None


def test_what_is_deleted_is_billed_nowhere() -> None:
    world = billed()
    world.delete(UsageKey("sub", at("2026-10-05"), "minutes"))
    assert one(world) is None
    world.reconcile()
    next_month(world)

    assert one(world) is None
    assert list(found(world)) == [UsageKey("sub", at("2026-10-06"), "minutes")]


def test_what_is_only_stored_is_billed_nowhere() -> None:
    world = billed(late=LatePolicy.STORE_ONLY)
    world.record("300", "2026-10-07")
    world.reconcile()
    assert world.term("2026-10-01").manifests == 2
    next_month(world)

    assert one(world, "2026-10-07") is None
    assert one(world) is not None


def test_a_supplement_with_an_invoice_of_its_own_is_found() -> None:
    world = billed()
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:30")
    world.come_to_rest()
    world.record("300", "2026-10-07")
    reconciled = world.reconcile()
    assert reconciled is not None
    assert reconciled.invoice is not None
    assert one(world, "2026-10-07") is None, "its invoice is pending"
    world.close(reconciled.invoice)

    where = one(world, "2026-10-07")
    assert where is not None
    assert (where.invoice.id, where.line) == (reconciled.invoice.id, 0)


def test_a_change_that_costs_nothing_has_no_line() -> None:
    world = World.at("2026-10-05T12:00")
    world.priced(
        "minutes", {"pricing_model": "per_unit", "unit_amount": "0.05", "free_units": "999"}
    )
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:30")
    world.come_to_rest()
    world.record("300", "2026-10-07")
    world.reconcile()

    # It comes to nothing, so that no invoice is asked to bill it.
    assert one(world, "2026-10-07") is None
    assert one(world) is not None


# --- which line


def test_of_two_segments_it_is_that_of_the_date() -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.priced(
        "dearer", {"pricing_model": "per_unit", "unit_amount": "1"}, item_id="item-minutes"
    )
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-02")
    world.change_lines(change("minutes", item_price_id="dearer"), effective="2026-10-10")
    for day in ("2026-10-09T23:59:59Z", "2026-10-10", "2026-10-20"):
        world.clock.now = at("2026-10-20T12:00")
        world.record("7", day, item_price_id=None, line_id="minutes")
    world.skip_to("2026-11-01T00:30")
    world.come_to_rest()

    [invoice] = world.issued()
    lines = world.content(invoice).lines
    told = []
    for usage in usages_of(world):
        where = found(world, [usage])[usage.key]
        assert where.line is not None
        told.append((usage.key.at.day, lines[where.line].item_price_id, lines[where.line].kind))
        assert lines[where.line].period.contains(usage.key.at)
    assert told == [
        (2, "minutes", LineKind.USAGE),
        (9, "minutes", LineKind.USAGE),
        (10, "dearer", LineKind.USAGE),
        (20, "dearer", LineKind.USAGE),
    ]


def test_a_level_is_charged_by_the_last_segment_whatever_its_date() -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", aggregation=Aggregation.MAX)
    world.priced(
        "dearer", {"pricing_model": "per_unit", "unit_amount": "1"}, item_id="item-minutes"
    )
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-02")
    world.change_lines(change("minutes", item_price_id="dearer"), effective="2026-10-10")
    world.skip_to("2026-11-01T00:30")
    world.come_to_rest()

    where = one(world, "2026-10-02")
    assert where is not None
    assert where.line is not None
    [invoice] = world.issued()
    assert world.content(invoice).lines[where.line].item_price_id == "dearer"


def test_in_a_trial_no_line_charges_it() -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05")
    world.price("seats", "7", metered=False)
    world.subscription(
        "minutes", "seats", start="2026-10-01", trial_end="2026-10-20", closing=AUTO_AT_ONCE
    )
    world.record("100", "2026-10-05")
    world.skip_to("2026-10-20T00:30")
    world.come_to_rest()

    where = one(world)
    assert where is not None
    assert where.invoice.status is InvoiceStatus.ISSUED
    assert where.line is None


# --- what it costs


@pytest.mark.parametrize("usage_shards", [1, 3])
def test_a_page_of_usages_over_few_terms_costs_few_reads(usage_shards: int) -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription(
        "minutes", start="2026-10-01", closing=AUTO_AT_ONCE, usage_shards=usage_shards
    )
    for n in range(50):
        instant = OCTOBER.start + timedelta(minutes=n)
        world.record("1", instant.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for now in ("2026-11-01T00:30", "2026-11-20T12:00"):
        world.skip_to(now)
        world.come_to_rest()
    for n in range(50):
        instant = at("2026-11-02") + timedelta(minutes=n)
        world.record("1", instant.strftime("%Y-%m-%dT%H:%M:%SZ"))
    world.skip_to("2026-12-01T00:30")
    world.come_to_rest()
    world.record("1", "2026-12-01")
    ever = world.ledger().in_period(world.term("2026-10-01").period)
    usages = [*ever, *world.ledger().in_period(world.term("2026-11-01").period)]
    usages += world.ledger().in_period(world.term("2026-12-01").period)
    assert len(usages) == 101
    subscription, books = world.subscription_of(), world.books

    before = len(world.calls.names)
    where = billed_in(usages[::-1], subscription=subscription, books=books)

    assert len(where) == 100
    assert len({each.invoice.id for each in where.values()}) == 2
    assert sorted(world.calls.names[before:]) == [
        *["billing.get"] * 2,
        *["billing.query"] * 3,
        *["documents.get"] * 2,
    ]
