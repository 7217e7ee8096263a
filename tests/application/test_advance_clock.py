"""A test site's clock: moved on, it does what the sweeps would have done, each at its instant."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from postpaid.application.advance_clock import Advanced, Hands, advance_clock
from postpaid.application.due_terms import Due
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import Conflict
from postpaid.store import keys
from postpaid.store.due import StoredDue
from tests.support.changes import a_shop, rows
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World


def hands(world: World, *, instants: list[datetime] | None = None, most: int = 10**6) -> Hands:
    """Return hands that set the world's clock; they tire after so much work."""
    done: list[Due] = []

    def set_clock(instant: datetime) -> None:
        world.clock.now = instant
        if instants is not None:
            instants.append(instant)

    def work(due: Due, now: datetime) -> None:
        assert now == world.now
        done.append(due)
        world.visit(due)
        world.render()

    return Hands(
        due=StoredDue(world.billing, keys.LIVE),
        set_clock=set_clock,
        work=work,
        is_late=lambda: len(done) >= most,
        report=lambda _: None,
    )


def advance(world: World, to: str, **more: int) -> datetime:
    advanced = advance_clock(at(to), hands=hands(world, **more), now=world.now)  # type: ignore[arg-type]
    assert advanced.done == (advanced.now == at(to))
    return advanced.now


def months() -> World:
    """Minutes since the first of October, closed an hour after each month."""
    world = a_shop()
    world.subscription("minutes", "seats", start="2026-10-01")
    return world


def test_all_that_falls_due_on_the_way_is_done_at_its_instant() -> None:
    world = months()
    world.record("100", "2026-10-05")
    instants: list[datetime] = []

    advanced = advance_clock(at("2027-01-15"), hands=hands(world, instants=instants), now=world.now)

    assert advanced == Advanced(at("2027-01-15"), done=True)
    assert world.now == at("2027-01-15")
    assert instants == sorted(instants), "a clock goes forward"
    assert [str(each.total) for each in world.issued()] == ["31.00", "103.00", "93.00", "93.00"]
    assert [each.issued_on.isoformat() for each in world.issued() if each.issued_on] == [
        "2026-10-01",
        "2026-11-01",
        "2026-12-01",
        "2027-01-01",
    ]
    assert at("2026-11-01") in instants
    assert at("2026-11-01T01:00") in instants


def test_it_comes_to_the_same_as_sweeps_in_real_time() -> None:
    slow, fast = months(), months()
    for world in (slow, fast):
        world.record("100", "2026-10-05")
    while slow.now < at("2026-12-02"):
        slow.sweep()
        slow.clock.now += timedelta(minutes=30)

    advance(fast, "2026-12-02")

    told = [[rows(world, each) for each in world.issued()] for world in (slow, fast)]
    assert told[0] == told[1]
    assert len(told[0]) == 3
    assert [term.status for term in slow.terms()] == [term.status for term in fast.terms()]


def test_a_request_whose_time_is_over_says_how_far_it_came_and_the_next_goes_on() -> None:
    world = months()
    stops = []
    for _ in range(60):
        stops.append(advance(world, "2027-03-01", most=4))
        if stops[-1] == at("2027-03-01"):
            break

    assert stops == sorted(stops)
    assert stops[-1] == at("2027-03-01")
    assert len(stops) > 3
    assert len(world.issued()) == 5


def test_what_is_never_done_does_not_hold_the_clock() -> None:
    world = months()
    stuck = hands(world)

    def work(due: Due, now: datetime) -> None:
        """Do nothing, as a worker does that meets a bug."""

    advance_clock(at("2026-12-01"), hands=replace(stuck, work=work), now=world.now)

    assert world.now == at("2026-12-01")
    assert world.issued() == []


def test_a_failure_leaves_the_clock_where_the_work_was_done() -> None:
    world = months()
    world.subscription("minutes", subscription_id="now", start="2026-10-01", closing=AUTO_AT_ONCE)
    failing = hands(world)

    def work(due: Due, now: datetime) -> None:
        if now >= at("2026-11-01"):
            raise Unavailable("no answer")
        failing.work(due, now)

    with pytest.raises(Unavailable):
        advance_clock(at("2026-12-02"), hands=replace(failing, work=work), now=world.now)
    assert world.now == at("2026-11-01")

    assert advance(world, "2026-12-02") == at("2026-12-02")
    assert len(world.issued()) == 5


def test_what_a_request_left_behind_when_it_died_is_done_before_the_clock_is_there() -> None:
    world = months()
    advance(world, "2026-10-31T23:59")
    # Its clock ticked past what was due while it died, and past where it was to go.
    world.clock.now = at("2026-11-01T02:00")
    ended = hands(world)

    advanced = advance_clock(
        at("2026-11-01T01:30"),
        hands=replace(ended, work=lambda due, _: ended.work(due, world.now)),
        now=world.now,
    )

    assert advanced == Advanced(at("2026-11-01T01:30"), done=True)
    assert len(world.issued()) == 2


def test_what_another_visit_is_at_is_left_to_it() -> None:
    world = months()

    def work(due: Due, now: datetime) -> None:
        raise Lost

    advance_clock(at("2026-12-01"), hands=replace(hands(world), work=work), now=world.now)

    assert world.now == at("2026-12-01")


def test_a_site_that_starts_afresh_takes_its_clock_out_of_these_hands() -> None:
    world = months()

    def set_clock(instant: datetime) -> None:
        raise Lost

    with pytest.raises(Conflict) as refusal:
        advance_clock(
            at("2026-12-01"), hands=replace(hands(world), set_clock=set_clock), now=world.now
        )
    assert refusal.value.code == "started_afresh"
