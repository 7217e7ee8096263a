"""Sites, their settings and the clocks of those that are tests."""

from dataclasses import replace
from decimal import Decimal

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.money import Money
from postpaid.domain.series import Series
from postpaid.domain.site import Address, Scope, Site
from postpaid.store import keys
from postpaid.store.due import StoredDue
from postpaid.store.fields import mapping
from postpaid.store.sites import StoredSites, ThisSite, clock_name
from postpaid.store.tables import Table
from tests.support.samples import MANUAL, SELLER, a_site, at

TEST_SITE = a_site(scope=Scope("sandbox", 3), test=True, clock_offset_seconds=-86_400)


@pytest.fixture
def sites(billing: Table) -> StoredSites:
    return StoredSites(billing)


@pytest.mark.parametrize(
    "site",
    [
        a_site(),
        TEST_SITE,
        replace(TEST_SITE, genesis=at("2025-02-01"), former=(at("2024-12-31"), at("2027-01-01"))),
        a_site(
            timezone="Asia/Kathmandu",
            currency="KWD",
            closing=MANUAL,
            number_prefix="",
            seller=Address(name="Ünïcode AG"),
        ),
        a_site(bounds=AmountBounds((Money(10**30, "EUR"), Money(0, "USD")), Decimal("2.5"))),
        a_site(bounds=AmountBounds(factor=Decimal(1000))),
        a_site(bounds=AmountBounds((Money(1, "JPY"),))),
        a_site(
            former_prefixes=("", "OLD-"),
            series=(Series("e#u", "EU-"), Series("us", "US-", ("U-", "USA-"))),
        ),
    ],
)
def test_a_site_is_read_as_it_was_stored(billing: Table, sites: StoredSites, site: Site) -> None:
    sites.add(site)

    assert sites.get(site.scope.site) == site
    assert ThisSite(billing, site.scope.site).get() == site
    assert sites.get("other") is None


def test_a_site_is_added_once(sites: StoredSites) -> None:
    sites.add(a_site())

    with pytest.raises(Lost):
        sites.add(a_site(currency="EUR"))

    assert sites.get("acme") == a_site()


def test_settings_are_replaced_over_the_ones_they_were_made_from(sites: StoredSites) -> None:
    sites.add(a_site())
    german = replace(a_site(), timezone="Europe/Berlin", closing=MANUAL)
    richer = replace(german, seller=replace(SELLER, email="a@acme.example", lines=()))

    sites.replace(german, over=a_site())
    sites.replace(richer, over=german)

    assert sites.get("acme") == richer


def test_settings_that_were_stored_before_there_were_series_are_replaced(
    billing: Table, sites: StoredSites
) -> None:
    sites.add(a_site())
    stored = billing.get(keys.site("acme"))
    assert stored is not None
    assert not {"series", "former_prefixes"} & mapping(stored, "settings").keys()
    numbered = replace(a_site(), series=(Series("eu", "EU-"),), former_prefixes=("A-",))

    sites.replace(numbered, over=a_site())

    assert sites.get("acme") == numbered


def test_a_change_made_over_other_series_is_lost(sites: StoredSites) -> None:
    there = a_site(series=(Series("eu", "EU-", ("E-",)),))
    sites.add(there)

    for over in (
        a_site(),
        a_site(series=(Series("eu", "EU-"),)),
        a_site(series=there.series, former_prefixes=("A-",)),
    ):
        with pytest.raises(Lost):
            sites.replace(a_site(currency="EUR"), over=over)

    assert sites.get("acme") == there


def test_a_change_made_from_other_settings_is_lost(sites: StoredSites) -> None:
    sites.add(a_site())
    german = replace(a_site(), timezone="Europe/Berlin")
    sites.replace(german, over=a_site())

    with pytest.raises(Lost):
        sites.replace(replace(a_site(), currency="EUR"), over=a_site())
    with pytest.raises(Lost):
        sites.replace(a_site(scope=Scope("other")), over=a_site(scope=Scope("other")))

    assert sites.get("acme") == german


AFRESH = replace(
    TEST_SITE,
    scope=Scope("sandbox", 4),
    clock_offset_seconds=-3_600,
    genesis=at("2025-02-01"),
    former=(at("2024-12-31"), at("2027-01-01")),
)


def test_a_site_that_starts_afresh_has_its_next_generation_and_a_clock_that_begins(
    billing: Table, sites: StoredSites
) -> None:
    sites.add(TEST_SITE)

    sites.begin_generation(AFRESH, over=TEST_SITE)

    assert sites.get("sandbox") == AFRESH
    assert AFRESH.began == at("2025-02-01")
    assert StoredDue(billing, "sandbox~4").place() == at("2025-02-01")
    assert sites.test_scopes() == sites.scopes() == [TEST_SITE.scope], "its notes stay"


def test_a_generation_begins_once_and_over_the_settings_that_were_read(sites: StoredSites) -> None:
    sites.add(TEST_SITE)
    richer = replace(TEST_SITE, currency="EUR")
    sites.replace(richer, over=TEST_SITE)

    with pytest.raises(Lost):
        sites.begin_generation(AFRESH, over=TEST_SITE)
    sites.begin_generation(replace(AFRESH, currency="EUR"), over=richer)
    with pytest.raises(Lost):
        sites.begin_generation(replace(AFRESH, currency="EUR"), over=richer)

    assert sites.get("sandbox") == replace(AFRESH, currency="EUR")


def test_a_change_made_in_a_generation_that_was_left_is_lost(sites: StoredSites) -> None:
    """Though the settings are the same: it would bring the old generation back."""
    sites.add(TEST_SITE)
    same = replace(AFRESH, clock_offset_seconds=TEST_SITE.clock_offset_seconds)
    sites.begin_generation(same, over=TEST_SITE)

    with pytest.raises(Lost):
        sites.replace(replace(TEST_SITE, currency="EUR"), over=TEST_SITE)
    with pytest.raises(Lost):
        sites.move_clock(TEST_SITE.scope, 86_400)

    assert sites.get("sandbox") == same


def test_a_clock_moves_on_and_never_back(sites: StoredSites) -> None:
    sites.add(TEST_SITE)

    sites.move_clock(TEST_SITE.scope, 60)
    sites.move_clock(TEST_SITE.scope, 59)

    assert sites.get("sandbox") == replace(TEST_SITE, clock_offset_seconds=60)


def test_only_test_sites_have_a_clock_of_their_own(sites: StoredSites) -> None:
    another = replace(TEST_SITE, scope=Scope("a"))
    for site in (a_site(), TEST_SITE, another):
        sites.add(site)

    assert sites.test_scopes() == [Scope("a"), Scope("sandbox", 3)]
    assert clock_name(TEST_SITE) == "sandbox~3"
    assert clock_name(a_site()) == "live"
