"""Every guard taken away in turn: conditions of writes, consistent reads, the order of calls.

Conditions and reads are found by watching every pair of handlers, so that a new one is tried without
being listed. A guard without which nothing goes wrong must be in `SPARE`, with the reason; one that
is listed and caught must not.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from hashlib import sha256
from itertools import combinations_with_replacement
from typing import Any

from postpaid.application.books import Books
from postpaid.application.close_invoice import close_invoice
from postpaid.application.correct_usage import CorrectUsage, correct_usage
from postpaid.application.delete_usage import delete_usage
from postpaid.application.ports import Lost, Unavailable
from postpaid.application.reconcile_term import reconcile_term
from postpaid.application.record_usage import RecordUsage, record_usage
from postpaid.domain.errors import BillingError
from postpaid.domain.invoice_content import plain_content
from postpaid.domain.supplement import plain_supplement
from tests.simulation import handlers, shop
from tests.simulation.altered import Altered, Guard
from tests.simulation.handlers import Actor, Begin
from tests.simulation.schedules import Ended, Explored, Explorer, Handler
from tests.support.samples import OCTOBER, at
from tests.support.world import World


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two actors at a moment."""

    begin: Begin
    pair: tuple[Actor, Actor]

    def __str__(self) -> str:
        return f"{self.begin.name} {self.pair[0].name} {self.pair[1].name}"


def meetings() -> Iterator[Meeting]:
    """Yield every two actors at every moment, an actor with itself included."""
    for begin in (*handlers.begins(), shop.shop()):
        for pair in combinations_with_replacement(begin.actors, 2):
            yield Meeting(begin, pair)


def meet(meeting: Meeting, altered: Altered | None = None) -> Explored:
    """Explore all schedules of a meeting and settle each end; raises what is wrong with one."""
    begin, pair = meeting.begin, meeting.pair
    is_shop = begin.name == "shop"
    explorer = Explorer(begin.world, deaths=0 if is_shop else 1, altered=altered)
    explored = explorer.explore(pair[0].handler, pair[1].handler)
    allowed = shop.one_after_the_other(begin, pair, _ended) if is_shop else set()
    for world, ends in explored.ends:
        if is_shop:
            shop.settle(allowed, world, ends)
        else:
            handlers.settle(begin, world, pair, ends)
    return explored


def _ended(handler: Handler, world: World) -> Ended:
    try:
        return Ended(handler(world))
    except (BillingError, Lost, Unavailable) as error:
        error.__traceback__ = None
        return Ended(error)


def caught(gone: frozenset[Guard], where: list[Meeting]) -> str | None:
    """Return how the absence of guards shows in one of these meetings; None if it does not."""
    for meeting in where:
        try:
            meet(meeting, Altered(gone))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong shows it
            return f"{meeting}: {type(error).__name__}: {error}"[:160]
    return None


# --- the order of calls


class _Changed:
    """A port some of whose methods are others; what they do not have is the port's."""

    def __init__(self, inner: object, **methods: Any) -> None:
        self._inner = inner
        vars(self).update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _look_first(world: World, act: Any) -> object:
    """Look before the usage is written."""
    stores = world.stores
    seen: list[Any] = []

    def early(write: Any, usage: Any, **over: Any) -> Any:
        seen.append(stores.terms.look(usage.key.subscription_id, usage.key.at))
        return write(usage, **over)

    def of(subscription: Any) -> Any:
        usages = stores.ledger.of(subscription)
        writes = {
            name: partial(early, getattr(usages, name))
            for name in ("add", "add_again", "correct", "delete")
        }
        return _Changed(usages, **writes)

    terms = _Changed(
        stores.terms, look=lambda *where: seen[-1] if seen else stores.terms.look(*where)
    )
    return act(
        subscriptions=stores.subscriptions, ledger=_Changed(stores.ledger, of=of), terms=terms
    )


def _record_look_first(world: World) -> object:
    command = RecordUsage(
        subscription_id="sub",
        line_id=None,
        item_price_id="minutes",
        usage_date="2026-10-08",
        quantity=Decimal("109"),
        request="record",
    )
    return _look_first(world, partial(record_usage, command, now=world.now))


