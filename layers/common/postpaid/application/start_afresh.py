"""Have a test site start afresh: empty but for its catalogue, its settings and its keys.

All that a site owns is stored under its generation, so the next one is empty, and one write moves
the site there. Nothing is removed, and nothing is copied: the catalogue is kept under the first
generation for all of them. What runs in the old one meanwhile ends there, and nobody reads it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.advance_clock import started_afresh
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope, Site

GENESIS_AGE_MAX = timedelta(days=1100)
_TRIES = 4
# A request that began before may still add to the catalogue, a moment later.
_STRAGGLERS = timedelta(days=1)


class FreshSites(Protocol):
    """All sites of the stack, and how one starts afresh."""

    def get(self, site_id: str) -> Site | None:
        """Read a site."""
        ...

    def begin_generation(self, site: Site, over: Site) -> None:
        """Store that a site starts afresh, over the site as it was; raises `Lost` otherwise."""
        ...


def start_afresh(site: Site, at: datetime | None, *, sites: FreshSites, now: datetime) -> Site:
    """Give a test site its next generation, whose clock starts at an instant; return the site.

    *now* is the present on the site's own clock. The instant is the real present for None, and at
    most 1 100 days before it: to go ahead of it is a travel. Raises `Conflict` with codes
    `live_site`, and `started_afresh` if another request did so first; `Invalid`.
    """
    if not site.test:
        raise Conflict("live_site", "a live site never starts afresh")
    real = now - timedelta(seconds=site.clock_offset_seconds)
    genesis = real if at is None else at
    if not real - GENESIS_AGE_MAX <= genesis <= real:
        raise Invalid(
            "invalid_field",
            f"must not lie after {instant_text(real)}, the real present, and at most "
            f"{GENESIS_AGE_MAX.days} days before",
            field="at",
        )
    over = site
    for _ in range(_TRIES):
        fresh = _fresh(over, genesis, real)
        try:
            sites.begin_generation(fresh, over=over)
        except Lost:
            there = sites.get(site.scope.site)
            assert there is not None, "sites are never removed"
            if there == fresh:
                return there  # it was this request: its answer got lost
            if there.scope != site.scope:
                raise started_afresh() from None
            over = there  # its settings were changed, or its clock was moved
            continue
        return fresh
    raise Unavailable("other changes came first every time")


def _fresh(site: Site, genesis: datetime, real: datetime) -> Site:
    """Return a site as it is in its next generation."""
    left = real + timedelta(seconds=site.clock_offset_seconds) + _STRAGGLERS
    first, last = site.former or (site.began, left)
    return replace(
        site,
        scope=Scope(site.scope.site, site.scope.generation + 1),
        clock_offset_seconds=int((genesis - real).total_seconds()),
        genesis=genesis,
        former=(min(first, site.began), max(last, left)),
    )
