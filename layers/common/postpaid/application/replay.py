"""Answer a request that comes under a client's own key once; what comes again gets that answer.

Claim the key by one conditional put that reads nothing; act; store the answer over that claim.

    crash before the claim         nothing happened; the repeat claims it
    crash between claim and store  the key is held for a minute, then a repeat takes the claim over
                                   and acts again by the same seed: what it makes is the same thing
    lost answer of the claim       nothing was done, or is: as a crash behind the claim
    lost answer of the store       the client is answered all the same; the repeat finds the answer,
                                   or acts again by the same seed
    it fails, or answers 5xx       the claim is given up; the repeat takes it over, by the same seed
    two at once                    one has the claim, the other is told that it is in progress
    two take a dead claim over     one does, the other is told the same
    a run that was thought dead    its store and its giving up name its own claim, and are refused

A claim is held longer than any function lives, so that one which is taken over belongs to a run
that has ended. All times here are the real clock's, a test site's own included: they are about
clients and processes. Only a request that has a key pays for any of this.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.errors import Conflict
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope

# How long the same key means the same request, from its first claim on; Chargebee's 30 minutes.
KEY_LIFETIME = timedelta(minutes=30)
# How long a run that died keeps others from acting: functions live half as long at most.
CLAIM_HELD = timedelta(seconds=60)
_FAILED = 500
# Who is refused by these is not told anything about the request itself.
_NOT_ABOUT_IT = frozenset({401, 403, 429})


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a client's key means, within its site: one request by this method to this path.

    *text* is the key as it was sent.
    """

    method: str
    path: str
    text: str

    @property
    def digest(self) -> str:
        """A name for it of 64 hexadecimal digits; no two keys have the same."""
        return _digest(self.method, self.path, self.text)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a door gave it; nothing here reads its *body*."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether the same request would be answered so again, and the client is to know it.

        Not a failure, not a refusal of the caller alone, and not one that says when to come again.
        """
        asks_again = any(name.lower() == "retry-after" for name in self.headers)
        return self.status < _FAILED and self.status not in _NOT_ABOUT_IT and not asks_again


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That a run answers what a key means; *content* is the digest of what was asked.

    *since* is when the key was claimed first, and the same for every run that takes it over; *at*
    is when this *run* did, None for one that gave it up. *reply* is there once it was answered.
    """

    key: RequestKey
    content: str
    since: datetime
    run: str | None
    at: datetime
    reply: Reply | None = None

    @property
    def expires(self) -> datetime:
        """When the key means nothing any more, answered or not."""
        return self.since + KEY_LIFETIME

    def seed(self, scope: Scope) -> str:
        """Return what ids may be made from that must be the same if the request is acted on again.

        Another one if the key is used for another request when its time is over.
        """
        began = instant_text(self.since)
        return _digest(scope.site, str(scope.generation), self.key.digest, began)


@dataclass(frozen=True, slots=True)
class Turn:
    """One run's turn at a request: ids that nobody chose come from its *seed*.

    *again* says that another run had its turn before, and may have acted.
    """

    seed: str
    again: bool


class Replies(Protocol):
    """The claims and stored answers of one site."""

    def claim(self, claim: Claim) -> Claim | None:
        """Store a claim on a key that nobody has, or whose time is over by the claim's *at*.

        Else store nothing and return what is there. One write, and no read.
        """
        ...

    def take_over(self, claim: Claim, over: Claim) -> None:
        """Store that a run has the claim that was read as *over*; `Lost` if it is another by now.

        It must not be answered.
        """
        ...

    def answer(self, claim: Claim, reply: Reply) -> None:
        """Store the answer of a claim, or raise `Lost` if another run has it.

        One that is too large to be kept gives the claim up instead: the repeat acts again.
        """
        ...

    def give_up(self, claim: Claim) -> None:
        """Let the next request with this key act at once; nothing if another run has the claim."""
        ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """An answer, and whether it is a stored one."""

    reply: Reply
    replayed: bool


def answered_once(
    key: RequestKey,
    content: str,
    act: Callable[[Turn], Reply],
    *,
    scope: Scope,
    replies: Replies,
    run: str,
    now: datetime,
) -> Replayed:
    """Return what *act* answers, or what it answered when the request came the first time.

    *content* is a digest of all that the request says beside its path. *act* gets its turn, and
    must make the same if it acts twice: ids that nobody chose come from the seed (`seeded_ids`).
    It answers refusals as replies; what it raises goes through, and the claim is given up. Only an
    answer that `is_final` is stored. *run* must be unique; *now* is the real clock's.

    Raises `Conflict` with code `idempotency_key_reused` if the key came with other content,
    `request_in_progress` if another run answers it; `Unavailable` if the claim's outcome is
    unknown.
    """
    claim = Claim(key=key, content=content, since=now, run=run, at=now)
    there = replies.claim(claim)
    if there is not None:
        if there.content != content:
            raise Conflict(
                "idempotency_key_reused",
                "the key came with another request before",
                field="Idempotency-Key",
            )
        if there.reply is not None:
            return Replayed(there.reply, replayed=True)
        claim = _taken_over(there, replies, run, now)
    turn = Turn(claim.seed(scope), again=there is not None)
    return Replayed(_acted(claim, act, turn, replies), replayed=False)


def _taken_over(there: Claim, replies: Replies, run: str, now: datetime) -> Claim:
    """Return the claim of a run that has ended as this run's; raises `Conflict`."""
    claim = replace(there, run=run, at=now)
    if there.run is None or there.at + CLAIM_HELD <= now:
        with suppress(Lost):  # then another one took it over just now
            replies.take_over(claim, over=there)
            return claim
    raise Conflict(
        "request_in_progress",
        "the first request with this key is being answered; send it again in a moment",
        field="Idempotency-Key",
    )


def _acted(claim: Claim, act: Callable[[Turn], Reply], turn: Turn, replies: Replies) -> Reply:
    try:
        reply = act(turn)
    except Exception:
        _give_up(claim, replies)
        raise
    if not reply.is_final:
        _give_up(claim, replies)
        return reply
    # It is done, and the client is told so: what the store comes to is only for the repeat.
    with suppress(Lost, Unavailable):
        replies.answer(claim, reply)
    return reply


def _give_up(claim: Claim, replies: Replies) -> None:
    with suppress(Unavailable):  # then it is held for its minute
        replies.give_up(claim)


def _digest(*parts: str) -> str:
    # The lengths keep the parts apart whatever characters they hold.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()
