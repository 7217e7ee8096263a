"""Prices in plain form to try laws with: every model, every modifier, quantities at the edges.

Tiers are open at the end, as in the catalogue, so that every quantity has a price.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from tests.support.laws import plain_numbers

type Plain = dict[str, Any]

HAIR = Fraction(1, 10**20)
# Small ones, so that they meet bounds, packages and allowances; and as long as clients may write.
positive = (
    st.integers(1, 30).map(str)
    | st.integers(1, 999_999).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
    | plain_numbers().filter(lambda text: Fraction(text) > 0)
)
numbers = st.just("0") | positive
percents = st.integers(0, 10_000).map(lambda hundredths: text_of(Fraction(hundredths, 100)))


def text_of(number: Fraction) -> str:
    """Write a number of at most 20 decimals in plain notation."""
    atoms = number / HAIR
    assert atoms.denominator == 1
    whole, rest = divmod(int(atoms), 10**20)
    return f"{whole}.{rest:020}".rstrip("0").rstrip(".") if rest else str(whole)


def decimal_of(number: Fraction) -> Decimal:
    """Return a number of at most 20 decimals as a decimal, whatever the context."""
    return Decimal(text_of(number))


@st.composite
def bounds(draw: st.DrawFn) -> list[str | None]:
    """Draw rising bounds and an open end."""
    given = draw(st.lists(positive, max_size=4, unique_by=Fraction))
    return [*sorted(given, key=Fraction), None]


def _tiers(**fields: st.SearchStrategy[str]) -> st.SearchStrategy[list[Plain]]:
    tier = st.fixed_dictionaries({}, optional=fields)
    return bounds().flatmap(
        lambda rising: st.lists(tier, min_size=len(rising), max_size=len(rising)).map(
            lambda tiers: [
                {"up_to": bound} | each for bound, each in zip(rising, tiers, strict=True)
            ]
        )
    )


_unit_tiers = _tiers(unit_amount=numbers, flat_amount=numbers, package_size=positive)
_flat_tiers = _tiers(flat_amount=numbers)
_rate_tiers = _tiers(flat_amount=numbers).flatmap(
    lambda tiers: st.lists(percents, min_size=len(tiers), max_size=len(tiers)).map(
        lambda rates: [tier | {"rate": rate} for tier, rate in zip(tiers, rates, strict=True)]
    )
)
_semantics = st.fixed_dictionaries(
    {},
    optional={
        "upper_bound": st.sampled_from(("inclusive", "exclusive")),
        "zero_quantity_flat": st.booleans(),
        "stairstep": st.sampled_from(("in_tier", "cumulative")),
        "fractional": st.sampled_from(("none", "ceil_for_tier")),
    },
)


@st.composite
def _block_tiers(draw: st.DrawFn) -> list[Plain]:
    tiers: list[Plain] = [
        {
            "block_size": draw(positive),
            "max_blocks": str(draw(st.integers(1, 20))),
            "unit_amount": draw(numbers),
        }
        for _ in range(draw(st.integers(1, 4)))
    ]
    tiers[-1]["max_blocks"] = None
    return tiers


@st.composite
def _percentage(draw: st.DrawFn) -> Plain:
    plain: Plain = {"rate": draw(percents)}
    optional = {
        "fixed_amount": numbers,
        "free_events": st.integers(0, 4),
        "free_amount": numbers,
    }
    return plain | draw(st.fixed_dictionaries({}, optional=optional)) | draw(limits("_per_event"))


@st.composite
def limits(draw: st.DrawFn, suffix: str = "imum") -> Plain:
    """Draw a minimum, a maximum, both or neither; *suffix* makes other names of them."""
    low, high = sorted((draw(numbers), draw(numbers)), key=Fraction)
    given = {f"min{suffix}": low, f"max{suffix}": high}
    return {name: value for name, value in given.items() if draw(st.booleans())}


type Fields = dict[str, st.SearchStrategy[Any]]


def _of(kind: str, required: Fields, optional: Fields | None = None) -> st.SearchStrategy[Plain]:
    fields: Fields = {"pricing_model": st.just(kind), **required}
    return st.fixed_dictionaries(fields, optional=optional or {})


MODELS: dict[str, st.SearchStrategy[Plain]] = {
    "flat_fee": _of("flat_fee", {"amount": numbers}),
    "per_unit": _of("per_unit", {"unit_amount": numbers}),
    "dynamic": _of("dynamic", {}, {"multiplier": numbers}),
    "package": _of(
        "package",
        {"amount": numbers, "package_size": positive},
        {"round": st.sampled_from(("up", "down"))},
    ),
    "percentage": _percentage().map(lambda plain: {"pricing_model": "percentage"} | plain),
    "tiered": _of("tiered", {"tiers": _unit_tiers}, {"semantics": _semantics}),
    "volume": _of("volume", {"tiers": _unit_tiers}, {"semantics": _semantics}),
    "stairstep": _of("stairstep", {"tiers": _flat_tiers}, {"semantics": _semantics}),
    "tiered_percentage": _of(
        "tiered_percentage", {"tiers": _rate_tiers}, {"semantics": _semantics}
    ),
    "tiered_blocks": _of("tiered_blocks", {"tiers": _block_tiers()}),
    "volume_blocks": _of("volume_blocks", {"tiers": _block_tiers()}),
}

_rounded = st.sampled_from(("up", "down", "half_up"))
_transforms = st.one_of(
    st.fixed_dictionaries({"divide_by": positive, "round": _rounded}),
    st.fixed_dictionaries({"divide_by": st.sampled_from(("0.5", "8", "1000", "1024"))}),
    st.fixed_dictionaries({"multiply_by": positive}, optional={"round": _rounded}),
)


@st.composite
def charges(draw: st.DrawFn, *kinds: str, each: bool = True, free_units: bool = True) -> Plain:
    """Draw a price of one of the models (any, if none is named), with modifiers beside it."""
    optional: Fields = {
        "transform": _transforms,
        "discount_percent": percents,
    }
    if each:
        optional["aggregation"] = st.sampled_from(("whole", "each"))
    if free_units:
        optional["free_units"] = numbers
    model = draw(MODELS[draw(st.sampled_from(kinds or tuple(MODELS)))])
    return model | draw(st.fixed_dictionaries({}, optional=optional)) | draw(limits())


def quantities(plain: Plain) -> st.SearchStrategy[str]:
    """Draw quantities at the edges of a price, a hair beside them, or anywhere."""
    edges = [plain.get(name) for name in ("package_size", "free_units", "free_amount")]
    for tier in plain.get("tiers", []):
        edges += [tier.get(name) for name in ("up_to", "package_size", "block_size")]
    known = [Fraction(edge) for edge in edges if edge is not None]
    if not known:
        return numbers
    aside = st.sampled_from((Fraction(0), HAIR, -HAIR))
    beside = st.builds(
        lambda edge, more: text_of(max(edge + more, HAIR)), st.sampled_from(known), aside
    )
    return beside | numbers
