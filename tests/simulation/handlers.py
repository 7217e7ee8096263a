"""The handlers that money depends on, and the moments at which two of them may meet.

Each names quantities that nothing else names, so that whatever is billed tells which request it is
of.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import pytest

from postpaid.application import compose_invoice
from postpaid.application.catalog import Created
from postpaid.application.change_closing import ChangeClosing
from postpaid.application.due_terms import Due
from postpaid.application.ports import Unavailable
from postpaid.application.record_usage import RecordedUsage, RecordUsage
from postpaid.application.render_invoice import render_invoice
from postpaid.application.sites import ChangeSite, change_site
from postpaid.application.work_due import work_late
from postpaid.domain.bounds import AmountBounds
from postpaid.domain.charge import Charge
from postpaid.domain.errors import BillingError
from postpaid.domain.invoice import InvoiceStatus, RenderState
from postpaid.domain.money import Money
from postpaid.domain.one_time import OneTimeCharge
from postpaid.domain.site import ClosingPolicy
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import UsageKey
from postpaid.store import keys
from postpaid.store.tables import Put
from tests.simulation.auditor import Auditor
from tests.simulation.client import ChargeAsk
from tests.simulation.ledger import Charged, Charges, Fact, Ledger
from tests.simulation.runs import minutes
from tests.simulation.schedules import Ended, Handler
from tests.support.faults import Killed, Moment, fail
from tests.support.samples import AUTO_AT_ONCE, MANUAL, OCTOBER, SCOPE, at
from tests.support.world import PlainTypesetter, World, record_command


@dataclass(frozen=True, slots=True)
class Actor:
    """A handler by name; *quantities* are what its request names, none for some.

    A handler of several gives or raises something for each of them. *charge* is what a request
    about a one-time charge names instead.
    """

    name: str
    handler: Handler
    quantities: tuple[Decimal, ...] = ()
    charge: ChargeAsk | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """A moment: what is stored, what clients were told until then, and who may meet there."""

    name: str
    world: World
    ledger: Ledger
    actors: tuple[Actor, ...]
    subscriptions: tuple[str, ...] = ("sub",)


_OCTOBERS = Due(*keys.term(SCOPE, "sub", OCTOBER.start))
_URL = "https://usage.example.com/minutes"


def key_of(day: str) -> UsageKey:
    return UsageKey("sub", at(day), "minutes")


def _recorder(name: str, quantity: str, day: str, **more: str) -> Actor:
    def handler(world: World) -> object:
        return world.record(quantity, day, request=name, **more)

    return Actor(name, handler, (Decimal(quantity),))


def _corrector(name: str, quantity: str, day: str, version: int = 1) -> Actor:
    def handler(world: World) -> object:
        return world.correct(key_of(day), version, quantity)

    return Actor(name, handler, (Decimal(quantity),))


def batch_commands() -> list[RecordUsage]:
    """Return a batch of two, the first of which others want to record, too."""
    return [
        record_command("191", "2026-10-08", request="record-batch"),
        record_command("193", "2026-10-10", request="record-batch"),
    ]


def _record_batch(world: World) -> object:
    return world.record_batch(*batch_commands())


def _visitor(name: str, start: str) -> Actor:
    due = Due(*keys.term(SCOPE, "sub", at(start)))

    def handler(world: World) -> object:
        return world.visit(due)

    return Actor(name, handler)


def _puller(name: str, quantity: str) -> Actor:
    """Ask October's usage URL, and be told a quantity of one's own."""

    def handler(world: World) -> object:
        pulled = world.pull_term(_OCTOBERS, {_URL: quantity})
        return [] if pulled is None else [*pulled.recorded]

    return Actor(name, handler, (Decimal(quantity),))


def _hearer(name: str, answered: tuple[str, ...], failure: str | None) -> Actor:
    def handler(world: World) -> object:
        world.hear((_OCTOBERS, answered, failure, False))
        return None

    return Actor(name, handler)


def _close_without(world: World, invoice_id: str) -> object:
    invoice = world.stores.invoices.get(invoice_id)
    assert invoice is not None
    return world.close(invoice, without_usage_urls=True)


def _closer(name: str, start: str, subscription_id: str = "sub") -> Actor:
    def handler(world: World) -> object:
        term = world.stores.terms.get(subscription_id, at(start))
        assert term is not None
        assert term.invoice_id is not None
        invoice = world.stores.invoices.get(term.invoice_id)
        assert invoice is not None
        return world.close(invoice)

    return Actor(name, handler)


def _on_invoice(name: str, act: Callable[[World, str], object]) -> Actor:
    """Do something with October's invoice."""

    def handler(world: World) -> object:
        term = world.stores.terms.get("sub", OCTOBER.start)
        assert term is not None
        assert term.invoice_id is not None
        return act(world, term.invoice_id)

    return Actor(name, handler)


