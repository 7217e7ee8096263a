"""External ids and a maximum of usages over HTTP: what is said, written and refused."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SUBSCRIPTION, USAGE, USAGES, Shop, open_shop

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "usage-limits")


@pytest.fixture(scope="module")
def other(functions: Functions) -> Shop:
    return open_shop(functions, "usage-limits-too")


def _on(day: int, external_id: str | None = None, **more: str) -> dict[str, str]:
    named = {} if external_id is None else {"external_id": external_id}
    return USAGE | {"usage_date": f"2026-10-{day:02d}"} | named | more


def _found(shop: Shop, external_id: str) -> list[Any]:
    page = shop.must("GET", f"/v1/usages?external_id={quote(external_id, safe='')}")
    assert page["next_cursor"] is None
    return list(page["data"])


# --- external ids


@pytest.mark.parametrize(
    ("day", "external_id"),
    [(1, "cdr-1"), (2, "a#b~c%23"), (3, "50% of a&b=c?"), (4, 'say "hi"'), (5, "#" * 100)],
)
def test_a_usage_is_shown_and_found_by_its_external_id(
    shop: Shop, day: int, external_id: str
) -> None:
    answer = shop.call("POST", USAGES, _on(day, external_id))
    again = shop.call("POST", USAGES, _on(day, external_id))
    unnamed = shop.call("POST", USAGES, _on(day))

    assert (answer.status, answer.json["external_id"]) == (201, external_id)
    assert (again.status, again.json) == (200, answer.json | {"replayed": True})
    assert (unnamed.status, unnamed.json) == (again.status, again.json)
    shown = shop.must("GET", f"{USAGES}/{answer.json['id']}")
    assert _found(shop, external_id) == [shown]
    assert shown["external_id"] == external_id


def test_an_external_id_names_a_usage_beside_the_id_of_an_event(shop: Shop) -> None:
    event = {"line_id": "texts", "usage_date": "2026-10-06", "quantity": "1", "id": "e1"}

    made = shop.must("POST", USAGES, event | {"external_id": "of-an-event"})
    taken = shop.call("POST", USAGES, event | {"id": "e2", "external_id": "of-an-event"})

    assert (made["event_id"], made["external_id"]) == ("e1", "of-an-event")
    assert (taken.code, taken.json["event_id"]) == ("external_id_taken", "e1")


def test_an_external_id_that_is_taken_shows_whose_it_is_and_writes_nothing(shop: Shop) -> None:
    shop.must("POST", USAGES, _on(7, "taken"))
    before = shop.functions.written(), shop.functions.usages_of("usage-limits")

    answer = shop.call("POST", USAGES, _on(8, "taken"))

    check_refusal(
        answer, status=409, code="external_id_taken", said="external_id", secrets=[shop.admin]
    )
    named = ("subscription_id", "line_id", "usage_date")
    assert [answer.json[name] for name in named] == ["calls", "voip-usd", "2026-10-07T04:00:00Z"]
    assert "event_id" not in answer.json
    assert (shop.functions.written(), shop.functions.usages_of("usage-limits")) == before


def test_a_usage_that_is_there_takes_no_other_external_id(shop: Shop) -> None:
    shop.must("POST", USAGES, _on(9))
    shop.must("POST", USAGES, _on(10, "ten"))
    before = shop.functions.written()

    for day, recorded in ((9, None), (10, "ten")):
        answer = shop.call("POST", USAGES, _on(day, "late name"))
        check_refusal(
            answer, status=409, code="usage_conflict", said="external_id", secrets=[shop.admin]
        )
        assert answer.json.get("recorded_external_id") == recorded
        assert answer.json["submitted_external_id"] == "late name"
    assert shop.functions.written() == before
    assert _found(shop, "late name") == []


def test_it_outlives_its_usage_and_goes_with_it_again(shop: Shop) -> None:
    made = shop.must("POST", USAGES, _on(11, "eleven"))
    corrected = shop.call(
        "PUT", f"{USAGES}/{made['id']}", {"quantity": "5"}, headers={"if-match": '"1"'}
    )
    assert corrected.json["external_id"] == "eleven"
    shop.must("DELETE", f"{USAGES}/{made['id']}")

    assert _found(shop, "eleven") == []
    assert shop.call("POST", USAGES, _on(12, "eleven")).code == "external_id_taken"
    again = shop.must("POST", USAGES, _on(11, "eleven", quantity="7"))
    assert (again["id"], again["version"]) == (made["id"], 4)
    assert [each["quantity"] for each in _found(shop, "eleven")] == ["7"]


def test_two_sites_use_the_same_external_ids(shop: Shop, other: Shop) -> None:
    ours = shop.must("POST", USAGES, _on(13, "shared"))
    assert _found(other, "shared") == []
    theirs = other.must("POST", USAGES, _on(14, "shared"))

    assert [each["usage_date"] for each in _found(shop, "shared")] == [ours["usage_date"]]
    assert [each["usage_date"] for each in _found(other, "shared")] == [theirs["usage_date"]]


@pytest.mark.parametrize("value", ["", "a/b", "caf\u00e9", " x", "x" * 101, "a\nb", 7, ["x"], True])
def test_what_is_no_id_is_refused_by_name_and_writes_nothing(shop: Shop, value: Any) -> None:
    before = shop.functions.written()

    answer = shop.call("POST", USAGES, _on(15) | {"external_id": value})

    check_refusal(
        answer, status=422, code="invalid_field", said="external_id", secrets=[shop.admin]
    )
    assert shop.functions.written() == before


@pytest.mark.parametrize(
    ("query", "status", "code", "said"),
    [
        ("", 422, "missing_field", "external_id"),
        ("?external_id=", 422, "invalid_field", "external_id"),
        ("?external_id=a%2Fb", 422, "invalid_field", "external_id"),
        (f"?external_id={'x' * 3000}", 422, "invalid_field", "external_id"),
        ("?external_id=x&external_id=y", 400, "malformed_request", "external_id"),
        ("?external_id=x&limit=5", 400, "malformed_request", "limit"),
        ("?id=x", 400, "malformed_request", "id"),
    ],
)
def test_a_search_asks_for_one_external_id_and_nothing_else(
    shop: Shop, query: str, status: int, code: str, said: str
) -> None:
    answer = shop.call("GET", f"/v1/usages{query}")

    check_refusal(answer, status=status, code=code, said=said, secrets=[shop.admin])


def test_a_correction_cannot_name_an_external_id(shop: Shop) -> None:
    made = shop.must("POST", USAGES, _on(16))
    body = {"quantity": "5", "external_id": "x"}

    answer = shop.call("PUT", f"{USAGES}/{made['id']}", body, headers={"if-match": '"1"'})

    check_refusal(
        answer, status=422, code="unknown_field", said="external_id", secrets=[shop.admin]
    )


# --- a maximum


def _limited(shop: Shop, name: str, **more: Any) -> str:
    """Make a subscription of its own; return where its usages are."""
    body = SUBSCRIPTION | {"id": name, "lines": [{"item_price_id": "voip-usd"}], **more}
    shop.must("POST", "/v1/subscriptions", body)
    return f"/v1/subscriptions/{name}"


def test_a_subscription_takes_its_maximum_and_repeats_beyond(shop: Shop) -> None:
    path = _limited(shop, "limited", usage_records_max=2)
    first = shop.must("POST", f"{path}/usages", _on(1))
    shop.must("POST", f"{path}/usages", _on(2, "limited-2"))
    before = shop.functions.written()

    answer = shop.call("POST", f"{path}/usages", _on(3, "limited-3"))

    check_refusal(answer, status=422, code="usage_limit_reached", said=None, secrets=[shop.admin])
    assert (answer.json["limit"], answer.json["count"]) == (2, 2)
    repeats = [shop.call("POST", f"{path}/usages", _on(day)) for day in (1, 2)]
    assert [each.status for each in repeats] == [200, 200]
    assert shop.functions.written() == before
    assert _found(shop, "limited-3") == []
    # A usage that is deleted frees its own place alone.
    shop.must("DELETE", f"{path}/usages/{first['id']}")
    assert shop.call("POST", f"{path}/usages", _on(3)).code == "usage_limit_reached"
    assert shop.call("POST", f"{path}/usages", _on(1)).status == 201


def test_a_maximum_is_set_raised_and_lifted_and_counts_at_once_where_it_allows_more(
    shop: Shop,
) -> None:
    path = _limited(shop, "changing")
    assert shop.must("GET", path)["usage_records_max"] is None
    assert shop.must("PATCH", path, {"usage_records_max": 1})["usage_records_max"] == 1
    shop.must("POST", f"{path}/usages", _on(1))
    assert shop.call("POST", f"{path}/usages", _on(2)).code == "usage_limit_reached"

    for maximum, day in ((2, 2), (None, 3)):
        changed = shop.call("PATCH", path, {"usage_records_max": maximum})
        assert (changed.status, changed.json["usage_records_max"]) == (200, maximum)
        # The recorder's copy says less, and is not believed.
        assert shop.call("POST", f"{path}/usages", _on(day)).status == 201
    assert shop.must("GET", path)["version"] == 4


def test_the_site_has_a_maximum_for_subscriptions_that_are_made_later(other: Shop) -> None:
    assert other.must("GET", "/v1/site")["usage_records_max"] is None
    changed = other.must("PATCH", "/v1/site", {"usage_records_max": 1_000_000_000})
    assert changed["usage_records_max"] == 1_000_000_000

    bodies: list[tuple[dict[str, Any], int | None]] = [
        ({}, 1_000_000_000),
        ({"usage_records_max": None}, None),
        ({"usage_records_max": 5}, 5),
    ]
    for n, (more, made) in enumerate(bodies):
        assert other.must("GET", _limited(other, f"made-{n}", **more))["usage_records_max"] == made
    assert other.must("GET", "/v1/subscriptions/calls")["usage_records_max"] is None
    assert other.must("PATCH", "/v1/site", {"usage_records_max": None})["usage_records_max"] is None


@pytest.mark.parametrize("value", [0, -1, 1_000_000_001, 10**30, "5", 1.5, True, [5]])
def test_a_maximum_is_a_whole_number_in_its_bounds(shop: Shop, value: Any) -> None:
    before = shop.functions.written()
    for method, target, body in (
        ("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "new"}),
        ("PATCH", "/v1/subscriptions/calls", {}),
        ("PATCH", "/v1/site", {}),
    ):
        answer = shop.call(method, target, body | {"usage_records_max": value})
        check_refusal(
            answer,
            status=422,
            code="invalid_field",
            said="usage_records_max",
            secrets=[shop.admin],
        )
    assert shop.functions.written() == before
