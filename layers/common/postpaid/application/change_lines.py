"""Add, change and remove lines of a running subscription, from a date on, all or none.

A change of price or quantity ends an entry of the line and begins the next under the same id: no
usage moves. It counts from its date on and takes the place of the changes that were to come after
it. Terms that ended before are not touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from postpaid.application.cancel_subscription import NOW, TERM_END
from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Edit,
    Edited,
    Office,
    Request,
    check_within,
    edit_subscription,
    natural_end,
)
from postpaid.application.keep import KEEP, Keep
from postpaid.application.make_line import CreateLine, LineMaker
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX, annotations_text
from postpaid.domain.errors import Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.instants import midnight
from postpaid.domain.line import ENTRIES_MAX, LINES_MAX, Line, check_bytes
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import Term


class LineAction(StrEnum):
    """What happens to a line."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """One line's change; what is None stays as it is.

    To change to *item_price_id* that the line has already is to take that price's newest version.
    *pricing* is the plain form of a charge of the line's own. One that the line has stays with it
    (`KEEP`), but not with another item price; None takes it away, and with that comes the newest
    version of the item price. *label* None goes back to the item price's name.
    """

    action: LineAction
    id: str | None = None
    item_price_id: str | None = None
    quantity: object = None
    pricing: Mapping[str, Any] | Keep | None = KEEP
    label: str | Keep | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLines:
    """Changes from *effective* on: `now`, `term_end`, a date or an instant.

    None is the midnight that today began with in the subscription's zone, so that usage of today
    counts by the change, but not before the open term. *annotate* says what a door keeps with the
    subscription from then on, by what that is at this moment.
    """

    subscription_id: str
    changes: Sequence[LineChange]
    effective: object = None
    annotate: Callable[[Subscription], Mapping[str, Any]] | None = None


def change_lines(command: ChangeLines, *, office: Office, request: Request = NO_REQUEST) -> Edited:
    """Apply changes of lines together.

    Raises `Invalid` and `NotFound` naming `changes[n].field`; `Conflict` with code
    `subscription_ended`, or `archived` for a price that no line may get any more; `LimitExceeded`.
    """
    if not 1 <= len(command.changes) <= LINES_MAX:
        raise Invalid("invalid_field", f"must have 1 to {LINES_MAX} changes", field="changes")

    def change(subscription: Subscription, term: Term) -> Edit | None:
        at = _effective(command.effective, subscription, term, office)
        lines = changed_lines(subscription, term, at, command.changes, office)
        noted = subscription.annotations_text
        if command.annotate is not None:
            noted = annotations_text(command.annotate(subscription), SUBSCRIPTION_BYTES_MAX)
        changed = replace(subscription, lines=lines, annotations_text=noted)
        return None if changed == subscription else Edit(subscription=changed, term=term)

    return edit_subscription(command.subscription_id, change, office=office, request=request)


def changed_lines(
    subscription: Subscription,
    term: Term,
    at: datetime,
    changes: Sequence[LineChange],
    office: Office,
) -> tuple[Line, ...]:
    """Return the entries that a subscription has after changes from an instant on.

    Raises `Invalid`, `NotFound`, `Conflict` and `LimitExceeded`, as `change_lines` does.
    """
    desk = _Desk(subscription, term, at, list(subscription.lines), office)
    for index, each in enumerate(changes):
        desk.apply(each, f"changes[{index}]")
    lines = tuple(desk.entries)
    if lines != subscription.lines:
        desk.check()
    return lines


def _effective(value: object, subscription: Subscription, term: Term, office: Office) -> datetime:
    if value is None:
        place = subscription.zone_at(office.now)
        today = midnight(office.now.astimezone(place).date(), place, "effective")
        return max(today, term.period.start)
    if value == NOW:
        at = office.now
    elif value == TERM_END:
        at = natural_end(subscription, term)
    else:
        at = subscription.moment(value, "effective")
    check_within(at, term, subscription, "effective")
    return at


@dataclass(frozen=True, slots=True)
class _Desk:
    """A subscription's entries while changes from *at* on are applied to them."""

    subscription: Subscription
    term: Term
    at: datetime
    entries: list[Line]
    office: Office

    def apply(self, change: LineChange, field: str) -> None:
        if change.action is LineAction.ADD:
            self._add(change, field)
            return
        entry = self._entry(change, field)
        if change.action is LineAction.REMOVE:
            self._end(entry)
            return
        successor = self._successor(entry, change, field)
        if successor is not None:
            self._end(entry)
            self.entries.append(successor)
        elif entry.until is not None:
            # It is so already, and stays so: what was to come after it is off.
            self._end(entry)
            self.entries[:] = [
                replace(line, until=None) if line.number == entry.number else line
                for line in self.entries
            ]

    def check(self) -> None:
        """Refuse what a subscription cannot hold."""
        left = [line for line in self.entries if line.until is None or self.at < line.until]
        if not left:
            raise Invalid(
                "invalid_field", "would leave no line: cancel it instead", field="changes"
            )
        if len({line.id for line in left}) > LINES_MAX:
            raise LimitExceeded("limit_exceeded", f"would have more than {LINES_MAX} lines")
        if len(self.entries) > ENTRIES_MAX:
            raise LimitExceeded(
                "limit_exceeded", f"would have more than {ENTRIES_MAX} lines and changes of lines"
            )
        check_bytes(self.entries)

    def _add(self, change: LineChange, field: str) -> None:
        if change.item_price_id is None:
            raise Invalid("missing_field", "is required", field=f"{field}.item_price_id")
        command = CreateLine(
            item_price_id=change.item_price_id,
            id=change.id,
            quantity=change.quantity,
            pricing=None if isinstance(change.pricing, Keep) else change.pricing,
            label=None if isinstance(change.label, Keep) else change.label,
        )
        same = [line for line in self.entries if line.id == change.id]
        if any(line.until is None or self.at < line.until for line in same):
            if same[-1].since == self.at and self._says(same[-1], command, field):
                return  # a repeat of this very request
            raise Conflict("already_exists", "there is a line with this id", field=f"{field}.id")
        made = self._maker().make(command, f"{field}.", self._taken(change.item_price_id))
        same = [line for line in self.entries if line.id == made.id]
        if same and same[0].item_id != made.item_id:
            raise Conflict(
                "already_exists", "was the id of another item's line", field=f"{field}.id"
            )
        if same:
            made = _counted_like(same[0], made)
        self.entries.append(replace(made, since=self.at))

    def _taken(self, item_price_id: str) -> set[str]:
        """Return the ids that a new line cannot have; one that was removed opens again."""
        reopened = [line for line in self.entries if line.item_price_id == item_price_id]
        items = {line.item_id for line in reopened}
        return {
            line.id
            for line in self.entries
            if line.until is None or self.at < line.until or line.item_id not in items
        }

    def _says(self, line: Line, command: CreateLine, field: str) -> bool:
        made = self._maker(counted=False, keeps=True).make(command, f"{field}.", set())
        asked = (made.item_price_id, made.quantity, made.charge_text, made.label)
        return (line.item_price_id, line.quantity, line.charge_text, line.label) == asked

    def _entry(self, change: LineChange, field: str) -> Line:
        if change.id is None:
            raise Invalid("missing_field", "is required", field=f"{field}.id")
        named = [line for line in self.entries if line.id == change.id]
        for line in reversed(named):
            if line.in_force(self.at):
                return line
        if change.action is LineAction.REMOVE and named and named[-1].until == self.at:
            return named[-1]  # a repeat of this very request
        raise NotFound(
            "line_not_found", f"no line '{change.id}' is in force then", field=f"{field}.id"
        )

    def _successor(self, entry: Line, change: LineChange, field: str) -> Line | None:
        """Return the entry that follows, None if it would say the same."""
        price_id = entry.item_price_id if change.item_price_id is None else change.item_price_id
        quantity = entry.quantity if change.quantity is None else change.quantity
        priced = change.item_price_id is not None or not isinstance(change.pricing, Keep)
        if not priced and change.quantity is None and isinstance(change.label, Keep):
            raise Invalid(
                "missing_field", "give an item_price_id, a quantity or a pricing", field=field
            )
        command = CreateLine(
            item_price_id=price_id,
            id=entry.id,
            quantity=quantity,
            pricing=_own_pricing(entry, change),
            label=entry.label if isinstance(change.label, Keep) else change.label,
        )
        keeps = change.item_price_id is None
        made = self._maker(counted=False, keeps=keeps).make(command, f"{field}.", set())
        if made.item_id != entry.item_id:
            raise Invalid(
                "invalid_field",
                "is the price of another item: remove this line and add one",
                field=f"{field}.item_price_id",
            )
        version = entry.price_version
        if entry.in_force(self.term.period.start):
            version = self.term.pins.get(entry.number, version)
        back = entry.charge_text is not None and made.charge_text is None
        if change.item_price_id is None and not back:
            made = replace(made, price_version=version)
        said = (made.item_price_id, made.price_version, made.quantity, made.charge_text, made.label)
        there = (entry.item_price_id, version, entry.quantity, entry.charge_text, entry.label)
        if said == there:
            return None
        number = self.office.ids.number("line")
        return replace(_counted_like(entry, made), number=number, since=self.at)

    def _end(self, entry: Line) -> None:
        """End an entry, and drop what was to come after it under its id."""
        kept = []
        for line in self.entries:
            if line is entry:
                began = line.since is None or line.since < self.at
                # A metered line stays by name: there may be usage of it already.
                if began or line.metered or self.term.is_paid(line.number):
                    kept.append(replace(line, until=self.at))
                continue
            comes_after = line.id == entry.id and line.since is not None and self.at <= line.since
            if not comes_after or self.term.is_paid(line.number):
                kept.append(line)
        self.entries[:] = kept

    def _maker(self, *, counted: bool = True, keeps: bool = False) -> LineMaker:
        return LineMaker(
            items=self.office.items,
            prices=self.office.books.prices,
            ids=self.office.ids if counted else None,
            currency=self.subscription.currency,
            cadences=self.subscription.cadences_from(self.at),
            keeps=keeps,
        )


def _counted_like(before: Line, line: Line) -> Line:
    """Return a line's next entry; its usage is counted as ever, though its item may have changed.

    A term's usage of a line becomes one quantity over all its entries.
    """
    return replace(line, unit=before.unit, aggregation=before.aggregation)


def _own_pricing(entry: Line, change: LineChange) -> Mapping[str, Any] | None:
    """Return the line's own charge after a change; another item price leaves it behind."""
    if not isinstance(change.pricing, Keep):
        return change.pricing
    if change.item_price_id not in {None, entry.item_price_id}:
        return None
    own = entry.charge
    return None if own is None else own.to_plain()
