"""Item families, items and item prices."""

from collections.abc import Mapping
from typing import Any

from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.api.json_body import read_json_object
from postpaid.api.native.catalog_models import (
    ItemBody,
    ItemChange,
    ItemFamilyBody,
    ItemFamilyChange,
    ItemPriceBody,
    ItemPriceChange,
)
from postpaid.api.native.lists import page
from postpaid.api.native.models import read, tax_of
from postpaid.api.native.shapes import native_from_family, native_from_item, native_from_price
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
from postpaid.application.item_families import (
    ChangeItemFamily,
    CreateItemFamily,
    change_item_family,
    create_item_family,
)
from postpaid.domain.catalog import ItemType
from postpaid.domain.errors import Invalid, NotFound
from postpaid.domain.usage import Aggregation, Recording

VERSION_DIGITS_MAX = 9


def post_family(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item family: 201, or 200 if an equal one is there."""
    body = read(ItemFamilyBody, read_json_object(request.body, request.headers))
    command = CreateItemFamily(
        id=desk.new_id("family") if body.id is None else body.id,
        name=body.name,
        description=body.description,
    )
    created = create_item_family(command, families=desk.families, ids=desk.ids, now=desk.now)
    return Response(201 if created.new else 200, native_from_family(created.thing))


def get_family(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an item family."""
    family = desk.families.get(ids[0])
    if family is None:
        raise NotFound("item_family_not_found", f"there is no item family '{ids[0]}'")
    return Response(200, native_from_family(family))


def patch_family(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change an item family."""
    body = read(ItemFamilyChange, read_json_object(request.body, request.headers))
    command = ChangeItemFamily(id=ids[0], fields=_named(body.given()))
    family = change_item_family(command, families=desk.families, now=desk.now)
    return Response(200, native_from_family(family))


def list_families(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List item families, newest first."""
    return page(desk, request, "item_families", desk.lists.item_families, native_from_family)


def post_item(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item: 201, or 200 if an equal one is there."""
    body = read(ItemBody, read_json_object(request.body, request.headers))
    command = CreateItem(
        id=desk.new_id("item") if body.id is None else body.id,
        name=body.name,
        type=ItemType(body.type),
        metered=body.metered,
        unit=body.unit,
        recording=Recording(body.recording),
        aggregation=desk.site.aggregation
        if body.aggregation is None
        else Aggregation(body.aggregation),
        description=body.description,
        family_id=body.family_id,
    )
    created = create_item(
        command, items=desk.items, families=desk.families, ids=desk.ids, now=desk.now
    )
    return Response(201 if created.new else 200, native_from_item(created.thing))


def get_item(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an item."""
    item = desk.items.get(ids[0])
    if item is None:
        raise NotFound("item_not_found", f"there is no item '{ids[0]}'")
    return Response(200, native_from_item(item))


def patch_item(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change an item; lines that are there keep how their usage is counted."""
    body = read(ItemChange, read_json_object(request.body, request.headers))
    command = ChangeItem(id=ids[0], fields=_named(body.fields()))
    item = change_item(command, items=desk.items, families=desk.families, now=desk.now)
    return Response(200, native_from_item(item))


def list_items(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List items, newest first."""
    return page(desk, request, "items", desk.lists.items, native_from_item)


def post_price(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item price: 201, or 200 if an equal one is there."""
    body = read(ItemPriceBody, read_json_object(request.body, request.headers))
    command = CreateItemPrice(
        id=desk.new_id("price") if body.id is None else body.id,
        item_id=body.item_id,
        name=body.name,
        currency=desk.site.currency if body.currency is None else body.currency,
        pricing=body.pricing(),
        base_fee=body.base_fee,
        setup_fee=body.setup_fee,
        tax=tax_of(body.tax),
        cadence=None if body.cadence is None else body.cadence.cadence(),
        description=body.description,
    )
    created = create_item_price(
        command, items=desk.items, prices=desk.prices, ids=desk.ids, now=desk.now
    )
    return Response(201 if created.new else 200, native_from_price(created.thing))


def get_price(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show the newest version of an item price."""
    price = desk.prices.newest(ids[0])
    if price is None:
        raise NotFound("item_price_not_found", f"there is no item price '{ids[0]}'")
    return Response(200, native_from_price(price))


def patch_price(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Make a new version of an item price, for terms that begin from now on."""
    body = read(ItemPriceChange, read_json_object(request.body, request.headers))
    command = ChangeItemPrice(id=ids[0], fields=_named(body.fields()))
    price = change_item_price(command, items=desk.items, prices=desk.prices, now=desk.now)
    return Response(200, native_from_price(price))


def get_price_version(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show one version of an item price: invoices name the ones they were rated with."""
    price_id, text = ids
    if text.isascii() and text.isdecimal() and len(text) < VERSION_DIGITS_MAX:
        pin = (price_id, int(text))
        try:
            return Response(200, native_from_price(desk.prices.versions([pin])[pin]))
        except KeyError:
            pass  # the one refusal below serves every text that is no version of it
    raise NotFound("item_price_not_found", f"item price '{price_id}' has no version '{text}'")


def list_prices(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List item prices, newest first."""
    return page(desk, request, "item_prices", desk.lists.prices, native_from_price)


def _named(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if not fields:
        raise Invalid("missing_field", "name what is to be different")
    return fields
