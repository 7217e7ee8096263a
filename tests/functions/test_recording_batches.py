"""A batch of usages over HTTP: what each is told, what all of it is told, written and paid."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from postpaid.api.native.usage import BATCH_BYTES_MAX, BATCH_USAGES_MAX
from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.refusals import check_refusal
from tests.support.shop import SUBSCRIPTION, USAGE, USAGES, Shop, open_shop

pytestmark = pytest.mark.engine

BATCH = "/v1/usages"


@pytest.fixture(scope="module")
def shop(functions: Functions) -> Shop:
    return open_shop(functions, "batches")


def _on(day: int, quantity: str = "22", **more: Any) -> dict[str, Any]:
    named = {"subscription_id": "calls", "usage_date": f"2026-10-{day:02d}", "quantity": quantity}
    return USAGE | named | more


def _batch(*usages: object) -> dict[str, object]:
    return {"usages": list(usages)}


def _statuses(answer: Any) -> list[int]:
    return [each["status"] for each in answer.json["results"]]


def _codes(answer: Any) -> list[str | None]:
    return [each.get("problem", {}).get("code") for each in answer.json["results"]]


def _client(shop: Shop) -> Any:
    return shop.functions.modules["RecordUsageFunction"].client


# --- the results


def test_each_usage_is_answered_as_the_route_for_one_answers(shop: Shop) -> None:
    sent = [
        _on(1),
        _on(2, "0.5", note="Boston"),
        _on(3, line_id="texts", item_price_id=None, id="a"),
    ]

    answer = shop.call("POST", BATCH, _batch(*sent))

    assert answer.status == 200
    assert answer.json.keys() == {"results"}
    assert _statuses(answer) == [201, 201, 201]
    for body, result in zip(sent, answer.json["results"], strict=True):
        alone = shop.call("POST", USAGES, {k: v for k, v in body.items() if k != "subscription_id"})
        assert alone.status == 200
        assert alone.json == result["usage"] | {"replayed": True}
        assert result["usage"]["replayed"] is False


def test_the_same_batch_again_is_all_replays_and_writes_nothing(shop: Shop) -> None:
    batch = _batch(*(_on(day, external_id=f"again-{day}") for day in (4, 5, 6)))
    first = shop.must("POST", BATCH, batch)
    before = shop.functions.written()

    again = shop.call("POST", BATCH, batch)

    assert (again.status, _statuses(again)) == (200, [200, 200, 200])
    assert [each["usage"] for each in again.json["results"]] == [
        each["usage"] | {"replayed": True} for each in first["results"]
    ]
    assert shop.functions.written() == before


def test_what_is_refused_says_so_in_its_place_and_leaves_the_others_alone(shop: Shop) -> None:
    shop.must("POST", BATCH, _batch(_on(7, external_id="taken")))
    sent: list[tuple[object, int, str | None, str | None]] = [
        (_on(8), 201, None, None),
        (_on(7, "23"), 409, "usage_conflict", "usages[1].quantity"),
        (_on(9, external_id="taken"), 409, "external_id_taken", "usages[2].external_id"),
        (_on(9, subscription_id="nobody"), 404, "subscription_not_found", None),
        (_on(9, subscription_id=7), 422, "invalid_field", "usages[4].subscription_id"),
        (_on(9, subscription_id="a/b"), 422, "invalid_field", "usages[5].subscription_id"),
        (USAGE, 422, "missing_field", "usages[6].subscription_id"),
        (_on(9) | {"quantity": None}, 422, "missing_field", "usages[7].quantity"),
        (_on(9, "-1"), 422, "invalid_field", "usages[8].quantity"),
        (_on(9, colour="red"), 422, "unknown_field", "usages[9].colour"),
        (_on(9, usage_date="soon"), 422, "invalid_field", "usages[10].usage_date"),
        (_on(9, usage_date="2020-01-01"), 422, "usage_date_out_of_range", "usages[11].usage_date"),
        (_on(9, item_price_id="nothing"), 422, "line_not_found", "usages[12].item_price_id"),
        (_on(9, note="x" * 501), 422, "invalid_field", "usages[13].note"),
        ("22", 422, "invalid_field", "usages[14]"),
        (None, 422, "invalid_field", "usages[15]"),
        ([_on(9)], 422, "invalid_field", "usages[16]"),
        (_on(10), 201, None, None),
    ]
    before = shop.functions.written()

    answer = shop.call("POST", BATCH, _batch(*(body for body, *_ in sent)))

    assert answer.status == 200
    assert [
        (each["status"], each.get("problem", {}).get("code"), each.get("problem", {}).get("field"))
        for each in answer.json["results"]
    ] == [(status, code, field) for _, status, code, field in sent]
    assert shop.functions.written() == before + 2
    shown = answer.json["results"][1]["problem"]
    assert (shown["recorded_quantity"], shown["submitted_quantity"]) == ("22", "23")
    for result in answer.json["results"]:
        assert result.keys() == {"status", "usage" if result["status"] == 201 else "problem"}
        if "problem" in result:
            assert result["problem"]["request_id"] == answer.request_id
            assert result["problem"]["status"] == result["status"]


def test_if_all_are_refused_for_one_reason_the_answer_is_the_first_ones_problem(
    shop: Shop,
) -> None:
    shop.must("POST", BATCH, _batch(_on(11), _on(12)))

    answer = shop.call("POST", BATCH, _batch(_on(11, "23"), _on(12, "24")))

    said = "usages[0].quantity"
    check_refusal(answer, status=409, code="usage_conflict", said=said, secrets=[])
    assert _codes(answer) == ["usage_conflict"] * 2
    assert answer.json["submitted_quantity"] == "23"
    mixed = shop.call("POST", BATCH, _batch(_on(11, "23"), _on(13, "0")))
    assert (mixed.status, _statuses(mixed)) == (200, [409, 422])


def test_one_usage_in_a_batch_is_refused_as_it_is_alone(shop: Shop) -> None:
    alone = shop.call("POST", "/v1/subscriptions/nobody/usages", USAGE)

    answer = shop.call("POST", BATCH, _batch(_on(13, subscription_id="nobody")))

    results = answer.json.pop("results")
    assert (answer.status, answer.anonymous()) == (alone.status, alone.anonymous())
    assert results == [{"status": 404, "problem": answer.json}]


# --- the whole batch


EMPTY_OBJECTS = json.dumps({"usages": [{}] * (BATCH_USAGES_MAX + 1)}).encode()
REFUSED: list[tuple[str, bytes, int, str, str | None]] = [
    ("no JSON", b'{"usages": [', 400, "malformed_request", None),
    ("a list", b"[]", 400, "malformed_request", None),
    ("a name twice", b'{"usages": [{"id": "a", "id": "b"}]}', 400, "malformed_request", "id"),
    ("no number", b'{"usages": [{"quantity": NaN}]}', 400, "malformed_request", None),
    ("no usages", b"{}", 422, "missing_field", "usages"),
    ("null", b'{"usages": null}', 422, "missing_field", "usages"),
    ("none", b'{"usages": []}', 422, "invalid_field", "usages"),
    ("an object", b'{"usages": {"0": {}}}', 422, "invalid_field", "usages"),
    ("more", b'{"usages": [{}], "atomic": true}', 422, "unknown_field", "atomic"),
    ("too many", EMPTY_OBJECTS, 422, "limit_exceeded", "usages"),
    ("too large", b" " * (BATCH_BYTES_MAX + 1), 413, "payload_too_large", None),
]


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_a_batch_that_cannot_be_read_is_refused_whole(
    shop: Shop, body: bytes, status: int, code: str, said: str | None
) -> None:
    before = shop.functions.written()

    answer = shop.call("POST", BATCH, body)

    check_refusal(answer, status=status, code=code, said=said, secrets=[])
    assert "results" not in answer.json
    assert shop.functions.written() == before


def test_a_batch_of_the_largest_size_is_taken(shop: Shop) -> None:
    body = _on(1, subscription_id="many")
    lines = [{"item_price_id": "sms-usd", "id": "texts"}]
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "many", "lines": lines})
    event = {k: v for k, v in body.items() if k != "item_price_id"} | {"line_id": "texts"}
    batch = _batch(*(event | {"id": f"{n}"} for n in range(BATCH_USAGES_MAX)))
    padded = json.dumps(batch).encode().ljust(BATCH_BYTES_MAX)
    before = len(shop.functions.calls)

    answer = shop.call("POST", BATCH, padded)

    assert (answer.status, set(_statuses(answer))) == (200, {201})
    calls = shop.functions.calls[before:]
    assert (calls.count("PutItem"), calls.count("Query")) == (BATCH_USAGES_MAX, 1)
    assert len({each["usage"]["id"] for each in answer.json["results"]}) == BATCH_USAGES_MAX


def test_a_usage_that_is_twice_in_a_batch_refuses_the_whole_and_names_both(shop: Shop) -> None:
    before = shop.functions.written()

    answer = shop.call(
        "POST", BATCH, _batch(_on(14), _on(16), "wrong", _on(16, usage_date="2026-10-16T04:00:00Z"))
    )

    check_refusal(answer, status=422, code="usage_repeated", said="usages[3]", secrets=[])
    assert answer.json["first"] == "usages[1]"
    assert "usages[1]" in answer.json["detail"]
    assert shop.functions.written() == before


def test_a_key_that_is_none_refuses_the_whole(shop: Shop) -> None:
    answer = shop.call("POST", BATCH, _batch(_on(14)), headers={"idempotency-key": "x" * 256})

    check_refusal(answer, status=422, code="invalid_field", said="Idempotency-Key", secrets=[])


def test_a_copy_of_a_batch_does_not_bring_a_deleted_usage_back(shop: Shop) -> None:
    headers = {"idempotency-key": "packet-7"}
    batch = _batch(_on(17), _on(18))
    [deleted, _] = shop.must("POST", BATCH, batch, headers=headers)["results"]
    shop.must("DELETE", f"{USAGES}/{deleted['usage']['id']}")

    copy = shop.call("POST", BATCH, batch, headers=headers)

    assert (copy.status, _codes(copy)) == (200, ["usage_deleted", None])
    assert _statuses(copy) == [409, 200]


def test_the_path_takes_a_search_by_get_and_a_batch_by_post(shop: Shop) -> None:
    shop.must("POST", BATCH, _batch(_on(19, external_id="both-ways")))

    [found] = shop.must("GET", f"{BATCH}?external_id=both-ways")["data"]

    assert found["external_id"] == "both-ways"
    wrong = shop.call("PUT", BATCH, {})
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, POST")
    reader = shop.new_key(KeyScope.USAGE_READ)
    assert shop.call("POST", BATCH, _batch(_on(20)), key=reader).code == "forbidden"


# --- what it costs, and if storage fails


def test_a_warm_batch_costs_a_put_for_each_usage_and_one_look_for_the_term(shop: Shop) -> None:
    live = shop.functions.new_site("batches-live")
    shop = Shop(shop.functions, live, shop.functions.new_key(live))
    shop.must("POST", "/v1/items", {"id": "voip", "name": "VoIP", "metered": True})
    price = {"id": "voip-usd", "item_id": "voip", "pricing_model": "per_unit", "unit_amount": "1"}
    shop.must("POST", "/v1/item-prices", price)
    shop.must("POST", "/v1/customers", {"id": "harbor", "name": "Blue Harbor"})
    for name in ("calls", "other"):
        body = {"id": name, "customer_id": "harbor", "lines": [{"item_price_id": "voip-usd"}]}
        shop.must("POST", "/v1/subscriptions", body)
    start = shop.must("GET", "/v1/subscriptions/calls")["start"]
    dates = [f"{start[:-3]}{second:02d}Z" for second in range(int(start[-3:-1]), 60)][:3]
    batch = _batch(
        *(_on(1, subscription_id="calls", usage_date=date) for date in (start, *dates[1:])),
        _on(1, subscription_id="other", usage_date=start),
    )

    costs = []
    for _ in range(2):
        before = len(shop.functions.calls)
        answer = shop.call("POST", BATCH, batch)
        assert answer.status == 200
        costs.append(shop.functions.calls[before:])

    puts = ["PutItem"] * len(batch["usages"])  # type: ignore[arg-type]
    # Cold: the key and the subscriptions. A look for each of the two terms.
    assert costs == [["GetItem"] * 3 + puts + ["Query"] * 2, [*puts, "Query", "Query"]]


def _no_answer() -> Exception:
    return ReadTimeoutError(endpoint_url="https://dynamodb")


def _failing(monkeypatch: pytest.MonkeyPatch, shop: Shop, method: str, *, at: set[int]) -> None:
    """Let some of a method's calls, counted from 0, get no answer, though they are made."""
    client = _client(shop)
    real = getattr(client, method)
    count = iter(range(1000))

    def call(**request: Any) -> Any:
        answer = real(**request)
        if next(count) in at:
            raise _no_answer()
        return answer

    monkeypatch.setattr(client, method, call)


