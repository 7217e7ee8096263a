"""Usage at the ChargeOver door: recorded, repeated, refused, in bulk, and read at every door."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from postpaid.application.ports import Unavailable
from postpaid.domain.api_key import KeyScope
from postpaid.store.dynamo import DynamoTable
from postpaid.store.usage import StoredUsages
from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.shop import NEW_YORK, Shop, bare_shop

EVENTS = {"type": "plan", "metered": True, "recording": "events"}
ITEMS: list[dict[str, Any]] = [
    {"id": "voip", "name": "VoIP", "unit": "minute", **EVENTS},
    {"id": "peak", "name": "Peak", "aggregation": "max", **EVENTS},
    {"id": "level", "name": "Level", "aggregation": "last", **EVENTS},
    {"id": "daily", "name": "Daily", "type": "plan", "metered": True},
    {"id": "seat", "name": "Seats", "type": "addon"},
]
PRICE = {"pricing_model": "per_unit", "unit_amount": "0.05", "base_fee": "10.00"}
LINES = [{"item_price_id": item["id"], "id": f"l-{item['id']}"} for item in ITEMS]


@dataclass(frozen=True, slots=True)
class Packages:
    """A shop whose packages were made natively, and a client of this door."""

    shop: Shop
    over: Over

    def package(self, name: str, *items: str, zone: str = "UTC", customer: str = "harbor") -> Any:
        """Subscribe a customer to items, by default to all; return the subscription."""
        lines = [
            {"item_price_id": each, "id": f"{name}-{each}"}
            for each in items or [item["id"] for item in ITEMS]
        ]
        body = {
            "id": name,
            "customer_id": customer,
            "timezone": zone,
            "start": "2026-09-01",
            "lines": lines,
            "closing": {"mode": "manual"},
        }
        return self.shop.must("POST", "/v1/subscriptions", body)

    def line(self, name: str, item: str = "voip", **more: Any) -> int:
        """Subscribe to an item alone; return the integer of the line."""
        [line] = self.package(name, item, **more)["lines"]
        return int(line["integer_id"])

    def rows(self, query: str) -> list[dict[str, Any]]:
        """List usages."""
        rows: list[dict[str, Any]] = self.over.get(f"/usage?{query}")
        return rows

    def native(self, name: str) -> list[dict[str, Any]]:
        """List a subscription's usages natively."""
        return list(self.shop.must("GET", f"/v1/subscriptions/{name}/usages")["data"])


def packages_on(functions: Functions, site_id: str) -> Packages:
    """Open a shop with everything but packages."""
    shop = bare_shop(functions, site_id)
    for item in ITEMS:
        shop.must("POST", "/v1/items", item)
        price = PRICE if item["id"] != "seat" else {"pricing_model": "flat_fee", "amount": "20"}
        body = {"id": item["id"], "item_id": item["id"], **price}
        shop.must("POST", "/v1/item-prices", body)
    for name in ("harbor", "pier"):
        shop.must("POST", "/v1/customers", {"id": name, "name": name.title()})
    return Packages(shop, Over.on(functions, shop.site))


@pytest.fixture(scope="module")
def packages(functions: Functions) -> Packages:
    return packages_on(functions, "co-usage")


# --- one


def test_the_seed_s_usage_is_recorded_and_read_back(packages: Packages) -> None:
    line = packages.line("seed")
    body = {
        "line_item_id": line,
        "usage_value": 22,
        "from": "2026-09-15 00:00:00",
        "to": "2026-09-15 23:59:59",
    }

    number = packages.over.create("/usage", body)

    [row] = packages.rows(f"where=line_item_id:EQUALS:{line}")
    assert row == {
        "usage_history_id": number,
        "line_item_id": line,
        "package_id": packages.shop.must("GET", "/v1/subscriptions/seed")["integer_id"],
        "usage_value": 22,
        "type": "add",
        "from": "2026-09-15T00:00:00+00:00",
        "to": "2026-09-15T23:59:59+00:00",
        "external_key": None,
        **{f"custom_{n}": None for n in range(1, 21)},
        "write_datetime": row["write_datetime"],
    }
    [native] = packages.native("seed")
    assert (native["quantity"], native["usage_date"]) == ("22", "2026-09-15T00:00:00Z")
    assert native["note"] == '{"to":"2026-09-15T23:59:59Z"}'


