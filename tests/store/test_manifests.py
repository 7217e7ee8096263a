"""The log of a term's later manifests: appended over exactly what was read, billed once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from postpaid.application.entries import Appended
from postpaid.application.ports import Lost
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.site import LatePolicy
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.closing import StoredClosing
from postpaid.store.invoices import StoredInvoices, item_from_invoice
from postpaid.store.listing import StoredLists
from postpaid.store.manifests import StoredManifests
from postpaid.store.tables import Put, Range, Table
from postpaid.store.terms import StoredTerms, item_from_term
from tests.support.samples import NOVEMBER, OCTOBER, SCOPE, a_term, an_invoice, at

NOW = at("2026-11-05T12:00")
FROZEN = a_term(status=TermStatus.FROZEN, due_at=None)


@pytest.fixture
def manifests(billing: Table) -> StoredManifests:
    """October frozen with its first manifest, November open."""
    store(billing, FROZEN, a_term(1))
    return StoredManifests(billing, SCOPE)


def store(table: Table, *terms: Term) -> None:
    for term in terms:
        table.put(Put(item_from_term(SCOPE, keys.LIVE, term, NOW)))


def appended(k: int = 1, **changes: object) -> Appended:
    fields: dict[str, object] = {
        "subscription_id": "sub",
        "start": OCTOBER.start,
        "k": k,
        "content_hash": f"hash-{k}",
        "amount": Money(500, "USD"),
        "policy": LatePolicy.SUPPLEMENT,
        "found_at": NOW,
        "billed_in": None,
    }
    return Appended(**(fields | changes))  # type: ignore[arg-type]


def own_invoice(k: int = 1) -> Invoice:
    return replace(an_invoice(), id=f"inv_own_{k}", k=k, due_at=NOW)


def rows(table: Table) -> list[object]:
    pk = keys.entity(SCOPE, "subscription", "sub").pk
    return list(table.query(Range(pk=pk, first=" ", last="~")))


def lost(table: Table, transaction: Callable[[], None]) -> None:
    before = rows(table)
    with pytest.raises(Lost):
        transaction()
    assert rows(table) == before


def test_a_manifest_is_read_as_it_was_appended_and_the_term_counts_it(
    billing: Table, manifests: StoredManifests
) -> None:
    manifests.append(appended(), invoice=None, onto=a_term(1))
    second = appended(2, amount=Money(-300, "USD"), policy=LatePolicy.STORE_ONLY)
    manifests.append(second, invoice=None, onto=None)

    assert manifests.of_term(FROZEN) == [appended(), second]
    term = StoredTerms(billing, SCOPE).get("sub", OCTOBER.start)
    assert term is not None
    assert term.manifests == 3
    assert manifests.of_term(a_term(1)) == []


def test_the_log_has_no_hole_and_no_entry_twice(billing: Table, manifests: StoredManifests) -> None:
    for k in (0, 2, 3):
        lost(billing, lambda k=k: manifests.append(appended(k), invoice=None, onto=None))  # type: ignore[misc]
    manifests.append(appended(), invoice=None, onto=None)

    lost(billing, lambda: manifests.append(appended(), invoice=None, onto=None))


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.GRACE, TermStatus.CLOSING])
def test_only_a_frozen_term_has_later_manifests(billing: Table, status: TermStatus) -> None:
    store(billing, a_term(status=status, run="r"))

    lost(
        billing,
        lambda: StoredManifests(billing, SCOPE).append(appended(0), invoice=None, onto=None),
    )


@pytest.mark.parametrize("status", [TermStatus.CLOSING, TermStatus.FROZEN])
def test_nothing_waits_for_an_invoice_that_is_being_made(
    billing: Table, manifests: StoredManifests, status: TermStatus
) -> None:
    store(billing, a_term(1, status=status, run="r"))

    lost(billing, lambda: manifests.append(appended(), invoice=None, onto=a_term(1)))


def test_a_manifest_comes_with_the_invoice_that_bills_it(
    billing: Table, manifests: StoredManifests
) -> None:
    entry = appended(billed_in="inv_own_1")

    manifests.append(entry, invoice=own_invoice(), onto=None)

    assert StoredInvoices(billing, SCOPE).get("inv_own_1") == own_invoice()
    assert manifests.of_term(FROZEN) == [entry]
    assert manifests.waiting("sub", 9) == []


def test_what_waits_is_billed_once_by_one_invoice(
    billing: Table, manifests: StoredManifests
) -> None:
    nothing = appended(3, amount=Money(0, "USD"))
    for entry in (appended(), appended(2, found_at=at("2026-11-04")), nothing):
        manifests.append(entry, invoice=None, onto=None)
    assert [each.k for each in manifests.waiting("sub", 9)] == [2, 1], "the oldest first"
    assert [each.k for each in manifests.waiting("sub", 1)] == [2]
    waiting = manifests.waiting("sub", 9)
    closing = StoredClosing(billing, SCOPE, NOW)
    for name in ("inv_a", "inv_b"):
        head = replace(an_invoice(None), id=name)
        billing.put(Put(item_from_invoice(SCOPE, keys.LIVE, head, NOW)))

    def bill(name: str) -> None:
        skipped = replace(
            an_invoice(None),
            id=name,
            status=InvoiceStatus.SKIPPED,
            total=Money(0, "USD"),
            content_hash="x",
        )
        closing.freeze(None, skipped, run=None, billing=waiting)

    bill("inv_a")

    assert manifests.waiting("sub", 9) == []
    assert {each.billed_in for each in manifests.of_term(FROZEN)} == {"inv_a", None}
    lost(billing, lambda: bill("inv_b"))


def test_lists_show_late_usage_newest_first(billing: Table, manifests: StoredManifests) -> None:
    first, second = appended(), appended(2, found_at=at("2026-11-06"))
    for entry in (first, second):
        manifests.append(entry, invoice=None, onto=None)
    lists = StoredLists(billing, SCOPE, oldest=OCTOBER.start, newest=NOVEMBER.end)

    page, place = lists.late_usages(None, 1)
    assert (page, place is None) == ([second], False)
    assert lists.late_usages(place, 5) == ([first], None)
