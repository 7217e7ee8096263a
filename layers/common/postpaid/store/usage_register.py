"""What goes with a new usage where it is asked for, in the transaction that puts the usage.

An external id's entry in the register names one identity for ever, a deletion leaves it as it is: a
packet that comes late finds its own usage or none. The count of a subscription's usages is there
only while the subscription has a maximum. Neither is in the partition of the usages, so that no
query of a term meets one.
"""

from postpaid.domain.site import Scope
from postpaid.domain.usage import Usage, UsageKey
from postpaid.store import keys
from postpaid.store.fields import number, text
from postpaid.store.tables import Absent, AtMost, Item, Put, Update, all_of, either, equals


def register(scope: Scope, usage: Usage) -> Put:
    """Bind a usage's external id to its identity, unless it is bound to another."""
    assert usage.external_id is not None
    subscription_id, place = usage.key.subscription_id, keys.usage_sk(usage.key)
    entry: Item = {
        **keys.external_id(scope, usage.external_id)._asdict(),
        "s": keys.SCHEMA,
        "subscription_id": subscription_id,
        "place": place,
    }
    mine = all_of(equals("subscription_id", subscription_id), equals("place", place))
    return Put(entry, condition=either(Absent(), mine))


def identity_in(entry: Item) -> UsageKey:
    """Read which usage an entry of the register names."""
    return keys.usage_from_sk(text(entry, "subscription_id"), text(entry, "place"))


def count_one(scope: Scope, subscription_id: str, records_max: int) -> Update:
    """Count a usage, if fewer than *records_max* are counted."""
    return Update(
        keys.usage_count(scope, subscription_id),
        either(Absent("n"), AtMost("n", records_max - 1)),
        add={"n": 1},
        default={"s": keys.SCHEMA},
    )


def count_in(item: Item) -> int:
    """Read how many usages are counted."""
    return number(item, "n")
