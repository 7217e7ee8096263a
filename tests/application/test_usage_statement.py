"""The usages behind an invoice: all that it bills, nothing that it does not, once made for good."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.ports import Unavailable
from postpaid.application.render_statement import render_statement
from postpaid.application.usage_statement import (
    Requested,
    request_statement,
    usage_statement,
)
from postpaid.domain import usage_statement as domain
from postpaid.domain.errors import BillingError, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind
from postpaid.domain.usage import Aggregation, Recording, UsageKey
from postpaid.domain.usage_statement import UsageStatement
from postpaid.store.usage import StoredUsageIds
from tests.support.changes import a_shop, change
from tests.support.faults import Moment, fail
from tests.support.samples import AUTO_AT_ONCE, MANUAL, a_usage, at
from tests.support.world import PlainTypesetter, World

pytestmark = pytest.mark.usefixtures("few_shards")

type Row = tuple[str, str]


@dataclass
class Desk:
    """Asks for statements of one world, and has their documents made."""

    world: World
    asked: list[tuple[str, str]] = field(default_factory=list)

    def request(self, invoice: Invoice) -> Requested:
        return request_statement(
            invoice.id,
            books=self.world.books,
            statements=self.world.documents,
            usage_ids=StoredUsageIds(self.world.scope),
            ask=self._ask,
        )

    def render(self) -> None:
        for invoice_id, digest in self.asked:
            documents = self.world.documents
            render_statement(invoice_id, digest, documents=documents, typesetter=PlainTypesetter())
        self.asked.clear()

    def _ask(self, invoice_id: str, digest: str) -> None:
        self.world.calls.make("queue.send", lambda: self.asked.append((invoice_id, digest)))


def stated(world: World, invoice: Invoice) -> UsageStatement:
    ids = StoredUsageIds(world.scope)
    return usage_statement(invoice.id, books=world.books, usage_ids=ids)[1]


def rows(statement: UsageStatement, line: int = 0) -> list[Row]:
    """Return day and quantity of each usage of a line."""
    return [(str(each.at)[:10], str(each.quantity)) for each in statement.lines[line].usages]


def october(**more: Any) -> World:
    """October of a subscription to minutes, closed by hand, is over; the first of November."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=MANUAL, **more)
    world.record("7", "2026-10-09")
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    return world


def pending(world: World) -> Invoice:
    [invoice] = [each for each in world.invoices() if each.status is InvoiceStatus.PENDING]
    return invoice


@pytest.mark.parametrize("usage_shards", [1, 3])
def test_a_pending_invoice_is_stated_with_the_usages_of_now(usage_shards: int) -> None:
    world = october(usage_shards=usage_shards)
    world.record("9", "2026-10-20")
    world.delete(UsageKey("sub", at("2026-10-09"), "minutes"))

    statement = stated(world, pending(world))

    assert rows(statement) == [("2026-10-05", "100"), ("2026-10-20", "9")]
    [line] = statement.lines
    assert (line.description, line.unit, line.item_price_id) == (
        "Item-minutes",
        "minute",
        "minutes",
    )
    assert line.total == Decimal(109)
    assert (statement.number, statement.draft, statement.count) == (None, True, 2)
    assert (statement.seller.name, statement.customer.name) == ("Acme Voice", "Globex")
    assert str(statement.period.end - statement.period.start) == "31 days, 0:00:00"


def test_a_closed_invoice_is_stated_as_it_billed_whatever_came_since() -> None:
    world = october()
    before = stated(world, pending(world))
    invoice = world.close(pending(world))
    closed = stated(world, invoice)
    world.clock.now += timedelta(days=1)

    world.record("50", "2026-10-11")
    world.correct(UsageKey("sub", at("2026-10-05"), "minutes"), 1, "2")
    world.delete(UsageKey("sub", at("2026-10-09"), "minutes"))
    world.reconcile()

    assert stated(world, invoice) == closed
    assert closed.lines == before.lines
    assert (closed.number, closed.draft) == ("INV-000001", False)


def test_what_came_later_is_stated_with_the_invoice_that_bills_it() -> None:
    world = october()
    world.close(pending(world))
    for quantity, day in (("50", "2026-10-11"), ("60", "2026-10-12")):
        world.record(quantity, day)
        world.reconcile()
    world.correct(UsageKey("sub", at("2026-10-11"), "minutes"), 1, "55")
    world.delete(UsageKey("sub", at("2026-10-09"), "minutes"))
    world.reconcile()
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()
    draft = stated(world, pending(world))

    invoice = world.close(pending(world))

    statement = stated(world, invoice)
    assert statement.lines == draft.lines
    [late] = statement.lines
    assert late.earlier
    assert str(late.period.start)[:10] == "2026-10-01"
    assert [(str(each.before), str(each.quantity)) for each in late.usages] == [
        ("7", "0"),
        ("0", "55"),
        ("0", "60"),
    ]
    assert late.total == Decimal(108)
    lines = world.content(invoice).lines
    supplements = [line.amount.minor for line in lines if line.kind is LineKind.SUPPLEMENT]
    assert sum(supplements) == 1080, "10 cents a minute"


