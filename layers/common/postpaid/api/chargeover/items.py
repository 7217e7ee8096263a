"""Items: each is an item and its price of the same id, which is its tierset."""

from collections.abc import Mapping
from typing import Any, Literal

from postpaid.api.chargeover.bodies import (
    NOT_KEPT,
    Fields,
    Flag,
    Key,
    Long,
    Text,
    read_fields,
    read_new,
)
from postpaid.api.chargeover.envelope import answer, changed, created, done
from postpaid.api.chargeover.find import id_of
from postpaid.api.chargeover.lists import ListOf, Row, Source, counted, listed, whole_row
from postpaid.api.chargeover.paycycles import shown_paycycle
from postpaid.api.chargeover.things import (
    CUSTOM,
    annotations,
    custom_shown,
    kept,
    split_custom,
    token,
)
from postpaid.api.chargeover.tiersets import Tierset, is_metered, read_tierset, shown_tierset
from postpaid.api.chargeover.where import Asked
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.catalog import (
    ChangeItem,
    ChangeItemPrice,
    CreateItem,
    CreateItemPrice,
    change_item,
    change_item_price,
    create_item,
    create_item_price,
)
from postpaid.domain.annotations import CATALOG_BYTES_MAX, annotations_text
from postpaid.domain.catalog import Item, ItemPrice, ItemType
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.usage import Aggregation, Recording

_NO_TRIALS = "a trial is of a whole subscription: the native API has it"
_NOT_TWICE = "another item has it"
REFUSED = {
    "expire_recurs": "a price has no end: cancel the line",
    "trial_recurs": _NO_TRIALS,
    "trial_days": _NO_TRIALS,
    "trial_units": _NO_TRIALS,
    "tax_group_id": "taxes are set in the native API",
    "service_dates_type": "what is metered is charged behind its time, all else before",
    "currency_id": "a price is in the site's currency",
    "tiersets": "say the one price there is as pricemodel",
    "categories": NOT_KEPT,
    "accounting_account": NOT_KEPT,
}
NAMES = {"id": "external_key", "unit": "units", "annotations": "custom_1"}
_AGGREGATIONS = {"add": Aggregation.SUM, "max": Aggregation.MAX, "lat": Aggregation.LAST}
USAGE_TYPES = {value: name for name, value in _AGGREGATIONS.items()}
_DEFAULT_TYPE = "service"
LIST = ListOf(
    fields=frozenset(
        {
            *("item_id", "external_key", "token", "name", "item_type", "enabled", "units"),
            *("accounting_sku", "write_datetime", "mod_datetime", *CUSTOM),
        }
    ),
    sorts=frozenset({"item_id", "external_key", "name", "write_datetime", "mod_datetime"}),
    synonyms={"type": "item_type"},
)


class ServiceData(Fields):
    """What is said of a service: whether it is metered."""

    is_usage: Flag | None = None


