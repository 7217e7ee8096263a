"""A pricing model is one new file and its place in the registry: here is one, added from outside.

It is read, refused, priced, rated and written like those there are; nothing else has to know it.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from postpaid.application.rate_line import rate_line
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT
from postpaid.domain.pricing import (
    PRICING_MODELS,
    Component,
    plain_pricing,
    prices_events,
    pricing_from_plain,
)
from postpaid.domain.pricing.capacity import Capacity
from postpaid.domain.pricing.plain import check_fields
from postpaid.domain.quantity import decimal_text, parse_amount

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers" / "common" / "postpaid"

# --- what the one new file would hold


@dataclass(frozen=True, slots=True)
class PerPair:
    """*amount* for each pair of units, also for one that is only begun."""

    kind: ClassVar[str] = "per_pair"
    amount: Decimal

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        check_fields(plain, field, required=("amount",), optional=())
        return cls(parse_amount(plain["amount"], f"{field}amount"))

    def to_plain(self) -> dict[str, Any]:
        return {"amount": decimal_text(self.amount)}

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        pairs, rest = EXACT.divmod(quantity, Decimal(2))
        pairs = EXACT.add(pairs, Decimal(rest > 0))
        return (Component(EXACT.multiply(pairs, self.amount), pairs, self.amount, note="pairs"),)


# --- what the registry would get


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRICING_MODELS, PerPair.kind, PerPair)


SHOES = {"pricing_model": "per_pair", "amount": "3.50"}

# --- what then works

# what is said beside the model, usages, the exact price
PRICES: list[tuple[dict[str, Any], list[str], str]] = [
    ({}, ["4"], "7"),
    ({}, ["5"], "10.5"),
    ({}, ["0"], "0"),
    ({}, ["4.000000000000000001"], "10.5"),
    ({}, ["1", "1", "2"], "7"),
    ({"aggregation": "each"}, ["1", "1", "2"], "10.5"),
    ({"free_units": "1"}, ["5"], "7"),
    ({"free_units": "2", "aggregation": "each"}, ["1", "2", "1"], "7"),
    ({"transform": {"divide_by": "12", "round": "up"}}, ["25"], "7"),
    ({"transform": {"multiply_by": "2"}}, ["3"], "10.5"),
    ({"discount_percent": "10"}, ["4"], "6.3"),
    ({"maximum": "10"}, ["5"], "10"),
    ({"minimum": "8"}, ["4"], "8"),
    ({"discount_percent": "50", "maximum": "6", "minimum": "5"}, ["8"], "6"),
]


@pytest.mark.parametrize(
    ("beside", "usages", "price"),
    PRICES,
    ids=[f"{beside} {usages}" for beside, usages, _ in PRICES],
)
def test_a_new_model_is_rated_with_everything_that_goes_beside_a_model(
    beside: dict[str, Any], usages: list[str], price: str
) -> None:
    assert rate_line(SHOES | beside, None, usages) == Decimal(price)


def test_a_new_model_is_priced_through_a_charge() -> None:
    charge = Charge.from_plain(SHOES | {"free_units": "1", "discount_percent": "50"})

    priced = charge.price(Decimal(6))

    assert priced.components == (
        Component(Decimal("10.5"), Decimal(3), Decimal("3.5"), None, "pairs"),
    )
    assert (priced.quantity, priced.amount) == (Decimal(6), Decimal("5.25"))
    assert [step.kind for step in priced.steps] == ["discount_percent"]
    assert not prices_events(charge.model)


@pytest.mark.parametrize("beside", [beside for beside, _, _ in PRICES], ids=str)
def test_a_new_model_survives_its_plain_form(beside: dict[str, Any]) -> None:
    charge = Charge.from_plain(SHOES | beside)
    plain = json.loads(json.dumps(charge.to_plain()))

    assert plain["pricing_model"] == "per_pair"
    assert plain["amount"] == "3.5"
    assert Charge.from_plain(plain) == charge
    assert (
        pricing_from_plain(plain_pricing(charge.model)) == charge.model == PerPair(Decimal("3.5"))
    )


REFUSED = [
    ({}, "missing_field", "amount"),
    ({"amount": None}, "missing_field", "amount"),
    ({"amount": "-1"}, "invalid_field", "amount"),
    ({"amount": "1e3"}, "invalid_field", "amount"),
    ({"amount": "1", "unit_amount": "1"}, "unknown_field", "unit_amount"),
    ({"amount": "1", "semantics": {}}, "unknown_field", "semantics"),
    ({"amount": "1", "discount_percent": "101"}, "invalid_field", "discount_percent"),
    ({"amount": "1", "transform": {"divide_by": "3"}}, "invalid_field", "transform.divide_by"),
    ({"amount": "1", "minimum": "2", "maximum": "1"}, "invalid_field", "maximum"),
]


@pytest.mark.parametrize(("plain", "code", "field"), REFUSED, ids=lambda part: str(part)[:60])
def test_what_is_no_such_price_is_refused_by_its_field(
    plain: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        rate_line({"pricing_model": "per_pair"} | plain, "1", None)

    assert (refusal.value.code, refusal.value.field) == (code, f"pricing.{field}")


def test_an_unknown_model_is_refused_with_the_new_one_among_those_there_are() -> None:
    with pytest.raises(Invalid, match=r"per_pair, per_unit") as refusal:
        pricing_from_plain({"pricing_model": "per_dozen", "amount": "1"}, "prices[0].")

    assert refusal.value.field == "prices[0].pricing_model"


def test_before_it_is_registered_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PRICING_MODELS, PerPair.kind)

    with pytest.raises(Invalid) as refusal:
        rate_line(SHOES, "1", None)

    assert refusal.value.field == "pricing.pricing_model"


# --- why nothing else has to be touched: nothing else knows one model from another

KINDS = {*PRICING_MODELS, Capacity.kind}
PACKAGE = "postpaid.domain.pricing"
SHARED = {"model", "plain"}  # modules there that are not a model's

# Who names a model, what for.
ALLOWED = {
    (
        "postpaid/domain/charged.py",
        "flat_fee",
    ): "a fee beside a model is a flat fee, on its own line",
    ("postpaid/application/rate_line.py", "capacity"): "no model of the catalogue: several units",
    ("postpaid_cli/demo.py", "per_unit"): "a price of the demo's catalogue, as a client writes it",
    ("postpaid_cli/demo.py", "tiered"): "the same",
    ("postpaid/outbound/usage_question.py", "package"): "what ChargeOver calls a subscription",
}


def named(text: str) -> Iterator[str]:
    """Find the models that a source knows: by a string that is a kind, or by an import."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str() as value) if value in KINDS:
                yield value
            case ast.ImportFrom(module=str() as module) if module.startswith(f"{PACKAGE}."):
                yield from _model(module)
            case ast.ImportFrom(module=module, names=names) if module == PACKAGE:
                yield from (each.name for each in names if each.name in KINDS)
            case ast.Import(names=names):
                for each in names:
                    yield from _model(each.name)


