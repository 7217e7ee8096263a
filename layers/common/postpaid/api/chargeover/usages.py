"""Usage: how it is recorded from here, and read back."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from postpaid.api.chargeover import recording
from postpaid.api.chargeover.envelope import answer
from postpaid.api.chargeover.find import id_of
from postpaid.api.chargeover.lists import ListOf, Row, Source, counted, listed
from postpaid.api.chargeover.things import CUSTOM
from postpaid.api.chargeover.times import read_time
from postpaid.api.chargeover.usage import entry_at, shown_usage
from postpaid.api.chargeover.where import Asked, read_asked
from postpaid.api.desk import Desk, Page
from postpaid.api.http import Request, Response
from postpaid.application.find_numbered import LineName
from postpaid.application.list_site_usages import SitePlace, UsageFilter, list_site_usages
from postpaid.application.list_usages import EVER
from postpaid.domain.errors import Invalid, LimitExceeded, NotFound
from postpaid.domain.instants import zone
from postpaid.domain.period import Period
from postpaid.domain.subscription import Subscription
from postpaid.domain.usage import Usage

LIST = ListOf(
    fields=frozenset(
        {
            *("usage_history_id", "line_item_id", "package_id", "external_key", "from", "to"),
            *("usage_value", "type", "write_datetime", *CUSTOM),
        }
    ),
    sorts=frozenset(
        {"usage_history_id", "line_item_id", "package_id", "from", "to", "write_datetime"}
    ),
    synonyms={"id": "usage_history_id"},
)
_NUMBER_LENGTH_MAX = 10
# Each looks at 1 000 records, of which a sparse filter may show none.
_PAGES_MAX = 100
_SECOND = timedelta(seconds=1)


def record(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Record a usage; the plain path, `POST /usage`, has a function of its own."""
    return recording.record(desk.records, request)


