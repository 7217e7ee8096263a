"""Heads of invoices: read in the order asked for, their documents noted once."""

from dataclasses import replace
from datetime import date

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.bounds import Bound, Broken
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.money import Money
from postpaid.store import keys
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.tables import ConditionFailed, Put, Table
from tests.support.samples import SCOPE, an_invoice, at

PENDING = an_invoice(asks=("disk", "minutes"))
ISSUED = replace(
    an_invoice(None),
    status=InvoiceStatus.ISSUED,
    total=Money(2805, "USD"),
    serial=361,
    serial_text="INV-000361",
    issued_on=date(2026, 11, 1),
    content_hash="content",
    render=RenderState.PENDING,
)
PAID = replace(ISSUED, paid=Money(10**30, "USD"), payments=2)
VOIDED = replace(
    ISSUED, status=InvoiceStatus.VOIDED, voided_at=at("2026-11-02"), void_reason="wrong"
)
DRAWN = replace(ISSUED, credit_applied=Money(10**30, "USD"))
PARKED = replace(
    PENDING,
    parked="it charges too much",
    broken=Broken(Bound.MEDIAN_FACTOR, "100.00 USD", "99.00 USD"),
)
NUMBERED = replace(ISSUED, series="e#u")
SKIPPED = replace(
    an_invoice(1), status=InvoiceStatus.SKIPPED, total=Money(0, "USD"), content_hash="nothing"
)


@pytest.fixture
def invoices(billing: Table) -> StoredInvoices:
    for invoice in (PENDING, ISSUED, SKIPPED):
        billing.put(Put(item_from_invoice(SCOPE, keys.LIVE, invoice, at("2026-11-01"))))
    return StoredInvoices(billing, SCOPE)


@pytest.mark.parametrize("invoice", [PENDING, ISSUED, SKIPPED], ids=lambda each: each.status.value)
def test_an_invoice_is_read_as_it_was_stored(invoices: StoredInvoices, invoice: Invoice) -> None:
    assert invoices.get(invoice.id) == invoice


@pytest.mark.parametrize(
    "invoice",
    [PAID, VOIDED, NUMBERED, DRAWN, PARKED],
    ids=["paid", "voided", "of another series", "drawn", "parked"],
)
def test_what_became_of_an_invoice_is_read_as_it_was_stored(
    billing: Table, invoice: Invoice
) -> None:
    billing.put(Put(item_from_invoice(SCOPE, keys.LIVE, invoice, at("2026-11-01"))))

    assert StoredInvoices(billing, SCOPE).get(invoice.id) == invoice


def test_invoices_are_read_in_the_order_asked_for(invoices: StoredInvoices) -> None:
    wanted = [SKIPPED.id, "inv_unknown", PENDING.id, ISSUED.id]

    assert invoices.many(wanted) == [SKIPPED, PENDING, ISSUED]
    assert invoices.many([]) == []
    assert invoices.get("inv_unknown") is None


def test_a_document_is_noted_once(invoices: StoredInvoices) -> None:
    invoices.rendered(ISSUED, "pdf")
    invoices.rendered(ISSUED, "pdf")

    assert invoices.get(ISSUED.id) == replace(ISSUED, render=RenderState.DONE, pdf_hash="pdf")


def test_another_document_never_replaces_the_first(invoices: StoredInvoices) -> None:
    invoices.rendered(ISSUED, "pdf")

    with pytest.raises(ConditionFailed):
        invoices.rendered(ISSUED, "another pdf")

    assert invoices.get(ISSUED.id) == replace(ISSUED, render=RenderState.DONE, pdf_hash="pdf")


@pytest.mark.parametrize(
    ("invoice", "error"),
    [
        (PENDING, ConditionFailed),
        (SKIPPED, ConditionFailed),
        (replace(ISSUED, content_hash="other"), ConditionFailed),
        (VOIDED, Lost),
        (replace(ISSUED, id="no"), Lost),
    ],
)
def test_a_document_is_noted_only_where_one_is_waited_for(
    invoices: StoredInvoices, invoice: Invoice, error: type[Exception]
) -> None:
    before = invoices.get(invoice.id)

    with pytest.raises(error):
        invoices.rendered(invoice, "pdf")

    assert invoices.get(invoice.id) == before


def test_an_invoice_is_taken_off_the_list_of_what_is_due(
    billing: Table, invoices: StoredInvoices
) -> None:
    invoices.settle(ISSUED)
    invoices.settle(ISSUED)

    assert invoices.get(ISSUED.id) == replace(ISSUED, due_at=None)
    item = billing.get(keys.entity(SCOPE, "invoice", ISSUED.id))
    assert item is not None
    assert not {"dpk", "dsk"} & item.keys()


def test_an_invoice_that_moved_on_stays_on_the_list(invoices: StoredInvoices) -> None:
    for stale in (replace(ISSUED, status=InvoiceStatus.VOIDED), replace(ISSUED, id="inv_unknown")):
        with pytest.raises(Lost):
            invoices.settle(stale)

    assert invoices.get(ISSUED.id) == ISSUED
    assert invoices.get("inv_unknown") is None
