"""The transaction that deletes an invoice, and the fence before it: over exactly what was read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.bounds import Bound, Broken
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.closing import StoredClosing
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.tables import Item, Put, Table, Update
from postpaid.store.terms import StoredTerms, item_from_term
from tests.support.samples import OCTOBER, SCOPE, a_term, an_invoice

NOW = OCTOBER.end
LATER = NOW + timedelta(days=2)
FENCED = a_term(status=TermStatus.CLOSING, run="run-1", due_at=LATER)
FROZEN = replace(FENCED, status=TermStatus.FROZEN, manifests=1, manifest_hash="content")
PARKED = an_invoice(parked="why", broken=Broken(Bound.HIGHEST_TOTAL, "2.00 USD", "1.00 USD"))
DUE = an_invoice(term_start=None, due_at=LATER)
DELETED = replace(
    an_invoice(),
    status=InvoiceStatus.DELETED,
    total=Money(1805, "USD"),
    content_hash="content",
    deleted_at=NOW,
    delete_reason="a test",
)


@pytest.fixture
def closing(billing: Table) -> StoredClosing:
    return StoredClosing(billing, SCOPE, NOW)


def store(table: Table, term: Term, invoice: Invoice) -> None:
    table.put(Put(item_from_term(SCOPE, keys.LIVE, term, NOW)))
    table.put(Put(item_from_invoice(SCOPE, keys.LIVE, invoice, NOW)))


def there(table: Table) -> tuple[Invoice | None, Term | None]:
    return (
        StoredInvoices(table, SCOPE).get(DELETED.id),
        StoredTerms(table, SCOPE).get("sub", OCTOBER.start),
    )


def head(table: Table) -> Item:
    item = table.get(keys.entity(SCOPE, "invoice", DELETED.id))
    assert item is not None
    return item


def lost(table: Table, transaction: Callable[[], object]) -> None:
    before = there(table)
    with pytest.raises(Lost):
        transaction()
    assert there(table) == before


def test_an_invoice_is_deleted_with_its_term_frozen(billing: Table, closing: StoredClosing) -> None:
    store(billing, FENCED, PARKED)

    closing.delete(FROZEN, DELETED, run="run-1")

    assert there(billing) == (DELETED, FROZEN)
    assert not {"parked", "bound", "serial", "r", "due_at"} & head(billing).keys()
    assert closing.next_serial("main") == (1, None), "no number was drawn"
    lost(billing, lambda: closing.delete(FROZEN, DELETED, run="run-1"))


def test_an_opening_invoice_that_is_deleted_is_due_no_more(
    billing: Table, closing: StoredClosing
) -> None:
    store(billing, FENCED, DUE)
    deleted = replace(DELETED, term_start=None)

    closing.delete(None, deleted, run="run-1")

    assert there(billing) == (deleted, FENCED)
    assert not {"due_at", "dpk", "dsk"} & head(billing).keys()


def test_a_term_of_another_run_is_not_frozen_by_a_deletion(
    billing: Table, closing: StoredClosing
) -> None:
    store(billing, FENCED, an_invoice())

    lost(billing, lambda: closing.delete(FROZEN, DELETED, run="run-2"))


@pytest.mark.parametrize("status", [each for each in InvoiceStatus if each.value != "PENDING"])
def test_only_a_pending_invoice_is_deleted(
    billing: Table, closing: StoredClosing, status: InvoiceStatus
) -> None:
    store(billing, FENCED, an_invoice())
    billing.update(
        Update(keys.entity(SCOPE, "invoice", DELETED.id), None, set={"status": status.value})
    )
    before = head(billing)

    with pytest.raises(Lost):
        closing.delete(FROZEN, DELETED, run="run-1")

    assert head(billing) == before
    assert StoredTerms(billing, SCOPE).get("sub", OCTOBER.start) == FENCED


@pytest.mark.parametrize("status", [TermStatus.GRACE, TermStatus.CLOSING])
@pytest.mark.parametrize("due_at", [None, LATER])
def test_a_fence_may_leave_a_term_as_due_as_it_was(
    billing: Table, status: TermStatus, due_at: None
) -> None:
    run = None if status is TermStatus.GRACE else "run-0"
    term = replace(FENCED, status=status, run=run, due_at=due_at)
    store(billing, term, an_invoice())
    where = keys.term(SCOPE, "sub", OCTOBER.start)
    before = billing.get(where)
    assert before is not None

    fenced = StoredTerms(billing, SCOPE).fence("sub", OCTOBER.start, "run-1", None)

    assert fenced == replace(FENCED, due_at=due_at)
    after = billing.get(where)
    assert after == {**before, "status": "CLOSING", "run": "run-1"}


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.FROZEN])
def test_a_fence_that_leaves_the_time_needs_a_term_that_has_ended_and_is_not_frozen(
    billing: Table, status: TermStatus
) -> None:
    term = FROZEN if status is TermStatus.FROZEN else a_term()
    store(billing, term, an_invoice())

    lost(billing, lambda: StoredTerms(billing, SCOPE).fence("sub", OCTOBER.start, "run-1", None))
