"""Subscriptions as this door shows them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from postpaid.api.chargebee.lists import Resource
from postpaid.api.chargebee.pricing import (
    minor_and_exact,
    shown_pricing,
    shown_tiers,
    whole_and_exact,
)
from postpaid.api.chargebee.things import (
    kept,
    metadata_shown,
    resource_version,
    seconds,
    without_none,
)
from postpaid.api.desk import Desk
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemPrice
from postpaid.domain.errors import BillingError
from postpaid.domain.line import Line
from postpaid.domain.site import ClosingMode
from postpaid.domain.subscription import Subscription, SubscriptionState
from postpaid.domain.term import Term, TermStatus

_STATUS = {
    SubscriptionState.FUTURE: "future",
    SubscriptionState.IN_TRIAL: "in_trial",
    SubscriptionState.ACTIVE: "active",
    SubscriptionState.NON_RENEWING: "non_renewing",
    SubscriptionState.SUSPENDED: "paused",
    SubscriptionState.ENDED: "cancelled",
}
# Chargebee counts in days, weeks, months and years.
_PERIODS = {
    "day": ("day", 1),
    "week": ("week", 1),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "half_year": ("month", 6),
    "year": ("year", 1),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Items and versions of prices that one request shows, each read once."""

    desk: Desk
    items: dict[str, Item] = field(default_factory=dict)
    prices: dict[tuple[str, int], ItemPrice] = field(default_factory=dict)

    def stock(self, lines: Iterable[Line]) -> None:
        """Read what lines need, all at once."""
        wanted = {(line.item_price_id, line.price_version) for line in lines}
        missing = sorted(wanted - self.prices.keys())
        if missing:
            self.prices.update(self.desk.prices.versions(missing))

    def item(self, item_id: str) -> Item:
        """Return an item."""
        if item_id not in self.items:
            found = self.desk.items.get(item_id)
            assert found is not None, "items are never removed"
            self.items[item_id] = found
        return self.items[item_id]

    def price(self, line: Line) -> ItemPrice:
        """Return the version of a price that a line was made with."""
        return self.prices[line.item_price_id, line.price_version]


def chargebee_from_subscription(
    subscription: Subscription, term: Term | None, shelf: Shelf
) -> Resource:
    """Show a subscription as it is now and is to be; *term* is the one that now lies in.

    `item_price_id` and `item_id`, all it has, are for the filters of lists, which take them off.
    """
    now, mine = shelf.desk.now, kept(subscription)
    state = subscription.state(now)
    lines = subscription.shown_lines(now)
    shelf.stock(lines)
    started = None if now < subscription.start else seconds(subscription.start)
    return without_none(
        {
            "id": subscription.id,
            "customer_id": subscription.customer_id,
            "currency_code": subscription.currency,
            **_ending(subscription, state, now),
            **_period(subscription.schedule_at(now).cadence),
            "start_date": seconds(subscription.start) if started is None else None,
            **_trial(subscription),
            **_term(subscription, term, state),
            "auto_collection": "off",
            "created_at": seconds(subscription.created_at),
            "started_at": started,
            "activated_at": _passed(subscription.billed_from, now),
            "updated_at": seconds(subscription.updated_at),
            "resource_version": resource_version(subscription.updated_at, subscription.version),
            "has_scheduled_changes": _has_changes(subscription, lines, now),
            "has_scheduled_advance_invoices": False,
            "create_pending_invoices": any(line.metered for line in lines),
            "auto_close_invoices": None
            if subscription.closing is None
            else subscription.closing.mode is ClosingMode.AUTO,
            **{name: mine.get(name) for name in ("po_number", "invoice_notes")},
            "meta_data": metadata_shown(mine.get("meta_data")),
            "cancel_reason_code": mine.get("cancel_reason_code"),
            "subscription_items": [_item(line, shelf) for line in lines],
            "item_tiers": [tier for line in lines for tier in _tiers(line, shelf)],
            "deleted": False,
            "decommissioned": False,
            "item_price_id": frozenset(line.item_price_id for line in lines),
            "item_id": frozenset(line.item_id for line in lines),
            "object": "subscription",
        }
    )


