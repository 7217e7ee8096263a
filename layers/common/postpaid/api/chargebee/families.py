"""Item families."""

from postpaid.api.chargebee.filters import Kind
from postpaid.api.chargebee.forms import read_form
from postpaid.api.chargebee.lists import (
    NO_ENTITIES,
    ListOf,
    Resource,
    Source,
    page,
    read_asked,
)
from postpaid.api.chargebee.params import Id50, Nothing, Params, Text50, Text500, read
from postpaid.api.chargebee.things import made, resource_version, seconds, without_none
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.item_families import (
    ChangeItemFamily,
    CreateItemFamily,
    change_item_family,
    create_item_family,
)
from postpaid.domain.catalog import ItemFamily
from postpaid.domain.errors import NotFound

_LIST = ListOf(
    name="item_families",
    kinds={"id": Kind.TEXT, "name": Kind.TEXT, "updated_at": Kind.STAMP},
    refused=dict.fromkeys(("business_entity_id", "include_site_level_resources"), NO_ENTITIES),
)
_REFUSED = {"business_entity_id": NO_ENTITIES}


class NewFamily(Params):
    """`POST /item_families`."""

    id: Id50
    name: Text50
    description: Text500 | None = None


class FamilyChange(Params):
    """`POST /item_families/{id}`."""

    name: Text50 | None = None
    description: Text500 | None = None


def create(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Create an item family."""
    params = read(NewFamily, read_form(request.body, request.headers), refused=_REFUSED)
    command = CreateItemFamily(id=params.id, name=params.name, description=params.description)
    created = create_item_family(command, families=desk.families, ids=desk.ids, now=desk.now)
    return _answer(made(created, request, "item family", params.id))


def retrieve(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Show an item family."""
    return _answer(known_family(desk, ids[0]))


def update(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Change an item family."""
    known_family(desk, ids[0])
    params = read(FamilyChange, read_form(request.body, request.headers))
    fields: dict[str, object] = {}
    if params.name is not None:
        fields["name"] = params.name
    if "description" in params.given():
        fields["description"] = params.description
    return _answer(_changed(desk, ids[0], fields))


def delete(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """Delete an item family: its items stay, and no more come."""
    read(Nothing, read_form(request.body, request.headers))
    known_family(desk, ids[0])
    return _answer(_changed(desk, ids[0], {"archived": True}))


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List item families, newest first; deleted ones are left out."""
    asked = read_asked(request, _LIST)
    source = Source[ItemFamily](
        read=desk.lists.item_families,
        place=lambda family: desk.place_of(family.created_at, family.id),
        show=chargebee_from_family,
        wrap=lambda _, shown: {"item_family": shown},
        get=desk.families.get,
        hides=lambda family: family.archived,
    )
    return page(desk, request, _LIST, asked, source)


def known_family(desk: Desk, family_id: str) -> ItemFamily:
    """Return an item family that was not deleted; raises `NotFound`."""
    family = desk.families.get(family_id)
    if family is None or family.archived:
        raise NotFound("item_family_not_found", f"there is no item family '{family_id}'")
    return family


def chargebee_from_family(family: ItemFamily) -> Resource:
    """Show an item family."""
    return without_none(
        {
            "id": family.id,
            "name": family.name,
            "description": family.description,
            "status": "deleted" if family.archived else "active",
            "resource_version": resource_version(family.updated_at, family.version),
            "updated_at": seconds(family.updated_at),
            "deleted": family.archived,
            "object": "item_family",
        }
    )


def _changed(desk: Desk, family_id: str, fields: dict[str, object]) -> ItemFamily:
    command = ChangeItemFamily(id=family_id, fields=fields)
    return change_item_family(command, families=desk.families, now=desk.now)


def _answer(family: ItemFamily) -> Response:
    return Response(200, {"item_family": chargebee_from_family(family)})
