"""Invoices by the number that is printed on them."""

from dataclasses import dataclass, replace

import pytest

from postpaid.application.find_invoice import find_invoice_by_number
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.series import Series
from tests.support.samples import AUTO_AT_ONCE, a_site
from tests.support.world import World


@pytest.fixture
def world() -> World:
    """October of five subscriptions, of which two are billed in the series `eu`."""
    world = World.at("2026-10-05T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.add_series("eu", "EU-")
    for n in range(5):
        world.subscription(
            "minutes",
            subscription_id=f"sub-{n}",
            start="2026-10-01",
            closing=AUTO_AT_ONCE,
            series="eu" if n % 2 else None,
        )
    bill(world, "2026-11-01T00:30")
    return world


def bill(world: World, now: str) -> None:
    world.skip_to(now)
    world.come_to_rest()


def found(world: World, text: str) -> Invoice | None:
    stores = world.stores
    return find_invoice_by_number(
        text, site=stores.site, numbers=stores.numbers, invoices=stores.invoices
    )


def test_every_number_finds_its_invoice(world: World) -> None:
    numbers = {str(invoice.serial_text): invoice for invoice in world.issued()}

    assert set(numbers) == {"INV-000001", "INV-000002", "INV-000003", "EU-000001", "EU-000002"}
    assert {text: found(world, text) for text in numbers} == numbers


@pytest.mark.parametrize(
    "text",
    [
        *("", "INV-", "INV-1", "INV-01", "INV-0000001", "INV-000004", "INV-000000", "inv-000001"),
        *("EU-000003", "000001", "INV-000001 ", " INV-000001", "INV-00000\u0661", "INV--00001"),
        *("INV-+00001", "INV-0_0001", "INV-" + "9" * 10, "INV-" + "9" * 11, "INV-" + "9" * 5000),
    ],
)
def test_what_is_no_number_of_the_site_finds_nothing(world: World, text: str) -> None:
    assert found(world, text) is None


def test_an_invoice_is_found_by_the_number_that_is_printed_on_it(world: World) -> None:
    world.change_site(number_prefix="A")
    bill(world, "2026-12-01T00:30")

    assert {str(each.serial_text) for each in world.issued()} >= {"INV-000003", "A000004"}
    for invoice in world.issued():
        assert found(world, str(invoice.serial_text)) == invoice
    # The same serials, but they were not printed so.
    assert found(world, "A000001") is None
    assert found(world, "INV-000004") is None


@dataclass
class Heads:
    """Heads of invoices, as if they had these numbers."""

    texts: dict[str, str]
    world: World

    def get(self, invoice_id: str) -> Invoice | None:
        invoice = self.world.stores.invoices.get(invoice_id)
        return invoice and replace(invoice, serial_text=self.texts[invoice_id])


def test_of_several_ways_to_read_a_number_the_invoice_itself_decides(world: World) -> None:
    """No site can set such prefixes now; one might have had them before that was seen to."""
    one, two = (each for each in world.issued() if each.serial == 1)
    site = a_site(number_prefix="X", series=(Series("eu", "X", ("EU-",)),))

    for meant, other in ((one, two), (two, one)):
        heads = Heads({meant.id: "X000001", other.id: "EU-000001"}, world)
        answer = find_invoice_by_number(
            "X000001", site=site, numbers=world.stores.numbers, invoices=heads
        )
        assert answer is not None
        assert answer.id == meant.id


def test_a_voided_invoice_keeps_its_number(world: World) -> None:
    [invoice] = [each for each in world.issued() if each.serial_text == "EU-000002"]
    world.void(invoice)

    voided = found(world, "EU-000002")
    assert voided is not None
    assert (voided.id, voided.status) == (invoice.id, InvoiceStatus.VOIDED)
