"""Packages of the ChargeOver door: made, read, listed, changed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postpaid.api.chargeover.routes import ROUTES
from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.over import Over

CLOCK = datetime(2015, 8, 20, 9, tzinfo=UTC)
TIERS = [{"unit_from": 1, "unit_to": 9999, "amount": 0.05}]
VOIP = {"pricemodel": "uni", "base": 10, "paycycle": "mon", "tiers": TIERS}
ITEMS: dict[str, dict[str, Any]] = {
    "voip": {"name": "VoIP Service", "units": "minute", "pricemodel": VOIP},
    "sms": {"name": "Texts", "pricemodel": {"pricemodel": "uni", "tiers": TIERS}},
    "line": {"name": "Phone line", "pricemodel": {"pricemodel": "fla", "base": 25, "setup": 5}},
    "seat": {
        "name": "Seat",
        "is_usage": False,
        "pricemodel": {"pricemodel": "uni", "tiers": [{"amount": 7}]},
    },
    "yearly": {"name": "Yearly", "pricemodel": {"pricemodel": "fla", "base": 9, "paycycle": "yrl"}},
}


def shop(functions: Functions, site: str) -> Over:
    over = Over.at(functions, site, CLOCK)
    over.create("/customer", {"company": "Harbor", "external_key": "harbor"})
    for key, body in ITEMS.items():
        over.create("/item", body | {"external_key": key})
    return over


@pytest.fixture(scope="module")
def over(functions: Functions) -> Over:
    return shop(functions, "co-packages")


def package(*lines: str | dict[str, Any], **fields: Any) -> dict[str, Any]:
    rows = [{"item_external_key": each} if isinstance(each, str) else each for each in lines]
    return {"customer_external_key": "harbor", "line_items": rows, **fields}


def lines_of(over: Over, number: int) -> dict[str, dict[str, Any]]:
    return {line["external_key"]: line for line in over.get(f"/package/{number}")["line_items"]}


def native(over: Over, method: str, path: str, body: object = None) -> Any:
    key = over.functions.new_key(over.site)
    answer = over.functions.call(method, f"/v1{path}", body, key=key)
    assert answer.status in {200, 201, 202}, answer
    return answer.json


# --- made and read


def test_a_package_comes_back_as_it_was_said(over: Over) -> None:
    item = over.get("/item/external_key:voip")
    customer = over.get("/customer/external_key:harbor")["customer_id"]
    body = {
        "customer_id": str(customer),
        "external_key": "first",
        "nickname": "Phones",
        "paymethod": "inv",
        "paycycle": "mon",
        "custom_3": "blue",
        "coupon": "",
        "line_items": [
            {
                "item_id": item["item_id"],
                "line_quantity": 1,
                "descrip": "Calls of the harbor",
                "external_key": "calls",
                "nickname": "c",
                "custom_1": "x",
                "trial_days": 0,
            }
        ],
    }

    number = over.create("/package", body)

    shown = over.get(f"/package/{number}")
    assert next(iter(shown)) == "line_items"
    [line] = shown["line_items"]
    assert (shown["package_id"], shown["customer_id"]) == (number, customer)
    said = ("external_key", "nickname", "paymethod", "paycycle", "custom_3")
    assert {name: shown[name] for name in said} == {name: body[name] for name in said}
    assert (shown["package_status_str"], shown["package_status_id"]) == ("active-current", 2)
    assert shown["next_invoice_datetime"] == "2015-09-20T00:00:00+00:00"
    assert shown["write_datetime"].startswith("2015-08-20T09:")
    assert (shown["holduntil_datetime"], shown["cancel_datetime"]) == (None, None)
    assert (line["item_id"], line["tierset_id"]) == (item["item_id"], item["tierset_id"])
    assert line["tierset"] == item["tiersets"][0]
    assert (line["item_is_usage"], line["item_units"], line["line_quantity"]) == (True, "minute", 1)
    assert (line["descrip"], line["nickname"], line["custom_1"]) == (
        "Calls of the harbor",
        "c",
        "x",
    )
    assert line["external_key"] == "calls"
    assert over.get("/package/external_key:first") == shown
    assert over.get(f"/billing_package/{number}") == shown


def test_a_package_is_a_subscription_of_the_other_doors(over: Over) -> None:
    over.create("/package", package("voip", "line", external_key="both"))

    shown = native(over, "GET", "/subscriptions/both")

    assert [line["id"] for line in shown["lines"]] == ["voip", "line"]
    assert shown["prorate"] is False
    assert shown["closing"] == {"mode": "auto", "after_hours": 0}
    assert shown["start"] == "2015-08-20T00:00:00Z"


def test_a_subscription_of_the_native_api_is_a_package(over: Over) -> None:
    native(
        over,
        "POST",
        "/subscriptions",
        {
            "id": "nat",
            "customer_id": "harbor",
            "cadence": {"unit": "month", "count": 5},
            "lines": [{"item_price_id": "seat", "quantity": "2.5"}],
        },
    )

    shown = over.get("/package/external_key:nat")

    assert shown["paycycle"] == "5_month"
    assert [line["line_quantity"] for line in shown["line_items"]] == [2.5]


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("dly", "2015-08-21"),
        ("1wk", "2015-08-27"),
        ("2wk", "2015-09-03"),
        ("4wk", "2015-09-17"),
        ("8wk", "2015-10-15"),
        ("12w", "2015-11-12"),
        ("30d", "2015-09-19"),
        ("116", "2015-09-01"),
        ("mon", "2015-09-20"),
        ("2mn", "2015-10-20"),
        ("qtr", "2015-11-20"),
        ("six", "2016-02-20"),
        ("yrl", "2016-08-20"),
        ("2yr", "2017-08-20"),
        ("3yr", "2018-08-20"),
        ("4yr", "2019-08-20"),
        ("5yr", "2020-08-20"),
        ("10y", "2025-08-20"),
    ],
)
def test_each_paycycle_has_its_terms(over: Over, code: str, end: str) -> None:
    number = over.create("/package", package("sms", paycycle=code))

    shown = over.get(f"/package/{number}")
    assert shown["paycycle"] == code
    assert shown["next_invoice_datetime"] == f"{end}T00:00:00+00:00"


def test_a_line_may_have_a_price_of_its_own(over: Over) -> None:
    own = {
        "pricemodel": "vol",
        "base": 3,
        "paycycle": "evy",
        "tiers": [
            {"unit_from": 1, "unit_to": 10, "amount": 2.95},
            {"unit_from": 11, "unit_to": 20, "amount": 1.95},
        ],
    }
    before = over.get("/item/_count")
    bodies = [package({"item_external_key": "voip", "tierset": own}) for _ in range(2)]

    first, second = (lines_of(over, over.create("/package", body))["voip"] for body in bodies)

    assert first["tierset_id"] == second["tierset_id"]
    assert first["tierset_id"] != over.get("/item/external_key:voip")["tierset_id"]
    shown = first["tierset"]
    assert (shown["pricemodel"], shown["base"], shown["tier_mode"]) == ("vol", 3, "whole")
    assert [{n: tier[n] for n in own["tiers"][0]} for tier in shown["tiers"]] == own["tiers"]  # type: ignore[index]
    assert over.get("/item/_count") == before


def test_what_typed_clients_write_as_0_names_nothing(over: Over) -> None:
    none = {"item_id": 0, "tierset_id": "0", "line_quantity": 0, "trial_days": 0, "descrip": None}
    body = package({"item_external_key": "voip"} | none, customer_id=0, terms_id=0, coupon=None)

    number = over.create("/package", body)

    row = none | {"item_external_key": "sms", "line_item_id": 0, "cancel": False}
    assert over.act(f"/package/{number}?action=upgrade", {"line_items": [row]}) is True
    assert lines_of(over, number).keys() == {"voip", "sms"}


def test_a_line_may_name_a_price_of_the_native_api(over: Over) -> None:
    price = {"id": "cheap", "item_id": "sms", "pricing_model": "per_unit", "unit_amount": "0.01"}
    native(over, "POST", "/item-prices", price)
    lines = [{"item_price_id": "cheap"}]
    body = {"id": "by-cheap", "customer_id": "harbor", "lines": lines}
    native(over, "POST", "/subscriptions", body)
    [line] = over.get("/package/external_key:by-cheap")["line_items"]
    tierset_id = line["tierset_id"]

    number = over.create(
        "/package", package({"item_external_key": "sms", "tierset_id": tierset_id})
    )

    assert lines_of(over, number)["sms"]["tierset"]["tiers"][0]["amount"] == 0.01


# --- held


def test_a_package_is_held_until_its_first_regular_term(over: Over) -> None:
    number = over.create(
        "/package", package("voip", "line", holduntil_datetime="2015-10-01", external_key="held")
    )

    shown = over.get(f"/package/{number}")
    assert shown["holduntil_datetime"] == "2015-10-01T00:00:00+00:00"
    assert shown["next_invoice_datetime"] == "2015-10-01T00:00:00+00:00"
    begins = {each["external_key"]: each["subscribe_datetime"] for each in shown["line_items"]}
    assert begins == {"voip": "2015-08-20T00:00:00+00:00", "line": "2015-10-01T00:00:00+00:00"}
    assert native(over, "GET", "/subscriptions/held/invoices")["data"] == []


def test_what_is_held_until_a_day_that_has_passed_is_not_held(over: Over) -> None:
    number = over.create("/package", package("voip", holduntil_datetime="2015-08-01"))

    shown = over.get(f"/package/{number}")
    assert (shown["holduntil_datetime"], shown["next_invoice_datetime"]) == (
        None,
        "2015-09-20T00:00:00+00:00",
    )


def test_twice_a_month_begins_with_the_1st_or_16th_behind_the_hold(over: Over) -> None:
    number = over.create(
        "/package", package("sms", paycycle="116", holduntil_datetime="2015-09-05 12:00:00")
    )

    assert over.get(f"/package/{number}")["next_invoice_datetime"] == "2015-09-16T00:00:00+00:00"


# --- refused

LINE: dict[str, Any] = {"item_external_key": "voip"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    (package(), "A required parameter was missing: line_items."),
    (package(LINE) | {"customer_external_key": None}, "A required parameter was missing: custom"),
    (package(LINE) | {"customer_external_key": "none"}, "Missing or invalid parameter. customer_e"),
    (package(LINE, customer_id=9), "Missing or invalid parameter. customer_id: give it, or"),
    (package({"item_id": 99999}), "Missing or invalid parameter. line_items.0.item_id: there is"),
    (package(LINE, {}), "A required parameter was missing: line_items.1.item_id."),
    (package(LINE, "none"), "Missing or invalid parameter. line_items.1.item_external_key: "),
    (package(LINE, paycycle="now"), "Missing or invalid parameter. paycycle: must be one of dly"),
    (package(LINE, paycycle="yrl"), "Missing or invalid parameter. line_items.0.item_id: is for a"),
    (package("yearly"), "Missing or invalid parameter. line_items.0.item_id: is for another payc"),
    (package(LINE, paymethod="crd"), "Missing or invalid parameter. paymethod: nothing is collect"),
    (package(LINE, creditcard_id=5), "Missing or invalid parameter. creditcard_id: nothing is co"),
    (package(LINE, coupon="X"), "Missing or invalid parameter. coupon: there are no coupons here"),
    (package(LINE, terms_id=2), "Missing or invalid parameter. terms_id: "),
    (package(LINE, bill_city="Salem"), "Missing or invalid parameter. bill_city: is kept with"),
    (package(LINE, shoe_size=4), "Missing or invalid parameter. shoe_size: is not a field"),
    (package(LINE, external_key="a/b"), "Missing or invalid parameter. external_key: "),
    (package(LINE, holduntil_datetime="soon"), "Missing or invalid parameter. holduntil_datetime"),
    (package(LINE, holduntil_datetime="2090-01-01"), "Missing or invalid parameter. holduntil_da"),
    (package("line", holduntil_datetime="2090-01-01"), "Missing or invalid parameter. holduntil_d"),
    (package(LINE | {"trial_days": 14}), "Missing or invalid parameter. line_items.0.trial_days"),
    (package(LINE | {"line_quantity": 2}), "Missing or invalid parameter. line_items.0.line_qua"),
    (package(LINE | {"paycycle": "yrl"}), "Missing or invalid parameter. line_items.0.paycycle"),
    (package(LINE | {"shoe": 1}), "Missing or invalid parameter. line_items.0.shoe: is not a fie"),
    (package(LINE | {"custom_21": 1}), "Missing or invalid parameter. line_items.0.custom_21"),
    (package(LINE | {"tierset_id": 9999}), "Missing or invalid parameter. line_items.0.tierset_id"),
    (
        package(LINE | {"tierset": {"pricemodel": "uni"}}),
        "A required parameter was missing: line_items.0.tierset.tiers.",
    ),
    (
        package({"item_external_key": "seat", "line_quantity": 0}),
        "Missing or invalid parameter. line_items.0.line_quantity: must be greater than 0",
    ),
    (
        package(LINE | {"external_key": "a"}, LINE | {"external_key": "a"}),
        "Missing or invalid parameter. line_items.1.external_key: is the id of another line",
    ),
    (
        package(*(LINE | {f"custom_{n}": "x" * 200 for n in range(1, 21)} for _ in range(3))),
        "Missing or invalid parameter. custom_1: takes",
    ),
]


@pytest.mark.parametrize(
    ("body", "message"), REFUSED, ids=[message[-40:] for _, message in REFUSED]
)
def test_a_wrong_package_is_refused_by_its_field(
    over: Over, body: dict[str, Any], message: str
) -> None:
    before = over.get("/package/_count")

    assert over.refused("POST", "/package", body).startswith(message)

    assert over.get("/package/_count") == before


def test_no_card_is_ever_stored(over: Over) -> None:
    for body in (
        package(LINE, paymethod="crd", creditcard_id=4111),
        package(LINE, creditcard={"number": "4111111111111111"}),
    ):
        over.refused("POST", "/package", body)

    assert "4111111111111111" not in str(over.functions.billing_items())


def test_an_external_key_is_taken_once(over: Over) -> None:
    over.create("/package", package("voip", external_key="once"))

    message = over.refused("POST", "/package", package("sms", external_key="once"))

    assert message == "Missing or invalid parameter. external_key: another package has it"


def test_a_package_that_is_not_there_is_said_to_be_missing(over: Over) -> None:
    for target in ("/package/99999999", "/package/external_key:none"):
        for method, path in (("GET", ""), ("PUT", ""), ("POST", "/_action/cancel")):
            body = {"nickname": "x"} if method == "PUT" else None
            message = over.refused(method, target + path, body, status=404)
            assert message == "This package does not exist."


# --- changed


def test_what_is_only_kept_is_changed_in_part(over: Over) -> None:
    number = over.create("/package", package("voip", nickname="a", custom_1="b"))

    assert over.put(f"/package/{number}", {"nickname": "c", "custom_2": 5}) == {"id": number}

    shown = over.get(f"/package/{number}")
    assert [shown[n] for n in ("nickname", "custom_1", "custom_2")] == ["c", "b", "5"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paycycle": "yrl"}, "Missing or invalid parameter. paycycle: is changed by the action"),
        ({"line_items": [LINE]}, "Missing or invalid parameter. line_items: is changed by the ac"),
        ({"customer_id": 7}, "Missing or invalid parameter. customer_id: never changes here"),
        ({"external_key": "else"}, "Missing or invalid parameter. external_key: never changes"),
        ({"paymethod": "ach"}, "Missing or invalid parameter. paymethod: nothing is collected"),
    ],
)
def test_what_actions_change_is_not_changed_by_an_update(
    over: Over, changes: dict[str, Any], message: str
) -> None:
    number = over.create("/package", package("voip"))

    assert over.refused("PUT", f"/package/{number}", changes).startswith(message)


def test_a_package_is_not_deleted(over: Over) -> None:
    number = over.create("/package", package("voip"))

    assert over.refused("DELETE", f"/package/{number}") == (
        f"The command requested is not supported: delete(package, {number})"
    )


# --- lists


@pytest.fixture(scope="module")
def many(functions: Functions) -> Over:
    over = shop(functions, "co-package-list")
    over.create(
        "/customer",
        {
            "company": "Lake",
            "external_key": "lake",
            "superuser_email": "lake@example.com",
            "bill_state": "VT",
        },
    )
    for n in range(6):
        body = package("voip" if n % 2 else "line", external_key=f"p{n}", nickname=f"n{n % 3}")
        body["line_items"][0]["custom_1"] = f"c{n}"
        over.create("/package", body | {"customer_external_key": "lake" if n > 3 else "harbor"})
    over.act("/package/external_key:p1/_action/cancel")
    return over


ASKED: list[tuple[str, list[int]]] = [
    ("", [0, 1, 2, 3, 4, 5]),
    ("order=nickname:DESC,external_key:ASC&limit=3", [2, 5, 1]),
    ("where=nickname:EQUALS:n1", [1, 4]),
    ("where=customer_external_key:EQUALS:lake", [4, 5]),
    ("where=customer.superuser_email:EQUALS:lake@example.com", [4, 5]),
    ("where=customer.users.email:EQUALS:lake@example.com", [4, 5]),
    ("where=bill_state:EQUALS:VT", [4, 5]),
    ("where=external_key:EQUALS:p3", [3]),
    ("where=external_key:EQUALS:none", []),
    ("where=customer_id:EQUALS:999999", []),
    ("where=package_status_state:EQUALS:c", [1]),
    ("where=package_status_str:EQUALS:canceled-manual", [1]),
    ("where=cancel_datetime:ISNOT:NULL", [1]),
    ("where=line_items.item_external_key:EQUALS:line", [0, 2, 4]),
    ("where=line_items.custom_1:EQUALS:c5", [5]),
    ("where=paycycle:EQUALS:mon,paymethod:EQUALS:inv&offset=5", [5]),
    ("where=mod_datetime:GTE:2015-08-20 00:00:00&limit=1", [0]),
]


@pytest.mark.parametrize(("query", "found"), ASKED, ids=[row[0] or "nothing" for row in ASKED])
def test_packages_are_listed_by_clauses(many: Over, query: str, found: list[int]) -> None:
    rows = many.get(f"/package?{query.replace(' ', '%20')}")

    assert [row["external_key"] for row in rows] == [f"p{n}" for n in found]
    assert all("line_items" not in row and "customer" not in row for row in rows)


def test_lines_are_listed_if_they_are_asked_for(many: Over) -> None:
    rows = many.get("/package?expand=line_items&limit=2")

    assert [next(iter(row)) for row in rows] == ["line_items"] * 2
    number = rows[1]["line_items"][0]["line_item_id"]
    [found] = many.get(f"/package?where=line_items.line_item_id:EQUALS:{number}")
    assert found["external_key"] == "p1"
    item = rows[0]["line_items"][0]["item_id"]
    assert many.get(f"/package/_count?where=line_items.item_id:EQUALS:{item}") == 3
    assert many.get("/package/_count") == 6


# --- who asks

MINE = [route for route in ROUTES if route.template.split("/")[2] in {"item", "package"}]


@pytest.mark.parametrize("route", MINE, ids=[f"{r.method} {r.template}" for r in MINE])
def test_each_route_needs_its_scope(over: Over, route: Any) -> None:
    other = KeyScope.USAGE_WRITE if route.scope is KeyScope.READ else KeyScope.READ
    key = Over.on(over.functions, over.site, other)

    target = "/" + route.template.removeprefix("api/v3/").format(1)

    assert "lacks the scope" in key.refused(route.method, target, {}, status=403)


def test_another_site_has_other_packages(functions: Functions, over: Over) -> None:
    number = over.create("/package", package("voip", external_key="mine"))
    other = Over.at(functions, "co-packages-other", CLOCK)

    assert other.get("/package") == []
    for target in (f"/package/{number}", "/package/external_key:mine"):
        assert other.refused("GET", target, status=404)
        assert other.refused("POST", f"{target}/_action/cancel", status=404)
    assert over.get(f"/package/{number}")["package_status_state"] == "a"
