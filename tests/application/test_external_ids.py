"""External ids: a client's own name for a usage, which never names another one of the site."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.correct_usage import CorrectUsage, correct_usage
from postpaid.application.due_terms import Due
from postpaid.application.find_usage import find_usage
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.site import LatePolicy
from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.domain.term import BillingState
from postpaid.domain.usage import Recording, Usage, UsageKey
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import TransactionRefused
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.samples import AUTO_AT_ONCE, OCTOBER, SCOPE, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

KEY = UsageKey("sub", at("2026-10-05"), "minutes")


def record(
    world: World, external_id: str | None = "x", on: str = "2026-10-05", **more: Any
) -> RecordedUsage:
    return world.record(more.pop("quantity", "361"), on, external_id=external_id, **more)


def found(world: World, external_id: str) -> Usage | None:
    stores = world.stores
    return find_usage(external_id, subscriptions=stores.subscriptions, ledger=stores.ledger)


def refused(ask: Callable[[], object]) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        ask()
    return refusal.value


def audit(world: World) -> None:
    """Check that what goes with usages is there exactly where its usage is."""
    assert isinstance(world.usages, MemoryTable)
    items = world.usages.items()
    entries = {item["pk"]: item for item in items if "#~external#" in str(item["pk"])}
    counts = [item["n"] for item in items if "#~count#" in str(item["pk"])]
    usages = [item for item in items if "q" in item]
    places = {(item["pk"], item["sk"]) for item in usages}
    assert len(entries) + len(counts) + len(usages) == len(items)
    for entry in entries.values():
        key = keys.usage_from_sk(str(entry["subscription_id"]), str(entry["place"]))
        shards = world.subscription_of(key.subscription_id).usage_shards
        assert keys.usage_key(SCOPE, key, shards) in places
    for item in usages:
        if "x" in item:
            entry = entries[keys.external_id(SCOPE, str(item["x"])).pk]
            assert entry["place"] == item["sk"]
    maximum = world.subscription_of().usage_records_max
    assert counts == ([len(usages)] if maximum is not None and usages else [])


# --- one at a time


def test_a_usage_is_recorded_and_found_under_its_external_id(world: World) -> None:
    outcome = record(world)

    assert (outcome.usage.external_id, outcome.usage.key) == ("x", KEY)
    assert (outcome.replayed, outcome.billing) == (False, BillingState.ON_TIME)
    assert found(world, "x") == world.ledger().get(KEY) == outcome.usage
    assert found(world, "y") is None


@pytest.mark.parametrize("external_id", ["", "a/b", "é", " x", "..", "x" * 101])
def test_nothing_is_found_under_what_is_no_id(world: World, external_id: str) -> None:
    for ask in (lambda: found(world, external_id), lambda: record(world, external_id)):
        with pytest.raises(Invalid) as refusal:
            ask()
        assert (refusal.value.code, refusal.value.field) == ("invalid_field", "external_id")
    assert isinstance(world.usages, MemoryTable)
    assert world.usages.items() == []


@pytest.mark.parametrize("external_id", ["x", None])
def test_a_repeat_is_a_replay_that_need_not_name_it(world: World, external_id: str | None) -> None:
    first = record(world)

    again = record(world, external_id)

    assert again == replace(first, replayed=True)


def test_a_usage_that_is_there_gets_no_external_id_and_no_other(world: World) -> None:
    record(world, None, "2026-10-04")
    record(world, "x", "2026-10-05")

    plain = refused(lambda: record(world, "y", "2026-10-04"))
    other = refused(lambda: record(world, "y", "2026-10-05"))

    for refusal, recorded in ((plain, None), (other, "x")):
        assert (refusal.code, refusal.field) == ("usage_conflict", "external_id")
        assert refusal.details == {
            "recorded_external_id": recorded,
            "submitted_external_id": "y",
        }
    assert found(world, "y") is None
    audit(world)


@pytest.mark.parametrize("usage_shards", [1, 3, USAGE_SHARDS_MAX])
def test_a_usage_is_found_in_whatever_shard_it_is(usage_shards: int) -> None:
    world = World.voip(usage_shards)
    days = [f"2026-10-{day:02d}" for day in range(1, 6)]
    made = [record(world, day, day).usage for day in days]

    assert [found(world, day) for day in days] == made
    assert refused(lambda: record(world, days[0], days[1])).code == "usage_conflict"
    world.delete(made[0].key)
    assert found(world, days[0]) is None
    again = record(world, "again", days[0]).usage
    assert found(world, "again") == again
    audit(world)


@pytest.mark.parametrize("maximum", [None, 1])
def test_where_nothing_late_is_taken_a_repeat_of_what_came_in_time_is_one(
    maximum: int | None,
) -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription(
        "minutes",
        start="2026-10-01",
        closing=AUTO_AT_ONCE,
        late=LatePolicy.REFUSE,
        usage_records_max=maximum,
    )
    first = record(world)
    world.skip_to("2026-11-01T01:00")
    world.come_to_rest()

    for external_id in ("x", None):
        again = record(world, external_id)
        assert (again.usage, again.replayed) == (first.usage, True)
        assert again.billing is BillingState.LATE
    other = refused(lambda: record(world, "y"))
    assert (other.code, other.field) == ("usage_conflict", "external_id")
    for external_id in ("x", "y", None):
        late = refused(lambda it=external_id: record(world, it, "2026-10-06"))  # type: ignore[misc]
        assert late.code == "term_closed"
    assert found(world, "x") == first.usage
    assert found(world, "y") is None
    audit(world)


def test_another_quantity_is_a_conflict_whatever_it_is_called(world: World) -> None:
    record(world, "x", "2026-10-04")
    record(world, "y", "2026-10-05")

    for external_id in ("x", "y", "z", None):
        refusal = refused(lambda it=external_id: record(world, it, quantity="1"))  # type: ignore[misc]
        assert (refusal.code, refusal.field) == ("usage_conflict", "quantity")


def test_an_external_id_that_is_taken_says_by_which_usage(world: World) -> None:
    world.price("calls", "0.01", recording=Recording.EVENTS)
    world.subscription("calls", subscription_id="events", start="2026-10-01")
    event = {"item_price_id": "calls", "subscription_id": "events", "event_id": "e1"}
    record(world, "e", **event)
    record(world, "x")

    taken = {name: refused(lambda it=name: record(world, it, "2026-10-06")) for name in "ex"}  # type: ignore[misc]

    assert {(each.code, each.field) for each in taken.values()} == {
        ("external_id_taken", "external_id")
    }
    where = {"usage_date": "2026-10-05T00:00:00Z"}
    assert taken["x"].details == where | {
        "subscription_id": "sub",
        "line_id": "minutes",
        "event_id": None,
    }
    assert taken["e"].details == where | {
        "subscription_id": "events",
        "line_id": "calls",
        "event_id": "e1",
    }
    assert world.ledger().get(replace(KEY, at=at("2026-10-06"))) is None


def test_a_deleted_usage_is_found_no_more_and_keeps_its_external_id(world: World) -> None:
    record(world)
    assert world.delete(KEY).usage.external_id == "x"

    assert found(world, "x") is None
    assert refused(lambda: record(world, "x", "2026-10-06")).code == "external_id_taken"
    audit(world)


@pytest.mark.parametrize("external_id", ["x", "y", None])
def test_it_is_recorded_again_under_the_same_another_or_none(
    world: World, external_id: str | None
) -> None:
    record(world)
    world.delete(KEY)

    again = record(world, external_id, quantity="7")

    assert (again.usage.version, again.usage.external_id, again.replayed) == (3, external_id, False)
    for each in ("x", "y"):
        assert found(world, each) == (again.usage if each == external_id else None)
    audit(world)
    # A packet of the first request that comes now brings nothing back and moves nothing.
    refusal = refused(lambda: record(world))
    assert (refusal.code, refusal.field) == ("usage_conflict", "quantity")
    assert world.ledger().get(KEY) == again.usage


def test_it_is_not_recorded_again_under_what_another_usage_has(world: World) -> None:
    record(world, "y", "2026-10-04")
    record(world, "x")
    world.delete(KEY)

    assert refused(lambda: record(world, "y")).code == "external_id_taken"

    there = world.ledger().get(KEY)
    assert there is not None
    assert (there.version, there.deleted, there.external_id) == (2, True, "x")


def test_a_request_that_was_answered_does_not_undo_a_deletion(world: World) -> None:
    record(world, request="digest")
    world.delete(KEY)

    assert refused(lambda: record(world, request="digest")).code == "usage_deleted"


def test_a_correction_keeps_it(world: World) -> None:
    record(world)
    stores = world.stores

    corrected = correct_usage(
        CorrectUsage(key=KEY, version=1, quantity=Decimal(5)),
        subscriptions=stores.subscriptions,
        ledger=stores.ledger,
        terms=stores.terms,
        now=world.now,
    )

    assert (corrected.usage.external_id, corrected.usage.version) == ("x", 2)
    assert found(world, "x") == corrected.usage


# --- faults


def named_and_counted() -> World:
    """A subscription that takes three usages."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", usage_records_max=3)
    return world


