"""Lists of invoices. A filter on heads comes before what is read of an invoice, or rated.

A pending invoice is rated to be shown, and an answer has at most 6 MB: so a page ends behind so
many of them, or so many lines, tiers and taxes. It is short then, and its offset goes on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from postpaid.api.chargebee.filters import Filter, Kind
from postpaid.api.chargebee.invoice_reading import find_invoice, view_of, whole_invoice
from postpaid.api.chargebee.invoice_shape import AMOUNTS, HIDDEN, OF_HEADS, View, head_of
from postpaid.api.chargebee.lists import Asked, ListOf, Resource, answer, read_asked
from postpaid.api.cursors import check_instant, read_cursor
from postpaid.api.desk import Desk
from postpaid.api.http import Request, Response
from postpaid.application.customers import known_customer
from postpaid.application.gather import gathered
from postpaid.application.list_invoices import (
    Drawers,
    invoices_of_customer,
    invoices_of_subscription,
)
from postpaid.application.roll_term import known_subscription
from postpaid.domain.errors import LimitExceeded, NotFound
from postpaid.domain.instants import instant_text, zone
from postpaid.domain.invoice import Invoice, InvoiceStatus

DRAFTS_PER_PAGE_MAX = 10
ROWS_PER_PAGE_MAX = 3000
LOOKED_AT_MAX = 1000
_CHUNK = 100
_ROWS = ("line_items", "line_item_tiers", "line_item_taxes")
_OPENING = "2000-01-01T00:00:00Z"  # opening invoices are of no term

type Place = list[str]
type Read = Callable[[Place | None, int], tuple[list[Invoice], Place | None]]

_LIST = ListOf(
    name="invoices",
    kinds={
        **dict.fromkeys(("id", "subscription_id", "customer_id", "void_reason_code"), Kind.TEXT),
        **dict.fromkeys(("status", "price_type", "dunning_status", "channel"), Kind.CHOICE),
        **dict.fromkeys(("date", "updated_at", "voided_at"), Kind.STAMP),
        **dict.fromkeys(AMOUNTS, Kind.NUMBER),
        "recurring": Kind.FLAG,
    },
    sorts=frozenset({"date", "updated_at"}),
    flags=frozenset({"include_deleted"}),
    refused={
        "paid_at": "payments are shown with one invoice: filter by status or amount_due",
        "paid_on_after": "payments are shown with one invoice: filter by status or amount_due",
        "payment_owner": "each customer pays its own invoices here",
        "einvoice": "there are no e-invoices here",
    },
)
_OF_ONE = ListOf(name="invoices of one", kinds={})


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List invoices, newest first unless they are to be sorted.

    Those that were deleted, or had nothing to charge, only if they are asked for.
    """
    asked = read_asked(request, _LIST)
    named = next((each for each in asked.filters if _names(each)), None)
    if named is None:
        listing, drawer = _drawer_for(desk, asked)
    else:  # by either id, so it is not compared with the one that is shown
        listing, drawer = "invoices by id", _named(desk, named.values)
        asked = replace(asked, filters=tuple(each for each in asked.filters if each != named))
    page = _Page(desk, asked, view_of(desk), drawer)
    if asked.sort is not None:
        return page.sorted(request, listing)
    return page.streamed(request, listing)


