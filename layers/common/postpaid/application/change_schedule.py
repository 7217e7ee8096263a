"""Change how often a subscription is invoiced, or the zone its calendar is kept in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from postpaid.application.cancel_subscription import NOW, TERM_END
from postpaid.application.change_lines import LineChange, changed_lines
from postpaid.application.edit_subscription import (
    NO_REQUEST,
    Edit,
    Edited,
    Office,
    Request,
    edit_subscription,
    ended_at,
    natural_end,
)
from postpaid.application.ports import Prices
from postpaid.domain.calendar import Cadence, Schedule, calendar_anchor
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import check_zone, zone
from postpaid.domain.line import LINES_MAX
from postpaid.domain.subscription import Subscription, last_cycle_end
from postpaid.domain.term import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCadence:
    """A new cadence from *at* on: `term_end` or `now`; *by_calendar* as at creation.

    *cycles* counts the terms from there; None leaves the end where it is. *changes* are of lines,
    from there on: a price that is for the new cadence takes the place of one for the old.
    """

    subscription_id: str
    cadence: Cadence
    by_calendar: bool = False
    at: str = TERM_END
    cycles: int | None = None
    changes: Sequence[LineChange] = ()


def change_cadence(
    command: ChangeCadence, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """Invoice a subscription at another cadence; `now` ends the open term and credits its rest.

    Lines may change with it, as in `change_lines`, which says what that raises. Raises `NotFound`;
    `Invalid`, also if a line then has a price for another cadence; `Conflict` with code
    `subscription_ended`; where that should be at once also with `subscription_not_started`,
    `in_trial`, `term_just_began` or `change_scheduled`.
    """
    if len(command.changes) > LINES_MAX:
        raise Invalid("invalid_field", f"must have {LINES_MAX} changes at most", field="changes")

    def change(subscription: Subscription, term: Term) -> Edit | None:
        start = natural_end(replace(subscription, later=_before(subscription, term)), term)
        if command.at == NOW:
            start = office.now
            if office.now < subscription.start:
                raise Conflict("subscription_not_started", "it begins later: change at term_end")
            if subscription.is_trial(term.period):
                raise Conflict("in_trial", "its charged terms have not begun: change at term_end")
            if start <= term.period.start:
                raise Conflict("term_just_began", "the open term began this very second")
            here = subscription.zone_at(start).key
            if any(each.zone.key != here for each in subscription.later if each.start > start):
                raise Conflict("change_scheduled", "another zone is to come: change at term_end")
        if subscription.end is not None and subscription.end <= start:
            raise Conflict("subscription_ended", "the subscription ends before that")
        asked = _asked(subscription, start, command)
        there = subscription.schedule_at(start)
        kept = tuple(each for each in subscription.later if each.start < asked.start)
        changed = replace(subscription, later=(*kept, asked))
        lines = changed_lines(changed, term, start, command.changes, office)
        if command.cycles is None and there == asked and lines == subscription.lines:
            return None
        changed = replace(changed, lines=lines)
        _check_prices(changed, asked, office.books.prices)
        return _edit(changed, term, asked, command)

    return edit_subscription(command.subscription_id, change, office=office, request=request)


def change_zone(
    subscription_id: str, timezone: object, *, office: Office, request: Request = NO_REQUEST
) -> Edited:
    """Keep a subscription's calendar in another zone, from the end of the open term on.

    The first term there is longer or shorter by the hours between the zones. Raises `NotFound`,
    `Invalid`; `Conflict` with code `subscription_ended`.
    """
    name = check_zone(timezone, "timezone")

    def change(subscription: Subscription, term: Term) -> Edit | None:
        start = natural_end(subscription, term)
        if subscription.end is not None and subscription.end <= start:
            raise Conflict("subscription_ended", "the subscription ends with its open term")
        there = subscription.schedule_at(start)
        if there.zone.key == name:
            return None
        kept = [each for each in subscription.later if each.start < start]
        before = kept[-1] if kept else subscription.schedule
        later = tuple(kept)
        if there != before.in_zone(there.zone, start):
            later = (*kept, there.in_zone(zone(name), start))
        elif before.zone.key != name:
            later = (*kept, before.in_zone(zone(name), start))
        # Else it is back to the zone there was: the change that was to come is off.
        return Edit(subscription=_cycled(replace(subscription, later=later)), term=term)

    return edit_subscription(subscription_id, change, office=office, request=request)


def _cycled(subscription: Subscription) -> Subscription:
    """Move an end that was counted in terms to the boundary there is now."""
    if subscription.cycles is None or subscription.end is None:
        return subscription
    there = subscription.schedule_at(subscription.end).interval(subscription.end)
    near = subscription.end - there.start < there.end - subscription.end
    return replace(subscription, end=there.start if near else there.end)


def _edit(changed: Subscription, term: Term, asked: Schedule, command: ChangeCadence) -> Edit:
    if command.cycles is not None:
        plain = replace(asked, first=None)  # the boundaries are the grid's
        end = last_cycle_end(plain, command.cycles, "cycles")
        changed = replace(changed, cycles=command.cycles, end=end)
    if command.at == NOW:
        ended = ended_at(term, asked.start, credit_unused=True)
        return Edit(subscription=changed, term=ended, ends=True)
    # An end within the open term may have moved behind it.
    until = asked.start if changed.end is None else min(asked.start, changed.end)
    return Edit(subscription=changed, term=ended_at(term, until))


def _check_prices(subscription: Subscription, asked: Schedule, prices: Prices) -> None:
    """Refuse a cadence that the price of a line is not meant for; raises `Invalid`."""
    pins = [
        (line.item_price_id, line.price_version)
        for line in subscription.lines
        if line.until is None or asked.start < line.until
    ]
    there = prices.versions(dict.fromkeys(pins))
    for pin in pins:
        price = there[pin]
        if price.cadence is not None and not price.cadence.agrees(asked.cadence):
            meant = price.cadence
            raise Invalid(
                "invalid_field",
                f"the price '{price.id}' is charged every {meant.count} {meant.unit}",
                field="unit",
            )


def _asked(subscription: Subscription, start: datetime, command: ChangeCadence) -> Schedule:
    """Return the schedule that begins, in the zone that was to come there as well."""
    there = subscription.schedule_at(start)
    here = there
    if there.start == start and there.first is not None:
        # A change of zone comes with it: what a boundary is now says what it will be there.
        here = subscription.schedule_at(start - timedelta(seconds=1))
    anchor = start
    if command.by_calendar:
        anchor = calendar_anchor(start, here.zone, command.cadence)
    asked = Schedule(start, anchor, here.zone, command.cadence)
    return asked if here.zone.key == there.zone.key else asked.in_zone(there.zone, start)


def _before(subscription: Subscription, term: Term) -> tuple[Schedule, ...]:
    """Return the schedules that had begun when a term did; a change replaces those to come."""
    return tuple(each for each in subscription.later if each.start <= term.period.start)
