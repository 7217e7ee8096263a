"""Usages: each under its identity, written once, deleted by a tombstone.

Attribute names are short because an item of at most 1 024 bytes costs one write unit.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from postpaid.application.ports import ExternalIdTaken, LedgerFull, Unavailable
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Scope
from postpaid.domain.usage import Usage, UsageKey, UsageSource
from postpaid.store import keys
from postpaid.store.tables import (
    Absent,
    ConditionFailed,
    Item,
    Put,
    Range,
    Table,
    TransactionRefused,
    Update,
    Write,
    all_of,
    equals,
)
from postpaid.store.usage_register import count_in, count_one, identity_in, register

_TRIES = 6
_USAGE, _REGISTER, _COUNT = "usage", "register", "count"


class StoredUsages:
    """The usage ledger of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def add(self, usage: Usage, *, records_max: int | None = None) -> Usage | None:
        """Store a usage whose identity is new; else store nothing and return what is there.

        One put; with an external id or a maximum a transaction of it and what goes with it, which
        is answered when all of it is visible: the look that follows means the same behind both.
        Raises `ExternalIdTaken`, or `LedgerFull`.
        """
        put = Put(item_from_usage(self._scope, usage), condition=Absent())
        if usage.external_id is None and records_max is None:
            return self._put(put)
        writes: dict[str, Write] = {_USAGE: put}
        if usage.external_id is not None:
            writes[_REGISTER] = register(self._scope, usage)
        if records_max is not None:
            writes[_COUNT] = count_one(self._scope, usage.key.subscription_id, records_max)
        return self._transact(usage, writes)

    def add_again(self, usage: Usage, over: Usage) -> Usage | None:
        """Store a usage over the tombstone *over*; else store nothing and return what is there.

        The condition names the tombstone's version: a request that was delayed past another
        deletion finds a newer one and cannot resurrect anything. An external id that the tombstone
        does not have is bound in the same transaction; raises `ExternalIdTaken`.
        """
        assert over.deleted
        assert usage.version == over.version + 1
        still = all_of(equals("v", over.version), equals("d", True))  # noqa: FBT003
        put = Put(item_from_usage(self._scope, usage), condition=still)
        if usage.external_id in {None, over.external_id}:
            return self._put(put)
        return self._transact(usage, {_USAGE: put, _REGISTER: register(self._scope, usage)})

    def correct(self, usage: Usage, over: Usage) -> Usage | None:
        """Store the next version of a live usage over exactly *over*; else return what is there."""
        assert not over.deleted
        assert usage.version == over.version + 1
        still = all_of(equals("v", over.version), Absent("d"))
        return self._put(Put(item_from_usage(self._scope, usage), condition=still))

    def delete(self, usage: Usage) -> Usage | None:
        """Turn exactly this version into a tombstone; None if another version is there."""
        update = Update(
            keys.usage_key(self._scope, usage.key),
            all_of(equals("v", usage.version)),
            set={"d": True, "v": usage.version + 1},
        )
        try:
            self._table.update(update)
        except ConditionFailed as refusal:
            # The SDK's own retry of a write that was applied meets its own tombstone here.
            there = refusal.existing
            if there is None or not there.get("d") or there["v"] != usage.version + 1:
                return None
        return replace(usage, deleted=True, version=usage.version + 1)

    def get(self, key: UsageKey) -> Usage | None:
        """Read one usage, tombstones included."""
        item = self._table.get(keys.usage_key(self._scope, key))
        return usage_from_item(key.subscription_id, item) if item else None

    def named(self, external_id: str) -> UsageKey | None:
        """Read which usage an external id is bound to; it may be known by another by now."""
        entry = self._table.get(keys.external_id(self._scope, external_id))
        return None if entry is None else identity_in(entry)

    def in_period(self, subscription_id: str, period: Period) -> Sequence[Usage]:
        """Read all usages dated in a period, tombstones included, in key order."""
        return self._between(subscription_id, period, after=None, limit=None)

    def page(
        self, subscription_id: str, period: Period, *, after: UsageKey | None, limit: int
    ) -> Sequence[Usage]:
        """Read at most *limit* usages behind *after*, tombstones included, in key order."""
        return self._between(subscription_id, period, after=after, limit=limit)

    def place(self, usage: Usage) -> str:
        """Return the usage's place in its subscription, as manifests name it."""
        return keys.usage_sk(usage.key)

    def _between(
        self, subscription_id: str, period: Period, *, after: UsageKey | None, limit: int | None
    ) -> list[Usage]:
        rows: list[Item] = []
        for slot in keys.usage_slots():
            rows += self._table.query(
                Range(
                    pk=keys.usage_pk(self._scope, subscription_id, slot),
                    first=instant_text(period.start),
                    last=instant_text(period.end),
                    after=keys.usage_sk(after) if after else None,
                    limit=limit,
                )
            )
        rows.sort(key=lambda item: str(item["sk"]))
        return [usage_from_item(subscription_id, row) for row in rows[:limit]]

    def _put(self, put: Put) -> Usage | None:
        try:
            self._table.put(put)
        except ConditionFailed as refusal:
            if refusal.existing is None:
                raise
            # Items are never removed, so a refusal always shows what is there.
            subscription_id = keys.subscription_of_usage_pk(str(refusal.existing["pk"]))
            return usage_from_item(subscription_id, refusal.existing)
        return None

    def _transact(self, usage: Usage, writes: dict[str, Write]) -> Usage | None:
        """Store a usage with what goes with it, or nothing and return the one that is there."""
        names = list(writes)
        for _ in range(_TRIES):
            try:
                self._table.transact(list(writes.values()))
            except TransactionRefused as refusal:
                failed = {names[index]: item for index, item in refusal.failed.items()}
                # The other transaction may be one that puts this very usage, and counts it as the
                # last there may be: whether it is there is not known before that one is through.
                if not failed or (_COUNT in failed and names.index(_USAGE) in refusal.conflicts):
                    continue
                return self._there(usage, failed)
            return None
        raise Unavailable("other transactions were in the way every time")

    def _there(self, usage: Usage, failed: dict[str, Item | None]) -> Usage:
        """Return the usage that is there, else say why there can be none."""
        if _USAGE in failed:
            existing = failed[_USAGE]
            assert existing is not None, "usages are never removed"
            return usage_from_item(usage.key.subscription_id, existing)
        if _REGISTER in failed:
            entry = failed[_REGISTER]
            assert entry is not None, "an id that is not bound is no obstacle"
            raise ExternalIdTaken(identity_in(entry))
        counted = failed[_COUNT]
        assert counted is not None, "a count that has not begun is no obstacle"
        # Not every refusal need name all that failed, and a replay is never refused.
        there = self.get(usage.key)
        if there is None:
            raise LedgerFull(count_in(counted))
        return there


