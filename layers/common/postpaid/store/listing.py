"""Lists of a site's things, newest first, month by month."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from postpaid.application.entries import Appended
from postpaid.domain.catalog import Item as CatalogItem
from postpaid.domain.catalog import ItemPrice
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
from postpaid.store.manifests import appended_from_item
from postpaid.store.subscriptions import subscription_from_item
from postpaid.store.tables import Item, Key, Range, Table

_PAGE = 101  # one more than the longest page a door offers


class StoredLists:
    """The lists of one site; eventually consistent, as indexes are.

    Only things created in the months of *oldest* to *newest* are looked for; of the catalogue those
    of *former* as well, the first and last instant of the clocks that the site had before. Every
    list takes the place to go on from and a limit, and returns things and the next place, None at
    the end.
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

    def items(self, after: str | None, limit: int) -> tuple[list[CatalogItem], str | None]:
        """Read a page of the items."""
        return self._page("item", catalog_item_from_item, after, limit)

    def prices(self, after: str | None, limit: int) -> tuple[list[ItemPrice], str | None]:
        """Read a page of the item prices."""
        return self._page("item_price", price_from_item, after, limit)

    def customers(self, after: str | None, limit: int) -> tuple[list[Customer], str | None]:
        """Read a page of the customers."""
        return self._page("customer", customer_from_item, after, limit)

    def subscriptions(self, after: str | None, limit: int) -> tuple[list[Subscription], str | None]:
        """Read a page of the subscriptions."""
        return self._page("subscription", subscription_from_item, after, limit)

    def invoices(self, after: str | None, limit: int) -> tuple[list[Invoice], str | None]:
        """Read a page of the invoices."""
        return self._page("invoice", invoice_from_item, after, limit)

    def late_usages(self, after: str | None, limit: int) -> tuple[list[Appended], str | None]:
        """Read a page of the manifests that came after a term's first."""
        return self._page("late_usage", appended_from_item, after, limit)

    def _page[Thing](
        self, kind: str, read: Callable[[Item], Thing], after: str | None, limit: int
    ) -> tuple[list[Thing], str | None]:
        rows = list(islice(self._rows(kind, after), limit + 1))
        shown = [Key(text(row, "pk"), text(row, "sk")) for row in rows[:limit]]
        found = self._table.batch_get(shown)
        things = [read(found[key]) for key in shown if key in found]
        return things, text(rows[limit - 1], "lsk") if len(rows) > limit else None

    def _rows(self, kind: str, after: str | None) -> Iterator[Item]:
        first, last = self._catalog_months if kind in keys.CATALOG else self._months
        month = last if after is None else min(last, after[:7])
        while month >= first:
            rows = [
                row
                for shard in range(keys.LIST_SHARDS)
                for row in self._table.query(
                    Range(
                        pk=keys.listing_pk(self._scope, kind, month, shard),
                        first=month,
                        last=f"{month}~",
                        index="list",
                        reverse=True,
                        after=after,
                        limit=_PAGE,
                    )
                )
            ]
            rows.sort(key=lambda row: text(row, "lsk"), reverse=True)
            yield from rows[:_PAGE]
            if len(rows) >= _PAGE:
                after = text(rows[_PAGE - 1], "lsk")
            else:
                month, after = _month_before(month), None


def _month_before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02d}"
