"""The register of invoice numbers: which invoice has each."""

from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import text
from postpaid.store.tables import Table


class StoredNumbers:
    """The invoice numbers of one site; the transaction that issues an invoice enters its own."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def holder(self, series: str, serial: int) -> str | None:
        """Read the id of the invoice that has a number, None if nobody has drawn it."""
        item = self._table.get(keys.series_number(self._scope, series, serial))
        return None if item is None else text(item, "invoice_id")
