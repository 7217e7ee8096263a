"""The clients: each draws what it asks from its own seed, and enters what it is told.

The same seed draws the same requests. Which of them meet, and so which are refused, is up to the
machine: what an audit finds is to be understood from the histories it prints.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random
from threading import Event
from typing import Any

from tests.soak.books import Act, Attempt, Books, Outcome, Place, Sight, Told
from tests.soak.ending import place_of, told_of
from tests.soak.plan import Plan
from tests.soak.site import advance
from tests.soak.wire import Answer, Wire

# How often each is done, in a hundred.
_MIX = {
    "record": 40,
    "record_again": 13,
    "record_otherwise": 5,
    "correct": 16,
    "delete": 8,
    "look": 9,
    "close": 9,
}
_HOT = 4  # these subscriptions take part of all requests, so that clients meet
_ABANDONED = 0.06
_STEP = timedelta(hours=21)
_ASKED_BETWEEN = 3
# What clients may be told of what they ask here; anything else is a fault of the service.
_EXPECTED = {
    "usage_conflict",
    "usage_deleted",
    "usage_not_found",
    "usage_date_out_of_range",
    "version_mismatch",
    "term_closed",
}


@dataclass(slots=True)
class Present:
    """Where the site's clock is, as its last mover was told."""

    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A request to record, as it may be sent again."""

    place: Place
    usage_date: str
    quantity: str
    key: str | None


@dataclass(kw_only=True)
class Client:
    """One client: what it has sent, and what it gave up and will send again."""

    number: int
    dice: Random
    wire: Wire
    plans: Mapping[str, Plan]
    books: Books
    present: Present
    sent: list[Post] = field(default_factory=list)
    given_up: deque[Callable[[], None]] = field(default_factory=deque)

    def run(self, over: Event) -> None:
        """Ask one thing after another until all is over."""
        while not over.is_set():
            self.ask()

    def ask(self) -> None:
        """Ask one thing, or what got no answer once more."""
        if self.given_up and self.dice.random() < 0.3:
            self.given_up.popleft()()
            return
        [name] = self.dice.choices(list(_MIX), list(_MIX.values()))
        getattr(self, name)()

    def warm(self) -> None:
        """Call each function that clients use, without effect, until both have answered."""
        usage = f"/v1/subscriptions/{next(iter(self.plans))}/usages/none"
        for method, path in (("GET", "/v1/invoices?limit=1"), ("DELETE", usage)):
            while self.wire.send(method, path).outcome is Outcome.UNKNOWN:
                time.sleep(0.1)

    # --- writes

    def record(self) -> None:
        """Record a usage at a place of its own choice, which may be taken."""
        plan = self._plan()
        price = self.dice.choice(plan.prices)
        day = self._day(plan)
        hour = self.dice.choice((0, 0, 12))
        event = f"e{self.dice.randrange(3)}" if price.events else ""
        key = f"{self.number}-{self.dice.randrange(10**9)}" if self.dice.random() < 0.5 else None
        at = plan.at(day, hour)
        self._post(
            Post(
                place=Place(plan.id, price.id, at, event),
                usage_date=day.isoformat() if hour == 0 else at,
                quantity=self._quantity(),
                key=key,
            )
        )

    def record_again(self) -> None:
        """Send an earlier request once more, as it was."""
        if not self.sent:
            return self.record()
        return self._post(self.dice.choice(self.sent))

    def record_otherwise(self) -> None:
        """Ask for another quantity at a place that some client was told of, deleted or not."""
        picked = self.books.pick(self.dice)
        quantity = self._quantity()
        if picked is not None:
            place = picked[0]
            self._post(Post(place=place, usage_date=place.at, quantity=quantity, key=None))

    def correct(self) -> None:
        """Correct a usage over the version that was shown last, or by mistake the one before."""
        picked = self.books.pick(self.dice)
        quantity, stale = self._quantity(), self.dice.random() < 0.1
        if picked is not None:
            place, told = picked
            self._put(place, told.id, max(1, told.version - stale), quantity)

    def delete(self) -> None:
        """Delete a usage, whatever its version is."""
        picked = self.books.pick(self.dice)
        if picked is not None:
            self._delete(picked[0], picked[1].id)

    # --- the rest

    def look(self) -> None:
        """Read a usage, the usages of a subscription, or the invoices of one."""
        plan, lot = self._plan(), self.dice.randrange(3)
        picked = self.books.pick(self.dice)
        if lot == 0 and picked is not None:
            self._see(*picked)
        elif lot == 1:
            self._counted("GET", f"/v1/subscriptions/{plan.id}/usages?limit=20")
        else:
            listed = self._counted("GET", f"/v1/subscriptions/{plan.id}/invoices?limit=5")
            for head in _data(listed)[:2]:
                self._read_invoice(self._counted("GET", f"/v1/invoices/{head['id']}"))

    def close(self) -> None:
        """Close what is pending of a subscription, by request, the oldest first."""
        plan = self._plan()
        listed = self._counted("GET", f"/v1/subscriptions/{plan.id}/invoices?limit=5")
        pending = [head for head in _data(listed) if head["status"] == "pending"]
        for head in reversed(pending):
            hasty = self._abandon()
            path = f"/v1/invoices/{head['id']}/close"
            self._read_invoice(self._counted("POST", path, abandon_after=hasty))

    # --- how they are sent

    def _post(self, post: Post) -> None:
        price = self.plans[post.place.subscription_id].price(post.place.line_id)
        body = {"item_price_id": price.id, "usage_date": post.usage_date, "quantity": post.quantity}
        if post.place.event_id:
            body["id"] = post.place.event_id
        headers = {} if post.key is None else {"Idempotency_Key": post.key}
        self.sent.append(post)
        answer = self._write(
            lambda hasty: self.wire.send(
                "POST", _usages(post.place), body, abandon_after=hasty, **headers
            ),
            lambda: self._post(post),
        )
        self._enter(Act.RECORD, post.place, answer, quantity=post.quantity, key=post.key)

    def _put(self, place: Place, usage_id: str, version: int, quantity: str) -> None:
        path, body = f"{_usages(place)}/{usage_id}", {"quantity": quantity}
        answer = self._write(
            lambda hasty: self.wire.send(
                "PUT", path, body, abandon_after=hasty, If_Match=f'"{version}"'
            ),
            lambda: self._put(place, usage_id, version, quantity),
        )
        self._enter(Act.CORRECT, place, answer, quantity=quantity, over=version)

    def _delete(self, place: Place, usage_id: str) -> None:
        path = f"{_usages(place)}/{usage_id}"
        answer = self._write(
            lambda hasty: self.wire.send("DELETE", path, abandon_after=hasty),
            lambda: self._delete(place, usage_id),
        )
        self._enter(Act.DELETE, place, answer)

    def _write(self, send: Callable[[float | None], Answer], repeat: Callable[[], None]) -> Answer:
        answer = send(self._abandon())
        self._count(answer)
        if answer.outcome is Outcome.UNKNOWN:
            self.given_up.append(repeat)
        return answer

    def _enter(
        self,
        act: Act,
        place: Place,
        answer: Answer,
        *,
        quantity: str | None = None,
        over: int | None = None,
        key: str | None = None,
    ) -> None:
        told = told_of(answer.body) if answer.outcome is Outcome.OK else None
        if told is not None and place_of(answer.body) != place:
            self.books.failed(f"{place} was answered with {place_of(answer.body)}")
        self.books.wrote(
            Attempt(
                client=self.number,
                act=act,
                place=place,
                quantity=None if quantity is None else Fraction(quantity),
                over=over,
                key=key,
                began=answer.began,
                ended=answer.ended,
                outcome=answer.outcome,
                code=answer.code,
                told=told,
            )
        )

    def _see(self, place: Place, known: Told) -> None:
        answer = self._counted("GET", f"{_usages(place)}/{known.id}")
        if answer.outcome is Outcome.UNKNOWN:
            return
        told = told_of(answer.body) if answer.outcome is Outcome.OK else None
        self.books.saw(
            Sight(
                client=self.number,
                place=place,
                began=answer.began,
                ended=answer.ended,
                told=told,
            )
        )

    def _read_invoice(self, answer: Answer) -> None:
        if answer.outcome is Outcome.OK and answer.body["status"] == "issued":
            self.books.read_invoice(answer.body)

    def _counted(self, method: str, path: str, abandon_after: float | None = None) -> Answer:
        answer = self.wire.send(method, path, abandon_after=abandon_after)
        self._count(answer)
        return answer

    def _count(self, answer: Answer) -> None:
        self.books.count(answer.outcome)
        refused = answer.outcome is Outcome.REFUSED and answer.code not in _EXPECTED
        if refused or answer.code == "internal_error":
            self.books.failed(f"client {self.number} was told {answer.status}: {answer.body}")

    # --- how they are drawn

    def _abandon(self) -> float | None:
        """Return after how many seconds to hang up on the next request, None for not at all."""
        lot, seconds = self.dice.random(), self.dice.uniform(0, 0.05)
        return seconds if lot < _ABANDONED else None

    def _plan(self) -> Plan:
        ids = list(self.plans)
        return self.plans[self.dice.choice(ids[:_HOT] if self.dice.random() < 0.2 else ids)]

    def _day(self, plan: Plan) -> date:
        """Return a day up to the present one: half are of the last three, half of a month."""
        back = self.dice.randrange(3) if self.dice.random() < 0.5 else self.dice.randrange(28)
        now = datetime.fromisoformat(self.present.now).astimezone(plan.zone)
        return max(plan.start, now.date() - timedelta(days=back))

    def _quantity(self) -> str:
        return f"{self.dice.randrange(1, 100)}.{self.dice.randrange(1, 10**6):06d}"


def move_clock(client: Client, admin: Wire, over: Event) -> None:
    """Be a client that moves the clock on every now and then, so that terms end and close."""
    while not over.is_set():
        to = datetime.fromisoformat(client.present.now) + _STEP
        reached = advance(admin, to.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if reached is not None:
            client.present.now = reached
        for _ in range(_ASKED_BETWEEN):
            client.ask()


def _usages(place: Place) -> str:
    return f"/v1/subscriptions/{place.subscription_id}/usages"


def _data(answer: Answer) -> list[Any]:
    return list(answer.body["data"]) if answer.outcome is Outcome.OK else []
