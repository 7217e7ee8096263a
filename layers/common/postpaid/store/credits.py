"""What a site owes its customers: one credit balance for each currency."""

from postpaid.application.entries import Balance, CreditChange
from postpaid.domain.money import Money
from postpaid.domain.site import Scope
from postpaid.store import keys
from postpaid.store.fields import number, text
from postpaid.store.tables import Absent, Item, Put, Range, Table, equals


class StoredCredits:
    """The credit balances of one site's customers."""

    def __init__(self, table: Table, scope: Scope) -> None:
        self._table = table
        self._scope = scope

    def balance(self, customer_id: str, currency: str) -> Balance:
        """Read a customer's credit balance in a currency; nothing stored is nothing owed."""
        item = self._table.get(keys.customer_credit(self._scope, customer_id, currency))
        if item is None:
            return Balance(Money(0, currency), version=0)
        return Balance(_amount(item), number(item, "v"))

    def of_customer(self, customer_id: str) -> list[Money]:
        """Read a customer's balances that are not zero, in order of their currencies."""
        first, last = (keys.customer_credit(self._scope, customer_id, end) for end in ("", "~"))
        rows = self._table.query(Range(pk=first.pk, first=first.sk, last=last.sk))
        return [amount for amount in map(_amount, rows) if amount.minor]


def credit_write(scope: Scope, change: CreditChange) -> Put:
    """Return the write of a new balance over exactly the one it was made from."""
    key = keys.customer_credit(scope, change.customer_id, change.amount.currency)
    item: Item = {
        **key._asdict(),
        "s": keys.SCHEMA,
        "v": change.over.version + 1,
        "currency": change.amount.currency,
        "minor": str(change.amount.minor),
    }
    there = equals("v", change.over.version) if change.over.version else Absent()
    return Put(item, condition=there)


def _amount(item: Item) -> Money:
    return Money(int(text(item, "minor")), text(item, "currency"))
