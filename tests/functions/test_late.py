"""Corrections and late usage as a client sees them: told, billed by a worker, listed."""

import json
from typing import Any

import pytest

from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SUBSCRIPTION, USAGE, Shop, open_shop

pytestmark = pytest.mark.engine

SEPTEMBER = USAGE | {"usage_date": "2026-09-15"}


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "late")


def invoiced(shop: Shop, name: str, **more: Any) -> str:
    """Make a subscription whose September is invoiced, 22 minutes of it."""
    lines = [{"item_price_id": "voip-usd"}]
    body = SUBSCRIPTION | {"id": name, "lines": lines, **more}
    shop.must("POST", "/v1/subscriptions", body)
    path = f"/v1/subscriptions/{name}"
    shop.must("POST", f"{path}/usages", SEPTEMBER)
    shop.work(name)
    [pending] = shop.invoices(name)
    shop.must("POST", f"/v1/invoices/{pending['id']}/close")
    shop.functions.messages("CloseQueue")
    return path


def worked(shop: Shop) -> list[dict[str, Any]]:
    """Let the worker do what it is asked for, and return what that was."""
    bodies = shop.functions.messages("CloseQueue")
    for body in bodies:
        answer = shop.functions.invoke("CloseWorkerFunction", sqs_event([body]))
        assert answer == {"batchItemFailures": []}
    return [json.loads(body) for body in bodies]


def test_late_usage_is_billed_by_a_worker_and_listed_with_its_invoice(shop: Shop) -> None:
    path = invoiced(shop, "latecomer")

    late = shop.must("POST", f"{path}/usages", SEPTEMBER | {"usage_date": "2026-09-16"})

    assert late["billing"] == "late"
    [asked] = worked(shop)
    assert [term[1] for term in asked["reconcile"]] == ["TERM#2026-09-01T04:00:00Z"]
    [shown] = [
        each
        for each in shop.must("GET", "/v1/late-usages")["data"]
        if each["subscription_id"] == "latecomer"
    ]
    assert (shown["amount"], shown["supplement"], shown["policy"]) == ("1.10", 1, "supplement")
    assert shown["invoice_id"] is None, "it waits for October's invoice"
    assert shown["term"] == {"start": "2026-09-01T04:00:00Z", "end": "2026-10-01T04:00:00Z"}
    assert shown["usages"] == [
        {
            "id": late["id"],
            "billed_version": 0,
            "billed_quantity": "0",
            "version": 1,
            "quantity": "22",
        }
    ]
    coming = shop.must("GET", f"{path}/upcoming-invoice")["lines"]
    assert [(each["kind"], each["amount"]) for each in coming] == [
        ("base_fee", "10.00"),
        ("supplement", "1.10"),
    ]


def test_late_usage_of_a_subscription_that_ended_has_an_invoice_of_its_own(shop: Shop) -> None:
    path = invoiced(shop, "gone")
    shop.must("POST", f"{path}/cancel", {"at": "now"})
    [last, *_] = shop.invoices("gone")
    shop.must("POST", f"/v1/invoices/{last['id']}/close")
    shop.functions.messages("CloseQueue")

    shop.must("POST", f"{path}/usages", SEPTEMBER | {"usage_date": "2026-09-16"})
    worked(shop)

    own = [each for each in shop.invoices("gone") if each["supplement"]]
    assert [(each["status"], each["total"]) for each in own] == [("issued", "1.10")]
    [shown] = [
        each
        for each in shop.must("GET", "/v1/late-usages")["data"]
        if each["subscription_id"] == "gone"
    ]
    assert shown["invoice_id"] == own[0]["id"]


def test_the_daily_audit_finds_what_no_recorder_asked_for(sweepable: Functions) -> None:
    sweepable.reset()
    shop = open_shop(sweepable, "audited")
    for n in range(12):  # more than one message audits
        body = SUBSCRIPTION | {"id": f"other-{n}", "lines": [{"item_price_id": "voip-usd"}]}
        shop.must("POST", "/v1/subscriptions", body)
    path = invoiced(shop, "audit-late")
    shop.must("POST", f"{path}/usages", SEPTEMBER | {"usage_date": "2026-09-16"})
    assert len(sweepable.messages("CloseQueue")) == 1, "the recorder's message, which gets lost"
    assert shop.must("GET", "/v1/late-usages")["data"] == []

    assert sweepable.invoke("CloseDispatcherFunction", {"audit": True}) == {"sites": 1}

    asked = []
    while bodies := sweepable.messages("CloseQueue"):
        for message in bodies:
            if "audit" in json.loads(message):
                asked.append(json.loads(message)["audit"]["after"])
                answer = sweepable.invoke("CloseWorkerFunction", sqs_event([message]))
                assert answer == {"batchItemFailures": []}
    assert len(asked) == 2
    [found] = shop.must("GET", "/v1/late-usages")["data"]
    assert (found["subscription_id"], found["amount"]) == ("audit-late", "1.10")