@pytest.mark.parametrize(
    "target",
    ["/usage", "//usage", "/usage/", "/usage?_dummy=1", "//usage//?_flag_x=1"],
)
def test_every_spelling_of_the_path_records(packages: Packages, target: str) -> None:
    name = "spelt" + "".join(each if each.isalnum() else "." for each in target)
    line = packages.line(name)

    packages.over.create(target, {"line_item_id": str(line), "usage_value": "265.20"})

    [native] = packages.native(name)
    assert native["quantity"] == "265.2"


def test_records_of_one_date_add_up_and_each_without_a_key_is_new(packages: Packages) -> None:
    line = packages.line("adds")
    body = {"line_item_id": line, "usage_value": 22, "from": "2026-09-15"}

    made = [packages.over.create("/usage", body) for _ in range(3)]

    assert len(set(made)) == 3
    assert packages.over.get(f"/usage/_count?where=line_item_id:EQUALS:{line}") == 3


VALUES = [(22, "22"), ("22", "22"), ("0.001", "0.001"), (b"265.20", "265.2"), (" 7 ", "7")]


@pytest.mark.parametrize(("sent", "stored"), VALUES, ids=str)
def test_a_value_is_exact(packages: Packages, sent: Any, stored: str) -> None:
    name = f"exact-{VALUES.index((sent, stored))}"
    line = packages.line(name)
    raw = sent.decode() if isinstance(sent, bytes) else f'"{sent}"'

    body = f'{{"line_item_id": {line}, "usage_value": {raw}}}'.encode()
    assert packages.over.call("POST", "/usage", body).status == 201

    assert [each["quantity"] for each in packages.native(name)] == [stored]


DATES = [
    ("2026-10-02", "2026-10-02T04:00:00Z"),
    ("2026-10-02 08:30:00", "2026-10-02T12:30:00Z"),
    ("2026-10-02T08:30:00", "2026-10-02T12:30:00Z"),
    ("2026-10-02T08:30:00Z", "2026-10-02T08:30:00Z"),
    ("2026-10-02T08:30:00+02:00", "2026-10-02T06:30:00Z"),
    (None, None),
    ("", None),
]


@pytest.mark.parametrize(("sent", "stored"), DATES, ids=str)
def test_a_date_without_an_offset_is_of_the_package_s_zone(
    packages: Packages, sent: str | None, stored: str | None
) -> None:
    name = f"dated-{DATES.index((sent, stored))}"
    line = packages.line(name, zone=NEW_YORK)

    packages.over.create("/usage", {"line_item_id": line, "usage_value": 1, "from": sent})

    [native] = packages.native(name)
    assert native["usage_date"] == (stored or native["recorded_at"])


def test_what_is_sent_is_shown_again(packages: Packages) -> None:
    line = packages.line("shown")
    body = {
        "line_item_id": line,
        "usage_value": 5,
        "from": "2026-10-02",
        "external_key": "shown-1",
        "type": "add",
        "custom_1": "café: a, b",
        "custom_20": 7,
        "options": [],
    }

    packages.over.create("/usage", body)

    [row] = packages.rows("where=external_key:EQUALS:shown-1")
    assert (row["external_key"], row["custom_1"], row["custom_20"]) == (
        "shown-1",
        "café: a, b",
        "7",
    )
    assert row["to"] == row["from"]


