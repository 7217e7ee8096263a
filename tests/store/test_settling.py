"""The transactions that pay and void an invoice: whole, over exactly what was read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from postpaid.application.entries import Balance, CreditChange
from postpaid.application.ports import Lost
from postpaid.domain.invoice import Invoice, InvoiceStatus, RenderState
from postpaid.domain.money import Money
from postpaid.domain.payment import Payment
from postpaid.store import keys
from postpaid.store.closing import StoredClosing
from postpaid.store.credits import StoredCredits, credit_write
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.payments import StoredPayments
from postpaid.store.tables import Item, Put, Range, Table
from tests.support.samples import SCOPE, an_invoice, at

NOW = at("2026-11-05T12:00")
ISSUED = replace(
    an_invoice(),
    status=InvoiceStatus.ISSUED,
    total=Money(2805, "USD"),
    serial=361,
    serial_text="INV-000361",
    issued_on=date(2026, 11, 1),
    content_hash="content",
    render=RenderState.PENDING,
)
VOIDED = replace(
    ISSUED,
    status=InvoiceStatus.VOIDED,
    voided_at=NOW,
    void_reason="wrong",
    render=RenderState.PENDING,
    due_at=NOW,
)


@pytest.fixture
def issued(billing: Table) -> Table:
    billing.put(Put(item_from_invoice(SCOPE, keys.LIVE, ISSUED, NOW)))
    return billing


def a_payment(n: int = 1, payment_id: str = "pay", **changes: object) -> Payment:
    values = {
        "id": payment_id,
        "invoice_id": ISSUED.id,
        "n": n,
        "amount": Money(1000, "USD"),
        "paid_on": date(2026, 11, 5),
        "method": None,
        "reference": None,
        "recorded_at": NOW,
        **changes,
    }
    return Payment(**values)  # type: ignore[arg-type]


def paid(minor: int, payments: int) -> Invoice:
    return replace(ISSUED, paid=Money(minor, "USD"), payments=payments)


def everything(table: Table) -> list[Item]:
    partitions = (
        keys.entity(SCOPE, "invoice", ISSUED.id).pk,
        keys.entity(SCOPE, "customer", "globex").pk,
    )
    return [row for pk in partitions for row in table.query(Range(pk=pk, first=" ", last="~"))]


def refused(table: Table, transaction: Callable[[], None]) -> None:
    before = everything(table)
    with pytest.raises(Lost):
        transaction()
    assert everything(table) == before


# --- payments


def test_a_payment_and_the_sum_are_stored_together(issued: Table) -> None:
    payments, invoices = StoredPayments(issued, SCOPE), StoredInvoices(issued, SCOPE)
    # In the order of their ids the second would be the first.
    first = a_payment(1, "z#~ %", method="wire", reference="RF18", amount=Money(10**30, "USD"))
    second = a_payment(2, "a")

    payments.add(first, over=ISSUED)
    payments.add(second, over=paid(10**30, 1))

    assert payments.of_invoice(ISSUED.id) == [second, first]
    assert payments.get(ISSUED.id, "z#~ %") == first
    assert payments.get(ISSUED.id, "b") is None
    assert payments.of_invoice("inv_other") == []
    assert invoices.get(ISSUED.id) == paid(10**30 + 1000, 2)


@pytest.mark.parametrize(
    ("payment", "over"),
    [
        (a_payment(1, "another"), ISSUED),
        (a_payment(3, "another"), paid(2000, 2)),
        (a_payment(2, "pay"), paid(1000, 1)),
    ],
    ids=["one more by now", "one less", "the id is taken"],
)
def test_a_payment_is_stored_over_exactly_those_that_were_read(
    issued: Table, payment: Payment, over: Invoice
) -> None:
    payments = StoredPayments(issued, SCOPE)
    payments.add(a_payment(), over=ISSUED)

    refused(issued, lambda: payments.add(payment, over=over))


@pytest.mark.parametrize("status", [each for each in InvoiceStatus if each.value != "ISSUED"])
def test_nothing_is_paid_of_an_invoice_that_is_not_issued(
    issued: Table, status: InvoiceStatus
) -> None:
    item = item_from_invoice(SCOPE, keys.LIVE, ISSUED, NOW) | {"status": status.value}
    issued.put(Put(item))

    refused(issued, lambda: StoredPayments(issued, SCOPE).add(a_payment(), over=ISSUED))


def test_nothing_is_paid_of_an_invoice_that_is_not_there(billing: Table) -> None:
    refused(billing, lambda: StoredPayments(billing, SCOPE).add(a_payment(), over=ISSUED))


# --- void


def credit(minor: int, was: int, version: int) -> CreditChange:
    return CreditChange("globex", Money(minor, "USD"), Balance(Money(was, "USD"), version))


def test_an_invoice_is_voided_with_the_balance_or_not_at_all(issued: Table) -> None:
    issued.put(credit_write(SCOPE, credit(500, 0, 0)))
    closing = StoredClosing(issued, SCOPE, NOW)

    for stale in (credit(900, 0, 0), credit(900, 400, 2)):
        refused(issued, lambda stale=stale: closing.void(VOIDED, credit=stale))  # type: ignore[misc]
    closing.void(VOIDED, credit=credit(900, 500, 1))

    assert StoredInvoices(issued, SCOPE).get(ISSUED.id) == VOIDED
    balance = StoredCredits(issued, SCOPE).balance("globex", "USD")
    assert balance == Balance(Money(900, "USD"), 2)
    refused(issued, lambda: closing.void(VOIDED))


def test_a_document_is_made_anew_and_one_that_comes_too_late_is_not_noted(issued: Table) -> None:
    invoices = StoredInvoices(issued, SCOPE)
    invoices.rendered(ISSUED, "pdf")

    StoredClosing(issued, SCOPE, NOW).void(VOIDED)

    assert invoices.get(ISSUED.id) == replace(VOIDED, pdf_hash="pdf")
    for late in ("pdf", "another pdf"):
        with pytest.raises(Lost):
            invoices.rendered(ISSUED, late)
    assert invoices.get(ISSUED.id) == replace(VOIDED, pdf_hash="pdf")
    invoices.rendered(VOIDED, "void")
    invoices.rendered(VOIDED, "void")
    done = replace(VOIDED, render=RenderState.DONE, pdf_hash="void")
    assert invoices.get(ISSUED.id) == done
    with pytest.raises(Lost):
        invoices.rendered(ISSUED, "void")
    invoices.settle(done)
    assert invoices.get(ISSUED.id) == replace(done, due_at=None)


def test_an_invoice_that_is_paid_or_was_never_issued_is_not_voided(issued: Table) -> None:
    closing = StoredClosing(issued, SCOPE, NOW)
    StoredPayments(issued, SCOPE).add(a_payment(), over=ISSUED)

    refused(issued, lambda: closing.void(VOIDED))
    for status in (InvoiceStatus.PENDING, InvoiceStatus.SKIPPED, InvoiceStatus.DELETED):
        item = item_from_invoice(SCOPE, keys.LIVE, ISSUED, NOW) | {"status": status.value}
        issued.put(Put(item))
        refused(issued, lambda: closing.void(VOIDED))