def shown(resource: Resource) -> Resource:
    """Return a subscription without what only filters read."""
    return {n: v for n, v in resource.items() if n not in {"item_price_id", "item_id"}}


def _period(cadence: Cadence) -> Resource:
    if cadence.unit not in _PERIODS:
        return {}  # twice a month is no number of anything
    unit, times = _PERIODS[cadence.unit]
    return {"billing_period": cadence.count * times, "billing_period_unit": unit}


def _trial(subscription: Subscription) -> Resource:
    if subscription.trial_end is None:
        return {}
    return {
        "trial_start": seconds(subscription.start),
        "trial_end": seconds(subscription.trial_end),
    }


def _term(subscription: Subscription, term: Term | None, state: SubscriptionState) -> Resource:
    if state in {SubscriptionState.ENDED, SubscriptionState.FUTURE}:
        begins = subscription.start if state is SubscriptionState.FUTURE else None
        return {} if begins is None else {"next_billing_at": seconds(begins)}
    is_open = term is not None and term.status is TermStatus.OPEN
    # Where a sweep has not passed yet, the term is the one that it will open.
    period = term.period if term is not None and is_open else None
    if period is None:
        return {}
    goes_on = subscription.end is None or period.end < subscription.end
    return without_none(
        {
            "current_term_start": seconds(period.start),
            "current_term_end": seconds(period.end),
            "next_billing_at": seconds(period.end) if goes_on else None,
        }
    )


def _ending(subscription: Subscription, state: SubscriptionState, now: datetime) -> Resource:
    """Show whether it goes on: one that has cycles left is active, as long as it has any."""
    left = _cycles_left(subscription, now)
    if left and state is SubscriptionState.NON_RENEWING:
        state = SubscriptionState.ACTIVE
    end = None if left else subscription.end
    return {
        "status": _STATUS[state],
        "remaining_billing_cycles": left,
        "cancelled_at": None if end is None else seconds(end),
    }


def _cycles_left(subscription: Subscription, now: datetime) -> int | None:
    if subscription.cycles is None or subscription.end is None or subscription.end <= now:
        return None
    left, at = 0, subscription.term_at(now)
    while at.end < subscription.end:
        following = subscription.term_from(at.end)
        if following is None:
            break
        at, left = following, left + 1
    return left


def _has_changes(subscription: Subscription, lines: list[Line], now: datetime) -> bool:
    to_come = any(now < each.start for each in subscription.later)
    return to_come or any(
        (line.since is not None and now < line.since) or line.until is not None for line in lines
    )


def _item(line: Line, shelf: Shelf) -> Resource:
    price, item = shelf.price(line), shelf.item(line.item_id)
    charge = price.charge if line.charge is None else line.charge
    pricing = shown_pricing(charge.to_plain(), price.currency)
    quantity, exact = (None, None) if line.quantity is None else whole_and_exact(line.quantity)
    amount, exact_amount = None, None
    if line.quantity is not None:
        try:
            amount, exact_amount = minor_and_exact(
                charge.price(line.quantity).amount, price.currency
            )
        except BillingError:
            amount = None  # the price has no answer for this quantity, and the invoice will say so
    return without_none(
        {
            "item_price_id": line.item_price_id,
            "item_type": item.type.value,
            "quantity": quantity,
            "quantity_in_decimal": exact,
            "unit_price": pricing.get("price"),
            "unit_price_in_decimal": pricing.get("price_in_decimal"),
            "amount": amount,
            "amount_in_decimal": exact_amount,
            "free_quantity": pricing.get("free_quantity"),
            "free_quantity_in_decimal": pricing.get("free_quantity_in_decimal"),
            "object": "subscription_item",
        }
    )


def _tiers(line: Line, shelf: Shelf) -> list[Resource]:
    """Show the tiers that a line has of its own."""
    plain: dict[str, Any] = {} if line.charge is None else line.charge.to_plain()
    if "tiers" not in plain or "tiers" not in shown_pricing(plain, shelf.price(line).currency):
        return []
    return [
        {**tier, "item_price_id": line.item_price_id, "index": index, "object": "item_tier"}
        for index, tier in enumerate(shown_tiers(plain, shelf.price(line).currency))
    ]


def _passed(instant: datetime, now: datetime) -> int | None:
    return seconds(instant) if instant <= now else None