@pytest.mark.parametrize(
    ("item", "type_"), [("voip", "add"), ("peak", "max"), ("level", "lat"), ("peak", None)]
)
def test_a_type_is_that_of_the_line(packages: Packages, item: str, type_: str | None) -> None:
    line = packages.line(f"typed-{item}-{type_}", item)

    packages.over.create("/usage", {"line_item_id": line, "usage_value": 1, "type": type_})

    [row] = packages.rows(f"where=line_item_id:EQUALS:{line}")
    assert row["type"] == (type_ or "max")


def test_a_line_is_named_in_several_ways(packages: Packages) -> None:
    package = packages.package("named", "voip", "seat", customer="pier")
    line = next(each for each in package["lines"] if each["id"] == "named-voip")
    number = packages.shop.must("GET", "/v1/customers/pier")["integer_id"]
    item = packages.shop.must("GET", "/v1/items/voip")["integer_id"]
    names: list[dict[str, Any]] = [
        {"line_item_id": line["integer_id"]},
        {"line_item_external_key": "named-voip", "package_id": package["integer_id"]},
        {"line_item_external_key": "named-voip", "package_external_key": "named"},
        {"line_item_external_key": "named-voip", "customer_external_key": "pier"},
        {"package_id": package["integer_id"]},
        {"customer_external_key": "pier", "item_external_key": "voip"},
        {"customer_id": number, "item_id": item},
        {"customer.external_key": "pier", "line_item.item_external_key": "voip"},
        {"customer": {"external_key": "pier"}, "line_item": {"item_external_key": "voip"}},
        {"line_item_id": line["integer_id"], "customer": {"external_key": "pier"}},
    ]

    for each in names:
        packages.over.create("/usage", {**each, "usage_value": 1})

    assert len(packages.native("named")) == len(names)
    assert {each["line_id"] for each in packages.native("named")} == {"named-voip"}


def test_a_number_that_a_line_had_means_it_still(packages: Packages) -> None:
    old, shop = packages.line("changed"), packages.shop
    price = {"id": "voip-new", "item_id": "voip", "pricing_model": "per_unit", "unit_amount": "1"}
    shop.must("POST", "/v1/item-prices", price)
    change = {"action": "change", "id": "changed-voip", "item_price_id": "voip-new"}
    body = {"effective": "2026-10-11", "changes": [change]}
    shop.must("POST", "/v1/subscriptions/changed/changes", body)
    new = shop.must("GET", "/v1/subscriptions/changed")["lines"][-1]["integer_id"]
    assert new != old

    packages.over.create("/usage", {"line_item_id": old, "usage_value": 1, "from": "2026-10-15"})
    packages.over.create("/usage", {"line_item_id": new, "usage_value": 2, "from": "2026-10-05"})

    # By whichever number the client knows the line, it sees it; else by that of the date.
    for number in (old, new):
        rows = packages.rows(f"where=line_item_id:EQUALS:{number}")
        shown = [(row["line_item_id"], row["usage_value"]) for row in rows]
        assert shown == [(number, 2), (number, 1)]
    package = shop.must("GET", "/v1/subscriptions/changed")["integer_id"]
    rows = packages.rows(f"where=package_id:EQUALS:{package}")
    assert [(row["line_item_id"], row["usage_value"]) for row in rows] == [(old, 2), (new, 1)]


# --- refused


