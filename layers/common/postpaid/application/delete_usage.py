"""Delete one usage: its record stays as a tombstone, so that nothing late can bring it back."""

from postpaid.application.correct_usage import subscription_of, usage_not_found
from postpaid.application.ports import Subscriptions, Terms, Unavailable, UsageLedger
from postpaid.application.record_usage import RecordedUsage, is_closed, looked, term_closed
from postpaid.domain.errors import Conflict
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import UsageKey

_TRIES = 4


def delete_usage(
    key: UsageKey,
    *,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
    terms: Terms,
    unless_invoiced: bool = False,
) -> RecordedUsage:
    """Delete a usage in whatever version it is; deleting it twice changes nothing.

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
        if not usage.deleted and is_closed(subscription, key, terms):
            raise term_closed()
        if unless_invoiced and not usage.deleted and _is_invoiced(key, terms):
            raise Conflict("usage_invoiced", "its term is invoiced: what was billed stays")
        tombstone = usage if usage.deleted else usages.delete(usage)
        if tombstone is not None:
            return looked(terms, tombstone, replayed=usage.deleted)
    raise Unavailable("the usage changed under every attempt to delete it")


def _is_invoiced(key: UsageKey, terms: Terms) -> bool:
    # A close that comes between this look and the deletion bills it, and the deletion is late.
    term = terms.look(key.subscription_id, key.at)
    return term is not None and term.status is TermStatus.FROZEN