def record_many(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Record up to 1 000 usages, or none."""
    return recording.record_many(desk.records, request)


def list_all(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """List usages: of each package the oldest first, the oldest package first."""
    view = _View.of(desk, request)
    return answer(listed(desk, view.request(request), LIST, view.source()))


def count(desk: Desk, request: Request, ids: tuple[str, ...]) -> Response:  # noqa: ARG001
    """Count usages."""
    view = _View.of(desk, request)
    return answer(counted(desk, view.request(request), LIST, view.source()))


@dataclass(frozen=True, slots=True)
class _OldestFirst:
    """The subscriptions of a site in the order in which this door lists things."""

    desk: Desk

    def subscriptions(self, after: str | None, limit: int) -> Page[Subscription]:
        """Read a page of them."""
        return self.desk.lists.subscriptions(after, limit, ascending=True)

    def place_of(self, subscription: Subscription) -> str:
        """Return the place of one of them."""
        return self.desk.lists.place_of(subscription)


@dataclass(frozen=True, slots=True)
class _View:
    """What one request wants to see: of these packages, of one *line*, within *period*.

    *shown_as* is the integer by which the client knows the line, if it named one.
    """

    desk: Desk
    asked: Asked
    packages: Sequence[str] | None
    line: LineName | None
    shown_as: int | None
    period: Period
    subscriptions: dict[str, Subscription]
    pages: list[str | None]

    @classmethod
    def of(cls, desk: Desk, request: Request) -> "_View":
        """Read what is asked; raises `Malformed` or `Invalid`."""
        asked = read_asked(request.query, LIST.fields, sorts=LIST.sorts, synonyms=LIST.synonyms)
        packages: Sequence[str] | None = None
        number, line = _whole(asked, "line_item_id"), None
        if asked.only("line_item_id") is not None:
            line = None if number is None else desk.numbered.line_of(number)
            packages = [] if line is None else [line.subscription_id]
        elif asked.only("package_id") is not None:
            packages = _package(desk, asked)
        elif asked.only("external_key") is None and any(
            each.field == "usage_history_id" for each in asked.clauses
        ):
            raise Invalid(
                "not_supported",
                "tells usages of one line apart: filter by line_item_id as well",
                field="usage_history_id",
            )
        return cls(desk, asked, packages, line, number, _period(desk, asked), {}, [])

    def request(self, request: Request) -> Request:
        """Return the request without an order that its rows have anyway: sorting is bounded."""
        if self.line is None:
            return request
        left = [each for each in self.asked.order if each[0] not in {"line_item_id", "package_id"}]
        if left[:1] == [("from", True)]:
            left = [] if len(left) == 1 else left
        order = ",".join(f"{name}:{'ASC' if rises else 'DESC'}" for name, rises in left)
        return replace(request, query={**request.query, "order": order})

    def source(self) -> Source[Usage]:
        """Return where the usages come from."""
        return Source(read=self._read, show=self._show, among=self._among)

    def _among(self, asked: Asked) -> list[Usage] | None:
        """Return the one usage with an external key, if that is what is asked."""
        text = asked.only("external_key")
        if text is None:
            return None
        key = self.desk.ledger.named(text)
        subscription = None if key is None else self._subscription(key.subscription_id)
        if key is None or subscription is None:
            return []
        found = self.desk.ledger.of(subscription).get(key)
        is_there = found is not None and not found.deleted and self._is_wanted(found)
        return [found] if found is not None and is_there else []

    def _read(self, after: str | None, limit: int) -> Page[Usage]:
        self.pages.append(after)
        if len(self.pages) > _PAGES_MAX:
            raise LimitExceeded(
                "limit_exceeded",
                "a list looks at 100000 records at most: narrow it by line_item_id or from",
            )
        wanted = UsageFilter(
            subscription_ids=self.packages, period=self.period, is_wanted=self._is_wanted
        )
        usages, place = list_site_usages(
            wanted,
            after=self._place(after),
            limit=limit,
            lists=_OldestFirst(self.desk),
            subscriptions=self.desk.subscriptions,
            ledger=self.desk.ledger,
        )
        return usages, None if place is None else self._text(place)

    def _is_wanted(self, usage: Usage) -> bool:
        key = usage.key
        return self.line is None or LineName(key.subscription_id, key.line_id) == self.line

    def _show(self, usage: Usage, children: frozenset[str]) -> Row:  # noqa: ARG002
        subscription = self._subscription(usage.key.subscription_id)
        assert subscription is not None, "subscriptions are never removed"
        entry = entry_at(subscription, usage.key)
        number = entry.number if self.line is None else self.shown_as or entry.number
        integer = self.desk.usage_ids.number(usage.key)
        return shown_usage(subscription, usage, integer, number)

    def _subscription(self, subscription_id: str) -> Subscription | None:
        if subscription_id not in self.subscriptions:
            found = self.desk.subscriptions.get(subscription_id)
            if found is None:
                return None
            self.subscriptions[subscription_id] = found
        return self.subscriptions[subscription_id]

    def _place(self, text: str | None) -> SitePlace | None:
        if text is None:
            return None
        subscription_id, usage = json.loads(text, parse_float=Decimal)
        key = None if usage is None else self.desk.usage_ids.key(subscription_id, usage)
        return SitePlace(subscription_id, key)

    def _text(self, place: SitePlace) -> str:
        usage = None if place.usage is None else self.desk.usage_ids.text(place.usage)
        return json.dumps([place.subscription_id, usage])


def _package(desk: Desk, asked: Asked) -> list[str]:
    number = _whole(asked, "package_id")
    try:
        return [] if number is None else [id_of(desk, "subscription", str(number))]
    except NotFound:
        return []


def _whole(asked: Asked, field: str) -> int | None:
    """Return the integer that a field must equal, None if any may be or none can."""
    text = asked.only(field) or ""
    is_number = text.isascii() and text.isdigit() and len(text) <= _NUMBER_LENGTH_MAX
    return int(text) if is_number else None


def _period(desk: Desk, asked: Asked) -> Period:
    """Return the dates that clauses on `from` leave; what they say exactly is looked at again."""
    first, last = EVER.start, EVER.end
    for op, at in _bounds(desk, asked):
        if op in {"GT", "GTE", "EQUALS"}:
            first = max(first, at)
        if op in {"LT", "LTE", "EQUALS"}:
            last = min(last, at + _SECOND)
    return Period(first, max(last, first + _SECOND))


def _bounds(desk: Desk, asked: Asked) -> Iterator[tuple[str, datetime]]:
    place = zone(desk.site.timezone)
    for clause in asked.clauses:
        if clause.field == "from" and clause.op in {"GT", "GTE", "LT", "LTE", "EQUALS"}:
            yield clause.op, read_time(clause.value, place, "from").astimezone(UTC)
