"""Odd requests of the ChargeOver door, and packages that name where their usage is asked for."""

from dataclasses import replace
from typing import Any

import pytest

from postpaid.outbound.usage_url import UsageUrls
from postpaid.runtime.clock import milliseconds
from tests.functions.test_chargeover_packages import lines_of, package, shop
from tests.functions.test_usage_urls import GOOD, PULLER, deliver
from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.questions import Server, serving

pytestmark = pytest.mark.engine

URL = "https://usage.example.com/minutes"


@pytest.fixture(scope="module")
def over(functions: Functions) -> Over:
    return shop(functions, "co-odd")


ODD: list[tuple[str, str, object, str]] = [
    ("POST", "/customer", b'{"company": "A", "terms_days": 1e999999999}', "terms_days"),
    ("POST", "/customer", b'{"company": "A", "terms_days": 1E+99999999}', "terms_days"),
    ("POST", "/customer", b'{"company": "A", "terms_days": 1e-999999999}', "terms_days"),
    ("POST", "/customer", {"company": "A", "terms_days": 1.5}, "terms_days"),
    ("POST", "/customer", {"company": "A", "external_key": "k" * 101}, "at most 100 characters"),
    ("POST", "/item", {"name": "A", "type": []}, "type"),
    ("POST", "/item", {"name": "A", "type": {}}, "type"),
    ("POST", "/item", {"name": "A", "type": "service", "item_type": [1]}, "item_type"),
    ("GET", "/item?where=enabled:GT:maybe", None, "enabled"),
    ("GET", "/item?where=enabled:EQUALS:maybe", None, "enabled"),
    ("GET", "/item/_count?where=enabled:LT:x", None, "enabled"),
    (
        "POST",
        "/item",
        {
            "name": "A",
            "pricemodel": {
                "pricemodel": "tie",
                "tiers": [
                    {"unit_from": 1, "unit_to": 2**33, "amount": 1},
                    {"unit_from": 2**33 + 1, "amount": 2},
                ],
            },
        },
        "pricemodel.tiers.0.unit_to",
    ),
]


@pytest.mark.parametrize(
    ("method", "target", "body", "named"), ODD, ids=[str(number) for number in range(len(ODD))]
)
def test_what_is_odd_is_refused_at_once_and_named(
    over: Over, method: str, target: str, body: object, named: str
) -> None:
    assert named in over.refused(method, target, body)


def test_an_upgrade_that_names_a_line_twice_or_says_more_of_a_cancelled_one_changes_nothing(
    over: Over,
) -> None:
    number = over.create("/package", package("voip", "seat"))
    before = lines_of(over, number)
    voip, seat = (before[name]["line_item_id"] for name in ("voip", "seat"))
    for rows, named in (
        ([{"line_item_id": voip, "descrip": each} for each in "ab"], "line_items.1.line_item_id"),
        (
            [{"line_item_id": seat, "cancel": True}, {"line_item_id": seat, "descrip": "a"}],
            "line_items.1.line_item_id",
        ),
        (
            [{"line_item_id": seat, "cancel": True, "line_quantity": 3}],
            "line_items.0.line_quantity",
        ),
        ([{"line_item_id": voip, "usage_url": URL}], "line_items.0.usage_url"),
    ):
        target = f"/package/{number}/_action/upgrade"
        assert named in over.refused("POST", target, {"line_items": rows})

    assert lines_of(over, number) == before


# --- usage URLs


@pytest.mark.parametrize(
    ("url", "item"),
    [
        ("http://usage.example.com/", "voip"),
        ("https://169.254.169.254/latest", "voip"),
        ("https://user@usage.example.com/", "voip"),
        ("https://usage.example.com:8443/", "voip"),
        ("ftp://usage.example.com/", "voip"),
        (URL, "seat"),
    ],
)
def test_a_usage_url_that_may_not_be_asked_makes_no_package(
    over: Over, url: str, item: str
) -> None:
    before = over.get("/package/_count")
    body = package(item)
    body["line_items"][0]["usage_url"] = url

    assert "line_items.0.usage_url" in over.refused("POST", "/package", body)

    assert over.get("/package/_count") == before


