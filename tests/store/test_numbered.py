"""The register of integers: it comes whole with what is stored, and is not there for the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.entries import Appended, EarlyEnd
from postpaid.application.find_numbered import Kind, LineName
from postpaid.application.ports import Lost, Unavailable
from postpaid.domain.line import LINES_MAX, Line
from postpaid.domain.money import Money
from postpaid.domain.period import Period
from postpaid.domain.site import LatePolicy, Scope
from postpaid.domain.subscription import Subscription
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from postpaid.store.catalog import StoredItems, StoredPrices
from postpaid.store.closing import StoredClosing
from postpaid.store.customers import StoredCustomers
from postpaid.store.item_families import StoredItemFamilies
from postpaid.store.manifests import StoredManifests
from postpaid.store.numbered import StoredNumbered, entry, line_entries, not_added
from postpaid.store.subscriptions import StoredSubscriptions
from postpaid.store.tables import (
    TRANSACTION_WRITES_MAX,
    Item,
    Key,
    Put,
    Table,
    TransactionRefused,
    Write,
)
from postpaid.store.terms import item_from_term
from tests.support.samples import (
    OCTOBER,
    SCOPE,
    a_catalog_item,
    a_customer,
    a_family,
    a_line,
    a_price,
    a_subscription,
    a_term,
    an_invoice,
    at,
)

NOW = OCTOBER.end
LATER = Scope("acme", 2)
OTHERS = (Scope("acm"), Scope("acmes"), Scope("other"))
SEATS = a_line("seats", number=2, metered=False, unit=None, quantity=Decimal(3))


def numbered(table: Table, scope: Scope = SCOPE) -> StoredNumbered:
    return StoredNumbered(table, scope)


def closing(table: Table) -> StoredClosing:
    return StoredClosing(table, SCOPE, NOW)


# --- things that come alone

KINDS: tuple[Kind, ...] = (
    *("customer", "item_family", "item", "item_price", "subscription", "invoice"),
)

ADDED = pytest.mark.parametrize(
    ("kind", "store_of", "thing"),
    [
        pytest.param("customer", StoredCustomers, a_customer(number=361), id="customer"),
        pytest.param("item_family", StoredItemFamilies, a_family(number=361), id="family"),
        pytest.param("item", StoredItems, a_catalog_item(number=361), id="item"),
        pytest.param("item_price", StoredPrices, a_price(number=361), id="price"),
    ],
)


@ADDED
def test_what_is_added_is_found_by_its_integer(
    billing: Table, kind: Kind, store_of: Any, thing: Any
) -> None:
    store_of(billing, SCOPE).add(thing)

    assert numbered(billing).id_of(kind, 361) == thing.id
    assert numbered(billing).id_of(kind, 36) is None
    assert numbered(billing).line_of(361) is None
    others = {numbered(billing).id_of(other, 361) for other in KINDS if other != kind}
    assert others == {None}


@ADDED
def test_an_integer_means_nothing_elsewhere_but_of_the_catalogue_in_all_generations(
    billing: Table, kind: Kind, store_of: Any, thing: Any
) -> None:
    store_of(billing, SCOPE).add(thing)

    assert [numbered(billing, scope).id_of(kind, 361) for scope in OTHERS] == [None] * 3
    expected = thing.id if kind in keys.CATALOG else None
    assert numbered(billing, LATER).id_of(kind, 361) == expected


@ADDED
def test_what_is_not_added_leaves_no_integer(
    billing: Table, kind: Kind, store_of: Any, thing: Any
) -> None:
    store_of(billing, SCOPE).add(thing)

    with pytest.raises(Lost):
        store_of(billing, SCOPE).add(replace(thing, number=362))

    assert numbered(billing).id_of(kind, 362) is None
    assert numbered(billing).id_of(kind, 361) == thing.id


@ADDED
def test_an_integer_that_is_taken_adds_nothing_and_is_no_reason_to_call_the_id_taken(
    billing: Table, kind: Kind, store_of: Any, thing: Any
) -> None:
    """It never is; but if it were, nothing of another's would be led to this one."""
    billing.put(entry(SCOPE, kind, 361, "another"))

    with pytest.raises(Lost if kind == "item_price" else Unavailable):
        store_of(billing, SCOPE).add(thing)

    assert billing.get(keys.entity(SCOPE, kind, thing.id)) is None
    assert numbered(billing).id_of(kind, 361) == "another"
    store_of(billing, SCOPE).add(replace(thing, number=363))
    assert numbered(billing).id_of(kind, 363) == thing.id


@ADDED
def test_what_is_changed_keeps_its_integer_and_enters_none(
    billing: Table, kind: Kind, store_of: Any, thing: Any
) -> None:
    store_of(billing, SCOPE).add(thing)
    at_first = billing.get(keys.numbered(SCOPE, kind, 361))

    changes = {} if kind == "item_price" else {"changed_at": NOW}
    store_of(billing, SCOPE).replace(replace(thing, version=2, **changes))

    assert billing.get(keys.numbered(SCOPE, kind, 361)) == at_first


