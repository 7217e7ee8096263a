"""Claims on clients' own keys: one run has each, and its answer is read back as it was."""

import random
import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from postpaid.application.ports import Lost
from postpaid.application.replay import KEY_LIFETIME, Claim, Reply, RequestKey
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.replies import StoredReplies
from postpaid.store.tables import Item, Table
from tests.support.capacity import item_size
from tests.support.samples import SCOPE, at

NOW = at("2026-10-05T12:00")
KEY = RequestKey("POST", "/api/v2/customers", "k")
REPLY = Reply(201, '{"customer": {}}', {"x": "y"})
MINUTE = timedelta(minutes=1)


def a_claim(run: str | None = "one", **changes: object) -> Claim:
    claim = Claim(key=KEY, content="c" * 24, since=NOW, run=run, at=NOW)
    return replace(claim, **changes)  # type: ignore[arg-type]


@pytest.fixture
def replies(billing: Table) -> StoredReplies:
    """Nothing is claimed."""
    return StoredReplies(billing, SCOPE)


def stored(table: Table) -> Item:
    item = table.get(keys.reply(SCOPE, KEY.digest))
    assert item is not None
    return item


def lost(act: Callable[[], object]) -> None:
    with pytest.raises(Lost):
        act()


def test_a_key_is_claimed_once(replies: StoredReplies) -> None:
    assert replies.claim(a_claim()) is None

    assert replies.claim(a_claim("two")) == a_claim()
    assert replies.claim(a_claim()) is None, "its own claim is no obstacle"


def test_a_claim_is_of_one_site_and_key(billing: Table, replies: StoredReplies) -> None:
    replies.claim(a_claim())

    for scope in (Scope("acme", 2), Scope("acm"), Scope("acme-2")):
        assert StoredReplies(billing, scope).claim(a_claim("two")) is None
    for key in (replace(KEY, method="PUT"), replace(KEY, path="/"), replace(KEY, text="")):
        assert replies.claim(a_claim("two", key=key)) is None


@pytest.mark.parametrize("answered", [False, True])
def test_a_claim_ends_half_an_hour_after_it_was_first_made(
    replies: StoredReplies, answered: bool
) -> None:
    claim = a_claim()
    replies.claim(claim)
    if answered:
        replies.answer(claim, REPLY)
    later = NOW + KEY_LIFETIME
    before = later - timedelta(seconds=1)

    there = replies.claim(a_claim("two", since=before, at=before))
    assert there == replace(claim, reply=REPLY if answered else None)
    new = a_claim("three", since=later, at=later)
    assert replies.claim(new) is None
    assert replies.claim(a_claim("four", since=later, at=later)) == new


def test_the_time_to_live_is_that_of_the_claim(billing: Table, replies: StoredReplies) -> None:
    replies.claim(a_claim())
    claim = a_claim("two", at=NOW + MINUTE)
    replies.take_over(claim, over=a_claim())
    replies.answer(claim, REPLY)

    # Seconds of the Unix epoch, as DynamoDB wants them.
    assert stored(billing)["expires"] == 1_791_203_400
    assert at("2026-10-05T12:30").timestamp() == 1_791_203_400


@pytest.mark.parametrize(
    "body",
    ["", "{}", "é" * 512, "é" * 513, '{"line": "x"}' * 50_000, "\N{GRINNING FACE}" * 3000],
    ids=["empty", "small", "as it is", "packed", "large", "wide"],
)
def test_an_answer_is_read_back_as_it_was(replies: StoredReplies, body: str) -> None:
    claim, reply = a_claim(), Reply(200, body, {"Content-Type": "application/json"})
    replies.claim(claim)
    replies.answer(claim, reply)
    replies.answer(claim, reply)

    assert replies.claim(a_claim("two")) == replace(claim, reply=reply)


def test_an_answer_that_is_too_large_gives_the_claim_up(
    billing: Table, replies: StoredReplies
) -> None:
    letters = random.Random(1).choices(string.printable, k=400_000)  # noqa: S311 - no secret
    replies.claim(a_claim())
    replies.answer(a_claim(), Reply(200, "".join(letters)))

    there = replies.claim(a_claim("two"))
    assert there == a_claim(run=None)
    replies.take_over(a_claim("two"), over=there)
    fits = Reply(200, "".join(letters[:250_000]))
    replies.answer(a_claim("two"), fits)
    assert replies.claim(a_claim("three")) == a_claim("two", reply=fits)
    assert item_size(stored(billing)) < 320_000


def test_a_claim_is_taken_over_as_it_was_read(replies: StoredReplies) -> None:
    first, second, third = a_claim(), a_claim("two", at=NOW + MINUTE), a_claim("three")
    replies.claim(first)

    replies.take_over(second, over=first)
    replies.take_over(second, over=first)  # the SDK's own retry
    lost(lambda: replies.take_over(third, over=first))
    assert replies.claim(third) == second
    replies.answer(second, REPLY)
    lost(lambda: replies.take_over(third, over=second))
    assert replies.claim(third) == replace(second, reply=REPLY)


def test_a_claim_of_another_time_is_not_taken_over(replies: StoredReplies) -> None:
    later = NOW + KEY_LIFETIME
    replies.claim(a_claim())
    replies.give_up(a_claim())
    replies.claim(a_claim("two", since=later, at=later))
    replies.give_up(a_claim("two"))

    lost(lambda: replies.take_over(a_claim("three"), over=a_claim(run=None)))


def test_what_is_not_there_is_not_taken_over(billing: Table, replies: StoredReplies) -> None:
    lost(lambda: replies.take_over(a_claim("two"), over=a_claim(run=None)))
    lost(lambda: replies.answer(a_claim(), REPLY))
    replies.give_up(a_claim())

    assert billing.get(keys.reply(SCOPE, KEY.digest)) is None


def test_only_who_has_the_claim_answers_it_or_gives_it_up(replies: StoredReplies) -> None:
    first, second = a_claim(), a_claim("two")
    replies.claim(first)
    replies.take_over(second, over=first)

    lost(lambda: replies.answer(first, REPLY))
    replies.give_up(first)
    assert replies.claim(a_claim("three")) == second
    replies.give_up(second)
    lost(lambda: replies.answer(second, REPLY))
    assert replies.claim(a_claim("three")) == a_claim(run=None)


def test_of_many_who_take_a_claim_over_one_does(replies: StoredReplies) -> None:
    count = 8
    barrier = Barrier(count)
    replies.claim(a_claim())

    def take(n: int) -> bool:
        barrier.wait()
        try:
            replies.take_over(a_claim(f"run-{n}"), over=a_claim())
        except Lost:
            return False
        return True

    with ThreadPoolExecutor(count) as pool:
        assert sum(pool.map(take, range(count))) == 1


def test_a_claim_fits_one_write_unit(billing: Table, replies: StoredReplies) -> None:
    claim = a_claim(run="f" * 32, content="f" * 64)
    replies.claim(claim)
    assert item_size(stored(billing)) < 512

    replies.answer(claim, Reply(200, "x" * 500, {"content-type": "application/json"}))
    assert item_size(stored(billing)) < 1024
