"""What users of Chargebee's SDK get on the deployed stack when something goes wrong."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from chargebee import APIError, Chargebee, InvalidRequestError
from chargebee.retry_config import RetryConfig

from postpaid_cli.stack import LocalStack
from tests.support.bee import (
    DAY,
    HOUR,
    NOVEMBER,
    OCTOBER,
    Bee,
    bee_on,
    drafts,
    stock,
    subscribe,
    travel,
    use,
)
from tests.support.sdk import Wire, sdk_at

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def bee(stack: LocalStack) -> Iterator[Bee]:
    """A site whose October is invoiced, with a usage."""
    with bee_on(stack, "bee-refusals") as found:
        cb = found.sdk
        stock(cb)
        cb.Customer.create({"id": "harbor", "company": "Blue Harbor Café"})
        subscribe(cb, "calls", "line-usd", "minutes-usd", start_date=OCTOBER)
        travel(cb, OCTOBER + 6 * DAY)
        use(cb, "calls", "minutes-usd", "100", OCTOBER + 5 * DAY, id="day-5")
        travel(cb, NOVEMBER + HOUR)
        [due] = drafts(cb, "calls")
        cb.Invoice.close(due.id)
        yield found
        assert found.wire.faults() == []


def test_of_two_creates_at_once_exactly_one_wins(bee: Bee) -> None:
    cb = bee.sdk
    for second in range(5):
        gate = Barrier(2)

        def create(quantity: str, at: int = NOVEMBER + 300 + second, gate: Barrier = gate) -> str:
            gate.wait(timeout=30)
            try:
                return str(use(cb, "calls", "minutes-usd", quantity, at).quantity)
            except InvalidRequestError as refusal:
                return f"{refusal.api_error_code} {refusal.param}"

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(create, ("1", "2")))
        at = {"usage_date": {"between": [NOVEMBER + 300 + second] * 2}}
        [there] = cb.Usage.list(at).list

        assert "duplicate_entry usage_date" in outcomes
        assert there.usage.quantity in outcomes


REFUSALS: dict[str, tuple[Callable[[Chargebee], object], type[APIError], int, str, str | None]] = {
    "a usage there is": (
        lambda cb: use(cb, "calls", "minutes-usd", "9", OCTOBER + 5 * DAY),
        InvalidRequestError,
        400,
        "duplicate_entry",
        "usage_date",
    ),
    "an id there is": (
        lambda cb: use(cb, "calls", "minutes-usd", "9", NOVEMBER + 1, id="day-5"),
        InvalidRequestError,
        400,
        "duplicate_entry",
        "id",
    ),
    "a quantity that is none": (
        lambda cb: use(cb, "calls", "minutes-usd", "many", NOVEMBER + 2),
        InvalidRequestError,
        400,
        "param_wrong_value",
        "quantity",
    ),
    "a usage that is invoiced": (
        lambda cb: cb.Usage.delete("calls", {"id": "day-5"}),
        InvalidRequestError,
        409,
        "invalid_state_for_request",
        None,
    ),
    "a usage that is not there": (
        lambda cb: cb.Usage.retrieve("calls", {"id": "nothing"}),
        InvalidRequestError,
        404,
        "resource_not_found",
        None,
    ),
    "a customer there is": (
        lambda cb: cb.Customer.create({"id": "harbor"}),
        InvalidRequestError,
        400,
        "duplicate_entry",
        "id",
    ),
    "a customer that is not there": (
        lambda cb: cb.Customer.retrieve("nobody"),
        InvalidRequestError,
        404,
        "resource_not_found",
        None,
    ),
    "money that nobody collects": (
        lambda cb: cb.Customer.create({"auto_collection": "on"}),
        InvalidRequestError,
        400,
        "configuration_incompatible",
        "auto_collection",
    ),
    "a card": (
        lambda cb: cb.Customer.create({"card": {"number": "4111111111111111"}}),
        InvalidRequestError,
        400,
        "configuration_incompatible",
        "card",
    ),
    "an invoice that is closed": (
        lambda cb: cb.Invoice.close(
            cb.Invoice.invoices_for_subscription("calls").list[0].invoice.id
        ),
        InvalidRequestError,
        409,
        "invalid_state_for_request",
        None,
    ),
    "what is not served": (
        lambda cb: cb.Coupon.list(),
        InvalidRequestError,
        404,
        "resource_not_found",
        None,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_the_exception_that_a_user_would_get(bee: Bee, name: str) -> None:
    ask, kind, status, code, param = REFUSALS[name]
    with pytest.raises(kind) as refused:
        ask(bee.sdk)

    found = refused.value
    assert (found.http_status_code, found.api_error_code, found.param) == (status, code, param)


def test_a_wrong_key_is_an_api_error(stack: LocalStack) -> None:
    with sdk_at(stack, "nobody", Wire()) as cb, pytest.raises(APIError) as refused:
        cb.Customer.list()

    assert (refused.value.http_status_code, refused.value.api_error_code) == (
        401,
        "api_authentication_failed",
    )


def test_a_key_sent_again_is_answered_as_before(bee: Bee) -> None:
    cb, headers = bee.sdk, {"chargebee-idempotency-key": "once"}
    first = cb.Customer.create({"company": "Once Ltd"}, headers=headers)
    again = cb.Customer.create({"company": "Once Ltd"}, headers=headers)
    with pytest.raises(InvalidRequestError) as other:
        cb.Customer.create({"company": "Twice Ltd"}, headers=headers)

    assert again.customer.id == first.customer.id
    assert (first.is_idempotency_replayed, again.is_idempotency_replayed) == (False, True)
    assert (other.value.http_status_code, other.value.api_error_code) == (
        422,
        "unable_to_process_request",
    )


def test_what_the_sdk_repeats_by_itself_is_done_once(bee: Bee) -> None:
    cb = bee.sdk
    cb.env.retry_config = RetryConfig(enabled=True, max_retries=3, delay_ms=10)
    try:
        bee.wire.lose = 2
        customer = cb.Customer.create({"company": "Lost Answers Ltd"})
        bee.wire.lose = 1
        usage = use(cb, "calls", "minutes-usd", "3", NOVEMBER + 900)
    finally:
        cb.env.retry_config = RetryConfig()
        bee.wire.lose = 0
    found = cb.Customer.list({"company": {"is": "Lost Answers Ltd"}}).list

    assert [each.customer.id for each in found] == [customer.customer.id]
    assert customer.is_idempotency_replayed is True
    assert cb.Usage.retrieve("calls", {"id": usage.id}).usage.quantity == "3"
