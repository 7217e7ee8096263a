"""Delete a customer that has no subscription any more.

Its invoices stay, its credit stays, and its id stays taken. That no subscription of it goes on or
begins afterwards is held by the customer's tally: every subscription that begins counts itself
there, in the transaction that makes it, unless the tally says the end; to delete is to say the end
over the count that was read first.

begins before the count is read    the list of subscriptions, which is read later, has it: refused
begins after that, before the end  the count is another: the end is not said, all is read again
begins after the end               its transaction is refused; the customer is found deleted
ends meanwhile                     refused if it was seen going on: the repeat deletes
is revived meanwhile               not possible: one whose last term is over, or that was withdrawn,
                                   is changed by nothing
is changed meanwhile               the customer's version is another: all is read again
two deletions at once              one comes first; the other reads again, and finds it done
crash before the transaction       nothing was written; the repeat does it
lost answer after it               the repeat finds it done
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from postpaid.application.ports import Customers, Looks, Lost, Subscriptions, Unavailable
from postpaid.domain.customer import Customer
from postpaid.domain.errors import Conflict, NotFound
from postpaid.domain.instants import YEAR_MAX
from postpaid.domain.term import TermStatus

_TRIES = 4
_PAGE = 100
_LATEST = datetime(YEAR_MAX, 12, 31, tzinfo=UTC)


class DeletableCustomers(Customers, Protocol):
    """The customers of one site, their subscriptions, and how one is deleted."""

    def begun(self, customer_id: str) -> int:
        """Read how many subscriptions of a customer began since there is a tally of them."""
        ...

    def subscriptions(self, customer_id: str, *, after: str | None, limit: int) -> list[str]:
        """Read at most *limit* ids of a customer's subscriptions, in order of their ids."""
        ...

    def delete(self, customer: Customer, *, begun: int) -> None:
        """Store a customer as deleted, so that no subscription of it can begin; or raise `Lost`.

        Its version must be the next one, and no subscription have begun beyond those *begun*.
        """
        ...


def delete_customer(
    customer_id: str,
    *,
    customers: DeletableCustomers,
    subscriptions: Subscriptions,
    terms: Looks,
    now: datetime,
) -> Customer:
    """Delete a customer; to delete it again changes nothing.

    Raises `NotFound`; `Conflict` with code `customer_in_use` while a subscription of it has not
    ended: a sweep or a request must have ended its last term.
    """
    for _ in range(_TRIES):
        customer = customers.get(customer_id)
        if customer is None:
            raise NotFound("customer_not_found", f"there is no customer '{customer_id}'")
        if customer.deleted:
            return customer
        begun = customers.begun(customer_id)
        _check_unused(customer_id, customers, subscriptions, terms)
        deleted = replace(customer, deleted=True, version=customer.version + 1, changed_at=now)
        try:
            customers.delete(deleted, begun=begun)
        except Lost:
            continue
        return deleted
    raise Unavailable("other changes came first every time")


def _check_unused(
    customer_id: str, customers: DeletableCustomers, subscriptions: Subscriptions, terms: Looks
) -> None:
    after: str | None = None
    while page := customers.subscriptions(customer_id, after=after, limit=_PAGE):
        for subscription_id in page:
            if not _is_over(subscription_id, subscriptions, terms):
                raise Conflict(
                    "customer_in_use",
                    f"its subscription '{subscription_id}' has not ended",
                    details={"subscription_id": subscription_id},
                )
        after = page[-1]


def _is_over(subscription_id: str, subscriptions: Subscriptions, terms: Looks) -> bool:
    """Tell whether a subscription can have no term any more, whatever is asked of it.

    The clock alone does not say so: on another machine it may be a moment earlier, and the end be
    taken back there.
    """
    term = terms.look(subscription_id, _LATEST)
    if term is None or term.status is not TermStatus.OPEN:
        return True
    subscription = subscriptions.get(subscription_id)
    return subscription is not None and subscription.end == subscription.start
