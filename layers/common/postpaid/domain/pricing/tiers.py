"""Tiers: bounds that are cumulative and inclusive, and the conventions on which peers differ."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol, Self

from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, add, ceiling
from postpaid.domain.pricing.plain import (
    amount,
    amount_or_none,
    check_fields,
    choice,
    positive,
    switch,
    text_or_none,
    without_none,
)
from postpaid.domain.quantity import decimal_text, parse_amount

TIERS_MAX = 100
_ONE = Decimal(1)
_UP_TO = attrgetter("up_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Units up to *up_to* (None is without end) at *unit_amount*, and *flat_amount* once.

    With a *package_size* the tier's units are counted in packages that are rounded up, and
    *unit_amount* is the price of one package.
    """

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal
    package_size: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """Where peers differ, by name; the defaults are what most of them do.

    *upper_bound* `inclusive`: a quantity equal to a tier's bound is in that tier.
    *zero_quantity_flat*: at zero the first tier's flat amount is charged. *stairstep* `in_tier`:
    only the reached tier's flat amount, `cumulative`: those of all tiers up to it. *fractional*
    `ceil_for_tier`: the next whole number chooses the tier.
    """

    upper_bound: str = "inclusive"
    zero_quantity_flat: bool = True
    stairstep: str = "in_tier"
    fractional: str = "none"

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any] | None, field: str) -> Self:
        """Read the switches that differ from the defaults."""
        if plain is None:
            return cls()
        if not isinstance(plain, Mapping):
            raise Invalid("invalid_field", "must be an object", field=field.rstrip("."))
        names = ("upper_bound", "zero_quantity_flat", "stairstep", "fractional")
        check_fields(plain, field, required=(), optional=names)
        return cls(
            upper_bound=choice(plain, "upper_bound", field, ("inclusive", "exclusive")),
            zero_quantity_flat=switch(plain, "zero_quantity_flat", field, default=True),
            stairstep=choice(plain, "stairstep", field, ("in_tier", "cumulative")),
            fractional=choice(plain, "fractional", field, ("none", "ceil_for_tier")),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the switches that differ from the defaults."""
        standard = Conventions()
        return {
            name: getattr(self, name)
            for name in ("upper_bound", "zero_quantity_flat", "stairstep", "fractional")
            if getattr(self, name) != getattr(standard, name)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Tiers in rising order, the last usually without end."""

    tiers: tuple[Tier, ...]
    conventions: Conventions

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read `{"tiers": [{"up_to", "unit_amount", "flat_amount", "package_size"}], ...}`."""
        check_fields(plain, field, required=("tiers",), optional=("semantics",))
        return cls(
            tiers=read_tiers(plain["tiers"], field, _tier),
            conventions=Conventions.from_plain(plain.get("semantics"), f"{field}semantics."),
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        plain: dict[str, Any] = {"tiers": [_plain_tier(tier) for tier in self.tiers]}
        switches = self.conventions.to_plain()
        return plain | ({"semantics": switches} if switches else {})

    def reached(self, quantity: Decimal) -> int:
        """Return the index of the tier that *quantity* is in."""
        return reached(self.tiers, quantity, self.conventions)

    @property
    def limit(self) -> Decimal | None:
        """The most that can be priced, None if there is no end."""
        return self.tiers[-1].up_to

    def charges_flat(self, quantity: Decimal) -> bool:
        """Tell whether a flat amount is due for *quantity*."""
        return bool(quantity) or self.conventions.zero_quantity_flat


class Bounded(Protocol):
    """Anything with an upper bound, None where it has no end."""

    @property
    def up_to(self) -> Decimal | None:
        """The bound."""
        ...


def reached(tiers: Sequence[Bounded], quantity: Decimal, conventions: Conventions) -> int:
    """Return the index of the tier that *quantity* is in.

    Raises `Invalid` with code `not_ratable` beyond a last tier that has an end.
    """
    number = ceiling(quantity) if conventions.fractional == "ceil_for_tier" else quantity
    find = bisect_left if conventions.upper_bound == "inclusive" else bisect_right
    bounds = len(tiers) - (tiers[-1].up_to is None)
    index = find(tiers, number, 0, bounds, key=_UP_TO)
    if index == len(tiers):
        raise beyond_last_tier(quantity)
    return index


def beyond_last_tier(quantity: Decimal) -> Invalid:
    """Return the refusal to price more than closed tiers hold."""
    return Invalid(
        "not_ratable",
        f"{decimal_text(quantity)} units are more than the tiers hold",
        field="quantity",
    )


def read_tiers[AnyTier](
    value: Any, field: str, read: Callable[[Mapping[str, Any], str], AnyTier]
) -> tuple[AnyTier, ...]:
    """Read a list of tiers whose `up_to` rises; only the last may be open."""
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= TIERS_MAX:
        raise Invalid(
            "invalid_field", f"must be a list of 1 to {TIERS_MAX} tiers", field=f"{field}tiers"
        )
    tiers = []
    before = Decimal(0)
    for index, plain in enumerate(value):
        place = f"{field}tiers[{index}]"
        if not isinstance(plain, Mapping):
            raise Invalid("invalid_field", "must be an object", field=place)
        up_to, last = plain.get("up_to"), index == len(value) - 1
        if up_to is None and not last:
            raise Invalid(
                "invalid_field", "must be a number: it is not the last", field=f"{place}.up_to"
            )
        if up_to is not None:
            bound = parse_amount(up_to, f"{place}.up_to")
            if bound <= before:
                raise Invalid(
                    "invalid_field",
                    f"must be greater than {decimal_text(before)}, the bound before it",
                    field=f"{place}.up_to",
                )
            before = bound
        tiers.append(read(plain, f"{place}."))
    return tuple(tiers)


def packages(quantity: Decimal, size: Decimal) -> Decimal:
    """Return how many packages of *size* hold *quantity*, the last one begun counting whole."""
    full, rest = EXACT.divmod(quantity, size)
    return add(full, _ONE) if rest else full


@lru_cache(maxsize=1024)
def packages_note(size: Decimal) -> str:
    """Say what a component counts, if not units."""
    return f"packages of {decimal_text(size)}"


def _tier(plain: Mapping[str, Any], field: str) -> Tier:
    check_fields(
        plain,
        field,
        required=(),
        optional=("up_to", "unit_amount", "flat_amount", "package_size"),
    )
    return Tier(
        up_to=amount_or_none(plain, "up_to", field),
        unit_amount=amount(plain, "unit_amount", field),
        flat_amount=amount(plain, "flat_amount", field),
        package_size=(
            None if plain.get("package_size") is None else positive(plain, "package_size", field)
        ),
    )


def _plain_tier(tier: Tier) -> dict[str, Any]:
    return {"up_to": text_or_none(tier.up_to)} | without_none(
        {
            "unit_amount": decimal_text(tier.unit_amount),
            "flat_amount": decimal_text(tier.flat_amount),
            "package_size": text_or_none(tier.package_size),
        }
    )
