"""The usages behind an invoice, item price by item price, as its receiver reads them.

Of a closed invoice they are those of its manifests; of a pending one those that it would bill if it
closed now. Notes are left out: they are the seller's own.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from postpaid.domain.errors import LimitExceeded
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.invoice_content import (
    address_from_plain,
    canonical,
    period_from_plain,
    plain_address,
    plain_period,
)
from postpaid.domain.line import Line
from postpaid.domain.metering import Metered
from postpaid.domain.money import EXACT, exact_sum
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.rating import entries_of
from postpaid.domain.site import Address
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Aggregation, UsageKey

USAGES_MAX = 10_000  # some 250 pages, for which the renderer's memory suffices
_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A usage as an invoice counts it, by its identity.

    *name* is what it is called on paper. *before* is what was billed of it on earlier invoices,
    if it came or changed after its own; then *quantity* is what it is now, 0 if it was deleted.
    """

    key: UsageKey
    name: str
    quantity: Decimal
    before: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedUsage:
    """One row: an instant, a name and a quantity; *before* as in `Counted`."""

    at: datetime
    name: str
    quantity: Decimal
    before: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLine:
    """The usages of a line at one item price in one term, in order of date.

    If the term is *earlier* than the invoice's own, they came or changed after it was billed.
    """

    line_id: str
    item_price_id: str
    description: str
    unit: str | None
    aggregation: Aggregation
    period: Period
    earlier: bool
    usages: tuple[StatedUsage, ...]

    def __post_init__(self) -> None:
        assert self.usages, "what was not used is not stated"
        assert all((usage.before is not None) == self.earlier for usage in self.usages)

    @property
    def total(self) -> Decimal | None:
        """What they come to by the aggregation; of an earlier term, by how much that changed.

        None for a level of an earlier term: it follows from usages that did not change as well.
        """
        quantities = tuple(usage.quantity for usage in self.usages)
        if not self.earlier:
            return Metered(quantities).aggregate(self.aggregation)
        if self.aggregation is not Aggregation.SUM:
            return None
        before = exact_sum(usage.before or Decimal(0) for usage in self.usages)
        return EXACT.subtract(exact_sum(quantities), before)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageStatement:
    """The usages of one invoice, ready to be typeset; dates are meant in *timezone*.

    *number* is None until the invoice is issued, and if nothing is charged; *draft* says that it is
    pending. Raises `LimitExceeded` if there are more than 10 000 usages.
    """

    invoice_id: str
    number: str | None
    draft: bool
    subscription_id: str
    customer_id: str
    period: Period
    timezone: str
    seller: Address
    customer: Address
    lines: tuple[StatedLine, ...]

    def __post_init__(self) -> None:
        check_count(self.count)
        assert self.number is None or not self.draft

    @property
    def count(self) -> int:
        """How many usages there are."""
        return sum(len(line.usages) for line in self.lines)


def check_count(usages: int) -> None:
    """Refuse a statement of too many usages; raises `LimitExceeded`."""
    if usages > USAGES_MAX:
        raise LimitExceeded(
            "limit_exceeded",
            f"the invoice bills {usages} usages, and a statement lists at most {USAGES_MAX}",
        )


def stated_lines(
    subscription: Subscription,
    period: Period,
    usages: Iterable[Counted],
    *,
    descriptions: Mapping[tuple[str, str], str],
    earlier: bool = False,
) -> list[StatedLine]:
    """Group a term's usages by what they are charged for, in the subscription's order.

    *descriptions* are what an invoice calls a line at an item price, where it does.
    """
    found: dict[str, list[Counted]] = {}
    for usage in usages:
        found.setdefault(usage.key.line_id, []).append(usage)
    lines = []
    for line_id, entries in entries_of(subscription).items():
        charging = _Charging.of(subscription, entries, period)
        by_price: dict[str, tuple[Line, list[Counted]]] = {}
        for usage in sorted(found.pop(line_id, ()), key=_in_order):
            entry = charging.entry_at(usage.key.at)
            by_price.setdefault(entry.item_price_id, (entry, []))[1].append(usage)
        for price_id, (entry, counted) in by_price.items():
            lines.append(
                StatedLine(
                    line_id=line_id,
                    item_price_id=price_id,
                    description=descriptions.get((line_id, price_id), entry.label or entry.name),
                    unit=entry.unit,
                    aggregation=entry.aggregation,
                    period=period,
                    earlier=earlier,
                    usages=tuple(_row(each) for each in counted),
                )
            )
    assert not found, "usage belongs to a line of its subscription"
    return lines


