"""The auditor: holds what the stack says in the end against what its clients were told."""

from collections.abc import Iterator, Mapping

from tests.soak.audit_invoices import audit_amounts, audit_supplements, audit_terms
from tests.soak.audit_manifests import audit_manifests, billed_usages
from tests.soak.audit_numbers import audit_numbers
from tests.soak.audit_records import audit_records, histories
from tests.soak.audit_totals import audit_state, audit_totals
from tests.soak.books import Books
from tests.soak.ending import Ending
from tests.soak.findings import Finding
from tests.soak.plan import Plan


def audit(plans: Mapping[str, Plan], books: Books, ending: Ending) -> list[Finding]:
    """Return all that is wrong, the usages first."""
    return list(_audit(plans, books, ending))


def _audit(plans: Mapping[str, Plan], books: Books, ending: Ending) -> Iterator[Finding]:
    known = histories(books, ending)
    yield from audit_records(known)
    places = books.places | {
        (place.subscription_id, told.id): place for place, told in ending.live.items()
    }
    billed, strangers = billed_usages(known, places, ending)
    yield from strangers
    yield from audit_manifests(billed, ending)
    for plan in plans.values():
        yield from audit_terms(plan, ending)
        yield from audit_amounts(plan, ending, places)
        yield from audit_totals(plan, ending)
    yield from audit_supplements(ending)
    yield from audit_numbers(ending.invoices)
    yield from audit_state(books, ending)
