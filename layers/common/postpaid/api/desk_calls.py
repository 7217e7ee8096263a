"""Use cases of subscriptions, called with what a desk has for them: the same for every door."""

from postpaid.api.desk import Desk
from postpaid.application.catalog import Created
from postpaid.application.change_closing import ChangeClosing, change_closing
from postpaid.application.subscriptions import CreateSubscription, Shelf, create_subscription
from postpaid.domain.subscription import Subscription


def subscribe(desk: Desk, command: CreateSubscription) -> Created[Subscription]:
    """Create a subscription; raises what `create_subscription` does."""
    return create_subscription(
        command,
        scope=desk.scope,
        shelf=Shelf(
            items=desk.items,
            prices=desk.prices,
            customers=desk.customers,
            sites=desk.books.sites,
        ),
        subscriptions=desk.subscriptions,
        activation=desk.activation,
        ids=desk.ids,
        now=desk.now,
    )


def change_settings(desk: Desk, command: ChangeClosing) -> Subscription:
    """Change how invoices of a subscription close; raises what `change_closing` does."""
    return change_closing(
        command,
        scope=desk.scope,
        subscriptions=desk.subscriptions,
        terms=desk.terms,
        invoices=desk.invoices,
        customers=desk.customers,
        sites=desk.books.sites,
        now=desk.now,
    )
