"""What is done to packages of the ChargeOver door, in both spellings."""

from typing import Any

import pytest

from tests.functions.test_chargeover_packages import TIERS, lines_of, native, package, shop
from tests.support.functions import Functions
from tests.support.over import Over

DEAR = {
    "pricemodel": "uni",
    "base": 20,
    "tiers": [{"unit_from": 1, "unit_to": 9999, "amount": 0.5}],
}


@pytest.fixture(scope="module")
def over(functions: Functions) -> Over:
    return shop(functions, "co-actions")


def act(over: Over, number: int, action: str, body: object = None) -> None:
    assert over.act(f"/package/{number}/_action/{action}", body) is True


def upgrade(over: Over, number: int, *lines: dict[str, Any]) -> dict[str, dict[str, Any]]:
    act(over, number, "upgrade", {"line_items": list(lines)})
    return lines_of(over, number)


# --- upgrade


def test_a_line_that_changes_its_price_gets_another_id_and_the_old_one_means_it_still(
    over: Over,
) -> None:
    number = over.create("/package", package("voip"))
    old = lines_of(over, number)["voip"]

    [new] = upgrade(over, number, {"line_item_id": old["line_item_id"], "tierset": DEAR}).values()

    assert new["line_item_id"] != old["line_item_id"]
    assert new["external_key"] == old["external_key"]
    assert (new["tierset"]["base"], new["tierset"]["tiers"][0]["amount"]) == (20, 0.5)
    [again] = upgrade(
        over, number, {"line_item_id": old["line_item_id"], "descrip": "Calls"}
    ).values()
    assert (again["descrip"], again["tierset"]) == ("Calls", new["tierset"])
    assert again["line_item_id"] not in {old["line_item_id"], new["line_item_id"]}
    for each in (old, new, again):
        where = f"where=line_items.line_item_id:EQUALS:{each['line_item_id']}"
        found = over.get(f"/package?{where}")
        assert [row["package_id"] for row in found] == ([number] if each is again else [])


def test_lines_are_added_changed_and_cancelled_together(over: Over) -> None:
    number = over.create("/package", package("voip", "seat"))

    lines = upgrade(
        over,
        number,
        {"item_external_key": "sms", "descrip": "Texts too", "custom_1": "new"},
        {"line_item_external_key": "seat", "line_quantity": 3, "nickname": "chairs"},
        {"line_item_external_key": "voip", "cancel": True},
    )

    assert lines.keys() == {"seat", "sms"}
    assert (lines["seat"]["line_quantity"], lines["seat"]["nickname"]) == (3, "chairs")
    assert (lines["sms"]["descrip"], lines["sms"]["custom_1"]) == ("Texts too", "new")


def test_a_line_goes_back_to_its_items_price(over: Over) -> None:
    body = package({"item_external_key": "voip", "tierset": DEAR})
    number = over.create("/package", body)

    [line] = upgrade(
        over, number, {"line_item_external_key": "voip", "item_external_key": "voip"}
    ).values()

    assert line["tierset_id"] == over.get("/item/external_key:voip")["tierset_id"]


def test_another_item_takes_a_lines_place(over: Over) -> None:
    number = over.create("/package", package("voip"))
    old = lines_of(over, number)["voip"]["line_item_id"]

    lines = upgrade(over, number, {"line_item_id": old, "item_external_key": "sms"})

    assert lines.keys() == {"sms"}
    assert lines["sms"]["line_item_id"] != old


def test_an_upgrade_that_says_nothing_new_changes_nothing(over: Over) -> None:
    number = over.create("/package", package("voip", "seat"))
    before = over.get(f"/package/{number}")

    upgrade(over, number, {"line_item_external_key": "seat", "line_quantity": 1})

    assert over.get(f"/package/{number}") == before


