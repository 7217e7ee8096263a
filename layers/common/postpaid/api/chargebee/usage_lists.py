"""Lists of usages over all subscriptions: no index of them is needed, or there.

They come subscription by subscription, newest first, each by date. What a filter says of
subscriptions and dates is looked up; the rest is compared with what is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from postpaid.api.chargebee.filters import Filter, Kind
from postpaid.api.chargebee.invoice_reading import find_invoice
from postpaid.api.chargebee.invoice_shape import shown_id
from postpaid.api.chargebee.lists import Asked, ListOf, Resource, answer, read_asked
from postpaid.api.chargebee.usage import chargebee_from_usage
from postpaid.api.chargebee.usage_ids import date_of_usage_id, is_of_subscription
from postpaid.api.chargebee.usages import shown_usages
from postpaid.api.cursors import read_cursor
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.find_usage import find_usage
from postpaid.application.gather import gathered
from postpaid.application.list_site_usages import SitePlace, UsageFilter, list_site_usages
from postpaid.application.list_usages import EVER
from postpaid.domain.errors import Invalid, LimitExceeded, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Usage

_CHUNK = 100
# How many times 1 000 records, or 100 subscriptions without any, are looked through for a page.
_LOOKS_MAX = 5
_LOOKS_TO_SORT_MAX = 220
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = ((each - _EPOCH) // timedelta(seconds=1) for each in (EVER.start, EVER.end))

_LIST = ListOf(
    name="usages",
    kinds={
        **dict.fromkeys(("id", "subscription_id", "item_price_id", "invoice_id"), Kind.TEXT),
        **dict.fromkeys(("usage_date", "updated_at"), Kind.STAMP),
        "source": Kind.CHOICE,
    },
    sorts=frozenset({"usage_date", "updated_at"}),
)

type Shown = tuple[Usage, Resource]
type Key = tuple[int, str, str]


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List usages; those that were deleted are left out."""
    asked = read_asked(request, _LIST)
    narrowed = _Narrowed.of(desk, asked)
    if narrowed is None:
        return answer(desk, request, _LIST, [], None)
    of_one = narrowed.subscription_ids is not None and len(narrowed.subscription_ids) == 1
    page = _Page(desk, narrowed.asked, narrowed.wanted)
    if asked.sort is None or (of_one and asked.sort == ("usage_date", True)):
        return page.streamed(request)
    return page.sorted(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Narrowed:
    """Where to look for what is asked: in these subscriptions, None for all, and in this span.

    *asked* has invoices by the ids that they have now.
    """

    asked: Asked
    subscription_ids: Sequence[str] | None = None
    first: int = _FIRST
    end: int = _LAST
    own_ids: tuple[str, ...] = ()
    among: frozenset[str] = frozenset()

    @classmethod
    def of(cls, desk: Desk, asked: Asked) -> "_Narrowed | None":
        """Return where to look; None if nothing can be there."""
        narrowed: _Narrowed | None = cls(asked=asked)
        for each in asked.filters:
            if narrowed is not None and each.attribute == "usage_date":
                narrowed = narrowed.within(*_span(each))
            elif narrowed is not None and each.op in {"is", "in"}:
                if each.attribute == "subscription_id":
                    narrowed = narrowed.only(each.values)
                elif each.attribute == "invoice_id":
                    narrowed = narrowed.on_invoices(desk, each)
                elif each.attribute == "id":
                    narrowed = narrowed.by_ids(desk, each.values)
        return narrowed

    @property
    def wanted(self) -> UsageFilter:
        """What to read."""
        period = Period(*(_EPOCH + timedelta(seconds=each) for each in (self.first, self.end)))
        return UsageFilter(
            subscription_ids=self.subscription_ids,
            item_price_ids=self.asked.only("item_price_id"),
            period=period,
            may_be_of=self._may_be_of,
        )

    def only(self, ids: Sequence[str]) -> "_Narrowed | None":
        """Look in these subscriptions only."""
        before = self.subscription_ids
        kept = [each for each in ids if before is None or each in before]
        return replace(self, subscription_ids=kept) if kept else None

    def within(self, first: int, end: int) -> "_Narrowed | None":
        """Look at these dates only."""
        first, end = max(first, self.first), min(end, self.end)
        return replace(self, first=first, end=end) if first < end else None

    def on_invoices(self, desk: Desk, named: Filter) -> "_Narrowed | None":
        """Look for what invoices bill, by any of their ids."""
        found = [each for text in named.values if (each := _issued(desk, text)) is not None]
        spans = [span for each in found if (span := _billed_span(desk, each)) is not None]
        if not spans:
            return None
        present = replace(named, values=tuple(shown_id(each) for each in found))
        filters = tuple(present if each is named else each for each in self.asked.filters)
        here = replace(self, asked=replace(self.asked, filters=filters))
        only = here.only(list(dict.fromkeys(each.subscription_id for each in found)))
        return only and only.within(min(first for first, _ in spans), max(end for _, end in spans))

    def by_ids(self, desk: Desk, ids: Sequence[str]) -> "_Narrowed | None":
        """Look for usages by their ids; those of ours do not say of which subscription they are."""
        dates: list[int] = []
        named: list[str] = []
        ours: list[str] = []
        for text in ids:
            at = date_of_usage_id(text)
            if at is not None:
                ours.append(text)
                dates.append(_seconds(at))
            usage = _named(desk, text)
            if usage is not None:
                named.append(usage.key.subscription_id)
                dates.append(_seconds(usage.key.at))
        if not dates:
            return None
        there = self.within(min(dates), max(dates) + 1)
        if there is None or ours:
            return there and replace(there, own_ids=tuple(ours), among=frozenset(named))
        return there.only(list(dict.fromkeys(named)))

    def _may_be_of(self, subscription: Subscription) -> bool:
        return not self.own_ids or (
            subscription.id in self.among
            or any(is_of_subscription(subscription.id, text) for text in self.own_ids)
        )


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of what is asked for."""

    desk: Desk
    asked: Asked
    wanted: UsageFilter

    def streamed(self, request: Request) -> Response:
        """Answer in the order of the list."""
        desk, limit = self.desk, self.asked.limit
        shown: list[Shown] = []
        place = self._place_in(request)
        for _ in range(_LOOKS_MAX):
            size = _CHUNK if self.asked.filters else limit + 1 - len(shown)
            found, place = self._read(place, size)
            for usage, resource in self._shown(found):
                if not self.asked.keeps(desk, resource):
                    continue
                if len(shown) == limit:
                    last = shown[-1][0].key
                    return self._answer(request, shown, SitePlace(last.subscription_id, last))
                shown.append((usage, resource))
            if place is None:
                break
        return self._answer(request, shown, place)

    def sorted(self, request: Request) -> Response:
        """Answer in the order that is asked for; all there is to sort is read for each page."""
        assert self.asked.sort is not None
        attribute, is_rising = self.asked.sort

        def key(each: Shown) -> Key:
            where = each[0].key
            return (
                each[1][attribute],
                where.subscription_id,
                self.desk.usage_ids.text(where),
            )

        with_sort = sorted(self._all(), key=key, reverse=not is_rising)
        after = read_cursor(
            self.desk.scope, _LIST.name, request.query, parts=3, check=_check_key, name="offset"
        )
        if after is not None:
            passed = (int(after[0]), after[1], after[2])
            with_sort = [
                each
                for each in with_sort
                if key(each) != passed and (key(each) > passed) == is_rising
            ]
        shown = with_sort[: self.asked.limit]
        place = None
        if len(with_sort) > len(shown):
            stamp, *rest = key(shown[-1])
            place = [str(stamp), *rest]
        return answer(self.desk, request, _LIST, self._wrapped(shown), place)

    def _all(self) -> list[Shown]:
        looks = 0

        def read(place: SitePlace | None, limit: int) -> tuple[list[Shown], SitePlace | None]:
            nonlocal looks
            looks += 1
            if looks > _LOOKS_TO_SORT_MAX:
                raise LimitExceeded(
                    "limit_exceeded", "too many subscriptions to look into: name some by a filter"
                )
            found, then = self._read(place, limit)
            return self._shown(found), then

        try:
            return gathered(read, lambda each: self.asked.keeps(self.desk, each[1]))
        except LimitExceeded as refusal:
            refusal.field = "sort_by"
            raise

    def _read(self, place: SitePlace | None, limit: int) -> tuple[list[Usage], SitePlace | None]:
        return list_site_usages(
            self.wanted,
            after=place,
            limit=limit,
            lists=self.desk.lists,
            subscriptions=self.desk.subscriptions,
            ledger=self.desk.ledger,
        )

    def _shown(self, usages: Sequence[Usage]) -> list[Shown]:
        """Show usages; with their invoices, which cost more, only if a filter asks for those."""
        if self._asks_for_invoices:
            return list(zip(usages, shown_usages(self.desk, usages), strict=True))
        return [(usage, chargebee_from_usage(usage)) for usage in usages]

    def _answer(
        self, request: Request, shown: Sequence[Shown], place: SitePlace | None
    ) -> Response:
        where = None
        if place is not None:
            usage = "" if place.usage is None else self.desk.usage_ids.text(place.usage)
            where = [place.subscription_id, usage]
        return answer(self.desk, request, _LIST, self._wrapped(shown), where)

    def _wrapped(self, shown: Sequence[Shown]) -> list[Resource]:
        if self._asks_for_invoices:
            return [{"usage": resource} for _, resource in shown]
        usages = [usage for usage, _ in shown]
        return [{"usage": resource} for resource in shown_usages(self.desk, usages)]

    @property
    def _asks_for_invoices(self) -> bool:
        return any(each.attribute == "invoice_id" for each in self.asked.filters)

    def _place_in(self, request: Request) -> SitePlace | None:
        def check(subscription_id: str, text: str) -> None:
            if text:
                self.desk.usage_ids.key(subscription_id, text)

        after = read_cursor(
            self.desk.scope, _LIST.name, request.query, parts=2, check=check, name="offset"
        )
        if after is None:
            return None
        subscription_id, text = after
        usage = self.desk.usage_ids.key(subscription_id, text) if text else None
        return SitePlace(subscription_id, usage)


def _span(each: Filter) -> tuple[int, int]:
    """Return the seconds, from one on and before another, that a filter of dates can leave."""
    match each.op:
        case "after":
            return each.values[0] + 1, _LAST
        case "before":
            return _FIRST, each.values[0]
        case "between":
            return each.values[0], each.values[1] + 1
        case "on":  # a day in a zone: it is inside, and compared exactly later
            return each.values[0] - 2 * _DAY, each.values[0] + 2 * _DAY
    return (_FIRST, _LAST) if each.values[0] else (_LAST, _FIRST)


def _billed_span(desk: Desk, invoice: Invoice) -> tuple[int, int] | None:
    """Return the seconds in which what an issued invoice bills is dated; None if it bills nothing.

    Its manifest says so of its own term; what came later to earlier ones has lines with theirs.
    """
    content = desk.documents.get_content(invoice)
    places = [
        desk.usage_ids.placed(invoice.subscription_id, place).at for place, _, _ in content.manifest
    ]
    later = [line.period for line in content.lines if line.kind is LineKind.SUPPLEMENT]
    starts = [*places, *(period.start for period in later)]
    if not starts:
        return None
    ends = [*places, *(period.end for period in later)]
    return _seconds(min(starts)), _seconds(max(ends)) + 1


def _issued(desk: Desk, text: str) -> Invoice | None:
    """Return an invoice that bills something: one that is not issued, or no more, does not."""
    try:
        found = find_invoice(desk, text)
    except NotFound:
        return None
    return found if found.status is InvoiceStatus.ISSUED else None


def _named(desk: Desk, text: str) -> Usage | None:
    try:
        return find_usage(text, subscriptions=desk.subscriptions, ledger=desk.ledger)
    except (Invalid, NotFound):
        return None


def _check_key(stamp: str, _: str, __: str) -> None:
    int(stamp)


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(seconds=1)