@pytest.fixture(scope="module")
def refusing(packages: Packages) -> dict[str, Any]:
    package = packages.package("refusing")
    lines = {each["id"].removeprefix("refusing-"): each["integer_id"] for each in package["lines"]}
    return {**lines, "package": package["integer_id"]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"usage_value": None}, "A required parameter was missing: usage_value."),
    ({"line_item_id": None}, "A required parameter was missing: line_item_id."),
    ({"usage_value": 0}, "Missing or invalid parameter. usage_value: must be greater than 0"),
    ({"usage_value": -1}, "Missing or invalid parameter. usage_value: must be greater than 0"),
    ({"usage_value": "many"}, "Missing or invalid parameter. usage_value: "),
    ({"usage_value": [1]}, "Missing or invalid parameter. usage_value: "),
    ({"usage_value": True}, "Missing or invalid parameter. usage_value: "),
    ({"line_item_id": 999999999}, "Missing or invalid parameter. line_item_id: there is no such"),
    ({"line_item_id": "x"}, "Missing or invalid parameter. line_item_id: must be a whole number"),
    ({"line_item_id": 1.5}, "Missing or invalid parameter. line_item_id: must be a whole number"),
    ({"line_item_id": "seat"}, "Missing or invalid parameter. line_item_id: the line item is not"),
    ({"type": "max"}, "Missing or invalid parameter. type: the usages of this line are taken as"),
    ({"type": "pas"}, "Missing or invalid parameter. type: pas is not known here"),
    ({"type": "sum"}, "Missing or invalid parameter. type: must be add, max or lat"),
    ({"from": "soon"}, "Missing or invalid parameter. from: must be a date or a time"),
    ({"from": "2027-01-01"}, "Missing or invalid parameter. from: must lie from 2026-09-01"),
    ({"from": "2026-08-31"}, "Missing or invalid parameter. from: must lie from 2026-09-01"),
    (
        {"from": "2026-10-02", "to": "2026-10-01"},
        "Missing or invalid parameter. to: must not lie before 'from'",
    ),
    ({"options": ["x"]}, "Missing or invalid parameter. options: has no meaning here"),
    ({"shoe_size": 4}, "Missing or invalid parameter. shoe_size: is not a field"),
    ({"custom_21": "x"}, "Missing or invalid parameter. custom_21: there are 20"),
    ({"custom_1": "a\nb"}, "Missing or invalid parameter. custom_1: must not hold control"),
    (
        {"custom_1": "x" * 250, "custom_2": "y" * 250},
        "Missing or invalid parameter. custom_2: `to` and all custom fields",
    ),
    ({"external_key": "a/b"}, "Missing or invalid parameter. external_key: may hold only"),
    (
        {"line_item_id": None, "line_item_external_key": "refusing-voip"},
        "A required parameter was missing: package_id.",
    ),
    (
        {"line_item_id": None, "package_id": "package"},
        "Missing or invalid parameter. package_id: several line items answer to this",
    ),
    (
        {"line_item_id": None, "package_id": 999999999},
        "Missing or invalid parameter. package_id: there is no such package",
    ),
    (
        {"customer_external_key": "pier"},
        "Missing or invalid parameter. customer_external_key: is not the customer of the line",
    ),
    (
        {"line_item_id": None, "customer.external_key": "nobody", "item_external_key": "voip"},
        "Missing or invalid parameter. item_external_key: there is no line item",
    ),
    (
        {"line_item_id": None, "package_id": "package", "line_item.item_external_key": "seat"},
        "Missing or invalid parameter. line_item.item_external_key: the line item is not charged",
    ),
    (
        {"customer": {"external_key": "harbor"}, "customer_external_key": "harbor"},
        "Missing or invalid parameter. customer_external_key: is said twice",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[str(row[0]) for row in REFUSED])
@pytest.mark.parametrize("target", ["/usage", "/usage/"])
def test_a_wrong_record_is_refused_by_its_field(
    packages: Packages, refusing: dict[str, Any], target: str, change: dict[str, Any], message: str
) -> None:
    change = {
        name: refusing.get(value, value) if name in {"line_item_id", "package_id"} else value
        for name, value in change.items()
        if not isinstance(value, list) or name != "line_item_id"
    }
    before = packages.over.functions.written()

    body = {"line_item_id": refusing["voip"], "usage_value": 1} | change
    assert packages.over.refused("POST", target, body).startswith(message)

    assert packages.over.functions.written() == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "A required parameter was missing: No data."),
        (b"{}", "A required parameter was missing: No data."),
        (b'""', "A required parameter was missing: No data."),
        (b"[1]", "The body must be a JSON object"),
        (b"{", "The body is not JSON"),
        (b'{"usage_value": 1, "usage_value": 2}', "usage_value: the name is given twice"),
    ],
)
def test_a_body_that_is_no_record_is_refused(packages: Packages, body: bytes, message: str) -> None:
    assert packages.over.refused("POST", "/usage", body).startswith(message)


