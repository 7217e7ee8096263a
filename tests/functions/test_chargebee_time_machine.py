"""The clock of a test site at the Chargebee door, and its SDK that waits for it."""

import json
from collections.abc import Iterator

import pytest
from chargebee import OperationFailedError

from postpaid.assembly import control
from tests.functions.operations import StandingClock, standing_clock
from tests.support.chargebee import Door, refused
from tests.support.functions import Functions
from tests.support.sdk import sdk_on
from tests.support.shop import (
    CLOCK,
    CUSTOMER,
    SUBSCRIPTION,
    USAGE,
    USAGES,
    Shop,
    bare_shop,
    open_shop,
)

pytestmark = pytest.mark.engine

MACHINE = "time_machines/delorean"
AT_ONCE = {"closing": {"mode": "auto", "after_hours": 0}}
NOW = 1792497600  # CLOCK
NOVEMBER_2 = 1793577600
DECEMBER_2 = 1796169600
REPLAYED = "chargebee-idempotency-replayed"


@pytest.fixture
def clock(sweepable: Functions) -> Iterator[StandingClock]:
    """The real time, which stands at noon on 20 October 2026."""
    sweepable.reset()
    with standing_clock(sweepable) as clock:
        yield clock
    sweepable.reset()


@pytest.fixture
def shop(sweepable: Functions, clock: StandingClock) -> Shop:
    assert clock.now == CLOCK
    shop = open_shop(sweepable, "delorean")
    shop.must("PATCH", "/v1/subscriptions/calls", AT_ONCE)
    shop.must("POST", USAGES, USAGE)
    return shop


@pytest.fixture
def door(shop: Shop) -> Door:
    return Door(shop.functions, shop.admin)


def by(key: str) -> dict[str, str]:
    return {"chargebee-idempotency-key": key}


def test_a_clock_is_shown_as_chargebee_shows_one(door: Door) -> None:
    assert door.must(door.get(MACHINE)) == {
        "time_machine": {
            "name": "delorean",
            "time_travel_status": "succeeded",
            "genesis_time": NOW,
            "destination_time": NOW,
            "object": "time_machine",
        }
    }


def test_a_month_passes_and_is_invoiced(shop: Shop, door: Door) -> None:
    answer = door.post(f"{MACHINE}/travel_forward", {"destination_time": NOVEMBER_2})

    machine = door.must(answer)["time_machine"]
    assert (machine["time_travel_status"], machine["destination_time"]) == ("succeeded", NOVEMBER_2)
    assert machine["genesis_time"] == NOW
    assert door.must(door.get(MACHINE))["time_machine"] == machine
    assert len(shop.invoices()) == 3
    again = door.post(f"{MACHINE}/travel_forward", {"destination_time": NOVEMBER_2})
    assert again.json["time_machine"] == machine, "it is there"


