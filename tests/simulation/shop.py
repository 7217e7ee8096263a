"""Handlers that set up and change things, and what holds of two of them: one came first.

Whatever their calls' order, both must end as if one had begun when the other was done, and so must
what is stored. Integers that only tell things apart may differ.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from postpaid.application.api_keys import create_key, revoke_key
from postpaid.application.cancel_subscription import CancelSubscription, cancel_subscription
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.sites import ChangeSite, CreateSite, change_site, create_site
from postpaid.domain.subscription import Subscription
from postpaid.store.api_keys import StoredApiKeys
from postpaid.store.memory import MemoryTable
from tests.simulation.handlers import Actor, Begin
from tests.simulation.holding import Broken
from tests.simulation.ledger import Ledger
from tests.simulation.schedules import Ended, Handler
from tests.support.changes import add, change
from tests.support.faults import Faulty
from tests.support.integers import astray
from tests.support.samples import AUTO_AT_ONCE, MANUAL, SELLER, at
from tests.support.world import World

# Numbers that are drawn from blocks, names of attempts, and how often a term was touched.
_DRAWN = re.compile(r"('number': |number=|'pc': |#number#\w+#)\d+|run-\d+")


def shop() -> Begin:
    """Return the twentieth of October, with things that two may change at once."""
    world = World.at("2026-10-20T12:00")
    world.price("minutes", "0.05", base_fee="10")
    world.price("seats", "31", metered=False)
    world.family("data")
    world.customer("leaver")
    world.subscription("minutes", "seats", start="2026-10-01", closing=MANUAL)
    world.subscription("seats", subscription_id="later", start="2026-12-01", closing=AUTO_AT_ONCE)
    for _ in range(2):
        world.sweep()
    create_key(
        world.stores.site,
        ["read"],
        "one",
        parts=("a" * 16, "b" * 43),
        ring=StoredApiKeys(world.billing),
        now=world.now,
    )
    assert world.now == at("2026-10-20T12:00")
    return Begin("shop", world, Ledger(), _actors())


def _actors() -> tuple[Actor, ...]:
    handlers: dict[str, Handler] = {
        "item": lambda world: world.item("disk"),
        "other-item": lambda world: world.item("disk", metered=False),
        "rename": lambda world: world.change_item("item-minutes", name="Minutes"),
        "other-rename": lambda world: world.change_item("item-minutes", unit="second"),
        "family": lambda world: world.family("phones"),
        "other-family": lambda world: world.family("phones", description="All that rings"),
        "refamily": lambda world: world.change_family("data", name="Bits"),
        "other-refamily": lambda world: world.change_family("data", archived=True),
        "price": lambda world: world.priced("disk", _unit("1"), item_id="item-minutes"),
        "other-price": lambda world: world.priced("disk", _unit("2"), item_id="item-minutes"),
        "reprice": lambda world: world.reprice("minutes", base_fee="11"),
        "other-reprice": lambda world: world.reprice("minutes", name="Minutes"),
        "customer": lambda world: world.customer("initech"),
        "other-customer": lambda world: world.customer("initech", closing=MANUAL),
        "pay-later": lambda world: world.change_customer("leaver", payment_days=30),
        "leave": lambda world: world.delete_customer("leaver"),
        "subscribe": lambda world: world.subscription(
            "seats", subscription_id="new", customer_id="leaver"
        ),
        "other-subscribe": lambda world: world.subscription("minutes", subscription_id="new"),
        "site": lambda world: _site(world, ChangeSite(number_prefix="A-")),
        "other-site": lambda world: _site(world, ChangeSite(timezone="Europe/Berlin")),
        "key": lambda world: _key(world, "c"),
        "other-key": lambda world: _key(world, "c", "admin"),
        "revoke": _revoke,
        "lines": lambda world: world.change_lines(change("seats", quantity=2), effective="now"),
        "other-lines": lambda world: world.change_lines(add("seats", "more"), effective="now"),
        "cancel": lambda world: world.cancel("2026-10-25"),
        "withdraw": lambda world: _later(world, "2026-10-25"),
        "hold": _hold,
        "new-site": lambda world: _new_site(world, "USD"),
        "other-new-site": lambda world: _new_site(world, "EUR"),
    }
    return tuple(Actor(name, handler) for name, handler in handlers.items())


def _unit(amount: str) -> dict[str, str]:
    return {"pricing_model": "per_unit", "unit_amount": amount}


def _site(world: World, command: ChangeSite) -> object:
    return change_site(world.scope.site, command, sites=world.stores.all_sites)


def _later(world: World, at_: str) -> object:
    """Cancel what has not begun."""
    command = CancelSubscription(subscription_id="later", at=at_)
    return cancel_subscription(command, office=world.office)


def _hold(world: World) -> object:
    """Let nothing of what has not begun close by itself before January."""
    return world.change_closing(ChangeClosing(subscription_id="later", hold_until="2027-01-01"))


def _new_site(world: World, currency: str) -> object:
    command = CreateSite(
        id="umbrella", test=False, timezone="UTC", currency=currency, seller=SELLER
    )
    return create_site(command, sites=world.stores.all_sites, now=world.now)


def _ring(world: World) -> StoredApiKeys:
    return StoredApiKeys(Faulty(world.billing, world.calls, "billing"))


def _key(world: World, letter: str, scope: str = "read") -> object:
    parts = (letter * 16, "d" * 43)
    site = world.stores.site
    return create_key(site, [scope], "new", parts=parts, ring=_ring(world), now=world.now)


def _revoke(world: World) -> object:
    return revoke_key(world.stores.site, "a" * 16, ring=_ring(world), now=world.now)


def one_after_the_other(
    begin: Begin, pair: tuple[Actor, Actor], run: Callable[[Handler, World], Ended]
) -> set[str]:
    """Return what two handlers come to if one is done before the other begins, either way."""
    found = set()
    for first, second in ((0, 1), (1, 0)):
        world = begin.world.copy()
        ends: list[Ended | None] = [None, None]
        for index in (first, second):
            blocks = world.blocks if index == 0 else {}
            ends[index] = run(pair[index].handler, replace(world, blocks=blocks))
        found.add(_told(world, ends))
    return found


def settle(allowed: set[str], world: World, ends: tuple[Ended, Ended]) -> None:
    """Check that what two came to is what they could have come to one after the other."""
    if lost := astray(world.billing):
        raise Broken(f"I-64: {', '.join(lost)}")
    if any(end.died for end in ends):
        return
    if _told(world, list(ends)) not in allowed:
        raise Broken(f"two at once came to what neither order gives: {ends}")


def _told(world: World, ends: list[Ended | None]) -> str:
    assert isinstance(world.billing, MemoryTable)
    kept = [item for item in world.billing.items() if "#counter#" not in str(item["pk"])]
    # A change of policy shows the subscription as it is when it is done, others' changes included.
    told = [
        replace(end, value=end.value.id) if end and isinstance(end.value, Subscription) else end
        for end in ends
    ]
    # Which integer is whose differs, and with that the order of the register's entries.
    shown = sorted(_DRAWN.sub(r"\1-", repr(item)) for item in kept)
    return _DRAWN.sub(r"\1-", repr((shown, told)))
