"""Customers of the ChargeOver door, and the manners that all its paths have."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.over import Over, basic

CLOCK = datetime(2015, 9, 1, 8, tzinfo=UTC)
JOHN: dict[str, Any] = {
    "company": "Another Customer",
    "external_key": "mycustomer_id",
    "superuser_email": "customer@example.com",
    "superuser_first_name": "John",
    "superuser_last_name": "Smith",
    "bill_addr1": "555 Main Street",
    "bill_city": "Burlington",
    "bill_state": "VT",
    "bill_postcode": "05401",
    "custom_1": "blue",
}


@pytest.fixture(scope="module")
def over(functions: Functions) -> Over:
    return Over.at(functions, "co-customers", CLOCK)


@pytest.fixture(scope="module")
def john(over: Over) -> int:
    return over.create("/customer", JOHN)


def test_a_customer_comes_back_as_it_was_said(over: Over, john: int) -> None:
    shown = over.get(f"/customer/{john}")

    assert {name: shown[name] for name in JOHN} == JOHN
    assert shown["customer_id"] == john
    assert shown["bill_block"].splitlines() == [
        "Another Customer",
        "John Smith",
        "555 Main Street",
        "Burlington, VT 05401",
    ]
    assert (shown["currency_iso4217"], shown["currency_symbol"]) == ("USD", "$")
    assert shown["write_datetime"] == "2015-09-01T08:00:00+00:00"
    assert over.get("/customer/external_key:mycustomer_id") == shown


def test_what_creates_says_where_the_thing_is(over: Over) -> None:
    answer = over.call("POST", "/customer", {"company": "Located"})

    assert answer.status == 201
    assert answer.headers["location"] == f"/api/v3/customer/{answer.json['response']['id']}"


def test_an_external_key_is_taken_once(over: Over, john: int) -> None:
    message = over.refused("POST", "/customer", JOHN | {"company": "Other"})

    assert "external_key" in message or "id" in message
    assert over.get(f"/customer/{john}")["company"] == "Another Customer"


def test_a_customer_is_changed_in_part(over: Over) -> None:
    number = over.create("/customer", JOHN | {"external_key": "changes"})

    assert over.put(f"/customer/{number}", {"bill_city": "Salem", "custom_2": 7}) == {"id": number}

    shown = over.get(f"/customer/{number}")
    assert (shown["bill_city"], shown["bill_state"], shown["custom_1"], shown["custom_2"]) == (
        "Salem",
        "VT",
        "blue",
        "7",
    )
    assert "Salem, VT 05401" in shown["bill_block"]


def test_a_deleted_customer_is_not_there_any_more(over: Over) -> None:
    number = over.create("/customer", {"company": "Short lived"})

    assert over.call("DELETE", f"/customer/{number}").json["response"] is True

    assert over.refused("GET", f"/customer/{number}", status=404) == "This customer does not exist."


@pytest.mark.parametrize("target", ["/customer/99999999", "/customer/external_key:none"])
def test_a_customer_that_is_not_there_is_said_to_be_missing(over: Over, target: str) -> None:
    assert over.refused("GET", target, status=404) == "This customer does not exist."


# --- lists


@pytest.fixture(scope="module")
def many(functions: Functions) -> Over:
    over = Over.at(functions, "co-many", CLOCK)
    for number in range(25):
        over.create(
            "/customer",
            {
                "company": f"Company {number:02d}, Inc: the {number % 3}.",
                "external_key": f"key-{number:02d}",
                "bill_state": "VT" if number % 5 == 0 else None,
            },
        )
    return over


ASKED: list[tuple[str, list[int]]] = [
    ("", [*range(10)]),
    ("limit=3&offset=8", [8, 9, 10]),
    ("limit=500", [*range(25)]),
    ("offset=24", [24]),
    ("offset=25", []),
    ("where=external_key:EQUALS:key-07", [7]),
    ("where=bill_state:EQUALS:VT", [0, 5, 10, 15, 20]),
    ("where=bill_state:IS:NULL&limit=3", []),
    (r"where=company:EQUALS:Company%2007%5C,%20Inc:%20the%201.", [7]),
    (r"where=company%3AEQUALS%3ACompany+07%5C%2C+Inc%5C%3A+the+1.", [7]),
    ("where=company:CONTAINS:inc: the 2&limit=2", [2, 5]),
    ("where=bill_state:EQUALS:VT,external_key:NOTEQUALS:key-05", [0, 10, 15, 20]),
    ("where=customer_id:GT:0&limit=1", [0]),
    ("where=mod_datetime:GTE:2015-09-01 00:00:00&limit=1", [0]),
    ("where=mod_datetime:LT:2015-09-01T00:00:00", []),
    ("order=company:DESC&limit=2", [24, 23]),
    ("order=company:ASC&limit=1&_dummy=1&_flag_x=2", [0]),
]


@pytest.mark.parametrize(("query", "found"), ASKED, ids=[row[0] or "nothing" for row in ASKED])
def test_a_list_is_asked_by_clauses_order_and_place(
    many: Over, query: str, found: list[int]
) -> None:
    rows = many.get(f"/customer?{query.replace(' ', '%20')}")

    assert [row["external_key"] for row in rows] == [f"key-{number:02d}" for number in found]


def test_a_list_is_counted(many: Over) -> None:
    assert many.get("/customer/_count") == 25
    assert many.get("/customer/_count?where=bill_state:EQUALS:VT") == 5


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("where=company", "Malformed WHERE clause."),
        ("where=company:LIKES:x", "Malformed WHERE clause."),
        ("where=bill_state:IS:VT", "Malformed WHERE clause."),
        ("where=shoe_size:EQUALS:1", "You cannot filter by: shoe_size."),
        ("order=shoe_size:ASC", "You cannot order by: shoe_size:ASC."),
        ("limit=0", "Missing or invalid parameter. limit: must be a number from 1 to 500"),
        ("limit=501", "Missing or invalid parameter. limit: must be a number from 1 to 500"),
        ("offset=-1", "Missing or invalid parameter. offset: must be a number from 0 to 100000"),
        ("where=mod_datetime:GTE:soon", "Missing or invalid parameter. mod_datetime: must be a"),
    ],
)
def test_a_list_that_cannot_be_asked_is_refused(many: Over, query: str, message: str) -> None:
    assert many.refused("GET", f"/customer?{query}").startswith(message)


# --- manners


@pytest.mark.parametrize(
    "target",
    ["//customer//{}", "/customer/{}/", "/customer/{}?_dummy=1", "/customer/{}/?where=x"],
)
def test_slashes_too_many_are_no_matter(over: Over, john: int, target: str) -> None:
    assert over.get(target.format(john))["customer_id"] == john


@pytest.mark.parametrize("body", [b"", b"null", b'""', b"{}"])
def test_a_body_that_says_nothing_creates_nothing(over: Over, body: bytes) -> None:
    assert over.refused("POST", "/customer", body) == "A required parameter was missing: No data."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"bill_city": "Salem"}, "A required parameter was missing: company."),
        ({"company": "x" * 251}, "Missing or invalid parameter. company: "),
        ({"company": "a\u0000b"}, "Missing or invalid parameter. company: has a form"),
        ({"company": ["a"]}, "Missing or invalid parameter. company: "),
        ({"company": "A", "shoe_size": 4}, "Missing or invalid parameter. shoe_size: is not a"),
        ({"company": "A", "custom_21": "x"}, "Missing or invalid parameter. custom_21: "),
        ({"company": "A", "custom_1": {"a": 1}}, "Missing or invalid parameter. custom_1: "),
        ({"company": "A", "terms_id": 2}, "Missing or invalid parameter. terms_id: "),
        ({"company": "A", "terms_days": 366}, "Missing or invalid parameter. terms_days: "),
        ({"company": "A", "superuser_email": "no"}, "Missing or invalid parameter. superuser_em"),
        ({"company": "A", "external_key": "a/b"}, "Missing or invalid parameter. external_key: "),
        (b"[1]", "The body must be a JSON object"),
        (b"{", "The body is not JSON"),
        (b'{"company": "A", "company": "B"}', "company: the name is given twice"),
    ],
)
def test_a_wrong_customer_is_refused_by_its_field(over: Over, body: object, message: str) -> None:
    before = over.get("/customer/_count")

    assert over.refused("POST", "/customer", body).startswith(message)

    assert over.get("/customer/_count") == before


@pytest.mark.parametrize(
    ("method", "target", "message"),
    [
        ("GET", "/customers", "The object type requested is not supported: list(customers, )"),
        ("POST", "/gadget", "The object type requested is not supported: create(gadget, )"),
        (
            "PATCH",
            "/customer/1",
            "The command requested is not supported: PATCH(customer, 1)",
        ),
        (
            "POST",
            "/customer/1?action=melt",
            "The command requested is not supported: create(customer, 1, _action, melt)",
        ),
    ],
)
def test_what_is_not_served_is_said_so(over: Over, method: str, target: str, message: str) -> None:
    assert over.refused(method, target) == message


# --- who asks


@pytest.mark.parametrize("wrong", ["nobody", "private", "public", "native key", "bearer"])
def test_who_does_not_show_both_keys_is_asked_for_them(over: Over, wrong: str) -> None:
    pair = over.pair
    headers = {
        "nobody": "",
        "private": basic(pair.public, "0" * 32),
        "public": basic("0" * 16, pair.private),
        "native key": basic(over.functions.new_key(over.site), ""),
        "bearer": f"Bearer {pair.public}",
    }

    answer = over.call("GET", "/customer", headers={"authorization": headers[wrong]})

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="postpaid"'
    assert answer.json["message"].startswith("Invalid or incorrect authorization [")
    assert pair.private not in answer.text


def test_a_pair_without_the_scope_reads_and_does_not_write(over: Over, john: int) -> None:
    reader = Over.on(over.functions, over.site, KeyScope.READ)

    assert reader.get(f"/customer/{john}")["customer_id"] == john
    assert "lacks the scope" in reader.refused("POST", "/customer", JOHN, status=403)


def test_another_site_has_other_customers(functions: Functions, john: int) -> None:
    other = Over.at(functions, "co-other", CLOCK)

    assert other.get("/customer") == []
    assert other.refused("GET", f"/customer/{john}", status=404)
    assert other.refused("GET", "/customer/external_key:mycustomer_id", status=404)
