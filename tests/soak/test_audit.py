"""The soak's auditor finds nothing where nothing is wrong, and each wrong it is there for."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.soak.audit import audit
from tests.soak.audit_totals import audit_totals
from tests.soak.books import Act, Outcome, Told
from tests.soak.ending import Ending
from tests.soak.findings import Finding, Kind
from tests.soak.scene import (
    CONTESTED,
    CORRECTED,
    CORRECTED_LATE,
    DELETED,
    DELETED_LATE,
    KEPT,
    LATE,
    PLAN,
    UNKNOWN_GONE,
    UNKNOWN_THERE,
    Scene,
    Supplement,
    honest,
    place,
)

PLANS = {PLAN.id: PLAN}


def _audit(scene: Scene, ending: Ending | None = None) -> list[Finding]:
    return audit(PLANS, scene.books(), ending or scene.ending())


def _found(findings: list[Finding]) -> set[tuple[Kind, str]]:
    return {(finding.kind, finding.invariant) for finding in findings}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert _audit(honest()) == []


def test_the_honest_world_has_all_that_may_happen() -> None:
    scene = honest()
    told = [attempt.told for attempt in scene.attempts if attempt.told is not None]

    assert {attempt.outcome for attempt in scene.attempts} == {*Outcome}
    assert {attempt.act for attempt in scene.attempts} == {*Act}
    assert {each.billing for each in told} == {"on_time", "late"}
    assert UNKNOWN_THERE in scene.live
    assert UNKNOWN_GONE not in scene.live
    assert [entry.amount.startswith("-") for entry in scene.ending().entries] == [False, True, True]


# --- wrongs of usages and manifests: the invoices are made to agree with them


def _lose_all_of_it(scene: Scene) -> None:
    del scene.live[KEPT]
    del scene.firsts[0][KEPT]


def _lose_it_from_its_invoice(scene: Scene) -> None:
    del scene.firsts[0][KEPT]


def _lose_what_came_late(scene: Scene) -> None:
    del scene.supplements[0]
    scene.supplements[0].k = 1


def _lose_a_correction(scene: Scene) -> None:
    scene.live[CORRECTED] = (1, "20.5")
    scene.firsts[0][CORRECTED] = (1, "20.5")


def _lose_a_late_correction_from_the_bill(scene: Scene) -> None:
    del scene.supplements[1]


def _bring_back_what_was_deleted(scene: Scene) -> None:
    scene.live[DELETED] = (1, "7.75")
    scene.firsts[0][DELETED] = (1, "7.75")


def _bill_a_tombstone(scene: Scene) -> None:
    scene.firsts[0][DELETED] = (1, "7.75")


def _go_on_billing_what_was_deleted_late(scene: Scene) -> None:
    del scene.supplements[2]


def _bill_it_twice_on_its_invoice(scene: Scene) -> None:
    scene.firsts[0][place(6)] = (1, "10.25")


def _bill_it_again_by_a_supplement(scene: Scene) -> None:
    scene.supplements[1].steps[KEPT] = ((0, "0"), (1, "10.25"))


def _bill_a_late_one_twice(scene: Scene) -> None:
    again = Supplement(term=0, k=3, steps={LATE: ((0, "0"), (1, "3.5"))}, on=2)
    scene.supplements.append(again)


def _bill_by_a_supplement_what_was_on_time(scene: Scene) -> None:
    del scene.firsts[0][KEPT]
    scene.supplements[0].steps[KEPT] = ((0, "0"), (1, "10.25"))


def _bill_the_version_before_the_one_on_time(scene: Scene) -> None:
    scene.firsts[0][CORRECTED] = (1, "20.5")
    scene.supplements[0].steps[CORRECTED] = ((1, "20.5"), (2, "21.125"))


def _take_for_deleted_in_time_what_was_deleted_late(scene: Scene) -> None:
    # That the term was frozen, a client was told before the deletion began.
    scene.answered(Act.RECORD, place(12), "1.5", 1, "late")
    scene.live[place(12)] = (1, "1.5")
    scene.firsts[1][place(12)] = (1, "1.5")
    scene.attempts.insert(0, scene.attempts.pop())
    scene.attempts[0] = replace(scene.attempts[0], began=-2.0, ended=-1.0)
    del scene.firsts[1][DELETED_LATE]
    del scene.supplements[2]


def _bill_a_version_at_the_quantity_of_another(scene: Scene) -> None:
    scene.firsts[0][CORRECTED] = (2, "20.5")


def _bill_late_at_the_quantity_of_another(scene: Scene) -> None:
    scene.supplements[1].steps[CORRECTED_LATE] = ((1, "150"), (2, "150"))
    scene.live[CORRECTED_LATE] = (2, "150")


def _store_what_was_refused(scene: Scene) -> None:
    scene.live[CONTESTED] = (2, "9.5")
    scene.firsts[1][CONTESTED] = (2, "9.5")


def _store_what_nobody_asked_for(scene: Scene) -> None:
    scene.live[KEPT] = (2, "99.5")
    scene.firsts[0][KEPT] = (2, "99.5")


def _bill_what_nobody_was_told_of(scene: Scene) -> None:
    scene.supplements[0].steps[place(7)] = ((0, "0"), (1, "4.5"))


def _bill_a_usage_with_another_term(scene: Scene) -> None:
    scene.supplements[2].steps[LATE] = scene.supplements[0].steps.pop(LATE)


def _leave_a_supplement_waiting(scene: Scene) -> None:
    scene.supplements[0].on = None


def _leave_out_a_supplement(scene: Scene) -> None:
    scene.supplements[1].k = 3


def _make_a_version_twice(scene: Scene) -> None:
    scene.answered(Act.RECORD, KEPT, "10.25", 1)


def _record_a_request_again_behind_a_deletion(scene: Scene) -> None:
    where = place(13)
    scene.answered(Act.RECORD, where, "1.5", 1)
    scene.answered(Act.DELETE, where, None, 2, quantity="1.5")
    scene.answered(Act.RECORD, where, "1.5", 3)
    for number in (-3, -1):
        scene.attempts[number] = replace(scene.attempts[number], key="request")
    scene.live[where] = scene.firsts[1][where] = (3, "1.5")


def _answer_a_version_in_two_ways(scene: Scene) -> None:
    scene.answered(Act.RECORD, KEPT, "10.5", 1, replayed=True)


def _read_what_was_there_before(scene: Scene) -> None:
    first = next(each.told for each in scene.attempts if each.place == CORRECTED)
    scene.sights.append(replace(scene.sights[0], place=CORRECTED, told=first))


def _read_nothing_where_there_is_something(scene: Scene) -> None:
    scene.sights.append(replace(scene.sights[0], told=None))


def _read_what_nobody_asked_for(scene: Scene) -> None:
    told = Told(id="x", version=7, quantity=Fraction(5), deleted=False)
    scene.sights.append(replace(scene.sights[0], told=told))


@pytest.mark.parametrize(
    ("wrong", "kind", "invariant"),
    [
        (_lose_all_of_it, Kind.LOST, "I-01"),
        (_lose_it_from_its_invoice, Kind.LOST, "I-01"),
        (_lose_it_from_its_invoice, Kind.FALSE, "I-04"),
        (_lose_what_came_late, Kind.LOST, "I-01"),
        (_lose_a_correction, Kind.LOST, "I-01"),
        (_lose_a_late_correction_from_the_bill, Kind.DOUBLED, "I-01"),
        (_bring_back_what_was_deleted, Kind.LOST, "I-09"),
        (_bill_a_tombstone, Kind.DOUBLED, "I-01"),
        (_go_on_billing_what_was_deleted_late, Kind.DOUBLED, "I-01"),
        (_bill_it_twice_on_its_invoice, Kind.DOUBLED, "I-01"),
        (_bill_it_again_by_a_supplement, Kind.DOUBLED, "I-01"),
        (_bill_a_late_one_twice, Kind.DOUBLED, "I-05"),
        (_bill_by_a_supplement_what_was_on_time, Kind.FALSE, "I-04"),
        (_bill_the_version_before_the_one_on_time, Kind.FALSE, "I-04"),
        (_take_for_deleted_in_time_what_was_deleted_late, Kind.FALSE, "I-04"),
        (_bill_a_version_at_the_quantity_of_another, Kind.LOST, "I-01"),
        (_bill_late_at_the_quantity_of_another, Kind.DOUBLED, "I-09"),
        (_store_what_was_refused, Kind.INVENTED, "I-02"),
        (_store_what_nobody_asked_for, Kind.INVENTED, "I-02"),
        (_bill_what_nobody_was_told_of, Kind.INVENTED, "I-02"),
        (_bill_a_usage_with_another_term, Kind.TERM, "I-01"),
        (_leave_a_supplement_waiting, Kind.LOST, "I-01"),
        (_leave_out_a_supplement, Kind.DOUBLED, "I-06"),
        (_make_a_version_twice, Kind.DOUBLED, "I-07"),
        (_record_a_request_again_behind_a_deletion, Kind.DOUBLED, "I-07"),
        (_answer_a_version_in_two_ways, Kind.LOST, "I-01"),
        (_read_what_was_there_before, Kind.STALE, "I-01"),
        (_read_nothing_where_there_is_something, Kind.STALE, "I-01"),
        (_read_what_nobody_asked_for, Kind.INVENTED, "I-02"),
    ],
)
def test_a_wrong_of_usages_is_found(
    wrong: Callable[[Scene], None], kind: Kind, invariant: str
) -> None:
    scene = honest()
    wrong(scene)

    assert (kind, invariant) in _found(_audit(scene))


# --- wrongs of invoices: what they say is changed after they were made


def _gap(ending: Any) -> None:
    ending.invoices[2]["number"] = "INV-000004"


def _repeat(ending: Any) -> None:
    ending.invoices[2]["number"] = "INV-000002"


def _date_back(ending: Any) -> None:
    ending.invoices[2]["issued_on"] = "2026-03-10"


def _number_what_is_not_issued(ending: Any) -> None:
    ending.invoices[2]["status"] = "skipped"


def _leave_pending(ending: Any) -> None:
    ending.invoices[2] |= {"status": "pending", "number": None}


def _park(ending: Any) -> None:
    ending.invoices[2] |= {"status": "pending", "number": None, "parked": "too much"}


def _lose_the_invoice_of_a_term(ending: Any) -> None:
    del ending.invoices[2]


def _make_two_invoices_of_a_term(ending: Any) -> None:
    ending.invoices.append(ending.invoices[0] | {"id": "inv-9", "number": "INV-000004"})


def _end_a_term_a_day_early(ending: Any) -> None:
    ending.invoices[0]["period"]["end"] = "2026-03-07T00:00:00Z"


def _skip_a_term(ending: Any) -> None:
    ending.subscriptions["sub"]["current_term"]["start"] = "2026-03-23T00:00:00Z"


def _change_a_line(ending: Any) -> None:
    ending.invoices[0]["lines"][1]["amount"] = "1.58"


def _change_a_base_fee(ending: Any) -> None:
    ending.invoices[0]["lines"][0]["amount"] = "10.01"


def _charge_a_base_fee_twice(ending: Any) -> None:
    ending.invoices[0]["lines"].append(ending.invoices[0]["lines"][0])


def _bill_a_line_twice(ending: Any) -> None:
    ending.invoices[0]["lines"].append(ending.invoices[0]["lines"][1])


def _bill_a_line_nobody_has(ending: Any) -> None:
    line = ending.invoices[0]["lines"][1] | {"line_id": "fax"}
    ending.invoices[0]["lines"].append(line)


def _change_the_total(ending: Any) -> None:
    ending.invoices[0]["total"] = "0.01"


def _change_the_tax(ending: Any) -> None:
    ending.invoices[0]["taxes"][0]["amount"] = "0.01"


def _change_the_credit(ending: Any) -> None:
    ending.credits["sub-customer"].append({"currency": "USD", "amount": "5.00"})


def _bill_a_supplement_on_two_invoices(ending: Any) -> None:
    extra = [line for line in ending.invoices[1]["lines"] if line["kind"] == "supplement"]
    ending.invoices[2]["lines"] += extra[:1]


def _leave_a_supplement_off_its_invoice(ending: Any) -> None:
    lines = ending.invoices[1]["lines"]
    ending.invoices[1]["lines"] = [line for line in lines if line["kind"] != "supplement"]


def _send_a_supplement_to_no_invoice_there_is(ending: Any) -> None:
    ending.late[0]["invoice_id"] = "inv-77"


def _change_a_supplement(ending: Any) -> None:
    ending.late[0]["lines"][0]["amount"] = "0.99"


def _change_what_a_supplement_says_was_billed(ending: Any) -> None:
    ending.late[0]["lines"][0]["billed_before"] = "0.99"


def _add_a_supplement_of_no_term(ending: Any) -> None:
    period = {"start": "2026-04-01T00:00:00Z", "end": "2026-04-08T00:00:00Z"}
    ending.late[0]["term"] = period


@pytest.mark.parametrize(
    ("wrong", "kind", "invariant"),
    [
        (_gap, Kind.NUMBER, "I-15"),
        (_repeat, Kind.NUMBER, "I-15"),
        (_date_back, Kind.NUMBER, "I-15"),
        (_number_what_is_not_issued, Kind.NUMBER, "I-15"),
        (_leave_pending, Kind.UNSETTLED, "I-30"),
        (_park, Kind.UNSETTLED, "I-30"),
        (_lose_the_invoice_of_a_term, Kind.TERM, "I-12"),
        (_make_two_invoices_of_a_term, Kind.DOUBLED, "I-10"),
        (_end_a_term_a_day_early, Kind.TERM, "I-12"),
        (_skip_a_term, Kind.TERM, "I-12"),
        (_change_a_line, Kind.AMOUNT, "I-16"),
        (_change_a_base_fee, Kind.AMOUNT, "I-16"),
        (_charge_a_base_fee_twice, Kind.AMOUNT, "I-16"),
        (_bill_a_line_twice, Kind.DOUBLED, "I-16"),
        (_bill_a_line_nobody_has, Kind.AMOUNT, "I-16"),
        (_change_the_total, Kind.AMOUNT, "I-16"),
        (_change_the_tax, Kind.AMOUNT, "I-16"),
        (_change_the_credit, Kind.AMOUNT, "I-16"),
        (_bill_a_supplement_on_two_invoices, Kind.DOUBLED, "I-01"),
        (_leave_a_supplement_off_its_invoice, Kind.LOST, "I-01"),
        (_send_a_supplement_to_no_invoice_there_is, Kind.LOST, "I-01"),
        (_change_a_supplement, Kind.AMOUNT, "I-16"),
        (_change_what_a_supplement_says_was_billed, Kind.AMOUNT, "I-16"),
        (_add_a_supplement_of_no_term, Kind.TERM, "I-06"),
    ],
)
def test_a_wrong_of_invoices_is_found(
    wrong: Callable[[Any], None], kind: Kind, invariant: str
) -> None:
    scene = honest()
    ending = scene.ending()
    wrong(ending)

    assert (kind, invariant) in _found(_audit(scene, ending))


@pytest.mark.parametrize("field", ["subtotal", "credit_balance", "credit_granted"])
def test_each_part_of_a_total_is_reckoned(field: str) -> None:
    scene = honest()
    ending = scene.ending()
    invoice: Any = ending.invoices[1]
    invoice[field] = "77.77"

    assert [finding.kind for finding in _audit(scene, ending)] == [Kind.AMOUNT]


def test_a_skipped_invoice_may_show_the_credit_of_any_time() -> None:
    """It has no number, and so no place in the order in which the credit came and went."""
    ending: Any = honest().ending()
    nothing = ("subtotal", "credit_applied", "credit_granted", "total")
    skipped: Any = {"id": "inv-0", "number": None, "status": "skipped", "subscription_id": PLAN.id}
    skipped |= {"lines": [], "taxes": [], "credit_balance": "0.92"}
    ending.invoices.append(skipped | dict.fromkeys(nothing, "0.00"))

    assert list(audit_totals(PLAN, ending)) == []

    ending.invoices[-1]["credit_applied"] = "0.92"
    assert [finding.kind for finding in audit_totals(PLAN, ending)] == [Kind.AMOUNT]


def test_an_issued_invoice_that_says_something_else_is_found() -> None:
    scene = honest()
    books = scene.books()
    books.read_invoice(dict(scene.ending().invoices[0]) | {"total": "1.00"})

    [finding] = audit(PLANS, books, scene.ending())

    assert (finding.kind, finding.invariant) == (Kind.CHANGED, "I-14")
    assert "total" in finding.text


def test_an_issued_invoice_that_changed_between_two_reads_is_found() -> None:
    scene = honest()
    books = scene.books()
    invoice = dict(scene.ending().invoices[0])
    books.read_invoice(invoice)
    books.read_invoice(invoice | {"document": "done"})
    assert audit(PLANS, books, scene.ending()) == []

    books.read_invoice(invoice | {"issued_on": "2026-03-09"})

    assert _found(audit(PLANS, books, scene.ending())) == {(Kind.CHANGED, "I-14")}


def test_an_issued_invoice_that_is_gone_is_found() -> None:
    scene = honest()
    books = scene.books()
    books.read_invoice(dict(scene.ending().invoices[0]) | {"id": "inv-5"})

    assert _found(audit(PLANS, books, scene.ending())) == {(Kind.CHANGED, "I-14")}


def test_an_answer_that_nobody_should_get_is_found() -> None:
    scene = honest()
    books = scene.books()
    books.failed("client 3 was told 500")

    assert _found(audit(PLANS, books, scene.ending())) == {(Kind.UNSETTLED, "I-30")}


def test_a_finding_names_the_usage_and_tells_its_history() -> None:
    scene = honest()
    _lose_it_from_its_invoice(scene)

    text = "\n".join(line for finding in _audit(scene) for line in finding.lines())

    assert "sub/calls/2026-03-02T00:00:00Z" in text
    assert "INV-000001, line calls: 21.125 is billed, -10.25 more" in text
    assert "client 1: record 10.25: ok version 1, 10.25, on_time, replayed" in text
    assert "in the end: version 1, 10.25" in text


def test_a_promise_that_was_not_kept_names_the_invoice() -> None:
    scene = honest()
    _bill_by_a_supplement_what_was_on_time(scene)

    texts = [finding.text for finding in _audit(scene) if finding.kind is Kind.FALSE]

    assert texts
    assert all(text.endswith("told on_time; INV-000001 is without it") for text in texts)


# --- what is not wrong


def test_a_request_may_be_recorded_again_where_another_was_between() -> None:
    scene = honest()
    _record_a_request_again_behind_a_deletion(scene)
    scene.attempts[-1] = replace(scene.attempts[-1], key="another request")
    assert _audit(scene) == []

    scene.answered(Act.DELETE, place(13), None, 4, quantity="1.5")
    scene.answered(Act.RECORD, place(13), "1.5", 5)
    scene.attempts[-1] = replace(scene.attempts[-1], key="request")
    scene.live[place(13)] = scene.firsts[1][place(13)] = (5, "1.5")

    assert _audit(scene) == []


def test_a_deletion_that_met_the_close_may_be_told_late_and_still_have_come_in_time() -> None:
    scene = honest()
    del scene.firsts[1][DELETED_LATE]
    del scene.supplements[2]

    assert _audit(scene) == []


def test_a_deletion_without_an_answer_may_have_been_done_or_not() -> None:
    for done in (False, True):
        scene = honest()
        scene.unanswered(Act.DELETE, CONTESTED, None, 2, Outcome.UNKNOWN)
        # Before anybody was told that the term was frozen.
        scene.attempts.insert(0, replace(scene.attempts.pop(), began=-2.0, ended=-1.0))
        if done:
            del scene.live[CONTESTED]
            del scene.firsts[1][CONTESTED]

        assert _audit(scene) == []


def test_a_correction_without_an_answer_may_have_been_done_or_not() -> None:
    for done in (False, True):
        scene = honest()
        scene.unanswered(Act.CORRECT, CONTESTED, "5.5", 2, Outcome.UNKNOWN)
        if done:
            scene.live[CONTESTED] = (2, "5.5")
            scene.firsts[1][CONTESTED] = (2, "5.5")

        assert _audit(scene) == []


def test_a_correction_over_another_version_explains_nothing() -> None:
    scene = honest()
    scene.unanswered(Act.CORRECT, CONTESTED, "5.5", 3, Outcome.UNKNOWN)
    scene.live[CONTESTED] = (2, "5.5")
    scene.firsts[1][CONTESTED] = (2, "5.5")

    assert (Kind.INVENTED, "I-02") in _found(_audit(scene))
