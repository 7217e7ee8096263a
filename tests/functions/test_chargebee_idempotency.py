"""Idempotency keys at the Chargebee door: one request, one thing, one answer for half an hour."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from postpaid.application.replay import CLAIM_HELD, KEY_LIFETIME
from postpaid.domain.api_key import KeyScope
from tests.functions.operations import StandingClock, standing_clock
from tests.support.chargebee import Door, refused
from tests.support.functions import Functions

pytestmark = pytest.mark.engine

API = "ChargebeeApiFunction"
REPLAYED = "chargebee-idempotency-replayed"


@pytest.fixture(scope="module")
def clock(functions: Functions) -> Iterator[StandingClock]:
    """The real time, which stands until a test moves it."""
    with standing_clock(functions) as clock:
        yield clock


@pytest.fixture(scope="module")
def door(functions: Functions, clock: StandingClock) -> Door:
    return Door(functions, functions.new_key(functions.new_site("bee-keys")))


def by(key: str) -> dict[str, str]:
    return {"chargebee-idempotency-key": key}


def makes_a_customer(request: dict[str, Any]) -> bool:
    """Tell whether a transaction has a customer in it."""
    puts = [each["Put"]["Item"] for each in request["TransactItems"] if "Put" in each]
    return any("#customer#" in str(item["pk"]) for item in puts)


def customers(door: Door) -> set[str]:
    page = door.must(door.get("customers", {"limit": 100}))["list"]
    return {each["customer"]["id"] for each in page}


def test_the_same_request_is_answered_so_again_and_makes_nothing(door: Door) -> None:
    first = door.post("customers", {"company": "Globex"}, headers=by("k1"))
    made = customers(door)

    again = door.post("customers", {"company": "Globex"}, headers=by("k1"))

    assert (first.status, REPLAYED in first.headers) == (200, False)
    assert (again.status, again.headers[REPLAYED]) == (200, "true")
    assert again.json == first.json
    assert customers(door) == made


def test_without_a_key_there_are_two_and_no_header(door: Door) -> None:
    before = customers(door)

    answers = [door.post("customers", {"company": "Initech"}) for _ in range(2)]

    assert [REPLAYED in each.headers for each in answers] == [False, False]
    assert len(customers(door) - before) == 2


def test_a_key_with_other_parameters_is_unprocessable(door: Door) -> None:
    door.post("customers", {"company": "Hooli"}, headers=by("k2"))
    before = customers(door)

    answer = door.post("customers", {"company": "Hooli 2"}, headers=by("k2"))

    expected = (422, "unable_to_process_request", "chargebee-idempotency-key")
    assert refused(answer) == expected
    assert customers(door) == before


def test_a_key_is_of_one_path(door: Door) -> None:
    made = door.must(door.post("customers", {"id": "umbrella"}, headers=by("k3")))["customer"]

    changed = door.post("customers/umbrella", {"company": "Umbrella"}, headers=by("k3"))
    family = door.post("item_families", {"id": "f", "name": "F"}, headers=by("k3"))

    assert made["id"] == "umbrella"
    assert (changed.json["customer"]["company"], REPLAYED in changed.headers) == ("Umbrella", False)
    assert (family.json["item_family"]["id"], REPLAYED in family.headers) == ("f", False)


def test_a_key_is_of_one_site(door: Door, functions: Functions) -> None:
    other = Door(functions, functions.new_key(functions.new_site("bee-keys-2")))
    door.post("customers", {"id": "one"}, headers=by("k4"))

    answer = other.post("customers", {"id": "one"}, headers=by("k4"))

    assert (answer.status, REPLAYED in answer.headers) == (200, False)


def test_a_key_of_another_caller_of_the_site_is_the_same_key(
    door: Door, functions: Functions
) -> None:
    first = door.post("customers", {"id": "two"}, headers=by("k5"))
    colleague = functions.new_key(functions.new_site("bee-keys-3"))
    reader = Door(functions, colleague)

    assert refused(door.post("customers", {"id": "two"}, headers=by("k5"), key="nobody"))[0] == 401
    assert door.post("customers", {"id": "two"}, headers=by("k5")).json == first.json
    assert REPLAYED not in reader.post("customers", {"id": "two"}, headers=by("k5")).headers


def test_who_may_not_do_it_is_not_told_what_came_of_it(functions: Functions, door: Door) -> None:
    site = functions.new_site("bee-scoped")
    admin, reader = functions.new_key(site), functions.new_key(site, KeyScope.READ)
    door.must(door.post("customers", {"id": "three"}, headers=by("k"), key=admin))

    answer = door.post("customers", {"id": "three"}, headers=by("k"), key=reader)

    assert refused(answer) == (403, "api_authorization_failed", None)
    assert REPLAYED not in answer.headers


def test_a_refusal_is_an_answer_and_is_given_again(door: Door) -> None:
    door.must(door.post("customers", {"id": "four"}))
    asked = {"id": "four"}

    first, again = (door.post("customers", asked, headers=by("k6")) for _ in range(2))

    assert refused(first) == refused(again) == (400, "duplicate_entry", "id")
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert again.json == first.json
    assert again.headers["x-request-id"] == again.request_id != first.request_id


def test_a_thing_that_was_there_is_no_repeat_because_a_key_comes_with_it(door: Door) -> None:
    same = {"id": "five", "company": "Five"}
    door.must(door.post("customers", same))

    assert refused(door.post("customers", same, headers=by("k7")))[1] == "duplicate_entry"


def test_a_failure_is_forgotten_and_what_it_made_is_found_by_the_repeat(
    door: Door, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = customers(door)
    client = functions.client_of(API)
    transact, lost = client.transact_write_items, []

    def transact_write_items(**request: Any) -> Any:
        answer = transact(**request)
        if makes_a_customer(request):
            lost.append(request)
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(client, "transact_write_items", transact_write_items)
        failed = door.post("customers", {"company": "Acme"}, headers=by("k8"))
    again, once_more = (
        door.post("customers", {"company": "Acme"}, headers=by("k8")) for _ in range(2)
    )

    assert refused(failed)[:2] == (503, "internal_temporary_error")
    assert lost
    assert (again.status, REPLAYED in again.headers) == (200, False)
    assert (once_more.json, once_more.headers[REPLAYED]) == (again.json, "true")
    assert customers(door) - before == {again.json["customer"]["id"]}


def test_a_bug_is_no_answer_to_be_kept(
    door: Door, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = functions.client_of(API)
    transact = client.transact_write_items

    def transact_write_items(**request: Any) -> Any:
        if makes_a_customer(request):
            raise RuntimeError
        return transact(**request)

    with monkeypatch.context() as patch:
        patch.setattr(client, "transact_write_items", transact_write_items)
        failed = door.post("customers", {"id": "six"}, headers=by("k9"))

    assert refused(failed)[:2] == (500, "internal_error")
    assert door.post("customers", {"id": "six"}, headers=by("k9")).status == 200


def test_while_the_first_is_at_work_the_second_is_told_to_wait(
    door: Door, functions: Functions, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = functions.client_of(API)
    transact = client.transact_write_items
    second: list[Any] = []

    def transact_write_items(**request: Any) -> Any:
        if makes_a_customer(request) and not second:
            second.append(None)
            second.append(door.post("customers", {"id": "seven"}, headers=by("k10")))
        return transact(**request)

    with monkeypatch.context() as patch:
        patch.setattr(client, "transact_write_items", transact_write_items)
        first = door.post("customers", {"id": "seven"}, headers=by("k10"))

    assert first.status == 200
    waits = second[1]
    assert refused(waits)[:2] == (429, "lock_timeout")
    assert waits.json["type"] == "operation_failed"
    assert waits.headers["retry-after"] == "1"
    assert door.post("customers", {"id": "seven"}, headers=by("k10")).headers[REPLAYED] == "true"


def test_a_run_that_died_holds_its_key_for_a_minute(
    door: Door, functions: Functions, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"company": "Dead"}
    before = customers(door)

    class Died(BaseException):
        pass

    client = functions.client_of(API)
    update = client.update_item

    def update_item(**request: Any) -> Any:
        if "#reply#" in str(request["Key"]["pk"]):
            raise Died
        return update(**request)

    with monkeypatch.context() as patch:
        patch.setattr(client, "update_item", update_item)
        with pytest.raises(Died):
            door.post("customers", asked, headers=by("k11"))
    [made] = customers(door) - before

    assert refused(door.post("customers", asked, headers=by("k11")))[1] == "lock_timeout"
    clock.now += CLAIM_HELD
    again = door.post("customers", asked, headers=by("k11"))

    assert (again.status, REPLAYED in again.headers) == (200, False)
    assert again.json["customer"]["id"] == made
    assert customers(door) - before == {made}


def test_after_half_an_hour_a_key_may_mean_something_else(door: Door, clock: StandingClock) -> None:
    door.post("customers", {"company": "Old"}, headers=by("k12"))
    clock.now += KEY_LIFETIME

    answer = door.post("customers", {"company": "New"}, headers=by("k12"))

    assert (answer.json["customer"]["company"], REPLAYED in answer.headers) == ("New", False)


@pytest.mark.parametrize(("length", "status"), [(100, 200), (101, 400)])
def test_a_key_has_at_most_a_hundred_characters(door: Door, length: int, status: int) -> None:
    answer = door.post("customers", {"company": "L"}, headers=by("k" * length))

    assert answer.status == status
    if status == 400:
        assert refused(answer) == (400, "param_wrong_value", "chargebee-idempotency-key")


def test_a_request_that_only_reads_pays_no_attention_to_keys(
    door: Door, functions: Functions
) -> None:
    before = functions.written()

    answers = [door.get("customers", headers=by("k13")) for _ in range(2)]

    assert [REPLAYED in each.headers for each in answers] == [False, False]
    assert functions.written() == before