def test_each_invoice_states_only_what_it_bills_of_what_came_later() -> None:
    world = october()
    world.close(pending(world))
    bills: list[Invoice] = []
    for quantity, until in (("50", "2026-12-01T00:10"), ("55", "2027-01-01T00:10")):
        if bills:
            world.delete(UsageKey("sub", at("2026-10-11"), "minutes"))
        world.record(quantity, "2026-10-11", external_id="cdr")
        world.reconcile()
        world.skip_to(until)
        world.come_to_rest()
        bills.append(world.close(pending(world)))

    shown = [
        [(each.name, str(each.before), str(each.quantity)) for each in line.usages]
        for bill in bills
        for line in stated(world, bill).lines
    ]

    assert shown == [[("cdr", "0", "50")], [("cdr", "50", "55")]]


def test_the_last_term_states_what_strayed_behind_it_too() -> None:
    world = october(cycles=1)
    world.ledger().add(a_usage("2026-11-05", "8"))

    draft = stated(world, pending(world))
    closed = stated(world, world.close(pending(world)))

    assert (
        rows(draft)
        == rows(closed)
        == [
            ("2026-10-05", "100"),
            ("2026-10-09", "7"),
            ("2026-11-05", "8"),
        ]
    )


def test_an_invoice_of_a_supplements_own_states_that_alone() -> None:
    world = october(cycles=1)
    world.close(pending(world))
    world.record("50", "2026-10-11")
    world.reconcile()
    own = pending(world)
    assert own.k == 1
    draft = stated(world, own)

    statement = stated(world, world.close(own))

    assert rows(draft) == rows(statement) == [("2026-10-11", "50")]
    assert [each.before for each in statement.lines[0].usages] == [Decimal(0)]
    assert statement.period == draft.period
    assert statement.number is not None


def test_an_opening_invoice_has_no_usage() -> None:
    world = a_shop()
    world.subscription("minutes", "seats", start="2026-10-01", closing=MANUAL)
    world.record("7", "2026-10-01")
    opening = pending(world)

    draft = stated(world, opening)
    statement = stated(world, world.close(opening))

    assert draft.lines == statement.lines == ()
    assert draft.period == statement.period


def test_an_invoice_that_is_parked_can_be_stated() -> None:
    world = october()
    books = world.books
    term = books.terms.fence("sub", at("2026-10-01"), "run", world.now)
    books.closing.park(term, replace(pending(world), parked="a reason"), run="run")

    assert rows(stated(world, pending(world))) == [("2026-10-05", "100"), ("2026-10-09", "7")]


def test_a_deleted_invoice_has_no_statement() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-12-01", closing=AUTO_AT_ONCE)
    world.cancel("2026-10-02")
    [deleted] = world.invoices()
    assert deleted.status is InvoiceStatus.DELETED

    with pytest.raises(BillingError) as refused:
        stated(world, deleted)

    assert refused.value.code == "pdf_not_ready"


def test_an_invoice_that_is_not_there_has_no_statement() -> None:
    world = a_shop()

    with pytest.raises(NotFound):
        usage_statement("inv_x", books=world.books, usage_ids=StoredUsageIds(world.scope))


def test_usages_are_called_as_their_clients_call_them() -> None:
    world = a_shop()
    world.price("texts", "1", recording=Recording.EVENTS)
    world.subscription("texts", "minutes", start="2026-10-01", closing=MANUAL)
    for event, external in (("b", None), ("a", None), ("c", "ext-1")):
        world.record("1", "2026-10-05", item_price_id="texts", event_id=event, external_id=external)
    world.record("1", "2026-10-05")
    world.record("1", "2026-10-06", external_id="ext-2")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    draft = stated(world, pending(world))
    closed = stated(world, world.close(pending(world)))

    assert draft.lines == closed.lines
    unnamed = StoredUsageIds(world.scope).text(UsageKey("sub", at("2026-10-05"), "minutes"))
    assert [[each.name for each in line.usages] for line in closed.lines] == [
        ["a", "b", "ext-1"],
        [unnamed, "ext-2"],
    ]


def _repriced(world: World) -> None:
    world.change_lines(change("minutes", item_price_id="cheap"), effective="2026-10-11")


