"""API keys: looked up by their id, listed by their site; only a digest of the secret is kept."""

from postpaid.application.ports import Lost
from postpaid.domain.api_key import ApiKey, KeyScope
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import flag, instant, instant_or_none, number, text, texts, without_none
from postpaid.store.kept import Kept
from postpaid.store.tables import (
    Absent,
    ConditionFailed,
    Item,
    Key,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    all_of,
    equals,
)


class StoredApiKeys:
    """The API keys of every site."""

    def __init__(self, table: Table, kept: Kept[ApiKey] | None = None) -> None:
        self._table = table
        self._kept = kept

    def get(self, key_id: str) -> ApiKey | None:
        """Read a key by its id; a kept one may be up to a minute old."""
        key = keys.api_key(key_id)
        return self._kept.get(key, lambda: self._read(key)) if self._kept else self._read(key)

    def add(self, key: ApiKey) -> None:
        """Store a new key and its site's note of it; raises `Lost` if the id is taken."""
        note = keys.site_api_key(key.scope.site, key.id)
        try:
            self._table.transact(
                [
                    Put(item_from_api_key(key), condition=Absent()),
                    Put({**note._asdict(), "s": keys.SCHEMA}, condition=Absent()),
                ]
            )
        except TransactionRefused:
            raise Lost from None

    def revoke(self, key: ApiKey) -> None:
        """Store that a key is revoked, since the time it says; `Lost` if there is no such key."""
        assert key.revoked_at is not None
        update = Update(
            keys.api_key(key.id),
            # A revoked key stays revoked since the first time. The digest is of a key that is
            # there: an update alone would make an item of it.
            all_of(equals("digest", key.digest), Absent("revoked_at")),
            set={"revoked_at": instant_text(key.revoked_at)},
        )
        try:
            self._table.update(update)
        except ConditionFailed as refusal:
            if refusal.existing is None:
                raise Lost from None

    def of_site(self, site_id: str) -> list[ApiKey]:
        """Read a site's keys."""
        rows = self._table.query(Range(pk=keys.site(site_id).pk, first="KEY#", last="KEY#~"))
        ids = [text(row, "sk").removeprefix("KEY#") for row in rows]
        return [key for key in map(self.get, ids) if key is not None]

    def _read(self, key: Key) -> ApiKey | None:
        item = self._table.get(key, consistent=self._kept is None)
        return api_key_from_item(item) if item else None


def item_from_api_key(key: ApiKey) -> Item:
    """Return the stored form of a key."""
    return without_none(
        {
            **keys.api_key(key.id)._asdict(),
            "s": keys.SCHEMA,
            "site": key.scope.site,
            "generation": key.scope.generation,
            "test": key.test,
            "digest": key.digest,
            "scopes": [*sorted(scope.value for scope in key.scopes)],
            "label": key.label,
            "created_at": instant_text(key.created_at),
            "revoked_at": None if key.revoked_at is None else instant_text(key.revoked_at),
        }
    )


def api_key_from_item(item: Item) -> ApiKey:
    """Read a key from its stored form."""
    return ApiKey(
        id=text(item, "pk").removeprefix("KEY#"),
        scope=Scope(text(item, "site"), number(item, "generation")),
        test=flag(item, "test"),
        digest=text(item, "digest"),
        scopes=frozenset(KeyScope(scope) for scope in texts(item, "scopes")),
        label=text(item, "label"),
        created_at=instant(item, "created_at"),
        revoked_at=instant_or_none(item, "revoked_at"),
    )
