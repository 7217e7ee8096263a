"""Terms: found by a date, fenced by one run at a time, kept on the list of what is due."""

from dataclasses import replace
from datetime import timedelta

import pytest

from postpaid.application.due_terms import Due
from postpaid.application.ports import Lost
from postpaid.domain.site import Scope
from postpaid.domain.term import Term, TermStatus
from postpaid.store import keys
from postpaid.store.due import StoredDue
from postpaid.store.tables import Put, Table
from postpaid.store.terms import StoredTerms, item_from_term
from tests.support.samples import NOVEMBER, OCTOBER, SCOPE, a_term, an_invoice, at

NOW = at("2026-11-01T01:10")
HOUR = timedelta(hours=1)


@pytest.fixture
def terms(billing: Table) -> StoredTerms:
    return StoredTerms(billing, SCOPE)


def store(table: Table, *terms: Term) -> None:
    """Store terms as a roll would."""
    for term in terms:
        table.put(Put(item_from_term(SCOPE, keys.LIVE, term, term.period.start)))


def due_hour(table: Table) -> int | None:
    """Return in which hour after October the term is on the list of what is due, if in any."""
    key = keys.term(SCOPE, "sub", OCTOBER.start)
    item = table.get(key)
    assert item is not None
    if "dpk" not in item:
        return None
    hour = at(str(item["dpk"]).split("#")[2] + ":00")
    listed = [*StoredDue(table, keys.LIVE).in_hour(hour, at("2099-01-01"))]
    assert listed == [Due(*key)]
    return round((hour - OCTOBER.end) / HOUR)


@pytest.mark.parametrize(
    "term",
    [
        a_term(),
        a_term(
            pins={7: 3, 8: 1},
            covered={8: at("2026-11-01")},
            charged=frozenset({"s#eats", "desks"}),
            due_at=None,
            subscription_id="s#u~b",
        ),
        a_term(status=TermStatus.GRACE, changes=3),
        a_term(status=TermStatus.CLOSING, run="run-1"),
        a_term(
            status=TermStatus.GRACE,
            answered=("disk", "minutes"),
            asked_since=at("2026-11-01T01:00"),
            unanswered="it did not answer",
        ),
        a_term(status=TermStatus.FROZEN, manifest_hash="hash", run="run-1"),
    ],
)
def test_a_term_is_read_as_it_was_stored(billing: Table, terms: StoredTerms, term: Term) -> None:
    store(billing, term)

    assert terms.get(term.subscription_id, term.period.start) == term
    assert terms.look(term.subscription_id, term.period.start) == term


def test_a_look_finds_the_term_that_began_last(billing: Table, terms: StoredTerms) -> None:
    october, november = a_term(status=TermStatus.GRACE), a_term(1)
    store(billing, october, november)

    assert terms.look("sub", OCTOBER.start - timedelta(seconds=1)) is None
    assert terms.look("sub", OCTOBER.start) == october
    assert terms.look("sub", OCTOBER.end - timedelta(seconds=1)) == october
    assert terms.look("sub", NOVEMBER.start) == november
    # Behind the newest term it is the newest: the caller sees by its end what that means.
    assert terms.look("sub", NOVEMBER.end) == november


def test_a_look_sees_no_other_subscription_or_site(billing: Table, terms: StoredTerms) -> None:
    store(billing, a_term())

    assert terms.look("su", OCTOBER.start) is None
    assert terms.look("sub2", OCTOBER.start) is None
    assert StoredTerms(billing, Scope("acme", 2)).look("sub", OCTOBER.start) is None


def test_terms_are_paged_from_the_newest(billing: Table, terms: StoredTerms) -> None:
    all_terms = [*(a_term(n, status=TermStatus.GRACE) for n in range(6)), a_term(6)]
    store(billing, *all_terms)

    assert terms.page("sub", before=None, limit=3) == all_terms[:3:-1]
    assert terms.page("sub", before=all_terms[4].period.start, limit=3) == all_terms[3:0:-1]
    assert terms.page("sub", before=all_terms[1].period.start, limit=3) == all_terms[:1]
    assert terms.page("sub", before=all_terms[0].period.start, limit=3) == []


