"""Usage read back at the ChargeOver door, and through all doors whichever it came by."""

import pytest

from tests.support.functions import Functions
from tests.support.packages import Packages, packages_on


@pytest.fixture(scope="module")
def packages(functions: Functions) -> Packages:
    return packages_on(functions, "co-usage-lists")


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
