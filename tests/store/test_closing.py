"""The transactions over a term, its successor, its invoice and the number: whole or not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.money import Money
from postpaid.domain.site import Scope
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.closing import StoredClosing
from postpaid.store.customers import StoredCustomers
from postpaid.store.fields import number, text
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.subscriptions import StoredSubscriptions, item_from_subscription
from postpaid.store.tables import Item, Key, Put, Range, Table
from postpaid.store.terms import StoredTerms, item_from_term
from tests.support.samples import (
    OCTOBER,
    SCOPE,
    a_customer,
    a_subscription,
    a_term,
    an_invoice,
    at,
)

NOW = OCTOBER.end
TODAY = date(2026, 11, 1)
SERIES = f"{keys.scope_text(SCOPE)}#series#main"


@pytest.fixture
def closing(billing: Table) -> StoredClosing:
    return StoredClosing(billing, SCOPE, NOW)


def everything(table: Table) -> dict[Key, Item]:
    """Return all items that these transactions may touch."""
    partitions = [
        keys.entity(SCOPE, "subscription", "sub").pk,
        keys.entity(SCOPE, "customer", "globex").pk,
        SERIES,
        *(keys.entity(SCOPE, "invoice", an_invoice(n).id).pk for n in (None, 0, 1)),
        *(
            keys.numbered(SCOPE, kind, number).pk
            for kind in ("subscription", "line", "invoice")
            for number in (1, 2)
        ),
    ]
    rows = [row for pk in partitions for row in table.query(Range(pk=pk, first=" ", last="~"))]
    return {Key(text(row, "pk"), text(row, "sk")): row for row in rows}


def refused(table: Table, transaction: Callable[[], None]) -> None:
    """Check that a transaction is lost and leaves everything as it is."""
    before = everything(table)
    with pytest.raises(Lost):
        transaction()
    assert everything(table) == before


def store(table: Table, *items: Item) -> None:
    for item in items:
        table.put(Put(item))


def stored_term(term: Term) -> Item:
    return item_from_term(SCOPE, keys.LIVE, term, NOW)


def stored_invoice(invoice: Invoice) -> Item:
    return item_from_invoice(SCOPE, keys.LIVE, invoice, NOW)


# --- activate


def test_a_subscription_begins_whole(billing: Table, closing: StoredClosing) -> None:
    closing.activate(a_subscription(), a_term(), an_invoice(None))

    assert StoredSubscriptions(billing, SCOPE).get("sub") == a_subscription()
    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == a_term()
    assert StoredInvoices(billing, SCOPE).get(an_invoice(None).id) == an_invoice(None)
    customers = StoredCustomers(billing, SCOPE)
    assert customers.subscriptions("globex", after=None, limit=10) == ["sub"]
    assert customers.begun("globex") == 1
    assert len(everything(billing)) == 8  # three of them are integers


def test_a_subscription_may_begin_without_an_invoice(
    billing: Table, closing: StoredClosing
) -> None:
    closing.activate(a_subscription(), a_term(), None)

    assert len(everything(billing)) == 6


def test_no_subscription_of_a_deleted_customer_begins(
    billing: Table, closing: StoredClosing
) -> None:
    customers = StoredCustomers(billing, SCOPE)
    customers.add(a_customer())
    customers.delete(
        a_customer(deleted=True, version=2, changed_at=NOW), begun=customers.begun("globex")
    )

    refused(billing, lambda: closing.activate(a_subscription(), a_term(), an_invoice(None)))
    other = a_subscription(customer_id="initech")
    closing.activate(other, a_term(), None)


def test_a_subscription_begins_once(billing: Table, closing: StoredClosing) -> None:
    closing.activate(a_subscription(), a_term(), None)

    other = a_subscription(number=2, customer_id="initech")
    refused(billing, lambda: closing.activate(other, a_term(pins={}), an_invoice(None)))


@pytest.mark.parametrize(
    "there",
    [
        item_from_subscription(SCOPE, a_subscription(number=2)),
        stored_term(a_term()),
        {**keys.customer_subscription(SCOPE, "globex", "sub")._asdict(), "s": 1},
        stored_invoice(an_invoice(None)),
    ],
    ids=["subscription", "term", "note", "invoice"],
)
def test_a_subscription_overwrites_nothing(
    billing: Table, closing: StoredClosing, there: Item
) -> None:
    store(billing, there)

    refused(billing, lambda: closing.activate(a_subscription(), a_term(), an_invoice(None)))


# --- roll


def roll(closing: StoredClosing, **changes: object) -> None:
    """Roll October over into November."""
    ended = a_term(status=TermStatus.GRACE, due_at=NOW + timedelta(hours=1))
    closing.roll(replace(ended, **changes), a_term(1), an_invoice(created_at=NOW))  # type: ignore[arg-type]


@pytest.mark.parametrize("due_at", [NOW, NOW + timedelta(hours=30), None])
def test_a_term_ends_and_the_next_begins_at_once(
    billing: Table, closing: StoredClosing, due_at: object
) -> None:
    store(billing, stored_term(a_term()))

    roll(closing, due_at=due_at)

    terms = StoredTerms(billing, SCOPE)
    ended = a_term(status=TermStatus.GRACE, due_at=due_at)
    assert terms.page("sub", before=None, limit=9) == [a_term(1), ended]
    assert StoredInvoices(billing, SCOPE).get(an_invoice().id) == an_invoice()
    on_the_list = {"due_at", "dpk", "dsk"} & everything(billing)[
        keys.term(SCOPE, "sub", OCTOBER.start)
    ].keys()
    assert len(on_the_list) == (0 if due_at is None else 3)


def test_a_second_roll_is_lost(billing: Table, closing: StoredClosing) -> None:
    store(billing, stored_term(a_term()))
    roll(closing)

    refused(billing, lambda: roll(closing))


@pytest.mark.parametrize("status", [TermStatus.GRACE, TermStatus.CLOSING, TermStatus.FROZEN])
def test_only_an_open_term_ends(billing: Table, closing: StoredClosing, status: TermStatus) -> None:
    store(billing, stored_term(a_term(status=status)))

    refused(billing, lambda: roll(closing))


def test_a_term_that_was_shortened_meanwhile_does_not_end(
    billing: Table, closing: StoredClosing
) -> None:
    shorter = replace(OCTOBER, end=at("2026-10-20"))
    store(billing, stored_term(a_term(period=shorter)))

    refused(billing, lambda: roll(closing))


def test_a_term_does_not_end_by_a_policy_that_was_read_before_another_came(
    billing: Table, closing: StoredClosing
) -> None:
    terms = StoredTerms(billing, SCOPE)
    store(billing, stored_term(a_term()))

    terms.note_policy(a_term())
    refused(billing, lambda: roll(closing))
    terms.note_policy(a_term())
    refused(billing, lambda: roll(closing, changes=1))
    roll(closing, changes=2)


def test_a_term_that_is_not_there_does_not_end(billing: Table, closing: StoredClosing) -> None:
    refused(billing, lambda: roll(closing))


@pytest.mark.parametrize("there", [stored_term(a_term(1)), stored_invoice(an_invoice())])
def test_a_roll_overwrites_nothing(billing: Table, closing: StoredClosing, there: Item) -> None:
    store(billing, stored_term(a_term()), there)

    refused(billing, lambda: roll(closing))


# --- freeze


def finished(invoice: Invoice, serial: int = 1, on: date = TODAY, series: str = "main") -> Invoice:
    """Return an invoice as it is issued."""
    return replace(
        invoice,
        status=InvoiceStatus.ISSUED,
        total=Money(2805, "USD"),
        series=series,
        serial=serial,
        serial_text=f"INV-{serial:06d}",
        issued_on=on,
        content_hash=f"content of {invoice.id}",
        render=RenderState.PENDING,
    )


def skipped(invoice: Invoice) -> Invoice:
    """Return an invoice that had nothing to say."""
    return replace(
        invoice, status=InvoiceStatus.SKIPPED, total=Money(0, "USD"), content_hash="nothing"
    )


def frozen(n: int = 0) -> Term:
    return a_term(
        n, status=TermStatus.FROZEN, run="run-1", manifest_hash=f"content of {an_invoice(n).id}"
    )


@pytest.fixture
def fenced(billing: Table) -> None:
    """October CLOSING for run-1, its invoice pending."""
    store(
        billing,
        stored_term(a_term(status=TermStatus.CLOSING, run="run-1")),
        stored_invoice(an_invoice()),
    )


@pytest.mark.usefixtures("fenced")
def test_a_freeze_issues_the_invoice_and_its_number(billing: Table, closing: StoredClosing) -> None:
    assert closing.next_serial("main") == (1, None)

    closing.freeze(frozen(), finished(an_invoice()), run="run-1")

    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == frozen()
    assert StoredInvoices(billing, SCOPE).get(an_invoice().id) == finished(an_invoice())
    assert closing.next_serial("main") == (2, TODAY)
    row = billing.get(keys.series_number(SCOPE, "main", 1))
    assert row is not None
    assert row["invoice_id"] == an_invoice().id


@pytest.mark.usefixtures("fenced")
def test_a_skipped_invoice_draws_no_number(billing: Table, closing: StoredClosing) -> None:
    closing.freeze(replace(frozen(), manifest_hash="nothing"), skipped(an_invoice()), run="run-1")

    assert StoredInvoices(billing, SCOPE).get(an_invoice().id) == skipped(an_invoice())
    assert closing.next_serial("main") == (1, None)
    assert billing.query(Range(pk=SERIES, first=" ", last="~")) == []


def test_an_opening_invoice_freezes_no_term(billing: Table, closing: StoredClosing) -> None:
    store(billing, stored_invoice(an_invoice(None)))

    closing.freeze(None, finished(an_invoice(None)), run="run-1")

    assert StoredInvoices(billing, SCOPE).get(an_invoice(None).id) == finished(an_invoice(None))


@pytest.mark.usefixtures("fenced")
def test_a_run_that_lost_the_fence_freezes_nothing(billing: Table, closing: StoredClosing) -> None:
    StoredTerms(billing, SCOPE).fence("sub", OCTOBER.start, "run-2", NOW)

    for invoice in (finished(an_invoice()), skipped(an_invoice())):
        refused(billing, partial(closing.freeze, frozen(), invoice, run="run-1"))
    closing.freeze(frozen(), finished(an_invoice()), run="run-2")


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.GRACE, TermStatus.FROZEN])
def test_only_a_closing_term_freezes(
    billing: Table, closing: StoredClosing, status: TermStatus
) -> None:
    store(billing, stored_term(a_term(status=status, run="run-1")), stored_invoice(an_invoice()))

    refused(billing, lambda: closing.freeze(frozen(), finished(an_invoice()), run="run-1"))


def test_only_a_pending_invoice_is_finished(billing: Table, closing: StoredClosing) -> None:
    opening = an_invoice(None)
    deleted = replace(opening, status=InvoiceStatus.DELETED)
    for there in (finished(opening, serial=9), skipped(opening), deleted):
        store(billing, stored_invoice(there))
        refused(billing, lambda: closing.freeze(None, finished(opening), run=None))
        refused(billing, lambda: closing.freeze(None, skipped(opening), run=None))


@pytest.mark.usefixtures("fenced")
def test_a_freeze_comes_once(billing: Table, closing: StoredClosing) -> None:
    closing.freeze(frozen(), finished(an_invoice()), run="run-1")

    for again in (finished(an_invoice()), finished(an_invoice(), serial=2), skipped(an_invoice())):
        refused(billing, partial(closing.freeze, frozen(), again, run="run-1"))


# --- numbers


@pytest.fixture
def numbered(billing: Table, closing: StoredClosing) -> None:
    """Number 1 given to the opening invoice, October CLOSING, its invoice pending."""
    store(
        billing,
        stored_invoice(an_invoice(None)),
        stored_term(a_term(status=TermStatus.CLOSING, run="run-1")),
        stored_invoice(an_invoice()),
    )
    closing.freeze(None, finished(an_invoice(None)), run=None)


@pytest.mark.usefixtures("numbered")
@pytest.mark.parametrize("serial", [1, 3, 7])
def test_a_number_is_the_next_one(billing: Table, closing: StoredClosing, serial: int) -> None:
    invoice = finished(an_invoice(), serial)

    refused(billing, lambda: closing.freeze(frozen(), invoice, run="run-1"))


@pytest.mark.usefixtures("numbered")
def test_dates_follow_the_numbers(billing: Table, closing: StoredClosing) -> None:
    earlier = finished(an_invoice(), 2, TODAY - timedelta(days=1))
    refused(billing, lambda: closing.freeze(frozen(), earlier, run="run-1"))

    closing.freeze(frozen(), finished(an_invoice(), 2, TODAY), run="run-1")

    assert closing.next_serial("main") == (3, TODAY)


@pytest.mark.usefixtures("fenced")
def test_the_first_number_is_drawn_once(billing: Table, closing: StoredClosing) -> None:
    counter = keys.series_counter(SCOPE, "main")
    store(billing, {**counter._asdict(), "next": 5, "last_date": "2026-01-01"})

    refused(billing, lambda: closing.freeze(frozen(), finished(an_invoice(), 1), run="run-1"))


@pytest.mark.usefixtures("fenced")
@pytest.mark.parametrize("serial", [1, 2])
def test_a_number_that_is_given_is_given_to_no_other(
    billing: Table, closing: StoredClosing, serial: int
) -> None:
    store(
        billing,
        {**keys.series_number(SCOPE, "main", serial)._asdict(), "invoice_id": "another"},
        {**keys.series_counter(SCOPE, "main")._asdict(), "next": serial, "last_date": "2026-01-01"},
    )

    refused(billing, lambda: closing.freeze(frozen(), finished(an_invoice(), serial), run="run-1"))


def test_every_site_and_generation_counts_for_itself(billing: Table) -> None:
    for scope in (SCOPE, Scope("acme", 2), Scope("other")):
        closing = StoredClosing(billing, scope, NOW)
        store(billing, item_from_invoice(scope, keys.LIVE, an_invoice(None), NOW))
        closing.freeze(None, finished(an_invoice(None)), run=None)
        assert closing.next_serial("main") == (2, TODAY)


@pytest.mark.usefixtures("numbered")
def test_each_series_has_a_counter_and_a_register_of_its_own(
    billing: Table, closing: StoredClosing
) -> None:
    hostile = "main#NO~%23"
    assert closing.next_serial(hostile) == (1, None)
    earlier = TODAY - timedelta(days=1)

    closing.freeze(frozen(), finished(an_invoice(), 1, earlier, hostile), run="run-1")

    assert closing.next_serial(hostile) == (2, earlier)
    assert closing.next_serial("main") == (2, TODAY)
    issued = StoredInvoices(billing, SCOPE).get(an_invoice().id)
    assert issued == finished(an_invoice(), 1, earlier, hostile)
    for series, invoice in (("main", an_invoice(None)), (hostile, an_invoice())):
        row = billing.get(keys.series_number(SCOPE, series, 1))
        assert row is not None
        assert row["invoice_id"] == invoice.id


@pytest.mark.usefixtures("numbered")
def test_a_number_of_another_series_is_not_the_next_one(
    billing: Table, closing: StoredClosing
) -> None:
    for series, serial in (("main", 1), ("eu", 2)):
        invoice = finished(an_invoice(), serial, series=series)
        refused(billing, partial(closing.freeze, frozen(), invoice, run="run-1"))


@pytest.mark.parametrize("names", [["main"], ["main", "eu", "e#u"]], ids=["one", "three"])
def test_numbers_have_no_gap_however_many_freeze_at_once(billing: Table, names: list[str]) -> None:
    """Forty invoices, eight threads, and hosts whose clocks differ by days."""
    invoices = [an_invoice(None, f"sub-{n}") for n in range(40)]
    for invoice in invoices:
        store(billing, stored_invoice(invoice))

    def issue(place: int) -> None:
        closing = StoredClosing(billing, SCOPE, NOW)
        today = TODAY + timedelta(days=place // 7 % 3)
        series = names[place % len(names)]
        for _ in range(400):
            serial, last = closing.next_serial(series)
            on = today if last is None else max(today, last)
            invoice = finished(invoices[place], serial, on, series)
            try:
                closing.freeze(None, invoice, run=None)
            except Lost:
                continue
            return
        raise AssertionError("others came first every time")

    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(issue, range(40)))

    drawn: set[str] = set()
    for first, series in enumerate(names):
        of_series = invoices[first :: len(names)]
        counter = keys.series_counter(SCOPE, series)
        rows = billing.query(Range(pk=counter.pk, first="NO#", last="NO#~"))
        issued = StoredInvoices(billing, SCOPE).many([text(row, "invoice_id") for row in rows])
        assert [invoice.serial for invoice in issued] == list(range(1, len(of_series) + 1))
        assert {invoice.series for invoice in issued} == {series}
        assert {invoice.id for invoice in issued} == {invoice.id for invoice in of_series}
        dates = [invoice.issued_on for invoice in issued if invoice.issued_on]
        assert dates == sorted(dates)
        count = billing.get(counter)
        assert count is not None
        assert number(count, "next") == len(of_series) + 1
        drawn |= {invoice.id for invoice in issued}
    assert len(drawn) == 40