def _render(world: World, invoice_id: str) -> object:
    return render_invoice(
        invoice_id,
        invoices=world.stores.invoices,
        documents=world.documents,
        typesetter=PlainTypesetter(),
    )


def _pay(world: World, invoice_id: str) -> object:
    invoice = world.stores.invoices.get(invoice_id)
    assert invoice is not None
    return world.pay(invoice, "1.00")


def _void(world: World, invoice_id: str) -> object:
    invoice = world.stores.invoices.get(invoice_id)
    assert invoice is not None
    return world.void(invoice)


def _sync(world: World, invoice_id: str) -> object:
    invoice = world.stores.invoices.get(invoice_id)
    assert invoice is not None
    return world.sync(invoice)


def _throw_away(world: World, start: str, k: int = 0) -> object:
    """Delete the invoice of a term; nobody knows of it before there is one."""
    found = [
        each
        for each in world.invoices()
        if each.subscription_id == "sub" and each.term_start == at(start) and each.k == k
    ]
    return world.throw_away(found[0]) if found else None


def _sync_or_wait(world: World) -> object:
    """Refresh October's invoice; nobody knows of it before there is one."""
    term = world.stores.terms.get("sub", OCTOBER.start)
    assert term is not None
    return None if term.invoice_id is None else _sync(world, term.invoice_id)


def _accept(world: World, invoice_id: str) -> object:
    invoice = world.stores.invoices.get(invoice_id)
    assert invoice is not None
    return world.close(invoice, accept_bounds=True)


def _raise(world: World, invoice_id: str) -> object:
    """Let October's invoice charge what it does, and refresh it."""
    bound(world, 10_000)
    return _sync(world, invoice_id)


def bound(world: World, highest: int) -> None:
    """Let the site have invoices looked at that charge more than so many cents."""
    bounds = AmountBounds((Money(highest, "USD"),))
    change_site(world.scope.site, ChangeSite(bounds=bounds), sites=world.stores.all_sites)


def _policy(policy: ClosingPolicy) -> Handler:
    def handler(world: World) -> object:
        return world.change_closing(ChangeClosing(subscription_id="sub", policy=policy))

    return handler


def _late(world: World) -> object:
    return work_late("sub", OCTOBER.start, worker=world.worker)


def _correct_and_visit(world: World) -> object:
    """Correct a usage to less, and let a worker look at its term at once."""
    answer = world.correct(key_of("2026-10-05"), 1, "3")
    world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    return answer


def _correct_late(world: World) -> object:
    """Correct a usage, and have it billed at once: a recorder and the worker that it asks."""
    answer = world.correct(key_of("2026-10-09"), 1, "149")
    _late(world)
    return answer


