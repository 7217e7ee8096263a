"""The life of a term, walked for every pair of states."""

import pytest

from postpaid.domain.term import TERM_STEPS, BillingState, Term, TermStatus
from tests.support.samples import OCTOBER, a_term

OPEN, GRACE, CLOSING, FROZEN = TermStatus

ALLOWED = {
    (OPEN, GRACE),
    (GRACE, CLOSING),
    (CLOSING, CLOSING),  # another run takes over from a dead one
    (CLOSING, FROZEN),
}

BILLING = {
    OPEN: BillingState.ON_TIME,
    GRACE: BillingState.ON_TIME,
    CLOSING: BillingState.PENDING,
    FROZEN: BillingState.LATE,
}


@pytest.mark.parametrize("after", TermStatus)
@pytest.mark.parametrize("before", TermStatus)
def test_a_term_takes_only_these_steps(before: TermStatus, after: TermStatus) -> None:
    assert (after in TERM_STEPS[before]) == ((before, after) in ALLOWED)


def test_every_term_comes_to_its_end_and_none_comes_back() -> None:
    seen = {OPEN}
    for _ in TermStatus:
        seen |= {after for before in seen for after in TERM_STEPS[before]}

    assert seen == set(TermStatus)
    assert set(TERM_STEPS) == set(TermStatus)
    assert not TERM_STEPS[FROZEN]
    for before, steps in TERM_STEPS.items():
        assert all(
            list(TermStatus).index(after) >= list(TermStatus).index(before) for after in steps
        )


@pytest.mark.parametrize("status", TermStatus)
def test_a_usage_is_told_what_its_terms_status_means(status: TermStatus) -> None:
    assert a_term(status=status).billing_state is BILLING[status]


def test_a_new_term_has_billed_nothing_and_nobody_works_on_it() -> None:
    term = Term(subscription_id="sub", n=0, period=OCTOBER, status=OPEN)

    assert (term.pins, term.invoice_id, term.due_at) == ({}, None, None)
    assert (term.run, term.manifests, term.manifest_hash) == (None, 0, None)
    assert term.changes == 0


@pytest.mark.parametrize("manifests", [0, 1, 2])
@pytest.mark.parametrize("status", TermStatus)
def test_a_frozen_term_and_no_other_has_billed_something(
    status: TermStatus, manifests: int
) -> None:
    if (status is FROZEN) == (manifests > 0):
        assert a_term(status=status, manifests=manifests).manifests == manifests
    else:
        with pytest.raises(AssertionError):
            a_term(status=status, manifests=manifests)


@pytest.mark.parametrize("invoice_id", [None, "inv_1"])
@pytest.mark.parametrize("status", TermStatus)
def test_an_open_term_and_no_other_is_without_an_invoice(
    status: TermStatus, invoice_id: str | None
) -> None:
    if (status is OPEN) == (invoice_id is None):
        assert a_term(status=status, invoice_id=invoice_id).invoice_id == invoice_id
    else:
        with pytest.raises(AssertionError):
            a_term(status=status, invoice_id=invoice_id)
