"""What came after a term was frozen: the difference to what was billed, and what it costs.

A term's first manifest is in its invoice's content. Each later one is a supplement: which usages
changed, from which version that was billed to which, and lines that bill the difference. So the
manifests of a term add up to its usage, and their lines to the price of that usage, however often
something comes late.

Where an invoice was deleted that a manifest was on, its lines count for nothing, and the usage it
holds is dealt with all the same: `domain.forgone` says how much is owed then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from postpaid.domain.bounds import Bound, bound_exceeded
from postpaid.domain.charge import Priced
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.invoice import InvoiceLine, LineKind
from postpaid.domain.invoice_content import InvoiceContent, line_from_plain, plain_line
from postpaid.domain.money import Money, total
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import LatePolicy
from postpaid.domain.usage import Usage

_SCHEMA = 1
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Billed:
    """What the manifests of a term say of one usage: the version and quantity that were billed."""

    version: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Difference:
    """One usage that is not as it was billed; a quantity of 0 is none, or a deleted one."""

    place: str
    was: Billed
    now: Billed


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplement:
    """The k-th manifest of a term, k = 1 being the first after its invoice's."""

    subscription_id: str
    customer_id: str
    currency: str
    timezone: str
    period: Period
    k: int
    engine: int
    policy: LatePolicy
    differences: tuple[Difference, ...]
    lines: tuple[InvoiceLine, ...]
    found_at: datetime

    def __post_init__(self) -> None:
        assert self.k >= 1
        assert self.differences, "a supplement says something new"
        assert all(line.kind is LineKind.SUPPLEMENT for line in self.lines)

    @property
    def amount(self) -> Money:
        """What it comes to before tax; negative if less was used than was billed."""
        return total((line.amount for line in self.lines), self.currency)


def fold(first: InvoiceContent, later: Iterable[Supplement]) -> dict[str, Billed]:
    """Return what was billed, by place, after all manifests of a term."""
    billed = {
        place: Billed(version, Decimal(quantity)) for place, version, quantity in first.manifest
    }
    for supplement in later:
        for each in supplement.differences:
            was = billed.get(each.place, Billed(0, _NOTHING))
            assert was == each.was, "entries of a usage follow each other"
            billed[each.place] = each.now
    return billed


def differences(
    billed: Mapping[str, Billed], usages: Iterable[tuple[str, Usage]]
) -> tuple[Difference, ...]:
    """Return which of a term's usages, by place, are not as they were billed.

    Versions only rise and usages are never removed, so a later version is what counts; one that was
    never billed and is deleted again is no difference.
    """
    found = []
    for place, usage in usages:
        was = billed.get(place, Billed(0, _NOTHING))
        now = Billed(usage.version, _NOTHING if usage.deleted else usage.quantity)
        assert was.version <= now.version, "versions only rise"
        if was.version < now.version and (was.quantity or now.quantity or not usage.deleted):
            found.append(Difference(place, was, now))
    return tuple(found)


def billed_lines(
    first: InvoiceContent | None, later: Iterable[Supplement]
) -> tuple[InvoiceLine, ...]:
    """Return the lines that manifests of a term bill its usage with; *first* None for none."""
    own = () if first is None else first.lines
    return (
        *(line for line in own if line.kind is LineKind.USAGE),
        *(line for supplement in later for line in supplement.lines),
    )


def supplement_lines(
    rated: Sequence[InvoiceLine],
    billed: Iterable[InvoiceLine],
    owed: Iterable[tuple[InvoiceLine, int]] | None = None,
) -> tuple[InvoiceLine, ...]:
    """Return the lines that bill what usage costs now and was not *billed* before.

    *rated* is the term as it would be rated today: only its usage can differ from the invoice.
    *owed* are the lines that add up, with a sign each, to what is to be charged of the term in all;
    None if that is what it costs. It is never less than nothing.
    """
    before, told = _by_place((line, 1) for line in billed)
    due, more_told = _by_place(owed or ())
    told = more_told | told
    lines = []
    for line in rated:
        if line.kind is LineKind.USAGE:
            place = _place(line)
            amount = before.pop(place, Money(0, line.amount.currency))
            if owed is not None:
                amount += line.amount + -_not_negative(due.pop(place, None), line)
            lines.append(_difference(line, amount))
    for place in before | due:
        # All of its usage is gone.
        gone = replace_priced(told[place])
        amount = before.get(place, gone.amount) + -_not_negative(due.get(place), gone)
        lines.append(_difference(gone, amount))
    return tuple(line for line in lines if line.amount.minor)


