"""Usage writes at the Chargebee door: what is recorded once, replayed, refused, deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from postpaid.domain.api_key import KeyScope
from tests.support.chargebee import Door, refused, require_published
from tests.support.functions import Answer, Functions
from tests.support.shop import SUBSCRIPTION, USAGES, Shop, open_shop

pytestmark = pytest.mark.engine

OCTOBER_1 = 1790812800  # midnight UTC
DAY = 86400
REPLAYED = "chargebee-idempotency-replayed"
PATH = "subscriptions/calls/usages"
DELETE = "subscriptions/calls/delete_usage"
DUPLICATE = (400, "duplicate_entry", "usage_date")


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "bee-usages")


@pytest.fixture(scope="module")
def door(shop: Shop) -> Door:
    return Door(shop.functions, shop.admin)


def a_usage(second: int, quantity: str = "22", **more: object) -> dict[str, object]:
    """Return a usage of October; each test has days of its own."""
    usage = {"item_price_id": "voip-usd", "usage_date": OCTOBER_1 + second, "quantity": quantity}
    return usage | more


def by(key: str) -> dict[str, str]:
    return {"chargebee-idempotency-key": key}


def test_the_published_interface_was_there_to_check_against() -> None:
    assert len(require_published()["paths"]) > 30


# --- recording


def test_a_usage_is_answered_as_chargebee_shows_one(shop: Shop, door: Door) -> None:
    writes = shop.functions.written()

    answer = door.post(PATH, a_usage(60, "22.50", note="Boston"))

    assert answer.status == 200
    assert REPLAYED not in answer.headers
    usage = answer.json["usage"]
    recorded_at = usage.pop("created_at")
    assert (usage.pop("updated_at"), usage.pop("resource_version")) == (
        recorded_at,
        recorded_at * 1000 + 1,
    )
    assert usage.pop("id").startswith("usage_")
    assert usage == {
        "usage_date": OCTOBER_1 + 60,
        "subscription_id": "calls",
        "item_price_id": "voip-usd",
        "quantity": "22.5",
        "source": "api",
        "note": "Boston",
        "billing": "on_time",
        "object": "usage",
    }
    assert shop.functions.written() == writes + 1


def test_it_is_the_usage_that_the_native_door_shows(shop: Shop, door: Door) -> None:
    door.must(door.post(PATH, a_usage(120, "7", id="own-120")))

    [native] = shop.must("GET", "/v1/usages?external_id=own-120")["data"]

    assert (native["quantity"], native["usage_date"]) == ("7", "2026-10-01T00:02:00Z")
    assert native["line_id"] == native["item_price_id"] == "voip-usd"
    again = shop.call(
        "POST",
        USAGES,
        {"item_price_id": "voip-usd", "usage_date": "2026-10-01T00:02:00Z", "quantity": "7"},
    )
    assert (again.status, again.json["replayed"]) == (200, True)


@pytest.mark.parametrize(
    "again",
    [{}, {"quantity": "23"}, {"note": "n"}, {"id": "own-180b"}, {"quantity": "22.0"}],
    ids=str,
)
def test_a_second_usage_of_its_second_is_a_duplicate(
    shop: Shop, door: Door, again: dict[str, object]
) -> None:
    door.post(PATH, a_usage(180))
    writes = shop.functions.written()

    assert refused(door.post(PATH, a_usage(180) | again)) == DUPLICATE
    assert refused(door.post(PATH, a_usage(180) | again, headers=by("other"))) == DUPLICATE
    assert shop.functions.written() == writes


def test_an_own_id_is_unique_in_the_site_for_ever(shop: Shop, door: Door) -> None:
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "calls-2"})
    assert door.must(door.post(PATH, a_usage(240, id="u 1~#%")))["usage"]["id"] == "u 1~#%"
    taken = (400, "duplicate_entry", "id")

    assert refused(door.post(PATH, a_usage(241, id="u 1~#%"))) == taken
    other = "subscriptions/calls-2/usages"
    answer = door.post(other, a_usage(240, id="u 1~#%"))
    assert refused(answer) == taken
    assert "external" not in answer.json["message"], "a word that its client does not know"
    assert refused(door.post(PATH, a_usage(241, id="u 1~#%", dedupe_option="skip"))) == taken
    door.must(door.post(DELETE, {"id": "u 1~#%"}))
    assert refused(door.post(PATH, a_usage(241, id="u 1~#%"))) == taken
    assert door.must(door.post(PATH, a_usage(240, "5", id="u 1~#%")))["usage"]["quantity"] == "5"


def test_usages_of_two_subscriptions_have_two_ids(shop: Shop, door: Door) -> None:
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "calls-3"})
    other = "subscriptions/calls-3"

    one = door.must(door.post(PATH, a_usage(300)))["usage"]
    two = door.must(door.post(f"{other}/usages", a_usage(300)))["usage"]

    assert one["id"] != two["id"]
    missing = (404, "resource_not_found", None)
    assert refused(door.post(f"{other}/delete_usage", {"id": one["id"]})) == missing
    assert door.get(PATH, {"id": one["id"]}).status == 200


# --- keys


def test_a_key_makes_the_same_request_a_replay_and_says_so(shop: Shop, door: Door) -> None:
    first = door.post(PATH, a_usage(360, note="n"), headers=by("k-360"))
    writes = shop.functions.written()

    again = door.post(PATH, a_usage(360, note="n"), headers=by("k-360"))

    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert again.json == first.json
    assert shop.functions.written() == writes


@pytest.mark.parametrize("other", [{"quantity": "23"}, {"note": "n"}, {"id": "own-420"}], ids=str)
def test_a_key_with_another_payload_is_unprocessable(
    shop: Shop, door: Door, other: dict[str, object]
) -> None:
    door.post(PATH, a_usage(420), headers=by("k-420"))
    writes = shop.functions.written()

    answer = door.post(PATH, a_usage(420) | other, headers=by("k-420"))

    assert refused(answer) == (422, "unable_to_process_request", "chargebee-idempotency-key")
    assert shop.functions.written() == writes


def test_a_key_goes_by_its_usage_so_that_one_sent_with_two_loses_none(door: Door) -> None:
    # The Python SDK sends the key of one call with the next if both share a headers dict.
    answers = [door.post(PATH, a_usage(second), headers=by("shared")) for second in (480, 481)]

    assert [(each.status, REPLAYED in each.headers) for each in answers] == [(200, False)] * 2


@pytest.mark.parametrize(("length", "status"), [(100, 200), (101, 400)])
def test_a_key_has_at_most_a_hundred_characters(door: Door, length: int, status: int) -> None:
    answer = door.post(PATH, a_usage(540), headers=by("k" * length))

    assert answer.status == status
    if status == 400:
        assert refused(answer) == (400, "param_wrong_value", "chargebee-idempotency-key")


def test_a_put_whose_answer_was_lost_counts_once_when_it_is_sent_again(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = shop.functions.modules["RecordUsageFunction"].client
    put = client.put_item

    def put_item(**request: Any) -> None:
        put(**request)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    with monkeypatch.context() as patch:
        patch.setattr(client, "put_item", put_item)
        lost = [
            door.post(PATH, a_usage(600 + n), headers=by(f"k-{n}") if n else {}) for n in (0, 1)
        ]

    assert [refused(each)[:2] for each in lost] == [(503, "internal_temporary_error")] * 2
    assert refused(door.post(PATH, a_usage(600))) == DUPLICATE, "it was recorded"
    again = door.post(PATH, a_usage(601), headers=by("k-1"))
    assert (again.status, again.headers.get(REPLAYED)) == (200, "true")


# --- deduplication


def test_skip_answers_with_the_usage_there_is(shop: Shop, door: Door) -> None:
    first = door.must(door.post(PATH, a_usage(660, id="own-660")))
    writes = shop.functions.written()

    for more in ({}, {"quantity": "23"}, {"id": "own-661"}):
        again = door.post(PATH, a_usage(660, dedupe_option="skip") | more)
        assert again.json == first
        assert REPLAYED not in again.headers
    assert shop.functions.written() == writes


def test_update_existing_corrects_what_is_there(shop: Shop, door: Door) -> None:
    first = door.must(door.post(PATH, a_usage(720, note="n")))["usage"]
    update = a_usage(720, "23", dedupe_option="update_existing")

    changed = door.must(door.post(PATH, update))["usage"]

    assert (changed["id"], changed["quantity"], changed["note"]) == (first["id"], "23", "n")
    assert changed["resource_version"] % 1000 == 2
    writes = shop.functions.written()
    assert door.must(door.post(PATH, update))["usage"] == changed, "the same again changes nothing"
    assert shop.functions.written() == writes
    assert door.must(door.post(PATH, update | {"note": "m"}))["usage"]["note"] == "m"


@pytest.mark.parametrize("dedupe", ["skip", "update_existing"])
def test_what_is_not_there_is_recorded_whatever_was_to_be_done(door: Door, dedupe: str) -> None:
    second = {"skip": 780, "update_existing": 781}[dedupe]

    answer = door.post(PATH, a_usage(second, dedupe_option=dedupe))

    assert door.must(answer)["usage"]["resource_version"] % 1000 == 1


# --- deleting


def test_a_deleted_usage_is_shown_is_gone_and_can_be_added_again(door: Door) -> None:
    usage = door.must(door.post(PATH, a_usage(840)))["usage"]

    deleted = door.must(door.post(DELETE, {"id": usage["id"]}))["usage"]

    assert (deleted["id"], deleted["quantity"]) == (usage["id"], "22")
    missing = (404, "resource_not_found", None)
    assert refused(door.post(DELETE, {"id": usage["id"]})) == missing
    assert refused(door.get(PATH, {"id": usage["id"]})) == missing
    again = door.must(door.post(PATH, a_usage(840, "5")))["usage"]
    assert (again["id"], again["quantity"]) == (usage["id"], "5")


def test_only_the_repeat_of_a_deletion_by_its_key_is_a_replay(door: Door) -> None:
    usage = door.must(door.post(PATH, a_usage(900)))["usage"]
    asked = {"id": usage["id"]}

    first, again, other = (
        door.post(DELETE, asked, headers=by(key)) for key in ("d-900", "d-900", "d-901")
    )

    assert (first.status, REPLAYED in first.headers) == (200, False)
    assert (again.status, again.headers.get(REPLAYED)) == (200, "true")
    assert again.json == first.json
    assert refused(other) == (404, "resource_not_found", None)


def test_a_late_copy_of_a_deletion_does_not_delete_what_was_added_again(door: Door) -> None:
    asked = {"id": door.must(door.post(PATH, a_usage(930)))["usage"]["id"]}
    door.must(door.post(DELETE, asked, headers=by("d-930")))
    again = door.must(door.post(PATH, a_usage(930, "5")))["usage"]

    copy = door.post(DELETE, asked, headers=by("d-930"))

    assert (copy.status, copy.headers.get(REPLAYED)) == (200, "true")
    shown = door.must(door.get(PATH, asked))["usage"]
    assert (shown["quantity"], shown["created_at"]) == ("5", again["created_at"])
    assert REPLAYED not in door.post(DELETE, asked, headers=by("d-931")).headers
    assert door.get(PATH, asked).status == 404


def test_a_late_copy_of_the_request_cannot_bring_it_back(shop: Shop, door: Door) -> None:
    usage = door.must(door.post(PATH, a_usage(960), headers=by("k-960")))["usage"]
    door.must(door.post(DELETE, {"id": usage["id"]}))
    writes = shop.functions.written()

    answer = door.post(PATH, a_usage(960), headers=by("k-960"))

    assert refused(answer) == (409, "invalid_state_for_request", None)
    assert shop.functions.written() == writes
    assert door.post(PATH, a_usage(960), headers=by("k-961")).status == 200


def test_a_usage_is_deleted_by_any_name_it_has(shop: Shop, door: Door) -> None:
    named = door.must(door.post(PATH, a_usage(1020, id="own-1020")))["usage"]
    native = shop.must("GET", "/v1/usages?external_id=own-1020")["data"][0]["id"]
    assert named["id"] == "own-1020"

    for name in (named["id"], native):
        assert door.must(door.post(DELETE, {"id": name}))["usage"]["id"] == "own-1020"
        door.must(door.post(PATH, a_usage(1020, id="own-1020")))


def test_an_own_id_that_looks_like_one_of_ours_is_its_usage_s(door: Door) -> None:
    usage = door.must(door.post(PATH, a_usage(1080)))["usage"]
    door.must(door.post(DELETE, {"id": usage["id"]}))

    moved = door.must(door.post(PATH, a_usage(1081, id=usage["id"])))["usage"]

    assert moved["id"] == usage["id"]
    assert door.must(door.get(PATH, {"id": usage["id"]}))["usage"]["usage_date"] == OCTOBER_1 + 1081
    gone = door.must(door.post(DELETE, {"id": usage["id"]}))["usage"]
    assert gone["usage_date"] == OCTOBER_1 + 1081


def test_a_usage_of_an_invoice_that_is_closed_stays(shop: Shop, door: Door) -> None:
    september = OCTOBER_1 - 15 * DAY
    more = SUBSCRIPTION | {"id": "closed"}
    shop.must("POST", "/v1/subscriptions", more)
    path = "subscriptions/closed/usages"
    usage = a_usage(0) | {"usage_date": september}
    recorded = door.must(door.post(path, usage, headers=by("k-closed")))["usage"]
    deleted = door.must(door.post(path, usage | {"usage_date": september + 1}))["usage"]
    shop.work("closed")
    asked = {"id": deleted["id"]}
    door.must(door.post("subscriptions/closed/delete_usage", asked, headers=by("d-closed")))
    shop.must("POST", f"/v1/invoices/{shop.invoices('closed')[0]['id']}/close")
    writes = shop.functions.written()

    stays = (409, "invalid_state_for_request", None)
    delete = "subscriptions/closed/delete_usage"
    assert refused(door.post(delete, {"id": recorded["id"]})) == stays
    update = usage | {"quantity": "23", "dedupe_option": "update_existing"}
    assert refused(door.post(path, update)) == stays
    assert refused(door.post(path, usage)) == DUPLICATE
    assert shop.functions.written() == writes
    # What was answered before is answered still.
    replayed = door.post(path, usage, headers=by("k-closed"))
    assert (replayed.status, replayed.headers[REPLAYED]) == (200, "true")
    assert replayed.json["usage"]["billing"] == "late"
    again = door.post(delete, asked, headers=by("d-closed"))
    assert (again.status, again.headers[REPLAYED]) == (200, "true")
    # And what comes now is billed, once, as a line of its own.
    late = door.must(door.post(path, usage | {"usage_date": september + 2}))["usage"]
    assert late["billing"] == "late"


# --- at once


def meanwhile(
    shop: Shop, patch: pytest.MonkeyPatch, operation: str, act: Callable[[], object]
) -> None:
    """Have something else come before the next call of this kind, once."""
    client = shop.functions.modules["RecordUsageFunction"].client
    call, left = getattr(client, operation), [act]

    def instead(**request: Any) -> Any:
        if left:
            left.pop()()
        return call(**request)

    patch.setattr(client, operation, instead)


@pytest.mark.parametrize("quantity", ["22", "23"])
@pytest.mark.parametrize("keyed", [False, True])
def test_of_two_at_once_exactly_one_is_recorded(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch, quantity: str, keyed: bool
) -> None:
    second = 1320 + 2 * int(quantity) + keyed
    answers: list[Answer] = []

    def other() -> None:
        answers.append(door.post(PATH, a_usage(second), headers=by("a") if keyed else {}))

    with monkeypatch.context() as patch:
        meanwhile(shop, patch, "put_item", other)
        mine = door.post(PATH, a_usage(second, quantity), headers=by("b") if keyed else {})

    [theirs] = answers
    assert theirs.status == 200
    assert refused(mine) == DUPLICATE


def test_of_two_deletions_at_once_one_finds_nothing(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = door.must(door.post(PATH, a_usage(1440)))["usage"]
    answers: list[Answer] = []

    def other() -> None:
        answers.append(door.post(DELETE, {"id": usage["id"]}))

    with monkeypatch.context() as patch:
        meanwhile(shop, patch, "update_item", other)
        mine = door.post(DELETE, {"id": usage["id"]})

    assert [each.status for each in answers] == [200]
    assert refused(mine) == (404, "resource_not_found", None)


def test_what_is_deleted_while_a_duplicate_is_looked_at_is_recorded_after_all(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = door.must(door.post(PATH, a_usage(1500)))["usage"]

    with monkeypatch.context() as patch:
        # The first read is the one behind the refused put: the subscription is in memory.
        meanwhile(shop, patch, "get_item", lambda: door.post(DELETE, {"id": usage["id"]}))
        answer = door.post(PATH, a_usage(1500, "23"))

    assert door.must(answer)["usage"]["quantity"] == "23"


def test_of_two_updates_at_once_the_later_stays_and_none_fails(
    shop: Shop, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.post(PATH, a_usage(1560))
    update = {"dedupe_option": "update_existing"}
    answers: list[Answer] = []

    def other() -> None:
        answers.append(door.post(PATH, a_usage(1560, "30", **update)))

    with monkeypatch.context() as patch:
        meanwhile(shop, patch, "get_item", other)
        mine = door.post(PATH, a_usage(1560, "31", **update))

    assert [each.status for each in answers] == [200]
    assert door.must(mine)["usage"]["quantity"] == "31"
    [usage] = door.must(door.get("usages", ON_1560))["list"]
    assert usage["usage"]["quantity"] == "31"


ON_1560 = {
    "usage_date[between]": f"[{OCTOBER_1 + 1560},{OCTOBER_1 + 1560}]",
    "subscription_id[is]": "calls",
}


# --- what a usage may be of


def test_a_price_that_was_on_the_subscription_takes_usage_of_its_time(
    shop: Shop, door: Door
) -> None:
    shop.must("POST", "/v1/item-prices", NEW_PRICE)
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "moved"})
    changes = [{"action": "change", "id": "voip-usd", "item_price_id": "voip-2-usd"}]
    shop.must("POST", "/v1/subscriptions/moved/changes", {"effective": "now", "changes": changes})
    shop.must(
        "POST",
        "/v1/subscriptions/moved/changes",
        {"effective": "now", "changes": [{"action": "remove", "id": "texts"}]},
    )
    path = "subscriptions/moved/usages"

    before = door.must(door.post(path, a_usage(60)))["usage"]

    assert before["item_price_id"] == "voip-usd"
    now = int(before["created_at"]) + 60
    after = a_usage(0, item_price_id="voip-2-usd") | {"usage_date": now}
    assert door.must(door.post(path, after))["usage"]["item_price_id"] == "voip-2-usd"


NEW_PRICE = {
    "id": "voip-2-usd",
    "item_id": "voip",
    "pricing_model": "per_unit",
    "unit_amount": "0.04",
}


def test_events_are_recorded_natively(shop: Shop, door: Door) -> None:
    answer = door.post(PATH, a_usage(60, item_price_id="sms-usd", id="e1"))

    assert refused(answer) == (400, "configuration_incompatible", "item_price_id")
    assert "native API" in answer.json["message"]


def test_a_maximum_of_usages_is_a_limit_that_is_exceeded(shop: Shop, door: Door) -> None:
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "few", "usage_records_max": 1})
    path = "subscriptions/few/usages"
    door.must(door.post(path, a_usage(60), headers=by("k")))

    assert refused(door.post(path, a_usage(61))) == (400, "resource_limit_exceeded", None)
    assert refused(door.post(path, a_usage(60))) == DUPLICATE
    assert door.post(path, a_usage(60), headers=by("k")).headers[REPLAYED] == "true"


# --- bad input

WRONG = "param_wrong_value"
CASES: dict[str, tuple[dict[str, object], int, str, str | None]] = {
    "no item price": ({"item_price_id": ""}, 400, WRONG, "item_price_id"),
    "an item price that is nowhere": (
        {"item_price_id": "nope"},
        404,
        "resource_not_found",
        "item_price_id",
    ),
    "one that is not metered": ({"item_price_id": "seat-usd"}, 400, WRONG, "item_price_id"),
    "no quantity": ({"quantity": ""}, 400, WRONG, "quantity"),
    "nothing used": ({"quantity": "0"}, 400, WRONG, "quantity"),
    "less than nothing": ({"quantity": "-1"}, 400, WRONG, "quantity"),
    "words": ({"quantity": "many"}, 400, WRONG, "quantity"),
    "an exponent": ({"quantity": "1e3"}, 400, WRONG, "quantity"),
    "too many digits": ({"quantity": "9" * 41}, 400, WRONG, "quantity"),
    "no date": ({"usage_date": ""}, 400, WRONG, "usage_date"),
    "a date in words": ({"usage_date": "2026-10-01"}, 400, WRONG, "usage_date"),
    "milliseconds": ({"usage_date": OCTOBER_1 * 1000}, 400, WRONG, "usage_date"),
    "digits of elsewhere": ({"usage_date": "١٧٩٠٨١٢٨٠٠"}, 400, WRONG, "usage_date"),
    "before all": ({"usage_date": 1}, 400, WRONG, "usage_date"),
    "before the subscription": ({"usage_date": OCTOBER_1 - 40 * DAY}, 400, WRONG, "usage_date"),
    "after the open term": ({"usage_date": OCTOBER_1 + 40 * DAY}, 400, WRONG, "usage_date"),
    "an id with a slash": ({"id": "a/b"}, 400, WRONG, "id"),
    "an id that is long": ({"id": "i" * 101}, 400, WRONG, "id"),
    "an id of elsewhere": ({"id": "é"}, 400, WRONG, "id"),
    "a note that is long": ({"note": "n" * 501}, 400, WRONG, "note"),
    "a note that rings": ({"note": "a\x07"}, 400, WRONG, "note"),
    "an option that is none": ({"dedupe_option": "replace"}, 400, WRONG, "dedupe_option"),
    "a parameter that is none": ({"currency": "USD"}, 400, WRONG, "currency"),
    "a list": ({"note[0]": "n"}, 400, WRONG, "note"),
    "a member": ({"id[is]": "n"}, 400, WRONG, "id"),
    "a name that is none": ({"note[": "n"}, 400, "invalid_request", "note["),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_wrong_is_refused_by_its_name(
    shop: Shop, door: Door, case: tuple[dict[str, object], int, str, str | None]
) -> None:
    wrong, *expected = case
    writes = shop.functions.written()

    answer = door.post(PATH, a_usage(1200) | wrong)

    assert refused(answer) == tuple(expected)
    assert shop.functions.written() == writes
    assert [each for each in shop.functions.internals() if each in answer.text] == []


BODIES: dict[str, tuple[bytes, str, int]] = {
    "nothing": (b"", "application/x-www-form-urlencoded", 400),
    "JSON": (b'{"quantity": "1"}', "application/json", 400),
    "JSON that says it is a form": (b'{"quantity": "1"}', "application/x-www-form-urlencoded", 400),
    "bytes": (b"\xff\xfe\x00", "application/x-www-form-urlencoded", 400),
    "escapes of bytes": (b"note=%ff%fe", "application/x-www-form-urlencoded", 400),
    "a name twice": (b"quantity=1&quantity=2", "application/x-www-form-urlencoded", 400),
    "many names": (
        b"&".join(b"a%d=1" % n for n in range(5000)),
        "application/x-www-form-urlencoded",
        400,
    ),
    "much": (b"note=" + b"n" * 300_000, "application/x-www-form-urlencoded", 400),
    "Latin-1": (b"note=n", "application/x-www-form-urlencoded; charset=latin-1", 400),
}


@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", [PATH, DELETE])
def test_a_body_that_is_no_form_is_refused(
    shop: Shop, case: tuple[bytes, str, int], path: str
) -> None:
    body, kind, status = case

    answer = shop.call("POST", f"/api/v2/{path}", body, headers={"content-type": kind})

    assert answer.status == status
    assert answer.json["type"] == "invalid_request"
    assert answer.json["api_error_code"] in {"invalid_request", WRONG}


@pytest.mark.parametrize(
    ("form", "status", "code", "param"),
    [
        ({}, 400, WRONG, "id"),
        ({"id": ""}, 400, WRONG, "id"),
        ({"id": "nobody"}, 404, "resource_not_found", None),
        ({"id": "a/b"}, 400, WRONG, "id"),
        ({"id": "usage_AAAA"}, 404, "resource_not_found", None),
        ({"id": "x", "comment": "c"}, 400, WRONG, "comment"),
    ],
    ids=str,
)
def test_a_deletion_that_names_nothing_is_refused(
    door: Door, form: dict[str, object], status: int, code: str, param: str | None
) -> None:
    assert refused(door.post(DELETE, form)) == (status, code, param)


@pytest.mark.parametrize("verb", ["usages", "delete_usage"])
@pytest.mark.parametrize("name", ["nobody", "é", "s" * 101, "~"])
def test_a_subscription_that_is_nowhere_is_not_found(door: Door, verb: str, name: str) -> None:
    form = a_usage(60) if verb == "usages" else {"id": "x"}

    answer = door.post(f"subscriptions/{name}/{verb}".encode().decode("latin-1"), form)

    assert refused(answer)[:2] == (404, "resource_not_found")


def test_usage_is_written_by_who_may_and_seen_by_nobody_else(shop: Shop, door: Door) -> None:
    functions = shop.functions
    writer = shop.new_key(KeyScope.USAGE_WRITE)
    reader = shop.new_key(KeyScope.READ, KeyScope.USAGE_READ)
    elsewhere = functions.new_key(functions.new_site("bee-elsewhere"))

    recorded = door.must(door.post(PATH, a_usage(1260), key=writer))["usage"]

    for key, status in ((reader, 403), (elsewhere, 404), ("nobody", 401)):
        assert door.post(PATH, a_usage(1261), key=key).status == status
        assert door.post(DELETE, {"id": recorded["id"]}, key=key).status == status
    assert door.post(DELETE, {"id": recorded["id"]}, key=writer).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_is_refused_with_those_there_are(shop: Shop, method: str) -> None:
    answer: Answer = shop.call(method, f"/api/v2/{PATH}", b"", headers={"content-type": ""})

    assert refused(answer)[:2] == (405, "http_method_not_supported")
    assert "POST" in answer.headers["allow"]
