"""Create and change items and item prices; what changes of a price is a new version of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from postpaid.application.ports import Ids, Lost, Prices, Unavailable
from postpaid.domain.annotations import CATALOG_BYTES_MAX, annotations_text
from postpaid.domain.calendar import Cadence
from postpaid.domain.catalog import Item, ItemFamily, ItemPrice, ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.money import check_currency
from postpaid.domain.pricing.model import Limited
from postpaid.domain.quantity import parse_amount
from postpaid.domain.tax import TaxRates
from postpaid.domain.usage import Aggregation, Recording

_TRIES = 4
_CHANGEABLE = {
    *("name", "unit", "description", "family_id", "archived", "aggregation", "annotations"),
}


class Families(Protocol):
    """The item families of one site, as items look them up."""

    def get(self, family_id: str) -> ItemFamily | None:
        """Read an item family."""
        ...


class Items(Protocol):
    """The items of one site."""

    def get(self, item_id: str) -> Item | None:
        """Read an item."""
        ...

    def add(self, item: Item) -> None:
        """Store a new item; raises `Lost` if its id is taken."""
        ...

    def replace(self, item: Item) -> None:
        """Store a changed item; raises `Lost` if its version is not the next one."""
        ...


class NewPrices(Prices, Protocol):
    """The item prices of one site, and how one is added."""

    def add(self, price: ItemPrice) -> None:
        """Store the first version of a new price; raises `Lost` if its id is taken."""
        ...

    def replace(self, price: ItemPrice) -> None:
        """Store the next version of a price; raises `Lost` if it is not the next one."""
        ...


@dataclass(frozen=True, slots=True)
class Created[Thing]:
    """A thing that is there now, and whether this request made it or an equal one before did."""

    thing: Thing
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateItem:
    """What a client asks to sell."""

    id: str
    name: str
    type: ItemType
    metered: bool
    unit: str | None
    recording: Recording
    aggregation: Aggregation = Aggregation.SUM
    description: str | None = None
    family_id: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateItemPrice:
    """What a client asks to charge; *pricing* is the plain form of a charge.

    *cadence* is the only one at which a subscription may have it, None for any.
    """

    id: str
    item_id: str
    name: str | None
    currency: str
    pricing: Mapping[str, Any]
    base_fee: object
    setup_fee: object = None
    tax: TaxRates | None = None
    cadence: Cadence | None = None
    description: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)


def create_item(
    command: CreateItem, *, items: Items, families: Families, ids: Ids, now: datetime
) -> Created[Item]:
    """Create an item; creating it again with the content that it has by now changes nothing.

    Raises `Invalid`, `LimitExceeded`; `NotFound` for its family, also if that is archived;
    `Conflict` with code `already_exists` if the id has other content.
    """
    item = Item(
        id=check_id(command.id, "id"),
        number=ids.number("item"),
        name=command.name,
        type=command.type,
        metered=command.metered,
        unit=command.unit,
        recording=command.recording,
        aggregation=command.aggregation,
        description=command.description,
        family_id=command.family_id,
        annotations_text=annotations_text(command.annotations, CATALOG_BYTES_MAX),
        created_at=now,
    )
    if item.family_id is not None:
        try:
            _check_family(item.family_id, families)
        except NotFound:
            existing = items.get(item.id)  # it may be older than the end of its family
            if existing is None or not _same_item(existing, item):
                raise
            return Created(existing, new=False)
    try:
        items.add(item)
    except Lost:
        existing = items.get(item.id)
        if existing is None or not _same_item(existing, item):
            raise already_exists("item", item.id) from None
        return Created(existing, new=False)
    return Created(item, new=True)


def _same_item(existing: Item, asked: Item) -> bool:
    return asked == replace(
        existing,
        number=asked.number,
        created_at=asked.created_at,
        version=asked.version,
        changed_at=asked.changed_at,
    )


def _check_family(family_id: str, families: Families) -> None:
    family = families.get(check_id(family_id, "family_id"))
    if family is None or family.archived:
        raise NotFound(
            "item_family_not_found",
            f"there is no item family '{family_id}'"
            if family is None
            else f"the item family '{family_id}' is archived",
            field="family_id",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeItem:
    """What is to be different about an item; what is not in *fields* stays as it is.

    *fields* are `name`, `unit`, `description`, `family_id`, `archived`, `aggregation` and
    `annotations` (whole).
    """

    id: str
    fields: Mapping[str, Any]


def change_item(command: ChangeItem, *, items: Items, families: Families, now: datetime) -> Item:
    """Change an item; lines that are there keep its unit and aggregation as they were.

    Id, type, metered and recording never change. Raises `Invalid`, `LimitExceeded`; `NotFound` for
    the item, or for the family it is to be in.
    """
    assert command.fields.keys() <= _CHANGEABLE, "the rest of an item never changes"
    fields = with_annotations_text(command.fields)
    for _ in range(_TRIES):
        there = items.get(command.id)
        if there is None:
            raise NotFound("item_not_found", f"there is no item '{command.id}'")
        changed = replace(there, **fields)
        if changed == there:
            return there
        if changed.family_id is not None and changed.family_id != there.family_id:
            _check_family(changed.family_id, families)
        changed = replace(changed, version=there.version + 1, changed_at=now)
        try:
            items.replace(changed)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def with_annotations_text(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a change, annotations as the text that is kept.

    Raises `Invalid`, `LimitExceeded`.
    """
    changed = dict(fields)
    if "annotations" in changed:
        changed["annotations_text"] = annotations_text(
            changed.pop("annotations"), CATALOG_BYTES_MAX
        )
    return changed