def check_not_below_nothing(
    billed: Iterable[InvoiceLine], lines: Sequence[InvoiceLine], currency: str
) -> None:
    """Check that a supplement gives back no more than a term's manifests *billed* (I-24).

    Line by line, whatever prices and periods it was billed at. Raises `Conflict` with code
    `bound_exceeded`.
    """
    before_by_line: dict[str, Money] = {}
    for line in billed:
        amount = before_by_line.get(line.line_id, Money(0, currency)) + line.amount
        before_by_line[line.line_id] = amount
    for line_id in {line.line_id: None for line in lines}:
        more = total((line.amount for line in lines if line.line_id == line_id), currency)
        before = before_by_line.get(line_id, Money(0, currency))
        if (before + more).minor < 0:
            raise bound_exceeded(Bound.GIVEN_BACK, -more, before, f"line '{line_id}'")


type _Place = tuple[str, str, int, Period]


def _place(line: InvoiceLine) -> _Place:
    return line.line_id, line.item_price_id, line.price_version, line.period


def _by_place(
    lines: Iterable[tuple[InvoiceLine, int]],
) -> tuple[dict[_Place, Money], dict[_Place, InvoiceLine]]:
    """Return what usage lines with a sign come to by place, and the last line of each."""
    amounts: dict[_Place, Money] = {}
    last: dict[_Place, InvoiceLine] = {}
    for line, sign in lines:
        if line.kind not in {LineKind.USAGE, LineKind.SUPPLEMENT}:
            continue
        place = _place(line)
        amount = line.amount if sign > 0 else -line.amount
        amounts[place] = amounts.get(place, Money(0, amount.currency)) + amount
        last[place] = line
    return amounts, last


def _not_negative(amount: Money | None, line: InvoiceLine) -> Money:
    return Money(max(0, amount.minor if amount else 0), line.amount.currency)


def _difference(line: InvoiceLine, before: Money) -> InvoiceLine:
    whole = Money.rounded(line.priced.amount, line.amount.currency)
    return replace(line, kind=LineKind.SUPPLEMENT, amount=whole + -before, billed_before=before)


def replace_priced(line: InvoiceLine) -> InvoiceLine:
    """Return a usage line without any usage."""
    nothing = Priced(_NOTHING, _NOTHING, (), ())
    return replace(
        line,
        kind=LineKind.USAGE,
        quantity=_NOTHING,
        priced=nothing,
        amount=Money(0, line.amount.currency),
        billed_before=None,
    )


def plain_supplement(supplement: Supplement) -> dict[str, Any]:
    """Return the plain form of a supplement; JSON values, decimals as strings."""
    return {
        "schema": _SCHEMA,
        "engine": supplement.engine,
        "subscription_id": supplement.subscription_id,
        "customer_id": supplement.customer_id,
        "currency": supplement.currency,
        "timezone": supplement.timezone,
        "start": instant_text(supplement.period.start),
        "end": instant_text(supplement.period.end),
        "k": supplement.k,
        "policy": supplement.policy.value,
        "found_at": instant_text(supplement.found_at),
        "differences": [plain_difference(each) for each in supplement.differences],
        "lines": [plain_line(line) for line in supplement.lines],
        "amount": str(supplement.amount),
    }


def plain_difference(each: Difference) -> list[Any]:
    """Return `[place, version and quantity that were billed, version and quantity now]`."""
    return [
        each.place,
        each.was.version,
        decimal_text(each.was.quantity),
        each.now.version,
        decimal_text(each.now.quantity),
    ]


def supplement_from_plain(plain: Mapping[str, Any]) -> Supplement:
    """Read a supplement from its plain form."""
    assert plain["schema"] == _SCHEMA
    supplement = Supplement(
        subscription_id=plain["subscription_id"],
        customer_id=plain["customer_id"],
        currency=plain["currency"],
        timezone=plain["timezone"],
        period=Period(instant_from_text(plain["start"]), instant_from_text(plain["end"])),
        k=plain["k"],
        engine=plain["engine"],
        policy=LatePolicy(plain["policy"]),
        found_at=instant_from_text(plain["found_at"]),
        differences=tuple(
            Difference(place, Billed(was, Decimal(before)), Billed(now, Decimal(after)))
            for place, was, before, now, after in plain["differences"]
        ),
        lines=tuple(line_from_plain(line, plain["currency"]) for line in plain["lines"]),
    )
    assert str(supplement.amount) == plain["amount"]
    return supplement
