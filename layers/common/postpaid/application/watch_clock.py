"""Look at a site's clock; a travel that is in progress goes on while somebody looks."""

from dataclasses import replace
from datetime import datetime

from postpaid.application.advance_clock import Hands
from postpaid.application.travel_forward import Travels, go_on, machine_of
from postpaid.domain.site import Site
from postpaid.domain.time_machine import TimeMachine, TravelStatus


def watch_clock(site: Site, *, travels: Travels, hands: Hands, now: datetime) -> TimeMachine:
    """Return a site's clock, after a request's time of work on the travel that is in progress.

    So a client that asks until it is there gets there, whatever became of the request that began
    it. Raises `Conflict` with code `started_afresh`.
    """
    if not site.test:
        return replace(machine_of(site, None, now), status=TravelStatus.NOT_ENABLED)
    travel = travels.last()
    if travel is not None and travel.status is TravelStatus.IN_PROGRESS:
        return go_on(travel, site=site, travels=travels, hands=hands, now=now)
    return machine_of(site, travel, now)
