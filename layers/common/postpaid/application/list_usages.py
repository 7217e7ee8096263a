"""List the live usages of a subscription."""

from postpaid.application.ports import UsageLedger
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Usage, UsageKey

# A page of a sparse filter reads at most this many records; its cursor goes on behind them.
READ_MAX = 1000
_CHUNK = 200


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
    usages = ledger.of(subscription)
    shown: list[Usage] = []
    for _ in range(READ_MAX // _CHUNK):
        chunk = usages.page(period, after=after, limit=_CHUNK)
        is_last = len(chunk) < _CHUNK
        for usage in chunk:
            after = usage.key
            if (
                not usage.deleted
                and line_id in {None, usage.key.line_id}
                and item_price_id in {None, usage.item_price_id}
            ):
                shown.append(usage)
                if len(shown) == limit:
                    more = usage is not chunk[-1] or (
                        not is_last and usages.page(period, after=after, limit=1)
                    )
                    return shown, after if more else None
        if is_last:
            return shown, None
    return shown, after
