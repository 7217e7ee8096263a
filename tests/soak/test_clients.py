"""What clients draw and enter into the books, with a wire that answers as a test says."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.soak.books import Books, Outcome
from tests.soak.clients import Client, Present
from tests.soak.plan import CLOCK, plans
from tests.soak.wire import Answer, Wire

type Reply = Callable[[str, str, Any], tuple[int, Any]]


class _Wire(Wire):
    """Notes what is sent, and asks a test for the answer; a given-up request has none."""

    def __init__(self, reply: Reply) -> None:
        self.sent: list[tuple[object, ...]] = []
        self._reply = reply

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        abandon_after: float | None = None,
        **headers: str,
    ) -> Answer:
        self.sent.append((method, path, body, abandon_after, tuple(headers.items())))
        now = float(len(self.sent))
        status, answer = (0, None) if abandon_after is not None else self._reply(method, path, body)
        return Answer(status=status, body=answer, began=now, ended=now + 0.5)


def _client(reply: Reply, seed: str = "1/0") -> tuple[Client, _Wire]:
    wire = _Wire(reply)
    client = Client(
        number=0,
        dice=Random(seed),  # noqa: S311 - the same every time is what it is for
        wire=wire,
        plans=plans(50),
        books=Books(),
        present=Present(CLOCK),
    )
    return client, wire


def _unavailable(method: str, path: str, body: Any) -> tuple[int, Any]:
    return 503, {"code": "temporarily_unavailable"}


def _stored(method: str, path: str, body: Any) -> tuple[int, Any]:
    """Answer that a usage is recorded, and that there is nothing else."""
    if method == "GET" and "/usages/" not in path:
        return 200, {"data": [], "next_cursor": None}
    _, _, _, subscription_id, *_ = path.split("/")
    plan = plans(50)[subscription_id]
    if method != "POST":
        return 404, {"code": "usage_not_found"}
    at = body["usage_date"]
    if "T" not in at:
        day = next(day for day in _days(plan.start, 40) if day.isoformat() == at)
        at = plan.at(day)
    usage = {
        "id": "x",
        "subscription_id": subscription_id,
        "line_id": body["item_price_id"],
        "usage_date": at,
        "quantity": body["quantity"],
        "version": 1,
        "deleted": False,
        "billing": "on_time",
        "replayed": False,
    }
    return 201, usage | ({"event_id": body["id"]} if "id" in body else {})


def _days(start: Any, count: int) -> list[Any]:
    return [start.fromordinal(start.toordinal() + number) for number in range(count)]


def _asked(seed: str, count: int = 200, reply: Reply = _stored) -> list[tuple[object, ...]]:
    client, wire = _client(reply, seed)
    for _ in range(count):
        client.ask()
    return wire.sent


@pytest.mark.parametrize("reply", [_stored, _unavailable])
def test_the_same_seed_draws_the_same_requests(reply: Reply) -> None:
    assert _asked("7/3", reply=reply) == _asked("7/3", reply=reply)
    assert _asked("7/3", reply=reply) != _asked("7/4", reply=reply)


def test_clients_do_all_they_are_there_for() -> None:
    asked = _asked("1/0", 600)

    assert {str(method) for method, *_ in asked} == {"POST", "PUT", "DELETE", "GET"}
    assert any(after is not None for _, _, _, after, _ in asked)
    assert any(dict(headers) for _, _, _, _, headers in asked if isinstance(headers, tuple))


def test_what_got_no_answer_is_unknown_and_is_sent_again_as_it_was() -> None:
    client, wire = _client(_unavailable)
    client.record()
    [attempt] = client.books.attempts
    client.given_up.popleft()()

    assert (attempt.outcome, attempt.told) == (Outcome.UNKNOWN, None)
    assert wire.sent[0][:3] == wire.sent[1][:3]
    assert wire.sent[0][4] == wire.sent[1][4]
    assert client.books.outcomes == {Outcome.UNKNOWN: 2}
    assert client.books.faults == []


@pytest.mark.parametrize(
    ("status", "code", "faults"),
    [
        (409, "usage_conflict", 0),
        (409, "term_closed", 0),
        (404, "subscription_not_found", 1),
        (422, "invalid_field", 1),
        (401, "unauthenticated", 1),
        (500, "internal_error", 1),
        (503, "temporarily_unavailable", 0),
    ],
)
def test_a_refusal_that_nobody_should_get_is_a_fault(status: int, code: str, faults: int) -> None:
    client, _ = _client(lambda *_: (status, {"code": code}))

    client.record()

    assert len(client.books.faults) == faults


def test_an_answer_about_another_usage_is_a_fault() -> None:
    def another(method: str, path: str, body: Any) -> tuple[int, Any]:
        status, usage = _stored(method, path, body)
        return status, usage | {"usage_date": "2026-01-01T00:00:00Z"}

    client, _ = _client(another)
    client.record()

    assert len(client.books.faults) == 1


def test_what_was_told_is_what_is_corrected_and_deleted_next() -> None:
    client, wire = _client(_stored)
    client.record()
    [attempt] = client.books.attempts
    client.correct()
    client.delete()

    usages = f"/v1/subscriptions/{attempt.place.subscription_id}/usages"
    assert [(method, path) for method, path, *_ in wire.sent] == [
        ("POST", usages),
        ("PUT", f"{usages}/x"),
        ("DELETE", f"{usages}/x"),
    ]
    assert wire.sent[1][4] == (("If_Match", '"1"'),)