@pytest.mark.parametrize(
    ("method", "target", "command"),
    [
        ("GET", "/usage/5", "get(usage, 5)"),
        ("PUT", "/usage/5", "modify(usage, 5)"),
        ("DELETE", "/usage/5", "delete(usage, 5)"),
        ("POST", "/usage?action=melt", "create(usage, _action, melt)"),
    ],
)
def test_usage_is_neither_changed_nor_deleted_here(
    packages: Packages, method: str, target: str, command: str
) -> None:
    message = packages.over.refused(method, target)

    assert message == f"The command requested is not supported: {command}"


def test_a_line_with_one_usage_for_each_date_takes_no_second(packages: Packages) -> None:
    line = packages.line("daily", "daily")
    body = {"line_item_id": line, "usage_value": 3, "from": "2026-10-02"}
    packages.over.create("/usage", body)

    for value in (3, 4):
        message = packages.over.refused("POST", "/usage", body | {"usage_value": value})
        assert message.startswith("Missing or invalid parameter. from: the line takes one usage")

    assert [each["quantity"] for each in packages.native("daily")] == ["3"]


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
    message = packages.over.refused("POST", "/usage", body, status=503)

    assert ("again is safe" in message) == keyed
    assert ("count twice" in message) == (not keyed)


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


# --- read back


@pytest.fixture(scope="module")
def month(packages: Packages) -> dict[str, int]:
    """A package with usage on each of ten days, and another with one."""
    line, other = packages.line("month"), packages.line("month-too")
    for day in range(1, 11):
        body = {"line_item_id": line, "usage_value": day, "from": f"2026-10-{day:02d}"}
        packages.over.create("/usage", body | {"external_key": f"month-{day}"})
    packages.over.create("/usage", {"line_item_id": other, "usage_value": 99})
    return {"line": line, "other": other}


ASKED: list[tuple[str, list[int]]] = [
    ("where=line_item_id:EQUALS:LINE&limit=500", [*range(1, 11)]),
    ("where=line_item_id:EQUALS:LINE&order=line_item_id:ASC&limit=2&offset=8", [9, 10]),
    ("where=line_item_id:EQUALS:LINE&order=from:ASC&limit=3", [1, 2, 3]),
    ("where=line_item_id:EQUALS:LINE&order=from:DESC&limit=3", [10, 9, 8]),
    ("where=line_item_id:EQUALS:LINE,from:GTE:2026-10-09 00:00:00", [9, 10]),
    ("where=line_item_id:EQUALS:LINE,from:GT:2026-10-09", [10]),
    ("where=line_item_id:EQUALS:LINE,from:LTE:2026-10-02", [1, 2]),
    ("where=line_item_id:EQUALS:LINE,from:LT:2026-10-02", [1]),
    ("where=line_item_id:EQUALS:LINE,from:EQUALS:2026-10-05", [5]),
    ("where=line_item_id:EQUALS:LINE,to:GTE:2026-10-10", [10]),
    ("where=line_item_id:EQUALS:LINE,usage_value:GT:8", [9, 10]),
    ("where=external_key:EQUALS:month-7", [7]),
    ("where=external_key:EQUALS:month-7,line_item_id:EQUALS:LINE", [7]),
    ("where=external_key:EQUALS:month-7,line_item_id:EQUALS:OTHER", []),
    ("where=external_key:EQUALS:nobody", []),
    ("where=external_key:CONTAINS:month-1", [1, 10]),
    ("where=line_item_id:EQUALS:999999999", []),
    ("where=line_item_id:EQUALS:none", []),
    ("where=package_id:EQUALS:999999999", []),
    ("where=line_item_id:EQUALS:OTHER", [99]),
]


