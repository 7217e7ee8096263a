"""Items: plans, addons and charges, metered ones too."""

from typing import Any, Literal

from postpaid.api.chargebee.filters import Kind
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.lists import (
    NO_CHANNELS,
    NO_ENTITIES,
    ListOf,
    Resource,
    Source,
    page,
    read_asked,
)
from postpaid.api.chargebee.params import (
    Flag,
    Id,
    Metadata,
    Nothing,
    Params,
    Text30,
    Text100,
    Text500,
    Text2000,
    read,
)
from postpaid.api.chargebee.things import (
    annotations,
    kept,
    made,
    metadata_shown,
    resource_version,
    seconds,
    without_none,
)
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.spelling import spelled
from postpaid.application.catalog import ChangeItem, CreateItem, change_item, create_item
from postpaid.domain.catalog import Item, ItemType
from postpaid.domain.errors import Invalid, NotFound
from postpaid.domain.usage import Aggregation, Recording

_BUNDLES = "there are no bundles here"
REFUSED = {
    "business_entity_id": NO_ENTITIES,
    "bundle_configuration": _BUNDLES,
    "bundle_items_to_add": _BUNDLES,
    "bundle_items_to_update": _BUNDLES,
    "bundle_items_to_remove": _BUNDLES,
}
_NAMES = {"family_id": "item_family_id", "aggregation": "usage_calculation"}
_CALCULATIONS = {
    "sum_of_usages": Aggregation.SUM,
    "last_usage": Aggregation.LAST,
    "max_usage": Aggregation.MAX,
}
_CALCULATED = {value: name for name, value in _CALCULATIONS.items()}
# What is shown as it was said, and means nothing here: there are no hosted pages.
_ECHOED = (
    *("external_name", "enabled_for_checkout", "enabled_in_portal", "redirect_url"),
    *("item_applicability", "applicable_items", "included_in_mrr", "metadata"),
)
_OFF = ("is_shippable", "is_giftable", "is_percentage_pricing", "gift_claim_redirect_url")
_LIST = ListOf(
    name="items",
    kinds={
        **dict.fromkeys(("id", "item_family_id", "name"), Kind.TEXT),
        **dict.fromkeys(("type", "item_applicability", "status", "usage_calculation"), Kind.CHOICE),
        **dict.fromkeys(
            ("is_giftable", "enabled_for_checkout", "enabled_in_portal", "metered"), Kind.FLAG
        ),
        "updated_at": Kind.STAMP,
    },
    sorts=frozenset({"name", "id", "updated_at"}),
    refused={
        **dict.fromkeys(("business_entity_id", "include_site_level_resources"), NO_ENTITIES),
        "bundle_configuration": _BUNDLES,
        "channel": NO_CHANNELS,
    },
)