def test_what_is_charged_in_advance_changes_with_the_end_of_a_hold(over: Over) -> None:
    number = over.create("/package", package("voip", "seat", holduntil_datetime="2015-10-01"))

    lines = upgrade(
        over,
        number,
        {"line_item_external_key": "seat", "line_quantity": 4},
        {"item_external_key": "line"},
    )

    begins = {key: line["subscribe_datetime"][:10] for key, line in lines.items()}
    assert begins == {"voip": "2015-08-20", "seat": "2015-10-01", "line": "2015-10-01"}
    assert lines["seat"]["line_quantity"] == 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "Missing or invalid parameter. line_items: has 1 to 50 lines"),
        ([{"cancel": True}], "A required parameter was missing: line_items.0.line_item_id."),
        (
            [{"line_item_external_key": "voip", "cancel": True}],
            "Missing or invalid parameter. line_items: would leave no line: cancel it instead",
        ),
        (
            [{"line_item_id": 999999, "cancel": True}],
            "Missing or invalid parameter. line_items.0.line_item_id: is no line of the package",
        ),
        (
            [{"item_external_key": "sms"}, {"item_external_key": "none"}],
            "Missing or invalid parameter. line_items.1.item_external_key: there is no item",
        ),
        (
            [{"item_external_key": "seat", "subscribe_prorate": True}],
            "Missing or invalid parameter. line_items.0.subscribe_prorate: ",
        ),
        (
            [{"line_item_external_key": "voip", "external_key": "other"}],
            "Missing or invalid parameter. line_items.0.external_key: never changes here",
        ),
        (
            [{"item_external_key": "sms", "external_key": "voip"}],
            "Missing or invalid parameter. line_items.0.external_key: there is a line with this",
        ),
        (
            [{"item_external_key": "yearly"}],
            "Missing or invalid parameter. line_items.0.item_id: is for another paycycle",
        ),
        (
            [{"line_item_external_key": "voip", "line_quantity": 2}],
            "Missing or invalid parameter. line_items.0.line_quantity: a metered line counts",
        ),
        (
            [{"item_external_key": "seat", "line_quantity": -1}],
            "Missing or invalid parameter. line_items.0.line_quantity: must be greater than 0",
        ),
    ],
)
def test_a_wrong_upgrade_is_refused_by_its_field(
    over: Over, lines: list[dict[str, Any]], message: str
) -> None:
    number = over.create("/package", package("voip"))
    before = over.get(f"/package/{number}")

    target = f"/package/{number}/_action/upgrade"
    assert over.refused("POST", target, {"line_items": lines}).startswith(message)

    assert over.get(f"/package/{number}") == before


def test_a_metered_line_is_never_prorated_whatever_is_asked(over: Over) -> None:
    number = over.create("/package", package("voip"))

    lines = upgrade(over, number, {"item_external_key": "sms", "subscribe_prorate": True})

    assert lines.keys() == {"voip", "sms"}


def test_a_line_of_another_package_is_not_changed(over: Over) -> None:
    mine, other = (over.create("/package", package("voip", "sms")) for _ in range(2))
    theirs = lines_of(over, other)["voip"]["line_item_id"]

    message = over.refused(
        "POST",
        f"/package/{mine}?action=upgrade",
        {"line_items": [{"line_item_id": theirs, "cancel": True}]},
    )

    assert message.endswith("line_items.0.line_item_id: is no line of the package")
    assert lines_of(over, other).keys() == {"voip", "sms"}


def test_an_upgrade_with_a_key_of_its_own_is_done_once(over: Over) -> None:
    number = over.create("/package", package("voip"))
    rows = [{"item_external_key": "sms"}, {"line_item_external_key": "voip", "cancel": True}]
    body = {"line_items": rows}

    for _ in range(2):
        answer = over.call(
            "POST",
            f"/package/{number}/_action/upgrade",
            body,
            headers={"idempotency-key": "one"},
        )
        assert answer.json["response"] is True

    assert lines_of(over, number).keys() == {"sms"}
    other = {"line_items": [{"item_external_key": "seat"}]}
    answer = over.call(
        "POST", f"/package/{number}/_action/upgrade", other, headers={"idempotency-key": "one"}
    )
    assert (answer.status, answer.json["details"]["code"]) == (400, "idempotency_key_reused")


# --- ends, rests and holds


@pytest.mark.parametrize(
    "spelling", ["/package/{}/_action/cancel", "/billing_package/{}?action=cancel"]
)
@pytest.mark.parametrize("body", [None, {}, b"", b"null", b'""'])
def test_a_cancelled_package_is_over_at_once(over: Over, spelling: str, body: object) -> None:
    number = over.create("/package", package("voip"))

    for _ in range(2):
        assert over.act(spelling.format(number), body) is True

    shown = over.get(f"/package/{number}")
    assert (shown["package_status_str"], shown["package_status_state"]) == ("canceled-manual", "c")
    assert shown["cancel_datetime"].startswith("2015-08-20")
    assert shown["next_invoice_datetime"] == ""
    message = over.refused("POST", f"/package/{number}/_action/uncancel")
    assert message.endswith("has ended")


def test_an_end_that_has_not_come_is_taken_back(over: Over) -> None:
    number = over.create("/package", package("voip", external_key="ends"))
    native(over, "POST", "/subscriptions/ends/cancel", {"at": "term_end"})

    act(over, number, "uncancel")

    assert native(over, "GET", "/subscriptions/ends")["end"] is None


