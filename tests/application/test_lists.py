"""Lists of invoices and usages: every one once, in order, and only what was asked for."""

from datetime import timedelta
from decimal import Decimal

import pytest

from postpaid.application import list_invoices
from postpaid.application.list_invoices import (
    Drawers,
    invoices_of_customer,
    invoices_of_subscription,
)
from postpaid.application.list_usages import READ_MAX, list_usages
from postpaid.domain.invoice import Invoice
from postpaid.domain.period import Period
from postpaid.domain.subscription import USAGE_SHARDS_MAX, Subscription
from postpaid.domain.usage import Usage, UsageKey
from postpaid.store.memory import MemoryTable
from postpaid.store.usage import StoredUsages
from tests.support.samples import AUTO_AT_ONCE, OCTOBER, SCOPE, a_subscription, a_usage, at
from tests.support.world import World

# --- invoices


@pytest.fixture
def busy() -> World:
    """Three subscriptions of Globex and one of Initech, with months behind them."""
    world = World.at("2026-10-05T12:00")
    world.customer("initech")
    world.price("minutes", "0.05", base_fee="10")
    world.price("seats", "7", metered=False)
    world.subscription("minutes", subscription_id="a", start="2026-06-01")
    world.subscription("seats", "minutes", subscription_id="b", start="2026-08-01")
    world.subscription("minutes", subscription_id="c", start="2026-10-01")
    world.subscription("seats", subscription_id="d", start="2026-09-01", customer_id="initech")
    world.come_to_rest()
    return world


def drawers(world: World) -> Drawers:
    stores = world.stores
    return Drawers(
        scope=world.scope,
        terms=stores.terms,
        invoices=stores.invoices,
        customers=stores.customers,
        subscriptions=stores.subscriptions,
    )


def of_subscription(world: World, subscription_id: str, limit: int) -> list[Invoice]:
    """Read all pages of a subscription's invoices."""
    subscription = world.stores.subscriptions.get(subscription_id)
    assert subscription is not None
    found: list[Invoice] = []
    after = None
    while True:
        page, after = invoices_of_subscription(
            subscription, drawers=drawers(world), after=after, limit=limit
        )
        found += page
        if after is None:
            return found
        assert len(page) == limit


def of_customer(world: World, customer_id: str, limit: int) -> list[Invoice]:
    """Read all pages of a customer's invoices."""
    found: list[Invoice] = []
    after = None
    while True:
        page, after = invoices_of_customer(
            customer_id, drawers=drawers(world), after=after, limit=limit
        )
        found += page
        if after is None:
            return found
        assert len(page) == limit


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("subscription_id", "boundaries"),
    [
        ("a", ["10-01", "09-01", "08-01", "07-01"]),
        ("b", ["10-01", "09-01", "08-01"]),  # the last is the opening invoice
        ("c", []),
        ("d", ["10-01", "09-01"]),
    ],
)
def test_a_subscriptions_invoices_come_newest_first(
    busy: World, subscription_id: str, boundaries: list[str], limit: int
) -> None:
    found = of_subscription(busy, subscription_id, limit)

    assert [invoice.period_end for invoice in found] == [at(f"2026-{each}") for each in boundaries]
    assert {invoice.subscription_id for invoice in found} <= {subscription_id}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_a_customers_invoices_come_subscription_by_subscription(busy: World, limit: int) -> None:
    for customer_id, subscriptions in (("globex", "abc"), ("initech", "d"), ("nobody", "")):
        expected = [
            invoice for each in subscriptions for invoice in of_subscription(busy, each, 100)
        ]
        assert of_customer(busy, customer_id, limit) == expected


def test_a_pending_invoice_is_listed_too(busy: World) -> None:
    busy.skip_to("2026-11-01T00:30")
    busy.sweep()

    newest = of_subscription(busy, "c", 10)[0]

    assert newest.period_end == at("2026-11-01")
    assert newest.total is None


def test_an_invoice_that_came_meanwhile_moves_nothing(busy: World) -> None:
    subscription = busy.stores.subscriptions.get("a")
    assert subscription is not None
    before = of_subscription(busy, "a", 100)
    page, after = invoices_of_subscription(subscription, drawers=drawers(busy), after=None, limit=2)
    busy.skip_to("2026-11-01T00:30")
    busy.sweep()

    rest, end = invoices_of_subscription(subscription, drawers=drawers(busy), after=after, limit=2)

    assert page + rest == before
    assert end is None