class ItemParams(Params):
    """What an item is created with, and may be changed to."""

    description: Text2000 | None = None
    external_name: Text100 | None = None
    unit: Text30 | None = None
    item_applicability: Literal["all", "restricted"] | None = None
    applicable_items: list[Id] | None = None
    enabled_for_checkout: Flag | None = None
    enabled_in_portal: Flag | None = None
    redirect_url: Text500 | None = None
    included_in_mrr: Flag | None = None
    metadata: Metadata | None = None
    is_shippable: Flag | None = None
    is_giftable: Flag | None = None
    is_percentage_pricing: Flag | None = None
    gift_claim_redirect_url: Text500 | None = None

    def check(self) -> None:
        """Refuse what an item cannot be here; raises `Invalid`."""
        for name in _OFF:
            if getattr(self, name):
                raise Invalid("not_supported", "is not known here: leave it out", field=name)

    def echoed(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return what is only shown again, over what was before."""
        return {**before, **self.said(_ECHOED)}


class NewItem(ItemParams):
    """`POST /items`."""

    id: Id
    name: Text100
    type: Literal["plan", "addon", "charge"]
    item_family_id: Id
    metered: Flag | None = None
    usage_calculation: Literal["sum_of_usages", "last_usage", "max_usage"] | None = None


class ItemChange(ItemParams):
    """`POST /items/{id}`."""

    name: Text100 | None = None
    item_family_id: Id | None = None
    clear_applicable_items: Flag | None = None
    status: Literal["active", "archived"] | None = None


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item."""
    params = read(NewItem, read_form(request.body, request.headers), refused=REFUSED)
    params.check()
    how = params.usage_calculation
    command = CreateItem(
        id=params.id,
        name=params.name,
        type=ItemType(params.type),
        metered=bool(params.metered),
        unit=params.unit,
        recording=Recording.ONE_PER_DATE,
        aggregation=desk.site.aggregation if how is None else _CALCULATIONS[how],
        description=params.description,
        family_id=params.item_family_id,
        annotations=annotations(params.echoed({})),
    )
    with spelled(_NAMES):
        created = create_item(
            command, items=desk.items, families=desk.families, ids=desk.ids, now=desk.now
        )
        return _answer(made(created, request, "item", params.id))


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an item."""
    return _answer(known_item(desk, ids[0]))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change an item."""
    item = known_item(desk, ids[0])
    params = read(ItemChange, read_form(request.body, request.headers), refused=REFUSED)
    params.check()
    before = kept(item)
    if params.clear_applicable_items:
        before.pop("applicable_items", None)
    fields: dict[str, Any] = {"annotations": annotations(params.echoed(before), item)}
    for name in ("description", "unit"):
        if name in params.given():
            fields[name] = getattr(params, name)
    if params.name is not None:
        fields["name"] = params.name
    if params.item_family_id is not None:
        fields["family_id"] = params.item_family_id
    if params.status is not None:
        fields["archived"] = params.status == "archived"
    with spelled(_NAMES):
        return _answer(_changed(desk, item.id, fields))


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Delete an item: it is archived, for subscriptions and invoices name it."""
    read(Nothing, read_form(request.body, request.headers))
    return _answer(_changed(desk, known_item(desk, ids[0]).id, {"archived": True}))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List items, newest first unless they are to be sorted."""
    asked = read_asked(request, _LIST)
    source = Source[Item](
        read=desk.lists.items,
        place=lambda item: desk.place_of(item.created_at, item.id),
        show=chargebee_from_item,
        wrap=lambda _, shown: {"item": shown},
        get=desk.items.get,
    )
    return page(desk, request, _LIST, asked, source)


def known_item(desk: Desk, item_id: str) -> Item:
    """Return an item; raises `NotFound`."""
    item = desk.items.get(item_id)
    if item is None:
        raise NotFound("item_not_found", f"there is no item '{item_id}'")
    return item


def chargebee_from_item(item: Item) -> Resource:
    """Show an item; one that the native API made has no family until it is put into one."""
    mine = kept(item)
    return without_none(
        {
            "id": item.id,
            "name": item.name,
            "external_name": mine.get("external_name"),
            "description": item.description,
            "status": "archived" if item.archived else "active",
            "resource_version": resource_version(item.updated_at, item.version),
            "updated_at": seconds(item.updated_at),
            "item_family_id": item.family_id,
            "type": item.type.value,
            "is_shippable": False,
            "is_giftable": False,
            "is_percentage_pricing": False,
            "redirect_url": mine.get("redirect_url"),
            "enabled_for_checkout": mine.get("enabled_for_checkout", True),
            "enabled_in_portal": mine.get("enabled_in_portal", True),
            "included_in_mrr": mine.get("included_in_mrr"),
            "item_applicability": mine.get("item_applicability", "all"),
            "applicable_items": [{"id": each} for each in mine.get("applicable_items", [])],
            "unit": item.unit,
            "metered": item.metered,
            "usage_calculation": _CALCULATED[item.aggregation] if item.metered else None,
            "archived_at": seconds(item.updated_at) if item.archived else None,
            "metadata": metadata_shown(mine.get("metadata")),
            "deleted": False,
            "object": "item",
        }
    )


def _changed(desk: Desk, item_id: str, fields: dict[str, Any]) -> Item:
    command = ChangeItem(id=item_id, fields=fields)
    return change_item(command, items=desk.items, families=desk.families, now=desk.now)


def _answer(item: Item) -> Response:
    return Response(200, {"item": chargebee_from_item(item)})