@pytest.mark.parametrize(
    ("refused", "means"),
    [
        (TransactionRefused({0: {"pk": "p", "sk": "s"}}), Lost),
        (TransactionRefused({0: None, 1: None}), Lost),
        (TransactionRefused({0: None}, frozenset({1})), Lost),
        (TransactionRefused({1: None}), Unavailable),
        (TransactionRefused({}, frozenset({0})), Unavailable),
        (TransactionRefused({}), Unavailable),
    ],
)
def test_an_id_is_called_taken_only_if_it_is(
    refused: TransactionRefused, means: type[Exception]
) -> None:
    assert isinstance(not_added(refused), means)


# --- subscriptions, their lines and invoices


def entered(table: Table, *numbers: int) -> list[LineName | None]:
    return [numbered(table).line_of(number) for number in numbers]


def of(*line_ids: str | None) -> list[LineName | None]:
    return [None if each is None else LineName("sub", each) for each in line_ids]


def begun(table: Table, **more: Any) -> Subscription:
    """Store a subscription to minutes and seats, with its opening invoice."""
    subscription = a_subscription(number=7, lines=(a_line(), SEATS), **more)
    closing(table).activate(subscription, a_term(), an_invoice(None, number=31))
    return subscription


def test_a_subscription_begins_with_its_integer_its_lines_and_its_invoice(billing: Table) -> None:
    begun(billing)

    assert numbered(billing).id_of("subscription", 7) == "sub"
    assert numbered(billing).id_of("invoice", 31) == an_invoice(None).id
    assert entered(billing, 1, 2, 3) == of("minutes", "seats", None)
    for scope in (*OTHERS, LATER):
        assert numbered(billing, scope).id_of("subscription", 7) is None
        assert numbered(billing, scope).line_of(1) is None


def test_a_subscription_that_does_not_begin_leaves_no_integer(billing: Table) -> None:
    begun(billing)
    again = a_subscription(number=8, lines=(a_line(number=5),))

    with pytest.raises(Lost):
        closing(billing).activate(again, a_term(), an_invoice(None, number=32))

    assert numbered(billing).id_of("subscription", 8) is None
    assert numbered(billing).id_of("invoice", 32) is None
    assert entered(billing, 5) == of(None)


def changed(was: Subscription, *lines: Line) -> Subscription:
    return replace(was, lines=lines, version=was.version + 1)


def test_an_edit_enters_the_entries_that_are_new_and_no_other(billing: Table) -> None:
    was = begun(billing)
    table = Watched(billing)
    ended = replace(SEATS, until=at("2026-10-20"))
    more = replace(SEATS, number=3, since=at("2026-10-20"), quantity=Decimal(4))

    closing(table).edit(changed(was, a_line(), ended, more), a_term(changes=1), a_term(), (more,))

    assert entered(billing, 1, 2, 3) == of("minutes", "seats", "seats")
    assert table.entered == [keys.numbered(SCOPE, "line", 3)]


def test_an_edit_that_is_refused_enters_nothing(billing: Table) -> None:
    was = begun(billing)
    more = a_line("more", number=3)
    stale = replace(changed(was, *was.lines, more), version=9)

    with pytest.raises(Lost):
        closing(billing).edit(stale, a_term(changes=1), a_term(), (more,))

    assert entered(billing, 3) == of(None)


@pytest.mark.parametrize("refused", [False, True])
def test_a_term_ends_with_the_integer_of_its_invoice(billing: Table, *, refused: bool) -> None:
    begun(billing)
    if refused:
        billing.put(Put(item_from_term(SCOPE, keys.LIVE, a_term(changes=4), NOW)))
    ended = a_term(status=TermStatus.GRACE, due_at=NOW + timedelta(hours=1))

    def roll() -> None:
        closing(billing).roll(ended, a_term(1), an_invoice(created_at=NOW, number=32))

    if refused:
        with pytest.raises(Lost):
            roll()
    else:
        roll()

    expected = None if refused else an_invoice().id
    assert numbered(billing).id_of("invoice", 32) == expected


def cut(table: Table, was: Subscription, new: tuple[Line, ...], version: int = 2) -> None:
    """End October on the twentieth, together with an edit."""
    end = at("2026-10-20")
    ended = a_term(status=TermStatus.GRACE, period=Period(OCTOBER.start, end), due_at=end)
    rest = replace(a_term(1), period=Period(end, OCTOBER.end), due_at=OCTOBER.end)
    edited = replace(was, lines=(*was.lines, *new), version=version)
    invoice = an_invoice(period_end=end, number=32)
    early = EarlyEnd(OCTOBER.end, edited, new)
    closing(table).roll(ended, rest, invoice, early=early)