@pytest.fixture
def supplemented() -> World:
    """A subscription that ended, with supplements of its two terms on invoices of their own."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10")
    world.subscription("minutes", start="2026-09-01", closing=AUTO_AT_ONCE)
    world.cancel("2026-10-20")
    world.skip_to("2026-10-20T00:30")
    world.come_to_rest()
    for n in range(3):
        for month in ("09", "10"):
            world.record("100", f"2026-{month}-{n + 1:02d}")
            world.reconcile(f"2026-{month}-01")
    world.come_to_rest()
    return world


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_the_invoices_of_supplements_come_before_that_of_their_term(
    supplemented: World, limit: int
) -> None:
    expected = [("10-20", k) for k in (3, 2, 1, 0)] + [("10-01", k) for k in (3, 2, 1, 0)]

    for found in (
        of_subscription(supplemented, "sub", limit),
        of_customer(supplemented, "globex", limit),
    ):
        assert [(f"{each.period_end:%m-%d}", each.k) for each in found] == expected


def test_a_supplement_that_came_meanwhile_moves_nothing(supplemented: World) -> None:
    before = of_subscription(supplemented, "sub", 100)
    subscription = supplemented.subscription_of()
    page, after = invoices_of_subscription(
        subscription, drawers=drawers(supplemented), after=None, limit=3
    )
    supplemented.record("100", "2026-10-09")
    supplemented.reconcile("2026-10-01")
    supplemented.come_to_rest()

    rest, _ = invoices_of_subscription(
        subscription, drawers=drawers(supplemented), after=after, limit=100
    )

    assert page + rest == before
    assert len(of_subscription(supplemented, "sub", 100)) == len(before) + 1


@pytest.mark.parametrize("start", ["2026-10-01", "2026-10-02", "2099-12-31", "9999-12-31"])
@pytest.mark.parametrize("seconds", ["00:00:00", "23:59:59"])
def test_a_place_that_a_client_made_up_is_somewhere_in_the_list(
    supplemented: World, start: str, seconds: str
) -> None:
    """In a term, what is behind an invoice that it does not have; else what is older."""
    after = ["sub", f"{start}T{seconds}Z", "inv_none"]
    found, _ = invoices_of_subscription(
        supplemented.subscription_of(), drawers=drawers(supplemented), after=after, limit=100
    )

    whole = of_subscription(supplemented, "sub", 100)
    assert found == (whole[4:] if f"{start}T{seconds}" == "2026-10-01T00:00:00" else whole)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_invoices_are_left_out_without_losing_the_place(supplemented: World, limit: int) -> None:
    def keep(invoice: Invoice) -> bool:
        return invoice.k % 2 == 0

    found: list[Invoice] = []
    after = None
    while True:
        page, after = invoices_of_customer(
            "globex", drawers=drawers(supplemented), after=after, limit=limit, keep=keep
        )
        found += page
        if after is None:
            break
        assert len(page) == limit

    assert found == [each for each in of_customer(supplemented, "globex", 100) if keep(each)]
    assert len(found) == 4


def test_a_page_looks_at_a_bounded_number_of_invoices(
    supplemented: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_invoices, "_LOOKED_AT_MAX", 3)
    subscription = supplemented.subscription_of()

    found, after = invoices_of_subscription(
        subscription,
        drawers=drawers(supplemented),
        after=None,
        limit=2,
        keep=lambda invoice: invoice.k == 0 and invoice.period_end == at("2026-10-01"),
    )
    assert (found, after is not None) == ([], True)
    rest, end = invoices_of_subscription(
        subscription, drawers=drawers(supplemented), after=after, limit=100
    )
    assert [(f"{each.period_end:%m-%d}", each.k) for each in rest] == [
        *(("10-01", k) for k in (3, 2, 1, 0)),
    ]
    assert end is None


# --- usages

EVER = Period(at("2026-01-01"), at("2027-01-01"))


@pytest.fixture(params=[1, 5, USAGE_SHARDS_MAX])
def subscription(request: pytest.FixtureRequest) -> Subscription:
    """In one partition, in some, in as many as there can be: a list is the same."""
    return a_subscription(usage_shards=request.param)


@pytest.fixture
def ledger(subscription: Subscription) -> StoredUsages:
    """Five hundred usages of three lines, a second apart; every seventh deleted."""
    ledger = StoredUsages(MemoryTable(), SCOPE)
    usages = ledger.of(subscription)
    for n in range(500):
        second = (OCTOBER.start + n * timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
        line_id = ("minutes", "minutes.2", "texts")[n % 3]
        price = "texts" if line_id == "texts" else "minutes"
        usage = a_usage(second, str(n + 1), line_id=line_id, item_price_id=price)
        usages.add(usage)
        if n % 7 == 0:
            usages.delete(usage)
    return ledger


def read(
    ledger: StoredUsages,
    subscription: Subscription,
    limit: int,
    period: Period = EVER,
    *,
    line_id: str | None = None,
    item_price_id: str | None = None,
) -> list[Usage]:
    """Read all pages of a list of usages."""
    found: list[Usage] = []
    after: UsageKey | None = None
    while True:
        page, after = list_usages(
            subscription,
            period,
            line_id=line_id,
            item_price_id=item_price_id,
            after=after,
            limit=limit,
            ledger=ledger,
        )
        assert len(page) <= limit
        found += page
        if after is None:
            return found
        assert page


def quantities(usages: list[Usage]) -> list[Decimal]:
    return [usage.quantity for usage in usages]


# 171 of the first 200 records are live: a page then ends where what was read does.
@pytest.mark.parametrize("limit", [13, 100, 171, 199, 200, 201, 428, 429, 1000])
def test_live_usages_are_listed_once_in_order(
    ledger: StoredUsages, subscription: Subscription, limit: int
) -> None:
    expected = [Decimal(n + 1) for n in range(500) if n % 7]

    assert quantities(read(ledger, subscription, limit)) == expected


@pytest.mark.parametrize("limit", [29, 1000])
def test_usages_are_listed_by_line_or_by_item_price(
    ledger: StoredUsages, subscription: Subscription, limit: int
) -> None:
    lines = {n: ("minutes", "minutes.2", "texts")[n % 3] for n in range(500) if n % 7}

    for line_id in ("minutes", "minutes.2", "texts", "other"):
        expected = [Decimal(n + 1) for n, line in lines.items() if line == line_id]
        assert quantities(read(ledger, subscription, limit, line_id=line_id)) == expected
    both = [Decimal(n + 1) for n, line in lines.items() if line != "texts"]
    assert quantities(read(ledger, subscription, limit, item_price_id="minutes")) == both
    assert read(ledger, subscription, limit, line_id="texts", item_price_id="minutes") == []


def test_a_list_keeps_to_its_period(ledger: StoredUsages, subscription: Subscription) -> None:
    period = Period(at("2026-10-01T00:01"), at("2026-10-01T00:02"))

    found = read(ledger, subscription, 10, period)

    assert quantities(found) == [Decimal(n + 1) for n in range(60, 120) if n % 7]


def test_a_place_from_another_period_does_not_lead_out_of_this_one(
    ledger: StoredUsages, subscription: Subscription
) -> None:
    period = Period(at("2026-10-01T00:01"), at("2026-10-01T00:02"))
    before = a_usage("2026-10-01T00:00:10").key

    page, _ = list_usages(
        subscription, period, line_id=None, item_price_id=None, after=before, limit=3, ledger=ledger
    )

    assert quantities(page) == [Decimal(61), Decimal(62), Decimal(63)]


def test_a_page_reads_a_bounded_number_of_records(subscription: Subscription) -> None:
    """Between the first and the last there is nothing but what the filter leaves out."""
    ledger = StoredUsages(MemoryTable(), SCOPE)
    usages = ledger.of(subscription)
    usages.add(a_usage("2026-10-01", "1", line_id="wanted"))
    for n in range(READ_MAX + 200):
        second = (OCTOBER.start + (n + 1) * timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
        usages.add(a_usage(second, "9", line_id="other"))
    usages.add(a_usage("2026-10-30", "2", line_id="wanted"))

    first, after = list_usages(
        subscription,
        EVER,
        line_id="wanted",
        item_price_id=None,
        after=None,
        limit=10,
        ledger=ledger,
    )
    assert quantities(first) == [Decimal(1)]
    assert after is not None

    second_page, end = list_usages(
        subscription,
        EVER,
        line_id="wanted",
        item_price_id=None,
        after=after,
        limit=10,
        ledger=ledger,
    )
    assert quantities(second_page) == [Decimal(2)]
    assert end is None


def test_nothing_recorded_is_an_empty_list(subscription: Subscription) -> None:
    assert read(StoredUsages(MemoryTable(), SCOPE), subscription, 10) == []