def life(world: World) -> None:
    """Record three usages, one of them over its own tombstone and under another name."""
    requests: list[Callable[[], object]] = [
        lambda: record(world, "x", "2026-10-04"),
        lambda: record(world, "y"),
        lambda: world.delete(KEY),
        lambda: record(world, "z"),
        lambda: record(world, None, "2026-10-03"),
        lambda: record(world, "x", "2026-10-04"),
    ]
    for ask in requests:
        try:
            ask()
        except (Unavailable, Killed):
            ask()


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_one_fault_anywhere_records_names_and_counts_once(
    error: type[BaseException], moment: Moment
) -> None:
    begin = named_and_counted()
    clean = begin.copy()
    life(clean)
    calls = len(clean.calls.names)
    assert calls == 20

    for at_call in range(calls):
        world = begin.copy()
        world.calls.arm(at_call, moment, fail(error("a fault")))
        life(world)
        assert world.calls.sprung
        audit(world)
        usages = world.ledger().in_period(OCTOBER)
        assert [(each.external_id, each.deleted) for each in usages] == [
            (None, False),
            ("x", False),
            ("z", False),
        ]


def test_a_transaction_that_meets_another_is_done_anew() -> None:
    begin = named_and_counted()
    clean = begin.copy()
    life(clean)
    calls = [n for n, name in enumerate(clean.calls.names) if name == "usages.transact"]
    assert len(calls) == 6  # the tombstone and the replay are met by one each

    for at_call in calls:
        world = begin.copy()
        world.calls.arm(at_call, Moment.BEFORE, fail(TransactionRefused({}, frozenset({0}))))
        life(world)
        assert world.calls.sprung
        audit(world)


