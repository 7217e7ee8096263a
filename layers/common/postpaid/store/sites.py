"""Sites: settings, and the clocks and generations of test sites."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.instants import instant_text
from postpaid.domain.series import Series
from postpaid.domain.site import DEFAULT_CLOSING, LatePolicy, Scope, Site, TaxRounding
from postpaid.domain.usage import Aggregation
from postpaid.store import keys
from postpaid.store.due import StoredDue, item_from_place
from postpaid.store.fields import (
    address_from_item,
    closing_from_item,
    flag,
    instant,
    instant_or_none,
    item_from_address,
    item_from_closing,
    mapping,
    maps_or_none,
    number,
    number_or_none,
    text,
    text_or_none,
    texts,
    without_none,
)
from postpaid.store.tables import (
    Absent,
    All,
    ConditionFailed,
    Item,
    Put,
    Range,
    Table,
    TransactionRefused,
    Value,
    Write,
    all_of,
    equals,
)

if TYPE_CHECKING:
    from postpaid.domain.bounds import AmountBounds

_TRIES = 4


class StoredSites:
    """All sites of the stack: the door and the operator read them by name."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, site_id: str) -> Site | None:
        """Read a site."""
        item = self._table.get(keys.site(site_id))
        return site_from_item(item) if item else None

    def add(self, site: Site) -> None:
        """Store a new site, and announce its clock if it is a test site; `Lost` if it exists."""
        # Nothing on its clock can be due before the first site exists: sweeps begin here.
        StoredDue(self._table, clock_name(site)).begin(site.created_at)
        note = keys.site_note(site.scope)
        writes: list[Write] = [
            Put(item_from_site(site), condition=Absent()),
            Put({**note._asdict(), "s": keys.SCHEMA}, condition=Absent()),
        ]
        if site.test:
            clock = keys.clock(site.scope)
            writes.append(Put({**clock._asdict(), "s": keys.SCHEMA}, condition=Absent()))
        try:
            self._table.transact(writes)
        except TransactionRefused:
            raise Lost from None

    def replace(self, site: Site, over: Site) -> None:
        """Store changed settings over the ones they were made from; raises `Lost` otherwise."""
        try:
            self._table.put(Put(item_from_site(site), condition=_as_it_was(over)))
        except ConditionFailed:
            raise Lost from None

    def begin_generation(self, site: Site, over: Site) -> None:
        """Store that a test site starts afresh, over the site as it was; raises `Lost` otherwise.

        Its notes are of the site, whatever its generation, and stay as they are.
        """
        begun = item_from_place(clock_name(site), site.began)
        try:
            # No sweep remembers a place on a clock before its site is there.
            self._table.transact([Put(item_from_site(site), _as_it_was(over)), Put(begun)])
        except TransactionRefused:
            raise Lost from None

    def move_clock(self, scope: Scope, offset_seconds: int) -> None:
        """Set how far a test site's clock is from the real one, if it is not further on already.

        Other settings stay. Raises `Lost` if the site has started afresh: its clock is another one.
        """
        for _ in range(_TRIES):
            site = self.get(scope.site)
            assert site is not None, "sites are never removed"
            if site.scope != scope:
                raise Lost
            if site.clock_offset_seconds >= offset_seconds:
                return
            try:
                self.replace(replace(site, clock_offset_seconds=offset_seconds), over=site)
            except Lost:
                continue
            return
        raise Unavailable("other changes came first every time")

    def test_scopes(self) -> list[Scope]:
        """Read the scopes in which all test sites began, each of which has its own clock."""
        return self._noted(f"{keys.SYSTEM}#clocks")

    def scopes(self) -> list[Scope]:
        """Read the scopes in which all sites began."""
        return self._noted(f"{keys.SYSTEM}#sites")

    def _noted(self, pk: str) -> list[Scope]:
        scopes = []
        for row in self._table.query(Range(pk=pk, first=" ", last="~")):
            site_id, generation = text(row, "sk").rsplit("~", 1)
            scopes.append(Scope(site_id, int(generation)))
        return scopes


class ThisSite:
    """One site, as the use cases of its requests see it."""

    def __init__(self, table: Table, site_id: str) -> None:
        self._sites = StoredSites(table)
        self._id = site_id

    def get(self) -> Site:
        """Read the site."""
        site = self._sites.get(self._id)
        assert site is not None, "sites are never removed"
        return site


