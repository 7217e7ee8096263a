"""Subscriptions, their lines and how they are found."""

from datetime import datetime
from decimal import Decimal

from postpaid.application.ports import Lost
from postpaid.domain.calendar import Cadence
from postpaid.domain.instants import instant_text
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Line, Subscription
from postpaid.domain.usage import Aggregation, Recording
from postpaid.store import keys
from postpaid.store.fields import (
    closing_from_item,
    flag,
    instant,
    item_from_closing,
    mapping,
    maps,
    number,
    text,
    text_or_none,
    without_none,
)
from postpaid.store.kept import Kept
from postpaid.store.tables import ConditionFailed, Item, Key, Put, Table, Value, equals

KIND = "subscription"


class StoredSubscriptions:
    """The subscriptions of one site."""

    def __init__(self, table: Table, scope: Scope, kept: Kept[Subscription] | None = None) -> None:
        self._table = table
        self._scope = scope
        self._kept = kept

    def get(self, subscription_id: str, *, fresh: bool = True) -> Subscription | None:
        """Read a subscription; one that is not *fresh* may be kept, or eventually consistent."""
        key = keys.entity(self._scope, KIND, subscription_id)
        if not fresh and self._kept is not None:
            return self._kept.get(key, lambda: self._read(key, consistent=False))
        found = self._read(key, consistent=fresh)
        if found is not None and self._kept is not None:
            self._kept.put(key, found)
        return found

    def replace(self, subscription: Subscription) -> None:
        """Store a changed subscription; raises `Lost` if its version is not the next one."""
        item = item_from_subscription(self._scope, subscription)
        try:
            self._table.put(Put(item, condition=equals("v", subscription.version - 1)))
        except ConditionFailed:
            raise Lost from None

    def _read(self, key: Key, *, consistent: bool) -> Subscription | None:
        item = self._table.get(key, consistent=consistent)
        return subscription_from_item(item) if item else None


def item_from_subscription(scope: Scope, subscription: Subscription) -> Item:
    """Return the stored form of a subscription.

    The zone is a list of (since, name), because a zone changes only at a term boundary and the
    terms before it keep theirs.
    """
    key = keys.entity(scope, KIND, subscription.id)
    return {
        "pk": key.pk,
        "sk": key.sk,
        "s": keys.SCHEMA,
        "v": subscription.version,
        "id": subscription.id,
        "number": subscription.number,
        "customer_id": subscription.customer_id,
        "currency": subscription.currency,
        "zones": [{"since": instant_text(subscription.start), "name": subscription.timezone}],
        "start": instant_text(subscription.start),
        "anchor": instant_text(subscription.anchor),
        "prorate": subscription.prorate,
        "cadence": {"unit": subscription.cadence.unit, "count": subscription.cadence.count},
        "lines": [_plain_line(line, subscription.start) for line in subscription.lines],
        "created_at": instant_text(subscription.created_at),
        **item_from_closing(subscription.closing),
        **keys.listing(scope, KIND, subscription.id, subscription.created_at),
    }


def subscription_from_item(item: Item) -> Subscription:
    """Read a subscription from its stored form."""
    cadence = mapping(item, "cadence")
    return Subscription(
        id=text(item, "id"),
        number=number(item, "number"),
        customer_id=text(item, "customer_id"),
        currency=text(item, "currency"),
        timezone=text(maps(item, "zones")[-1], "name"),
        start=instant(item, "start"),
        anchor=instant(item, "anchor"),
        prorate=flag(item, "prorate"),
        cadence=Cadence(text(cadence, "unit"), number(cadence, "count")),
        lines=tuple(_line(plain) for plain in maps(item, "lines")),
        closing=closing_from_item(item),
        created_at=instant(item, "created_at"),
        version=number(item, "v"),
    )


def _plain_line(line: Line, since: datetime) -> Value:
    return without_none(
        {
            "id": line.id,
            "number": line.number,
            "since": instant_text(since),
            "item_id": line.item_id,
            "item_price_id": line.item_price_id,
            "price_version": line.price_version,
            "name": line.name,
            "unit": line.unit,
            "metered": line.metered,
            "recording": line.recording.value,
            "aggregation": line.aggregation.value,
            "quantity": None if line.quantity is None else decimal_text(line.quantity),
        }
    )


def _line(plain: Item) -> Line:
    quantity = text_or_none(plain, "quantity")
    return Line(
        id=text(plain, "id"),
        number=number(plain, "number"),
        item_id=text(plain, "item_id"),
        item_price_id=text(plain, "item_price_id"),
        price_version=number(plain, "price_version"),
        name=text(plain, "name"),
        unit=text_or_none(plain, "unit"),
        metered=flag(plain, "metered"),
        recording=Recording(text(plain, "recording")),
        aggregation=Aggregation(text(plain, "aggregation")),
        quantity=None if quantity is None else Decimal(quantity),
    )
