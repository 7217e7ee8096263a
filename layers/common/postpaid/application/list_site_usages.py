"""List the live usages of a site, subscription by subscription: no index of usages is needed."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from postpaid.application.list_usages import EVER, READ_MAX, page_of_usages
from postpaid.application.ports import Subscriptions, UsageLedger
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Usage, UsageKey

# What looking into a subscription counts as beside the records it has: a query for each shard.
_LOOK = 10
_PAGE = 100


class SiteSubscriptions(Protocol):
    """The list of a site's subscriptions, newest first; eventually consistent."""

    def subscriptions(self, after: str | None, limit: int) -> tuple[list[Subscription], str | None]:
        """Read a page of the subscriptions, and the place to go on from."""
        ...

    def place_of(self, subscription: Subscription) -> str:
        """Return the place of a subscription in this list: what is behind it comes next."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFilter:
    """Which usages are wanted: dated in *period*, and what *is_wanted* says of a usage.

    Of these subscriptions and item prices, None for all. Subscriptions are read in the order given,
    but for those of which *may_be_of* says that they have none.
    """

    subscription_ids: Sequence[str] | None = None
    item_price_ids: Collection[str] | None = None
    period: Period = EVER
    is_wanted: Callable[[Usage], bool] = lambda _: True
    may_be_of: Callable[[Subscription], bool] = lambda _: True

    def admits(self, usage: Usage) -> bool:
        """Tell whether a usage is wanted that is dated in the period."""
        prices = self.item_price_ids
        return (prices is None or usage.item_price_id in prices) and self.is_wanted(usage)

    def may_find_in(self, subscription: Subscription) -> bool:
        """Tell whether a subscription can have a usage that is wanted, by itself.

        It has all entries that its lines ever had, and no usage before its start.
        """
        prices = self.item_price_ids
        has_price = prices is None or any(
            line.item_price_id in prices for line in subscription.lines
        )
        begun = subscription.start < self.period.end
        return begun and has_price and self.may_be_of(subscription)


class SitePlace(NamedTuple):
    """Where a list of usages goes on: in a subscription, behind a usage of it, or at its first."""

    subscription_id: str
    usage: UsageKey | None


def list_site_usages(
    wanted: UsageFilter,
    *,
    after: SitePlace | None,
    limit: int,
    lists: SiteSubscriptions,
    subscriptions: Subscriptions,
    ledger: UsageLedger,
) -> tuple[list[Usage], SitePlace | None]:
    """Return live usages of the site's subscriptions, newest first, each by date.

    And where to go on, None at the end. A page may be short, even empty, while there is more: it
    reads at most 1 000 records, where a subscription that is looked into counts as some, too. What
    is recorded meanwhile is found if it lies behind the place.
    """
    shown: list[Usage] = []
    left = READ_MAX
    for subscription in _from(after, wanted.subscription_ids, lists, subscriptions):
        if left <= 0 or len(shown) == limit:
            return shown, SitePlace(subscription.id, None)
        if not wanted.may_find_in(subscription):
            left -= 1
            continue
        begin = after.usage if after and after.subscription_id == subscription.id else None
        page = page_of_usages(
            ledger.of(subscription),
            wanted.period,
            is_wanted=wanted.admits,
            after=begin,
            limit=limit - len(shown),
            read_max=left,
        )
        shown += page.usages
        left -= page.read + _LOOK * subscription.usage_shards
        if page.after is not None:
            return shown, SitePlace(subscription.id, page.after)
    return shown, None


def _from(
    after: SitePlace | None,
    subscription_ids: Sequence[str] | None,
    lists: SiteSubscriptions,
    subscriptions: Subscriptions,
) -> Iterator[Subscription]:
    """Yield the subscriptions from a place on, the one that it is in first."""
    if subscription_ids is not None:
        yield from _named(after, subscription_ids, subscriptions)
        return
    place = None
    if after is not None:
        begun = subscriptions.get(after.subscription_id)
        if begun is None:
            return
        yield begun
        place = lists.place_of(begun)
    while True:
        page, place = lists.subscriptions(place, _PAGE)
        yield from page
        if place is None:
            return


def _named(
    after: SitePlace | None, subscription_ids: Sequence[str], subscriptions: Subscriptions
) -> Iterator[Subscription]:
    ids = list(dict.fromkeys(subscription_ids))
    if after is not None:
        ids = ids[ids.index(after.subscription_id) :] if after.subscription_id in ids else []
    for subscription_id in ids:
        found = subscriptions.get(subscription_id)
        if found is not None:
            yield found
