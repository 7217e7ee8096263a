"""What is looked at of one-time charges: those on an invoice are those that were asked for, once.

Each of the price `setup` comes to 1.00.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from postpaid.domain.invoice import Invoice, InvoiceStatus, LineKind
from postpaid.domain.invoice_content import InvoiceContent
from postpaid.domain.one_time import OneTimeCharge
from postpaid.store.charges import charge_from_item
from postpaid.store.memory import MemoryTable
from tests.simulation.holding import hold
from tests.simulation.ledger import Charges
from tests.support.world import World

_CENTS = 100


def audit_charges(
    world: World,
    books: Charges,
    invoices: Mapping[str, Invoice],
    contents: Mapping[str, InvoiceContent],
) -> None:
    """Check I-63 and I-70 to I-73, which are about one-time charges; raises `Broken`."""
    stored: dict[str, list[OneTimeCharge]] = defaultdict(list)
    assert isinstance(world.billing, MemoryTable)
    for item in world.billing.items():
        if str(item["sk"]).startswith("CHG#"):
            charge = charge_from_item(item)
            stored[charge.invoice_id].append(charge)
    _told(books, stored)
    _asked(books, [charge for each in stored.values() for charge in each])
    hold(stored.keys() <= invoices.keys(), "I-72", "a charge on an invoice that is not there")
    for invoice in invoices.values():
        charges = sorted(stored[invoice.id], key=lambda each: each.n)
        _counted(invoice, charges)
        if invoice.id in contents:
            _invoiced(invoice, charges, contents[invoice.id])


def _told(books: Charges, stored: Mapping[str, list[OneTimeCharge]]) -> None:
    """I-63, I-70 and I-71: what was acknowledged is there, and what was taken off is off."""
    for told in books.on:
        found = {_quantity(each): each for each in stored.get(told.invoice_id, ())}
        charge = found.get(told.quantity)
        hold(charge is not None and charge.id == told.id, "I-70", f"{told} is not stored")
        assert charge is not None
        if told.id in books.off:
            continue
        hold(told.quantity not in books.refused, "I-63", f"a repeat of {told} was refused")
        if told.id not in books.unknown_off:
            hold(charge.removed_at is None, "I-70", f"{told} was taken off")
    there = {each.id: each for charges in stored.values() for each in charges}
    for off in books.off:
        gone = off in there and there[off].removed_at is not None
        hold(gone, "I-71", f"'{off}' was taken off, and is there")


def _asked(books: Charges, stored: Iterable[OneTimeCharge]) -> None:
    """I-71 and I-72: what was refused is on no invoice, and what nobody asked for neither.

    A charge that was taken off is refused to who repeats the request for it.
    """
    alive = {each.quantity for each in books.on} | books.unknown
    for charge in stored:
        quantity = _quantity(charge)
        asked = quantity in alive | books.refused
        hold(asked, "I-72", f"nobody asked for {charge}")
        if charge.removed_at is None:
            hold(quantity in alive, "I-71", f"{charge} was refused, and is stored")
        else:
            off = charge.id in books.off | books.unknown_off
            hold(off, "I-72", f"nobody took off {charge}")


def _counted(invoice: Invoice, charges: list[OneTimeCharge]) -> None:
    """I-73: a head counts how often its charges changed, each charge at its place in that order."""
    changes = len(charges) + sum(each.removed_at is not None for each in charges)
    counted = invoice.charge_changes
    hold(counted == changes, "I-73", f"{invoice.id} counts {counted} of {changes} changes")
    places = [each.n for each in charges]
    fits = len({*places}) == len(places) and all(1 <= n <= counted for n in places)
    hold(fits, "I-73", f"places {places} of {counted}")


def _invoiced(invoice: Invoice, charges: list[OneTimeCharge], said: InvoiceContent) -> None:
    """I-70 and I-71: a closed invoice says its charges, once each and at their price.

    So does a deleted one, unless it could not be rated and says nothing.
    """
    if invoice.status is InvoiceStatus.DELETED and not said.lines:
        return
    lines = [
        (line.line_id, line.quantity, line.amount.minor)
        for line in said.lines
        if line.kind is LineKind.ONE_TIME
    ]
    owed = [
        (each.id, _quantity(each), int(_quantity(each) * _CENTS))
        for each in charges
        if each.removed_at is None
    ]
    law = "I-70" if len(lines) < len(owed) else "I-71"
    hold(lines == owed, law, f"{invoice.id} says {lines} of {owed}")


def _quantity(charge: OneTimeCharge) -> Decimal:
    assert charge.line.quantity is not None
    return charge.line.quantity