def _in_order(usage: Counted) -> tuple[datetime, str]:
    return usage.key.at, usage.key.event_id or ""


def _row(usage: Counted) -> StatedUsage:
    return StatedUsage(
        at=usage.key.at, name=usage.name, quantity=usage.quantity, before=usage.before
    )


@dataclass(frozen=True, slots=True)
class _Charging:
    """The entries of a line that a term charges, in order of time.

    As it is rated: usage belongs to the entry that began last before it; a level, to the entry that
    came last in the term.
    """

    entries: Sequence[Line]
    level: Line | None

    @classmethod
    def of(cls, subscription: Subscription, entries: Sequence[Line], period: Period) -> "_Charging":
        began = [each for each in entries if each.since is None or each.since < period.end]
        began = began or [entries[0]]
        if entries[0].aggregation is Aggregation.SUM:
            return cls(began, None)
        used = [each for each in began if subscription.in_force(each, period)]
        return cls(began, (used or began)[-1])

    def entry_at(self, at: datetime) -> Line:
        if self.level is not None:
            return self.level
        before = [each for each in self.entries if each.since is None or each.since <= at]
        return before[-1] if before else self.entries[0]


# --- what is stored


def stored_statement(statement: UsageStatement) -> bytes:
    """Return the bytes that are stored of a statement; equal statements have equal ones."""
    return canonical(plain_statement(statement))


def statement_hash(body: bytes) -> str:
    """Return the hash that a statement is stored under, and its document found by."""
    return hashlib.sha256(body).hexdigest()


def plain_statement(statement: UsageStatement) -> dict[str, Any]:
    """Return the plain form of a statement; JSON values, decimals as strings."""
    return {
        "schema": _SCHEMA,
        "invoice_id": statement.invoice_id,
        "number": statement.number,
        "draft": statement.draft,
        "subscription_id": statement.subscription_id,
        "customer_id": statement.customer_id,
        "period": plain_period(statement.period),
        "timezone": statement.timezone,
        "seller": plain_address(statement.seller),
        "customer": plain_address(statement.customer),
        "lines": [_plain_line(line) for line in statement.lines],
    }


def statement_from_plain(plain: Mapping[str, Any]) -> UsageStatement:
    """Read a statement from its plain form."""
    assert plain["schema"] == _SCHEMA
    period = period_from_plain(plain["period"])
    assert period is not None
    return UsageStatement(
        invoice_id=plain["invoice_id"],
        number=plain["number"],
        draft=plain["draft"],
        subscription_id=plain["subscription_id"],
        customer_id=plain["customer_id"],
        period=period,
        timezone=plain["timezone"],
        seller=address_from_plain(plain["seller"]),
        customer=address_from_plain(plain["customer"]),
        lines=tuple(_line(line) for line in plain["lines"]),
    )


def _plain_line(line: StatedLine) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "item_price_id": line.item_price_id,
        "description": line.description,
        "unit": line.unit,
        "aggregation": line.aggregation.value,
        "period": plain_period(line.period),
        "earlier": line.earlier,
        "usages": [_plain_usage(usage) for usage in line.usages],
    }


def _line(plain: Mapping[str, Any]) -> StatedLine:
    period = period_from_plain(plain["period"])
    assert period is not None
    return StatedLine(
        line_id=plain["line_id"],
        item_price_id=plain["item_price_id"],
        description=plain["description"],
        unit=plain["unit"],
        aggregation=Aggregation(plain["aggregation"]),
        period=period,
        earlier=plain["earlier"],
        usages=tuple(_usage(usage) for usage in plain["usages"]),
    )


def _plain_usage(usage: StatedUsage) -> list[str | None]:
    """Return `[date, name, quantity, what was billed before]`: there may be thousands of them."""
    before = None if usage.before is None else decimal_text(usage.before)
    return [instant_text(usage.at), usage.name, decimal_text(usage.quantity), before]


def _usage(plain: Sequence[str | None]) -> StatedUsage:
    at, name, quantity, before = plain
    assert at is not None
    assert name is not None
    assert quantity is not None
    return StatedUsage(
        at=instant_from_text(at),
        name=name,
        quantity=Decimal(quantity),
        before=None if before is None else Decimal(before),
    )
