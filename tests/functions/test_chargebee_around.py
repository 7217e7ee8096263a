"""The founding example by the time machine, and what comes around it: late, deleted, voided, ended.

As `docs/api/chargebee.md` tells it, with Chargebee's own SDK.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chargebee import Chargebee, InvalidRequestError

from tests.functions.operations import WORKER, standing_clock
from tests.support.bee import (
    DAY,
    HOUR,
    NOVEMBER,
    OCTOBER,
    drafts,
    stock,
    subscribe,
    travel,
    use,
)
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.sdk import sdk_on
from tests.support.shop import bare_shop

pytestmark = pytest.mark.engine

DECEMBER = NOVEMBER + 30 * DAY
OCTOBER_7 = OCTOBER + 6 * DAY


@pytest.fixture
def cb(sweepable: Functions) -> Iterator[Chargebee]:
    """The SDK on a site in October, with the subscription and its 361 minutes."""
    sweepable.reset()
    shop = bare_shop(sweepable, "around")
    with standing_clock(sweepable), sdk_on(sweepable, shop.admin) as cb:
        cb.TimeMachine.start_afresh("delorean", {"genesis_time": OCTOBER})
        stock(cb)
        cb.Customer.create({"id": "harbor", "company": "Blue Harbor Café"})
        subscribe(cb, "calls", "line-usd", "minutes-usd", start_date=OCTOBER)
        use(cb, "calls", "minutes-usd", "361", OCTOBER + 4 * DAY, id="october")
        yield cb
    sweepable.reset()


@pytest.fixture
def bill_late(sweepable: Functions) -> Callable[[], None]:
    """Have done what the recorder asked for."""

    def work() -> None:
        messages = sweepable.messages("CloseQueue")
        assert messages, "the recorder asked"
        assert sweepable.invoke(WORKER, sqs_event(messages)) == {"batchItemFailures": []}

    return work


def a_draft(cb: Chargebee) -> Any:
    [invoice] = drafts(cb, "calls")
    return invoice


def lines(invoice: Any) -> list[tuple[str, int]]:
    return [(line.entity_id, line.amount) for line in invoice.line_items]


def used(cb: Chargebee) -> Any:
    return cb.Usage.retrieve("calls", {"id": "october"}).usage


def refused(ask: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(InvalidRequestError) as refusal:
        ask()
    return refusal.value.http_status_code, refusal.value.api_error_code


STATE = (409, "invalid_state_for_request")
TWENTY_EIGHT = [("line-usd", 1000), ("minutes-usd", 1805)]


def test_the_month_comes_to_ten_and_eighteen_and_five(cb: Chargebee) -> None:
    travel(cb, NOVEMBER + HOUR)
    pending = a_draft(cb)
    closed = cb.Invoice.close(pending.id).invoice

    assert (lines(pending), pending.total) == (TWENTY_EIGHT, 2805)
    assert (lines(closed), closed.total, closed.amount_due) == (TWENTY_EIGHT, 2805, 2805)
    periods = [(line.date_from, line.date_to) for line in closed.line_items]
    assert periods == [(NOVEMBER, DECEMBER), (OCTOBER, NOVEMBER)]
    assert used(cb).invoice_id == closed.id


def test_usage_that_is_deleted_and_added_again_before_the_close_counts_as_it_is_then(
    cb: Chargebee,
) -> None:
    travel(cb, NOVEMBER + HOUR)
    cb.Usage.delete("calls", {"id": "october"})
    assert lines(a_draft(cb)) == [("line-usd", 1000)]

    use(cb, "calls", "minutes-usd", "100", OCTOBER + 4 * DAY, id="october")

    assert lines(a_draft(cb)) == [("line-usd", 1000), ("minutes-usd", 500)]


def test_usage_behind_the_close_is_a_line_of_the_next_invoice(
    cb: Chargebee, bill_late: Callable[[], None]
) -> None:
    travel(cb, NOVEMBER + HOUR)
    cb.Invoice.close(a_draft(cb).id)
    late = use(cb, "calls", "minutes-usd", "10", OCTOBER_7, id="late")
    bill_late()
    travel(cb, DECEMBER + HOUR)

    closed = cb.Invoice.close(a_draft(cb).id).invoice

    assert late.billing == "late"
    assert lines(closed) == [("line-usd", 1000), ("minutes-usd", 50)]
    [_, line] = closed.line_items
    assert (line.quantity, line.metered, line.pricing_model) == (1, True, None)
    assert (line.date_from, line.date_to) == (OCTOBER, NOVEMBER)
    shown = cb.Usage.retrieve("calls", {"id": "late"}).usage
    assert (shown.invoice_id, shown.line_item_id) == (closed.id, line.id)


def test_what_is_invoiced_stays_though_its_invoice_is_voided(
    cb: Chargebee, bill_late: Callable[[], None]
) -> None:
    travel(cb, NOVEMBER + HOUR)
    closed = cb.Invoice.close(a_draft(cb).id).invoice
    deletion = {"id": "october"}
    assert refused(lambda: cb.Usage.delete("calls", deletion)) == STATE

    voided = cb.Invoice.void_invoice(closed.id).invoice

    assert (voided.status, voided.total, voided.amount_due) == ("voided", 2805, 0)
    assert used(cb).invoice_id is None
    assert refused(lambda: cb.Usage.delete("calls", deletion)) == STATE
    use(cb, "calls", "minutes-usd", "10", OCTOBER_7)
    bill_late()
    travel(cb, DECEMBER + HOUR)
    assert lines(a_draft(cb)) == [("line-usd", 1000), ("minutes-usd", 50)], "neither again"


def test_what_a_deleted_invoice_held_is_charged_by_none(
    cb: Chargebee, bill_late: Callable[[], None]
) -> None:
    travel(cb, NOVEMBER + HOUR)

    deleted = cb.Invoice.delete(a_draft(cb).id).invoice

    assert (deleted.deleted, deleted.amount_due, lines(deleted)) == (True, 0, TWENTY_EIGHT)
    assert drafts(cb, "calls") == []
    assert used(cb).invoice_id is None
    assert refused(lambda: cb.Usage.delete("calls", {"id": "october"})) == STATE
    use(cb, "calls", "minutes-usd", "10", OCTOBER_7)
    bill_late()
    travel(cb, DECEMBER + HOUR)
    assert lines(a_draft(cb)) == [("line-usd", 1000), ("minutes-usd", 50)]


@pytest.mark.parametrize(
    ("option", "last"),
    [
        ({}, [("minutes-usd", 1805)]),
        (
            {"credit_option_for_current_term_charges": "prorate"},
            [("line-usd", -677), ("minutes-usd", 1805)],
        ),
    ],
    ids=["kept", "prorated"],
)
def test_a_cancellation_has_a_last_invoice_of_what_was_used(
    cb: Chargebee, option: dict[str, str], last: list[tuple[str, int]]
) -> None:
    travel(cb, OCTOBER + 10 * DAY)

    cb.Subscription.cancel_for_items("calls", {"cancel_option": "immediately", **option})

    pending = a_draft(cb)
    assert sorted(lines(pending)) == last
    use(cb, "calls", "minutes-usd", "10", OCTOBER_7)
    closed = cb.Invoice.close(pending.id).invoice
    assert closed.total == sum(amount for _, amount in last) + 50
    travel(cb, DECEMBER + HOUR)
    assert drafts(cb, "calls") == []


def test_at_the_end_of_the_term_nothing_more_is_paid_in_advance(cb: Chargebee) -> None:
    cb.Subscription.cancel_for_items("calls", {"cancel_option": "end_of_term"})

    travel(cb, NOVEMBER + HOUR)

    assert lines(a_draft(cb)) == [("minutes-usd", 1805)]
