"""The secrets that sites' pairs of keys are derived from: made once, read by who checks a pair."""

from postpaid.application.ports import Lost
from postpaid.store import keys
from postpaid.store.fields import text
from postpaid.store.kept import Kept
from postpaid.store.tables import Absent, ConditionFailed, Key, Put, Table


class StoredSiteSecrets:
    """The secret of every site that has one."""

    def __init__(self, table: Table, kept: Kept[str] | None = None) -> None:
        self._table = table
        self._kept = kept

    def get(self, site_id: str) -> str | None:
        """Read a site's secret, which never changes; None if it has none yet."""
        key = keys.site_secret(site_id)
        return self._kept.get(key, lambda: self._read(key)) if self._kept else self._read(key)

    def add(self, site_id: str, secret: str) -> None:
        """Store a site's secret; raises `Lost` if it has one."""
        item = {**keys.site_secret(site_id)._asdict(), "s": keys.SCHEMA, "secret": secret}
        try:
            self._table.put(Put(item, condition=Absent()))
        except ConditionFailed:
            raise Lost from None

    def _read(self, key: Key) -> str | None:
        # It never changes: an eventually consistent read may say what it is, not that it is not.
        for consistent in (True,) if self._kept is None else (False, True):
            item = self._table.get(key, consistent=consistent)
            if item is not None:
                return text(item, "secret")
        return None
