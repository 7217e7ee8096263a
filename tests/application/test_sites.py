"""Creating a site and changing its settings."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.ports import Lost, Unavailable
from postpaid.application.sites import ChangeSite, CreateSite, change_site, create_site
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.money import Money
from postpaid.domain.site import DEFAULT_CLOSING, Address, Site
from postpaid.store import keys
from postpaid.store.due import StoredDue
from postpaid.store.memory import MemoryTable
from postpaid.store.sites import StoredSites
from tests.support.samples import MANUAL, SELLER, a_site, at

BOUNDS = AmountBounds((Money(100, "USD"),), Decimal(5))
NOW = at("2026-10-05T12:00")


def command(**changes: Any) -> CreateSite:
    fields: dict[str, Any] = {
        "id": "acme",
        "test": False,
        "timezone": "UTC",
        "currency": "USD",
        "seller": SELLER,
    }
    return CreateSite(**(fields | changes))


@pytest.fixture
def sites() -> StoredSites:
    return StoredSites(MemoryTable())


# --- creating


def test_a_site_begins_with_defaults(sites: StoredSites) -> None:
    site = create_site(command(), sites=sites, now=NOW)

    assert site == sites.get("acme") == a_site(created_at=NOW)
    assert site.closing == DEFAULT_CLOSING


def test_a_test_site_may_begin_in_the_past(sites: StoredSites) -> None:
    site = create_site(command(test=True, clock=at("2024-02-29")), sites=sites, now=NOW)

    assert site.created_at == at("2024-02-29")
    assert NOW + timedelta(seconds=site.clock_offset_seconds) == at("2024-02-29")


def test_a_test_site_without_a_clock_is_on_real_time(sites: StoredSites) -> None:
    assert create_site(command(test=True), sites=sites, now=NOW).clock_offset_seconds == 0


def test_the_first_sweep_begins_with_the_first_site() -> None:
    table = MemoryTable()

    create_site(command(), sites=StoredSites(table), now=NOW + timedelta(minutes=40))

    assert StoredDue(table, keys.LIVE).place() == NOW


def test_a_site_is_created_once(sites: StoredSites) -> None:
    create_site(command(), sites=sites, now=NOW)

    with pytest.raises(Conflict) as refusal:
        create_site(command(currency="EUR"), sites=sites, now=NOW)

    assert (refusal.value.code, refusal.value.field) == ("already_exists", "id")
    assert sites.get("acme") == a_site(created_at=NOW)


@pytest.mark.parametrize("site_id", ["a", "a-1", "a" * 40, "a--b-"])
def test_ids_of_sites_are_short_and_plain(sites: StoredSites, site_id: str) -> None:
    assert create_site(command(id=site_id), sites=sites, now=NOW).scope.site == site_id


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "a" * 41}, "id"),
        ({"id": "1a"}, "id"),
        ({"id": "-a"}, "id"),
        ({"id": "Acme"}, "id"),
        ({"id": "a_b"}, "id"),
        ({"id": "a~1"}, "id"),
        ({"id": "a#b"}, "id"),
        ({"id": "acme\n"}, "id"),
        ({"id": "äcme"}, "id"),
        ({"timezone": "UTC+1"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"clock": NOW}, "clock"),  # a live site has the real time
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(sites: StoredSites, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        create_site(command(**changes), sites=sites, now=NOW)

    assert refusal.value.field == field


# --- changing


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"timezone": "Asia/Kathmandu"},
        {"currency": "KWD"},
        {"closing": MANUAL},
        {"seller": Address(name="New Name")},
        {"number_prefix": ""},
        {"number_prefix": "2026/", "currency": "EUR"},
        {"bounds": BOUNDS},
    ],
    ids=str,
)
def test_what_is_not_named_stays_as_it_is(sites: StoredSites, changes: dict[str, Any]) -> None:
    sites.add(a_site(number_prefix="A-"))

    changed = change_site("acme", ChangeSite(**changes), sites=sites)

    expected = replace(a_site(number_prefix="A-"), **changes)
    if "number_prefix" in changes:
        expected = replace(expected, former_prefixes=("A-",))
    assert changed == sites.get("acme") == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "Mars"}, "timezone"),
        ({"timezone": ""}, "timezone"),
        ({"currency": ""}, "currency"),
    ],
)
def test_a_wrong_setting_changes_nothing(
    sites: StoredSites, changes: dict[str, Any], field: str
) -> None:
    sites.add(a_site())

    with pytest.raises(Invalid) as refusal:
        change_site("acme", ChangeSite(number_prefix="B-", **changes), sites=sites)

    assert refusal.value.field == field
    assert sites.get("acme") == a_site()


def test_bounds_are_replaced_whole_and_those_without_an_amount_are_none(
    sites: StoredSites,
) -> None:
    sites.add(a_site(bounds=BOUNDS))
    other = AmountBounds(factor=Decimal(2))

    assert change_site("acme", ChangeSite(bounds=other), sites=sites).bounds == other
    assert change_site("acme", ChangeSite(currency="EUR"), sites=sites).bounds == other
    assert change_site("acme", ChangeSite(bounds=AmountBounds()), sites=sites).bounds is None
    assert sites.get("acme") == a_site(currency="EUR")


class Elbowed:
    """Sites that others change between every read and write, for so many times."""

    def __init__(self, times: int) -> None:
        self._times = times
        self.site = a_site()

    def get(self, site_id: str) -> Site:
        return self.site

    def replace(self, site: Site, over: Site) -> None:
        assert over == self.site
        if self._times == 0:
            self.site = site
            return
        self._times -= 1
        self.site = replace(self.site, number_prefix=f"{self._times}-")
        raise Lost


def test_a_change_is_made_over_those_that_came_first() -> None:
    sites = Elbowed(times=3)

    change_site("acme", ChangeSite(currency="EUR"), sites=sites)

    assert (sites.site.currency, sites.site.number_prefix) == ("EUR", "0-")


def test_a_change_that_others_always_come_before_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        change_site("acme", ChangeSite(currency="EUR"), sites=Elbowed(times=4))