class ItemFields(Fields):
    """What an item is created with, and may be changed to."""

    external_key: Key | None = None
    name: Text | None = None
    item_type: Literal["service", "product"] | None = None
    description: Long | None = None
    units: Text | None = None
    accounting_sku: Text | None = None
    enabled: Flag | None = None
    is_usage: Flag | None = None
    service_data: ServiceData | None = None
    usage_type: Literal["add", "max", "lat"] | None = None
    pricemodel: dict[str, Any] | None = None

    def metered(self) -> bool | None:
        """Return whether it is said to be metered, None if it is not said; raises `Invalid`."""
        there = None if self.service_data is None else self.service_data.is_usage
        if None not in {there, self.is_usage} and there != self.is_usage:
            raise Invalid("invalid_field", "is against service_data", field="is_usage")
        return self.is_usage if there is None else there


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item with its price; an external key that is taken is refused."""
    fields, custom = _read(request)
    for name in ("name", "pricemodel"):
        if not getattr(fields, name):
            raise Invalid("missing_field", "is required", field=name)
    said = fields.metered()
    metered = is_metered(fields.pricemodel) if said is None else said
    tierset = read_tierset(fields.pricemodel, "pricemodel", metered=metered)
    identifier = check_id(fields.external_key or desk.new_id("itm"), "external_key")
    _check_free(desk, identifier)
    known = {**fields.said(("item_type", "accounting_sku")), **custom}
    command = CreateItem(
        id=identifier,
        name=str(fields.name),
        type=ItemType.PLAN,
        metered=metered,
        unit=fields.units or None,
        recording=Recording.EVENTS if metered else Recording.ONE_PER_DATE,
        aggregation=_AGGREGATIONS[fields.usage_type or "add"],
        description=fields.description or None,
        annotations=annotations(known),
    )
    if fields.usage_type is not None and not metered:
        raise Invalid("invalid_field", "goes with a metered item", field="usage_type")
    _check_notes(tierset)
    with spelled(NAMES):
        item = create_item(
            command, items=desk.items, families=desk.families, ids=desk.ids, now=desk.now
        ).thing
        made = create_price(desk, item, tierset, item.id, name=None)
        if fields.enabled is False:
            _change_item(desk, item, {"archived": True})
    if made is None:
        raise Conflict("already_exists", _NOT_TWICE, field="external_key")
    return created(item.number, f"/api/v3/item/{item.number}")


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an item."""
    return answer(whole_row(desk, shown_item(desk, item_of(desk, ids[0]))))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List items, those that are not enabled too."""
    return answer(listed(desk, request, LIST, _source(desk)))


def count(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Count items."""
    return answer(counted(desk, request, LIST, _source(desk)))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change an item, and its price for terms that begin from now on."""
    item = item_of(desk, ids[0])
    fields, custom = _read(request)
    _check_fixed(fields, item)
    price = own_price(desk, item)
    tierset = None
    if fields.pricemodel is not None:
        tierset = read_tierset(fields.pricemodel, "pricemodel", metered=item.metered)
        _check_notes(tierset)
        if price is not None and tierset.cadence != price.cadence:
            why = f"stays {shown_paycycle(price.cadence)}: make another item"
            raise Invalid("not_supported", why, field="pricemodel.paycycle")
    known = {**kept(item), **fields.said(("item_type", "accounting_sku")), **custom}
    with spelled(NAMES):
        changed_item = _change_item(desk, item, _changes(fields, known, item))
        if tierset is not None and price is None:
            create_price(desk, changed_item, tierset, item.id, name=None)
        elif price is not None:
            # A price that the native API named otherwise keeps its name.
            named = fields.name if price.name == item.name else None
            _change_price(desk, price, named, tierset)
    return changed(item.number, f"/api/v3/item/{item.number}")


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Archive an item: it goes on no more packages, and those that have it keep it."""
    _change_item(desk, item_of(desk, ids[0]), {"archived": True})
    return done()


def item_of(desk: Desk, text: str, field: str | None = None) -> Item:
    """Return an item by its integer or `external_key:…`; raises `NotFound`."""
    identifier = id_of(desk, "item", text, field)
    item = desk.items.get(identifier)
    if item is None:
        raise NotFound("item_not_found", f"there is no item '{identifier}'", field=field)
    return item


def own_price(desk: Desk, item: Item) -> ItemPrice | None:
    """Return the price that is the item's tierset, None if the native API gave it others only."""
    price = desk.prices.newest(item.id)
    return price if price is not None and price.item_id == item.id else None


def create_price(
    desk: Desk, item: Item, tierset: Tierset, price_id: str, *, name: str | None
) -> ItemPrice | None:
    """Create a price of an item, in the site's currency; None if there is one of the id."""
    made = create_item_price(
        CreateItemPrice(
            id=price_id,
            item_id=item.id,
            name=name,
            currency=desk.site.currency,
            pricing=tierset.pricing,
            base_fee=tierset.base_fee,
            setup_fee=tierset.setup_fee,
            cadence=tierset.cadence,
            annotations=annotations(tierset.notes),
        ),
        items=desk.items,
        prices=desk.prices,
        ids=desk.ids,
        now=desk.now,
    )
    return made.thing if made.new else None