def test_a_put_without_an_answer_is_unknown_and_the_same_batch_again_completes_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": "beside"})
    batch = _batch(_on(21), _on(22), _on(23), _on(21, subscription_id="beside"))
    with monkeypatch.context() as patch:
        _failing(patch, shop, "put_item", at={1})
        answer = shop.call("POST", BATCH, batch)

    assert (answer.status, _statuses(answer)) == (200, [201, 503, 503, 201])
    assert _codes(answer)[1:3] == ["temporarily_unavailable"] * 2
    again = shop.call("POST", BATCH, batch)
    # The second was stored, the third was not tried.
    assert (again.status, _statuses(again)) == (200, [200, 200, 201, 200])


def test_if_nothing_had_an_answer_it_is_one_503_that_says_when_to_come_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _batch(_on(24), _on(25))
    with monkeypatch.context() as patch:
        _failing(patch, shop, "put_item", at={0})
        answer = shop.call("POST", BATCH, batch)

    check_refusal(answer, status=503, code="temporarily_unavailable", said=None, secrets=[])
    assert _statuses(answer) == [503, 503]
    assert _statuses(shop.call("POST", BATCH, batch)) == [200, 201]


def test_a_look_without_an_answer_leaves_its_usages_pending(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _failing(patch, shop, "query", at={0})
        answer = shop.call("POST", BATCH, _batch(_on(26), _on(27)))

    assert _statuses(answer) == [201, 201]
    assert {each["usage"]["billing"] for each in answer.json["results"]} == {"pending"}


# --- late


def test_what_is_late_asks_a_worker_once_for_each_term(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("late-one", "late-two"):
        lines = [{"item_price_id": "voip-usd"}]
        shop.must("POST", "/v1/subscriptions", SUBSCRIPTION | {"id": name, "lines": lines})
        shop.work(name)
        [pending] = shop.invoices(name)
        shop.must("POST", f"/v1/invoices/{pending['id']}/close")
    shop.functions.messages("CloseQueue")
    late = [
        _on(1, subscription_id=name, usage_date=f"2026-09-{day}")
        for name in ("late-one", "late-two")
        for day in (10, 11, 12)
    ]

    answer = shop.call("POST", BATCH, _batch(_on(1, subscription_id="late-one"), *late))

    assert [each["usage"]["billing"] for each in answer.json["results"]] == [
        *("on_time", *(["late"] * 6))
    ]
    [asked] = [json.loads(body) for body in shop.functions.messages("CloseQueue")]
    assert [(pk.split("#")[-1], sk) for pk, sk in asked["reconcile"]] == [
        ("late-one", "TERM#2026-09-01T04:00:00Z"),
        ("late-two", "TERM#2026-09-01T04:00:00Z"),
    ]
