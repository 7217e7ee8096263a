"""Usage at the ChargeOver door that comes again, and many records in one call."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from postpaid.application.ports import Unavailable
from postpaid.store.dynamo import DynamoTable
from tests.support.functions import Functions
from tests.support.packages import Packages, packages_on


@pytest.fixture(scope="module")
def packages(functions: Functions) -> Packages:
    return packages_on(functions, "co-usage-again")


# --- again


@pytest.mark.parametrize("item", ["voip", "daily"])
@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("by", ["external_key", "header"])
def test_the_same_record_under_its_key_counts_once(
    packages: Packages, item: str, dated: bool, by: str
) -> None:
    name = f"again-{item}-{dated}-{by}"
    body: dict[str, Any] = {"line_item_id": packages.line(name, item), "usage_value": "22"}
    body |= {"from": "2026-10-02", "to": "2026-10-03"} if dated else {}
    body |= {"external_key": name} if by == "external_key" else {}
    headers = {"Idempotency-Key": name} if by == "header" else {}

    answers = [
        packages.over.call("POST", target, body, headers)
        for target in ("/usage", "/usage", "//usage")
    ]

    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["response"]["id"] for answer in answers}) == 1
    assert [each["external_id"] for each in packages.native(name)] == [name]


OTHERS: list[dict[str, Any]] = [
    {"usage_value": "23"},
    {"from": "2026-10-03"},
    {"to": "2026-10-04"},
    {"custom_1": "x"},
    {"line_item_id": "other"},
]


@pytest.mark.parametrize("change", OTHERS, ids=str)
def test_another_record_under_a_key_that_was_used_is_refused(
    packages: Packages, change: dict[str, Any]
) -> None:
    name = f"used-{OTHERS.index(change)}"
    body: dict[str, Any] = {"line_item_id": packages.line(name), "usage_value": "22"}
    body |= {"from": "2026-10-02", "external_key": name}
    packages.over.create("/usage", body)
    if "line_item_id" in change:
        change = {"line_item_id": packages.line(f"{name}-other")}

    message = packages.over.refused("POST", "/usage", body | change)

    assert message.startswith("Missing or invalid parameter. external_key: came before with")
    assert [each["quantity"] for each in packages.native(name)] == ["22"]


def test_a_key_whose_usage_was_deleted_names_no_other(packages: Packages) -> None:
    body = {"line_item_id": packages.line("gone"), "usage_value": 1, "external_key": "gone"}
    body["from"] = "2026-10-02"
    packages.over.create("/usage", body)
    [native] = packages.native("gone")
    packages.shop.must("DELETE", f"/v1/subscriptions/gone/usages/{native['id']}")

    for change in ({}, {"from": "2026-10-03"}):
        message = packages.over.refused("POST", "/usage", body | change)
        assert message.startswith("Missing or invalid parameter. external_key: ")

    assert packages.native("gone") == []
    assert packages.rows("where=external_key:EQUALS:gone") == []


def test_one_key_used_twice_at_once_is_one_usage(packages: Packages) -> None:
    line = packages.line("race")
    body = {"line_item_id": line, "usage_value": 1, "external_key": "race"}
    headers = {"content-type": "application/json"}

    with ThreadPoolExecutor(8) as pool:
        targets = ["/usage", "//usage"] * 8
        answers = list(
            pool.map(lambda target: packages.over.call("POST", target, body, headers), targets)
        )

    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["response"]["id"] for answer in answers}) == 1
    assert len(packages.native("race")) == 1


@pytest.mark.parametrize("keyed", [True, False])
def test_no_answer_from_storage_is_told_as_what_it_is(
    packages: Packages, monkeypatch: pytest.MonkeyPatch, keyed: bool
) -> None:
    line = packages.line(f"silent-{keyed}")
    body: dict[str, Any] = {"line_item_id": line, "usage_value": 1}
    body |= {"external_key": "silent"} if keyed else {}

    def silent(*_: object, **__: object) -> None:
        raise Unavailable("nobody answers")

    monkeypatch.setattr(DynamoTable, "put", silent)
    monkeypatch.setattr(DynamoTable, "transact", silent)
    answer = packages.over.call("POST", "/usage", body)

    assert answer.status == 503
    assert ("again is safe" in answer.json["message"]) == keyed
    assert ("count twice" in answer.json["message"]) == (not keyed)
    assert ("retry-after" in answer.headers) == keyed


# --- many


@pytest.mark.parametrize(
    "target", ["/usage/_action/bulk", "/usage?action=bulk", "//usage/_action/bulk/"]
)
@pytest.mark.parametrize("form", ["list", "usage", "one"])
def test_many_are_recorded_by_one_call(packages: Packages, target: str, form: str) -> None:
    name = f"bulk-{len(target)}-{form}"
    line = packages.line(name)
    records = [{"line_item_id": line, "usage_value": n} for n in (1, 2, 3)]
    body: object = {"list": records, "usage": {"usage": records}, "one": records[0]}[form]

    answer = packages.over.call("POST", target, body)

    assert answer.status == 201, answer.text
    assert answer.json["response"]["result"] is True
    shown = packages.rows(f"where=line_item_id:EQUALS:{line}")
    assert answer.json["response"]["id"] in {row["usage_history_id"] for row in shown}
    assert sorted(row["usage_value"] for row in shown) == ([1] if form == "one" else [1, 2, 3])


def test_a_thousand_are_recorded_by_one_call_and_no_more(packages: Packages) -> None:
    line = packages.line("thousand")
    records = [{"line_item_id": line, "usage_value": 1} for _ in range(1001)]

    assert "1000" in packages.over.refused("POST", "/usage/_action/bulk", records)
    assert packages.native("thousand") == []

    assert packages.over.call("POST", "/usage/_action/bulk", records[1:]).status == 201
    assert packages.over.get(f"/usage/_count?where=line_item_id:EQUALS:{line}") == 1000


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"usage_value": -1}, "[1].usage_value: must be greater than 0"),
    ({"line_item_id": 999999999}, "[1].line_item_id: there is no such line item"),
    ({"from": "2027-01-01"}, "[1].from: must lie from"),
    ({"customer.external_key": "pier"}, "[1].customer.external_key: is not the customer"),
    ({"external_key": "first"}, "[1].external_key: is that of [0] as well"),
    ({"external_key": "taken"}, "[1].external_key: came before with another line"),
    ({"shoe_size": 4}, "[1].shoe_size: is not a field"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[str(row[0]) for row in WRONG])
@pytest.mark.parametrize("target", ["/usage/_action/bulk", "/usage?action=bulk"])
def test_one_wrong_record_keeps_all_of_a_call_from_being_recorded(
    packages: Packages, target: str, change: dict[str, Any], message: str
) -> None:
    name = f"wrong-{WRONG.index((change, message))}-{len(target)}"
    line, other = packages.line(name), packages.line(f"{name}-other")
    taken = {"line_item_id": other, "usage_value": 9, "external_key": f"{name}-taken"}
    packages.over.create("/usage", taken)
    if "external_key" in change:
        change = {"external_key": f"{name}-{change['external_key']}"}
    records: list[dict[str, Any]] = [
        {"line_item_id": line, "usage_value": 1, "external_key": f"{name}-first"},
        {"line_item_id": line, "usage_value": 2} | change,
        {"line_item_id": line, "usage_value": 0},
    ]

    refused = packages.over.refused("POST", target, records[:2])

    assert refused.removeprefix("Missing or invalid parameter. ").startswith(message)
    assert packages.native(name) == []


def test_two_of_one_date_where_one_is_taken_are_refused_together(packages: Packages) -> None:
    line = packages.line("twice", "daily")
    record = {"line_item_id": line, "usage_value": 1, "from": "2026-10-02"}

    message = packages.over.refused("POST", "/usage/_action/bulk", [record, record])

    assert message.startswith("Missing or invalid parameter. [1].from: is a point in time")
    packages.over.create("/usage", record)
    message = packages.over.refused("POST", "/usage/_action/bulk", [record | {"from": ""}, record])
    assert message.startswith("Missing or invalid parameter. [1].from: the line takes one usage")
    assert len(packages.native("twice")) == 1


@pytest.mark.parametrize("by", ["external_key", "header"])
def test_a_call_with_keys_that_comes_again_adds_what_is_missing(
    packages: Packages, by: str
) -> None:
    line = packages.line(f"more-{by}")
    records: list[dict[str, Any]] = [
        {"line_item_id": line, "usage_value": n}
        | ({"external_key": f"more-{n}"} if by == "external_key" else {})
        for n in range(1, 6)
    ]
    headers = {"Idempotency-Key": f"more-{by}"} if by == "header" else {}

    first = packages.over.call("POST", "/usage/_action/bulk", records[:3], headers)
    again = packages.over.call("POST", "/usage?action=bulk", records, headers)

    assert (first.status, again.status) == (201, 201)
    assert first.json["response"] == again.json["response"]
    assert sorted(each["quantity"] for each in packages.native(f"more-{by}")) == list("12345")