def shown_item(desk: Desk, item: Item) -> Row:
    """Show an item."""
    known, price = kept(item), own_price(desk, item)
    return {
        "item_id": item.number,
        "item_type": known.get("item_type") or _DEFAULT_TYPE,
        "tierset_id": None if price is None else price.number,
        "name": item.name,
        "description": item.description or "",
        "units": item.unit or "",
        "external_key": item.id,
        "token": token(desk.scope, "item", item.number),
        "accounting_sku": known.get("accounting_sku") or "",
        "enabled": not item.archived,
        "usage_type": USAGE_TYPES[item.aggregation] if item.metered else None,
        "service_data": {"trial_days": 0, "trial_units": 0, "is_usage": item.metered},
        "write_datetime": item.created_at,
        "mod_datetime": max(
            item.updated_at, item.updated_at if price is None else price.updated_at
        ),
        **custom_shown(known),
        "tiersets": [] if price is None else [shown_tierset(price, None, metered=item.metered)],
        "categories": [],
    }


def _read(request: Request) -> tuple[ItemFields, dict[str, str | None]]:
    plain, custom = split_custom(read_new(request))
    for name in ("type", "item_type"):
        if not isinstance(plain.get(name), str | None):
            raise Invalid("invalid_field", "must be a text", field=name)
    if plain.get("type") is not None:
        if plain.get("item_type") not in {None, plain["type"]}:
            raise Invalid("invalid_field", "is against type", field="item_type")
        plain["item_type"] = plain["type"]
    plain.pop("type", None)
    if plain.get("item_type") == "discount":
        raise Invalid("not_supported", "there are no discounts here", field="item_type")
    return read_fields(ItemFields, plain, refused=REFUSED), custom


def _check_free(desk: Desk, identifier: str) -> None:
    """Refuse an id that another item or another item's price has.

    An item without its price is one that was begun by a request that died: it goes on.
    """
    price = desk.prices.newest(identifier)
    if price is not None:
        raise Conflict("already_exists", _NOT_TWICE, field="external_key")


def _check_notes(tierset: Tierset) -> None:
    annotations_text(annotations(tierset.notes), CATALOG_BYTES_MAX, "pricemodel.tiers")


def _check_fixed(fields: ItemFields, item: Item) -> None:
    """Refuse to change what never changes; to say what it is already is no change."""
    if fields.external_key not in {None, item.id}:
        raise Invalid("not_supported", "never changes here", field="external_key")
    if fields.metered() not in {None, item.metered}:
        raise Invalid("not_supported", "never changes: make another item", field="is_usage")
    if fields.usage_type is not None and not item.metered:
        raise Invalid("invalid_field", "goes with a metered item", field="usage_type")
    if "name" in fields.given() and not fields.name:
        raise Invalid("missing_field", "is required", field="name")


def _changes(fields: ItemFields, known: Mapping[str, Any], item: Item) -> dict[str, Any]:
    changes: dict[str, Any] = {"annotations": annotations(known, item)}
    if fields.name is not None:
        changes["name"] = fields.name
    if "description" in fields.given():
        changes["description"] = fields.description or None
    if "units" in fields.given():
        changes["unit"] = fields.units or None
    if fields.enabled is not None:
        changes["archived"] = not fields.enabled
    if fields.usage_type is not None:
        changes["aggregation"] = _AGGREGATIONS[fields.usage_type]
    return changes


def _change_item(desk: Desk, item: Item, changes: Mapping[str, Any]) -> Item:
    command = ChangeItem(id=item.id, fields=changes)
    return change_item(command, items=desk.items, families=desk.families, now=desk.now)


def _change_price(
    desk: Desk, price: ItemPrice, name: str | None, tierset: Tierset | None
) -> ItemPrice:
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = name
    if tierset is not None:
        changes |= {
            "pricing": tierset.pricing,
            "base_fee": tierset.base_fee,
            "setup_fee": tierset.setup_fee,
            "annotations": annotations({**kept(price), **tierset.notes}, price),
        }
    command = ChangeItemPrice(id=price.id, fields=changes)
    return change_item_price(command, items=desk.items, prices=desk.prices, now=desk.now)


def _source(desk: Desk) -> Source[Item]:
    return Source[Item](
        read=lambda after, limit: desk.lists.items(after, limit, ascending=True),
        show=lambda item, _: shown_item(desk, item),
        among=lambda asked: _only(desk, asked),
    )


def _only(desk: Desk, asked: Asked) -> list[Item] | None:
    key, number = asked.only("external_key"), asked.only("item_id")
    if key is None and number is None:
        return None
    try:
        identifier = key if key is not None else id_of(desk, "item", str(number))
    except NotFound:
        return []
    item = desk.items.get(identifier)
    return [] if item is None else [item]
