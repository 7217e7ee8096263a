"""An invoice that cannot be made stops alone, says why, and can be made when the reason is gone."""

from collections.abc import Mapping
from typing import Any

import pytest

from postpaid.application.check_invoice import draft_invoice
from postpaid.domain.charge import Charge
from postpaid.domain.invoice import InvoiceStatus
from postpaid.domain.term import TermStatus
from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Put, Update, Value
from tests.support.changes import a_shop, next_invoice
from tests.support.samples import AUTO_AT_ONCE, SCOPE
from tests.support.world import World

CLOSED = {"pricing_model": "tiered", "tiers": [{"up_to": "100", "unit_amount": "0.10"}]}
OPEN = {"pricing_model": "tiered", "tiers": [{"up_to": None, "unit_amount": "0.10"}]}


def price_as(world: World, pricing: Mapping[str, Any]) -> None:
    """Make the price one that the catalogue refuses, as a bug or another release might."""
    item = world.billing.get(keys.price_version(SCOPE, "minutes", 1))
    assert item is not None
    charge: Value = dict(Charge.from_plain(pricing).to_plain())
    world.billing.put(Put({**item, "charge": charge}))


@pytest.fixture
def world() -> World:
    """Two customers in November; the October of one is beyond what its price can rate."""
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.subscription("cheap", subscription_id="other", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("101", "2026-10-05")
    price_as(world, CLOSED)
    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()
    return world


def test_what_cannot_be_rated_is_parked_with_its_reason_and_delays_nobody(world: World) -> None:
    """I-35."""
    parked = next(each for each in world.invoices() if each.subscription_id == "sub")

    assert parked.status is InvoiceStatus.PENDING
    assert parked.parked == "quantity: 101 units are more than the tiers hold"
    assert world.term("2026-10-01").status is TermStatus.CLOSING
    assert [each.subscription_id for each in world.issued()] == ["other"]
    assert [each.serial for each in world.issued()] == [1]
    # It is not tried every five minutes for ever, nor does it hold up the months that follow.
    assert world.dispatch(look_back=None) == 0
    assert next_invoice(world, "2026-12-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("base_fee", "cheap", "31.00"),
    ]


def test_usage_is_taken_while_an_invoice_is_parked(world: World) -> None:
    assert world.record("1", "2026-10-06").billing.value == "pending"


def test_a_request_to_close_runs_the_same_close_anew(world: World) -> None:
    [parked] = [each for each in world.invoices() if each.parked]
    world.record("1", "2026-10-06")
    assert world.close(parked).parked == "quantity: 102 units are more than the tiers hold"

    price_as(world, OPEN)
    closed = world.close(parked)

    assert (closed.status, closed.parked) == (InvoiceStatus.ISSUED, None)
    assert str(closed.total) == "72.20", "62.00 and 102 minutes, the one that came late as well"
    assert world.stores.invoices.get(parked.id) == closed
    assert world.term("2026-10-01").status is TermStatus.FROZEN


def test_a_draft_of_it_says_why_there_is_none(world: World) -> None:
    [parked] = [each for each in world.invoices() if each.parked]

    draft = draft_invoice(parked, books=world.books)

    assert draft.content is None
    assert draft.refusal is not None
    assert draft.refusal.code == "invoice_not_ratable"


def test_an_opening_invoice_is_parked_as_well() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-01", closing=AUTO_AT_ONCE)
    key = keys.entity(SCOPE, "subscription", "sub")
    item = world.billing.get(key)
    assert item is not None
    tiers = {"pricing_model": "tiered", "tiers": [{"up_to": "5", "unit_amount": "1"}]}
    version = world.billing.get(keys.price_version(SCOPE, "seats", 1))
    assert version is not None
    charge: Value = dict(Charge.from_plain(tiers).to_plain())
    world.billing.put(Put({**version, "charge": charge}))
    [line] = list(item["lines"])  # type: ignore[arg-type]
    many: Value = [{**line, "quantity": "9"}]  # type: ignore[dict-item]
    world.billing.update(Update(key, None, set={"lines": many}))

    world.come_to_rest()

    [opening] = world.invoices()
    assert (opening.status, opening.due_at) == (InvoiceStatus.PENDING, None)
    assert opening.parked == "quantity: 9 units are more than the tiers hold"


def test_usage_of_a_line_that_is_none_is_not_forgotten() -> None:
    world = a_shop()
    world.subscription("minutes", start="2026-10-01", closing=AUTO_AT_ONCE)
    usage = world.record("5", "2026-10-05").usage
    assert isinstance(world.usages, MemoryTable)
    stray = keys.usage_key(SCOPE, usage.key, 1)._asdict() | {"sk": "2026-10-05T00:00:00Z#lost"}
    there = world.usages.get(keys.usage_key(SCOPE, usage.key, 1))
    assert there is not None
    world.usages.put(Put({**there, **stray}))

    world.skip_to("2026-11-01T00:10")
    world.come_to_rest()

    [invoice] = world.invoices()
    assert invoice.parked == "lines: 'lost' has usage and is no line"


def test_thirty_eight_digits_of_an_amount_park_nothing() -> None:
    world = a_shop()
    tiny = {"pricing_model": "per_unit", "unit_amount": "0." + "0" * 19 + "1"}
    world.priced("tiny", tiny)
    world.subscription("tiny", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("9" * 18, "2026-10-05", item_price_id="tiny")

    found = next_invoice(world, "2026-11-01T00:10")

    assert found == [("usage", "tiny", "0.01")]
