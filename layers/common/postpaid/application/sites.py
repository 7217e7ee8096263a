"""Change a site's settings."""

from dataclasses import dataclass, replace
from typing import Protocol

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.instants import check_zone
from postpaid.domain.money import check_currency
from postpaid.domain.site import Address, ClosingPolicy, Site

_TRIES = 4


class ChangeableSites(Protocol):
    """All sites of the stack."""

    def get(self, site_id: str) -> Site | None:
        """Read a site."""
        ...

    def replace(self, site: Site, over: Site) -> None:
        """Store changed settings over the ones they were made from; raises `Lost` otherwise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSite:
    """The settings to change; None leaves one as it is."""

    timezone: str | None = None
    currency: str | None = None
    closing: ClosingPolicy | None = None
    seller: Address | None = None
    number_prefix: str | None = None


def change_site(site_id: str, command: ChangeSite, *, sites: ChangeableSites) -> Site:
    """Change settings of a site; zone and currency are defaults for what is created later.

    The closing policy counts from the next end of each term. Raises `Invalid`.
    """
    for _ in range(_TRIES):
        site = sites.get(site_id)
        assert site is not None, "sites are never removed"
        changed = replace(
            site,
            timezone=check_zone(command.timezone or site.timezone, "timezone"),
            currency=check_currency(command.currency or site.currency, "currency"),
            closing=command.closing or site.closing,
            seller=command.seller or site.seller,
            number_prefix=(
                site.number_prefix if command.number_prefix is None else command.number_prefix
            ),
        )
        try:
            sites.replace(changed, over=site)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")