def test_a_usage_is_corrected_over_the_version_that_was_shown(shop: Shop) -> None:
    path = "/v1/subscriptions/calls/usages"
    made = shop.call("POST", path, USAGE | {"usage_date": "2026-10-11"})
    target = f"{path}/{made.json['id']}"
    assert made.headers["etag"] == '"1"'

    corrected = shop.call("PUT", target, {"quantity": "30"}, headers={"if-match": '"1"'})
    again = shop.call("PUT", target, {"quantity": "30"}, headers={"if-match": '"1"'})
    stale = shop.call("PUT", target, {"quantity": "31"}, headers={"if-match": '"1"'})

    assert (corrected.status, corrected.json["replayed"]) == (200, False)
    assert (corrected.json["version"], corrected.json["billing"]) == (2, "on_time")
    assert corrected.headers["etag"] == '"2"'
    assert (again.status, again.json["replayed"]) == (200, True)
    check_refusal(stale, status=412, code="version_mismatch", said="If-Match", secrets=[shop.admin])
    assert (stale.json["version"], stale.json["recorded_quantity"]) == (2, "30")
    assert shop.must("GET", target)["quantity"] == "30"


# headers, body, what is refused
REFUSED: list[tuple[dict[str, str], object, int, str, str | None]] = [
    ({}, {"quantity": "3"}, 422, "missing_field", "If-Match"),
    ({"if-match": "1"}, {"quantity": "3"}, 422, "invalid_field", "If-Match"),
    ({"if-match": "*"}, {"quantity": "3"}, 422, "missing_field", "If-Match"),
    ({"if-match": '"1"'}, {}, 422, "missing_field", "quantity"),
    ({"if-match": '"1"'}, {"quantity": "0"}, 422, "invalid_field", "quantity"),
    ({"if-match": '"1"'}, {"quantity": "x"}, 422, "invalid_field", "quantity"),
    (
        {"if-match": '"1"'},
        {"quantity": "3", "usage_date": "2026-10-01"},
        *(422, "unknown_field", "usage_date"),
    ),
    ({"if-match": '"1"'}, {"quantity": "3", "note": "a\nb"}, 422, "invalid_field", "note"),
    ({"if-match": '"1"'}, {"quantity": "3", "note": "n" * 501}, 422, "invalid_field", "note"),
]


@pytest.mark.parametrize(("headers", "body", "status", "code", "field"), REFUSED)
def test_a_correction_that_cannot_be_is_refused_by_name_and_writes_nothing(
    shop: Shop, headers: dict[str, str], body: object, status: int, code: str, field: str | None
) -> None:
    path = "/v1/subscriptions/calls/usages"
    made = shop.must("POST", path, USAGE | {"usage_date": "2026-10-12"})
    before = shop.functions.written()

    answer = shop.call("PUT", f"{path}/{made['id']}", body, headers=headers)

    check_refusal(answer, status=status, code=code, said=field, secrets=[shop.admin])
    assert shop.functions.written() == before


def test_where_nothing_late_is_taken_it_is_refused_before_it_is_written(shop: Shop) -> None:
    path = invoiced(shop, "strict", late_usage="refuse")
    before = shop.functions.written()

    late = shop.call("POST", f"{path}/usages", SEPTEMBER | {"usage_date": "2026-09-16"})

    check_refusal(late, status=409, code="term_closed", said="usage_date", secrets=[shop.admin])
    assert shop.functions.written() == before
    changed = shop.must("PATCH", path, {"late_usage": "store_only"})
    assert changed["late_usage"] == "store_only"


def test_a_policy_is_one_of_three_and_is_not_taken_away(shop: Shop) -> None:
    for target in ("/v1/subscriptions/calls", "/v1/site"):
        for value in ("ignore", None):
            answer = shop.call("PATCH", target, {"late_usage": value})
            check_refusal(
                answer,
                status=422,
                code="invalid_field",
                said="late_usage",
                secrets=[shop.admin],
            )
    assert shop.must("PATCH", "/v1/site", {"late_usage": "refuse"})["late_usage"] == "refuse"
    shop.must("PATCH", "/v1/site", {"late_usage": "supplement"})
