"""Item families."""

from typing import Final

from postpaid.application.ports import Lost
from postpaid.domain.catalog import ItemFamily
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import (
    flag,
    instant,
    instant_or_none,
    number,
    text,
    text_or_none,
    version_attributes,
    version_from_item,
    without_none,
)
from postpaid.store.numbered import entry, not_added
from postpaid.store.tables import (
    Absent,
    ConditionFailed,
    Item,
    Put,
    Table,
    TransactionRefused,
    comes_after,
)

KIND: Final = "item_family"


class StoredItemFamilies:
    """The item families of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def get(self, family_id: str) -> ItemFamily | None:
        """Read an item family."""
        item = self._table.get(keys.entity(self._scope, KIND, family_id))
        return family_from_item(item) if item else None

    def add(self, family: ItemFamily) -> None:
        """Store a new item family; raises `Lost` if its id is taken."""
        head = Put(item_from_family(self._scope, family), condition=Absent())
        try:
            self._table.transact([head, entry(self._scope, KIND, family.number, family.id)])
        except TransactionRefused as refused:
            raise not_added(refused) from None

    def replace(self, family: ItemFamily) -> None:
        """Store a changed item family; raises `Lost` if its version is not the next one."""
        item = item_from_family(self._scope, family)
        try:
            self._table.put(Put(item, condition=comes_after(family.id, family.version - 1)))
        except ConditionFailed:
            raise Lost from None


def item_from_family(scope: Scope, family: ItemFamily) -> Item:
    """Return the stored form of an item family."""
    return without_none(
        {
            **keys.entity(scope, KIND, family.id)._asdict(),
            "s": keys.SCHEMA,
            "id": family.id,
            "number": family.number,
            "name": family.name,
            "description": family.description,
            "archived": family.archived or None,
            "annotations": family.annotations_text or None,
            "created_at": instant_text(family.created_at),
            **version_attributes(family.version, family.changed_at),
            **keys.listing(scope, KIND, family.id, family.created_at),
        }
    )


def family_from_item(item: Item) -> ItemFamily:
    """Read an item family from its stored form."""
    return ItemFamily(
        id=text(item, "id"),
        number=number(item, "number"),
        name=text(item, "name"),
        description=text_or_none(item, "description"),
        archived=flag(item, "archived"),
        annotations_text=text_or_none(item, "annotations") or "",
        created_at=instant(item, "created_at"),
        version=version_from_item(item),
        changed_at=instant_or_none(item, "changed_at"),
    )