def list_of_subscription(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List a subscription's invoices, newest first."""
    asked = read_asked(request, _OF_ONE)
    known_subscription(desk.subscriptions, ids[0])
    drawer = _of_subscription(desk, ids[0])
    page = _Page(desk, asked, view_of(desk), drawer)
    return page.streamed(request, f"subscriptions/{ids[0]}/invoices")


def list_of_customer(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:
    """List a customer's invoices, subscription by subscription, newest first."""
    asked = read_asked(request, _OF_ONE)
    known_customer(ids[0], desk.customers)
    page = _Page(desk, asked, view_of(desk), _of_customer(desk, ids[0]))
    return page.streamed(request, f"customers/{ids[0]}/invoices")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawer:
    """Where heads come from, a page at a time, and where each has its place there."""

    read: Read
    place: Callable[[Invoice], Place]
    parts: int
    check: Callable[..., object]


def _names(each: Filter) -> bool:
    return each.attribute == "id" and each.op in {"is", "in"}


def _drawer_for(desk: Desk, asked: Asked) -> tuple[str, _Drawer]:
    """Return the shortest list in which all that is asked for is found."""
    subscriptions = asked.only("subscription_id")
    if subscriptions is not None and len(subscriptions) == 1:
        return f"invoices of {subscriptions[0]}", _of_subscription(desk, subscriptions[0])
    if asked.sort is not None:
        customers = asked.only("customer_id")
        if customers is not None and len(customers) == 1:
            return f"invoices of customer {customers[0]}", _of_customer(desk, customers[0])
    return _LIST.name, _of_site(desk)


def _named(desk: Desk, ids: tuple[str, ...]) -> _Drawer:
    def read(after: Place | None, limit: int) -> tuple[list[Invoice], Place | None]:
        found: dict[str, Invoice] = {}
        for text in ids:
            try:
                invoice = find_invoice(desk, text)
            except NotFound:
                continue
            found[invoice.id] = invoice
        newest = sorted(found.values(), key=lambda each: (each.created_at, each.id), reverse=True)
        if after is not None:
            newest = [each for each in newest if _listed(desk, each) < after[0]]
        rest = newest[limit:]
        return newest[:limit], [_listed(desk, newest[limit - 1])] if rest else None

    return _Drawer(
        read=read, place=lambda each: [_listed(desk, each)], parts=1, check=_check_listed
    )


def _of_site(desk: Desk) -> _Drawer:
    def read(after: Place | None, limit: int) -> tuple[list[Invoice], Place | None]:
        heads, place = desk.lists.invoices(None if after is None else after[0], limit)
        return heads, None if place is None else [place]

    return _Drawer(
        read=read, place=lambda each: [_listed(desk, each)], parts=1, check=_check_listed
    )


def _of_subscription(desk: Desk, subscription_id: str) -> _Drawer:
    subscription = desk.subscriptions.get(subscription_id)

    def read(after: Place | None, limit: int) -> tuple[list[Invoice], Place | None]:
        if subscription is None:
            return [], None
        drawers = _drawers(desk)
        return invoices_of_subscription(subscription, drawers=drawers, after=after, limit=limit)

    return _Drawer(read=read, place=_termed, parts=3, check=_check_termed)


def _of_customer(desk: Desk, customer_id: str) -> _Drawer:
    def read(after: Place | None, limit: int) -> tuple[list[Invoice], Place | None]:
        return invoices_of_customer(customer_id, drawers=_drawers(desk), after=after, limit=limit)

    return _Drawer(read=read, place=_termed, parts=3, check=_check_termed)


def _drawers(desk: Desk) -> Drawers:
    return Drawers(
        scope=desk.scope,
        terms=desk.terms,
        invoices=desk.invoices,
        customers=desk.customers,
        subscriptions=desk.subscriptions,
    )


def _listed(desk: Desk, invoice: Invoice) -> str:
    return desk.place_of(invoice.created_at, invoice.id)


def _check_listed(place: str) -> None:
    # A place in a list begins with when its thing was created.
    check_instant(place.partition("#")[0])


def _termed(invoice: Invoice) -> Place:
    start = _OPENING if invoice.term_start is None else instant_text(invoice.term_start)
    return [invoice.subscription_id, start, invoice.id]


def _check_termed(_subscription_id: str, start: str, _invoice_id: str) -> None:
    check_instant(start)


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a list, out of the heads of a drawer."""

    desk: Desk
    asked: Asked
    view: View
    drawer: _Drawer

    def streamed(self, request: Request, listing: str) -> Response:
        """Answer in the drawer's own order."""
        after = read_cursor(
            self.desk.scope,
            listing,
            request.query,
            parts=self.drawer.parts,
            check=self.drawer.check,
            name="offset",
        )
        return self._answer(request, listing, self.drawer.read, self.drawer.place, after)

    def sorted(self, request: Request, listing: str) -> Response:
        """Answer in order of an attribute of the heads, all of which are read."""
        assert self.asked.sort is not None
        attribute, is_rising = self.asked.sort

        def key(invoice: Invoice) -> tuple[int, str]:
            return head_of(invoice, self.view)[attribute], invoice.id

        name = f"{listing} by {attribute} {is_rising}"
        after = read_cursor(
            self.desk.scope, name, request.query, parts=2, check=_check_key, name="offset"
        )
        try:
            heads = gathered(self.drawer.read, self._keeps_head)
        except LimitExceeded as error:
            error.field = "sort_by"
            raise
        ordered = sorted(heads, key=key, reverse=not is_rising)
        if after is not None:
            passed = (int(after[0]), after[1])
            ordered = [
                each
                for each in ordered
                if key(each) != passed and (key(each) > passed) == is_rising
            ]

        def read(_: Place | None, __: int) -> tuple[list[Invoice], Place | None]:
            return ordered, None

        def place(invoice: Invoice) -> Place:
            return [str(key(invoice)[0]), invoice.id]

        return self._answer(request, name, read, place, None)

    def _answer(
        self,
        request: Request,
        listing: str,
        read: Read,
        place_of: Callable[[Invoice], Place],
        after: Place | None,
    ) -> Response:
        shown: list[Resource] = []
        looked_at = drafts = rows = 0
        while True:
            heads, place = read(after, _CHUNK if self.asked.filters else self.asked.limit)
            for index, head in enumerate(heads):
                looked_at += 1
                if self._keeps_head(head):
                    whole = whole_invoice(self.desk, head, self.view)
                    drafts += head.status is InvoiceStatus.PENDING
                    if self._keeps(whole, _late(self.asked, head)):
                        shown.append({"invoice": whole})
                        rows += sum(len(whole[name]) for name in _ROWS)
                is_full = len(shown) == self.asked.limit or looked_at >= LOOKED_AT_MAX
                if is_full or drafts >= DRAFTS_PER_PAGE_MAX or rows >= ROWS_PER_PAGE_MAX:
                    is_last = index == len(heads) - 1 and place is None
                    rest = None if is_last else place_of(head)
                    return answer(self.desk, request, _named_list(listing), shown, rest)
            if place is None:
                return answer(self.desk, request, _named_list(listing), shown, None)
            after = place

    def _keeps_head(self, head: Invoice) -> bool:
        if head.status in HIDDEN and not self.asked.flags.get("include_deleted"):
            return False
        late = _late(self.asked, head)
        early = [each for each in self.asked.filters if each not in late]
        return self._keeps(head_of(head, self.view), early)

    def _keeps(self, shown: Resource, filters: list[Filter]) -> bool:
        place = zone(self.desk.site.timezone)
        return all(each.keeps(shown, place) for each in filters)


def _late(asked: Asked, head: Invoice) -> list[Filter]:
    """Return the filters on what the head of an invoice does not know."""
    known = OF_HEADS if head.status is InvoiceStatus.PENDING else OF_HEADS | AMOUNTS
    return [each for each in asked.filters if each.attribute not in known]


def _named_list(name: str) -> ListOf:
    return ListOf(name=name, kinds={})


def _check_key(value: str, _invoice_id: str) -> None:
    if json.dumps(int(value)) != value:
        raise ValueError(value)