# --- meetings


def outcomes(*results: object) -> list[str]:
    """Return what each was told, in order of the words."""
    return sorted(
        result.code
        if isinstance(result, Conflict)
        else "replayed"
        if isinstance(result, RecordedUsage) and result.replayed
        else "recorded"
        for result in results
    )


@pytest.mark.parametrize("maximum", [None, 9])
def test_of_two_who_give_one_external_id_to_two_dates_one_wins(maximum: int | None) -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", usage_records_max=maximum)
    seen = set()

    for run in every_meeting(world, record, lambda world: record(world, "x", "2026-10-06")):
        assert outcomes(run.first, run.second) == ["external_id_taken", "recorded"]
        [won] = run.world.ledger().in_period(OCTOBER)
        assert found(run.world, "x") == won
        [lost] = [each for each in (run.first, run.second) if isinstance(each, Conflict)]
        assert lost.details["usage_date"] == f"{won.key.at:%Y-%m-%dT%H:%M:%SZ}"
        audit(run.world)
        seen.add(won.key.at)

    assert len(seen) == 2, "either may win"


@pytest.mark.parametrize(
    ("external_id", "quantity", "told"),
    [
        ("x", "361", ["recorded", "replayed"]),
        ("x", "1", ["recorded", "usage_conflict"]),
        ("y", "361", ["recorded", "usage_conflict"]),
    ],
)
def test_two_who_record_one_usage_agree_on_one_fact(
    external_id: str, quantity: str, told: list[str]
) -> None:
    for run in every_meeting(
        World.voip(), record, lambda world: record(world, external_id, quantity=quantity)
    ):
        assert outcomes(run.first, run.second) == told
        audit(run.world)


def test_of_two_who_name_it_and_do_not_either_may_come_first() -> None:
    for run in every_meeting(World.voip(), record, lambda world: record(world, None)):
        # What was recorded without a name has none; what was recorded with one is met without.
        assert outcomes(run.first, run.second) in (
            ["recorded", "replayed"],
            ["recorded", "usage_conflict"],
        )
        audit(run.world)


@pytest.mark.parametrize("other", ["x", "y"])
def test_two_who_record_again_over_one_tombstone_make_one_usage(other: str) -> None:
    world = World.voip()
    record(world, "w")
    world.delete(KEY)

    for run in every_meeting(world, record, lambda world: record(world, other)):
        assert outcomes(run.first, run.second) == [
            "recorded",
            "replayed" if other == "x" else "usage_conflict",
        ]
        there = run.world.ledger().get(KEY)
        assert there is not None
        assert (there.version, there.deleted) == (3, False)
        audit(run.world)


def test_recording_again_and_another_date_meet_at_one_external_id() -> None:
    world = World.voip()
    record(world, "w")
    world.delete(KEY)
    elsewhere = lambda world: record(world, "x", "2026-10-06")  # noqa: E731

    for pair in ((record, elsewhere), (elsewhere, record)):
        for run in every_meeting(world, *pair):
            assert outcomes(run.first, run.second) == ["external_id_taken", "recorded"]
            audit(run.world)
            live = [each for each in run.world.ledger().in_period(OCTOBER) if not each.deleted]
            assert [each.external_id for each in live] == ["x"]


@pytest.mark.parametrize("maximum", [None, 2])
@pytest.mark.parametrize("closer_first", [True, False])
def test_what_a_recording_is_told_is_true_where_its_put_is_a_transaction(
    closer_first: bool, maximum: int | None
) -> None:
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", usage_records_max=maximum)
    world.record("61", "2026-10-04")
    world.skip_to("2026-11-01T01:00")
    term = Due(*keys.term(SCOPE, "sub", OCTOBER.start))

    def visit(world: World) -> object:
        assert world.visit(term)
        return None

    told = set()
    for run in every_meeting(world, *((visit, record) if closer_first else (record, visit))):
        answer = run.second if closer_first else run.first
        assert isinstance(answer, RecordedUsage)
        told.add(answer.billing)
        [invoice] = [each for each in run.world.invoices() if each.term_start == OCTOBER.start]
        billed = [place for place, _, _ in run.world.content(invoice).manifest]
        if answer.billing is BillingState.ON_TIME:
            assert keys.usage_sk(KEY) in billed
        if answer.billing is BillingState.LATE and closer_first:
            assert keys.usage_sk(KEY) not in billed
    assert told >= {BillingState.ON_TIME, BillingState.LATE}
