"""Have a test site's clock travel, in as many requests as it takes, so that it can be watched.

A travel is noted before anything moves. Each request works on it for its time: the one that begins
it, one that asks for the same again, and every look. What ends in between, or dies, leaves it in
progress, and the next request goes on from where the clock stands.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.advance_clock import Hands, advance_clock
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Site
from postpaid.domain.time_machine import TimeMachine, Travel, TravelStatus

TRAVEL_MAX = timedelta(days=1100)
_TRIES = 4


class Travels(Protocol):
    """The travels of a test site's clock, in its present generation."""

    def last(self) -> Travel | None:
        """Read the last travel that was begun, None if there was none."""
        ...

    def note(self, travel: Travel, over: Travel | None) -> None:
        """Store a travel over the one that was read; raises `Lost` if another one is there."""
        ...


def travel_forward(
    site: Site,
    to: datetime,
    *,
    run: str,
    travels: Travels,
    hands: Hands,
    now: datetime,
    instead: bool = False,
) -> TimeMachine:
    """Begin a travel to an instant and work on it; ask again, or look, until it is there.

    The same again goes on with it, or shows it once it is there. *instead* begins it though one to
    another instant is in progress. Raises `Conflict` with codes `live_site`, `started_afresh`, or
    `travel_in_progress` where another one is; `Invalid` if the instant is not ahead, or further
    than some years.
    """
    if not site.test:
        raise Conflict("live_site", "a live site has no clock of its own")
    for _ in range(_TRIES):
        there = travels.last()
        if there is not None and there.destination == to:
            if there.status is TravelStatus.IN_PROGRESS:
                return go_on(there, site=site, travels=travels, hands=hands, now=now)
            if there.status is TravelStatus.SUCCEEDED and not instead:
                return machine_of(site, there, now)
        if there is not None and there.status is TravelStatus.IN_PROGRESS and not instead:
            raise Conflict(
                "travel_in_progress",
                f"the clock is on its way to {instant_text(there.destination)}",
                details={"destination": instant_text(there.destination)},
            )
        _check_ahead(to, now)
        travel = Travel(run=run, destination=to)
        try:
            travels.note(travel, over=there)
        except Lost:
            continue
        return go_on(travel, site=site, travels=travels, hands=hands, now=now)
    raise Unavailable("other travels began first every time")


def go_on(
    travel: Travel, *, site: Site, travels: Travels, hands: Hands, now: datetime
) -> TimeMachine:
    """Work on a travel for the time of a request, and note what became of it.

    What raises anything but `Unavailable` makes it a failed one. Raises `Conflict` with code
    `started_afresh`.
    """
    try:
        advanced = advance_clock(travel.destination, hands=hands, now=now)
    except Unavailable:
        raise  # it stays in progress
    except Exception as error:  # a bug, whatever it is: who watches is told, and so is the log
        if isinstance(error, Conflict) and error.code == "started_afresh":
            raise
        hands.report(error)
        failed = replace(travel, status=TravelStatus.FAILED, reason=type(error).__name__)
        return machine_of(site, _ended(failed, travel, travels), now)
    if not advanced.done:
        return machine_of(site, travel, advanced.now)
    succeeded = replace(travel, status=TravelStatus.SUCCEEDED)
    return machine_of(site, _ended(succeeded, travel, travels), advanced.now)


def machine_of(site: Site, travel: Travel | None, now: datetime) -> TimeMachine:
    """Return a test site's clock as it is watched."""
    return TimeMachine(
        now=now,
        genesis=site.began,
        destination=None if travel is None else travel.destination,
        status=TravelStatus.SUCCEEDED if travel is None else travel.status,
        reason=None if travel is None else travel.reason,
    )


def _ended(travel: Travel, over: Travel, travels: Travels) -> Travel:
    """Note that a travel ended; another request may have done so, or begun another, before."""
    try:
        travels.note(travel, over=over)
    except Lost:
        there = travels.last()
        return travel if there is None or there.run != travel.run else there
    return travel


def _check_ahead(to: datetime, now: datetime) -> None:
    if not now < to <= now + TRAVEL_MAX:
        raise Invalid(
            "invalid_field",
            f"must lie after {instant_text(now)}, the present there, and at most "
            f"{TRAVEL_MAX.days} days ahead",
            field="to",
        )
