"""The due index of one clock, and the dispatcher's place in it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from postpaid.application.due_terms import Due
from postpaid.domain.instants import instant_from_text, instant_text
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import text
from postpaid.store.tables import (
    Absent,
    AtMost,
    ConditionFailed,
    Item,
    Key,
    Put,
    Range,
    Table,
    Update,
)


class StoredDue:
    """What is due on one clock, over all sites that are on it."""

    def __init__(self, table: Table, clock: str) -> None:
        self._table = table
        self._clock = clock

    def in_hour(self, hour: datetime, until: datetime) -> Iterator[Due]:
        """Read what is due in an hour, up to an instant; eventually consistent."""
        for row in self._rows(hour, until):
            yield Due(text(row, "pk"), text(row, "sk"))

    def upcoming(self, hour: datetime, until: datetime) -> list[tuple[datetime, Due]]:
        """Read what is due in an hour, up to an instant, in order of time."""
        found = [
            (instant_from_text(text(row, "dsk")), Due(text(row, "pk"), text(row, "sk")))
            for row in self._rows(hour, until)
        ]
        return sorted(found, key=lambda each: (each[0], each[1].pk, each[1].sk))

    def _rows(self, hour: datetime, until: datetime) -> Iterator[Item]:
        for shard in range(keys.due_shards(self._clock)):
            span = Range(
                pk=keys.due_pk(self._clock, hour, shard),
                first="0",
                last=instant_text(until),
                index="due",
            )
            yield from self._table.query(span)

    def begin(self, now: datetime) -> None:
        """Store the hour where the first sweep begins, unless there was a sweep already."""
        with suppress(ConditionFailed):
            self._table.put(Put(item_from_place(self._clock, now), condition=Absent()))

    def place(self) -> datetime | None:
        """Read the hour from which on something may be due; None while there is no site."""
        item = self._table.get(keys.dispatch(self._clock))
        return instant_from_text(text(item, "hour")) if item else None

    def remember(self, hour: datetime) -> None:
        """Store that hour; a later one stays if another sweep stored it meanwhile."""
        key, value = keys.dispatch(self._clock), instant_text(hour)
        with suppress(ConditionFailed):
            self._table.update(Update(key, AtMost("hour", value), set={"hour": value}))


def item_from_place(clock: str, now: datetime) -> Item:
    """Return the stored form of the dispatcher's place on a clock that begins."""
    hour = instant_text(now.replace(minute=0, second=0))
    return {**keys.dispatch(clock)._asdict(), "s": keys.SCHEMA, "hour": hour}


def due_scope(due: Due) -> Scope:
    """Return the site that a due item belongs to."""
    site, generation = due.pk.split("#", 1)[0].rsplit("~", 1)
    return Scope(site, int(generation))


def due_term(due: Due) -> tuple[str, datetime] | None:
    """Return the subscription and start of a due term, None if it is not a term."""
    if not due.sk.startswith("TERM#"):
        return None
    return keys.identifier(Key(due.pk, due.sk)), instant_from_text(due.sk.removeprefix("TERM#"))


def due_invoice(due: Due) -> str:
    """Return the id of a due invoice."""
    return keys.identifier(Key(due.pk, due.sk))
