"""Create items and item prices, and make new versions of prices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from postpaid.application.ports import Ids, Lost, Prices, Unavailable
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.charge import Charge
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.money import check_currency
from postpaid.domain.pricing.model import Limited
from postpaid.domain.quantity import parse_amount
from postpaid.domain.tax import TaxRates
from postpaid.domain.usage import Aggregation, Recording

_TRIES = 4


class Items(Protocol):
    """The items of one site."""

    def get(self, item_id: str) -> Item | None:
        """Read an item."""
        ...

    def add(self, item: Item) -> None:
        """Store a new item; raises `Lost` if its id is taken."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateItemPrice:
    """What a client asks to charge; *pricing* is the plain form of a charge."""

    id: str
    item_id: str
    name: str | None
    currency: str
    pricing: Mapping[str, Any]
    base_fee: object
    tax: TaxRates | None = None


def create_item(command: CreateItem, *, items: Items, ids: Ids, now: datetime) -> Created[Item]:
    """Create an item; creating it again with the same content changes nothing.

    Raises `Invalid`; `Conflict` with code `already_exists` if the id has other content.
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
        created_at=now,
    )
    try:
        items.add(item)
    except Lost:
        existing = items.get(item.id)
        if existing is None or item != replace(
            existing, number=item.number, created_at=item.created_at
        ):
            raise already_exists("item", item.id) from None
        return Created(existing, new=False)
    return Created(item, new=True)


def create_item_price(
    command: CreateItemPrice, *, items: Items, prices: NewPrices, ids: Ids, now: datetime
) -> Created[ItemPrice]:
    """Create the first version of an item price; creating it again equally changes nothing.

    Raises `Invalid`; `NotFound` for its item; `Conflict` with code `already_exists`.
    """
    check_id(command.id, "id")
    check_id(command.item_id, "item_id")
    charge = Charge.from_plain(command.pricing)
    base_fee = None if command.base_fee is None else parse_amount(command.base_fee, "base_fee")
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
        base_fee=base_fee,
        tax=command.tax,
        created_at=now,
    )
    _check_price(price, item)
    try:
        prices.add(price)
    except Lost:
        existing = prices.newest(price.id)
        if existing is None:
            raise Unavailable("the same id is being created at this moment") from None
        first = prices.versions([(price.id, 1)])[price.id, 1]
        if price != replace(first, number=price.number, created_at=price.created_at):
            raise already_exists("item price", price.id) from None
        return Created(existing, new=False)
    return Created(price, new=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeItemPrice:
    """The next version of a price; what is not in *fields* stays as it is.

    *fields* are `name`, `pricing` (whole, as at creation), `base_fee` and `tax`.
    """

    id: str
    fields: Mapping[str, Any]


def change_item_price(
    command: ChangeItemPrice, *, items: Items, prices: NewPrices, now: datetime
) -> ItemPrice:
    """Make a new version of an item price; if nothing is different there is none.

    Terms that are open keep the version they began with; those that begin later take the new one.
    Item and currency never change. Raises `NotFound`, `Invalid`.
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
        changed = replace(changed, version=there.version + 1, created_at=now)
        try:
            prices.replace(changed)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def _changed_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if "name" in fields:
        changed["name"] = fields["name"]
    if "pricing" in fields:
        changed["charge"] = Charge.from_plain(fields["pricing"])
    if "base_fee" in fields:
        given = fields["base_fee"]
        changed["base_fee"] = None if given is None else parse_amount(given, "base_fee")
    if "tax" in fields:
        changed["tax"] = fields["tax"]
    return changed


def _check_price(price: ItemPrice, item: Item) -> None:
    """Refuse a price that its item cannot have; raises `Invalid`."""
    if price.base_fee is not None and not item.metered:
        raise Invalid(
            "invalid_field",
            "a base fee goes with a metered item; price a recurring one by its amount",
            field="base_fee",
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
