"""The transactions that change a running subscription: whole, over exactly what was read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from postpaid.application.entries import Balance, CreditChange, EarlyEnd
from postpaid.application.ports import Lost
from postpaid.domain.calendar import Cadence, Schedule
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.period import Interval, Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term, TermStatus
from postpaid.domain.usage_url import UsageUrl
from postpaid.store import keys
from postpaid.store.catalog import StoredPrices
from postpaid.store.closing import StoredClosing
from postpaid.store.credits import StoredCredits, credit_write
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.subscriptions import StoredSubscriptions, item_from_subscription
from postpaid.store.tables import ConditionFailed, Item, Key, Put, Range, Table, Update
from postpaid.store.terms import StoredTerms, item_from_term
from tests.support.samples import (
    OCTOBER,
    SCOPE,
    a_line,
    a_price,
    a_subscription,
    a_term,
    an_invoice,
    at,
)

NOW = at("2026-10-20T12:00")
CUT = Period(OCTOBER.start, NOW)
REST = Period(NOW, OCTOBER.end)


@pytest.fixture
def closing(billing: Table) -> StoredClosing:
    return StoredClosing(billing, SCOPE, NOW)


def store(table: Table, *items: Item) -> None:
    for item in items:
        table.put(Put(item))


def running(table: Table, term: Term | None = None) -> None:
    """Store a subscription and its open term."""
    store(
        table,
        item_from_subscription(SCOPE, a_subscription()),
        item_from_term(SCOPE, keys.LIVE, term or a_term(), NOW),
    )


def everything(table: Table) -> dict[Key, Item]:
    partitions = [
        keys.entity(SCOPE, "subscription", "sub").pk,
        keys.entity(SCOPE, "customer", "globex").pk,
        *(keys.entity(SCOPE, "invoice", each.id).pk for each in (an_invoice(None), early())),
    ]
    rows = [row for pk in partitions for row in table.query(Range(pk=pk, first=" ", last="~"))]
    return {Key(str(row["pk"]), str(row["sk"])): row for row in rows}


def refused(table: Table, transaction: Callable[[], None]) -> None:
    """Check that a transaction is lost and leaves everything as it is."""
    before = everything(table)
    with pytest.raises(Lost):
        transaction()
    assert everything(table) == before


def changed(version: int = 2, **more: object) -> Subscription:
    return replace(a_subscription(), version=version, **more)  # type: ignore[arg-type]


def early() -> Invoice:
    """Return the pending invoice of a term that was cut."""
    return replace(an_invoice(), period_end=NOW, id="inv_early")


# --- what is stored


FULL = a_subscription(
    lines=(
        a_line("minutes", until=at("2026-10-16")),
        a_line(
            "minutes",
            number=2,
            since=at("2026-10-16"),
            item_price_id="cheap",
            charge_text='{"pricing_model":"per_unit","unit_amount":"0.03"}',
            label="Calls of the harbor",
        ),
        a_line("seats", metered=False, quantity=Decimal("2.5"), since=at("2026-10-20")),
    ),
    trial_end=at("2026-10-05"),
    anchor=at("2026-10-05"),
    cycles=3,
    end=at("2027-01-05"),
    hold_until=at("2026-12-24"),
    suspensions=(
        Interval(at("2026-10-10"), at("2026-10-12")),
        Interval(at("2026-11-01")),
    ),
    later=(
        Schedule(at("2026-11-05"), at("2026-11-05"), ZoneInfo("UTC"), Cadence("week", 2)),
        Schedule(
            *(at("2026-11-19"), at("2026-11-18T15:00"), ZoneInfo("Asia/Tokyo"), Cadence("week")),
            first=Period(at("2026-11-19"), at("2026-11-25T15:00")),
        ),
    ),
    requests=(("key", "content", ""), ("other", "content", "2026-10-20T12:00:00Z")),
    prorate=False,
    series="e#u",
    usage_shards=16,
    usage_urls={"minutes": UsageUrl("https://usage.example.com/minutes?key=a%20b")},
    version=7,
)


def test_a_subscription_is_read_as_it_was_stored_with_all_that_can_be_said(billing: Table) -> None:
    store(billing, item_from_subscription(SCOPE, FULL))

    assert StoredSubscriptions(billing, SCOPE).get("sub") == FULL


def test_a_line_at_the_price_of_the_catalogue_is_stored_as_it_was_before_lines_had_their_own() -> (
    None
):
    stored = item_from_subscription(SCOPE, FULL)["lines"]

    assert isinstance(stored, list)
    own = [isinstance(line, dict) and "charge" in line for line in stored]
    assert own == [False, True, False]


@pytest.mark.parametrize(
    "term",
    [
        a_term(pins={1: 3, 22: 1}, covered={22: OCTOBER.end}),
        a_term(advance_to=at("2026-11-05"), credit_unused=True, changes=4),
        a_term(period=CUT, status=TermStatus.GRACE, advance_to=OCTOBER.end),
    ],
)
def test_a_term_is_read_as_it_was_stored_with_its_advance(billing: Table, term: Term) -> None:
    store(billing, item_from_term(SCOPE, keys.LIVE, term, NOW))

    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == term


# --- edit


def shortened(*, credit_unused: bool = False) -> Term:
    return a_term(
        period=CUT, due_at=NOW, advance_to=OCTOBER.end, changes=1, credit_unused=credit_unused
    )


def test_a_subscription_and_its_term_change_together(
    billing: Table, closing: StoredClosing
) -> None:
    running(billing)

    closing.edit(changed(end=NOW), shortened(credit_unused=True), a_term(), ())

    assert StoredSubscriptions(billing, SCOPE).get("sub") == changed(end=NOW)
    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == shortened(credit_unused=True)
    item = billing.get(keys.term(SCOPE, "sub", OCTOBER.start))
    assert item is not None
    assert item["dsk"] == "2026-10-20T12:00:00Z", "it is due when it ends now"
    closing.edit(changed(3), a_term(changes=2), shortened(credit_unused=True), ())
    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == a_term(changes=2)


def test_a_change_over_another_is_lost(billing: Table, closing: StoredClosing) -> None:
    running(billing)
    closing.edit(changed(), a_term(changes=1), a_term(), ())

    for version, was in ((2, a_term()), (3, a_term()), (2, a_term(changes=1))):
        refused(billing, lambda v=version, w=was: closing.edit(changed(v), shortened(), w, ()))  # type: ignore[misc]


@pytest.mark.parametrize(
    "there",
    [
        a_term(status=TermStatus.GRACE),
        a_term(status=TermStatus.CLOSING, run="r"),
        a_term(status=TermStatus.FROZEN),
        a_term(period=CUT),
        a_term(changes=3),
    ],
    ids=["ended", "closing", "frozen", "shorter", "changed"],
)
def test_a_change_is_over_the_open_term_that_was_read(
    billing: Table, closing: StoredClosing, there: Term
) -> None:
    running(billing, there)

    refused(billing, lambda: closing.edit(changed(), a_term(changes=1), a_term(), ()))


# --- end early


def cut(closing: StoredClosing, begun: Term | None = None, version: int = 2) -> None:
    ended = a_term(
        period=CUT, status=TermStatus.GRACE, due_at=NOW, advance_to=OCTOBER.end,
        invoice_id="inv_early",
    )  # fmt: skip
    end = EarlyEnd(OCTOBER.end, changed(version), ())
    closing.roll(ended, begun, early(), early=end)


def rest() -> Term:
    return a_term(1, period=REST, due_at=REST.end, covered={1: REST.end})


def test_a_term_ends_early_and_its_rest_begins_at_once(
    billing: Table, closing: StoredClosing
) -> None:
    running(billing)

    cut(closing, rest())

    terms = StoredTerms(billing, SCOPE).page("sub", before=None, limit=9)
    assert [(term.period, term.status) for term in terms] == [
        (REST, TermStatus.OPEN),
        (CUT, TermStatus.GRACE),
    ]
    assert terms[0] == rest()
    assert terms[1].paid_to == OCTOBER.end
    assert StoredInvoices(billing, SCOPE).get("inv_early") == early()
    assert StoredSubscriptions(billing, SCOPE).get("sub") == changed()


def test_the_last_term_has_no_successor(billing: Table, closing: StoredClosing) -> None:
    running(billing)

    cut(closing)

    assert len(StoredTerms(billing, SCOPE).page("sub", before=None, limit=9)) == 1


def test_a_term_ends_early_once_and_over_what_was_read(
    billing: Table, closing: StoredClosing
) -> None:
    running(billing)
    refused(billing, lambda: cut(closing, rest(), version=3))
    billing.update(Update(keys.term(SCOPE, "sub", OCTOBER.start), None, set={"pc": 1}))
    refused(billing, lambda: cut(closing, rest()))
    billing.update(Update(keys.term(SCOPE, "sub", OCTOBER.start), None, remove=["pc"]))

    cut(closing, rest())

    refused(billing, lambda: cut(closing, rest()))
    refused(billing, lambda: cut(closing, rest(), version=3))


# --- withdraw


def test_a_subscription_that_never_began_is_withdrawn_with_its_opening_invoice(
    billing: Table, closing: StoredClosing
) -> None:
    running(billing)
    store(billing, item_from_invoice(SCOPE, keys.LIVE, an_invoice(None), NOW))
    withdrawn = changed(end=OCTOBER.start)

    closing.withdraw(withdrawn, a_term(), an_invoice(None))

    assert StoredSubscriptions(billing, SCOPE).get("sub") == withdrawn
    opening = StoredInvoices(billing, SCOPE).get(an_invoice(None).id)
    assert opening is not None
    assert opening.status is InvoiceStatus.DELETED
    for key in (keys.term(SCOPE, "sub", OCTOBER.start), keys.entity(SCOPE, "invoice", opening.id)):
        item = billing.get(key)
        assert item is not None
        assert not {"due_at", "dpk", "dsk"} & item.keys(), "nothing of it is due"
    refused(billing, lambda: closing.withdraw(changed(3), a_term(), an_invoice(None)))


def test_a_subscription_whose_opening_invoice_is_out_is_not_withdrawn(
    billing: Table, closing: StoredClosing
) -> None:
    running(billing)
    issued = replace(
        an_invoice(None), status=InvoiceStatus.SKIPPED, total=Money(0, "USD"), content_hash="x"
    )
    store(billing, item_from_invoice(SCOPE, keys.LIVE, issued, NOW))

    refused(
        billing, lambda: closing.withdraw(changed(end=OCTOBER.start), a_term(), an_invoice(None))
    )


# --- park


def test_an_invoice_is_parked_with_its_reason_and_is_not_due_again(
    billing: Table, closing: StoredClosing
) -> None:
    fenced = a_term(status=TermStatus.CLOSING, run="run-1", due_at=NOW)
    store(
        billing,
        item_from_term(SCOPE, keys.LIVE, fenced, NOW),
        item_from_invoice(SCOPE, keys.LIVE, an_invoice(), NOW),
    )

    closing.park(fenced, an_invoice(parked="why"), run="run-1")

    assert StoredInvoices(billing, SCOPE).get(an_invoice().id) == an_invoice(parked="why")
    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == replace(fenced, due_at=None)
    # Whoever closes it takes the fence, and with it the list of what is due.
    again = StoredTerms(billing, SCOPE).fence("sub", OCTOBER.start, "run-2", NOW)
    assert again.due_at == NOW
    before = billing.get(keys.term(SCOPE, "sub", OCTOBER.start))
    with pytest.raises(Lost):
        closing.park(fenced, an_invoice(parked="late"), run="run-1")
    assert billing.get(keys.term(SCOPE, "sub", OCTOBER.start)) == before


def test_an_opening_invoice_is_parked_by_itself(billing: Table, closing: StoredClosing) -> None:
    store(billing, item_from_invoice(SCOPE, keys.LIVE, an_invoice(None), NOW))

    closing.park(None, an_invoice(None, parked="why"), run=None)

    assert StoredInvoices(billing, SCOPE).get(an_invoice(None).id) == an_invoice(
        None, parked="why", due_at=None
    )


# --- credit


def balance(amount: int, version: int) -> Balance:
    return Balance(Money(amount, "USD"), version)


def test_a_balance_changes_over_exactly_the_one_that_was_read(billing: Table) -> None:
    stored = StoredCredits(billing, SCOPE)
    assert stored.balance("globex", "USD") == balance(0, 0)

    billing.put(credit_write(SCOPE, CreditChange("globex", Money(29, "USD"), balance(0, 0))))
    billing.put(credit_write(SCOPE, CreditChange("globex", Money(9, "USD"), balance(29, 1))))

    assert stored.balance("globex", "USD") == balance(9, 2)
    for stale in (balance(0, 0), balance(29, 1), balance(9, 3)):
        with pytest.raises(ConditionFailed):
            billing.put(credit_write(SCOPE, CreditChange("globex", Money(1, "USD"), stale)))


def test_a_customer_has_a_balance_for_each_currency_and_none_of_anothers(billing: Table) -> None:
    for customer, currency in (("a", "USD"), ("a", "EUR"), ("a#", "JPY"), ("b", "USD")):
        nothing = Balance(Money(0, currency), 0)
        billing.put(credit_write(SCOPE, CreditChange(customer, Money(5, currency), nothing)))
    used_up = Balance(Money(5, "EUR"), 1)
    billing.put(credit_write(SCOPE, CreditChange("a", Money(0, "EUR"), used_up)))

    assert StoredCredits(billing, SCOPE).of_customer("a") == [Money(5, "USD")]
    assert StoredCredits(billing, SCOPE).of_customer("nobody") == []


def test_a_freeze_takes_the_balance_with_it_or_nothing(
    billing: Table, closing: StoredClosing
) -> None:
    store(billing, item_from_invoice(SCOPE, keys.LIVE, an_invoice(None), NOW))
    skipped = replace(
        an_invoice(None), status=InvoiceStatus.SKIPPED, total=Money(0, "USD"), content_hash="x"
    )
    stale = CreditChange("globex", Money(5, "USD"), balance(9, 1))

    refused(billing, lambda: closing.freeze(None, skipped, run=None, credit=stale))
    good = CreditChange("globex", Money(5, "USD"), balance(0, 0))
    closing.freeze(None, skipped, run=None, credit=good)

    assert StoredCredits(billing, SCOPE).balance("globex", "USD") == balance(5, 1)


# --- prices and holds


def test_a_price_gets_its_next_version_and_keeps_the_ones_before(billing: Table) -> None:
    prices = StoredPrices(billing, SCOPE)
    prices.add(a_price())
    second = replace(a_price(), version=2, name="Dearer", base_fee=None)

    prices.replace(second)

    assert prices.newest("minutes") == second
    assert prices.versions([("minutes", 1), ("minutes", 2)]) == {
        ("minutes", 1): a_price(),
        ("minutes", 2): second,
    }
    assert prices.newest_versions(["minutes", "nothing"]) == {"minutes": 2}
    for version in (1, 2, 4):
        with pytest.raises(Lost):
            prices.replace(replace(a_price(), version=version))
    assert prices.newest("minutes") == second


def test_a_pending_opening_invoice_gets_another_time(billing: Table) -> None:
    invoices = StoredInvoices(billing, SCOPE)
    store(billing, item_from_invoice(SCOPE, keys.LIVE, an_invoice(None), NOW))
    later = NOW + timedelta(days=30)

    invoices.retime(an_invoice(None), later, NOW)

    assert invoices.get(an_invoice(None).id) == an_invoice(None, due_at=later)
    item = billing.get(keys.entity(SCOPE, "invoice", an_invoice(None).id))
    assert item is not None
    assert str(item["dsk"]) == later.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(Lost):
        invoices.retime(replace(an_invoice(None), id="inv_none"), later, NOW)
    invoices.retime(an_invoice(None), None, NOW)
    item = billing.get(keys.entity(SCOPE, "invoice", an_invoice(None).id))
    assert item is not None
    assert not {"due_at", "dpk", "dsk"} & item.keys()