_RECORD = _recorder("record", "109", "2026-10-08")
_BATCH = Actor("record-batch", _record_batch, (Decimal(191), Decimal(193)))
_SAME = _recorder("record", "109", "2026-10-08")
_OTHER = _recorder("record-other", "113", "2026-10-08")
_AGAIN = _recorder("add-again", "127", "2026-10-07")
_CORRECT = _corrector("correct", "131", "2026-10-05")
_CORRECT_OTHER = _corrector("correct-other", "137", "2026-10-05")
_AGAIN_OTHER = _recorder("add-again-other", "197", "2026-10-07")
_DELETE_CORRECTED = Actor("delete-corrected", lambda world: world.delete(key_of("2026-10-05")))
_DELETE = Actor("delete", lambda world: world.delete(key_of("2026-10-06")))
_VISIT = _visitor("visit", "2026-10-01")
_NEXT = _visitor("visit-next", "2026-11-01")
_CLOSE = _closer("close", "2026-10-01")
_RECONCILE = Actor("reconcile", _late)
_CORRECT_AND_RECONCILE = Actor("correct-and-reconcile", _correct_late, (Decimal(149),))
_CORRECT_AND_VISIT = Actor("correct-and-visit", _correct_and_visit, (Decimal(3),))
_MANUAL = Actor("policy", _policy(MANUAL))
_CANCEL = Actor("cancel", lambda world: world.cancel("2026-11-20"))
_CANCEL_NOW = Actor("cancel-now", lambda world: world.cancel("now"))
_DISPATCH = Actor("dispatch", lambda world: world.dispatch())
_RENDER = _on_invoice("render", _render)
# Those of one external id, on two dates, over a tombstone and in another subscription; and those of
# one that has room for one more.
_NAMED = _recorder("named", "151", "2026-10-08", external_id="x")
_NAMED_OTHER = _recorder("named-other", "157", "2026-10-09", external_id="x")
_NAMED_AGAIN = _recorder("named-again", "163", "2026-10-07", external_id="x")
_NAMED_AGAIN_OTHER = _recorder("named-again-other", "191", "2026-10-07", external_id="y")
_NAMED_TWO = _recorder("named-two", "167", "2026-10-08", external_id="x", subscription_id="two")
_NAMED_TWO_OTHER = _recorder(
    "named-two-other", "193", "2026-10-07", external_id="x", subscription_id="two"
)
_LAST = _recorder("last", "173", "2026-10-08", subscription_id="two")
_LAST_OTHER = _recorder("last-other", "179", "2026-10-09", subscription_id="two")
_PULL = _puller("pull", "211")
_PULL_OTHER = _puller("pull-other", "223")
_HEAR = _hearer("hear", ("minutes",), "did not answer")
_HEAR_FAILURE = _hearer("hear-failure", (), "did not answer")
_CLOSE_WITHOUT = _on_invoice("close-without", _close_without)
_SYNC = Actor("sync", _sync_or_wait)
_THROW = Actor("throw-away", lambda world: _throw_away(world, "2026-10-01"))
_THROW_NEXT = Actor("throw-away-next", lambda world: _throw_away(world, "2026-11-01"))
_THROW_OWN = Actor("throw-away-own", lambda world: _throw_away(world, "2026-10-01", k=1))
_USAGE = (
    *(_RECORD, _OTHER, _AGAIN, _AGAIN_OTHER),
    *(_CORRECT, _CORRECT_OTHER, _DELETE, _DELETE_CORRECTED),
)