@pytest.mark.parametrize(("query", "values"), ASKED, ids=[row[0] for row in ASKED])
def test_usage_is_asked_by_line_date_and_key(
    packages: Packages, month: dict[str, int], query: str, values: list[int]
) -> None:
    asked = query.replace("LINE", str(month["line"])).replace("OTHER", str(month["other"]))

    rows = packages.rows(asked.replace(" ", "%20"))

    assert [row["usage_value"] for row in rows] == values


def test_one_usage_is_asked_by_its_integer_within_a_line(
    packages: Packages, month: dict[str, int]
) -> None:
    line = f"line_item_id:EQUALS:{month['line']}"
    [fifth] = packages.rows(f"where={line},from:EQUALS:2026-10-05")
    number = fifth["usage_history_id"]

    assert packages.rows(f"where={line},usage_history_id:EQUALS:{number}") == [fifth]
    message = packages.over.refused("GET", f"/usage?where=usage_history_id:EQUALS:{number}")
    assert message.startswith("Missing or invalid parameter. usage_history_id: tells usages of")


def test_all_usage_of_a_site_is_listed_by_pages(functions: Functions) -> None:
    packages = packages_on(functions, "co-usage-all")
    lines = [packages.line(f"p{n}") for n in range(3)]
    for n, line in enumerate(lines):
        for day in (1, 2, 3):
            body = {"line_item_id": line, "usage_value": 10 * n + day}
            packages.over.create("/usage", body | {"from": f"2026-10-0{day}"})
    seen: list[int] = []

    while rows := packages.rows(f"limit=2&offset={len(seen)}"):
        seen += [row["usage_value"] for row in rows]

    assert seen == [1, 2, 3, 11, 12, 13, 21, 22, 23]
    assert packages.over.get("/usage/_count") == 9
    rows = packages.rows("where=from:GTE:2026-10-03")
    assert [row["usage_value"] for row in rows] == [3, 13, 23]
    assert {row["line_item_id"] for row in rows} == set(lines)


# --- through all doors


def test_usage_of_this_door_is_read_through_the_others(packages: Packages) -> None:
    line = packages.line("out", "daily")
    body = {"line_item_id": line, "usage_value": 5, "from": "2026-10-02", "external_key": "out"}
    packages.over.create("/usage", body)

    [native] = packages.native("out")
    [bee] = packages.shop.must("GET", "/api/v2/usages?subscription_id[is]=out")["list"]

    assert (native["quantity"], native["external_id"], native["line_id"]) == (
        "5",
        "out",
        "out-daily",
    )
    assert (bee["usage"]["quantity"], bee["usage"]["id"]) == ("5", "out")


