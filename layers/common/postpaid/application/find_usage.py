"""Find a usage by the external id that its client gave it."""

from postpaid.application.correct_usage import subscription_of
from postpaid.application.ports import Subscriptions, UsageLedger
from postpaid.domain.identifiers import check_id
from postpaid.domain.usage import Usage


def find_usage(
    external_id: str, *, subscriptions: Subscriptions, ledger: UsageLedger
) -> Usage | None:
    """Return the live usage that is known by an external id; raises `Invalid` if it is no id.

    One that was deleted is not there, nor one that was added again under another id.
    """
    key = ledger.named(check_id(external_id, "external_id"))
    if key is None:
        return None
    usage = ledger.of(subscription_of(key, subscriptions)).get(key)
    if usage is None or usage.deleted or usage.external_id != external_id:
        return None
    return usage
