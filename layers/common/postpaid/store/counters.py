"""Integer ids, reserved in blocks so that most need no call."""

from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import number
from postpaid.store.tables import Table, Update

BLOCK = 20


class StoredIds:
    """The integer ids of one site; unique per kind, rising, with gaps where a process ended.

    *blocks* outlives requests: it holds what this process has reserved and not used, per site.
    """

    def __init__(self, table: Table, scope: Scope, blocks: dict[str, list[int]]) -> None:
        self._table = table
        self._scope = scope
        self._blocks = blocks

    def number(self, kind: str) -> int:
        """Return the next integer of a kind."""
        key = keys.counter(self._scope, kind)
        block = self._blocks.setdefault(key.pk, [])
        if not block:
            # Reserving twice after a lost answer leaves a gap, never a repeat.
            last = number(self._table.update(Update(key, None, add={"last": BLOCK})), "last")
            block.extend(range(last, last - BLOCK, -1))
        return block.pop()
