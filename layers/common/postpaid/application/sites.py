"""Create a site and change its settings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.keep import KEEP, Keep
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.errors import Conflict, Invalid, NotFound
from postpaid.domain.identifiers import check_id
from postpaid.domain.instants import check_zone
from postpaid.domain.money import check_currency
from postpaid.domain.series import MAIN, Series, with_prefix
from postpaid.domain.site import Address, ClosingPolicy, LatePolicy, Scope, Site, TaxRounding
from postpaid.domain.usage import Aggregation

_TRIES = 4
_SITE_ID = re.compile(r"[a-z][a-z0-9-]{0,39}")


class NewSites(Protocol):
    """All sites of the stack, and how one is added."""

    def add(self, site: Site) -> None:
        """Store a new site; raises `Lost` if it exists."""
        ...


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
    """The settings to change; None leaves one as it is, but for the one that can be lifted.

    Bounds without any amount are none.
    *number_prefix* is that of the series `main`; *series* are others, new or with a new prefix.
    Those that are not named stay. *usage_records_max* None lifts the maximum, `KEEP` leaves it.
    """

    timezone: str | None = None
    currency: str | None = None
    closing: ClosingPolicy | None = None
    seller: Address | None = None
    number_prefix: str | None = None
    series: Sequence[Series] = ()
    aggregation: Aggregation | None = None
    tax_rounding: TaxRounding | None = None
    late: LatePolicy | None = None
    usage_records_max: int | Keep | None = KEEP
    bounds: AmountBounds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSite:
    """A new tenant. *clock* is where a test site's clock starts, None for the real time."""

    id: str
    test: bool
    timezone: str
    currency: str
    seller: Address
    clock: datetime | None = None


def create_site(command: CreateSite, *, sites: NewSites, now: datetime) -> Site:
    """Create a site; its id is 1-40 lower-case letters, digits and hyphens, a letter first.

    Raises `Invalid`; `Conflict` with code `already_exists`.
    """
    if not _SITE_ID.fullmatch(command.id):
        raise Invalid(
            "invalid_field",
            "must be 1 to 40 lower-case letters, digits and hyphens, a letter first",
            field="id",
        )
    if command.clock is not None and not command.test:
        raise Invalid("invalid_field", "only a test site has its own clock", field="clock")
    offset = timedelta() if command.clock is None else command.clock - now
    site = Site(
        scope=Scope(command.id),
        test=command.test,
        timezone=check_zone(command.timezone, "timezone"),
        currency=check_currency(command.currency, "currency"),
        created_at=now + offset,
        seller=command.seller,
        clock_offset_seconds=int(offset.total_seconds()),
    )
    try:
        sites.add(site)
    except Lost:
        raise Conflict("already_exists", f"there is a site '{command.id}'", field="id") from None
    return site


def change_site(site_id: str, command: ChangeSite, *, sites: ChangeableSites) -> Site:
    """Change settings of a site; zone and currency are defaults for what is created later.

    The closing policy counts from the next end of each term. Raises `Invalid`, `LimitExceeded`.
    """
    _check_series(command.series)
    for _ in range(_TRIES):
        site = sites.get(site_id)
        assert site is not None, "sites are never removed"
        changed = replace(
            site,
            timezone=site.timezone
            if command.timezone is None
            else check_zone(command.timezone, "timezone"),
            currency=site.currency
            if command.currency is None
            else check_currency(command.currency, "currency"),
            closing=command.closing or site.closing,
            seller=command.seller or site.seller,
            aggregation=command.aggregation or site.aggregation,
            tax_rounding=command.tax_rounding or site.tax_rounding,
            late=command.late or site.late,
            usage_records_max=site.usage_records_max
            if isinstance(command.usage_records_max, Keep)
            else command.usage_records_max,
            bounds=site.bounds if command.bounds is None else _or_none(command.bounds),
        )
        changed = _numbered(changed, command)
        try:
            sites.replace(changed, over=site)
        except Lost:
            continue
        return changed
    raise Unavailable("other changes came first every time")


def _or_none(bounds: AmountBounds) -> AmountBounds | None:
    return None if bounds == AmountBounds() else bounds


def known_series(series_id: str | None, site: Site) -> str | None:
    """Return the id of a series that the site has, None as it is; raises `Invalid`, `NotFound`."""
    if series_id is not None and site.series_named(check_id(series_id, "series")) is None:
        raise NotFound("series_not_found", f"the site has no series '{series_id}'", field="series")
    return series_id


def _check_series(series: Sequence[Series]) -> None:
    for index, each in enumerate(series):
        field = f"series[{index}].id"
        if check_id(each.id, field) == MAIN:
            raise Invalid(
                "invalid_field", "is always there; its prefix is number_prefix", field=field
            )
        if any(each.id == other.id for other in series[:index]):
            raise Invalid("invalid_field", "is named twice", field=field)


def _numbered(site: Site, command: ChangeSite) -> Site:
    """Return a site with its series as they are to be, over those that it has by now."""
    series = site.all_series
    if command.number_prefix is not None:
        series = with_prefix(series, MAIN, command.number_prefix, "number_prefix")
    for index, each in enumerate(command.series):
        series = with_prefix(series, each.id, each.prefix, f"series[{index}].number_prefix")
    main, *others = series
    return replace(
        site, number_prefix=main.prefix, former_prefixes=main.former, series=tuple(others)
    )
