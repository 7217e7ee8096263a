"""The handlers of one-time charges, and the moments at which they meet those that close.

Each names a quantity that nothing else names, as those of usage do.
"""

from dataclasses import replace
from decimal import Decimal

from postpaid.application.due_terms import Due
from postpaid.domain.catalog import ItemType
from postpaid.domain.invoice import Invoice, InvoiceStatus
from postpaid.domain.site import ClosingPolicy
from postpaid.store import keys
from tests.simulation.client import ChargeAsk
from tests.simulation.handlers import Actor, Begin, bound, october, told
from tests.simulation.ledger import Ledger
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import World

_OCTOBER = Due(*keys.term(SCOPE, "sub", OCTOBER.start))


def begins() -> tuple[Begin, ...]:
    """Return the moments at which one-time charges are put on invoices and taken off."""
    return (_charged(), _first(), _overcharged(), _opened(), _unopened())


def _charged() -> Begin:
    """October's invoice is pending, and one charge is on it."""
    begin = _pending(MANUAL)
    invoice = _only(begin)
    told(begin, _add(invoice, "there", "7"))
    actors = (
        *(_add(invoice, "new", "2"), _add(invoice, "other", "3")),
        # The same id for something else.
        _add(invoice, "new", "5", "add-clash"),
        *(_take_off(invoice), _close(invoice), _throw(invoice)),
    )
    return replace(begin, name="charged", actors=actors)


def _first() -> Begin:
    """October's invoice is pending, and no charge was ever put on it."""
    begin = _pending(MANUAL)
    invoice = _only(begin)
    other = _add(invoice, "other", "3")
    actors = (_add(invoice, "new", "2"), other, _close(invoice), _throw(invoice))
    return replace(begin, name="first", actors=actors)


def _overcharged() -> Begin:
    """October's invoice is parked: a charge brings it over what the site lets pass."""
    begin = _pending(ClosingPolicy(AUTO_AT_ONCE.mode, after_hours=1))
    world, invoice = begin.world, _only(begin)
    told(begin, _add(invoice, "there", "70"))
    bound(world, 6_000)
    world.clock.now = at("2026-11-01T01:30")
    world.visit(_OCTOBER)
    assert _only(begin).parked is not None
    sync = Actor("sync", lambda world: world.sync(invoice))
    actors = (_add(invoice, "new", "2"), _take_off(invoice), sync, _close(invoice), _throw(invoice))
    return replace(begin, name="overcharged", actors=actors)


def _opened() -> Begin:
    """An invoice that is made when its subscription begins waits for the sweep."""
    begin = _opening("2026-10-01")
    invoice = _only(begin)
    actors = (_add(invoice, "new", "2"), _close(invoice), _throw(invoice))
    return replace(begin, name="opened", actors=actors)


def _unopened() -> Begin:
    """The same before the subscription begins, which may never be."""
    begin = _opening("2026-12-01")
    withdraw = Actor("withdraw", lambda world: world.cancel("2026-10-25"))
    return replace(begin, name="unopened", actors=(_add(_only(begin), "new", "2"), withdraw))


def _pending(policy: ClosingPolicy) -> Begin:
    begin = october(policy)
    begin.world.price("setup", "1", metered=False, item_type=ItemType.CHARGE)
    begin.world.visit(_OCTOBER)
    return begin


def _opening(start: str) -> Begin:
    world = World.at("2026-10-20T12:00")
    world.price("setup", "1", metered=False, item_type=ItemType.CHARGE)
    world.price("seats", "31", metered=False)
    world.subscription("seats", start=start, closing=MANUAL)
    return Begin("", world, Ledger(), ())


def _only(begin: Begin) -> Invoice:
    [invoice] = begin.world.invoices()
    assert invoice.status is InvoiceStatus.PENDING
    return invoice


def _add(invoice: Invoice, charge_id: str, quantity: str, name: str | None = None) -> Actor:
    def handler(world: World) -> object:
        return world.add_charge(invoice, "setup", charge_id, quantity=quantity)

    return Actor(
        name or f"add-{charge_id}", handler, charge=ChargeAsk(charge_id, Decimal(quantity))
    )


def _take_off(invoice: Invoice) -> Actor:
    return Actor(
        "take-off",
        lambda world: world.remove_charge(invoice, "there"),
        charge=ChargeAsk("there", None),
    )


def _close(invoice: Invoice) -> Actor:
    return Actor("close", lambda world: world.close(invoice))


def _throw(invoice: Invoice) -> Actor:
    return Actor("throw-away", lambda world: world.throw_away(invoice))
