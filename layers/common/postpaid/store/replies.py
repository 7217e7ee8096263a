"""Claims on clients' own keys, and the answers that are stored under them.

`expires`, in seconds of the Unix epoch, is what the table's time to live goes by: DynamoDB removes
such an item hours or days later. That is hygiene only; whether a key still means something is
decided here, by the same figure. Nothing else in the table has an attribute of that name.
"""

import zlib
from base64 import b64decode, b64encode
from calendar import timegm
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from postpaid.application.ports import Lost
from postpaid.application.replay import Claim, Reply, RequestKey
from postpaid.domain.instants import instant_text
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import instant, mapping, number, text, text_or_none, without_none
from postpaid.store.tables import (
    Absent,
    AtMost,
    ConditionFailed,
    Item,
    Put,
    Table,
    Update,
    Value,
    all_of,
    either,
    equals,
)

# What an answer may take in its item, which may have 409 600 bytes. The text of an invoice packs to
# a tenth and less, so what is larger than this is about as large as a function's answer may be.
REPLY_BYTES_MAX = 300_000
# A text up to here is stored as it is: it costs one write unit with all that is beside it, or two.
_PLAIN_BYTES_MAX = 1024


class StoredReplies:
    """The claims and stored answers of one site."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def claim(self, claim: Claim) -> Claim | None:
        """Store a claim on a key that nobody has, or whose time is over by the claim's *at*.

        Else store nothing and return what is there: the refusal shows it, so no read is needed.
        """
        free = either(Absent(), AtMost("expires", _seconds(claim.at)))
        try:
            self._table.put(Put(item_from_claim(self._scope, claim), condition=free))
        except ConditionFailed as refusal:
            if refusal.existing is None:
                raise
            there = claim_from_item(claim.key, refusal.existing)
            # The SDK's own retry of a put that was applied meets its own claim here.
            return None if there.run == claim.run else there
        return None

    def take_over(self, claim: Claim, over: Claim) -> None:
        """Store that a run has the claim that was read as *over*; `Lost` if it is another by now.

        It must not be answered.
        """
        assert (claim.key, claim.since) == (over.key, over.since)
        still = all_of(
            equals("since", instant_text(over.since)),
            Absent("run") if over.run is None else equals("run", over.run),
            Absent("status"),
        )
        mine: dict[str, Value] = {"run": claim.run, "at": instant_text(claim.at)}
        try:
            self._table.update(Update(keys.reply(self._scope, claim.key.digest), still, set=mine))
        except ConditionFailed as refusal:
            # As above: a retry meets what the first try wrote.
            if (refusal.existing or {}).get("run") != claim.run:
                raise Lost from None

    def answer(self, claim: Claim, reply: Reply) -> None:
        """Store the answer of a claim, or raise `Lost` if another run has it.

        One that is too large to be kept gives the claim up instead: the repeat acts again.
        """
        answered = _item_from_reply(reply)
        if _bytes_of(answered) > REPLY_BYTES_MAX:
            self.give_up(claim)
            return
        update = Update(
            keys.reply(self._scope, claim.key.digest), equals("run", claim.run), set=answered
        )
        try:
            self._table.update(update)
        except ConditionFailed:
            raise Lost from None

    def give_up(self, claim: Claim) -> None:
        """Let the next request with this key act at once; nothing if another run has the claim."""
        key = keys.reply(self._scope, claim.key.digest)
        with suppress(ConditionFailed):
            self._table.update(Update(key, equals("run", claim.run), remove=("run",)))


def item_from_claim(scope: Scope, claim: Claim) -> Item:
    """Return the stored form of a claim; the client's key is in it as a digest only."""
    return without_none(
        {
            **keys.reply(scope, claim.key.digest)._asdict(),
            "s": keys.SCHEMA,
            "content": claim.content,
            "since": instant_text(claim.since),
            "run": claim.run,
            "at": instant_text(claim.at),
            "expires": _seconds(claim.expires),
            **({} if claim.reply is None else _item_from_reply(claim.reply)),
        }
    )


def claim_from_item(key: RequestKey, item: Item) -> Claim:
    """Read a claim on a key from its stored form."""
    return Claim(
        key=key,
        content=text(item, "content"),
        since=instant(item, "since"),
        run=text_or_none(item, "run"),
        at=instant(item, "at"),
        reply=_reply_from_item(item) if "status" in item else None,
    )


def _item_from_reply(reply: Reply) -> Item:
    headers: dict[str, Value] = {**reply.headers}
    raw = reply.body.encode()
    if len(raw) <= _PLAIN_BYTES_MAX:
        return {"status": reply.status, "headers": headers, "body": reply.body}
    packed = b64encode(zlib.compress(raw)).decode()
    return {"status": reply.status, "headers": headers, "packed": packed}


def _reply_from_item(item: Item) -> Reply:
    body = text_or_none(item, "body")
    if body is None:
        body = zlib.decompress(b64decode(text(item, "packed"))).decode()
    headers = mapping(item, "headers")
    return Reply(number(item, "status"), body, {name: text(headers, name) for name in headers})


def _bytes_of(answered: Mapping[str, Value]) -> int:
    return len(repr(answered).encode())


def _seconds(instant: datetime) -> int:
    return timegm(instant.utctimetuple())
