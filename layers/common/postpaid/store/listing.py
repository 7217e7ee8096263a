"""Lists of a site's things, newest or oldest first, month by month."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from postpaid.application.entries import Appended
from postpaid.domain.catalog import Item as CatalogItem
from postpaid.domain.catalog import ItemFamily, ItemPrice
from postpaid.domain.customer import Customer
from postpaid.domain.instants import instant_text
from postpaid.domain.invoice import Invoice
from postpaid.domain.site import Scope
from postpaid.domain.subscription import Subscription
from postpaid.store import keys
from postpaid.store.catalog import catalog_item_from_item, price_from_item
from postpaid.store.customers import customer_from_item
from postpaid.store.fields import text
from postpaid.store.invoices import invoice_from_item
from postpaid.store.item_families import family_from_item
from postpaid.store.manifests import appended_from_item
from postpaid.store.subscriptions import subscription_from_item
from postpaid.store.tables import Item, Key, Range, Table

_PAGE = 101  # one more than the longest page a door offers


class StoredLists:
    """The lists of one site; eventually consistent, as indexes are.

    Only things created in the months of *oldest* to *newest* are looked for; of the catalogue those
    of *former* as well, the first and last instant of the clocks that the site had before. Every
    list takes the place to go on from and a limit, and returns things and the next place, None at
    the end. The newest come first, or if it is *ascending* the oldest; a place serves either way.
    """

    def __init__(
        self,
        table: Table,
        scope: Scope,
        *,
        oldest: datetime,
        newest: datetime,
        former: tuple[datetime, datetime] | None = None,
    ) -> None:
        self._table = table
        self._scope = scope
        self._months = instant_text(oldest)[:7], instant_text(newest)[:7]
        first, last = (oldest, newest) if former is None else former
        months = instant_text(min(oldest, first))[:7], instant_text(max(newest, last))[:7]
        self._catalog_months = months

    def item_families(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[ItemFamily], str | None]:
        """Read a page of the item families."""
        return self._page("item_family", family_from_item, after, limit, ascending)

    def items(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[CatalogItem], str | None]:
        """Read a page of the items."""
        return self._page("item", catalog_item_from_item, after, limit, ascending)

    def prices(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[ItemPrice], str | None]:
        """Read a page of the item prices."""
        return self._page("item_price", price_from_item, after, limit, ascending)

    def customers(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[Customer], str | None]:
        """Read a page of the customers."""
        return self._page("customer", customer_from_item, after, limit, ascending)

    def subscriptions(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[Subscription], str | None]:
        """Read a page of the subscriptions."""
        return self._page("subscription", subscription_from_item, after, limit, ascending)

    def place_of(self, subscription: Subscription) -> str:
        """Return the place of a subscription in their list: what is behind it comes next."""
        return keys.listing_place(subscription.id, subscription.created_at)

    def invoices(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[Invoice], str | None]:
        """Read a page of the invoices."""
        return self._page("invoice", invoice_from_item, after, limit, ascending)

    def late_usages(
        self, after: str | None, limit: int, *, ascending: bool = False
    ) -> tuple[list[Appended], str | None]:
        """Read a page of the manifests that came after a term's first."""
        return self._page("late_usage", appended_from_item, after, limit, ascending)

    def _page[Thing](
        self,
        kind: str,
        read: Callable[[Item], Thing],
        after: str | None,
        limit: int,
        ascending: bool,  # noqa: FBT001 - handed on by name from above
    ) -> tuple[list[Thing], str | None]:
        rows = list(islice(self._rows(kind, after, ascending=ascending), limit + 1))
        shown = [Key(text(row, "pk"), text(row, "sk")) for row in rows[:limit]]
        found = self._table.batch_get(shown)
        things = [read(found[key]) for key in shown if key in found]
        return things, text(rows[limit - 1], "lsk") if len(rows) > limit else None

    def _rows(self, kind: str, after: str | None, *, ascending: bool) -> Iterator[Item]:
        first, last = self._catalog_months if kind in keys.CATALOG else self._months
        month = _begin(after, first, last, ascending=ascending)
        while first <= month <= last:
            rows = [
                row
                for shard in range(keys.LIST_SHARDS)
                for row in self._table.query(
                    Range(
                        pk=keys.listing_pk(self._scope, kind, month, shard),
                        first=month,
                        last=f"{month}~",
                        index="list",
                        reverse=not ascending,
                        after=after,
                        limit=_PAGE,
                    )
                )
            ]
            rows.sort(key=lambda row: text(row, "lsk"), reverse=not ascending)
            yield from rows[:_PAGE]
            if len(rows) >= _PAGE:
                after = text(rows[_PAGE - 1], "lsk")
            else:
                month, after = _month_beside(month, 1 if ascending else -1), None


def _begin(after: str | None, first: str, last: str, *, ascending: bool) -> str:
    """Return the month in which a list goes on behind a place."""
    if ascending:
        return max(first, (after or "")[:7])
    return last if after is None else min(last, after[:7])


def _month_beside(month: str, step: int) -> str:
    """Return the month before or after another."""
    count = 12 * int(month[:4]) + int(month[5:]) - 1 + step
    return f"{count // 12:04d}-{count % 12 + 1:02d}"
