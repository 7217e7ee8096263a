"""Deleting: the record stays as a tombstone, and says where the deletion will be seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from postpaid.application.delete_usage import delete_usage
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage
from postpaid.application.replay import KEY_LIFETIME
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import BillingState
from postpaid.domain.usage import Usage, UsageKey
from tests.support.faults import Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import OCTOBER, a_usage, at
from tests.support.world import World


def test_a_usage_is_deleted_once_and_stays_so(world: World) -> None:
    usage = world.record("361", "2026-10-05").usage

    first, second = world.delete(usage.key), world.delete(usage.key)

    assert first.usage == second.usage == replace(usage, deleted=True, version=2)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.billing is second.billing is BillingState.ON_TIME


def test_what_was_never_recorded_is_not_found(world: World) -> None:
    world.record("361", "2026-10-05")

    for key in (
        UsageKey("sub", at("2026-10-06"), "minutes"),
        UsageKey("sub", at("2026-10-05"), "x"),
    ):
        with pytest.raises(NotFound) as refusal:
            world.delete(key)
        assert refusal.value.code == "usage_not_found"


def test_a_deleted_usage_is_on_no_invoice(world: World) -> None:
    world.record("361", "2026-10-05")
    world.delete(world.record("100", "2026-10-06").usage.key)
    world.skip_to("2026-11-01T02:00")

    world.come_to_rest()

    [invoice] = world.issued()
    assert str(invoice.total) == "28.05"
    assert [entry[1:] for entry in world.content(invoice).manifest] == [(1, "361")]


def test_a_usage_that_was_recorded_again_is_billed_in_its_last_version(world: World) -> None:
    world.delete(world.record("100", "2026-10-05").usage.key)
    world.record("361", "2026-10-05")
    world.skip_to("2026-11-01T02:00")

    world.come_to_rest()

    [invoice] = world.issued()
    assert str(invoice.total) == "28.05"
    assert [entry[1:] for entry in world.content(invoice).manifest] == [(3, "361")]


def test_a_deletion_after_the_freeze_is_late_and_changes_no_invoice(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.skip_to("2026-11-01T02:00")
    world.come_to_rest()
    [invoice] = world.issued()

    assert world.delete(key).billing is BillingState.LATE

    assert world.issued() == [invoice]
    assert len(world.content(invoice).manifest) == 1


def test_a_deletion_while_the_term_closes_is_pending(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.skip_to("2026-11-01T00:30")
    world.sweep()
    world.stores.terms.fence("sub", OCTOBER.start, "run", world.now)

    assert world.delete(key).billing is BillingState.PENDING


def test_a_look_that_fails_leaves_the_usage_deleted_and_pending(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.calls.names.clear()
    world.calls.arm("billing.query", Moment.BEFORE, fail(Unavailable("no answer")))

    outcome = world.delete(key)

    assert world.calls.names == ["billing.get", "usages.get", "usages.update", "billing.query"]
    assert outcome.billing is BillingState.PENDING
    assert outcome.usage.deleted


@pytest.mark.parametrize("call", [0, 1])
@pytest.mark.parametrize("moment", Moment)
def test_a_deletion_without_an_answer_is_safe_to_repeat(
    world: World, call: int, moment: Moment
) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.calls.names.clear()
    world.calls.arm(call, moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        world.delete(key)

    assert world.delete(key).usage.version == 2


# --- who wants nothing deleted that is invoiced


def test_what_is_invoiced_stays_for_who_asks_so(world: World) -> None:
    keys = [world.record("361", f"2026-10-{day:02d}").usage.key for day in (5, 6)]
    world.skip_to("2026-11-01T00:30")
    world.sweep()
    assert not world.issued(), "its invoice is pending"
    in_time = world.delete(keys[0], unless_invoiced=True)
    assert (in_time.usage.deleted, in_time.billing) == (True, BillingState.ON_TIME)
    world.skip_to("2026-11-01T02:00")
    world.come_to_rest()

    for key in (keys[1], world.record("1", "2026-10-07").usage.key):
        with pytest.raises(Conflict) as refusal:
            world.delete(key, unless_invoiced=True)
        assert refusal.value.code == "usage_invoiced"
        there = world.ledger().get(key)
        assert there is not None
        assert not there.deleted
    # What was done in time is answered still.
    assert world.delete(keys[0], unless_invoiced=True).replayed
    assert world.delete(keys[1]).billing is BillingState.LATE


def test_what_was_never_recorded_is_not_found_however_it_is_asked(world: World) -> None:
    with pytest.raises(NotFound):
        world.delete(UsageKey("sub", at("2026-10-06"), "minutes"), unless_invoiced=True)


def test_a_term_that_is_closing_has_invoiced_nothing_yet(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.skip_to("2026-11-01T00:30")
    world.sweep()
    world.stores.terms.fence("sub", OCTOBER.start, "run", world.now)

    outcome = world.delete(key, unless_invoiced=True)

    assert (outcome.usage.deleted, outcome.billing) == (True, BillingState.PENDING)


def test_a_close_that_comes_between_is_billed_and_the_deletion_is_late(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.skip_to("2026-11-01T02:00")
    other = world.another_process()
    world.calls.arm("usages.update", Moment.BEFORE, other.come_to_rest)

    outcome = world.delete(key, unless_invoiced=True)

    assert world.calls.sprung
    assert (outcome.usage.deleted, outcome.billing) == (True, BillingState.LATE)
    [invoice] = world.issued()
    assert str(invoice.total) == "28.05"


# --- who deleted it


def test_a_tombstone_says_who_made_it_and_no_other_becomes_its_maker(world: World) -> None:
    key = world.record("361", "2026-10-05", request="recorder").usage.key

    outcomes = [world.delete(key, deletion=name) for name in ("one", "one", "two", None)]

    assert [each.usage.deletion for each in outcomes] == ["one"] * 4
    assert [each.replayed for each in outcomes] == [False, True, True, True]
    assert outcomes[0].usage.request == "recorder"


def test_of_two_at_once_one_is_told_that_it_was_the_other(world: World) -> None:
    def by(name: str) -> Callable[[World], RecordedUsage]:
        return lambda each: each.delete(key, deletion=name)

    key = world.record("361", "2026-10-05").usage.key

    for run in every_meeting(world, by("one"), by("two")):
        outcomes = {"one": run.first, "two": run.second}
        told = [each for each in outcomes.values() if isinstance(each, RecordedUsage)]
        assert len(told) == 2
        [maker] = {each.usage.deletion for each in told}
        mine = {name for name, each in outcomes.items() if not getattr(each, "replayed", True)}
        assert mine == {maker}


def test_a_late_copy_of_a_deletion_leaves_what_was_added_again(world: World) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.delete(key, deletion="one")
    again = world.record("362", "2026-10-05").usage
    assert not again.deleted

    late = world.delete(key, deletion="one", now=world.now + KEY_LIFETIME - timedelta(seconds=1))

    assert (late.usage, late.replayed) == (again, True)
    assert world.stores.ledger.of(world.subscription_of()).get(key) == again
    other = world.delete(key, deletion="two")
    assert (other.usage.deleted, other.usage.deletion, other.replayed) == (True, "two", False)


@pytest.mark.parametrize("deletion", ["one", None])
def test_another_deletion_or_the_same_key_much_later_deletes_what_was_added_again(
    world: World, deletion: str | None
) -> None:
    key = world.record("361", "2026-10-05").usage.key
    world.delete(key, deletion="one")
    world.record("362", "2026-10-05")

    outcome = world.delete(key, deletion=deletion, now=world.now + KEY_LIFETIME)

    assert (outcome.usage.deleted, outcome.usage.deletion, outcome.replayed) == (True, "one", False)
    assert world.stores.ledger.of(world.subscription_of()).get(key) == outcome.usage


@dataclass
class Fickle:
    """A ledger in which the usage is another version after every read."""

    version: int = 1

    def of(self, subscription: Subscription) -> "Fickle":
        return self

    def get(self, key: UsageKey) -> Usage:
        self.version += 1
        return a_usage(version=self.version)

    def delete(self, usage: Usage, *, deletion: str | None = None) -> Usage | None:
        return None


def test_a_usage_that_changes_under_every_attempt_is_unavailable(world: World) -> None:
    ledger: object = Fickle()

    with pytest.raises(Unavailable):
        delete_usage(
            a_usage().key,
            subscriptions=world.stores.subscriptions,
            ledger=ledger,  # type: ignore[arg-type]
            terms=world.stores.terms,
            now=world.now,
        )
