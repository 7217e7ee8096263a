"""Packages as this door shows them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from postpaid.api.chargeover.customers import known_of
from postpaid.api.chargeover.lists import Row
from postpaid.api.chargeover.paycycles import shown_paycycle
from postpaid.api.chargeover.things import currency_shown, custom_shown, kept, token
from postpaid.api.chargeover.tiersets import shown_tierset
from postpaid.api.desk import Desk
from postpaid.domain.catalog import Item, ItemPrice
from postpaid.domain.customer import Customer
from postpaid.domain.line import Line
from postpaid.domain.site import ClosingMode
from postpaid.domain.subscription import Subscription, SubscriptionState
from postpaid.domain.usage_url import UsageUrl

LINE_ITEMS = "line_items"
_PLACES = ("addr1", "addr2", "addr3", "city", "state", "postcode", "country")
# Of the customer: a package has none of its own.
ADDRESSES = tuple(f"{where}_{part}" for where in ("bill", "ship") for part in _PLACES)
CUSTOMER = "customer"
# Number, name and word of each state.
_CURRENT = (2, "Current", "active-current")
_CANCELED = (5, "Canceled manually", "canceled-manual")
_EXPIRED = (6, "Expired", "expired-expired")
_STATES = {
    SubscriptionState.IN_TRIAL: (1, "Trial Period", "active-trial"),
    SubscriptionState.FUTURE: _CURRENT,
    SubscriptionState.ACTIVE: _CURRENT,
    SubscriptionState.NON_RENEWING: _CURRENT,
    SubscriptionState.SUSPENDED: (8, "Suspended", "suspended-suspended"),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Customers, items and prices that one request shows, each read once."""

    desk: Desk
    customers: dict[str, Customer] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    prices: dict[str, ItemPrice] = field(default_factory=dict)

    def customer(self, customer_id: str) -> Customer:
        """Return a customer."""
        if customer_id not in self.customers:
            found = self.desk.customers.get(customer_id)
            assert found is not None, "customers are never removed"
            self.customers[customer_id] = found
        return self.customers[customer_id]

    def item(self, item_id: str) -> Item:
        """Return an item."""
        if item_id not in self.items:
            found = self.desk.items.get(item_id)
            assert found is not None, "items are never removed"
            self.items[item_id] = found
        return self.items[item_id]

    def price(self, price_id: str) -> ItemPrice:
        """Return the newest version of a price, which terms that begin from now on have."""
        if price_id not in self.prices:
            found = self.desk.prices.newest(price_id)
            assert found is not None, "prices are never removed"
            self.prices[price_id] = found
        return self.prices[price_id]


def shown_package(subscription: Subscription, shelf: Shelf, children: frozenset[str]) -> Row:
    """Show a package; of its *children*, `line_items` come first, as the vendor's library needs."""
    desk, known = shelf.desk, kept(subscription)
    customer = shelf.customer(subscription.customer_id)
    address = known_of(customer)
    end = subscription.end
    number, name, word = _status(subscription, desk.now)
    rows: Row = {}
    if LINE_ITEMS in children:
        rows[LINE_ITEMS] = line_items(subscription, shelf)
    return {
        **rows,
        "package_id": subscription.number,
        "customer_id": customer.number,
        "customer_external_key": customer.id,
        "external_key": subscription.id,
        "token": token(desk.scope, "package", subscription.number),
        "nickname": known.get("nickname") or "",
        "paymethod": "inv",
        "paycycle": shown_paycycle(subscription.schedule_at(desk.now).cadence),
        "terms_days": customer.payment_days,
        **{name: address.get(name) or "" for name in ADDRESSES},
        **currency_shown(subscription.currency),
        "start_datetime": subscription.start,
        "holduntil_datetime": subscription.hold_until,
        "next_invoice_datetime": _next_invoice(subscription, shelf) or "",
        "cancel_datetime": end if end is not None and end <= desk.now else None,
        **_suspension(subscription, desk.now),
        "package_status_id": number,
        "package_status_name": name,
        "package_status_str": word,
        "package_status_state": word[0],
        "write_datetime": subscription.created_at,
        "mod_datetime": subscription.updated_at,
        **custom_shown(known),
        **({CUSTOMER: _person(customer)} if CUSTOMER in children else {}),
    }


