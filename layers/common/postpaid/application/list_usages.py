"""List the live usages of a subscription."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from postpaid.application.ports import UsageLedger, UsagesOf
from postpaid.domain.instants import YEAR_MAX, YEAR_MIN
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Usage, UsageKey

# A page of a sparse filter reads at most this many records; its cursor goes on behind them.
READ_MAX = 1000
# Wider than anything that can be recorded, in any zone.
EVER = Period(
    datetime(YEAR_MIN - 1, 12, 31, tzinfo=UTC),
    datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC) + timedelta(days=1),
)
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Some usages, where to go on, None at the end, and how many records were read for them."""

    usages: list[Usage]
    after: UsageKey | None
    read: int


def list_usages(
    subscription: Subscription,
    period: Period,
    *,
    line_id: str | None,
    item_price_id: str | None,
    after: UsageKey | None,
    limit: int,
    ledger: UsageLedger,
) -> tuple[list[Usage], UsageKey | None]:
    """Return live usages dated in a period, in order, and where to go on; None at the end.

    A page may be short, even empty, while there is more: it reads at most 1 000 records.
    """

    def is_wanted(usage: Usage) -> bool:
        return line_id in {None, usage.key.line_id} and item_price_id in {None, usage.item_price_id}

    page = page_of_usages(
        ledger.of(subscription), period, is_wanted=is_wanted, after=after, limit=limit
    )
    return page.usages, page.after


def page_of_usages(
    usages: UsagesOf,
    period: Period,
    *,
    is_wanted: Callable[[Usage], bool],
    after: UsageKey | None,
    limit: int,
    read_max: int = READ_MAX,
) -> UsagePage:
    """Return those live usages of a subscription that are wanted, dated in a period, in order.

    At most *limit*, of at most *read_max* records.
    """
    shown: list[Usage] = []
    read = 0
    while read < read_max:
        size = min(_CHUNK, read_max - read)
        chunk = usages.page(period, after=after, limit=size)
        read += len(chunk)
        is_last = len(chunk) < size
        for usage in chunk:
            after = usage.key
            if not usage.deleted and is_wanted(usage):
                shown.append(usage)
                if len(shown) == limit:
                    more = usage is not chunk[-1] or (
                        not is_last and usages.page(period, after=after, limit=1)
                    )
                    return UsagePage(shown, after if more else None, read)
        if is_last:
            return UsagePage(shown, None, read)
    return UsagePage(shown, after, read)
