"""A percentage of each usage, whose quantity is an amount of money, and a fee for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Self

from postpaid.domain.errors import Invalid
from postpaid.domain.money import EXACT, add, multiply, subtract
from postpaid.domain.pricing.model import Component
from postpaid.domain.pricing.plain import (
    amount,
    amount_or_none,
    bounds,
    check_fields,
    percent,
    text_or_none,
    without_none,
)
from postpaid.domain.quantity import decimal_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentage:
    """*rate* per cent of each usage and *fixed_amount* for it, within *min*/*max_per_event*.

    The first *free_events* usages are free while they sum up to no more than *free_amount*; both
    allowances end when either runs out. A usage that is partly free pays the fixed amount.
    """

    kind: ClassVar[str] = "percentage"
    rate: Decimal
    fixed_amount: Decimal
    free_events: int | None
    free_amount: Decimal | None
    min_per_event: Decimal | None
    max_per_event: Decimal | None

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], field: str) -> Self:
        """Read the rate and what limits it."""
        optional = ("fixed_amount", "free_events", "free_amount", "min_per_event", "max_per_event")
        check_fields(plain, field, required=("rate",), optional=optional)
        free_events = plain.get("free_events")
        whole = isinstance(free_events, int) and not isinstance(free_events, bool)
        if free_events is not None and not (whole and free_events >= 0):
            raise Invalid(
                "invalid_field", "must be a whole number, 0 or more", field=f"{field}free_events"
            )
        least, most = bounds(plain, "min_per_event", "max_per_event", field)
        return cls(
            rate=percent(plain, "rate", field),
            fixed_amount=amount(plain, "fixed_amount", field),
            free_events=free_events,
            free_amount=amount_or_none(plain, "free_amount", field),
            min_per_event=least,
            max_per_event=most,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        return without_none(
            {
                "rate": decimal_text(self.rate),
                "fixed_amount": decimal_text(self.fixed_amount),
                "free_events": self.free_events,
                "free_amount": text_or_none(self.free_amount),
                "min_per_event": text_or_none(self.min_per_event),
                "max_per_event": text_or_none(self.max_per_event),
            }
        )

    def components(self, quantity: Decimal) -> tuple[Component, ...]:
        """Price one usage."""
        return self.event_components([quantity])

    def event_components(self, events: Sequence[Decimal]) -> tuple[Component, ...]:
        """Price each usage beyond the allowances."""
        parts = []
        events_left, amount_left = self.free_events, self.free_amount
        if events_left is None and amount_left is None:
            events_left = 0
        allowed = events_left != 0 and amount_left != 0
        for event in events:
            charged = event
            if allowed:
                free = event if amount_left is None else min(event, amount_left)
                charged = subtract(event, free)
                amount_left = None if amount_left is None else subtract(amount_left, free)
                events_left = None if events_left is None else events_left - 1
                # An allowance used to its last cent still covers the usage that used it.
                allowed = events_left != 0 and charged == 0
                if charged == 0:
                    continue
            parts.append(self._component(charged))
        return tuple(parts)

    def _component(self, charged: Decimal) -> Component:
        share = EXACT.scaleb(multiply(charged, self.rate), -2)
        fee = add(share, self.fixed_amount)
        note = None
        if self.min_per_event is not None and fee < self.min_per_event:
            fee, note = self.min_per_event, "minimum"
        elif self.max_per_event is not None and fee > self.max_per_event:
            fee, note = self.max_per_event, "maximum"
        return Component(fee, charged, note=note)
