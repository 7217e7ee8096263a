"""A parked invoice gets another reason, or goes on: over exactly what was read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.bounds import Bound, Broken
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.closing import StoredClosing
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.tables import Item, Put, Table, Update
from postpaid.store.terms import StoredTerms, item_from_term
from tests.support.samples import OCTOBER, SCOPE, a_term, an_invoice

NOW = OCTOBER.end
FENCED = a_term(status=TermStatus.CLOSING, run="run-1", due_at=None)
PARKED = an_invoice(parked="why", broken=Broken(Bound.HIGHEST_TOTAL, "2.00 USD", "1.00 USD"))
GOES_ON = an_invoice()


@pytest.fixture
def closing(billing: Table) -> StoredClosing:
    return StoredClosing(billing, SCOPE, NOW)


def store(table: Table, *items: Item) -> None:
    for item in items:
        table.put(Put(item))


@pytest.fixture
def parked(billing: Table) -> Table:
    store(
        billing,
        item_from_term(SCOPE, keys.LIVE, FENCED, NOW),
        item_from_invoice(SCOPE, keys.LIVE, PARKED, NOW),
    )
    return billing


def there(table: Table) -> tuple[Invoice | None, Term | None]:
    return (
        StoredInvoices(table, SCOPE).get(PARKED.id),
        StoredTerms(table, SCOPE).get("sub", OCTOBER.start),
    )


def lost(table: Table, transaction: Callable[[], None]) -> None:
    before = there(table)
    with pytest.raises(Lost):
        transaction()
    assert there(table) == before


def test_a_parked_invoice_gets_another_reason(parked: Table, closing: StoredClosing) -> None:
    other = replace(PARKED, parked="another", broken=None)

    closing.repark(other, over=PARKED)

    assert there(parked) == (other, FENCED)
    lost(parked, lambda: closing.repark(PARKED, over=PARKED))


@pytest.mark.parametrize("due_at", [NOW, NOW + timedelta(days=2), None])
def test_a_parked_invoice_goes_on_when_its_term_is_due(
    parked: Table, closing: StoredClosing, due_at: datetime | None
) -> None:
    due = replace(FENCED, due_at=due_at)

    closing.unpark(due, GOES_ON, over=PARKED, was=FENCED)

    assert there(parked) == (GOES_ON, due)
    item = parked.get(keys.term(SCOPE, "sub", OCTOBER.start))
    assert item is not None
    assert ("dpk" in item, "dsk" in item) == (due_at is not None,) * 2
    lost(parked, lambda: closing.unpark(due, GOES_ON, over=PARKED, was=FENCED))


def test_a_parked_invoice_goes_on_over_exactly_what_was_read(
    parked: Table, closing: StoredClosing
) -> None:
    due = replace(FENCED, due_at=NOW)
    for over, was in (
        (replace(PARKED, parked="another"), FENCED),
        (PARKED, replace(FENCED, run="run-2")),
        (PARKED, replace(FENCED, due_at=NOW)),
    ):
        for term in (due, was):
            lost(
                parked,
                lambda term=term, over=over, was=was: closing.unpark(  # type: ignore[misc]
                    term, GOES_ON, over=over, was=was
                ),
            )
    StoredTerms(parked, SCOPE).fence("sub", OCTOBER.start, "run-2", NOW)
    lost(parked, lambda: closing.unpark(due, GOES_ON, over=PARKED, was=FENCED))
    mine = replace(FENCED, run="run-2", due_at=NOW)
    closing.unpark(mine, GOES_ON, over=PARKED, was=mine)
    assert there(parked) == (GOES_ON, mine)


@pytest.mark.parametrize("status", [each for each in InvoiceStatus if each.value != "PENDING"])
def test_only_a_pending_invoice_is_parked_or_goes_on(
    parked: Table, closing: StoredClosing, status: InvoiceStatus
) -> None:
    head = keys.entity(SCOPE, "invoice", PARKED.id)
    parked.update(Update(head, None, set={"status": status.value}))
    before = parked.get(head)

    def step(term: Term | None, was: Term | None) -> None:
        closing.unpark(term, GOES_ON, over=PARKED, was=was)

    with pytest.raises(Lost):
        closing.repark(replace(PARKED, parked="another"), over=PARKED)
    for term, was in ((replace(FENCED, due_at=NOW), FENCED), (None, None)):
        with pytest.raises(Lost):
            step(term, was)
    assert parked.get(head) == before


def test_an_invoice_without_a_term_is_due_by_itself_again(
    billing: Table, closing: StoredClosing
) -> None:
    opening = an_invoice(None, parked="why", due_at=None)
    store(billing, item_from_invoice(SCOPE, keys.LIVE, opening, NOW))
    due = replace(opening, parked=None, due_at=NOW)

    closing.unpark(None, due, over=opening, was=None)

    assert StoredInvoices(billing, SCOPE).get(opening.id) == due
    item = billing.get(keys.entity(SCOPE, "invoice", opening.id))
    assert item is not None
    assert {"dpk", "dsk"} <= item.keys()