# --- what usage URLs came to


def test_when_usage_urls_were_asked_first_is_noted_once(billing: Table, terms: StoredTerms) -> None:
    term = a_term(status=TermStatus.GRACE)
    store(billing, term)

    terms.note_asked(term, NOW)

    assert terms.get("sub", OCTOBER.start) == replace(term, asked_since=NOW)
    with pytest.raises(Lost):
        terms.note_asked(term, NOW + HOUR)


def test_answers_are_noted_over_exactly_those_that_were_read(
    billing: Table, terms: StoredTerms
) -> None:
    term = a_term(status=TermStatus.CLOSING, run="run-1")
    store(billing, term)

    first = terms.note_answered(term, ["minutes"])
    with pytest.raises(Lost):
        terms.note_answered(term, ["disk"])
    second = terms.note_answered(first, ["disk", "minutes"])

    assert first == replace(term, answered=("minutes",))
    assert second == replace(term, answered=("disk", "minutes"))
    assert terms.get("sub", OCTOBER.start) == second


def test_a_term_whose_usage_url_did_not_answer_is_due_later(
    billing: Table, terms: StoredTerms
) -> None:
    term = a_term(status=TermStatus.GRACE)
    store(billing, term)

    terms.postpone(term, NOW + HOUR, "it did not answer", NOW)

    assert terms.get("sub", OCTOBER.start) == replace(
        term, due_at=NOW + HOUR, unanswered="it did not answer"
    )
    assert due_hour(billing) == 2
    with pytest.raises(Lost):
        terms.postpone(term, NOW + 2 * HOUR, "nor now", NOW)


def test_a_term_that_was_parked_is_not_made_due_again(billing: Table, terms: StoredTerms) -> None:
    store(billing, a_term(status=TermStatus.CLOSING, run="run-1", due_at=None))

    with pytest.raises(Lost):
        terms.postpone(a_term(status=TermStatus.GRACE), NOW, "it did not answer", NOW)


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.FROZEN])
def test_nothing_is_noted_on_a_term_that_does_not_wait(
    billing: Table, terms: StoredTerms, status: TermStatus
) -> None:
    term = a_term(status=status)
    store(billing, term)

    for note in (
        lambda: terms.note_asked(term, NOW),
        lambda: terms.note_answered(term, ["minutes"]),
        lambda: terms.postpone(term, NOW, "it did not answer", NOW),
    ):
        with pytest.raises(Lost):
            note()
    assert terms.get("sub", OCTOBER.start) == term


# --- the fence


def test_a_fence_moves_a_term_to_closing_for_its_run(billing: Table, terms: StoredTerms) -> None:
    grace = a_term(status=TermStatus.GRACE)
    store(billing, grace)

    fenced = terms.fence("sub", OCTOBER.start, "run-1", NOW)

    assert fenced == a_term(status=TermStatus.CLOSING, run="run-1", due_at=NOW)
    assert terms.get("sub", OCTOBER.start) == fenced


def test_another_run_takes_a_fenced_term_over(billing: Table, terms: StoredTerms) -> None:
    store(billing, a_term(status=TermStatus.GRACE))
    terms.fence("sub", OCTOBER.start, "run-1", NOW)

    taken = terms.fence("sub", OCTOBER.start, "run-2", NOW + HOUR)

    assert taken == a_term(status=TermStatus.CLOSING, run="run-2", due_at=NOW + HOUR)


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.FROZEN])
def test_an_open_and_a_frozen_term_are_not_fenced(
    billing: Table, terms: StoredTerms, status: TermStatus
) -> None:
    term = a_term(status=status)
    store(billing, term)

    with pytest.raises(Lost):
        terms.fence("sub", OCTOBER.start, "run-1", NOW)

    assert terms.get("sub", OCTOBER.start) == term


