"""Prices of the ChargeOver door, read and shown: each code, each switch, each bound."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from postpaid.api.chargeover.json_text import json_text
from postpaid.api.chargeover.paycycles import (
    EVERY,
    PAYCYCLES,
    read_paycycle,
    read_price_paycycle,
    shown_paycycle,
)
from postpaid.api.chargeover.things import annotations
from postpaid.api.chargeover.tiersets import Tierset, is_metered, read_tierset, shown_tierset
from postpaid.domain.annotations import annotations_text
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import ItemPrice
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid

NOW = datetime(2026, 10, 1, tzinfo=UTC)
# (unit_from, unit_to, amount) of each tier
type Rows = list[tuple[object, object, object]]


def said(code: str, rows: Rows | None = None, **more: Any) -> dict[str, Any]:
    tiers = [
        {"unit_from": low, "unit_to": high, "amount": amount} for low, high, amount in rows or []
    ]
    return {"pricemodel": code, "tiers": tiers, **more}


def price_of(tierset: Tierset) -> ItemPrice:
    return ItemPrice(
        id="p",
        number=24,
        item_id="i",
        name="Thing",
        currency="USD",
        version=1,
        charge=Charge.from_plain(tierset.pricing),
        base_fee=tierset.base_fee,
        setup_fee=tierset.setup_fee,
        cadence=tierset.cadence,
        created_at=NOW,
        annotations_text=annotations_text(annotations(tierset.notes), 10_000),
    )


def native(pricing: dict[str, Any], **more: Any) -> ItemPrice:
    fields: dict[str, Any] = {"base_fee": None, "created_at": NOW, "version": 1}
    fields |= {"id": "p", "number": 24, "item_id": "i", "name": "Thing", "currency": "USD"}
    return ItemPrice(**(fields | more), charge=Charge.from_plain(pricing))


def tiers(model: str, *rows: tuple[str | None, str]) -> dict[str, Any]:
    shown = [{"up_to": bound, "unit_amount": amount} for bound, amount in rows]
    return {"pricing_model": model, "tiers": shown}


STEPS: Rows = [(1, 100, "0.05"), (101, 600, "0.04")]
NATIVE_STEPS = [("100", "0.05"), (None, "0.04")]

# said, metered, and what it is: the charge, base fee, setup fee
READ: list[tuple[dict[str, Any], bool, dict[str, Any], str | None, str | None]] = [
    (said("fla", base=10), True, {"pricing_model": "per_unit", "unit_amount": "0"}, "10", None),
    (said("fla", base=10), False, {"pricing_model": "flat_fee", "amount": "10"}, None, None),
    (said("fla"), True, {"pricing_model": "per_unit", "unit_amount": "0"}, None, None),
    (said("fla"), False, {"pricing_model": "flat_fee", "amount": "0"}, None, None),
    (
        said("uni", [(1, 9999, 0.05)], base="10.00", setup="3"),
        True,
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        "10",
        "3",
    ),
    (
        said("uni", [(0, None, "0.05")], setup=3),
        False,
        {"pricing_model": "per_unit", "unit_amount": "0.05"},
        None,
        "3",
    ),
    (said("uni", STEPS, base=10), True, tiers("tiered", *NATIVE_STEPS), "10", None),
    (said("tie", STEPS), True, tiers("tiered", *NATIVE_STEPS), None, None),
    (said("vol", STEPS), True, tiers("volume", *NATIVE_STEPS), None, None),
    (said("tie", STEPS), False, tiers("tiered", *NATIVE_STEPS), None, None),
    (said("uni", STEPS, tier_mode="whole"), True, tiers("volume", *NATIVE_STEPS), None, None),
    (said("tie", STEPS, tier_mode="whole"), True, tiers("volume", *NATIVE_STEPS), None, None),
    (said("vol", STEPS, tier_mode="progressive"), True, tiers("tiered", *NATIVE_STEPS), None, None),
    (said("tie", [(1, 9999, 2)]), True, tiers("tiered", (None, "2")), None, None),
    (said("vol", [(1, 5, 2)]), True, tiers("volume", (None, "2")), None, None),
    # A gap, none, or nothing said: a tier begins where the one before ends.
    (
        said("tie", [(0, 10, 1), (10, 20, 2), (21, 20.5, 3)]),
        True,
        tiers("tiered", ("10", "1"), ("20", "2"), (None, "3")),
        None,
        None,
    ),
    (
        said("tie", [(None, 10, 1), (None, "20.5", 2), (None, None, 3)]),
        True,
        tiers("tiered", ("10", "1"), ("20.5", "2"), (None, "3")),
        None,
        None,
    ),
]


@pytest.mark.parametrize(("plain", "metered", "pricing", "base", "setup"), READ)
def test_a_tierset_is_a_price(
    plain: dict[str, Any],
    metered: bool,
    pricing: dict[str, Any],
    base: str | None,
    setup: str | None,
) -> None:
    found = read_tierset(_exact(plain), "pricemodel", metered=metered)

    if pricing:
        assert Charge.from_plain(found.pricing) == Charge.from_plain(pricing)
    assert found.base_fee == (None if base is None else Decimal(base))
    assert found.setup_fee == (None if setup is None else Decimal(setup))


@pytest.mark.parametrize(("plain", "metered", "pricing", "base", "setup"), READ)
def test_a_tierset_is_shown_as_it_was_said(
    plain: dict[str, Any], metered: bool, pricing: object, base: str | None, setup: str | None
) -> None:
    del pricing
    found = read_tierset(_exact(plain), "pricemodel", metered=metered)

    shown = shown_tierset(price_of(found), None, metered=metered)

    assert shown["pricemodel"] == plain["pricemodel"]
    assert shown["base"] == Decimal(str(plain.get("base", 0)))
    assert shown["setup"] == Decimal(setup or 0)
    assert len(shown["tiers"]) == len(plain["tiers"])
    for row, asked in zip(shown["tiers"], plain["tiers"], strict=True):
        for name in ("unit_from", "unit_to", "amount"):
            assert asked[name] is None or row[name] == Decimal(str(asked[name]))
    assert "native_pricing" not in shown
    assert base is None or shown["base"] == Decimal(base)


@pytest.mark.parametrize(("plain", "metered"), [row[:2] for row in READ])
def test_what_is_shown_reads_back_as_the_same_price(plain: dict[str, Any], metered: bool) -> None:
    first = read_tierset(_exact(plain), "pricemodel", metered=metered)
    shown = shown_tierset(price_of(first), None, metered=metered)
    again = {name: shown[name] for name in ("pricemodel", "base", "setup", "paycycle", "tiers")} | {
        "tierset_id": shown["tierset_id"],
        "tier_mode": shown["tier_mode"],
    }

    second = read_tierset(again, "pricemodel", metered=metered)

    assert Charge.from_plain(second.pricing) == Charge.from_plain(first.pricing)
    assert (second.base_fee, second.setup_fee) == (first.base_fee, first.setup_fee)


REFUSED: list[tuple[dict[str, Any], bool, str, str]] = [
    ({}, True, "missing_field", "pricemodel"),
    (said("pas"), True, "not_supported", "pricemodel"),
    (said("xyz"), True, "invalid_field", "pricemodel"),
    (said("fla", STEPS), True, "invalid_field", "tiers"),
    (said("uni"), True, "missing_field", "tiers"),
    (said("vol"), False, "missing_field", "tiers"),
    (said("uni", [(1, 9, 1)], base=5), False, "not_supported", "base"),
    (said("fla", base=-1), True, "invalid_field", "base"),
    (said("fla", setup="x"), True, "invalid_field", "setup"),
    (said("fla", minimum=5), True, "not_supported", "minimum"),
    (said("fla", percent="0.5"), True, "not_supported", "percent"),
    (said("fla", currency_id=1), True, "not_supported", "currency_id"),
    (said("fla", paycycle="now"), True, "invalid_field", "paycycle"),
    (said("fla", shoe=1), True, "unknown_field", "shoe"),
    (said("tie", STEPS, tier_mode="both"), True, "invalid_field", "tier_mode"),
    (said("tie", [(2, 10, 1)]), True, "invalid_field", "tiers.0.unit_from"),
    (said("tie", [(1, 10, 1), (12, 20, 1)]), True, "invalid_field", "tiers.1.unit_from"),
    (said("tie", [(1, 10, 1), (5, 20, 1)]), True, "invalid_field", "tiers.1.unit_from"),
    (said("tie", [(1, None, 1), (2, 20, 1)]), True, "missing_field", "tiers.0.unit_to"),
    (said("tie", [(1, 0, 1)]), True, "invalid_field", "tiers.0.unit_to"),
    (said("tie", [(1, 10, 1), (11, 10, 1)]), True, "invalid_field", "tiers.1.unit_to"),
    (said("tie", [(1, 10, -1)]), True, "invalid_field", "tiers.0.amount"),
    (said("tie", [(1, 10, None)]), True, "invalid_field", "tiers.0.amount"),
    (said("uni", [(n, n + 1, 1) for n in range(101)]), True, "invalid_field", "tiers"),
]


@pytest.mark.parametrize(("plain", "metered", "code", "field"), REFUSED)
def test_a_wrong_tierset_is_refused_by_its_field(
    plain: dict[str, Any], metered: bool, code: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        read_tierset(_exact(plain), "here", metered=metered)

    assert (refusal.value.code, refusal.value.field) == (code, f"here.{field}")


def test_a_tierset_is_an_object() -> None:
    with pytest.raises(Invalid) as refusal:
        read_tierset([1], "here", metered=True)

    assert refusal.value.field == "here"


@pytest.mark.parametrize("nothing", [0, "0", "0.000000", None, ""])
def test_no_minimum_and_no_per_cent_ask_for_nothing(nothing: object) -> None:
    plain = said("fla", base=1, minimum=nothing, percent=nothing)

    assert read_tierset(plain, "pricemodel", metered=False).base_fee is None


# --- prices of other doors

SHOWN: list[tuple[ItemPrice, bool, dict[str, Any]]] = [
    (
        native({"pricing_model": "per_unit", "unit_amount": "2"}, base_fee=Decimal(3)),
        True,
        {"pricemodel": "uni", "base": 3, "tiers": [(1, 9999, 2)], "tier_mode": None},
    ),
    (
        native({"pricing_model": "flat_fee", "amount": "2"}),
        False,
        {"pricemodel": "fla", "base": 2, "tiers": [], "tier_mode": None},
    ),
    (
        native(tiers("tiered", ("10", "1"), (None, "2"))),
        True,
        {"pricemodel": "tie", "tiers": [(1, 10, 1), (11, 9999, 2)], "tier_mode": "progressive"},
    ),
    (
        native(tiers("volume", ("10.5", "1"), (None, "2"))),
        True,
        {"pricemodel": "vol", "tiers": [(1, "10.5", 1), ("10.5", 9999, 2)], "tier_mode": "whole"},
    ),
    (
        native(tiers("volume", ("20000", "1"), (None, "2"))),
        True,
        {"pricemodel": "vol", "tiers": [(1, 20000, 1), (20001, 2**31 - 1, 2)]},
    ),
    (
        native({"pricing_model": "flat_fee", "amount": "2"}),
        True,
        {"pricemodel": "flat_fee", "base": 0, "tiers": [], "native": True},
    ),
    (
        native({"pricing_model": "per_unit", "unit_amount": "2", "free_units": "5"}),
        True,
        {"pricemodel": "per_unit", "tiers": [], "native": True},
    ),
    (
        native(
            {
                "pricing_model": "tiered",
                "tiers": [{"up_to": None, "unit_amount": "2", "flat_amount": "1"}],
            }
        ),
        True,
        {"pricemodel": "tiered", "tiers": [], "native": True},
    ),
    (
        native({"pricing_model": "package", "amount": "2", "package_size": "10"}),
        True,
        {"pricemodel": "package", "tiers": [], "native": True},
    ),
]


@pytest.mark.parametrize(("price", "metered", "expected"), SHOWN)
def test_a_price_of_another_door_is_shown(
    price: ItemPrice, metered: bool, expected: dict[str, Any]
) -> None:
    shown = shown_tierset(price, None, metered=metered)

    rows = [(row["unit_from"], row["unit_to"], row["amount"]) for row in shown["tiers"]]
    wanted = [tuple(Decimal(each) for each in row) for row in expected["tiers"]]
    assert rows == wanted
    assert shown["pricemodel"] == expected["pricemodel"]
    assert shown["base"] == expected.get("base", 0)
    assert ("native_pricing" in shown) is expected.get("native", False)
    if "tier_mode" in expected:
        assert shown["tier_mode"] == expected["tier_mode"]


def test_a_price_that_another_door_changed_is_shown_as_it_is_now() -> None:
    mine = price_of(read_tierset(said("uni", STEPS), "p", metered=True))
    changed = native(
        tiers("volume", ("50", "1"), (None, "2")), annotations_text=mine.annotations_text
    )

    shown = shown_tierset(changed, None, metered=True)

    assert [(row["unit_from"], row["unit_to"]) for row in shown["tiers"]] == [(1, 50), (51, 600)]
    assert shown["tier_mode"] == "whole"


def test_a_charge_that_a_line_has_of_its_own_is_shown_for_it() -> None:
    price = native({"pricing_model": "per_unit", "unit_amount": "2"}, base_fee=Decimal(3))
    own = Charge.from_plain({"pricing_model": "per_unit", "unit_amount": "1.5"})

    shown = shown_tierset(price, own, metered=True)

    assert (shown["base"], shown["tiers"][0]["amount"]) == (3, Decimal("1.5"))


def test_numbers_of_typed_clients_are_numbers_in_the_text() -> None:
    shown = shown_tierset(
        price_of(read_tierset(said("uni", STEPS), "p", metered=True)), None, metered=True
    )
    plain = {name: value for name, value in shown.items() if not name.endswith("_datetime")}

    text = json_text(plain)

    for each in ('"setup":0', '"base":0', '"unit_to":600', '"amount":0.05', '"percent":0'):
        assert each in text


@pytest.mark.parametrize(
    ("plain", "metered"),
    [
        (said("uni"), True),
        (said("tie"), True),
        (said("vol"), True),
        (said("fla"), False),
        (7, False),
    ],
)
def test_an_item_is_metered_by_the_code_of_its_price(plain: object, metered: bool) -> None:
    assert is_metered(plain) is metered


# --- paycycles


@pytest.mark.parametrize("code", PAYCYCLES)
def test_each_paycycle_reads_back(code: str) -> None:
    assert shown_paycycle(read_paycycle(code, "paycycle")) == code


@pytest.mark.parametrize(
    ("cadence", "code"),
    [
        (None, EVERY),
        (Cadence("month", 3), "qtr"),
        (Cadence("month", 12), "yrl"),
        (Cadence("day", 7), "1wk"),
        (Cadence("month", 5), "5_month"),
        (Cadence("half_month", 2), "2_half_month"),
    ],
)
def test_a_cadence_of_another_door_has_a_code_or_is_spelled(
    cadence: Cadence | None, code: str
) -> None:
    assert shown_paycycle(cadence) == code


@pytest.mark.parametrize("code", [None, "", "evy"])
def test_a_price_may_be_for_every_paycycle(code: str | None) -> None:
    assert read_price_paycycle(code, "paycycle") is None


@pytest.mark.parametrize("code", ["", "evy", "MON", "month"])
def test_a_package_has_one_of_the_codes(code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_paycycle(code, "here")

    assert refusal.value.field == "here"


def _exact(value: Any) -> Any:
    """Return a body as it is read: its numbers exact."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: _exact(each) for name, each in value.items()}
    return [_exact(each) for each in value] if isinstance(value, list) else value
