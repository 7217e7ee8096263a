"""One-time charges: on the invoice that was pending when they came, once, or on none."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.catalog import ChangeItemPrice, change_item_price
from postpaid.application.ports import Unavailable
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.catalog import ItemType
from postpaid.domain.errors import BillingError, Conflict, NotFound
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.money import Money
from postpaid.domain.one_time import CHARGES_MAX
from postpaid.domain.period import Period
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.tax import TaxRate, TaxRates
from tests.support.changes import a_shop, rows
from tests.support.faults import Killed, Moment, fail
from tests.support.meetings import Process, every_meeting
from tests.support.samples import MANUAL, at
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("few_shards")

BASE = ("base_fee", "minutes", "62.00")
USED = ("usage", "minutes", "10.00")


def october(closing: ClosingPolicy = MANUAL) -> World:
    """October has ended with 100 minutes, its invoice is pending; a set-up costs 49.00 once."""
    world = a_shop()
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.subscription("minutes", start="2026-10-01", closing=closing)
    world.record("100", "2026-10-05")
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    world.clock.now = at("2026-11-02")
    return world


def the_invoice(world: World) -> Invoice:
    [invoice] = [each for each in world.invoices() if each.term_start == at("2026-10-01")]
    return invoice


def closed(world: World) -> Invoice:
    return world.close(the_invoice(world))


# --- what is charged


def test_a_charge_is_a_line_of_its_own_behind_what_the_term_came_to() -> None:
    world = october()
    assert world.add_charge(the_invoice(world), "setup", "first").new
    assert world.add_charge(the_invoice(world), "setup", "second", quantity="2.5").new

    invoice = closed(world)

    assert rows(world, invoice) == [
        BASE,
        USED,
        ("one_time", "first", "49.00"),
        ("one_time", "second", "122.50"),
    ]
    assert str(invoice.total) == "243.50"
    line = world.content(invoice).lines[2]
    assert (line.item_price_id, line.description, line.period) == (
        "setup",
        "Item-setup",
        Period(at("2026-10-01"), at("2026-11-01")),
    )


def test_the_draft_and_a_refresh_say_it_before_the_close() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup")

    draft = world.sync(the_invoice(world)).draft.content

    assert draft is not None
    assert str(draft.total) == "121.00"
    assert [line.kind.value for line in draft.lines] == ["base_fee", "usage", "one_time"]


def test_a_charge_keeps_the_price_it_was_put_on_with() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup", "before")
    pricing = {"pricing_model": "per_unit", "unit_amount": "60"}
    command = ChangeItemPrice(id="setup", fields={"pricing": pricing})
    stores = world.stores
    change_item_price(command, items=stores.items, prices=stores.prices, now=world.now)
    world.add_charge(the_invoice(world), "setup", "after")

    assert rows(world, closed(world))[2:] == [
        ("one_time", "before", "49.00"),
        ("one_time", "after", "60.00"),
    ]


# A price of the charge's own, how many, and what that comes to.
OWN = [
    ({"pricing_model": "per_unit", "unit_amount": "0.333"}, "3", "1.00"),
    ({"pricing_model": "flat_fee", "amount": "12.34"}, "7", "12.34"),
    (
        {
            "pricing_model": "tiered",
            "tiers": [{"up_to": "1", "unit_amount": "10"}, {"up_to": None, "unit_amount": "1"}],
        },
        "3",
        "12.00",
    ),
    ({"pricing_model": "per_unit", "unit_amount": "10", "discount_percent": "5"}, "1", "9.50"),
]


@pytest.mark.parametrize(("pricing", "quantity", "amount"), OWN)
def test_a_charge_may_have_a_price_of_its_own(
    pricing: dict[str, Any], quantity: str, amount: str
) -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup", pricing=pricing, quantity=quantity)

    assert rows(world, closed(world))[2:] == [("one_time", "chg", amount)]


def test_a_charge_is_for_the_time_that_is_said() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup", start="2026-11-05", end="2026-11-06")

    assert world.content(closed(world)).lines[2].period == Period(
        at("2026-11-05"), at("2026-11-06")
    )


def test_a_charge_is_taxed_as_other_lines_are() -> None:
    world = october()
    world.change_customer(tax=TaxRates((TaxRate("VAT", Decimal(20)),), inclusive=False))
    world.add_charge(the_invoice(world), "setup")

    invoice = closed(world)

    assert str(invoice.total) == "145.20"
    [tax] = world.content(invoice).taxes
    assert (str(tax.base), str(tax.amount)) == ("121.00", "24.20")


def test_a_charge_alone_is_invoiced_even_if_it_costs_nothing() -> None:
    world = a_shop()
    world.price("setup", "0", metered=False, item_type=ItemType.CHARGE)
    world.price("calls", "1", item_id="item-minutes")
    world.subscription("calls", start="2026-10-01", closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    world.add_charge(the_invoice(world), "setup")

    invoice = closed(world)

    assert (invoice.status, str(invoice.total)) == (InvoiceStatus.ISSUED, "0.00")
    assert rows(world, invoice) == [("one_time", "chg", "0.00")]


def test_an_opening_invoice_takes_charges() -> None:
    world = a_shop()
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.subscription("seats", start="2026-10-01", closing=MANUAL)
    [opening] = world.invoices()
    world.add_charge(opening, "setup")

    assert rows(world, world.close(opening)) == [
        ("recurring", "seats", "31.00"),
        ("one_time", "chg", "49.00"),
    ]


def test_the_invoice_of_a_supplement_takes_charges() -> None:
    world = october()
    world.close(the_invoice(world))
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:10")
    world.sweep()
    for invoice in world.invoices():
        if invoice.status is InvoiceStatus.PENDING:
            world.close(invoice)
    world.record("50", "2026-10-20")
    world.reconcile()
    [own] = [each for each in world.invoices() if each.k == 1]
    world.add_charge(own, "setup")

    assert rows(world, world.close(own)) == [
        ("supplement", "minutes", "5.00"),
        ("one_time", "chg", "49.00"),
    ]


def test_an_invoice_that_a_charge_brings_over_a_bound_is_parked_until_it_is_taken_off() -> None:
    world = october()
    world.change_site(bounds=AmountBounds(highest=(Money(100_00, "USD"),)))
    world.add_charge(the_invoice(world), "setup")
    parked = closed(world)
    assert (parked.status, parked.parked is None) == (InvoiceStatus.PENDING, False)

    world.remove_charge(parked)

    assert str(closed(world).total) == "72.00"


# --- taking one off


def test_what_was_taken_off_is_not_charged() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup", "wrong")
    world.add_charge(the_invoice(world), "setup", "right", quantity="2")
    world.clock.now = at("2026-11-03")

    removed = world.remove_charge(the_invoice(world), "wrong")
    again = world.remove_charge(the_invoice(world), "wrong")

    assert removed.removed_at == again.removed_at == at("2026-11-03")
    assert rows(world, closed(world))[2:] == [("one_time", "right", "98.00")]


def test_an_invoice_is_skipped_if_all_it_had_was_taken_off() -> None:
    world = a_shop()
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.price("calls", "1", item_id="item-minutes")
    world.subscription("calls", start="2026-10-01", closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    world.add_charge(the_invoice(world), "setup")
    world.remove_charge(the_invoice(world))

    assert closed(world).status is InvoiceStatus.SKIPPED


def test_a_late_repeat_does_not_bring_back_what_was_taken_off() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup")
    world.remove_charge(the_invoice(world))

    with pytest.raises(Conflict) as refused:
        world.add_charge(the_invoice(world), "setup")

    assert refused.value.code == "already_exists"
    assert rows(world, closed(world)) == [BASE, USED]


def test_nothing_is_put_on_or_taken_off_a_closed_invoice() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup")
    invoice = closed(world)

    for act in (
        lambda: world.add_charge(invoice, "setup", "another"),
        lambda: world.remove_charge(invoice),
    ):
        with pytest.raises(Conflict, match="issued") as refused:
            act()
        assert refused.value.code == "invoice_not_pending"


def test_a_deleted_invoice_takes_its_charges_with_it() -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup")
    deleted = world.throw_away(the_invoice(world))

    assert (deleted.status, str(deleted.total)) == (InvoiceStatus.DELETED, "121.00")
    world.skip_to("2026-12-01T00:10")
    world.come_to_rest()
    [november] = [each for each in world.invoices() if each.term_start == at("2026-11-01")]
    assert rows(world, world.close(november)) == [BASE]


def test_the_opening_invoice_of_a_withdrawn_subscription_takes_its_charges_with_it() -> None:
    world = a_shop()
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.subscription("seats", start="2026-12-01", closing=MANUAL)
    [opening] = world.invoices()
    world.add_charge(opening, "setup")

    world.cancel("now")

    [withdrawn] = world.invoices()
    assert (withdrawn.status, withdrawn.total) == (InvoiceStatus.DELETED, None)
    with pytest.raises(Conflict) as refused:
        world.add_charge(withdrawn, "setup", "another")
    assert refused.value.code == "invoice_not_pending"


def test_on_a_subscription_what_is_charged_once_elsewhere_recurs() -> None:
    world = a_shop()
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.subscription("setup", start="2026-10-01", closing=MANUAL)
    [opening] = world.invoices()

    assert rows(world, world.close(opening)) == [("recurring", "setup", "49.00")]


# --- again, and against its rules


def test_putting_the_same_charge_on_again_changes_nothing() -> None:
    world = october()
    first = world.add_charge(the_invoice(world), "setup", quantity="2", comment="as agreed")
    world.clock.now = at("2026-11-04")
    invoice = the_invoice(world)
    world.reprice("setup", pricing={"pricing_model": "per_unit", "unit_amount": "60"})

    again = world.add_charge(invoice, "setup", quantity="2.0", comment="as agreed")

    assert (again.new, again.thing) == (False, first.thing)
    assert the_invoice(world) == invoice
    closed(world)
    assert not world.add_charge(invoice, "setup", quantity=2, comment="as agreed").new


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": "3"},
        {"comment": "otherwise"},
        {"pricing": {"pricing_model": "per_unit", "unit_amount": "49"}},
        {"start": "2026-11-01", "end": "2026-11-02"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_the_same_id_with_other_content_is_refused(other: dict[str, Any]) -> None:
    world = october()
    world.add_charge(the_invoice(world), "setup", quantity="2")

    with pytest.raises(Conflict) as refused:
        world.add_charge(the_invoice(world), "setup", **({"quantity": "2"} | other))

    assert (refused.value.code, refused.value.field) == ("already_exists", "id")


WRONG: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("another kind of item", {"item_price_id": "seats"}, "invalid_field", "item_price_id"),
    ("a metered item", {"item_price_id": "minutes"}, "invalid_field", "item_price_id"),
    ("another currency", {"item_price_id": "euros"}, "invalid_field", "item_price_id"),
    ("no such price", {"item_price_id": "none"}, "item_price_not_found", "item_price_id"),
    ("an archived price", {"item_price_id": "gone"}, "archived", "item_price_id"),
    ("no quantity", {"quantity": "0"}, "invalid_field", "quantity"),
    ("less than nothing", {"quantity": "-1"}, "invalid_field", "quantity"),
    ("not a number", {"quantity": "many"}, "invalid_field", "quantity"),
    ("an empty id", {"charge_id": ""}, "invalid_field", "id"),
    ("an open beginning", {"end": "2026-11-02"}, "missing_field", "from"),
    ("an open end", {"start": "2026-11-02"}, "missing_field", "to"),
    ("no time at all", {"start": "2026-11-02", "end": "2026-11-02"}, "invalid_field", "to"),
    ("not a date", {"start": "soon", "end": "2026-11-02"}, "invalid_field", "from"),
    ("no model", {"pricing": {}}, "invalid_field", "pricing.pricing_model"),
    (
        "usages one by one",
        {"pricing": {"pricing_model": "per_unit", "unit_amount": "1", "aggregation": "each"}},
        "invalid_field",
        "pricing",
    ),
    ("beyond its tiers", {"item_price_id": "three", "quantity": "4"}, "not_ratable", "quantity"),
]


@pytest.mark.parametrize(("name", "fields", "code", "field"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_charge_is_refused_by_its_field_and_nothing_is_stored(
    name: str, fields: dict[str, Any], code: str, field: str | None
) -> None:
    world = october()
    world.price("euros", "49", currency="EUR", metered=False, item_type=ItemType.CHARGE)
    world.price("gone", "49", metered=False, item_type=ItemType.CHARGE)
    world.reprice("gone", archived=True)
    three = {"pricing_model": "tiered", "tiers": [{"up_to": "3", "unit_amount": "1"}]}
    world.priced("three", three, metered=False, item_type=ItemType.CHARGE)
    before = the_invoice(world)

    with pytest.raises(BillingError) as refused:
        world.add_charge(before, **({"item_price_id": "setup"} | fields))

    assert (refused.value.code, refused.value.field) == (code, field)
    assert the_invoice(world) == before
    assert world.stores.charges.of_invoice(before.id) == []


def test_an_invoice_takes_only_so_many() -> None:
    world = october()
    for number in range(CHARGES_MAX):
        world.add_charge(the_invoice(world), "setup", f"c{number}", quantity="1")
    with pytest.raises(BillingError) as refused:
        world.add_charge(the_invoice(world), "setup", "more")
    assert refused.value.code == "limit_exceeded"

    world.remove_charge(the_invoice(world), "c7")
    assert not world.add_charge(the_invoice(world), "setup", "c8", quantity="1").new
    assert str(closed(world).total) == f"{72 + 49 * (CHARGES_MAX - 1)}.00"


def test_an_invoice_or_a_charge_that_is_not_there_is_not_found() -> None:
    world = october()
    invoice = the_invoice(world)
    with pytest.raises(NotFound) as refused:
        world.remove_charge(invoice, "none")
    assert refused.value.code == "charge_not_found"
    object.__setattr__(invoice, "id", "inv_none")
    for act in (
        lambda: world.add_charge(invoice, "setup"),
        lambda: world.remove_charge(invoice),
    ):
        with pytest.raises(NotFound) as refused:
            act()
        assert refused.value.code == "invoice_not_found"


# --- faults and meetings


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize("error", [Killed(), Unavailable("lost")], ids=["killed", "no answer"])
def test_a_charge_that_fails_at_any_call_is_there_once_when_it_is_repeated(
    moment: Moment, error: Exception
) -> None:
    begin = october()
    clean = begin.copy()
    clean.add_charge(the_invoice(begin), "setup")
    assert len(clean.calls.names) > 2

    for number in range(len(clean.calls.names)):
        world = begin.copy()
        world.calls.arm(number, moment, fail(error))
        with pytest.raises(type(error)):
            world.add_charge(the_invoice(begin), "setup")
        world.add_charge(the_invoice(begin), "setup")
        assert rows(world, closed(world))[2:] == [("one_time", "chg", "49.00")], number


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize("error", [Killed(), Unavailable("lost")], ids=["killed", "no answer"])
def test_taking_one_off_that_fails_at_any_call_is_done_when_it_is_repeated(
    moment: Moment, error: Exception
) -> None:
    begin = _one_charged()
    clean = begin.copy()
    clean.remove_charge(the_invoice(begin), "there")
    assert len(clean.calls.names) > 2

    for number in range(len(clean.calls.names)):
        world = begin.copy()
        world.calls.arm(number, moment, fail(error))
        with pytest.raises(type(error)):
            world.remove_charge(the_invoice(begin), "there")
        world.remove_charge(the_invoice(begin), "there")
        assert rows(world, closed(world)) == [BASE, USED], number


def _add(charge_id: str) -> Process:
    return lambda world: world.add_charge(the_invoice(world), "setup", charge_id)


def _take_off(world: World) -> object:
    return world.remove_charge(the_invoice(world), "there")


def _one_charged() -> World:
    world = october()
    world.add_charge(the_invoice(world), "setup", "there")
    return world


_CLOSE: Process = closed
_DELETE: Process = lambda world: world.throw_away(the_invoice(world))  # noqa: E731
MEETINGS: list[tuple[str, Process, Process]] = [
    ("a charge and a close", _add("new"), _CLOSE),
    ("a close and a charge", _CLOSE, _add("new")),
    ("a charge and a deletion", _add("new"), _DELETE),
    ("a deletion and a charge", _DELETE, _add("new")),
    ("taking off and a close", _take_off, _CLOSE),
    ("a close and taking off", _CLOSE, _take_off),
    ("two charges", _add("new"), _add("other")),
    ("the same charge twice", _add("new"), _add("new")),
    ("a charge and taking off", _add("new"), _take_off),
    ("taking off and a charge", _take_off, _add("new")),
    ("taking off twice", _take_off, _take_off),
]


@pytest.mark.parametrize(("name", "first", "second"), MEETINGS, ids=[row[0] for row in MEETINGS])
def test_whatever_meets_a_charge_that_was_taken_is_charged_once_and_one_refused_never(
    name: str, first: Process, second: Process
) -> None:
    for run in every_meeting(_one_charged(), first, second):
        world, wanted = run.world, {"there": True, "new": False, "other": False}
        for process, ended in ((first, run.first), (second, run.second)):
            if isinstance(ended, BillingError):
                assert ended.code == "invoice_not_pending", ended
                continue
            assert not isinstance(ended, Exception), ended
            if process is _take_off:
                wanted["there"] = False
            elif process not in {_CLOSE, _DELETE}:
                wanted[ended.thing.id] = True  # type: ignore[attr-defined]
        invoice = the_invoice(world)
        if invoice.status is InvoiceStatus.PENDING:
            invoice = world.close(invoice)
        told = [line_id for kind, line_id, _ in rows(world, invoice) if kind == "one_time"]
        assert told == sorted(told, key=_order(world, invoice))
        assert sorted(told) == sorted(each for each, is_there in wanted.items() if is_there)


def _order(world: World, invoice: Invoice) -> Callable[[str], int]:
    order = {each.id: each.n for each in world.stores.charges.of_invoice(invoice.id)}
    return order.__getitem__


def test_an_invoice_that_closes_by_itself_has_what_was_put_on_in_time() -> None:
    world = october(closing=ClosingPolicy(ClosingMode.AUTO, after_hours=48))
    world.add_charge(the_invoice(world), "setup")
    world.skip_to("2026-11-03T00:10")
    world.come_to_rest()

    assert rows(world, the_invoice(world))[2:] == [("one_time", "chg", "49.00")]
