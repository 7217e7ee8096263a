"""Subscriptions, their lines and how they are found."""

from datetime import datetime
from decimal import Decimal

from postpaid.application.ports import Lost
from postpaid.domain.calendar import Schedule
from postpaid.domain.instants import instant_text, zone
from postpaid.domain.line import Line
from postpaid.domain.period import Interval
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import LatePolicy, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Aggregation, Recording
from postpaid.domain.usage_url import UsageUrl
from postpaid.store import keys
from postpaid.store.fields import (
    cadence_from_item,
    closing_from_item,
    flag,
    instant,
    instant_or_none,
    item_from_closing,
    item_from_period,
    mapping,
    maps,
    maps_or_none,
    number,
    number_or_none,
    period_from_item,
    plain_cadence,
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
    """Return the stored form of a subscription; what is usual is absent."""
    return without_none(
        {
            **keys.entity(scope, KIND, subscription.id)._asdict(),
            "s": keys.SCHEMA,
            "v": subscription.version,
            "id": subscription.id,
            "number": subscription.number,
            "customer_id": subscription.customer_id,
            "currency": subscription.currency,
            "start": instant_text(subscription.start),
            "timezone": subscription.timezone,
            "anchor": instant_text(subscription.anchor),
            "cadence": plain_cadence(subscription.cadence),
            "later": [_plain_schedule(each) for each in subscription.later] or None,
            "prorate": subscription.prorate,
            "late": subscription.late.value,
            "usage_records_max": subscription.usage_records_max,
            "series": subscription.series,
            "opening_pending": True if subscription.opening_pending else None,
            "trial_end": _text(subscription.trial_end),
            "cycles": subscription.cycles,
            "end": _text(subscription.end),
            "hold_until": _text(subscription.hold_until),
            "suspensions": [
                without_none({"start": instant_text(each.start), "end": _text(each.end)})
                for each in subscription.suspensions
            ]
            or None,
            "usage_shards": None if subscription.usage_shards == 1 else subscription.usage_shards,
            "requests": [
                {"k": key, "c": content, "o": outcome}
                for key, content, outcome in subscription.requests
            ]
            or None,
            "lines": [item_from_line(line) for line in subscription.lines],
            "annotations": subscription.annotations_text or None,
            "usage_urls": {line: url.text for line, url in subscription.usage_urls.items()} or None,
            "created_at": instant_text(subscription.created_at),
            "changed_at": _text(subscription.changed_at),
            **item_from_closing(subscription.closing),
            **keys.listing(scope, KIND, subscription.id, subscription.created_at),
        }
    )


def subscription_from_item(item: Item) -> Subscription:
    """Read a subscription from its stored form."""
    return Subscription(
        id=text(item, "id"),
        number=number(item, "number"),
        customer_id=text(item, "customer_id"),
        currency=text(item, "currency"),
        timezone=text(item, "timezone"),
        start=instant(item, "start"),
        anchor=instant(item, "anchor"),
        prorate=flag(item, "prorate"),
        cadence=cadence_from_item(item),
        late=LatePolicy(text(item, "late")),
        usage_records_max=number_or_none(item, "usage_records_max"),
        series=text_or_none(item, "series"),
        opening_pending=flag(item, "opening_pending"),
        later=tuple(map(_schedule, maps_or_none(item, "later"))),
        trial_end=instant_or_none(item, "trial_end"),
        cycles=number_or_none(item, "cycles"),
        end=instant_or_none(item, "end"),
        hold_until=instant_or_none(item, "hold_until"),
        suspensions=tuple(
            Interval(instant(each, "start"), instant_or_none(each, "end"))
            for each in maps_or_none(item, "suspensions")
        ),
        usage_shards=number_or_none(item, "usage_shards") or 1,
        requests=tuple(
            (text(each, "k"), text(each, "c"), text(each, "o"))
            for each in maps_or_none(item, "requests")
        ),
        lines=tuple(line_from_item(plain) for plain in maps(item, "lines")),
        closing=closing_from_item(item),
        created_at=instant(item, "created_at"),
        changed_at=instant_or_none(item, "changed_at"),
        version=number(item, "v"),
        annotations_text=text_or_none(item, "annotations") or "",
        usage_urls=_usage_urls(item),
    )


def _usage_urls(item: Item) -> dict[str, UsageUrl]:
    if item.get("usage_urls") is None:
        return {}
    plain = mapping(item, "usage_urls")
    return {line: UsageUrl(text(plain, line)) for line in plain}


def _plain_schedule(schedule: Schedule) -> Value:
    return without_none(
        {
            "start": instant_text(schedule.start),
            "anchor": instant_text(schedule.anchor),
            "timezone": schedule.zone.key,
            "cadence": plain_cadence(schedule.cadence),
            "first": None if schedule.first is None else item_from_period(schedule.first),
        }
    )


def _schedule(plain: Item) -> Schedule:
    return Schedule(
        start=instant(plain, "start"),
        anchor=instant(plain, "anchor"),
        zone=zone(text(plain, "timezone")),
        cadence=cadence_from_item(plain),
        first=period_from_item(mapping(plain, "first")) if plain.get("first") else None,
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)


def item_from_line(line: Line) -> Item:
    """Return the stored form of an entry of a line."""
    return without_none(
        {
            "id": line.id,
            "number": line.number,
            "since": _text(line.since),
            "until": _text(line.until),
            "item_id": line.item_id,
            "item_price_id": line.item_price_id,
            "price_version": line.price_version,
            "name": line.name,
            "unit": line.unit,
            "metered": line.metered,
            "recording": line.recording.value,
            "aggregation": line.aggregation.value,
            "quantity": None if line.quantity is None else decimal_text(line.quantity),
            "charge": line.charge_text,
            "label": line.label,
        }
    )


def line_from_item(plain: Item) -> Line:
    """Read an entry of a line from its stored form."""
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
        since=instant_or_none(plain, "since"),
        until=instant_or_none(plain, "until"),
        charge_text=text_or_none(plain, "charge"),
        label=text_or_none(plain, "label"),
    )
