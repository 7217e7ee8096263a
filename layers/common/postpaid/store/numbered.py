"""The register of integer ids: which thing has each.

An entry comes in the transaction that brings its thing and never changes, so that what is there is
found, and what was refused is not. An entry of a line names the line: it may be gone from the
subscription by the time it is asked for.
"""

from collections.abc import Iterable

from postpaid.application.find_numbered import Kind, LineName
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.line import Line
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import text
from postpaid.store.kept import Kept
from postpaid.store.tables import Absent, Key, Put, Table, TransactionRefused

LINE = "line"


class StoredNumbered:
    """Which thing of one site has which integer; each is one strongly consistent read."""

    def __init__(self, table: Table, scope: Scope, kept: Kept[LineName] | None = None) -> None:
        self._table = table
        self._scope = scope
        self._kept = kept

    def id_of(self, kind: Kind, number: int) -> str | None:
        """Read the id of the thing of a kind that has an integer, None if none has."""
        item = self._table.get(keys.numbered(self._scope, kind, number))
        return None if item is None else text(item, "id")

    def line_of(self, number: int) -> LineName | None:
        """Read which line has, or had, an entry with an integer, None if none."""
        key = keys.numbered(self._scope, LINE, number)
        # What is there never changes, so that a kept entry is as true as a new one.
        return self._kept.get(key, lambda: self._read(key)) if self._kept else self._read(key)

    def _read(self, key: Key) -> LineName | None:
        item = self._table.get(key)
        return None if item is None else LineName(text(item, "id"), text(item, "line_id"))


def entry(scope: Scope, kind: Kind, number: int, identifier: str) -> Put:
    """Return the write that enters the integer of a new thing."""
    key = keys.numbered(scope, kind, number)
    return Put({**key._asdict(), "s": keys.SCHEMA, "id": identifier}, condition=Absent())


def line_entries(scope: Scope, subscription_id: str, new: Iterable[Line]) -> list[Put]:
    """Return the writes that enter the integers of a subscription's new entries."""
    return [
        Put(
            {
                **keys.numbered(scope, LINE, line.number)._asdict(),
                "s": keys.SCHEMA,
                "id": subscription_id,
                "line_id": line.id,
            },
            condition=Absent(),
        )
        for line in new
    ]


def not_added(refused: TransactionRefused) -> Lost | Unavailable:
    """Return what it means that a thing, the first write of a transaction, was not added.

    `Lost` if its id is taken. Else another transaction was in the way, and whether the id is taken
    is not known.
    """
    return Lost() if 0 in refused.failed else Unavailable("the same is being created")