def _back_and_forth(world: World) -> None:
    _repriced(world)
    world.change_lines(change("minutes", item_price_id="minutes"), effective="2026-10-21")


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda _: None, [("minutes", 4)]),
        (_repriced, [("minutes", 1), ("cheap", 3)]),
        (_back_and_forth, [("minutes", 2), ("cheap", 2)]),
    ],
)
def test_usages_are_stated_at_the_price_they_were_billed_at(
    act: Callable[[World], None], expected: list[tuple[str, int]]
) -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.clock.now = at("2026-10-10T12:00")
    act(world)
    world.clock.now = at("2026-10-31T12:00")
    for quantity, day in (("1", "10"), ("2", "11"), ("4", "20"), ("8", "21")):
        world.record(quantity, f"2026-10-{day}", item_price_id=None, line_id="minutes")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    draft = stated(world, pending(world))
    invoice = world.close(pending(world))

    lines = stated(world, invoice).lines
    assert lines == draft.lines
    assert [(line.item_price_id, len(line.usages)) for line in lines] == expected
    billed: dict[str, Decimal] = {}
    for line in world.content(invoice).lines:
        if line.kind is LineKind.USAGE:
            assert line.quantity is not None
            before = billed.get(line.item_price_id, Decimal(0))
            billed[line.item_price_id] = before + line.quantity
    assert {line.item_price_id: line.total for line in lines} == billed


@pytest.mark.parametrize(
    ("aggregation", "total"), [(Aggregation.LAST, "4"), (Aggregation.MAX, "9")]
)
def test_a_level_is_stated_whole_at_the_price_that_came_last(
    aggregation: Aggregation, total: str
) -> None:
    world = a_shop()
    world.price("disk", "1", aggregation=aggregation)
    world.price("disk-2", "2", item_id="item-disk")
    world.subscription("disk", start="2026-10-01", closing=MANUAL)
    world.clock.now = at("2026-10-10T12:00")
    world.change_lines(change("disk", item_price_id="disk-2"), effective="2026-10-11")
    world.clock.now = at("2026-10-31T12:00")
    for quantity, day in (("9", "05"), ("4", "20")):
        world.record(quantity, f"2026-10-{day}", item_price_id=None, line_id="disk")
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    invoice = world.close(pending(world))

    [line] = stated(world, invoice).lines

    assert (line.item_price_id, str(line.total), len(line.usages)) == ("disk-2", total, 2)
    [billed] = [each for each in world.content(invoice).lines if each.kind is LineKind.USAGE]
    assert (billed.item_price_id, billed.quantity) == ("disk-2", line.total)


def test_what_is_asked_for_is_made_once_and_found_again() -> None:
    desk = Desk(october())
    invoice = pending(desk.world)

    first = desk.request(invoice)
    assert not first.ready
    assert desk.asked == [(invoice.id, first.digest)]
    desk.render()
    second = desk.request(invoice)

    assert second == Requested(invoice, first.digest, ready=True)
    assert desk.asked == []
    stored = desk.world.objects[f"usages-{first.digest}"]
    assert stored == repr(stated(desk.world, invoice)).encode()


def test_other_usages_are_another_document() -> None:
    desk = Desk(october())
    invoice = pending(desk.world)
    first = desk.request(invoice)
    desk.render()

    desk.world.record("9", "2026-10-20")
    second = desk.request(invoice)

    assert second.digest != first.digest
    assert not second.ready


@pytest.mark.parametrize("call", ["documents.head", "documents.put", "queue.send"])
@pytest.mark.parametrize("moment", Moment)
def test_a_request_that_was_cut_off_is_sent_again(call: str, moment: Moment) -> None:
    desk = Desk(october())
    invoice = pending(desk.world)
    desk.world.calls.arm(call, moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        desk.request(invoice)

    desk.request(invoice)
    desk.render()

    assert desk.request(invoice).ready


@pytest.mark.parametrize("call", ["documents.head", "documents.get", "documents.put"])
@pytest.mark.parametrize("moment", Moment)
def test_a_rendering_that_was_cut_off_is_done_by_the_next(call: str, moment: Moment) -> None:
    desk = Desk(october())
    invoice = pending(desk.world)
    desk.request(invoice)
    asked = [*desk.asked]
    desk.world.calls.arm(call, moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        desk.render()

    desk.asked[:] = [*asked, *asked]
    desk.render()

    assert desk.request(invoice).ready


def test_a_statement_that_is_not_there_is_tried_again_later() -> None:
    world = october()

    with pytest.raises(Unavailable):
        render_statement("inv_x", "0" * 64, documents=world.documents, typesetter=PlainTypesetter())


@pytest.mark.parametrize("closed", [False, True])
def test_more_usages_than_a_statement_lists_are_refused(
    monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    world = october()
    invoice = world.close(pending(world)) if closed else pending(world)
    monkeypatch.setattr(domain, "USAGES_MAX", 2)
    assert stated(world, invoice).count == 2
    monkeypatch.setattr(domain, "USAGES_MAX", 1)

    with pytest.raises(BillingError) as refused:
        stated(world, invoice)

    assert refused.value.code == "limit_exceeded"
