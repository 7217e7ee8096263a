"""What is noted of the travels of a test site's clock."""

from dataclasses import replace

import pytest

from postpaid.application.ports import Lost
from postpaid.domain.site import Scope
from postpaid.domain.time_machine import Travel, TravelStatus
from postpaid.store.tables import Table
from postpaid.store.travels import StoredTravels
from tests.support.samples import SCOPE, at

NOVEMBER = Travel(run="one", destination=at("2026-11-01"))
DONE = replace(NOVEMBER, status=TravelStatus.SUCCEEDED)
FAILED = replace(NOVEMBER, status=TravelStatus.FAILED, reason="AssertionError")
DECEMBER = Travel(run="two", destination=at("2026-12-01"))


def test_a_travel_is_read_as_it_was_noted(billing: Table) -> None:
    travels = StoredTravels(billing, SCOPE)
    assert travels.last() is None
    was = None
    for each in (NOVEMBER, FAILED, DECEMBER):
        travels.note(each, over=was)

        assert travels.last() == each
        was = each
    assert StoredTravels(billing, Scope("acme", 2)).last() is None


@pytest.mark.parametrize("over", [None, DONE, FAILED, DECEMBER])
def test_a_travel_is_noted_over_the_one_that_was_read(billing: Table, over: Travel | None) -> None:
    travels = StoredTravels(billing, SCOPE)
    travels.note(NOVEMBER, over=None)

    with pytest.raises(Lost):
        travels.note(DECEMBER, over=over)

    assert travels.last() == NOVEMBER
