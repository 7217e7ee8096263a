"""Create and change item families."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from postpaid.application.catalog import (
    Created,
    Families,
    already_exists,
    with_annotations_text,
)
from postpaid.application.ports import Ids, Lost, Unavailable
from postpaid.domain.annotations import CATALOG_BYTES_MAX, annotations_text
from postpaid.domain.catalog import ItemFamily
from postpaid.domain.errors import NotFound
from postpaid.domain.identifiers import check_id

_TRIES = 4


class ItemFamilies(Families, Protocol):
    """The item families of one site, and how they come and change."""

    def add(self, family: ItemFamily) -> None:
        """Store a new item family; raises `Lost` if its id is taken."""
        ...

    def replace(self, family: ItemFamily) -> None:
        """Store a changed item family; raises `Lost` if its version is not the next one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateItemFamily:
    """What items are to belong together; the name has 1-50 characters, the description 1-500."""

    id: str
    name: str
    description: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeItemFamily:
    """What is to be different about an item family; what is not in *fields* stays as it is.

    *fields* are `name`, `description`, `archived` and `annotations` (whole).
    """

    id: str
    fields: Mapping[str, Any]


def create_item_family(
    command: CreateItemFamily, *, families: ItemFamilies, ids: Ids, now: datetime
) -> Created[ItemFamily]:
    """Create an item family; creating it again with the content that it has changes nothing.

    Raises `Invalid`, `LimitExceeded`; `Conflict` with code `already_exists`.
    """
    family = ItemFamily(
        id=check_id(command.id, "id"),
        number=ids.number("item_family"),
        name=command.name,
        description=command.description,
        annotations_text=annotations_text(command.annotations, CATALOG_BYTES_MAX),
        created_at=now,
    )
    try:
        families.add(family)
    except Lost:
        existing = families.get(family.id)
        if existing is None or not _same(existing, family):
            raise already_exists("item family", family.id) from None
        return Created(existing, new=False)
    return Created(family, new=True)


def change_item_family(
    command: ChangeItemFamily, *, families: ItemFamilies, now: datetime
) -> ItemFamily:
    """Change an item family; one that is archived keeps its items and takes no more.

    Raises `NotFound`, `Invalid`, `LimitExceeded`.
    """
    fields = with_annotations_text(command.fields)
    for _ in range(_TRIES):
        there = families.get(command.id)
        if there is None:
            raise NotFound("item_family_not_found", f"there is no item family '{command.id}'")
        changed = replace(there, **fields)
        if changed == there:
            return there
        changed = replace(changed, version=there.version + 1, changed_at=now)
        try:
            families.replace(changed)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def _same(existing: ItemFamily, asked: ItemFamily) -> bool:
    return asked == replace(
        existing,
        number=asked.number,
        created_at=asked.created_at,
        version=asked.version,
        changed_at=asked.changed_at,
    )
