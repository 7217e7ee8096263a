"""Usage at the ChargeOver door: recorded as it is sent, refused by its field, and by whom."""

from typing import Any

import pytest

from postpaid.domain.api_key import KeyScope
from postpaid.store.usage import StoredUsages
from tests.support.functions import Functions
from tests.support.over import Over
from tests.support.packages import Packages, packages_on
from tests.support.shop import NEW_YORK


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
