"""Correcting a usage: over exactly the version that is known, once, and told where it is billed."""

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from postpaid.application.correct_usage import CorrectUsage, correct_usage
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.site import LatePolicy
from postpaid.domain.term import BillingState
from postpaid.domain.usage import UsageKey
from tests.support.changes import a_shop, next_invoice
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_shards")

KEY = UsageKey("sub", at("2026-10-05"), "minutes")


@pytest.fixture
def world() -> World:
    """A hundred minutes of the fifth of October, recorded that month."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("100", "2026-10-05", note="first")
    return world


def correct(world: World, quantity: str, version: int = 1, **more: Any) -> RecordedUsage:
    return correct_usage(
        CorrectUsage(key=KEY, version=version, quantity=Decimal(quantity), **more),
        subscriptions=world.stores.subscriptions,
        ledger=world.stores.ledger,
        terms=world.stores.terms,
        now=world.now,
    )


def test_a_corrected_usage_still_knows_the_request_that_recorded_it(world: World) -> None:
    key = world.record("7", "2026-10-06", request="digest").usage.key
    correct_usage(
        CorrectUsage(key=key, version=1, quantity=Decimal(8)),
        subscriptions=world.stores.subscriptions,
        ledger=world.stores.ledger,
        terms=world.stores.terms,
        now=world.now,
    )
    world.delete(key)

    with pytest.raises(Conflict) as refusal:
        world.record("7", "2026-10-06", request="digest")

    assert refusal.value.code == "usage_deleted"
    there = world.ledger().get(key)
    assert there is not None
    assert (there.deleted, there.version) == (True, 3)


def test_a_correction_is_the_next_version_and_is_what_is_billed(world: World) -> None:
    corrected = correct(world, "361", note="recounted")

    assert (corrected.usage.version, corrected.usage.quantity) == (2, Decimal(361))
    assert (corrected.usage.note, corrected.replayed, corrected.billing) == (
        "recounted",
        False,
        "on_time",
    )
    assert world.ledger().get(KEY) == corrected.usage
    assert next_invoice(world, "2026-11-01T00:10")[1] == ("usage", "minutes", "36.10")


def test_a_correction_that_comes_again_finds_itself(world: World) -> None:
    first = correct(world, "361")

    again = correct(world, "361")

    assert again.usage == first.usage
    assert again.replayed


@pytest.mark.parametrize("version", [0, 2, 7])
def test_a_correction_over_another_version_is_shown_what_there_is(
    world: World, version: int
) -> None:
    with pytest.raises(Conflict) as refusal:
        correct(world, "5", version)

    assert (refusal.value.code, refusal.value.field) == ("version_mismatch", "If-Match")
    assert refusal.value.details == {"version": 1, "recorded_quantity": "100"}


def test_what_is_not_there_or_deleted_is_not_corrected(world: World) -> None:
    world.delete(KEY)
    with pytest.raises(NotFound):
        correct(world, "5", 2)
    with pytest.raises(NotFound):
        correct_usage(
            CorrectUsage(
                key=UsageKey("sub", at("2026-10-06"), "minutes"), version=1, quantity=Decimal(1)
            ),
            subscriptions=world.stores.subscriptions,
            ledger=world.stores.ledger,
            terms=world.stores.terms,
            now=world.now,
        )


def test_of_two_that_correct_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    for run in every_meeting(world, lambda w: correct(w, "5"), lambda w: correct(w, "6")):
        came = [each for each in (run.first, run.second) if isinstance(each, RecordedUsage)]
        [refused] = [each for each in (run.first, run.second) if isinstance(each, Conflict)]
        assert len(came) == 1
        assert refused.details["version"] == 2
        there = run.world.ledger().get(KEY)
        assert there is not None
        assert there.quantity == came[0].usage.quantity


def test_a_correction_that_meets_a_deletion_does_not_bring_it_back(world: World) -> None:
    def delete(other: World) -> object:
        return other.delete(KEY)

    for pair in ((lambda w: correct(w, "5"), delete), (delete, lambda w: correct(w, "5"))):
        for run in every_meeting(world, *pair):
            there = run.world.ledger().get(KEY)
            assert there is not None
            assert there.deleted


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_correction_whose_answer_was_lost_is_made_once(
    world: World, error: type[BaseException], moment: Moment
) -> None:
    clean = world.copy()
    correct(clean, "361")
    for place in range(len(clean.calls.names)):
        tried = world.copy()
        tried.calls.arm(place, moment, fail(error("made up")))
        with suppress(Unavailable, Killed):
            correct(tried, "361")
        assert tried.calls.sprung

        again = correct(tried, "361")

        assert (again.usage.version, again.usage.quantity) == (2, Decimal(361))


def test_what_is_invoiced_stays_for_who_asks_so(world: World) -> None:
    corrected = correct(world, "5", unless_invoiced=True).usage
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    with pytest.raises(Conflict) as refusal:
        correct(world, "7", version=2, unless_invoiced=True)

    assert refusal.value.code == "usage_invoiced"
    assert world.ledger().get(KEY) == corrected
    assert correct(world, "5", unless_invoiced=True).replayed, "what was done in time is answered"
    assert correct(world, "7", version=2).billing is BillingState.LATE


def test_late_corrections_are_refused_where_nothing_late_is_taken() -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE, late=LatePolicy.REFUSE)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    world.record("1", "2026-11-01")

    asks: list[Callable[[], object]] = [
        lambda: correct(world, "5"),
        lambda: world.delete(KEY),
        lambda: world.record("5", "2026-10-06"),
    ]
    for ask in asks:
        with pytest.raises(Conflict) as refusal:
            ask()
        assert (refusal.value.code, refusal.value.field) == ("term_closed", "usage_date")
    there = world.ledger().get(KEY)
    assert there is not None
    assert (there.version, there.deleted) == (1, False)
    assert world.ledger().get(UsageKey("sub", at("2026-10-06"), "minutes")) is None


def test_a_repeat_of_what_was_done_in_time_is_answered_where_nothing_late_is_taken() -> None:
    """Once durable, never say no: a client that lost the answer must not read "refused"."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE, late=LatePolicy.REFUSE)
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        world.record("100", day, request="first")
    correct(world, "7")
    deleted = UsageKey("sub", at("2026-10-06"), "minutes")
    world.delete(deleted)
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    assert world.record("100", "2026-10-07", request="first").replayed
    assert correct(world, "7").replayed
    assert world.delete(deleted).replayed
    assert {answer.billing for answer in (world.delete(deleted), correct(world, "7"))} == {
        BillingState.LATE
    }
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: world.record("101", "2026-10-07"), "usage_conflict"),
        (lambda: world.record("100", "2026-10-06", request="first"), "usage_deleted"),
        (lambda: world.record("100", "2026-10-06", request="other"), "term_closed"),
    ]
    for ask, code in refused:
        with pytest.raises(Conflict) as refusal:
            ask()
        assert refusal.value.code == code
