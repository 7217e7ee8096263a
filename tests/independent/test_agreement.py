"""Two raters that share no line agree on every price and every usage.

`POSTPAID_SEARCH=50 pytest tests/independent` compares fifty times as many.
"""

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from decimal import Context, Decimal, FloatOperation, Rounded, localcontext
from fractions import Fraction
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from postpaid.application.rate_line import rate_line
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Invalid
from postpaid.domain.money import Money, exact_sum
from tests.golden.cases import cases_of
from tests.independent import second_rater
from tests.independent.pairs import LEAST, MODELS, SWITCHES, Pair, pair
from tests.independent.second_rater import NotRatable, to_minor_units
from tests.support.laws import SEARCH

PAIRS = 20_000
CHARGES = cases_of("rating.jsonl", "charge")
# What only `postpaid rate` knows.
AROUND = {
    "previous_quantity",
    "previous_billed",
    "round_before_clamp",
    "base_amount",
    "tax_percent",
}
CURRENCIES = {0: "JPY", 2: "USD", 3: "KWD", 4: "CLF"}

# The exact amount and the rounded one; None where the usage is refused.
type Answer = tuple[Fraction, int] | None


def first(the: Pair) -> Answer:
    try:
        with localcontext(Context(prec=1, traps=[FloatOperation, Rounded])):
            amount = rate_line(the.pricing, the.quantity, the.usages)
            return Fraction(amount), Money.rounded(amount, the.currency).minor
    except Invalid as refusal:
        refusal.add_note(shown(the))
        if refusal.code != "not_ratable":
            raise
        return None


def second(the: Pair) -> Answer:
    try:
        amount = second_rater.rate(the.pricing, the.quantity, the.usages)
    except NotRatable:
        return None
    return amount, to_minor_units(amount, the.currency)


def shown(the: Pair, **answers: Answer) -> str:
    return json.dumps(asdict(the) | {name: str(answer) for name, answer in answers.items()})


@cache
def pairs() -> list[tuple[Pair, Answer]]:
    """Return each pair and what the second rater says to it."""
    return [(each, second(each)) for each in map(pair, range(PAIRS))]


def test_both_raters_say_the_same_to_twenty_thousand_pairs() -> None:
    more = ((each, second(each)) for each in map(pair, range(PAIRS, PAIRS * SEARCH)))
    for each, answer in chain(pairs(), more):
        assert first(each) == answer, shown(each, first=first(each), second=answer)


def charged(the: Pair) -> Answer:
    """Return what an invoice line with this price and usage comes to."""
    charge = Charge.from_plain(the.pricing)
    try:
        if charge.by_event and the.usages is not None:
            amount = charge.price_events([*map(Decimal, the.usages)]).amount
        else:
            given = [the.quantity] if the.usages is None else the.usages
            amount = charge.price(exact_sum(Decimal(each) for each in given if each)).amount
    except Invalid as refusal:
        if refusal.code != "not_ratable":
            raise
        return None
    return Fraction(amount), Money.rounded(amount, the.currency).minor


def test_an_invoice_says_the_same_of_a_price_from_the_catalogue() -> None:
    of_the_catalogue = [
        (each, answer)
        for each, answer in pairs()
        if each.pricing["pricing_model"] != "capacity" and not AROUND & set(each.pricing)
    ]

    assert len(of_the_catalogue) > PAIRS / 2
    for each, answer in of_the_catalogue:
        assert charged(each) == answer, shown(each, first=charged(each), second=answer)


# --- the second rater is right by itself


@pytest.mark.parametrize("case", CHARGES, ids=lambda case: str(case["id"]))
def test_the_second_rater_says_what_other_engines_say(case: dict[str, Any]) -> None:
    amount = second_rater.rate(case["params"], case.get("quantity"), case.get("usages"))

    expected = Fraction(case["expected_amount"])
    if "rounding" in case:
        places = case["rounding"]["places"]
        amount = Fraction(to_minor_units(amount, CURRENCIES[places]), 10**places)
    assert amount == expected


def test_the_second_rater_shares_nothing_with_the_first() -> None:
    tree = ast.parse(Path(second_rater.__file__).read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }

    modules = {"collections.abc", "fractions", "itertools", "typing"}
    assert imported == modules | {
        "Callable",
        "Mapping",
        "Sequence",
        "Fraction",
        "accumulate",
        "Any",
        "NamedTuple",
    }


