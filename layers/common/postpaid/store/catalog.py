"""Items and item prices; a price's versions are kept for ever, because old invoices name them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from postpaid.application.ports import Lost
from postpaid.domain.catalog import Item as CatalogItem
from postpaid.domain.catalog import ItemPrice, ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice_content import plain_rates, rates_from_plain
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Scope
from postpaid.domain.usage import Aggregation, Recording
from postpaid.store import keys
from postpaid.store.fields import (
    cadence_from_item,
    flag,
    instant,
    instant_or_none,
    mapping,
    number,
    plain_cadence,
    text,
    text_or_none,
    version_attributes,
    version_from_item,
    without_none,
)
from postpaid.store.numbered import entry, not_added
from postpaid.store.tables import (
    Absent,
    Condition,
    ConditionFailed,
    Item,
    Put,
    Table,
    TransactionRefused,
    Write,
    comes_after,
    equals,
)


class StoredItems:
    """The items of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def get(self, item_id: str) -> CatalogItem | None:
        """Read an item."""
        item = self._table.get(keys.entity(self._scope, "item", item_id))
        return catalog_item_from_item(item) if item else None

    def add(self, item: CatalogItem) -> None:
        """Store a new item; raises `Lost` if its id is taken."""
        head = Put(item_from_catalog_item(self._scope, item), condition=Absent())
        try:
            self._table.transact([head, entry(self._scope, "item", item.number, item.id)])
        except TransactionRefused as refused:
            raise not_added(refused) from None

    def replace(self, item: CatalogItem) -> None:
        """Store a changed item; raises `Lost` if its version is not the next one."""
        stored = item_from_catalog_item(self._scope, item)
        try:
            self._table.put(Put(stored, condition=comes_after(item.id, item.version - 1)))
        except ConditionFailed:
            raise Lost from None


class StoredPrices:
    """The item prices of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def newest(self, price_id: str) -> ItemPrice | None:
        """Read the newest version of a price."""
        item = self._table.get(keys.entity(self._scope, "item_price", price_id))
        return price_from_item(item) if item else None

    def versions(self, pins: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], ItemPrice]:
        """Read versions of prices, which never change; raises `KeyError` for one that is not."""
        wanted = {pin: keys.price_version(self._scope, *pin) for pin in pins}
        # Written once and never changed, so an eventually consistent read can only miss a version
        # that is a moment old; the strong read settles that.
        found = self._table.batch_get(list(wanted.values()))
        prices = {}
        for pin, key in wanted.items():
            item = found.get(key) or self._table.get(key)
            if item is None:
                raise KeyError(pin)
            prices[pin] = price_from_item(item)
        return prices

    def newest_versions(self, price_ids: Iterable[str]) -> Mapping[str, int]:
        """Read how many versions prices have; a version that is a moment old may be missed."""
        wanted = {each: keys.entity(self._scope, "item_price", each) for each in price_ids}
        found = self._table.batch_get(list(wanted.values()))
        return {each: number(found[key], "v") for each, key in wanted.items() if key in found}

    def add(self, price: ItemPrice) -> None:
        """Store the first version of a new price; raises `Lost` if its id is taken."""
        number = entry(self._scope, "item_price", price.number, price.id)
        self._write([*_written(self._scope, price, Absent()), number])

    def replace(self, price: ItemPrice) -> None:
        """Store the next version of a price; raises `Lost` if it is not the next one."""
        self._write(_written(self._scope, price, equals("v", price.version - 1)))

    def _write(self, writes: list[Write]) -> None:
        try:
            self._table.transact(writes)
        except TransactionRefused:
            raise Lost from None


def _written(scope: Scope, price: ItemPrice, condition: Condition) -> list[Write]:
    """Return the writes of a version: what is newest from now on, and the version for ever."""
    head = item_from_price(scope, price)
    version = keys.price_version(scope, price.id, price.version)
    unlisted = {name: value for name, value in head.items() if name not in {"lpk", "lsk"}}
    return [
        Put(head, condition=condition),
        Put({**unlisted, **version._asdict()}, condition=Absent()),
    ]


def item_from_catalog_item(scope: Scope, item: CatalogItem) -> Item:
    """Return the stored form of an item."""
    return without_none(
        {
            **keys.entity(scope, "item", item.id)._asdict(),
            "s": keys.SCHEMA,
            "id": item.id,
            "number": item.number,
            "name": item.name,
            "type": item.type.value,
            "metered": item.metered,
            "unit": item.unit,
            "recording": item.recording.value,
            "aggregation": item.aggregation.value,
            "description": item.description,
            "family_id": item.family_id,
            "archived": item.archived or None,
            "annotations": item.annotations_text or None,
            "created_at": instant_text(item.created_at),
            **version_attributes(item.version, item.changed_at),
            **keys.listing(scope, "item", item.id, item.created_at),
        }
    )


def catalog_item_from_item(item: Item) -> CatalogItem:
    """Read an item from its stored form."""
    return CatalogItem(
        id=text(item, "id"),
        number=number(item, "number"),
        name=text(item, "name"),
        type=ItemType(text(item, "type")),
        metered=flag(item, "metered"),
        unit=text_or_none(item, "unit"),
        recording=Recording(text(item, "recording")),
        aggregation=Aggregation(text(item, "aggregation")),
        description=text_or_none(item, "description"),
        family_id=text_or_none(item, "family_id"),
        archived=flag(item, "archived"),
        annotations_text=text_or_none(item, "annotations") or "",
        created_at=instant(item, "created_at"),
        version=version_from_item(item),
        changed_at=instant_or_none(item, "changed_at"),
    )


def item_from_price(scope: Scope, price: ItemPrice) -> Item:
    """Return the stored form of a price's newest version; lists show it where the first one was."""
    return without_none(
        {
            **keys.entity(scope, "item_price", price.id)._asdict(),
            "s": keys.SCHEMA,
            "v": price.version,
            "id": price.id,
            "number": price.number,
            "item_id": price.item_id,
            "name": price.name,
            "currency": price.currency,
            "charge": price.charge.to_plain(),
            "base_fee": None if price.base_fee is None else decimal_text(price.base_fee),
            "setup_fee": None if price.setup_fee is None else decimal_text(price.setup_fee),
            "tax": plain_rates(price.tax),
            "cadence": None if price.cadence is None else plain_cadence(price.cadence),
            "description": price.description,
            "archived": price.archived or None,
            "annotations": price.annotations_text or None,
            "created_at": instant_text(price.created_at),
            "begun_at": None if price.begun_at is None else instant_text(price.begun_at),
            **keys.listing(scope, "item_price", price.id, price.first_created_at),
        }
    )


def price_from_item(item: Item) -> ItemPrice:
    """Read a version of a price from its stored form."""
    base_fee, setup_fee = (text_or_none(item, name) for name in ("base_fee", "setup_fee"))
    return ItemPrice(
        id=text(item, "id"),
        number=number(item, "number"),
        item_id=text(item, "item_id"),
        name=text(item, "name"),
        currency=text(item, "currency"),
        version=number(item, "v"),
        charge=Charge.from_plain(mapping(item, "charge")),
        base_fee=None if base_fee is None else Decimal(base_fee),
        setup_fee=None if setup_fee is None else Decimal(setup_fee),
        tax=rates_from_plain(mapping(item, "tax") if item.get("tax") else None),
        cadence=cadence_from_item(item) if item.get("cadence") else None,
        description=text_or_none(item, "description"),
        archived=flag(item, "archived"),
        annotations_text=text_or_none(item, "annotations") or "",
        created_at=instant(item, "created_at"),
        begun_at=instant_or_none(item, "begun_at"),
    )
