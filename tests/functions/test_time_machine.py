"""A test site that starts afresh, and its clock that travels, as clients and messages see it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from postpaid.assembly import control
from postpaid.domain.api_key import KeyScope
from postpaid.outbound import queue
from tests.functions.operations import StandingClock, standing_clock
from tests.support.events import sqs_event
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import (
    CLOCK,
    CUSTOMER,
    SUBSCRIPTION,
    USAGE,
    USAGES,
    Shop,
    bare_shop,
    open_shop,
    stocked_shop,
)

pytestmark = pytest.mark.engine

AFRESH, ADVANCE = "/v1/test-clock/start-afresh", "/v1/test-clock/advance"
AT_ONCE = {"closing": {"mode": "auto", "after_hours": 0}}


@pytest.fixture
def clock(sweepable: Functions) -> Iterator[StandingClock]:
    """The real time, which stands at noon on 20 October 2026; caches do not age."""
    sweepable.reset()
    with standing_clock(sweepable) as clock:
        yield clock
    sweepable.reset()


@pytest.fixture
def shop(sweepable: Functions, clock: StandingClock) -> Shop:
    """A test site on which something was used and invoiced, and whose price has two versions."""
    assert clock.now == CLOCK
    shop = open_shop(sweepable, "phoenix")
    shop.must("PATCH", "/v1/item-prices/voip-usd", {"base_fee": "12.00"})
    shop.must("PATCH", "/v1/subscriptions/calls", AT_ONCE)
    shop.must("POST", USAGES, USAGE | {"external_id": "x"})
    shop.must("POST", ADVANCE, {"to": "2026-11-02"})
    assert [each["number"] for each in shop.invoices()] == [
        "INV-000003",
        "INV-000002",
        "INV-000001",
    ]
    return shop


def seen(shop: Shop) -> dict[str, Any]:
    """Return what every list of a site shows."""
    names = ("customers", "subscriptions", "invoices", "late-usages", "items", "item-prices")
    return {name: shop.must("GET", f"/v1/{name}")["data"] for name in names}


def test_nothing_of_before_is_seen_but_what_is_sold(shop: Shop) -> None:
    before = seen(shop)
    usage = shop.must("GET", USAGES)["data"][0]["id"]
    invoice = shop.invoices()[0]["id"]
    gone = (
        *("customers/harbor", "customers/harbor/invoices", "customers/harbor/credits"),
        *("subscriptions/calls", "subscriptions/calls/invoices", "subscriptions/calls/usages"),
        *(f"subscriptions/calls/usages/{usage}", "subscriptions/calls/upcoming-invoice"),
        *(f"invoices/{invoice}", f"invoices/{invoice}/pdf", f"invoices/{invoice}/payments"),
    )
    for path in gone:
        assert shop.call("GET", f"/v1/{path}").status in {200, 409}

    shown = shop.must("POST", AFRESH, {"at": "2026-10-01"})

    assert shown == {
        "now": "2026-10-01T00:00:00Z",
        "genesis": "2026-10-01T00:00:00Z",
        "destination": None,
        "status": "succeeded",
        "reason": None,
    }
    kept = {name: before[name] for name in ("items", "item-prices")}
    empty: dict[str, Any] = {name: [] for name in before}
    assert seen(shop) == empty | kept
    assert {shop.call("GET", f"/v1/{path}").status for path in gone} == {404}
    assert shop.must("GET", "/v1/usages?external_id=x")["data"] == []
    for version, fee in ((1, "10"), (2, "12")):
        path = f"/v1/item-prices/voip-usd/versions/{version}"
        assert shop.must("GET", path)["base_fee"] == fee


def test_the_same_ids_are_billed_anew_by_the_same_warm_processes_and_keys(shop: Shop) -> None:
    writer = shop.new_key(KeyScope.USAGE_WRITE)
    assert shop.must("POST", USAGES, USAGE, key=writer)["replayed"] is True
    old = {each["id"] for each in shop.invoices()}

    shop.must("POST", AFRESH, {"at": "2026-10-16T12:00:00Z"})

    # Both processes have the key in memory, and one the subscription of before.
    assert shop.call("POST", USAGES, USAGE, key=writer).code == "subscription_not_found"
    shop.must("POST", "/v1/customers", CUSTOMER)
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | AT_ONCE)
    made = shop.call("POST", USAGES, USAGE | {"external_id": "x"}, key=writer)
    assert (made.status, made.json["version"]) == (201, 1)
    assert made.json["recorded_at"].startswith("2026-10-16")
    shop.must("POST", ADVANCE, {"to": "2026-11-02"})
    invoices = shop.invoices()
    assert [each["number"] for each in invoices] == ["INV-000003", "INV-000002", "INV-000001"]
    assert not old & {each["id"] for each in invoices}
    assert shop.must("GET", "/v1/customers/harbor")["integer_id"] == 1


def test_messages_of_a_generation_that_was_left_do_nothing_and_fail_nobody(
    shop: Shop, clock: StandingClock
) -> None:
    functions = shop.functions
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | AT_ONCE | {"id": "more"})
    shop.must("POST", "/v1/subscriptions/more/usages", USAGE)
    functions.invoke("CloseDispatcherFunction", {})
    functions.invoke("CloseDispatcherFunction", {"audit": True})
    left = functions.messages("CloseQueue")
    assert any("more" in body for body in left)
    term = left[0]
    scope = shop.site.scope
    shop.must("POST", AFRESH, {"at": "2026-10-01"})
    before = functions.written()
    late = queue.audit_message(scope, "2026-10-20T12:00:00Z#more")

    for body in [*left, json.dumps(late), term]:
        answer = functions.invoke("CloseWorkerFunction", sqs_event([body]))
        assert answer == {"batchItemFailures": []}

    assert functions.written() == before
    clock.now = CLOCK.replace(month=12)
    assert functions.invoke("CloseDispatcherFunction", {}) == {"due": 0}, "nobody sweeps it either"


def test_the_schedule_sweeps_and_audits_the_present_generation(
    shop: Shop, clock: StandingClock
) -> None:
    functions = shop.functions
    shop.must("POST", AFRESH)
    shop.must("POST", "/v1/customers", CUSTOMER)
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | AT_ONCE)
    functions.messages("CloseQueue")
    clock.now = CLOCK.replace(month=11)

    assert functions.invoke("CloseDispatcherFunction", {}) == {"due": 2}
    for body in functions.messages("CloseQueue"):
        assert "phoenix~2#" in body
        functions.invoke("CloseWorkerFunction", sqs_event([body]))
    assert {each["status"] for each in shop.invoices()} == {"issued"}
    assert functions.invoke("CloseDispatcherFunction", {"audit": True}) == {"sites": 1}
    [asked] = functions.messages("CloseQueue")
    functions.calls.clear()
    functions.invoke("CloseWorkerFunction", sqs_event([asked]))
    assert "GetObject" in functions.calls, "what was frozen is compared with what was used"


def test_a_clock_is_watched_as_it_travels(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ADVANCE_SECONDS", -1)
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | AT_ONCE | {"id": "more"})

    begun = shop.call("POST", ADVANCE, {"to": "2026-12-02"})

    assert (begun.status, begun.json["done"]) == (202, False)
    assert shop.must("GET", "/v1/test-clock")["status"] == "in_progress"
    monkeypatch.undo()
    assert shop.must("GET", "/v1/test-clock") == {
        "now": "2026-12-02T00:00:00Z",
        "genesis": "2026-10-20T12:00:00Z",
        "destination": "2026-12-02T00:00:00Z",
        "status": "succeeded",
        "reason": None,
    }
    assert len(shop.invoices("more")) == 4


def test_a_travel_that_fails_says_so_and_is_logged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Blue Harbor")

    monkeypatch.setattr(control, "work_term", broken)

    refused = shop.call("POST", ADVANCE, {"to": "2026-12-02"})

    check_refusal(refused, status=409, code="travel_failed", said=None, secrets=[shop.admin])
    shown = shop.must("GET", "/v1/test-clock")
    assert (shown["status"], shown["reason"]) == ("failed", "ZeroDivisionError")
    logged = capsys.readouterr().out
    assert '"travel_failed"' in logged
    assert "Blue Harbor" not in logged


def test_a_live_site_neither_starts_afresh_nor_has_a_clock(
    sweepable: Functions, clock: StandingClock
) -> None:
    live = bare_shop(sweepable, "live", clock=None)

    refused = live.call("POST", AFRESH)

    check_refusal(refused, status=409, code="live_site", said=None, secrets=[live.admin])
    assert live.must("GET", "/v1/test-clock")["status"] == "not_enabled"


@pytest.mark.parametrize("at", ["2026-10-20T12:00:01Z", "2023-10-01", "soon"])
@pytest.mark.usefixtures("clock")
def test_a_clock_that_cannot_begin_there_is_refused_by_its_field(
    sweepable: Functions, at: str
) -> None:
    shop = stocked_shop(sweepable, "phoenix")

    refused = shop.call("POST", AFRESH, {"at": at})

    check_refusal(refused, status=422, code="invalid_field", said="at", secrets=[shop.admin])
    assert shop.must("GET", "/v1/customers/harbor")["id"] == "harbor"
