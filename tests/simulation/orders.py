"""The order of calls turned round in turn, where it carries weight.

Each is the handler as it is, over ports that do one thing earlier or later.
"""

import json
from dataclasses import replace
from decimal import Decimal
from functools import partial
from hashlib import sha256
from typing import Any

from postpaid.application.books import Books
from postpaid.application.close_invoice import close_invoice
from postpaid.application.correct_usage import CorrectUsage, correct_usage
from postpaid.application.delete_usage import delete_usage
from postpaid.application.reconcile_term import reconcile_term
from postpaid.application.record_batch import record_batch
from postpaid.application.record_usage import RecordUsage, record_usage
from postpaid.domain.supplement import plain_supplement
from tests.simulation import charging, handlers
from tests.simulation.guards import Meeting, meet
from tests.simulation.schedules import Handler
from tests.support.samples import OCTOBER, at
from tests.support.world import World


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
        quantity=Decimal(109),
        request="record",
    )
    return _look_first(world, partial(record_usage, command, now=world.now))


def _batch_look_first(world: World) -> object:
    """Look when all but the last usage of the batch are written."""
    commands = handlers.batch_commands()
    return _look_first(world, partial(record_batch, commands, now=world.now))


def _correct_look_first(world: World) -> object:
    key = handlers.key_of("2026-10-05")
    command = CorrectUsage(key=key, version=1, quantity=Decimal(131))
    return _look_first(world, partial(correct_usage, command, now=world.now))


def _delete_look_first(world: World) -> object:
    return _look_first(world, partial(delete_usage, handlers.key_of("2026-10-06")))


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


def _charges_before_head(books: Books) -> Books:
    """Read the one-time charges of an invoice before its head, which counts them."""
    read: list[Any] = []

    def get(invoice_id: str) -> Any:
        read.append(books.charges.of_invoice(invoice_id))
        return books.invoices.get(invoice_id)

    return replace(
        books,
        invoices=_Changed(books.invoices, get=get),
        charges=_Changed(books.charges, of_invoice=lambda *_: read[-1]),
    )


def _content_after_freeze(books: Books) -> Books:
    """Store what the invoice says when it is out already."""
    kept: list[Any] = []

    def put(invoice_id: str, body: bytes) -> str:
        kept.append((invoice_id, body))
        return sha256(body).hexdigest()

    def freeze(*args: Any, **more: Any) -> None:
        books.closing.freeze(*args, **more)
        books.documents.put_content(*kept[-1])

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
    ("batch: look before the last put", "graced", _batch_look_first, "record-batch"),
    ("correct: look before the put", "graced", _correct_look_first, "correct"),
    ("delete: look before the put", "graced", _delete_look_first, "delete"),
    ("close: query before the fence", "graced", _closes(_query_before_fence), "close"),
    ("close: content after the freeze", "graced", _closes(_content_after_freeze), "close"),
    ("close: charges before the head", "charged", _closes(_charges_before_head), "close"),
    ("reconcile: what it says after the append", "frozen", _reconciles(_said_last), "reconcile"),
)


def caught(name: str) -> str | None:
    """Return how another order of calls shows; None if it does not."""
    [(_, moment, handler, instead)] = [each for each in ORDERS if each[0] == name]
    begins = (*handlers.begins(), *charging.begins())
    [begin] = [each for each in begins if each.name == moment]
    [usual] = [each for each in begin.actors if each.name == instead]
    actor = replace(usual, handler=handler)
    for other in begin.actors:
        try:
            meet(Meeting(begin, (actor, other)))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong shows it
            return f"with {other.name}: {type(error).__name__}: {error}"[:160]
    return None