def item_from_usage(scope: Scope, usage: Usage) -> Item:
    """Return the stored form of a usage."""
    key = keys.usage_key(scope, usage.key)
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "s": keys.SCHEMA,
        "v": usage.version,
        "q": decimal_text(usage.quantity),
        "p": usage.item_price_id,
        "t": instant_text(usage.recorded_at),
        "o": usage.source.value,
    }
    if usage.note is not None:
        item["n"] = usage.note
    if usage.request is not None:
        item["r"] = usage.request
    if usage.external_id is not None:
        item["x"] = usage.external_id
    if usage.deleted:
        item["d"] = True
    return item


def usage_from_item(subscription_id: str, item: Item) -> Usage:
    """Read a usage from its stored form."""
    note, request, version = item.get("n"), item.get("r"), item["v"]
    external_id = item.get("x")
    assert isinstance(version, int)
    return Usage(
        key=keys.usage_from_sk(subscription_id, str(item["sk"])),
        item_price_id=str(item["p"]),
        quantity=Decimal(str(item["q"])),
        recorded_at=instant_from_text(str(item["t"])),
        version=version,
        note=None if note is None else str(note),
        source=UsageSource(str(item["o"])),
        deleted=bool(item.get("d", False)),
        request=None if request is None else str(request),
        external_id=None if external_id is None else str(external_id),
    )


class StoredUsageIds:
    """The public ids and integers of one site's usages, made from their keys and back."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def text(self, key: UsageKey) -> str:
        """Return the public id."""
        return keys.usage_id(key)

    def placed(self, subscription_id: str, place: str) -> UsageKey:
        """Read a place in a subscription, as manifests name it."""
        return keys.usage_from_sk(subscription_id, place)

    def number(self, key: UsageKey) -> int:
        """Return the integer."""
        return keys.usage_number(self._scope, key)

    def key(self, subscription_id: str, text: str) -> UsageKey:
        """Read a public id; raises `ValueError` if it is none."""
        return keys.usage_from_id(subscription_id, text)