def test_a_term_that_is_not_there_is_not_fenced(billing: Table, terms: StoredTerms) -> None:
    with pytest.raises(Lost):
        terms.fence("sub", OCTOBER.start, "run-1", NOW)

    assert terms.get("sub", OCTOBER.start) is None


@pytest.mark.parametrize(
    ("due_at", "hour"),
    [
        (NOVEMBER.start + HOUR, 1),  # stays where the sweep found it
        (None, 1),  # only closed by request: put where a sweep will take it over
        (NOVEMBER.start + 24 * HOUR, 1),  # closed before its time: moved ahead
    ],
    ids=["due", "manual", "early"],
)
def test_a_fenced_term_is_on_the_list_at_once(
    billing: Table, terms: StoredTerms, due_at: object, hour: int
) -> None:
    store(billing, a_term(status=TermStatus.GRACE, due_at=due_at))

    terms.fence("sub", OCTOBER.start, "run-1", NOW)

    assert due_hour(billing) == hour


# --- when a term closes by itself


def test_a_term_in_grace_gets_another_time_to_close(billing: Table, terms: StoredTerms) -> None:
    grace = a_term(status=TermStatus.GRACE, due_at=None)
    store(billing, grace)

    terms.retime(grace, NOW + 5 * HOUR, NOW)
    assert due_hour(billing) == 6
    there = terms.get("sub", OCTOBER.start)
    assert there is not None
    assert there.due_at == NOW + 5 * HOUR

    # A time that has passed already goes into the present hour, where the next sweep looks.
    terms.retime(grace, OCTOBER.end, NOW + 3 * HOUR)
    assert due_hour(billing) == 4

    terms.retime(grace, None, NOW)
    assert due_hour(billing) is None
    assert terms.get("sub", OCTOBER.start) == grace


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.CLOSING, TermStatus.FROZEN])
@pytest.mark.parametrize("due_at", [None, NOW])
def test_only_a_term_in_grace_is_retimed(
    billing: Table, terms: StoredTerms, status: TermStatus, due_at: object
) -> None:
    term = a_term(status=status)
    store(billing, term)

    with pytest.raises(Lost):
        terms.retime(term, at("2026-12-24") if due_at else None, NOW)

    assert terms.get("sub", OCTOBER.start) == term


def test_an_open_term_notes_that_its_policy_changed(billing: Table, terms: StoredTerms) -> None:
    store(billing, a_term())

    terms.note_policy(a_term())
    terms.note_policy(a_term())

    assert terms.get("sub", OCTOBER.start) == a_term(changes=2)
    assert due_hour(billing) == 0


@pytest.mark.parametrize("status", [TermStatus.GRACE, TermStatus.CLOSING, TermStatus.FROZEN])
def test_only_an_open_term_notes_a_policy(
    billing: Table, terms: StoredTerms, status: TermStatus
) -> None:
    store(billing, a_term(status=status))

    with pytest.raises(Lost):
        terms.note_policy(a_term())

    assert terms.get("sub", OCTOBER.start) == a_term(status=status)


def test_a_frozen_term_is_taken_off_the_list(billing: Table, terms: StoredTerms) -> None:
    frozen = a_term(status=TermStatus.FROZEN)
    store(billing, frozen)
    assert due_hour(billing) == 0

    terms.settle(frozen)
    terms.settle(frozen)

    assert due_hour(billing) is None
    assert terms.get("sub", OCTOBER.start) == a_term(status=TermStatus.FROZEN, due_at=None)


@pytest.mark.parametrize("status", [TermStatus.OPEN, TermStatus.GRACE, TermStatus.CLOSING])
def test_a_term_that_still_has_to_close_stays_on_the_list(
    billing: Table, terms: StoredTerms, status: TermStatus
) -> None:
    term = a_term(status=status)
    store(billing, term)

    with pytest.raises(Lost):
        terms.settle(term)

    assert due_hour(billing) == 0


def test_an_invoice_is_named_by_its_term() -> None:
    assert a_term(status=TermStatus.GRACE).invoice_id == an_invoice().id
