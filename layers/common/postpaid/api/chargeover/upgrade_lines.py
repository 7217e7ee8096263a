"""From the lines of an upgrade to changes of lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from postpaid.api.chargeover.find import line_named
from postpaid.api.chargeover.line_urls import usage_url
from postpaid.api.chargeover.package_lines import (
    AskedLine,
    UpgradeFields,
    asked_line,
    line_ids,
    quantity_of,
    read_line,
)
from postpaid.api.chargeover.successors import SUCCESSOR, line_at
from postpaid.api.desk import Desk
from postpaid.application.change_lines import LineAction, LineChange
from postpaid.domain.errors import Invalid
from postpaid.domain.line import Line
from postpaid.domain.subscription import Subscription


def upgrade_changes(
    desk: Desk, subscription: Subscription, rows: Sequence[Any]
) -> tuple[list[LineChange], list[int], dict[str, dict[str, str | None]], bool]:
    """Return the changes that an upgrade asks for, the row of each, and what to keep of lines.

    The last says whether a line is among them that is charged in advance. Raises `Invalid`,
    `NotFound` and `Conflict` naming the fields.
    """
    reader = _Upgrade(desk, subscription, [], [], {}, [])
    for index, plain in enumerate(rows):
        reader.read(plain, index)
    return reader.changes, reader.rows, reader.notes, any(reader.recurring)


@dataclass(frozen=True, slots=True)
class _Upgrade:
    desk: Desk
    subscription: Subscription
    changes: list[LineChange]
    rows: list[int]
    notes: dict[str, dict[str, str | None]]
    recurring: list[bool]

    def read(self, plain: object, index: int) -> None:
        place = f"line_items.{index}"
        fields, notes = read_line(UpgradeFields, plain, place)
        line_id = self._line_id(fields, place)
        line = None if line_id is None else self._line(line_id, place)
        if line is not None and line.id in self.notes:
            raise Invalid("invalid_field", "names a line twice", field=f"{place}.line_item_id")
        if fields.usage_url:
            usage_url(self.desk, fields.usage_url, place, metered=True, is_new=False)
        if fields.cancel:
            if line is None:
                raise Invalid("missing_field", "is required", field=f"{place}.line_item_id")
            self._check_alone(fields, place)
            self.notes[line.id] = {}
            self._prorates(fields, place, metered=line.metered)
            self._add(LineChange(action=LineAction.REMOVE, id=line.id), line.metered, index)
            return
        cadences = self.subscription.cadences_from(self.desk.now)
        is_priced = fields.item_id or fields.item_external_key or fields.tierset
        if line is not None and not (is_priced or fields.tierset_id):
            self._prorates(fields, place, metered=line.metered)
            self._change(fields, notes, line, None, index)
            return
        if line is not None and not (fields.item_id or fields.item_external_key):
            fields = fields.model_copy(update={"item_external_key": line.item_id})
        asked = asked_line(self.desk, fields, notes, place, cadences)
        self._prorates(fields, place, metered=asked.item.metered)
        if line is not None and asked.item.id == line.item_id:
            self._change(fields, notes, line, asked.price_id(self.desk), index)
            return
        if line is not None:
            self._add(LineChange(action=LineAction.REMOVE, id=line.id), line.metered, index)
        made = self._new(asked, index)
        if line is not None:
            self.notes[line.id] = {SUCCESSOR: made}

    @staticmethod
    def _check_alone(fields: UpgradeFields, place: str) -> None:
        """Refuse what is said of a line beside that it is cancelled; raises `Invalid`."""
        for name in ("tierset", "tierset_id", "item_id", "item_external_key", "line_quantity"):
            if getattr(fields, name) is not None:
                raise Invalid("invalid_field", "goes without cancel", field=f"{place}.{name}")

    def _new(self, asked: AskedLine, index: int) -> str:
        taken = {line.id for line in self.subscription.lines}
        taken |= {str(change.id) for change in self.changes}
        [line_id] = line_ids([asked], taken)
        change = LineChange(
            action=LineAction.ADD,
            id=line_id,
            item_price_id=asked.price_id(self.desk),
            quantity=asked.quantity,
            label=asked.label,
        )
        self._add(change, asked.item.metered, index)
        self.notes[line_id] = asked.notes
        return line_id

    def _change(
        self,
        fields: UpgradeFields,
        notes: dict[str, str | None],
        line: Line,
        price_id: str | None,
        index: int,
    ) -> None:
        place = f"line_items.{index}"
        if fields.external_key not in {None, line.id}:
            raise Invalid("not_supported", "never changes here", field=f"{place}.external_key")
        if fields.paycycle is not None and price_id is None:
            why = "is said with a tierset, or by the action paycycle"
            raise Invalid("not_supported", why, field=f"{place}.paycycle")
        quantity = quantity_of(fields, metered=line.metered, place=place)
        said: dict[str, Any] = {}
        if price_id is not None:
            said |= {"item_price_id": price_id, "pricing": None}
        if quantity is not None:
            said["quantity"] = quantity
        if "descrip" in fields.given():
            said["label"] = fields.descrip or None
        if said:
            change = LineChange(action=LineAction.CHANGE, id=line.id, **said)
            self._add(change, line.metered, index)
        self.notes[line.id] = notes

    def _add(self, change: LineChange, metered: bool, index: int) -> None:  # noqa: FBT001
        self.changes.append(change)
        self.rows.append(index)
        self.recurring.append(not metered)

    def _line_id(self, fields: UpgradeFields, place: str) -> str | None:
        """Return which line is meant by any integer it ever had, or its external key."""
        number, key = fields.line_item_id, fields.line_item_external_key
        if number is None:
            return None if key is None else line_at(self.subscription, key, self.desk.now)
        found = line_named(self.desk, number)
        if found is None or found.subscription_id != self.subscription.id:
            raise Invalid(
                "line_not_found", "is no line of the package", field=f"{place}.line_item_id"
            )
        return line_at(self.subscription, found.line_id, self.desk.now)

    def _line(self, line_id: str, place: str) -> Line:
        for line in self.subscription.shown_lines(self.desk.now):
            if line.id == line_id:
                return line
        raise Invalid("line_not_found", "is no line of the package", field=f"{place}.line_item_id")

    def _prorates(self, fields: UpgradeFields, place: str, *, metered: bool) -> None:
        if metered or self.subscription.prorate:
            return
        for name in ("subscribe_prorate", "cancel_prorate"):
            if getattr(fields, name):
                why = "a line is charged for whole terms here: a change counts from the next"
                raise Invalid("not_supported", why, field=f"{place}.{name}")
