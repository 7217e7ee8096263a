"""Items of the ChargeOver door, and their tiersets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from postpaid.api.chargeover import items
from postpaid.application.ports import Unavailable
from postpaid.domain.api_key import KeyScope
from tests.support.functions import Functions
from tests.support.over import Over

CLOCK = datetime(2015, 9, 1, 8, tzinfo=UTC)
VOIP: dict[str, Any] = {
    "name": "VoIP Service",
    "type": "service",
    "external_key": "voip",
    "units": "minute",
    "description": "Calls",
    "accounting_sku": "4711",
    "custom_1": "blue",
    "pricemodel": {
        "base": 10,
        "setup": 0,
        "paycycle": "mon",
        "pricemodel": "uni",
        "tiers": [{"unit_from": 1, "unit_to": 9999, "amount": 0.05}],
    },
}


@pytest.fixture(scope="module")
def over(functions: Functions) -> Over:
    return Over.at(functions, "co-items", CLOCK)


@pytest.fixture(scope="module")
def voip(over: Over) -> int:
    return over.create("/item", VOIP)


def test_an_item_comes_back_with_its_price(over: Over, voip: int) -> None:
    shown = over.get(f"/item/{voip}")

    same = ("name", "external_key", "units", "description", "accounting_sku", "custom_1")
    assert {name: shown[name] for name in same} == {name: VOIP[name] for name in same}
    assert (shown["item_id"], shown["item_type"], shown["enabled"]) == (voip, "service", True)
    assert shown["service_data"] == {"trial_days": 0, "trial_units": 0, "is_usage": True}
    assert shown["usage_type"] == "add"
    [tierset] = shown["tiersets"]
    assert tierset["tierset_id"] == shown["tierset_id"] > 0
    said = ("base", "setup", "paycycle", "pricemodel")
    assert {name: tierset[name] for name in said} == {n: VOIP["pricemodel"][n] for n in said}
    assert tierset["tiers"] == [{"tier_id": 1, "unit_from": 1, "unit_to": 9999, "amount": 0.05}]
    assert (tierset["currency_iso4217"], tierset["base_formatted"]) == ("USD", "$ 10.00")
    assert over.get("/item/external_key:voip") == shown


def test_what_typed_clients_read_is_never_null(over: Over) -> None:
    number = over.create("/item", {"name": "Bare", "pricemodel": {"pricemodel": "fla"}})

    shown = over.get(f"/item/{number}")

    [tierset] = shown["tiersets"]
    for name in ("tierset_id", "setup", "base", "minimum", "percent"):
        assert isinstance(tierset[name], int | float), name
    assert tierset["tiers"] == []
    assert shown["external_key"].startswith("itm_")


METERED: list[tuple[str, dict[str, Any], bool]] = [
    ("fla", {}, False),
    ("uni", {}, True),
    ("tie", {}, True),
    ("vol", {}, True),
    ("fla", {"is_usage": True}, True),
    ("fla", {"service_data": {"is_usage": "1"}}, True),
    ("uni", {"is_usage": False}, False),
    ("uni", {"service_data": {"is_usage": False}}, False),
]


@pytest.mark.parametrize(("model", "said", "metered"), METERED)
def test_an_item_is_metered_if_that_is_said_or_its_price_is_by_units(
    over: Over, model: str, said: dict[str, Any], metered: bool
) -> None:
    tiers = [] if model == "fla" else [{"unit_from": 1, "unit_to": 9999, "amount": 1}]
    body = {"name": "Any", "pricemodel": {"pricemodel": model, "tiers": tiers}}

    number = over.create("/item", body | said)

    assert over.get(f"/item/{number}")["service_data"]["is_usage"] is metered


@pytest.mark.parametrize(("said", "native"), [("add", "sum"), ("max", "max"), ("lat", "last")])
def test_how_usage_adds_up_is_the_items(over: Over, said: str, native: str) -> None:
    number = over.create("/item", VOIP | {"external_key": f"type-{said}", "usage_type": said})

    assert over.get(f"/item/{number}")["usage_type"] == said
    key = over.functions.new_key(over.site)
    shown = over.functions.call("GET", f"/v1/items/type-{said}", key=key).json
    assert (shown["aggregation"], shown["recording"]) == (native, "events")


def test_an_external_key_is_taken_once(over: Over, voip: int) -> None:
    message = over.refused("POST", "/item", VOIP | {"name": "Other"})

    assert message.startswith("Missing or invalid parameter. external_key: ")
    assert over.get(f"/item/{voip}")["name"] == "VoIP Service"


def test_an_item_is_changed_in_part_and_its_price_whole(over: Over) -> None:
    number = over.create("/item", VOIP | {"external_key": "changes"})
    tiers = [
        {"unit_from": 1, "unit_to": 100, "amount": 0.05},
        {"unit_from": 101, "unit_to": 600, "amount": 0.04},
    ]
    price = {"pricemodel": "uni", "base": 12.5, "setup": 3, "paycycle": "mon", "tiers": tiers}

    answer = over.put(
        f"/item/{number}", {"name": "Calls", "custom_2": 7, "units": "call", "pricemodel": price}
    )

    assert answer == {"id": number}
    shown = over.get(f"/item/{number}")
    assert (shown["name"], shown["units"], shown["description"]) == ("Calls", "call", "Calls")
    assert (shown["custom_1"], shown["custom_2"]) == ("blue", "7")
    [tierset] = shown["tiersets"]
    assert (tierset["base"], tierset["setup"], tierset["pricemodel"]) == (12.5, 3, "uni")
    assert [{n: tier[n] for n in tiers[0]} for tier in tierset["tiers"]] == tiers


def test_a_deleted_item_is_not_enabled_any_more_and_may_be_again(over: Over) -> None:
    number = over.create("/item", VOIP | {"external_key": "old"})

    assert over.call("DELETE", f"/item/{number}").json["response"] is True

    assert over.get(f"/item/{number}")["enabled"] is False
    over.put(f"/item/{number}", {"enabled": "true"})
    assert over.get(f"/item/{number}")["enabled"] is True


def test_an_item_may_be_made_to_be_enabled_later(over: Over) -> None:
    number = over.create("/item", VOIP | {"external_key": "later", "enabled": False})

    assert over.get(f"/item/{number}")["enabled"] is False


@pytest.mark.parametrize("target", ["/item/99999999", "/item/external_key:none"])
def test_an_item_that_is_not_there_is_said_to_be_missing(over: Over, target: str) -> None:
    for method, body in (("GET", None), ("PUT", {"name": "A"}), ("DELETE", None)):
        message = over.refused(method, target, body, status=404)
        assert message == "This item does not exist."


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "A required parameter was missing: name."),
    ({"pricemodel": None}, "A required parameter was missing: pricemodel."),
    ({"pricemodel": {"base": 1}}, "A required parameter was missing: pricemodel.pricemodel."),
    ({"pricemodel": {"pricemodel": "pas"}}, "Missing or invalid parameter. pricemodel.pricemodel"),
    ({"pricemodel": {"pricemodel": "xyz"}}, "Missing or invalid parameter. pricemodel.pricemodel"),
    ({"pricemodel": {"pricemodel": "uni"}}, "A required parameter was missing: pricemodel.tiers."),
    ({"type": "discount"}, "Missing or invalid parameter. item_type: there are no discounts"),
    ({"item_type": "product"}, "Missing or invalid parameter. item_type: is against type"),
    ({"trial_recurs": 2}, "Missing or invalid parameter. trial_recurs: "),
    ({"expire_recurs": 3}, "Missing or invalid parameter. expire_recurs: "),
    ({"tax_group_id": 1}, "Missing or invalid parameter. tax_group_id: "),
    ({"shoe_size": 4}, "Missing or invalid parameter. shoe_size: is not a"),
    ({"custom_21": "x"}, "Missing or invalid parameter. custom_21: "),
    ({"external_key": "a/b"}, "Missing or invalid parameter. external_key: "),
    ({"usage_type": "pia"}, "Missing or invalid parameter. usage_type: "),
    ({"is_usage": False}, "Missing or invalid parameter. pricemodel.base: beside tiers"),
    (
        {"is_usage": True, "service_data": {"is_usage": False}},
        "Missing or invalid parameter. is_usage: is against service_data",
    ),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[str(row[0]) for row in REFUSED])
def test_a_wrong_item_is_refused_by_its_field(
    over: Over, changes: dict[str, Any], message: str
) -> None:
    before = over.get("/item/_count")

    assert over.refused("POST", "/item", VOIP | {"external_key": "wrong"} | changes).startswith(
        message
    )

    assert over.get("/item/_count") == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"external_key": "other"}, "Missing or invalid parameter. external_key: never changes"),
        ({"is_usage": False}, "Missing or invalid parameter. is_usage: never changes"),
        ({"name": ""}, "A required parameter was missing: name."),
        (
            {"pricemodel": VOIP["pricemodel"] | {"paycycle": "yrl"}},
            "Missing or invalid parameter. pricemodel.paycycle: stays mon",
        ),
        ({}, "A required parameter was missing: No data."),
    ],
)
def test_what_never_changes_is_refused_by_its_field(
    over: Over, voip: int, changes: dict[str, Any], message: str
) -> None:
    before = over.get(f"/item/{voip}")

    assert over.refused("PUT", f"/item/{voip}", changes).startswith(message)

    assert over.get(f"/item/{voip}") == before


def test_a_price_of_the_native_api_is_shown_whole(over: Over) -> None:
    key = over.functions.new_key(over.site)
    bodies = [
        ("/v1/items", {"id": "nat", "name": "N", "type": "plan", "metered": True, "unit": "GB"}),
        (
            "/v1/item-prices",
            {
                "id": "nat",
                "item_id": "nat",
                "pricing_model": "per_unit",
                "unit_amount": "2",
                "free_units": "5",
            },
        ),
    ]
    for path, body in bodies:
        assert over.functions.call("POST", path, body, key=key).status == 201

    shown = over.get("/item/external_key:nat")

    [tierset] = shown["tiersets"]
    assert tierset["pricemodel"] == "per_unit"
    assert tierset["native_pricing"]["free_units"] == "5"
    assert (tierset["base"], tierset["tiers"], tierset["paycycle"]) == (0, [], "evy")


def test_items_are_listed_and_counted(functions: Functions) -> None:
    over = Over.at(functions, "co-item-list", CLOCK)
    for number in range(5):
        model = {"pricemodel": "fla", "base": number}
        name = f"Item {number}"
        over.create("/item", {"name": name, "external_key": f"i{number}", "pricemodel": model})
    over.put("/item/external_key:i3", {"enabled": False})

    def keys(query: str) -> list[str]:
        return [row["external_key"] for row in over.get(f"/item?{query}")]

    assert keys("") == ["i0", "i1", "i2", "i3", "i4"]
    assert keys("order=name:DESC&limit=2") == ["i4", "i3"]
    assert keys("where=enabled:EQUALS:false") == ["i3"]
    assert keys("where=external_key:EQUALS:i2") == ["i2"]
    number = over.get("/item/external_key:i4")["item_id"]
    assert keys(f"where=item_id:EQUALS:{number}") == ["i4"]
    assert keys("where=type:EQUALS:service&offset=4") == ["i4"]
    assert over.get("/item/_count") == 5
    assert [row["tiersets"][0]["base"] for row in over.get("/item?limit=2")] == [0, 1]


def test_an_item_whose_request_died_before_its_price_is_gone_on_with(
    over: Over, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = VOIP | {"external_key": "half"}
    with monkeypatch.context() as patch:
        patch.setattr(items, "create_price", _no_answer)
        assert over.refused("POST", "/item", body, status=503)
    assert over.get("/item/external_key:half")["tiersets"] == []

    over.create("/item", body)

    assert over.get("/item/external_key:half")["tiersets"][0]["base"] == 10


def _no_answer(*_: object, **__: object) -> None:
    raise Unavailable("no answer")


def test_who_may_not_write_reads_items(over: Over, voip: int) -> None:
    reader = Over.on(over.functions, over.site, KeyScope.READ)

    assert reader.get(f"/item/{voip}")["item_id"] == voip
    assert reader.get("/item/_count") > 0
    assert "lacks the scope" in reader.refused("POST", "/item", VOIP, status=403)
    assert "lacks the scope" in reader.refused("PUT", f"/item/{voip}", {"name": "A"}, status=403)
    assert "lacks the scope" in reader.refused("DELETE", f"/item/{voip}", status=403)


def test_another_site_has_other_items(functions: Functions, voip: int) -> None:
    other = Over.at(functions, "co-items-other", CLOCK)

    assert other.get("/item") == []
    assert other.refused("GET", f"/item/{voip}", status=404)
