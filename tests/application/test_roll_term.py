"""Rolling: the end of a term, the begin of the next, and the invoice between them."""

from datetime import timedelta
from itertools import pairwise

import pytest

from postpaid.application.ports import Lost
from postpaid.application.roll_term import closes_at, first_term, roll_term
from postpaid.domain.errors import NotFound
from postpaid.domain.invoice import InvoiceStatus, invoice_id
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.term import Term, TermStatus
from tests.support.samples import (
    AUTO_AT_ONCE,
    MANUAL,
    NOVEMBER,
    OCTOBER,
    SCOPE,
    a_site,
    a_subscription,
    a_term,
    at,
)
from tests.support.world import World

IN_A_DAY = ClosingPolicy(ClosingMode.AUTO, after_hours=24)


def roll(world: World, term: Term) -> tuple[Term, Term]:
    stores = world.stores
    ended, begun = roll_term(
        term,
        scope=world.scope,
        subscriptions=stores.subscriptions,
        customers=stores.customers,
        prices=stores.prices,
        sites=stores.sites,
        closing=stores.closing(world.now),
        ids=stores.ids(world.blocks),
        now=world.now,
    )
    assert begun is not None
    return ended, begun


def test_a_term_ends_in_grace_with_a_pending_invoice_and_a_successor(world: World) -> None:
    world.clock.now = at("2026-11-01T00:10")

    ended, begun = roll(world, world.term("2026-10-01"))

    assert world.terms() == [ended, begun]
    assert ended.status is TermStatus.GRACE
    assert ended.period == OCTOBER
    assert ended.due_at == OCTOBER.end + timedelta(hours=1)
    assert begun.status is TermStatus.OPEN
    assert (begun.n, begun.period, begun.due_at) == (1, NOVEMBER, NOVEMBER.end)
    assert begun.pins == {world.subscription_of().lines[0].number: 1}
    [invoice] = world.invoices()
    assert invoice.id == ended.invoice_id == invoice_id(SCOPE, "sub", OCTOBER.end, 0)
    assert invoice.status is InvoiceStatus.PENDING
    assert (invoice.term_start, invoice.period_end) == (OCTOBER.start, OCTOBER.end)
    assert invoice.due_at is None


def test_a_second_roll_of_the_same_term_is_lost(world: World) -> None:
    world.clock.now = at("2026-11-01T00:10")
    october = world.term("2026-10-01")
    roll(world, october)
    terms, invoices = world.terms(), world.invoices()

    with pytest.raises(Lost):
        roll(world, october)

    assert (world.terms(), world.invoices()) == (terms, invoices)


def test_a_term_does_not_end_before_its_end(world: World) -> None:
    world.clock.now = OCTOBER.end - timedelta(seconds=1)
    with pytest.raises(AssertionError, match="end is reached"):
        roll(world, world.term("2026-10-01"))

    world.clock.now = OCTOBER.end
    roll(world, world.term("2026-10-01"))


def test_a_term_of_an_unknown_subscription_is_not_found(world: World) -> None:
    world.clock.now = OCTOBER.end

    with pytest.raises(NotFound):
        roll(world, a_term(subscription_id="other"))


@pytest.mark.parametrize(
    ("site", "customer", "subscription", "expected"),
    [
        (None, None, None, OCTOBER.end + timedelta(hours=1)),
        (IN_A_DAY, None, None, OCTOBER.end + timedelta(hours=24)),
        (IN_A_DAY, MANUAL, None, None),
        (MANUAL, IN_A_DAY, None, OCTOBER.end + timedelta(hours=24)),
        (MANUAL, MANUAL, AUTO_AT_ONCE, OCTOBER.end),
        (IN_A_DAY, IN_A_DAY, MANUAL, None),
    ],
)
def test_the_closest_policy_says_when_an_invoice_closes(
    site: ClosingPolicy | None,
    customer: ClosingPolicy | None,
    subscription: ClosingPolicy | None,
    expected: object,
) -> None:
    own = a_site(closing=site, created_at=OCTOBER.end) if site else None
    world = World.at("2026-11-01", site=own)
    world.customer("payer", closing=customer)
    world.price("minutes", "0.05")
    world.subscription("minutes", start="2026-10-01", closing=subscription, customer_id="payer")

    ended, _ = roll(world, world.term("2026-10-01"))

    assert ended.due_at == expected
    assert world.term("2026-10-01") == ended


def test_a_manual_policy_keeps_its_hours_but_closes_nothing() -> None:
    assert closes_at(ClosingPolicy(ClosingMode.MANUAL, after_hours=5), OCTOBER.end, None) is None
    assert closes_at(IN_A_DAY, OCTOBER.end, None) == at("2026-11-02")


@pytest.mark.parametrize(
    ("start", "timezone", "second", "last"),
    [
        ("2025-12-31", "America/New_York", "2026-01-31T05:00", "2026-10-31T04:00"),
        ("2026-01-31", "Europe/Berlin", "2026-02-27T23:00", "2026-11-29T23:00"),
        ("2026-01-01", "Pacific/Auckland", "2026-01-31T11:00", "2026-10-31T11:00"),
    ],
)
def test_terms_tile_the_year_in_the_subscriptions_zone(
    start: str, timezone: str, second: str, last: str
) -> None:
    world = World.at("2026-12-01")
    world.price("minutes", "0.05")
    world.subscription("minutes", start=start, timezone=timezone)
    term = world.terms()[0]
    for _ in range(10):
        _, term = roll(world, term)

    terms = world.terms()

    assert len(terms) == 11
    assert all(left.period.end == right.period.start for left, right in pairwise(terms))
    assert [term.n for term in terms] == list(range(11))
    assert terms[1].period.start == at(second)
    assert terms[10].period.start == at(last)
    assert [term.status for term in terms] == [TermStatus.GRACE] * 10 + [TermStatus.OPEN]
    assert len({invoice.id for invoice in world.invoices()}) == 10


def test_the_first_term_begins_with_its_subscription() -> None:
    assert first_term(a_subscription()) == a_term()
