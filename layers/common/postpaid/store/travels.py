"""What is noted of the last travel of a test site's clock, so that it can be watched."""

from postpaid.application.ports import Lost
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.domain.time_machine import Travel, TravelStatus
from postpaid.store import keys
from postpaid.store.fields import instant, text, text_or_none, without_none
from postpaid.store.tables import Absent, ConditionFailed, Item, Put, Table, all_of, equals


class StoredTravels:
    """The travels of one generation of a site; one that starts afresh has not travelled."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def last(self) -> Travel | None:
        """Read the last travel that was begun, None if there was none."""
        item = self._table.get(keys.travel(self._scope))
        return travel_from_item(item) if item else None

    def note(self, travel: Travel, over: Travel | None) -> None:
        """Store a travel over the one that was read; raises `Lost` if another one is there."""
        condition = (
            Absent()
            if over is None
            else all_of(equals("run", over.run), equals("status", over.status.value))
        )
        try:
            self._table.put(Put(item_from_travel(self._scope, travel), condition))
        except ConditionFailed:
            raise Lost from None


def item_from_travel(scope: Scope, travel: Travel) -> Item:
    """Return the stored form of a travel."""
    return without_none(
        {
            **keys.travel(scope)._asdict(),
            "s": keys.SCHEMA,
            "run": travel.run,
            "destination": instant_text(travel.destination),
            "status": travel.status.value,
            "reason": travel.reason,
        }
    )


def travel_from_item(item: Item) -> Travel:
    """Read a travel from its stored form."""
    return Travel(
        run=text(item, "run"),
        destination=instant(item, "destination"),
        status=TravelStatus(text(item, "status")),
        reason=text_or_none(item, "reason"),
    )
