"""The due index, hour by hour, and the dispatcher's place in it."""

from datetime import timedelta

import pytest

from postpaid.application.due_terms import Due
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.due import StoredDue, due_invoice, due_scope, due_term
from postpaid.store.invoices import item_from_invoice
from postpaid.store.sites import StoredSites
from postpaid.store.tables import Put, Table
from postpaid.store.terms import item_from_term
from tests.support.samples import NOVEMBER, SCOPE, a_site, a_term, an_invoice, at

NOON = at("2026-11-01T12:00")
HOUR = timedelta(hours=1)
SUBSCRIPTIONS = [f"sub-{n}" for n in range(40)]


def test_an_hour_holds_what_is_due_in_it(billing: Table) -> None:
    for n, subscription_id in enumerate(SUBSCRIPTIONS):
        term = a_term(subscription_id=subscription_id, due_at=NOON + timedelta(minutes=3 * n))
        billing.put(Put(item_from_term(SCOPE, keys.LIVE, term, NOON)))
    index = StoredDue(billing, keys.LIVE)

    hours = [list(index.in_hour(NOON + n * HOUR, NOON + 5 * HOUR)) for n in range(-1, 3)]

    assert [len(hour) for hour in hours] == [0, 20, 20, 0]
    assert {due_term(due) for hour in hours for due in hour} == {
        (subscription_id, a_term().period.start) for subscription_id in SUBSCRIPTIONS
    }


def test_an_hour_is_read_up_to_an_instant(billing: Table) -> None:
    term = a_term(due_at=NOON + timedelta(minutes=30))
    billing.put(Put(item_from_term(SCOPE, keys.LIVE, term, NOON)))
    index = StoredDue(billing, keys.LIVE)

    assert list(index.in_hour(NOON, NOON + timedelta(minutes=30, seconds=-1))) == []
    assert len(list(index.in_hour(NOON, NOON + timedelta(minutes=30)))) == 1


def test_what_is_overdue_when_it_is_stored_goes_into_the_present_hour(billing: Table) -> None:
    billing.put(Put(item_from_term(SCOPE, keys.LIVE, a_term(due_at=at("2026-03-01")), NOON)))
    index = StoredDue(billing, keys.LIVE)

    assert list(index.in_hour(at("2026-03-01"), NOON)) == []
    assert len(list(index.in_hour(NOON, NOON))) == 1


def test_clocks_do_not_see_each_other(billing: Table) -> None:
    billing.put(Put(item_from_term(SCOPE, "acme~1", a_term(due_at=NOON), NOON)))

    assert list(StoredDue(billing, keys.LIVE).in_hour(NOON, NOON)) == []
    assert len(list(StoredDue(billing, "acme~1").in_hour(NOON, NOON))) == 1


def test_a_due_thing_says_what_it_is(billing: Table) -> None:
    scope = Scope("acme", 12)
    term = a_term(subscription_id="s#u~b%", due_at=NOON)
    invoice = an_invoice(None, due_at=NOON)
    billing.put(Put(item_from_term(scope, keys.LIVE, term, NOON)))
    billing.put(Put(item_from_invoice(scope, keys.LIVE, invoice, NOON)))

    found = list(StoredDue(billing, keys.LIVE).in_hour(NOON, NOON))

    assert {due_scope(due) for due in found} == {scope}
    terms = [due for due in found if due_term(due) is not None]
    [other] = [due for due in found if due_term(due) is None]
    assert [due_term(due) for due in terms] == [("s#u~b%", term.period.start)]
    assert due_invoice(other) == invoice.id


def test_an_unfinished_invoice_without_a_time_is_not_due(billing: Table) -> None:
    item = item_from_invoice(SCOPE, keys.LIVE, an_invoice(), NOVEMBER.start)

    assert not {"dpk", "dsk", "due_at"} & item.keys()


# --- the dispatcher's place


def test_there_is_no_place_before_there_is_a_site(billing: Table) -> None:
    assert StoredDue(billing, keys.LIVE).place() is None


def test_a_place_is_remembered_and_only_moves_on(billing: Table) -> None:
    index = StoredDue(billing, keys.LIVE)
    index.begin(NOON + timedelta(minutes=59))
    assert index.place() == NOON

    index.remember(NOON + 3 * HOUR)
    index.remember(NOON + 2 * HOUR)  # a slower sweep ends after a faster one
    assert index.place() == NOON + 3 * HOUR
    index.remember(NOON + 4 * HOUR)
    assert index.place() == NOON + 4 * HOUR


def test_the_first_site_begins_the_clock_and_no_later_one_moves_it(billing: Table) -> None:
    sites, index = StoredSites(billing), StoredDue(billing, keys.LIVE)
    sites.add(a_site(created_at=NOON))
    index.remember(NOON + 5 * HOUR)
    sites.add(a_site(scope=Scope("other"), created_at=NOON + HOUR))

    assert index.place() == NOON + 5 * HOUR
    assert StoredDue(billing, "acme~1").place() is None


def test_a_test_site_begins_a_clock_of_its_own(billing: Table) -> None:
    site = a_site(test=True, clock_offset_seconds=60, created_at=at("2020-02-29T23:30"))

    StoredSites(billing).add(site)

    assert StoredDue(billing, "acme~1").place() == at("2020-02-29T23:00")
    assert StoredDue(billing, keys.LIVE).place() is None


@pytest.mark.parametrize(
    ("due", "scope"),
    [
        (Due("acme~1#subscription#sub", "TERM#2026-10-01T00:00:00Z"), Scope("acme")),
        (Due("a-b~31#invoice#inv_x", "META"), Scope("a-b", 31)),
    ],
)
def test_a_due_key_names_its_site(due: Due, scope: Scope) -> None:
    assert due_scope(due) == scope