def create_item_price(
    command: CreateItemPrice, *, items: Items, prices: NewPrices, ids: Ids, now: datetime
) -> Created[ItemPrice]:
    """Create the first version of an item price; creating it again equally changes nothing.

    Raises `Invalid`, `LimitExceeded`; `NotFound` for its item; `Conflict` with code
    `already_exists`, or `archived` if its item is.
    """
    check_id(command.id, "id")
    check_id(command.item_id, "item_id")
    charge = Charge.from_plain(command.pricing)
    currency = check_currency(command.currency, "currency")
    item = items.get(command.item_id)
    if item is None:
        raise NotFound("item_not_found", f"there is no item '{command.item_id}'", field="item_id")
    price = ItemPrice(
        id=command.id,
        number=ids.number("item_price"),
        item_id=item.id,
        name=item.name if command.name is None else command.name,
        currency=currency,
        version=1,
        charge=charge,
        base_fee=_fee(command.base_fee, "base_fee"),
        setup_fee=_fee(command.setup_fee, "setup_fee"),
        tax=command.tax,
        cadence=command.cadence,
        description=command.description,
        annotations_text=annotations_text(command.annotations, CATALOG_BYTES_MAX),
        created_at=now,
    )
    _check_price(price, item)
    try:
        if item.archived and prices.newest(price.id) is None:
            raise Conflict("archived", f"the item '{item.id}' is archived", field="item_id")
        prices.add(price)
    except Lost:
        return _price_again(price, prices, named=command.name is not None)
    return Created(price, new=True)


def _price_again(price: ItemPrice, prices: NewPrices, *, named: bool) -> Created[ItemPrice]:
    """Return the price that is there, if it began as this one; its item had its own name then."""
    existing = prices.newest(price.id)
    if existing is None:
        raise Unavailable("the same id is being created at this moment")
    first = prices.versions([(price.id, 1)])[price.id, 1]
    asked = price if named else replace(price, name=first.name)
    if asked != replace(first, number=price.number, created_at=price.created_at):
        raise already_exists("item price", price.id)
    return Created(existing, new=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeItemPrice:
    """The next version of a price; what is not in *fields* stays as it is.

    *fields* are `name`, `pricing` (whole, as at creation), `base_fee`, `setup_fee`, `tax`,
    `description`, `archived` and `annotations` (whole).
    """

    id: str
    fields: Mapping[str, Any]


def change_item_price(
    command: ChangeItemPrice, *, items: Items, prices: NewPrices, now: datetime
) -> ItemPrice:
    """Make a new version of an item price; if nothing is different there is none.

    Terms that are open keep the version they began with; those that begin later take the new one.
    Item, currency and cadence never change. Raises `NotFound`, `Invalid`, `LimitExceeded`.
    """
    for _ in range(_TRIES):
        there = prices.newest(command.id)
        if there is None:
            raise NotFound("item_price_not_found", f"there is no item price '{command.id}'")
        changed = replace(there, **_changed_fields(command.fields))
        if changed == there:
            return there
        item = items.get(there.item_id)
        assert item is not None, "items are never removed"
        _check_price(changed, item)
        _check_limit(there, changed)
        changed = replace(
            changed,
            version=there.version + 1,
            created_at=now,
            begun_at=there.first_created_at,
        )
        try:
            prices.replace(changed)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def _changed_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    changed = with_annotations_text(fields)
    if "pricing" in changed:
        changed["charge"] = Charge.from_plain(changed.pop("pricing"))
    for name in ("base_fee", "setup_fee"):
        if name in changed:
            changed[name] = _fee(changed[name], name)
    return changed


def _fee(value: object, field: str) -> Decimal | None:
    return None if value is None else parse_amount(value, field)


def _check_price(price: ItemPrice, item: Item) -> None:
    """Refuse a price that its item cannot have; raises `Invalid`."""
    if price.base_fee is not None and not item.metered:
        raise Invalid(
            "invalid_field",
            "a base fee goes with a metered item; price a recurring one by its amount",
            field="base_fee",
        )
    if price.setup_fee is not None and item.type is ItemType.CHARGE:
        raise Invalid(
            "invalid_field",
            "a setup fee goes with a plan or an addon; a charge is one already",
            field="setup_fee",
        )
    if item.metered:
        price.check_metered()
    elif price.charge.by_event:
        raise Invalid(
            "invalid_field", "prices usages one by one: the item must be metered", field="item_id"
        )


def _check_limit(before: ItemPrice, after: ItemPrice) -> None:
    """Refuse a version that holds less than the one before: a line may have that much already."""
    old, new = _limit(before), _limit(after)
    if new is None:
        return
    if old is None or new < old:
        field = "tiers"
    elif after.charge.free_units < before.charge.free_units:
        field = "free_units"
    elif after.charge.transform != before.charge.transform:
        field = "transform"
    else:
        return
    raise Invalid(
        "invalid_field",
        "must hold as much as the version before: there may be lines with that quantity",
        field=field,
    )


def _limit(price: ItemPrice) -> Decimal | None:
    model = price.charge.model
    return model.limit if isinstance(model, Limited) else None


def already_exists(what: str, identifier: str) -> Conflict:
    """Return the refusal to create something whose id stands for something else."""
    return Conflict(
        "already_exists", f"there is another {what} with the id '{identifier}'", field="id"
    )