def test_a_term_that_ends_early_enters_what_the_edit_brings(billing: Table) -> None:
    was = begun(billing)
    more = a_line("more", number=3, since=at("2026-10-20"))
    with pytest.raises(Lost):
        cut(billing, was, (more,), version=7)
    assert numbered(billing).id_of("invoice", 32) is None
    assert entered(billing, 3) == of(None)
    table = Watched(billing)

    cut(table, was, (more,))

    assert numbered(billing).id_of("invoice", 32) == an_invoice().id
    assert entered(billing, 1, 2, 3) == of("minutes", "seats", "more")
    assert set(table.entered) == {
        keys.numbered(SCOPE, "line", 3),
        keys.numbered(SCOPE, "invoice", 32),
    }


def appended(k: int, billed_in: str | None) -> Appended:
    return Appended(
        subscription_id="sub",
        start=OCTOBER.start,
        k=k,
        content_hash=f"hash-{k}",
        amount=Money(500, "USD"),
        policy=LatePolicy.SUPPLEMENT,
        found_at=NOW,
        billed_in=billed_in,
    )


def test_a_supplements_own_invoice_is_found_by_its_integer(billing: Table) -> None:
    """Whether it comes with the supplement, or later to one that waited in vain."""
    frozen = a_term(status=TermStatus.FROZEN, due_at=None)
    billing.put(Put(item_from_term(SCOPE, keys.LIVE, frozen, NOW)))
    manifests = StoredManifests(billing, SCOPE)
    first, second = (an_invoice(id=f"inv_{n}", k=n, number=40 + n) for n in (1, 2))

    def found(*numbers: int) -> list[str | None]:
        return [numbered(billing).id_of("invoice", number) for number in numbers]

    manifests.append(appended(1, "inv_1"), invoice=first, onto=None)
    with pytest.raises(Lost):
        manifests.append(appended(1, "inv_2"), invoice=second, onto=None)
    assert found(41, 42) == ["inv_1", None]
    manifests.append(appended(2, None), invoice=None, onto=None)
    manifests.release(appended(2, None), second)
    with pytest.raises(Lost):
        manifests.release(appended(2, None), replace(second, id="inv_3", number=43))

    assert found(41, 42, 43) == ["inv_1", "inv_2", None]


def test_an_integer_that_is_taken_lets_no_invoice_begin(billing: Table) -> None:
    billing.put(entry(SCOPE, "invoice", 31, "inv_other"))
    [taken] = line_entries(SCOPE, "other", [a_line()])
    for write, free in ((taken, 30), (None, 31)):
        if write is not None:
            billing.put(write)
        subscription = a_subscription(number=7, lines=(a_line(number=1 if write else 9),))
        with pytest.raises(Lost):
            closing(billing).activate(subscription, a_term(), an_invoice(None, number=free))

    assert StoredSubscriptions(billing, SCOPE).get("sub") is None
    assert numbered(billing).id_of("subscription", 7) is None
    assert numbered(billing).line_of(1) == LineName("other", "minutes")


# --- how large a transaction is


class Watched:
    """A table that notes the entries of the register in its transactions, and their sizes."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.entered: list[Key] = []
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def transact(self, writes: Sequence[Write]) -> None:
        self._table.transact(writes)
        self.sizes.append(len(writes))
        puts: list[Item] = [each.item for each in writes if isinstance(each, Put)]
        self.entered += [
            Key(str(item["pk"]), str(item["sk"])) for item in puts if "#number#" in str(item["pk"])
        ]


def lines(first: int) -> tuple[Line, ...]:
    """Return as many entries as one request may bring."""
    return tuple(a_line(f"line-{n}", number=n) for n in range(first, first + LINES_MAX))


def begin(table: Table) -> None:
    subscription = a_subscription(lines=lines(1))
    closing(table).activate(subscription, a_term(), an_invoice(None, number=31))


def edit(table: Table) -> None:
    begin(table)
    was, new = a_subscription(lines=lines(1)), lines(101)
    closing(table).edit(changed(was, *was.lines, *new), a_term(changes=1), a_term(), new)


def end_early(table: Table) -> None:
    begin(table)
    cut(table, a_subscription(lines=lines(1)), lines(101))


@pytest.mark.parametrize(
    ("act", "size", "count"),
    [(begin, 57, LINES_MAX), (edit, 52, 2 * LINES_MAX), (end_early, 55, 2 * LINES_MAX)],
)
def test_the_most_lines_there_may_be_fit_into_one_transaction(
    billing: Table, act: Callable[[Table], None], size: int, count: int
) -> None:
    table = Watched(billing)

    act(table)

    assert table.sizes[-1] == size
    assert size <= TRANSACTION_WRITES_MAX
    names = entered(billing, *range(1, 1 + LINES_MAX), *range(101, 101 + LINES_MAX))
    assert len([name for name in names if name is not None]) == count
