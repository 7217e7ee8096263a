"""Requests under a client's own key: done once, and answered alike however often they come."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from postpaid.application.ports import Unavailable
from postpaid.application.replay import (
    CLAIM_HELD,
    KEY_LIFETIME,
    Replayed,
    Reply,
    RequestKey,
    Turn,
    answered_once,
)
from postpaid.domain.errors import Conflict, Invalid
from postpaid.domain.site import Scope
from postpaid.runtime.ids import seeded_ids
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import every_meeting
from tests.support.world import World

KEY = RequestKey("POST", "/api/v2/customers", "k")
SECOND = timedelta(seconds=1)


def once(
    world: World,
    act: Callable[[Turn], Reply] | None = None,
    *,
    key: RequestKey = KEY,
    content: str = "a",
) -> Replayed:
    """Ask for a customer whose id nobody chose, or for what *act* does."""
    return answered_once(
        key,
        content,
        act or (lambda turn: make_customer(world, turn.seed)),
        scope=world.scope,
        replies=world.stores.replies,
        run=world._new_run(),
        now=world.now,
    )


def make_customer(world: World, seed: str) -> Reply:
    customer = world.customer(seeded_ids(seed)("cus"))
    return Reply(201, customer.id, {"location": f"/customers/{customer.id}"})


def made(world: World) -> list[str]:
    """Return the ids of the customers there are beside Globex."""
    customers, more = world.stores.lists(world.now).customers(None, 100)
    assert more is None
    return [customer.id for customer in customers if customer.id != "globex"]


def answering(*replies: Reply | Exception) -> Callable[[Turn], Reply]:
    """Return an act that gives or raises one after the other."""
    left = list(replies)

    def act(_turn: Turn) -> Reply:
        match left.pop(0):
            case Exception() as error:
                raise error
            case reply:
                return reply

    return act


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(Conflict) as refusal:
        ask()
    assert refusal.value.field == "Idempotency-Key"
    return refusal.value.code


def dead(world: World) -> World:
    """Let a run claim the key, make the customer, and die."""
    world.calls.arm("billing.update", Moment.BEFORE, fail(Killed()))
    with pytest.raises(Killed):
        once(world)
    return world


# --- one at a time


def test_the_same_request_again_gets_the_same_answer(world: World) -> None:
    first = once(world)
    world.clock.now += KEY_LIFETIME - SECOND

    assert not first.replayed
    assert first.reply.headers
    assert once(world) == Replayed(first.reply, replayed=True)
    assert made(world) == [first.reply.body]


def test_a_key_means_nothing_any_more_when_its_time_is_over(world: World) -> None:
    first = once(world)
    world.clock.now += KEY_LIFETIME
    second = once(world, content="b")

    assert not second.replayed
    assert sorted(made(world)) == sorted([first.reply.body, second.reply.body])
    assert once(world, content="b") == Replayed(second.reply, replayed=True)


def test_a_key_with_other_content_is_refused(world: World) -> None:
    first = once(world)

    assert refused(lambda: once(world, content="b")) == "idempotency_key_reused"
    assert made(world) == [first.reply.body]


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, method="PUT"),
        replace(KEY, path="/api/v2/customers/x"),
        replace(KEY, text="K"),
        RequestKey("POST", "/api/v2/customersk", ""),
    ],
)
def test_a_key_means_one_method_and_path(world: World, other: RequestKey) -> None:
    replies = [once(world), once(world, key=other)]

    assert [each.replayed for each in replies] == [False, False]
    assert len(made(world)) == 2


@pytest.mark.parametrize("scope", [Scope("acme", 2), Scope("acm"), Scope("other")])
def test_a_key_is_of_one_site(world: World, scope: Scope) -> None:
    seeds = []

    def act(turn: Turn) -> Reply:
        seeds.append(turn.seed)
        return Reply(200, turn.seed)

    once(world, act)
    replies = type(world.stores.replies)(world.billing, scope)
    other = answered_once(KEY, "a", act, scope=scope, replies=replies, run="run", now=world.now)

    assert not other.replayed
    assert len(set(seeds)) == 2


def test_while_the_first_is_at_work_the_second_is_told_to_wait(world: World) -> None:
    def act(turn: Turn) -> Reply:
        world.clock.now += CLAIM_HELD - SECOND
        assert refused(lambda: once(world)) == "request_in_progress"
        # Whoever uses the key for something else is not told to wait for that.
        assert refused(lambda: once(world, content="b")) == "idempotency_key_reused"
        return make_customer(world, turn.seed)

    first = once(world, act)

    assert once(world) == Replayed(first.reply, replayed=True)


def test_a_run_that_died_is_taken_over_after_a_minute_and_makes_the_same_thing(
    world: World,
) -> None:
    [customer_id] = made(dead(world))

    world.clock.now += CLAIM_HELD - SECOND
    assert refused(lambda: once(world)) == "request_in_progress"
    world.clock.now += SECOND
    assert refused(lambda: once(world, content="b")) == "idempotency_key_reused"
    again = once(world)

    assert (again.replayed, again.reply.body) == (False, customer_id)
    assert made(world) == [customer_id]
    assert once(world) == Replayed(again.reply, replayed=True)


def test_what_took_over_has_the_key_for_a_minute_of_its_own(world: World) -> None:
    dead(world).clock.now += CLAIM_HELD
    world.calls.arm("billing.update", Moment.AFTER, fail(Killed()))  # behind the take-over
    with pytest.raises(Killed):
        once(world)

    world.clock.now += CLAIM_HELD - SECOND
    assert refused(lambda: once(world)) == "request_in_progress"
    world.clock.now += SECOND
    assert once(world).reply.body == made(world)[0]


def test_a_run_that_was_thought_dead_changes_nothing(world: World) -> None:
    other = world.another_process()

    def slow(turn: Turn) -> Reply:
        world.clock.now += CLAIM_HELD
        reply = once(other)
        assert not reply.replayed
        return replace(make_customer(world, turn.seed), status=200)

    assert once(world, slow).reply.status == 200
    assert once(world).reply.status == 201, "what is stored is of the run that has the claim"
    assert len(made(world)) == 1


def test_a_slow_run_that_fails_gives_up_nothing_of_another(world: World) -> None:
    other = world.another_process()

    def slow(_turn: Turn) -> Reply:
        world.clock.now += CLAIM_HELD
        once(other)
        raise Unavailable

    with pytest.raises(Unavailable):
        once(world, slow)
    assert once(world).replayed


# --- what is stored


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 404, 409, 412, 422])
def test_a_final_answer_is_stored(world: World, status: int) -> None:
    act = answering(Reply(status, "first"), Reply(status, "second"))

    assert once(world, act).reply.body == "first"
    assert once(world, act) == Replayed(Reply(status, "first"), replayed=True)


AGAIN = [
    *(pytest.param(Reply(status, "not now"), id=str(status)) for status in (401, 403, 429)),
    *(pytest.param(Reply(status, "not now"), id=str(status)) for status in (500, 502, 503)),
    pytest.param(Reply(409, "not now", {"Retry-After": "1"}), id="a document not yet made"),
]


@pytest.mark.parametrize("first", AGAIN)
def test_an_answer_that_is_not_final_is_forgotten_at_once(world: World, first: Reply) -> None:
    seeds = []

    def act(turn: Turn) -> Reply:
        seeds.append(turn.seed)
        return first if len(seeds) == 1 else Reply(200, "done")

    assert once(world, act) == Replayed(first, replayed=False)
    # It may have done a part of it: the key stays with the request, and the seed with the key.
    assert refused(lambda: once(world, act, content="b")) == "idempotency_key_reused"
    assert once(world, act) == Replayed(Reply(200, "done"), replayed=False)
    assert once(world, act) == Replayed(Reply(200, "done"), replayed=True)
    assert seeds[0] == seeds[1]


def test_who_acts_is_told_whether_another_may_have_acted_before(world: World) -> None:
    turns: list[Turn] = []

    def act(turn: Turn) -> Reply:
        turns.append(turn)
        if len(turns) == 1:
            raise Killed
        return Reply(503 if len(turns) == 2 else 200, "done")

    with pytest.raises(Killed):
        once(world, act)
    world.clock.now += CLAIM_HELD
    for _ in range(3):
        once(world, act)

    assert [turn.again for turn in turns] == [False, True, True]
    assert len({turn.seed for turn in turns}) == 1
    world.clock.now += KEY_LIFETIME
    once(world, act)
    assert turns[-1].again is False, "by then the key is another request's"


@pytest.mark.parametrize("error", [Unavailable("x"), Invalid("invalid_field", "x"), KeyError("x")])
def test_what_is_raised_goes_through_and_nothing_is_stored(world: World, error: Exception) -> None:
    act = answering(error, Reply(200, "done"))

    with pytest.raises(type(error)):
        once(world, act)
    assert once(world, act) == Replayed(Reply(200, "done"), replayed=False)


def test_the_key_itself_is_not_stored(world: World) -> None:
    once(world, key=replace(KEY, text="secret-of-a-client"))

    assert "secret-of-a-client" not in repr(world.billing.items())  # type: ignore[attr-defined]


# --- one fault


@pytest.mark.parametrize("error", [Unavailable, Killed])
@pytest.mark.parametrize("moment", Moment)
def test_whatever_fails_the_repeat_makes_one_thing(
    moment: Moment, error: type[BaseException]
) -> None:
    begin = World.voip()
    clean = begin.copy()
    once(clean)
    calls = len(clean.calls.names)
    assert calls > 3
    for at_call in range(calls):
        world = begin.copy()
        world.calls.arm(at_call, moment, fail(error("a fault")))
        told = None
        try:
            told = once(world).reply
        except (Unavailable, Killed):
            world.blocks.clear()
        assert world.calls.sprung

        world.clock.now += CLAIM_HELD
        again = once(world)

        assert made(world) == [again.reply.body]
        assert told in (None, again.reply)
        assert once(world) == Replayed(again.reply, replayed=True)


# --- two at once


def fresh() -> World:
    return World.voip()


def left_by_a_dead_run() -> World:
    world = dead(World.voip())
    world.clock.now += CLAIM_HELD
    return world


def given_up() -> World:
    world = World.voip()
    once(world, answering(Reply(503, "")))
    return world


@pytest.mark.parametrize("begin", [fresh, left_by_a_dead_run, given_up])
def test_of_two_at_once_one_acts_and_the_other_gets_its_answer_or_waits(
    begin: Callable[[], World],
) -> None:
    told = set()

    for run in every_meeting(begin(), once, once):
        answers = [each for each in (run.first, run.second) if isinstance(each, Replayed)]
        [reply] = {each.reply.body: each.reply for each in answers}.values()
        assert [each.replayed for each in answers].count(False) == 1
        waits = [each for each in (run.first, run.second) if isinstance(each, Conflict)]
        assert [each.code for each in waits] == ["request_in_progress"] * (2 - len(answers))
        assert made(run.world) == [reply.body]
        assert once(run.world) == Replayed(reply, replayed=True)
        told.add(len(answers))

    assert told == {1, 2}
