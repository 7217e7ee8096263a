"""A test site's clock: moved on, it does what the sweeps would have done, each at its instant."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from postpaid.application.advance_clock import Hands, advance_clock
from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.site import Site
from postpaid.store import keys
from postpaid.store.due import StoredDue
from tests.support.changes import a_shop, rows
from tests.support.samples import AUTO_AT_ONCE, a_site, at
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
    )


def the_site() -> Site:
    return a_site(test=True)


def advance(world: World, to: str, **more: int) -> datetime:
    return advance_clock(the_site(), at(to), hands=hands(world, **more), now=world.now)  # type: ignore[arg-type]


def months() -> World:
    """Minutes since the first of October, closed an hour after each month."""
    world = a_shop()
    world.subscription("minutes", "seats", start="2026-10-01")
    return world


def test_all_that_falls_due_on_the_way_is_done_at_its_instant() -> None:
    world = months()
    world.record("100", "2026-10-05")
    instants: list[datetime] = []

    reached = advance_clock(
        the_site(), at("2027-01-15"), hands=hands(world, instants=instants), now=world.now
    )

    assert reached == world.now == at("2027-01-15")
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

    advance_clock(the_site(), at("2026-12-01"), hands=replace(stuck, work=work), now=world.now)

    assert world.now == at("2026-12-01")
    assert world.issued() == []


@pytest.mark.parametrize("to", ["2026-10-01T08:00", "2026-09-30", "2029-11-01"])
def test_a_clock_goes_forward_and_not_out_of_sight(to: str) -> None:
    world = months()
    with pytest.raises(Invalid) as refusal:
        advance(world, to)
    assert refusal.value.field == "to"


def test_a_live_site_has_no_clock_of_its_own() -> None:
    world = months()
    with pytest.raises(Conflict) as refusal:
        advance_clock(a_site(), at("2026-12-01"), hands=hands(world), now=world.now)
    assert refusal.value.code == "live_site"


def test_a_failure_leaves_the_clock_where_the_work_was_done() -> None:
    world = months()
    world.subscription("minutes", subscription_id="now", start="2026-10-01", closing=AUTO_AT_ONCE)
    failing = hands(world)

    def work(due: Due, now: datetime) -> None:
        if now >= at("2026-11-01"):
            raise Unavailable("no answer")
        failing.work(due, now)

    with pytest.raises(Unavailable):
        advance_clock(
            the_site(), at("2026-12-02"), hands=replace(failing, work=work), now=world.now
        )
    assert world.now == at("2026-11-01")

    assert advance(world, "2026-12-02") == at("2026-12-02")
    assert len(world.issued()) == 5
