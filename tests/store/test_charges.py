"""One-time charges beside their invoice: over exactly the changes that were read."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.charge import Charge
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.one_time import OneTimeCharge
from postpaid.domain.site import Scope
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from postpaid.store.charges import StoredCharges
from postpaid.store.closing import StoredClosing
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.tables import Item, Put, Range, Table, Update
from postpaid.store.terms import item_from_term
from tests.support.samples import NOVEMBER, SCOPE, a_line, a_term, an_invoice, at

NOW = at("2026-11-05T12:00")
PENDING = an_invoice()
OWN = Charge.from_plain({"pricing_model": "per_unit", "unit_amount": "0.125"}).to_text()
FENCED = a_term(status=TermStatus.CLOSING, run="run-1", due_at=NOW)
FROZEN = replace(FENCED, status=TermStatus.FROZEN, manifests=1, manifest_hash="content")
SKIPPED = replace(PENDING, status=InvoiceStatus.SKIPPED, total=Money(0, "USD"), content_hash="c")
DELETED = replace(SKIPPED, status=InvoiceStatus.DELETED, deleted_at=NOW)


def a_charge(n: int = 1, charge_id: str = "setup", **changes: object) -> OneTimeCharge:
    line = a_line(
        charge_id, item_price_id="setup-usd", metered=False, unit=None, quantity=Decimal("2.5")
    )
    values = {
        "invoice_id": PENDING.id,
        "n": n,
        "line": line,
        "period": None,
        "comment": None,
        "added_at": NOW,
        **changes,
    }
    return OneTimeCharge(**values)  # type: ignore[arg-type]


def changed(times: int) -> Invoice:
    return replace(PENDING, charge_changes=times)


@pytest.fixture
def pending(billing: Table) -> Table:
    billing.put(Put(item_from_invoice(SCOPE, keys.LIVE, PENDING, NOW)))
    billing.put(Put(item_from_term(SCOPE, keys.LIVE, FENCED, NOW)))
    return billing


@pytest.fixture
def charges(pending: Table) -> StoredCharges:
    return StoredCharges(pending, SCOPE)


def everything(table: Table) -> list[Item]:
    partitions = (keys.entity(SCOPE, "invoice", PENDING.id).pk, keys.term(SCOPE, "sub", NOW).pk)
    return [row for pk in partitions for row in table.query(Range(pk=pk, first=" ", last="~"))]


def lost(table: Table, transaction: Callable[[], object]) -> None:
    before = everything(table)
    with pytest.raises(Lost):
        transaction()
    assert everything(table) == before


# --- what is stored


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"period": NOVEMBER, "comment": "as agreed\non the phone"},
        {"line": replace(a_charge().line, charge_text=OWN, unit="hour")},
    ],
    ids=["plain", "with all", "at its own price"],
)
def test_a_charge_reads_back_as_it_was_stored(
    charges: StoredCharges, more: dict[str, object]
) -> None:
    charge = a_charge(**more)  # type: ignore[arg-type]

    charges.put(charge, over=PENDING)

    assert charges.get(PENDING.id, "setup") == charge
    assert charges.of_invoice(PENDING.id) == [charge]


def test_a_charge_and_the_count_of_changes_are_stored_together(
    pending: Table, charges: StoredCharges
) -> None:
    # In the order of their ids the second would be the first.
    first, second = a_charge(1, "z#~ %"), a_charge(2, "a")
    assert "cv" not in item_from_invoice(SCOPE, keys.LIVE, PENDING, NOW)

    charges.put(first, over=PENDING)
    charges.put(second, over=changed(1))
    removed = replace(first, removed_at=NOW)
    charges.put(removed, over=changed(2))

    assert charges.of_invoice(PENDING.id) == [removed, second]
    assert charges.get(PENDING.id, "z#~ %") == removed
    assert StoredInvoices(pending, SCOPE).get(PENDING.id) == changed(3)


def test_charges_are_of_their_invoice_and_site_alone(
    pending: Table, charges: StoredCharges
) -> None:
    charges.put(a_charge(), over=PENDING)

    assert charges.get(PENDING.id, "other") is None
    assert charges.get("inv_other", "setup") is None
    assert charges.of_invoice("inv_other") == []
    for scope in (Scope("globex"), Scope("acme", 2)):
        elsewhere = StoredCharges(pending, scope)
        assert elsewhere.of_invoice(PENDING.id) == []
        lost(pending, lambda there=elsewhere: there.put(a_charge(2, "b"), over=changed(1)))  # type: ignore[misc]


# --- over what was read


@pytest.mark.parametrize(
    ("charge", "over"),
    [
        (a_charge(1, "another"), PENDING),
        (a_charge(3, "another"), changed(2)),
        (a_charge(2, "setup"), changed(1)),
        (a_charge(1, "setup", removed_at=NOW), PENDING),
        (a_charge(1, "setup", removed_at=NOW), changed(2)),
    ],
    ids=["one more", "one less", "the id is taken", "taken off, one more", "taken off, one less"],
)
def test_a_charge_is_stored_over_exactly_the_changes_that_were_read(
    pending: Table, charges: StoredCharges, charge: OneTimeCharge, over: Invoice
) -> None:
    charges.put(a_charge(), over=PENDING)

    lost(pending, lambda: charges.put(charge, over=over))


@pytest.mark.parametrize("status", [each for each in InvoiceStatus if each.value != "PENDING"])
def test_nothing_is_put_on_or_taken_off_an_invoice_that_is_not_pending(
    pending: Table, charges: StoredCharges, status: InvoiceStatus
) -> None:
    charges.put(a_charge(), over=PENDING)
    head = keys.entity(SCOPE, "invoice", PENDING.id)
    pending.update(Update(head, None, set={"status": status.value}))

    lost(pending, lambda: charges.put(a_charge(2, "another"), over=changed(1)))
    lost(pending, lambda: charges.put(a_charge(removed_at=NOW), over=changed(1)))


def test_nothing_is_put_on_an_invoice_that_is_not_there(billing: Table) -> None:
    lost(billing, lambda: StoredCharges(billing, SCOPE).put(a_charge(), over=PENDING))


# --- what closes an invoice names the changes it has read


def freeze(closing: StoredClosing, invoice: Invoice) -> None:
    closing.freeze(FROZEN, replace(invoice, **_end(SKIPPED)), run="run-1")


def delete(closing: StoredClosing, invoice: Invoice) -> None:
    closing.delete(FROZEN, replace(invoice, **_end(DELETED)), run="run-1")


def park(closing: StoredClosing, invoice: Invoice) -> None:
    closing.park(FENCED, replace(invoice, parked="why"), run="run-1")


def park_without_a_term(closing: StoredClosing, invoice: Invoice) -> None:
    closing.park(None, replace(invoice, parked="why"), run="run-1")


def _end(invoice: Invoice) -> dict[str, Any]:
    names = ("status", "total", "content_hash", "deleted_at")
    return {name: getattr(invoice, name) for name in names}


@pytest.mark.parametrize("end", [freeze, delete, park, park_without_a_term])
@pytest.mark.parametrize("there", [0, 2])
def test_an_invoice_is_ended_or_parked_over_exactly_the_changes_that_were_read(
    pending: Table, end: Callable[[StoredClosing, Invoice], None], there: int
) -> None:
    charges, closing = StoredCharges(pending, SCOPE), StoredClosing(pending, SCOPE, NOW)
    for n in range(there):
        charges.put(a_charge(n + 1, f"c{n}"), over=changed(n))

    for read in {0, 1, 2, 3} - {there}:
        lost(pending, lambda read=read: end(closing, changed(read)))  # type: ignore[misc]
    end(closing, changed(there))

    found = StoredInvoices(pending, SCOPE).get(PENDING.id)
    assert found is not None
    assert found.charge_changes == there
    assert (found.status, found.parked) != (InvoiceStatus.PENDING, None)


def test_a_parked_invoice_takes_charges_and_keeps_its_reason(pending: Table) -> None:
    charges, closing = StoredCharges(pending, SCOPE), StoredClosing(pending, SCOPE, NOW)
    parked = replace(PENDING, parked="why")
    closing.park(FENCED, parked, run="run-1")

    charges.put(a_charge(), over=parked)

    found = StoredInvoices(pending, SCOPE).get(PENDING.id)
    assert found == replace(parked, charge_changes=1)
    other = replace(found, parked="another")
    closing.repark(other, over=found)
    assert StoredInvoices(pending, SCOPE).get(PENDING.id) == other
