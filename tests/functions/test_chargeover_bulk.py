"""`_bulk` of the ChargeOver door: many requests in one, each with an envelope of its own."""

import json
from typing import Any

import pytest

from postpaid.api.chargeover import bulk
from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.over_shop import CLOCK

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def over(functions: Functions) -> Over:
    return Over.at(functions, "co-bulk", CLOCK)


def sent(over: Over, parts: Any, **options: Any) -> list[Any]:
    """Send requests in one; return their envelopes."""
    answer = over.call("POST", "/_bulk", parts, **options)
    assert answer.status == 200, answer.json
    found: list[Any] = answer.json["response"]["_bulk"]
    for each in found:
        assert each.keys() == {"code", "status", "message", "details", "response"}
        assert each["status"] == ("OK" if each["code"] < 300 else "Error")
    return found


def part(method: str, uri: str, payload: object = None) -> dict[str, Any]:
    return {"request_method": method, "uri": f"/api/v3{uri}", "payload": payload}


def test_requests_are_served_in_their_order_each_with_its_envelope(over: Over) -> None:
    made = over.create("/customer", {"company": "First", "external_key": "first"})

    found = sent(
        over,
        [
            part("POST", "/customer", {"company": "Zażółć, Inc: 1", "external_key": "zazolc"}),
            part("GET", "/customer/external_key:zazolc"),
            part("PUT", f"/customer/{made}", {"bill_city": "Salem"}),
            part("GET", f"/customer/{made}"),
            part(
                "GET",
                r"/customer?where=company:EQUALS:Za%C5%BC%C3%B3%C5%82%C4%87%5C,%20Inc%5C:%201",
            ),
            part("GET", "//customer/_count"),
        ],
    )

    assert [each["code"] for each in found] == [201, 200, 202, 200, 200, 200]
    assert found[1]["response"]["company"] == "Zażółć, Inc: 1"
    assert found[3]["response"]["bill_city"] == "Salem"
    assert [row["external_key"] for row in found[4]["response"]] == ["zazolc"]
    assert found[5]["response"] == 2


def test_one_that_is_refused_stops_no_other(over: Over) -> None:
    parts: list[Any] = [
        part("GET", "/customer/999999"),
        part("POST", "/customer", {"bill_city": "Salem"}),
        part("GET", "/quotes"),
        part("GET", "/customer?limit=0"),
        part("POST", "/_bulk", []),
        part("POST", "//_bulk/", []),
        part("PATCH", "/customer/1"),
        {"request_method": "GET", "uri": "https://elsewhere.example/api/v3/customer"},
        {"request_method": "GET", "uri": 5},
        {"request_method": "GET"},
        part("GET", "/customer") | {"method": "GET"},
        "GET /customer",
        None,
        part("POST", "/customer", {"company": "Alone", "external_key": "alone"}),
    ]

    found = sent(over, parts)

    assert [each["code"] for each in found] == [404, *[400] * 12, 201]
    assert found[0] == {
        "code": 404,
        "status": "Error",
        "message": "This customer does not exist.",
        "details": {"code": "customer_not_found"},
        "response": None,
    }
    assert found[4]["message"].endswith("uri: a list of requests holds no other")
    assert found[5]["message"] == found[4]["message"]
    assert found[6]["message"].endswith("must be one of GET, POST, PUT, DELETE")
    assert over.get("/customer/external_key:alone")["company"] == "Alone"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"request_method": "GET"}, "The body must be a JSON array"),
        ([], "A required parameter was missing: No data."),
        (b"[ ]", "Missing or invalid parameter. _bulk: has 1 to 25 requests"),
        (b"[1", "The body is not JSON"),
        (b'[{"a": 1, "a": 2}]', "a: the name is given twice"),
        ([part("POST", "/customer", {"company": "Many"})] * 26, "Missing or invalid parameter. _b"),
    ],
)
def test_what_is_no_list_of_1_to_25_requests_is_refused_whole(
    over: Over, body: object, message: str
) -> None:
    before = over.functions.written()

    assert over.refused("POST", "/_bulk", body).startswith(message)

    assert over.functions.written() == before


def test_25_requests_are_served(over: Over) -> None:
    found = sent(over, [part("GET", "/customer/_count")] * 25)

    assert [each["code"] for each in found] == [200] * 25


def test_each_request_needs_the_scope_of_its_own_route(over: Over) -> None:
    reader = Over.on(over.functions, over.site, KeyScope.READ)

    found = sent(
        reader,
        [part("GET", "/customer/_count"), part("POST", "/customer", {"company": "Not mine"})],
    )

    assert [each["code"] for each in found] == [200, 403]
    assert "lacks the scope" in found[1]["message"]


def test_who_is_not_known_is_served_nothing(over: Over) -> None:
    body = [part("GET", "/customer/_count")]

    answer = over.call("POST", "/_bulk", body, headers={"authorization": ""})

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="postpaid"'


def test_requests_reach_nothing_of_another_site(functions: Functions, over: Over) -> None:
    made = over.create("/customer", {"company": "Ours"})
    other = Over.at(functions, "co-bulk-other", CLOCK)

    found = sent(other, [part("GET", f"/customer/{made}"), part("GET", "/customer")])

    assert [(each["code"], each["response"]) for each in found] == [(404, None), (200, [])]


def test_numbers_of_a_payload_arrive_exactly(over: Over) -> None:
    exact = "0.12345678901234567890"
    body = json.dumps([part("POST", "/customer", {"company": "Exact", "custom_1": 0})])

    [made] = sent(over, body.replace('"custom_1": 0', f'"custom_1": {exact}').encode())

    shown = over.get(f"/customer/{made['response']['id']}")
    assert shown["custom_1"] == exact.rstrip("0")


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ('{"amount": 1E+999999999}', "Missing or invalid parameter. amount: "),
        (f'{{"amount": 1E+{"9" * 30}}}', "NaN is not JSON"),
        (f'{{"amount": {"[" * 700}{"]" * 700}}}', ""),
    ],
)
def test_a_payload_that_no_request_can_have_is_refused_alone(
    over: Over, payload: str, message: str
) -> None:
    bad = f'{{"request_method": "POST", "uri": "/api/v3/transaction", "payload": {payload}}}'
    good = json.dumps(part("GET", "/customer/_count"))

    found = sent(over, f"[{good}, {bad}, {good}]".encode())

    assert [each["code"] for each in found] == [200, 400, 200]
    assert found[1]["message"].startswith(message)


def test_what_comes_too_late_is_not_served_and_told_to_come_again(
    over: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over.functions.modules["ChargeoverApiFunction"], "BULK_SECONDS", -1)
    before = over.functions.written()

    found = sent(over, [part("POST", "/customer", {"company": "Late"})] * 2)

    assert [each["code"] for each in found] == [503, 503]
    assert over.functions.written() == before


def test_answers_that_are_too_large_together_are_left_out(
    over: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    over.create("/customer", {"company": "Large", "external_key": "large"})
    one = part("GET", "/customer/external_key:large")
    [alone] = sent(over, [one])
    size = len(json.dumps(alone, separators=(",", ":")))
    monkeypatch.setattr(bulk, "ANSWER_BYTES_MAX", 2 * size)

    found = sent(over, [one] * 3)

    assert [each["code"] for each in found] == [200, 200, 400]
    assert found[2]["message"] == "the answers are too large together: ask for it on its own"
