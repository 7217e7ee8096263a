"""Delete one usage: its record stays as a tombstone, so that nothing late can bring it back."""

from datetime import datetime

from postpaid.application.correct_usage import (
    check_not_invoiced,
    subscription_of,
    usage_not_found,
)
from postpaid.application.ports import Subscriptions, Terms, Unavailable, UsageLedger
from postpaid.application.record_usage import RecordedUsage, is_closed, looked, term_closed
from postpaid.application.replay import KEY_LIFETIME
from postpaid.domain.usage import Usage, UsageKey

_TRIES = 4


def delete_usage(
    key: UsageKey,
    *,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
    terms: Terms,
    now: datetime,
    unless_invoiced: bool = False,
    deletion: str | None = None,
) -> RecordedUsage:
    """Delete a usage in whatever version it is; deleting it twice changes nothing.

    *deletion*, the digest of an idempotency key, stays with the tombstone, and with what is
    recorded over it: who finds that was done before can tell by whom, and a late copy of a deletion
    does not delete what was added again within the time that a key counts.

    Raises `NotFound` if it was never recorded, `Conflict` with code `term_closed` where nothing
    late is taken, with `usage_invoiced` if the caller wants none deleted whose term is frozen,
    `Unavailable` if the outcome is unknown.
    """
    subscription = subscription_of(key, subscriptions)
    usages = ledger.of(subscription)
    for _ in range(_TRIES):
        usage = usages.get(key)
        if usage is None:
            raise usage_not_found()
        if _was_added_behind(usage, deletion, now):
            return looked(terms, usage, replayed=True)
        if not usage.deleted and is_closed(subscription, key, terms):
            raise term_closed()
        if unless_invoiced and not usage.deleted:
            check_not_invoiced(key, terms)
        tombstone = usage if usage.deleted else usages.delete(usage, deletion=deletion)
        if tombstone is not None:
            return looked(terms, tombstone, replayed=usage.deleted)
    raise Unavailable("the usage changed under every attempt to delete it")


def _was_added_behind(usage: Usage, deletion: str | None, now: datetime) -> bool:
    """Tell whether a usage was added again behind this very deletion, not long ago."""
    is_behind = deletion is not None and not usage.deleted and usage.deletion == deletion
    return is_behind and now < usage.recorded_at + KEY_LIFETIME