def line_items(subscription: Subscription, shelf: Shelf) -> list[Row]:
    """Show the lines of a package: as each is now, or, if it is to begin, as it will be."""
    now = shelf.desk.now
    shown: dict[str, Line] = {}
    # A line keeps its place when a change makes another entry of it.
    places = {line.id: place for place, line in reversed([*enumerate(subscription.lines)])}
    for line in sorted(subscription.shown_lines(now), key=lambda line: places[line.id]):
        begun = line.since is None or line.since <= now
        if line.id not in shown or begun:
            shown[line.id] = line
    notes = line_notes(subscription)
    return [_line(line, subscription, shelf, notes.get(line.id, {})) for line in shown.values()]


def _text_of(url: UsageUrl | None) -> str | None:
    return None if url is None else url.text


def line_notes(subscription: Subscription) -> dict[str, dict[str, Any]]:
    """Return what only this door keeps of each line, by its id."""
    found: dict[str, dict[str, Any]] = kept(subscription).get("lines") or {}
    return found


def _line(line: Line, subscription: Subscription, shelf: Shelf, known: dict[str, Any]) -> Row:
    item, price = shelf.item(line.item_id), shelf.price(line.item_price_id)
    mine = kept(item)
    scope, now = shelf.desk.scope, shelf.desk.now
    until = line.until if line.until is not None else subscription.end
    return {
        "line_item_id": line.number,
        "usage_url": _text_of(subscription.usage_urls.get(line.id)),
        "package_id": subscription.number,
        "item_id": item.number,
        "item_type": mine.get("item_type") or "service",
        "item_name": item.name,
        "item_external_key": item.id,
        "item_token": token(scope, "item", item.number),
        "item_accounting_sku": mine.get("accounting_sku") or "",
        "item_units": line.unit or "",
        "item_is_usage": line.metered,
        "tierset_id": price.number,
        "tierset": shown_tierset(price, line.charge, metered=line.metered),
        "external_key": line.id,
        "nickname": known.get("nickname") or "",
        "descrip": line.label or "",
        "line_quantity": Decimal(1) if line.quantity is None else line.quantity,
        "trial_days": 0,
        "trial_units": 0,
        "subscribe_datetime": line.since or subscription.start,
        "cancel_datetime": until if until is not None and until <= now else None,
        "expire_datetime": None,
        "expire_recurs": None,
        "license": "",
        **custom_shown(known),
    }


def _status(subscription: Subscription, now: datetime) -> tuple[int, str, str]:
    state = subscription.state(now)
    if state is SubscriptionState.ENDED:
        # A cancellation forgets how many cycles there were to be.
        return _CANCELED if subscription.cycles is None else _EXPIRED
    return _STATES[state]


def _next_invoice(subscription: Subscription, shelf: Shelf) -> datetime | None:
    """Return when the next regular invoice comes by itself, None if none does."""
    desk = shelf.desk
    customer = shelf.customer(subscription.customer_id)
    policy = subscription.closing or customer.closing or desk.site.closing
    if subscription.state(desk.now) is SubscriptionState.ENDED or policy.mode is ClosingMode.MANUAL:
        return None
    end = subscription.term_at(desk.now).end
    hold = subscription.hold_until
    return end if hold is None else max(end, hold)


def _suspension(subscription: Subscription, now: datetime) -> Row:
    """Show the suspension that runs or is the next to come."""
    for each in subscription.suspensions:
        if each.end is None or now < each.end:
            return {"suspendfrom_datetime": each.start, "suspendto_datetime": each.end}
    return {"suspendfrom_datetime": None, "suspendto_datetime": None}


def _person(customer: Customer) -> Row:
    return {
        "customer_id": customer.number,
        "external_key": customer.id,
        "superuser_email": customer.address.email or "",
    }
