"""Rendering: one document for each issued invoice, however often it is asked for."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.ports import Unavailable
from postpaid.application.render_invoice import document_of, render_invoice
from postpaid.domain.catalog import ItemType
from postpaid.domain.errors import NotFound
from postpaid.domain.invoice import Invoice, RenderState
from postpaid.domain.invoice_document import DocumentLine, InvoiceDocument, Party
from tests.support.faults import Moment, fail
from tests.support.samples import MANUAL, a_site, at
from tests.support.world import World


@dataclass
class Typesetter:
    """Counts what it was asked to set."""

    documents: list[InvoiceDocument] = field(default_factory=list)

    def typeset(self, document: InvoiceDocument) -> bytes:
        self.documents.append(document)
        return repr(document).encode()


def render(world: World, invoice_id: str, typesetter: Typesetter | None = None) -> Invoice:
    return render_invoice(
        invoice_id,
        invoices=world.stores.invoices,
        documents=world.documents,
        typesetter=typesetter or Typesetter(),
    )


@pytest.fixture
def issued(world: World) -> Invoice:
    """The founding example, issued."""
    world.record("361", "2026-10-05")
    world.skip_to("2026-11-01T01:00")
    world.dispatch()
    world.work()
    [invoice] = world.issued()
    return invoice


def test_an_issued_invoice_is_rendered_once(world: World, issued: Invoice) -> None:
    typesetter = Typesetter()

    for _ in range(3):
        render(world, issued.id, typesetter)

    assert len(typesetter.documents) == 1
    [rendered] = world.issued()
    assert rendered.render is RenderState.DONE
    assert rendered.pdf_hash is not None
    assert world.objects[rendered.pdf_hash] == repr(typesetter.documents[0]).encode()


def test_the_document_says_what_the_invoice_says(world: World, issued: Invoice) -> None:
    document = document_of(issued, world.content(issued))

    assert document == InvoiceDocument(
        number="INV-000001",
        issued_on=date(2026, 11, 1),
        due_on=date(2026, 11, 1),
        period_start=date(2026, 10, 1),
        period_end_inclusive=date(2026, 10, 31),
        currency="USD",
        minor_units=2,
        seller=Party(name="Acme Voice", address=("1 Long Wharf", "Boston"), tax_id="04-1234567"),
        customer=Party(
            name="Globex",
            address=("9 Elm Street",),
            email="bills@globex.example",
            reference="globex",
        ),
        lines=(
            DocumentLine(description="Item-minutes", detail="Base fee", amount=Decimal("10.00")),
            DocumentLine(
                description="Item-minutes",
                quantity=Decimal(361),
                unit="minute",
                unit_amount=Decimal("0.05"),
                amount=Decimal("18.05"),
            ),
        ),
        subtotal=Decimal("28.05"),
        total=Decimal("28.05"),
        notes=None,
    )


def test_dates_are_days_of_the_subscriptions_zone() -> None:
    world = World.at("2026-10-31T12:00", site=a_site(created_at=at("2026-10-31T12:00")))
    world.price("minutes", "0.05", base_fee="1")
    world.subscription("minutes", start="2026-10-01", timezone="America/New_York")
    world.clock.now = at("2026-11-01T06:00")
    world.dispatch()
    world.work()
    [invoice] = world.issued()

    document = document_of(invoice, world.content(invoice))

    assert (document.period_start, document.period_end_inclusive) == (
        date(2026, 10, 1),
        date(2026, 10, 31),
    )


def test_what_is_not_issued_has_no_document(world: World) -> None:
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    [pending] = world.invoices()
    typesetter = Typesetter()

    assert render(world, pending.id, typesetter) == pending
    assert typesetter.documents == []
    with pytest.raises(NotFound):
        render(world, "inv_unknown")


@pytest.mark.parametrize("call", ["documents.get", "documents.put", "billing.update"])
@pytest.mark.parametrize("moment", Moment)
def test_a_rendering_that_was_cut_off_is_done_by_the_next(
    world: World, issued: Invoice, call: str, moment: Moment
) -> None:
    world.calls.arm(call, moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        render(world, issued.id)

    render(world, issued.id)

    [rendered] = world.issued()
    assert rendered == replace(issued, render=RenderState.DONE, pdf_hash=rendered.pdf_hash)
    assert len(world.objects) == 2  # what it says, and how that looks


def test_two_renderers_at_once_make_one_document(world: World, issued: Invoice) -> None:
    other = world.another_process()
    world.calls.arm("documents.put", Moment.BEFORE, lambda: void(render(other, issued.id)))

    render(world, issued.id)

    assert world.issued()[0].render is RenderState.DONE
    assert len(world.objects) == 2


def void(_: object) -> None:
    """Make a statement of an expression."""


PACKAGES = {"pricing_model": "package", "amount": "5", "package_size": "50"}
TIERED = {
    "pricing_model": "tiered",
    "tiers": [{"up_to": "10", "unit_amount": "2"}, {"up_to": None, "unit_amount": "1"}],
}
LESS = {"pricing_model": "per_unit", "unit_amount": "10", "discount_percent": "5"}
FLAT = {"pricing_model": "flat_fee", "amount": "12.34"}
DAY = {"start": "2026-10-05", "end": "2026-10-06"}
# What is said of a one-time charge, and its row: quantity, price of a unit, detail, amount.
ONCE: list[tuple[dict[str, Any], tuple[str, str | None, str | None, str]]] = [
    ({}, ("1", "49", None, "49.00")),
    ({"quantity": "2.5"}, ("2.5", "49", None, "122.50")),
    (DAY, ("1", "49", "2026-10-05", "49.00")),
    (
        {"start": "2026-11-05", "end": "2026-12-05"},
        ("1", "49", "2026-11-05 to 2026-12-04", "49.00"),
    ),
    (
        {"start": "2026-10-05T08:00:00Z", "end": "2026-10-05T10:00:00Z"},
        ("1", "49", "2026-10-05", "49.00"),
    ),
    ({"start": "2026-10-01", "end": "2026-11-01"}, ("1", "49", None, "49.00")),
    ({"pricing": FLAT, "quantity": "7"}, ("7", None, None, "12.34")),
    ({"pricing": TIERED, "quantity": "12"}, ("12", None, "10 × 2 + 2 × 1", "22.00")),  # noqa: RUF001
    ({"pricing": PACKAGES, "quantity": "120"}, ("120", None, "3 packages of 50 × 5", "15.00")),  # noqa: RUF001
    ({"pricing": LESS} | DAY, ("1", None, "1 × 10, less 5 %, 2026-10-05", "9.50")),  # noqa: RUF001
]


@pytest.mark.parametrize(("said", "row"), ONCE)
def test_a_one_time_charge_is_a_row_with_its_quantity_price_and_time(
    world: World, said: dict[str, Any], row: tuple[str, ...]
) -> None:
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.change_customer(closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    [pending] = world.invoices()
    world.add_charge(pending, "setup", comment="nobody sees it", **said)
    invoice = world.close(pending)

    document = document_of(invoice, world.content(invoice))

    line = document.lines[-1]
    price = None if line.unit_amount is None else str(line.unit_amount)
    assert line.description == "Item-setup"
    assert (str(line.quantity), price, line.detail, str(line.amount)) == row
    assert "nobody" not in repr(document)
