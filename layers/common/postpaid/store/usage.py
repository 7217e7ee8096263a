"""Usages: each under its identity, written once, deleted by a tombstone.

The usages of a subscription are in as many partitions as it has shards. Which one a usage is in
follows from its date, so one that is written or read by its identity costs what it costs in one
partition; a range of dates is read from all of them.

Attribute names are short because an item of at most 1 024 bytes costs one write unit.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice

from postpaid.application.ports import ExternalIdTaken, LedgerFull, Unavailable
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Usage, UsageKey, UsageSource
from postpaid.store import keys
from postpaid.store.tables import (
    Absent,
    Condition,
    ConditionFailed,
    Item,
    Key,
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

# A page takes about its share from each shard; what is more than that saves most second reads.
_SHARE_MARGIN = 16


class StoredUsages:
    """The usage ledger of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def of(self, subscription: Subscription) -> "StoredUsagesOf":
        """Return the usages of a subscription; it says over how many shards they are spread."""
        return StoredUsagesOf(self._table, self._scope, subscription)

    def named(self, external_id: str) -> UsageKey | None:
        """Read which usage an external id is bound to; it may be known by another by now."""
        entry = self._table.get(keys.external_id(self._scope, external_id))
        return None if entry is None else identity_in(entry)

    def place(self, usage: Usage) -> str:
        """Return the usage's place in its subscription, as manifests name it."""
        return keys.usage_sk(usage.key)


class StoredUsagesOf:
    """The usages of one subscription."""

    def __init__(self, table: Table, scope: Scope, subscription: Subscription) -> None:
        self._table = table
        self._scope = scope
        self._subscription_id = subscription.id
        self._shards = subscription.usage_shards

    def add(self, usage: Usage, *, records_max: int | None = None) -> Usage | None:
        """Store a usage whose identity is new; else store nothing and return what is there.

        One put; with an external id or a maximum a transaction of it and what goes with it, which
        is answered when all of it is visible: the look that follows means the same behind both.
        Raises `ExternalIdTaken`, or `LedgerFull`.
        """
        put = self._written(usage, Absent())
        if usage.external_id is None and records_max is None:
            return self._put(put)
        writes: dict[str, Write] = {_USAGE: put}
        if usage.external_id is not None:
            writes[_REGISTER] = register(self._scope, usage)
        if records_max is not None:
            writes[_COUNT] = count_one(self._scope, self._subscription_id, records_max)
        return self._transact(usage, writes)

    def add_again(self, usage: Usage, over: Usage) -> Usage | None:
        """Store a usage over the tombstone *over*; else store nothing and return what is there.

        The condition names the tombstone's version: a request that was delayed past another
        deletion finds a newer one and cannot resurrect anything. An external id that the tombstone
        does not have is bound in the same transaction; raises `ExternalIdTaken`.
        """
        assert over.deleted
        assert usage.version == over.version + 1
        put = self._written(usage, all_of(equals("v", over.version), equals("d", True)))  # noqa: FBT003
        if usage.external_id in {None, over.external_id}:
            return self._put(put)
        return self._transact(usage, {_USAGE: put, _REGISTER: register(self._scope, usage)})

    def correct(self, usage: Usage, over: Usage) -> Usage | None:
        """Store the next version of a live usage over exactly *over*; else return what is there."""
        assert not over.deleted
        assert usage.version == over.version + 1
        return self._put(self._written(usage, all_of(equals("v", over.version), Absent("d"))))

    def delete(self, usage: Usage, *, deletion: str | None = None) -> Usage | None:
        """Turn exactly this version into a tombstone; None if another version is there.

        *deletion* is the digest of the idempotency key of who asks; without one, that of who
        deleted it before stays.
        """
        deletion = deletion or usage.deletion
        named: Item = {} if deletion is None else {"e": deletion}
        update = Update(
            self._key(usage.key),
            all_of(equals("v", usage.version)),
            set={"d": True, "v": usage.version + 1, **named},
        )
        try:
            self._table.update(update)
        except ConditionFailed as refusal:
            # The SDK's own retry of a write that was applied meets its own tombstone here.
            there = refusal.existing
            if there is None or not there.get("d") or there["v"] != usage.version + 1:
                return None
            if there.get("e") != deletion:
                return None  # it is another's
        return replace(usage, deleted=True, version=usage.version + 1, deletion=deletion)

    def get(self, key: UsageKey) -> Usage | None:
        """Read one usage, tombstones included."""
        item = self._table.get(self._key(key))
        return usage_from_item(self._subscription_id, item) if item else None

    def in_period(self, period: Period) -> Sequence[Usage]:
        """Read all usages dated in a period, tombstones included, in key order."""
        slots = keys.usage_slots(self._shards)
        rows = [row for slot in slots for row in self._table.query(self._span(slot, period))]
        if self._shards > 1:
            rows.sort(key=_sk)
        return [usage_from_item(self._subscription_id, row) for row in rows]

    def page(self, period: Period, *, after: UsageKey | None, limit: int) -> Sequence[Usage]:
        """Read at most *limit* usages behind *after*, tombstones included, in key order."""
        share = min(limit, limit // self._shards + _SHARE_MARGIN)
        place = None if after is None else keys.usage_sk(after)
        slots = keys.usage_slots(self._shards)
        spread = (
            self._rows(replace(self._span(slot, period), after=place, limit=share))
            for slot in slots
        )
        rows = islice(heapq.merge(*spread, key=_sk), limit)
        return [usage_from_item(self._subscription_id, row) for row in rows]

    def _span(self, slot: int, period: Period) -> Range:
        return Range(
            pk=keys.usage_pk(self._scope, self._subscription_id, slot),
            first=instant_text(period.start),
            last=instant_text(period.end),
        )

    def _rows(self, span: Range) -> Iterator[Item]:
        """Read a shard piece by piece, as far as somebody asks."""
        while True:
            rows = self._table.query(span)
            yield from rows
            if len(rows) != span.limit:
                return
            span = replace(span, after=_sk(rows[-1]))

    def _key(self, key: UsageKey) -> Key:
        assert key.subscription_id == self._subscription_id, "of another subscription"
        return keys.usage_key(self._scope, key, self._shards)

    def _written(self, usage: Usage, condition: Condition) -> Put:
        return Put(item_from_usage(self._key(usage.key), usage), condition)

    def _put(self, put: Put) -> Usage | None:
        try:
            self._table.put(put)
        except ConditionFailed as refusal:
            if refusal.existing is None:
                raise
            # Items are never removed, so a refusal always shows what is there.
            return usage_from_item(self._subscription_id, refusal.existing)
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
            return usage_from_item(self._subscription_id, existing)
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


def _sk(item: Item) -> str:
    return str(item["sk"])


def item_from_usage(key: Key, usage: Usage) -> Item:
    """Return the stored form of a usage; *key* is where it goes."""
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
    if usage.deletion is not None:
        item["e"] = usage.deletion
    return item


def usage_from_item(subscription_id: str, item: Item) -> Usage:
    """Read a usage from its stored form."""
    note, request, version = item.get("n"), item.get("r"), item["v"]
    external_id, deletion = item.get("x"), item.get("e")
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
        deletion=None if deletion is None else str(deletion),
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