def test_usage_of_the_other_doors_is_read_here(packages: Packages) -> None:
    line = packages.line("into")
    path = "/v1/subscriptions/into/usages"
    native = {"line_id": "into-voip", "quantity": "1.5", "id": "e1", "note": "from the switch"}
    packages.shop.must("POST", path, native | {"usage_date": "2026-10-02", "external_id": "n1"})
    daily = packages.line("into-daily", "daily")
    form = b"item_price_id=daily&usage_date=1790899200&quantity=7&id=b1"
    bee = packages.shop.call(
        "POST",
        "/api/v2/subscriptions/into-daily/usages",
        form,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert bee.status == 200, bee.text

    [row] = packages.rows(f"where=line_item_id:EQUALS:{line}")
    assert (row["usage_value"], row["external_key"], row["from"]) == (
        1.5,
        "n1",
        "2026-10-02T00:00:00+00:00",
    )
    assert (row["to"], row["custom_1"]) == (row["from"], None)
    [row] = packages.rows(f"where=line_item_id:EQUALS:{daily}")
    assert (row["usage_value"], row["external_key"]) == (7, "b1")


def test_an_external_key_is_the_same_at_every_door(packages: Packages) -> None:
    line = packages.line("both")
    path = "/v1/subscriptions/both/usages"
    native = {"line_id": "both-voip", "quantity": "5", "id": "e1", "external_id": "both"}
    packages.shop.must("POST", path, native | {"usage_date": "2026-10-02"})
    body = {"line_item_id": line, "usage_value": 5, "external_key": "both", "from": "2026-10-02"}

    packages.over.create("/usage", body)
    message = packages.over.refused("POST", "/usage", body | {"usage_value": 6})

    assert "external_key: came before" in message
    assert len(packages.native("both")) == 1


def test_what_is_recorded_here_is_on_the_invoice(packages: Packages) -> None:
    line = packages.line("billed")
    for day in range(1, 20):
        body = {"line_item_id": line, "usage_value": 19, "from": f"2026-09-{day:02d}"}
        packages.over.create("/usage", body)
    packages.shop.work("billed")
    [invoice] = packages.shop.invoices("billed")
    closed = packages.shop.must("POST", f"/v1/invoices/{invoice['id']}/close")

    assert closed["total"] == "28.05"


# --- who may


@pytest.mark.parametrize("target", ["/usage", "/usage/", "/usage/_action/bulk"])
@pytest.mark.parametrize("scope", list(KeyScope), ids=str)
def test_only_who_may_write_usage_records_it(
    packages: Packages, refusing: dict[str, Any], target: str, scope: KeyScope
) -> None:
    caller = Over.on(packages.over.functions, packages.shop.site, scope)
    body = {"line_item_id": refusing["voip"], "usage_value": 1}

    if scope in {KeyScope.USAGE_WRITE, KeyScope.ADMIN}:
        assert caller.call("POST", target, body).status == 201
    else:
        before = caller.functions.written()
        assert "lacks the scope 'usage:write'" in caller.refused("POST", target, body, status=403)
        assert caller.functions.written() == before


@pytest.mark.parametrize("target", ["/usage", "/usage/_count"])
@pytest.mark.parametrize("scope", list(KeyScope), ids=str)
def test_only_who_may_read_usage_sees_it(packages: Packages, target: str, scope: KeyScope) -> None:
    caller = Over.on(packages.over.functions, packages.shop.site, scope)

    if scope in {KeyScope.USAGE_READ, KeyScope.ADMIN}:
        caller.get(target)
    else:
        assert "lacks the scope 'usage:read'" in caller.refused("GET", target, status=403)


@pytest.mark.parametrize("target", ["/usage", "//usage"])
def test_who_shows_no_pair_is_asked_for_it(packages: Packages, target: str) -> None:
    answer = packages.over.call("POST", target, {"usage_value": 1}, {"authorization": ""})

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="postpaid"'


def test_another_site_s_lines_are_not_there(functions: Functions, packages: Packages) -> None:
    theirs = packages_on(functions, "co-usage-other")
    line = packages.line("ours")
    packages.over.create("/usage", {"line_item_id": line, "usage_value": 1, "external_key": "ours"})
    number = max(line, 10**6)

    for name in (line, number):
        message = theirs.over.refused("POST", "/usage", {"line_item_id": name, "usage_value": 1})
        assert "line_item_id: there is no such line item" in message
    assert theirs.rows(f"where=line_item_id:EQUALS:{line}") == []
    assert theirs.rows("where=external_key:EQUALS:ours") == []
    # The key of one site is free at another.
    mine = {"line_item_id": theirs.line("mine"), "usage_value": 2, "external_key": "ours"}
    theirs.over.create("/usage", mine)
    assert StoredUsages(functions.usages, packages.shop.site.scope).named("ours") is not None