def _as_it_was(over: Site) -> All:
    """Return the condition that a site has the settings and the generation that were read."""
    return all_of(
        equals("generation", over.scope.generation),
        equals("settings", item_from_site(over)["settings"]),
    )


def item_from_site(site: Site) -> Item:
    """Return the stored form of a site; of the settings, what is empty is absent."""
    return {
        **keys.site(site.scope.site)._asdict(),
        "s": keys.SCHEMA,
        "id": site.scope.site,
        "generation": site.scope.generation,
        "test": site.test,
        "created_at": instant_text(site.created_at),
        **_item_from_generations(site),
        "settings": {
            "timezone": site.timezone,
            "currency": site.currency,
            "seller": item_from_address(site.seller),
            "number_prefix": site.number_prefix,
            **_item_from_series(site),
            "aggregation": site.aggregation.value,
            "tax_rounding": site.tax_rounding.value,
            "late": site.late.value,
            "clock_offset_seconds": site.clock_offset_seconds,
            **item_from_closing(site.closing),
            **without_none({"usage_records_max": site.usage_records_max}),
            **_item_from_bounds(site.bounds),
        },
    }


def site_from_item(item: Item) -> Site:
    """Read a site from its stored form."""
    settings = mapping(item, "settings")
    return Site(
        scope=Scope(text(item, "id"), number(item, "generation")),
        test=flag(item, "test"),
        timezone=text(settings, "timezone"),
        currency=text(settings, "currency"),
        created_at=instant(item, "created_at"),
        seller=address_from_item(mapping(settings, "seller")),
        closing=closing_from_item(settings) or DEFAULT_CLOSING,
        number_prefix=text(settings, "number_prefix"),
        former_prefixes=texts(settings, "former_prefixes"),
        series=tuple(
            Series(text(each, "id"), text(each, "prefix"), texts(each, "former"))
            for each in maps_or_none(settings, "series")
        ),
        aggregation=Aggregation(text(settings, "aggregation")),
        tax_rounding=TaxRounding(text(settings, "tax_rounding")),
        late=LatePolicy(text(settings, "late")),
        usage_records_max=number_or_none(settings, "usage_records_max"),
        bounds=_bounds_from_item(settings),
        clock_offset_seconds=number(settings, "clock_offset_seconds"),
        genesis=instant_or_none(item, "genesis"),
        former=_former_from_item(item),
    )


def _item_from_generations(site: Site) -> Item:
    """Return what is kept of the clocks of a site that started afresh, nothing of any other."""
    if site.genesis is None or site.former is None:
        return {}
    first, last = map(instant_text, site.former)
    return {"genesis": instant_text(site.genesis), "former": {"first": first, "last": last}}


def _former_from_item(item: Item) -> tuple[datetime, datetime] | None:
    if item.get("former") is None:
        return None
    former = mapping(item, "former")
    return instant(former, "first"), instant(former, "last")


def _item_from_bounds(bounds: "AmountBounds | None") -> Item:
    """Return the attribute `bounds`, nothing if there are none."""
    if bounds is None:
        return {}
    highest: dict[str, Value] = {each.currency: str(each.minor) for each in bounds.highest}
    factor = None if bounds.factor is None else str(bounds.factor)
    return {"bounds": {"highest": highest, "factor": factor}}


def _bounds_from_item(settings: Mapping[str, Value]) -> "AmountBounds | None":
    """Read the attribute `bounds`."""
    if settings.get("bounds") is None:
        return None
    # Few sites have any, and the recorder reads sites as well.
    from postpaid.domain.bounds import AmountBounds  # noqa: PLC0415
    from postpaid.domain.money import Money  # noqa: PLC0415

    plain = mapping(settings, "bounds")
    highest = mapping(plain, "highest")
    factor = text_or_none(plain, "factor")
    return AmountBounds(
        tuple(Money(int(text(highest, code)), code) for code in sorted(highest)),
        None if factor is None else Decimal(factor),
    )


def _item_from_series(site: Site) -> Item:
    series: list[Value] = [
        without_none({"id": each.id, "prefix": each.prefix, "former": list(each.former) or None})
        for each in site.series
    ]
    return without_none(
        {"former_prefixes": list(site.former_prefixes) or None, "series": series or None}
    )


def clock_name(site: Site) -> str:
    """Return the name of the clock a site's due times are on: its own, or the live one."""
    return keys.scope_text(site.scope) if site.test else keys.LIVE