def _correct_look_first(world: World) -> object:
    key = handlers._key("2026-10-05")
    command = CorrectUsage(key=key, version=1, quantity=Decimal("131"))
    return _look_first(world, partial(correct_usage, command, now=world.now))


def _delete_look_first(world: World) -> object:
    return _look_first(world, partial(delete_usage, handlers._key("2026-10-06")))


def _query_before_fence(books: Books) -> Books:
    """Read the usage before the term is fenced."""
    read: list[Any] = []

    def fence(*args: Any) -> Any:
        subscription = books.subscriptions.get("sub")
        assert subscription is not None
        read.append(books.ledger.of(subscription).in_period(OCTOBER))
        return books.terms.fence(*args)

    def of(subscription: Any) -> Any:
        return _Changed(books.ledger.of(subscription), in_period=lambda *_: read[-1])

    return replace(
        books,
        terms=_Changed(books.terms, fence=fence),
        ledger=_Changed(books.ledger, of=of),
    )


def _content_after_freeze(books: Books) -> Books:
    """Store what the invoice says when it is out already."""
    kept: list[Any] = []

    def put(content: Any) -> str:
        kept.append(content)
        return sha256(json.dumps(plain_content(content), sort_keys=True).encode()).hexdigest()

    def freeze(*args: Any, **more: Any) -> None:
        books.closing.freeze(*args, **more)
        books.documents.put_content(kept[-1])

    return replace(
        books,
        documents=_Changed(books.documents, put_content=put),
        closing=_Changed(books.closing, freeze=freeze),
    )


def _said_last(books: Books) -> Books:
    """Store what a supplement says when it is appended already."""
    kept: list[Any] = []

    def put(supplement: Any) -> str:
        kept.append(supplement)
        return sha256(json.dumps(plain_supplement(supplement), sort_keys=True).encode()).hexdigest()

    def append(*args: Any, **more: Any) -> None:
        books.manifests.append(*args, **more)
        books.documents.put_supplement(kept[-1])

    return replace(
        books,
        documents=_Changed(books.documents, put_supplement=put),
        manifests=_Changed(books.manifests, append=append),
    )


def _closes(change: Any) -> Handler:
    def handler(world: World) -> object:
        term = world.stores.terms.get("sub", OCTOBER.start)
        assert term is not None
        assert term.invoice_id is not None
        books = change(world.books)
        return close_invoice(term.invoice_id, books=books, run=world._new_run(), now=world.now)

    return handler


def _reconciles(change: Any) -> Handler:
    def handler(world: World) -> object:
        ids = world.stores.ids(world.blocks)
        return reconcile_term(
            "sub",
            at("2026-10-01"),
            scope=world.scope,
            books=change(world.books),
            ids=ids,
            now=world.now,
        )

    return handler


# Name, the moment, the handler whose calls come in another order, and what it takes the place of.
ORDERS: tuple[tuple[str, str, Handler, str], ...] = (
    ("record: look before the put", "graced", _record_look_first, "record"),
    ("correct: look before the put", "graced", _correct_look_first, "correct"),
    ("delete: look before the put", "graced", _delete_look_first, "delete"),
    ("close: query before the fence", "graced", _closes(_query_before_fence), "close"),
    ("close: content after the freeze", "graced", _closes(_content_after_freeze), "close"),
    ("reconcile: what it says after the append", "frozen", _reconciles(_said_last), "reconcile"),
)


def order_caught(name: str) -> str | None:
    """Return how another order of calls shows; None if it does not."""
    [(_, moment, handler, instead)] = [each for each in ORDERS if each[0] == name]
    [begin] = [each for each in handlers.begins() if each.name == moment]
    [usual] = [each for each in begin.actors if each.name == instead]
    actor = replace(usual, handler=handler)
    for other in begin.actors:
        try:
            meet(Meeting(begin, (actor, other)))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong shows it
            return f"with {other.name}: {type(error).__name__}: {error}"[:160]
    return None