def begins() -> tuple[Begin, ...]:
    """Return the moments at which handlers meet."""
    ended = october(AUTO_AT_ONCE)
    graced = october(ClosingPolicy(AUTO_AT_ONCE.mode, after_hours=1))
    graced.world.clock.now = at("2026-11-01T00:30")
    assert graced.world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    graced.world.clock.now = at("2026-11-01T01:30")
    assert graced.world.term("2026-10-01").status is TermStatus.GRACE
    frozen = october(AUTO_AT_ONCE)
    frozen.world.come_to_rest()
    told(frozen, _recorder("late", "139", "2026-10-09"))
    coming = replace(frozen, world=frozen.world.copy(), ledger=copied(frozen.ledger))
    coming.world.skip_to("2026-12-01T00:30")
    return (
        replace(
            ended,
            name="ended",
            actors=(*_USAGE, _BATCH, _VISIT, _CANCEL, _CANCEL_NOW, _MANUAL, _DISPATCH),
        ),
        replace(
            graced,
            name="graced",
            actors=(*_USAGE, _BATCH, _VISIT, _CLOSE, _SYNC, _CANCEL, _MANUAL, _THROW),
        ),
        replace(
            frozen,
            name="frozen",
            actors=(
                *_USAGE,
                _BATCH,
                _RECONCILE,
                _CORRECT_AND_RECONCILE,
                _CANCEL_NOW,
                _on_invoice("pay", _pay),
                _on_invoice("void", _void),
            ),
        ),
        replace(coming, name="coming", actors=(_RECORD, _CORRECT, _RECONCILE, _NEXT)),
        _asking(),
        _issued(),
        _documented(),
        _held(),
        _stranded(),
        _unratable(),
        _mended(),
        _bounded(),
        _last(),
        _over(),
        _credit(),
        _named(),
    )


def _asking() -> Begin:
    """October has ended, and a usage URL is to say how much was used before it closes.

    Those that pull are told different things. When all is over it has nothing to say.
    """
    begin = october(ClosingPolicy(AUTO_AT_ONCE.mode, after_hours=1), urls={"minutes": _URL})
    begin.world.answers[_URL] = "0"
    assert begin.world.visit(_OCTOBERS)
    begin.world.clock.now = at("2026-11-01T01:30")
    assert begin.world.term("2026-10-01").status is TermStatus.GRACE
    actors = (_PULL, _PULL_OTHER, _HEAR, _HEAR_FAILURE, _CLOSE_WITHOUT, _VISIT)
    return replace(begin, name="asking", actors=actors)


def _issued() -> Begin:
    """October is out, and has no document yet."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    assert world.term("2026-10-01").status is TermStatus.FROZEN
    return replace(begin, name="issued", actors=(_RENDER, _VISIT, _on_invoice("void", _void)))


def _documented() -> Begin:
    """October is out and has its document, and its term is still on the list of what is due."""
    begin = _issued()
    begin.world.render()
    return replace(begin, name="documented", actors=(_RECORD, _VISIT, _on_invoice("void", _void)))


def _held() -> Begin:
    """October has ended, and is to close by itself in two days only."""
    begin = october(ClosingPolicy(AUTO_AT_ONCE.mode, after_hours=48))
    assert begin.world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    return replace(begin, name="held", actors=(_RECORD, _CLOSE, _MANUAL, _VISIT, _THROW))


def _stranded() -> Begin:
    """A subscription has ended; its last invoice left out a supplement that waited for it."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    world.come_to_rest()
    told(begin, _recorder("late", "139", "2026-10-09"))
    world.cancel("2026-11-20")
    world.reconcile()
    world.skip_to("2026-11-20T00:30")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose_invoice, "SUPPLEMENTS_MAX", 0)
        world.come_to_rest()
    return replace(begin, name="stranded", actors=(_RECORD, _RECONCILE))


def _last() -> Begin:
    """The last term began to close when a worker died, and a supplement waits for its invoice."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    world.come_to_rest()
    told(begin, _recorder("late", "139", "2026-10-09"))
    world.reconcile()
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:30")
    last = Due(*keys.term(SCOPE, "sub", at("2026-11-01")))
    world.calls.arm("usages.query", Moment.BEFORE, fail(Killed()))
    with suppress(Killed):
        world.visit(last)
    assert world.term("2026-11-01").status is TermStatus.CLOSING
    world.clock.now += timedelta(minutes=6)
    return replace(begin, name="last", actors=(_RECORD, _RECONCILE, _NEXT, _THROW_NEXT))


def _over() -> Begin:
    """A subscription has ended and is invoiced; what comes now gets an invoice of its own."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    world.come_to_rest()
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:30")
    world.come_to_rest()
    told(begin, _recorder("late", "139", "2026-10-09"))
    actors = (_RECORD, _RECONCILE, _CORRECT_AND_RECONCILE, _THROW_OWN)
    return replace(begin, name="over", actors=actors)


