"""The nonces of signed requests, remembered while their time lasts.

They are in the usage table, which is the one that recording may write. `expires`, in seconds of the
Unix epoch, is what its time to live goes by: DynamoDB removes such an item hours or days later.
That is hygiene only; whether a nonce is still remembered is decided here, by the same figure. No
usage has an attribute of that name.
"""

from calendar import timegm
from datetime import datetime

from postpaid.application.authenticate_signed import UsedNonce
from postpaid.store import keys
from postpaid.store.tables import Absent, AtMost, ConditionFailed, Item, Put, Table, either


class StoredNonces:
    """The nonces of every site."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def use(self, nonce: UsedNonce, now: datetime) -> bool:
        """Remember a nonce; false if another run used it and its time is not over. One put."""
        free = either(Absent(), AtMost("expires", _seconds(now) - 1))
        try:
            self._table.put(Put(item_from_nonce(nonce), condition=free))
        except ConditionFailed as refusal:
            # The SDK's own retry of a put that was applied meets its own note here.
            return bool(nonce.run) and (refusal.existing or {}).get("run") == nonce.run
        return True


def item_from_nonce(nonce: UsedNonce) -> Item:
    """Return the stored form of a nonce; the client's own text is in it as a digest only."""
    return {
        **keys.nonce(nonce.scope, nonce.digest)._asdict(),
        "s": keys.SCHEMA,
        "run": nonce.run,
        "expires": _seconds(nonce.until),
    }


def _seconds(instant: datetime) -> int:
    return timegm(instant.utctimetuple())
