"""A travel of a test site's clock: begun, watched, gone on with by who looks, and ended once."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from postpaid.application.advance_clock import Hands
from postpaid.application.due_terms import Due
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.start_afresh import start_afresh
from postpaid.application.travel_forward import travel_forward
from postpaid.application.watch_clock import watch_clock
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.time_machine import TimeMachine, Travel, TravelStatus
from postpaid.store.due import StoredDue
from postpaid.store.sites import clock_name
from postpaid.store.travels import StoredTravels
from tests.support.faults import Faulty, Killed, Moment, fail
from tests.support.samples import AUTO_AT_ONCE, a_site, at
from tests.support.world import World

BEGUN = "2026-10-05T12:00"
IN_PROGRESS, SUCCEEDED = TravelStatus.IN_PROGRESS, TravelStatus.SUCCEEDED


@dataclass
class Machine:
    """Requests of one test site; each works on so many things at most."""

    world: World
    most: int = 10**6
    wrong: Callable[[], None] = lambda: None
    reported: list[Exception] = field(default_factory=list)
    runs: int = 0

    def travel(self, to: str, **more: bool) -> TimeMachine:
        self.runs += 1
        return travel_forward(
            self.world.stores.site,
            at(to),
            run=f"run-{self.runs}",
            travels=self.travels,
            hands=self.hands(),
            now=self.world.now,
            **more,
        )

    def look(self) -> TimeMachine:
        stores = self.world.stores
        return watch_clock(
            stores.site, travels=self.travels, hands=self.hands(), now=self.world.now
        )

    @property
    def travels(self) -> StoredTravels:
        return self.world.stores.travels

    def hands(self) -> Hands:
        world, site, left = self.world, self.world.stores.site, [self.most]

        def set_clock(instant: datetime) -> None:
            if world.stores.site.scope != site.scope:
                raise Lost
            world.clock.now = max(world.now, instant)

        def work(due: Due, now: datetime) -> None:
            left[0] -= 1
            self.wrong()
            world.visit(due)
            world.render()

        return Hands(
            due=StoredDue(Faulty(world.billing, world.calls, "billing"), clock_name(site)),
            set_clock=set_clock,
            work=work,
            is_late=lambda: left[0] <= 0,
            report=self.reported.append,
        )


@pytest.fixture
def machine() -> Machine:
    """Minutes, invoiced as soon as a month ends; it is the fifth of October."""
    world = World.at(BEGUN, site=a_site(test=True, created_at=at(BEGUN)))
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    return Machine(world)


def shown(machine: TimeMachine) -> tuple[datetime, datetime | None, TravelStatus]:
    return machine.now, machine.destination, machine.status


def test_a_clock_that_never_travelled_stands_where_it_is(machine: Machine) -> None:
    assert machine.look() == TimeMachine(
        now=at(BEGUN), genesis=at(BEGUN), destination=None, status=SUCCEEDED
    )


def test_a_live_site_has_no_time_machine(machine: Machine) -> None:
    world = World.voip()

    looked = Machine(world).look()

    assert looked.status is TravelStatus.NOT_ENABLED
    with pytest.raises(Conflict) as refusal:
        Machine(world).travel("2026-11-01")
    assert refusal.value.code == "live_site"


def test_a_short_travel_is_there_at_once_and_is_shown_afterwards(machine: Machine) -> None:
    there = (at("2026-12-02"), at("2026-12-02"), SUCCEEDED)

    assert shown(machine.travel("2026-12-02")) == there
    assert shown(machine.look()) == there
    assert len(machine.world.issued()) == 2


def test_who_looks_goes_on_with_a_travel_until_it_is_there(machine: Machine) -> None:
    machine.most = 2
    looks = [machine.travel("2027-02-02")]
    while looks[-1].status is IN_PROGRESS and len(looks) < 30:
        looks.append(machine.look())

    assert [each.now for each in looks] == sorted(each.now for each in looks)
    assert shown(looks[-1]) == (at("2027-02-02"), at("2027-02-02"), SUCCEEDED)
    assert {each.genesis for each in looks} == {at(BEGUN)}
    assert len(looks) >= 3
    assert [each.serial for each in machine.world.issued()] == [1, 2, 3, 4]


def test_the_same_again_goes_on_with_it_and_shows_it_once_it_is_there(machine: Machine) -> None:
    machine.most = 2
    answers = [machine.travel("2027-01-02") for _ in range(12)]

    assert answers[0].status is IN_PROGRESS
    assert shown(answers[-1]) == (at("2027-01-02"), at("2027-01-02"), SUCCEEDED)
    assert machine.travels.last() == Travel(
        run="run-1", destination=at("2027-01-02"), status=SUCCEEDED
    )


def test_another_one_is_refused_while_one_is_in_progress_unless_it_is_to_be_instead(
    machine: Machine,
) -> None:
    machine.most = 0
    machine.travel("2027-01-02")

    with pytest.raises(Conflict) as refusal:
        machine.travel("2026-12-02")

    assert refusal.value.code == "travel_in_progress"
    assert refusal.value.details == {"destination": "2027-01-02T00:00:00Z"}
    machine.most = 10**6
    assert shown(machine.travel("2026-12-02", instead=True)) == (
        at("2026-12-02"),
        at("2026-12-02"),
        SUCCEEDED,
    )


@pytest.mark.parametrize("to", [BEGUN, "2026-09-30", "2029-11-01"])
@pytest.mark.parametrize("instead", [True, False])
def test_a_clock_goes_forward_and_not_out_of_sight(
    machine: Machine, to: str, instead: bool
) -> None:
    with pytest.raises(Invalid) as refusal:
        machine.travel(to, instead=instead)

    assert refusal.value.field == "to"
    assert machine.travels.last() is None


def test_work_that_raises_what_it_should_not_makes_a_travel_that_failed(machine: Machine) -> None:
    def wrong() -> None:
        raise KeyError("a customer's name")

    machine.wrong = wrong

    failed = machine.travel("2026-12-02")

    assert (failed.status, failed.reason) == (TravelStatus.FAILED, "KeyError")
    assert machine.look() == replace(failed, now=at("2026-11-01")), "the clock stands there"
    assert [type(each) for each in machine.reported] == [KeyError], "nobody tries it again"
    assert machine.world.now == at("2026-11-01")
    machine.wrong = lambda: None
    assert machine.travel("2026-12-02").status is SUCCEEDED
    assert len(machine.world.issued()) == 2


def test_no_answer_leaves_a_travel_in_progress_and_the_next_look_goes_on(machine: Machine) -> None:
    machine.wrong = fail(Unavailable("no answer"))
    with pytest.raises(Unavailable):
        machine.travel("2026-12-02")
    machine.wrong = lambda: None

    assert shown(machine.look()) == (at("2026-12-02"), at("2026-12-02"), SUCCEEDED)
    assert len(machine.world.issued()) == 2


def test_a_look_that_comes_when_the_clock_ticked_on_ends_the_travel(machine: Machine) -> None:
    machine.most = 1
    machine.travel("2026-11-01T00:00:10")
    machine.world.clock.now = at("2026-11-01T00:00:20")

    machine.most = 10**6
    looked = machine.look()

    assert shown(looked)[1:] == (at("2026-11-01T00:00:10"), SUCCEEDED)
    assert machine.world.now == at("2026-11-01T00:00:20"), "no clock goes back"
    assert len(machine.world.issued()) == 1


def test_one_that_was_replaced_while_it_was_worked_on_leaves_the_other_alone(
    machine: Machine,
) -> None:
    other = Travel(run="other", destination=at("2027-06-01"))

    def replaced() -> None:
        there = machine.travels.last()
        if there is not None and there.run == "run-1":
            machine.travels.note(other, over=there)

    machine.wrong = replaced

    machine.travel("2026-12-02")

    assert machine.travels.last() == other


def test_a_site_that_starts_afresh_has_not_travelled_and_stops_who_still_does(
    machine: Machine,
) -> None:
    world = machine.world

    def start() -> None:
        machine.wrong = lambda: None
        start_afresh(
            world.stores.site, at("2026-09-01"), sites=world.stores.all_sites, now=world.now
        )

    machine.wrong = start
    with pytest.raises(Conflict) as refusal:
        machine.travel("2027-12-02")

    assert refusal.value.code == "started_afresh"
    site = world.stores.site
    world.clock.now = site.began
    afresh = Machine(replace(world, scope=site.scope))
    assert afresh.look() == TimeMachine(
        now=at("2026-09-01"), genesis=at("2026-09-01"), destination=None, status=SUCCEEDED
    )


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_a_crash_at_any_call_is_gone_on_from_and_nothing_is_done_twice(
    machine: Machine, error: type[BaseException], moment: Moment
) -> None:
    begin = machine.world
    clean = Machine(begin.copy())
    clean.travel("2026-12-02")
    writes = [
        number
        for number, name in enumerate(clean.world.calls.names)
        if name.rpartition(".")[2] in {"put", "update", "transact"}
    ]
    assert len(writes) >= 8

    for at_call in writes:
        tried = Machine(begin.copy())
        tried.world.calls.arm(at_call, moment, fail(error("a fault")))
        try:
            tried.travel("2026-12-02")
        except (Unavailable, Killed):
            tried.world.blocks.clear()
        assert tried.world.calls.sprung
        # Nobody may have been told of it: what the travel is then, asking for it again shows.
        last = tried.travels.last()
        told = tried.look() if last is not None else tried.travel("2026-12-02")

        assert shown(told) == (at("2026-12-02"), at("2026-12-02"), SUCCEEDED)
        assert [each.serial for each in tried.world.issued()] == [1, 2]
        assert [str(each.total) for each in tried.world.issued()] == ["10.00", "10.00"]
