"""Recording and deleting usage over HTTP: what is answered and written, and if storage fails."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from postpaid.api.native.errors import RETRY_AFTER_SECONDS
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import USAGE, USAGES, Shop, open_shop

pytestmark = pytest.mark.engine

type Fault = Callable[[], Exception]


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "recording")


def _refused(code: str, status: int = 400) -> Fault:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return lambda: ClientError(response, "PutItem")


# What a platform may answer that says nothing of the request itself.
FAULTS: dict[str, Fault] = {
    "throttled": _refused("ThrottlingException"),
    "over the throughput": _refused("ProvisionedThroughputExceededException"),
    "an internal error": _refused("InternalServerError", 500),
    "an unknown error of the service": _refused("Whatever", 503),
    "no connection": lambda: EndpointConnectionError(endpoint_url="https://dynamodb"),
    "no answer": lambda: ReadTimeoutError(endpoint_url="https://dynamodb"),
}
each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


def _on(day: int, quantity: str = "22", **others: str) -> dict[str, str]:
    return USAGE | {"usage_date": f"2026-10-{day:02d}", "quantity": quantity} | others


def _client(shop: Shop) -> Any:
    return shop.functions.modules["RecordUsageFunction"].client


def test_a_first_recording_is_created_whole(shop: Shop) -> None:
    usages, writes = len(shop.functions.usages_of("recording")), shop.functions.written()

    answer = shop.call("POST", USAGES, _on(1, note="Boston"))

    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    usage_id, integer, recorded_at = (
        answer.json.pop(name) for name in ("id", "integer_id", "recorded_at")
    )
    assert answer.json == {
        "subscription_id": "calls",
        "line_id": "voip-usd",
        "item_price_id": "voip-usd",
        "usage_date": "2026-10-01T04:00:00Z",  # midnight in New York
        "quantity": "22",
        "note": "Boston",
        "source": "api",
        "version": 1,
        "deleted": False,
        "billing": "on_time",
        "replayed": False,
    }
    assert recorded_at.startswith("2026-10-20T12:")
    assert 0 < integer < 2**53
    assert shop.functions.written() == writes + 1
    assert len(shop.functions.usages_of("recording")) == usages + 1
    shown = shop.must("GET", f"{USAGES}/{usage_id}")
    assert (shown["quantity"], shown["integer_id"], shown["note"]) == ("22", integer, "Boston")


def test_a_repeat_is_answered_with_what_was_recorded_and_writes_nothing(shop: Shop) -> None:
    first = shop.call("POST", USAGES, _on(2))
    before = shop.functions.written()

    # The same fact in other words.
    repeats = [
        shop.call("POST", USAGES, body)
        for body in (
            _on(2),
            _on(2, quantity="22.000"),
            _on(2, usage_date="2026-10-02T06:00:00+02:00"),
            _on(2, note="another note"),
            {"line_id": "voip-usd", "usage_date": "2026-10-02", "quantity": 22},
        )
    ]

    assert {answer.status for answer in repeats} == {200}
    for answer in repeats:
        assert answer.json == first.json | {"replayed": True}
    assert shop.functions.written() == before


def test_another_quantity_is_a_conflict_that_shows_both(shop: Shop) -> None:
    shop.must("POST", USAGES, _on(3))
    before = shop.functions.written()

    answer = shop.call("POST", USAGES, _on(3, quantity="23.50"))

    check_refusal(answer, status=409, code="usage_conflict", said="quantity", secrets=[])
    assert answer.json["recorded_quantity"] == "22"
    assert answer.json["submitted_quantity"] == "23.5"
    assert shop.functions.written() == before
    assert shop.must("POST", USAGES, _on(3))["replayed"] is True


def test_events_count_each_for_itself(shop: Shop) -> None:
    event = {"line_id": "texts", "usage_date": "2026-10-03", "quantity": "1"}

    answers = [shop.call("POST", USAGES, event | {"id": name}) for name in ("a", "b", "a")]

    assert [answer.status for answer in answers] == [201, 201, 200]
    assert [answer.json["event_id"] for answer in answers] == ["a", "b", "a"]
    shown = shop.must("GET", f"{USAGES}?line_id=texts&start=2026-10-03&end=2026-10-04")
    assert [usage["event_id"] for usage in shown["data"]] == ["a", "b"]


def test_a_deleted_usage_is_gone_and_can_be_added_again(shop: Shop) -> None:
    usage_id = shop.must("POST", USAGES, _on(4))["id"]

    deleted = [shop.call("DELETE", f"{USAGES}/{usage_id}") for _ in range(2)]

    for answer in deleted:
        assert answer.status == 200
        assert (answer.json["deleted"], answer.json["version"]) == (True, 2)
        assert answer.json["billing"] == "on_time"
    assert shop.call("GET", f"{USAGES}/{usage_id}").code == "usage_not_found"
    query = "start=2026-10-04&end=2026-10-05"
    assert shop.must("GET", f"{USAGES}?{query}")["data"] == []

    again = shop.call("POST", USAGES, _on(4, quantity="5"))

    assert again.status == 201
    assert (again.json["id"], again.json["version"]) == (usage_id, 3)
    assert again.json["quantity"] == "5"
    assert [each["quantity"] for each in shop.must("GET", f"{USAGES}?{query}")["data"]] == ["5"]


@pytest.mark.parametrize(("day", "corrected"), [(5, False), (16, True)])
def test_a_delayed_packet_cannot_bring_a_deleted_usage_back(
    shop: Shop, day: int, corrected: bool
) -> None:
    headers = {"idempotency-key": f"packet-1 of {day}"}
    usage_id = shop.must("POST", USAGES, _on(day), headers=headers)["id"]
    if corrected:
        over = {"if-match": '"1"'}
        shop.must("PUT", f"{USAGES}/{usage_id}", {"quantity": "9"}, headers=over)
    shop.must("DELETE", f"{USAGES}/{usage_id}")
    before = shop.functions.written()

    delayed = shop.call("POST", USAGES, _on(day), headers=headers)

    check_refusal(delayed, status=409, code="usage_deleted", said=None, secrets=[])
    assert shop.functions.written() == before
    assert (
        shop.call(
            "POST", USAGES, _on(day), headers={"idempotency-key": f"packet-2 of {day}"}
        ).status
        == 201
    )


@each_fault
def test_a_put_that_was_not_confirmed_may_be_sent_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    shop.must("POST", USAGES, _on(6))
    before = shop.functions.usages_of("recording")

    def put_item(**_: object) -> None:
        raise fault()

    with monkeypatch.context() as patch:
        patch.setattr(_client(shop), "put_item", put_item)
        answer = shop.call("POST", USAGES, _on(7))

    secrets = shop.functions.internals()
    check_refusal(answer, status=503, code="temporarily_unavailable", said=None, secrets=secrets)
    assert answer.headers["retry-after"] == str(RETRY_AFTER_SECONDS)
    assert shop.functions.usages_of("recording") == before


def test_a_put_whose_answer_was_lost_counts_once_when_it_is_sent_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _client(shop)
    put = client.put_item

    def put_item(**request: Any) -> None:
        put(**request)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    with monkeypatch.context() as patch:
        patch.setattr(client, "put_item", put_item)
        lost = shop.call("POST", USAGES, _on(8))
    before = shop.functions.usages_of("recording")
    again = shop.call("POST", USAGES, _on(8))

    assert (lost.status, again.status, again.json["replayed"]) == (503, 200, True)
    assert shop.functions.usages_of("recording") == before


@each_fault
@pytest.mark.parametrize("is_repeat", [False, True], ids=["first", "repeat"])
def test_once_durable_a_usage_is_never_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, fault: Fault, is_repeat: bool
) -> None:
    event = {"line_id": "texts", "usage_date": "2026-10-09", "quantity": "1"}
    event |= {"id": f"{fault!r}"[-20:].replace("/", "-")}
    if is_repeat:
        shop.must("POST", USAGES, event)

    def query(**_: object) -> None:
        raise fault()

    with monkeypatch.context() as patch:
        patch.setattr(_client(shop), "query", query)
        answer = shop.call("POST", USAGES, event)

    assert answer.status == (200 if is_repeat else 201)
    assert (answer.json["billing"], answer.json["replayed"]) == ("pending", is_repeat)
    shop.must("DELETE", f"{USAGES}/{answer.json['id']}")


def test_a_failure_of_our_own_tells_the_caller_and_the_log_nothing_of_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def put_item(**_: object) -> None:
        raise RuntimeError("the note said: Boston")

    monkeypatch.setattr(_client(shop), "put_item", put_item)

    answer = shop.call("POST", USAGES, _on(10))

    check_refusal(
        answer,
        status=500,
        code="internal_error",
        said=None,
        secrets=["Boston", "RuntimeError", *shop.functions.internals()],
    )
    logged = capfd.readouterr().out
    assert '"error":"RuntimeError"' in logged
    assert answer.request_id in logged
    assert "test_recording.py" in logged  # where it arose
    assert "Boston" not in logged


def test_billing_follows_the_term_of_the_usage(shop: Shop) -> None:
    september = {"item_price_id": "voip-usd", "usage_date": "2026-09-10", "quantity": "1"}
    open_still = shop.must("POST", USAGES, september)
    shop.work()
    in_grace = shop.must("POST", USAGES, september)
    shop.must("POST", f"/v1/invoices/{shop.invoices()[0]['id']}/close")

    late = shop.must("POST", USAGES, september | {"usage_date": "2026-09-11"})
    present = shop.must("POST", USAGES, _on(12))

    assert [each["billing"] for each in (open_still, in_grace, late, present)] == [
        "on_time",
        "on_time",
        "late",
        "on_time",
    ]
    assert [each["replayed"] for each in (in_grace, late)] == [True, False]