def _model(module: str) -> Iterator[str]:
    if (
        module.startswith(f"{PACKAGE}.")
        and (name := module.removeprefix(f"{PACKAGE}.")) not in SHARED
    ):
        yield name


# The models themselves, and dialects that have words of their own for some of them.
_NAMING = ("domain/pricing", "api/chargebee", "api/chargeover")


def _found() -> set[tuple[str, str]]:
    return {
        (path.relative_to(folder.parent).as_posix(), kind)
        for folder in (LAYER, ROOT / "functions", ROOT / "cli" / "postpaid_cli")
        for path in sorted(folder.rglob("*.py"))
        if not any(path.is_relative_to(LAYER / each) for each in _NAMING)
        for kind in named(path.read_text(encoding="utf-8"))
    }


def test_nothing_outside_the_models_knows_one_from_another() -> None:
    assert _found() == set(ALLOWED)


def test_the_models_are_where_they_are_looked_for() -> None:
    files = {path.stem for path in (LAYER / "domain" / "pricing").glob("*.py")}

    assert files >= KINDS
    assert PerPair.kind not in KINDS


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("def f(plain): return plain['pricing_model'] == 'tiered'", ["tiered"]),
        ("match kind:\n    case 'volume': ...", ["volume"]),
        ("KINDS = {'per_unit': 1}", ["per_unit"]),
        ("from postpaid.domain.pricing.package import Package", ["package"]),
        ("from postpaid.domain.pricing import stairstep", ["stairstep"]),
        ("import postpaid.domain.pricing.dynamic", ["dynamic"]),
        ("from postpaid.domain.pricing.tiers import Tiers", ["tiers"]),
        ("from postpaid.domain.pricing import PRICING_MODELS", []),
        ("from postpaid.domain.pricing.model import Component, Limited", []),
        ("from postpaid.domain.pricing.plain import amount", []),
        ('"""Of a package, tiered, by volume."""\nx = "per unit"', []),
    ],
)
def test_a_model_that_is_named_is_found(text: str, kinds: list[str]) -> None:
    assert list(named(text)) == kinds
