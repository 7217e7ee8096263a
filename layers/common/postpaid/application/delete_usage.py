"""Delete one usage: its record stays as a tombstone, so that nothing late can bring it back."""

from postpaid.application.ports import Terms, Unavailable, UsageLedger
from postpaid.application.record_usage import RecordedUsage, billing_state
from postpaid.domain.errors import NotFound
from postpaid.domain.usage import UsageKey

_TRIES = 4


def delete_usage(key: UsageKey, *, ledger: UsageLedger, terms: Terms) -> RecordedUsage:
    """Delete a usage in whatever version it is; deleting it twice changes nothing.

    Raises `NotFound` if it was never recorded, `Unavailable` if the outcome is unknown.
    """
    for _ in range(_TRIES):
        usage = ledger.get(key)
        if usage is None:
            raise NotFound("usage_not_found", "there is no such usage on the subscription")
        tombstone = usage if usage.deleted else ledger.delete(usage)
        if tombstone is not None:
            return RecordedUsage(
                usage=tombstone, replayed=usage.deleted, billing=billing_state(terms, tombstone)
            )
    raise Unavailable("the usage changed under every attempt to delete it")