def _credit() -> Begin:
    """A customer has a credit of 11.20; two invoices that draw on it are pending."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    for name in ("two", "three"):
        world.subscription("minutes", subscription_id=name, start="2026-10-01", closing=MANUAL)
    world.come_to_rest()
    world.cancel("2026-11-20")
    world.skip_to("2026-11-20T00:30")
    world.come_to_rest()
    for day, version, quantity in (("2026-10-05", 1, "1"), ("2026-10-06", 1, "2")):
        told(begin, _corrector(day, quantity, day, version))
    work_late("sub", OCTOBER.start, worker=world.worker)
    assert str(world.stores.credits.balance("globex", "USD").amount) == "10.05"
    actors = [_closer(f"close-{name}", "2026-10-01", name) for name in ("two", "three")]
    return replace(begin, name="credit", actors=(*actors, _RECORD))


def _named() -> Begin:
    """October has ended; one external id is wanted, and one place of a maximum is left."""
    begin = october(AUTO_AT_ONCE)
    begin.world.subscription(
        "minutes",
        subscription_id="two",
        start="2026-10-01",
        closing=AUTO_AT_ONCE,
        usage_records_max=2,
    )
    told(begin, _recorder("first", "181", "2026-10-05", external_id="w", subscription_id="two"))
    return replace(
        begin,
        name="named",
        actors=(
            *(_NAMED, _NAMED_OTHER, _NAMED_AGAIN, _NAMED_AGAIN_OTHER),
            *(_NAMED_TWO, _NAMED_TWO_OTHER, _LAST, _LAST_OTHER, _DELETE, _VISIT),
        ),
        subscriptions=("sub", "two"),
    )


def _unratable() -> Begin:
    """October has ended, and its price has tiers that hold 110 of the 204 minutes used.

    One who corrects a usage and then closes can make the invoice that another one is parking.
    """
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    item = world.billing.get(keys.price_version(SCOPE, "minutes", 1))
    assert item is not None
    tiers = [{"up_to": "110", "unit_amount": "0.05"}]
    closed = Charge.from_plain({"pricing_model": "tiered", "tiers": tiers})
    world.billing.put(Put({**item, "charge": dict(closed.to_plain())}))
    actors = (_VISIT, _SYNC, _CANCEL, _CORRECT_AND_VISIT, _THROW)
    return replace(begin, name="unratable", actors=actors)


def _mended() -> Begin:
    """October's invoice is parked, and what parked it is gone."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    bound(world, 1_400)
    world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    bound(world, 10_000)
    return replace(begin, name="mended", actors=(_RECORD, _SYNC, _CLOSE, _VISIT, _THROW))


def _bounded() -> Begin:
    """October's invoice is parked, and would charge still more by now."""
    begin = october(AUTO_AT_ONCE)
    world = begin.world
    bound(world, 1_400)
    world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    told(begin, _recorder("more", "109", "2026-10-08"))
    accept, lift = _on_invoice("accept", _accept), _on_invoice("raise", _raise)
    return replace(begin, name="bounded", actors=(_SYNC, _CLOSE, accept, lift, _THROW))


def october(policy: ClosingPolicy, **more: Any) -> Begin:
    """Half an hour after the end of October, of which nobody has taken notice yet."""
    world = World.at("2026-10-20T12:00")
    world.price("minutes", "0.05", base_fee="10.00")
    world.subscription("minutes", start="2026-10-01", closing=policy, **more)
    begin = Begin("", world, Ledger(), ())
    for day, quantity in (("2026-10-05", "101"), ("2026-10-06", "103"), ("2026-10-07", "107")):
        told(begin, _recorder(day, quantity, day))
    told(begin, Actor("delete", lambda world: world.delete(key_of("2026-10-07"))))
    world.skip_to("2026-11-01T00:30")
    return begin


def told(begin: Begin, actor: Actor) -> None:
    note(begin.ledger, actor, Ended(actor.handler(begin.world)))