def test_a_package_s_usage_url_is_asked_when_its_term_ends_and_billed_once(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = shop(functions, "co-asked")
    with serving(GOOD) as server:
        _allow(monkeypatch, functions, server)
        body = package("voip")
        body["line_items"][0]["usage_url"] = server.url
        number = over.create("/package", body)
        assert lines_of(over, number)["voip"]["usage_url"] == server.url
        native, to = functions.new_key(over.site), over.get(f"/package/{number}")
        end: str = to["next_invoice_datetime"]
        for _ in range(2):  # to the end, and then again: nothing is left to ask
            moved = functions.call(
                "POST", "/v1/test-clock/advance", {"to": end[:11] + "02:00:00Z"}, key=native
            )
            assert moved.status in {200, 422}, moved.text
            deliver(functions)
            deliver(functions)
        assert len(server.requests) == 1

    [invoice] = over.get(f"/invoice?where=package_id:EQUALS:{number}&expand=line_items")
    usages = over.get(f"/usage?where=package_id:EQUALS:{number}")
    assert [each["usage_value"] for each in usages] == [361]
    told: list[dict[str, Any]] = invoice["line_items"]
    assert [each["line_quantity"] for each in told if each["is_usage"]] == [361]


def _allow(monkeypatch: pytest.MonkeyPatch, functions: Functions, server: Server) -> None:
    hosts = frozenset({server.host})
    asking = UsageUrls(milliseconds, test_hosts=hosts)
    monkeypatch.setattr(functions.modules[PULLER], "usage_urls", asking)
    door = functions.modules["ChargeoverApiFunction"]
    monkeypatch.setattr(door, "control", replace(door.control, test_hosts=hosts))


# --- lines that took the place of others


def test_the_old_id_of_a_line_means_what_took_its_place_from_then_on(over: Over) -> None:
    number = over.create("/package", package("voip"))
    path = f"/package/{number}/_action/upgrade"
    first = lines_of(over, number)["voip"]["line_item_id"]
    today = over.get(f"/package/{number}")["line_items"][0]["subscribe_datetime"][:10]
    over.act(path, {"line_items": [{"line_item_id": first, "item_external_key": "sms"}]})
    second = lines_of(over, number)["sms"]["line_item_id"]
    over.act(path, {"line_items": [{"line_item_id": first, "descrip": "Texts"}]})
    renamed = lines_of(over, number)["sms"]
    assert (renamed["descrip"], renamed["line_item_id"] != second) == ("Texts", True)

    for name in ({"line_item_id": first}, {"line_item_id": second}):
        over.create("/usage", {**name, "usage_value": 2, "from": today})
    over.create(
        "/usage",
        {"line_item_external_key": "voip", "package_id": number, "usage_value": 3, "from": today},
    )

    rows = over.get(f"/usage?where=package_id:EQUALS:{number}")
    assert sorted(row["usage_value"] for row in rows) == [2, 2, 3]
    assert {row["line_item_id"] for row in rows} == {renamed["line_item_id"]}


def test_lines_that_take_each_other_s_place_are_found_after_any_number_of_swaps(
    over: Over,
) -> None:
    number = over.create("/package", package("voip"))
    ids = [lines_of(over, number)["voip"]["line_item_id"]]
    for item in ("sms", "voip", "sms"):
        row = {"line_item_id": ids[-1], "item_external_key": item}
        over.act(f"/package/{number}/_action/upgrade", {"line_items": [row]})
        [line] = over.get(f"/package/{number}")["line_items"]
        ids.append(line["line_item_id"])

    for each in ids:
        over.create("/usage", {"line_item_id": each, "usage_value": 1})

    rows = over.get(f"/usage?where=package_id:EQUALS:{number}")
    assert [row["line_item_id"] for row in rows] == [ids[-1]] * len(ids)