def test_a_package_rests_and_goes_on(over: Over) -> None:
    number = over.create("/package", package("voip"))

    for _ in range(2):
        act(over, number, "suspend")
    shown = over.get(f"/package/{number}")
    assert (shown["package_status_str"], shown["package_status_state"]) == (
        "suspended-suspended",
        "s",
    )
    assert shown["suspendto_datetime"] is None

    act(over, number, "unsuspend")
    assert over.get(f"/package/{number}")["package_status_str"] == "active-current"
    assert "suspension" in over.refused("POST", f"/package/{number}?action=unsuspend")


def test_a_rest_may_be_said_with_its_days(over: Over) -> None:
    number = over.create("/package", package("voip"))
    days = {"suspendfrom_datetime": "2015-09-01", "suspendto_datetime": "2015-09-15 12:00:00"}

    act(over, number, "suspend", days)

    shown = over.get(f"/package/{number}")
    assert shown["suspendfrom_datetime"] == "2015-09-01T00:00:00+00:00"
    assert shown["suspendto_datetime"] == "2015-09-15T12:00:00+00:00"
    assert shown["package_status_state"] == "a"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"suspendfrom_datetime": "2015-08-01"}, "suspendfrom_datetime: must lie at"),
        (
            {"suspendfrom_datetime": "2015-09-02", "suspendto_datetime": "2015-09-01"},
            "suspendto_datetime: must be later",
        ),
        ({"suspendto_datetime": "soon"}, "suspendto_datetime: must be a date"),
        ({"until": "2015-09-01"}, "until: is not a field"),
    ],
)
def test_a_wrong_rest_is_refused_by_its_field(over: Over, body: object, message: str) -> None:
    number = over.create("/package", package("voip"))

    refusal = over.refused("POST", f"/package/{number}/_action/suspend", body)

    assert refusal.startswith(f"Missing or invalid parameter. {message}")


def test_invoices_are_held_back_and_let_go(over: Over) -> None:
    number = over.create("/package", package("voip"))

    act(over, number, "hold", {"holduntil_datetime": "2015-12-01"})
    shown = over.get(f"/package/{number}")
    assert shown["holduntil_datetime"] == "2015-12-01T00:00:00+00:00"
    assert shown["next_invoice_datetime"] == "2015-12-01T00:00:00+00:00"

    act(over, number, "hold", {"holduntil_datetime": None})
    shown = over.get(f"/package/{number}")
    assert shown["holduntil_datetime"] is None
    assert shown["next_invoice_datetime"] == "2015-09-20T00:00:00+00:00"


def test_another_paycycle_comes_with_the_next_term(over: Over) -> None:
    number = over.create("/package", package("sms", external_key="faster"))

    act(over, number, "paycycle", {"paycycle": "1wk"})

    assert over.get(f"/package/{number}")["paycycle"] == "mon"
    cadences = native(over, "GET", "/subscriptions/faster")
    assert "week" in str(cadences)


@pytest.mark.parametrize(
    ("action", "body", "message"),
    [
        ("hold", {}, "A required parameter was missing: No data."),
        ("hold", {"other": 1}, "A required parameter was missing: holduntil_datetime."),
        ("hold", {"holduntil_datetime": "2090-01-01"}, "Missing or invalid parameter. holduntil"),
        ("paycycle", {"paycycle": "evy"}, "Missing or invalid parameter. paycycle: must be one"),
        ("paycycle", {"paycycle": "yrl"}, "Missing or invalid parameter. paycycle: the price 'v"),
        ("paymethod", {"paymethod": "crd"}, "Missing or invalid parameter. paymethod: nothing is"),
        (
            "paymethod",
            {"paymethod": "crd", "creditcard_id": 7},
            "Missing or invalid parameter. creditcard_id: nothing is collected",
        ),
        ("welcome", None, "Missing or invalid parameter. welcome: nothing is sent by e-mail here"),
        ("cancel", {"shoe_size": 4}, "Missing or invalid parameter. shoe_size: is not a field"),
        ("melt", None, "The command requested is not supported: create(package, "),
    ],
)
def test_a_wrong_action_is_refused_by_its_field(
    over: Over, action: str, body: object, message: str
) -> None:
    number = over.create("/package", package("voip"))
    before = over.get(f"/package/{number}")

    assert over.refused("POST", f"/package/{number}/_action/{action}", body).startswith(message)

    assert over.get(f"/package/{number}") == before


def test_an_invoice_is_how_a_package_is_paid(over: Over) -> None:
    number = over.create("/package", package({"item_external_key": "sms", "tierset": None}))

    act(over, number, "paymethod", {"paymethod": "inv"})

    assert over.get(f"/package/{number}")["paymethod"] == "inv"
    assert TIERS[0]["amount"] == 0.05