def copied(ledger: Ledger) -> Ledger:
    return Ledger([*ledger.facts], {*ledger.refused}, {*ledger.unknown}, ledger.charges.copy())


def note(ledger: Ledger, actor: Actor, ended: Ended) -> None:
    """Note in a client's books what a handler came to."""
    if actor.charge is not None:
        _note_charge(ledger.charges, actor.charge, ended.value)
        return
    results = ended.value if isinstance(ended.value, list) else [ended.value]
    for quantity, result in zip_longest(actor.quantities or (None,), results):
        _note_one(ledger, quantity, result)


def _note_one(ledger: Ledger, quantity: Decimal | None, result: object) -> None:
    if isinstance(result, RecordedUsage):
        usage = result.usage
        ledger.ok(
            Fact(
                usage.key.subscription_id,
                keys.usage_sk(usage.key),
                usage.version,
                usage.quantity,
                usage.deleted,
                result.billing.value,
                usage.external_id,
            )
        )
    elif isinstance(result, Exception) and not isinstance(result, Unavailable):
        ledger.no(quantity)
    else:
        ledger.no_answer(quantity)


def _note_charge(books: Charges, named: ChargeAsk, result: object) -> None:
    if isinstance(result, Created) and isinstance(result.thing, OneTimeCharge):
        line = result.thing.line
        assert line.quantity is not None
        books.ok(Charged(result.thing.invoice_id, line.id, line.quantity))
    elif isinstance(result, OneTimeCharge):
        assert result.removed_at is not None
        books.taken_off(result.id)
    elif isinstance(result, Exception) and not isinstance(result, Unavailable):
        books.no(named.id, named.quantity)
    else:
        books.no_answer(named.id, named.quantity)


def settle(
    begin: Begin, world: World, pair: tuple[Actor, Actor], ends: tuple[Ended, Ended]
) -> None:
    """Recover from where two handlers came to, and audit; raises `AssertionError`.

    A request that died is sent again; what the platform started comes again by itself.
    """
    world = replace(world.copy(), blocks={})
    ledger = copied(begin.ledger)
    for actor, ended in zip(pair, ends, strict=True):
        note(ledger, actor, ended)
    for actor, ended in zip(pair, ends, strict=True):
        if ended.died and (actor.quantities or actor.charge):
            told(Begin("", world, ledger, ()), replace(actor, handler=_final(actor)))
    heal(world, begin.subscriptions)
    Auditor(world, ledger, minutes).audit([*begin.subscriptions])


def _final(actor: Actor) -> Handler:
    """Return a request whose refusal is an answer."""

    def handler(world: World) -> object:
        try:
            return actor.handler(world)
        except BillingError as refusal:
            return refusal

    return handler


def heal(world: World, subscriptions: Sequence[str] = ("sub",)) -> None:
    """Let sweeps and audits run until all is at rest, and what waits go out."""
    for _ in range(2):
        world.come_to_rest()
        for term in [term for each in subscriptions for term in world.terms(each)]:
            if term.status is TermStatus.FROZEN:
                where = term.subscription_id, term.period.start
                work_late(*where, worker=world.worker)
                found = work_late(*where, worker=world.worker)
                assert found is not None
                assert found.supplement is None, "I-34: a second run finds something"
        world.come_to_rest()
        for invoice in world.invoices():
            # By hand, as their policy is; one that cannot be made stays as it is.
            if invoice.status is InvoiceStatus.PENDING and invoice.due_at is None:
                world.close(invoice)
        for each in subscriptions:
            newest = world.terms(each)[-1]
            if newest.status is TermStatus.OPEN and world.stores.manifests.waiting(each, 1):
                world.skip_to(f"{newest.period.end + timedelta(hours=2):%Y-%m-%dT%H:%M}")
                world.come_to_rest()
    for invoice in world.invoices():
        if invoice.render is RenderState.PENDING:  # the stream tells of it
            world.render_queue.append(invoice.id)
    world.render()