# --- the pairs are worth comparing


def test_a_pair_can_be_made_again_from_its_seed() -> None:
    assert [each for each, _ in pairs()[:200]] == [pair(seed) for seed in range(200)]


def test_every_model_is_compared_a_thousand_times() -> None:
    kinds = Counter(each.pricing["pricing_model"] for each, _ in pairs())

    assert set(kinds) == set(MODELS)
    assert min(kinds.values()) >= 1000


def test_every_model_that_can_end_is_refused_a_hundred_times_and_no_other_ever() -> None:
    refused = Counter(each.pricing["pricing_model"] for each, answer in pairs() if answer is None)

    assert set(refused) == {kind for kind in MODELS if "tier" in kind or "volume" in kind} | {
        "stairstep",
        "capacity",
    }
    assert min(refused.values()) >= 100


# What may be said beside or within a price and changes its amount.
SAID = (
    *("free_units", "transform", "aggregation", "discount_percent", "minimum", "maximum"),
    *("flat_amount", "package_size", "unit_amount", "rate", "round", "multiplier"),
    *("fixed_amount", "free_events", "free_amount", "min_per_event", "max_per_event"),
    *sorted(AROUND),
)


def said(pricing: Mapping[str, Any]) -> Iterator[str]:
    """Name what a price says, at any depth; switches only where they are not as usual."""
    for name, value in pricing.items():
        if name == "semantics":
            yield from (each for each in value if value[each] != SWITCHES[each][0])
        elif name == "tiers":
            yield from {each for tier in value for each in tier}
        else:
            yield name


def without(pricing: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Leave something unsaid."""
    plain = {each: value for each, value in pricing.items() if each != name}
    if "tiers" in plain:
        plain["tiers"] = [without(tier, name) for tier in plain["tiers"]]
    if "semantics" in plain:
        plain["semantics"] = without(plain["semantics"], name)
    return plain


@pytest.mark.parametrize("name", [*SAID, *SWITCHES])
def test_what_a_price_says_is_there_hundreds_of_times_and_often_changes_the_amount(
    name: str,
) -> None:
    saying = [(each, answer) for each, answer in pairs() if name in said(each.pricing)]
    assert len(saying) >= 300

    changed = 0
    for each, answer in saying:
        try:
            changed += second(replace(each, pricing=without(each.pricing, name))) != answer
        except KeyError:  # a price cannot leave it out
            continue
    assert changed >= 100


@pytest.mark.parametrize("rounding", ["none", "up", "down", "half_up"])
@pytest.mark.parametrize("way", ["divide_by", "multiply_by"])
def test_every_transform_is_compared_hundreds_of_times(way: str, rounding: str) -> None:
    transforms = [each.pricing.get("transform", {}) for each, _ in pairs()]

    assert sum(way in each and each["round"] == rounding for each in transforms) >= 300


SHAPES: list[tuple[str, Callable[[str], bool]]] = [
    ("nothing", lambda text: text == "0"),
    ("whole", lambda text: text != "0" and "." not in text),
    ("many decimals", lambda text: len(text.partition(".")[2]) > 10),
    ("huge", lambda text: len(text.partition(".")[0]) > 15),
    ("38 digits", lambda text: len(text) == 39),
]


@pytest.mark.parametrize(("name", "has"), SHAPES, ids=[name for name, _ in SHAPES])
def test_quantities_of_every_shape_are_compared(name: str, has: Callable[[str], bool]) -> None:
    quantities = [each.quantity for each, _ in pairs() if each.quantity is not None]
    usages = [each.usages for each, _ in pairs() if isinstance(each.usages, list)]

    assert sum(map(has, quantities)) >= 300
    assert sum(any(map(has, each)) for each in usages) >= 300


def test_quantities_lie_on_bounds_and_a_hair_beside_them() -> None:
    beside: Counter[Fraction] = Counter()
    for each, _ in pairs():
        bounds = [tier.get("up_to") for tier in each.pricing.get("tiers", [])]
        if each.quantity is not None:
            quantity = Fraction(each.quantity)
            beside.update({quantity - Fraction(bound) for bound in bounds if bound is not None})

    assert min(beside[aside] for aside in (Fraction(0), LEAST, -LEAST)) >= 100