def test_what_takes_longer_than_a_request_goes_on_while_it_is_watched(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ADVANCE_SECONDS", -1)
    begun = door.post(f"{MACHINE}/travel_forward", {"destination_time": DECEMBER_2})
    assert begun.json["time_machine"]["time_travel_status"] == "in_progress"
    elsewhere = door.post(f"{MACHINE}/travel_forward", {"destination_time": NOVEMBER_2})
    assert refused(elsewhere) == (409, "invalid_state_for_request", None)
    watched = door.must(door.get(MACHINE))["time_machine"]
    assert watched["time_travel_status"] == "in_progress"

    monkeypatch.undo()

    assert door.must(door.get(MACHINE))["time_machine"]["time_travel_status"] == "succeeded"
    assert len(shop.invoices()) == 4


def test_the_sdk_waits_until_it_is_there(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ADVANCE_SECONDS", -1)
    with sdk_on(shop.functions, shop.admin) as cb:
        begun = cb.TimeMachine.travel_forward("delorean", {"destination_time": NOVEMBER_2})
        monkeypatch.undo()
        cb.update_time_travel_retry_delay_ms(1)

        there = cb.TimeMachine.wait_for_time_travel_completion(begun.time_machine)

    assert begun.time_machine.time_travel_status == "in_progress"
    assert there.time_machine.time_travel_status == "succeeded"
    assert len(shop.invoices()) == 3


def test_a_travel_that_fails_is_what_the_sdk_raises(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Blue Harbor")

    monkeypatch.setattr(control, "work_term", broken)
    with sdk_on(shop.functions, shop.admin) as cb:
        failed = cb.TimeMachine.travel_forward("delorean", {"destination_time": NOVEMBER_2})
        with pytest.raises(OperationFailedError) as refusal:
            cb.TimeMachine.wait_for_time_travel_completion(failed.time_machine)

    assert refusal.value.api_error_code == "invalid_state_for_request"
    machine = door.must(door.get(MACHINE))["time_machine"]
    assert (machine["time_travel_status"], machine["failure_reason"]) == (
        "failed",
        "ZeroDivisionError",
    )
    error = json.loads(machine["error_json"])
    assert error.keys() >= {"message", "type", "api_error_code", "http_code"}
    assert "Blue Harbor" not in json.dumps(machine)


def test_a_site_that_starts_afresh_is_empty_but_for_what_it_sells(shop: Shop, door: Door) -> None:
    answer = door.post(f"{MACHINE}/start_afresh", {"genesis_time": NOW - 40 * 86400})

    machine = door.must(answer)["time_machine"]
    assert machine["genesis_time"] == machine["destination_time"] == NOW - 40 * 86400
    assert machine["time_travel_status"] == "succeeded"
    for path in ("usages", "subscriptions", "customers", "invoices"):
        assert door.must(door.get(path)) == {"list": []}
    assert len(door.must(door.get("item_prices"))["list"]) == 3
    shop.must("POST", "/v1/customers", CUSTOMER)
    assert shop.call("POST", "/v1/subscriptions", SUBSCRIPTION).status == 201


def test_a_start_and_a_travel_without_times_are_for_the_present(
    shop: Shop, door: Door, clock: StandingClock
) -> None:
    afresh = door.must(door.post(f"{MACHINE}/start_afresh"))["time_machine"]
    assert afresh["genesis_time"] == NOW
    door.must(door.post(f"{MACHINE}/start_afresh", {"genesis_time": NOW - 86400}))

    there = door.must(door.post(f"{MACHINE}/travel_forward"))["time_machine"]

    assert (there["destination_time"], there["time_travel_status"]) == (NOW, "succeeded")


def test_a_start_under_a_key_is_one_though_it_makes_another_generation(
    shop: Shop, door: Door
) -> None:
    made = door.post("customers", {"id": "globex"}, headers=by("c"))
    form = {"genesis_time": NOW - 86400}
    first = door.post(f"{MACHINE}/start_afresh", form, headers=by("k"))

    after = door.post("customers", {"id": "globex"}, headers=by("c"))
    again = door.post(f"{MACHINE}/start_afresh", form, headers=by("k"))

    assert (first.status, REPLAYED in first.headers) == (200, False)
    assert (again.json, again.headers[REPLAYED]) == (first.json, "true")
    assert door.get("customers/globex").status == 200, "the second one did not start afresh"
    # But a key of the site as it was means nothing now.
    assert (after.status, REPLAYED in after.headers) == (made.status, False)


def test_a_live_site_has_no_clock_of_its_own(sweepable: Functions, clock: StandingClock) -> None:
    live = bare_shop(sweepable, "live", clock=None)
    door = Door(sweepable, live.admin)

    shown = door.must(door.get(MACHINE))["time_machine"]

    assert shown["time_travel_status"] == "not_enabled"
    state = (409, "invalid_state_for_request", None)
    form = {"destination_time": NOVEMBER_2}
    assert refused(door.post(f"{MACHINE}/travel_forward", form)) == state
    assert refused(door.post(f"{MACHINE}/start_afresh")) == state


WRONG = "param_wrong_value"


@pytest.mark.parametrize(
    ("verb", "form", "param"),
    [
        ("travel_forward", {"destination_time": NOW}, "destination_time"),
        ("travel_forward", {"destination_time": NOW + 1200 * 86400}, "destination_time"),
        ("travel_forward", {"destination_time": "soon"}, "destination_time"),
        ("travel_forward", {"destination_time": 1}, "destination_time"),
        ("travel_forward", {"genesis_time": NOW}, "genesis_time"),
        ("start_afresh", {"genesis_time": NOW + 1}, "genesis_time"),
        ("start_afresh", {"genesis_time": NOW - 1200 * 86400}, "genesis_time"),
        ("start_afresh", {"destination_time": NOW}, "destination_time"),
    ],
    ids=str,
)
def test_a_time_that_cannot_be_meant_is_refused_by_its_name(
    shop: Shop, door: Door, verb: str, form: dict[str, object], param: str
) -> None:
    assert refused(door.post(f"{MACHINE}/{verb}", form)) == (400, WRONG, param)
    assert door.get("subscriptions/calls").status == 200, "nothing began"


@pytest.mark.parametrize("name", ["DeLorean", "tardis", "1"])
def test_there_is_one_time_machine(door: Door, name: str) -> None:
    missing = (404, "resource_not_found", None)

    assert refused(door.get(f"time_machines/{name}")) == missing
    for verb in ("start_afresh", "travel_forward"):
        assert refused(door.post(f"time_machines/{name}/{verb}")) == missing
    assert refused(door.get(MACHINE, {"x": "y"})) == (400, WRONG, "x")
