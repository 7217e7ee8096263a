"""The auditor and the laws see what they are there for: each wrong in turn is found, and named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.store import keys
from postpaid.store.memory import MemoryTable
from postpaid.store.tables import Item, Key, Put, Update
from tests.simulation import charges, charging, handlers
from tests.simulation.auditor import Auditor
from tests.simulation.handlers import Begin
from tests.simulation.holding import Broken
from tests.simulation.laws import Laws
from tests.simulation.ledger import Charged, Charges, Fact
from tests.simulation.runs import minutes
from tests.simulation.schedules import Ended
from tests.support.samples import OCTOBER, SCOPE, at
from tests.support.world import World


@pytest.fixture(scope="module")
def settled() -> Begin:
    """October with two usages on its invoice, a third as a supplement, and all at rest."""
    [begin] = [each for each in handlers.begins() if each.name == "frozen"]
    handlers.heal(begin.world)
    return begin


@pytest.fixture(scope="module")
def named() -> Begin:
    """A usage with the external id 'x', another subscription with all it may have; at rest."""
    [begin] = [each for each in handlers.begins() if each.name == "named"]
    for actor in begin.actors:
        if actor.name in {"named", "last"}:
            handlers.note(begin.ledger, actor, Ended(actor.handler(begin.world)))
    handlers.heal(begin.world, begin.subscriptions)
    return begin


def audit(begin: Begin) -> None:
    Auditor(begin.world, begin.ledger, minutes).audit([*begin.subscriptions])


def test_books_that_are_right_are_found_so(settled: Begin, named: Begin) -> None:
    audit(settled)
    audit(named)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is made wrong: an item that is found by *which* and changed, or a fact."""

    law: str
    what: str
    which: Callable[[Item], bool] | None = None
    change: Callable[[Item], Item] | None = None
    told: Fact | None = None
    refused: str | None = None
    refused_again: str | None = None


def _is_usage(day: str) -> Callable[[Item], bool]:
    return lambda item: str(item["sk"]).startswith(f"{day}T00:00:00Z#minutes")


def _is_term(start: str) -> Callable[[Item], bool]:
    return lambda item: str(item["sk"]) == f"TERM#{start}T00:00:00Z"


def _is_head(item: Item) -> bool:
    return "serial" in item and item.get("serial") == 1


def _is_log(item: Item) -> bool:
    return str(item["sk"]).startswith("MAN#")


def _with(**changed: Any) -> Callable[[Item], Item]:
    return lambda item: {**item, **changed}


def _without(*names: str) -> Callable[[Item], Item]:
    return lambda item: {name: value for name, value in item.items() if name not in names}


def _fact(day: str, version: int, quantity: str, billing: str) -> Fact:
    place = f"{day}T00:00:00Z#minutes"
    return Fact("sub", place, version, Decimal(quantity), deleted=False, billing=billing)


WRONGS = [
    Wrong(
        "I-01", "a usage grew, and nobody bills it", _is_usage("2026-10-05"), _with(q="999", v=2)
    ),
    Wrong(
        "I-09", "a usage was deleted, and is billed", _is_usage("2026-10-05"), _with(d=True, v=2)
    ),
    Wrong("I-05", "a usage is older than what was billed", _is_usage("2026-10-05"), _with(v=0)),
    Wrong("I-01", "what was told is not there", told=_fact("2026-10-30", 1, "5", "late")),
    Wrong("I-01", "what was told is undone", told=_fact("2026-10-05", 9, "101", "late")),
    Wrong("I-01", "what was told has changed", told=_fact("2026-10-05", 1, "102", "late")),
    Wrong("I-04", "late usage was called on time", told=_fact("2026-10-09", 1, "139", "on_time")),
    Wrong("I-02", "what was refused is stored", refused="101"),
    Wrong("I-15", "a number is left out", _is_head, _with(serial=3)),
    Wrong("I-16", "a total is not that of the lines", _is_head, _with(total="1")),
    Wrong("I-16", "a credit is not what was drawn", _is_head, _with(credit="1")),
    Wrong("I-31", "a document is missing", _is_head, _with(r="PENDING")),
    Wrong(
        "I-31",
        "a voided invoice has the document it had",
        _is_head,
        _with(status="VOIDED", voided_at="2026-11-02T00:00:00Z"),
    ),
    Wrong("I-06", "a manifest is counted too much", _is_term("2026-10-01"), _with(m=5)),
    Wrong("I-14", "another first manifest", _is_term("2026-10-01"), _with(m0="0" * 64)),
    Wrong("I-12", "a gap", _is_term("2026-10-01"), _with(end="2026-10-31T00:00:00Z")),
    Wrong("I-10", "a supplement is billed by nobody, and told", _is_log, _without("billed_in")),
    Wrong("I-01", "a supplement names another invoice", _is_log, _with(billed_in="inv_other")),
]


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.what)
def test_what_is_wrong_is_found_and_named(settled: Begin, wrong: Wrong) -> None:
    assert made(wrong, settled).startswith(wrong.law)


def _of_sub(day: str) -> Callable[[Item], bool]:
    return lambda item: "#sub#" in str(item["pk"]) and str(item["sk"]).startswith(day)


def _has_integer(kind: str, identifier: str) -> Callable[[Item], bool]:
    """Tell which entry of the register of integers is one thing's."""
    pk = f"{keys.home(SCOPE, kind)}#number#{kind}#"
    return lambda item: str(item["pk"]).startswith(pk) and item["id"] == identifier


WRONG_INTEGERS = [
    Wrong("I-64", f"an integer of a {kind} leads astray", _has_integer(kind, whose), _with(id="x"))
    for kind, whose in (("customer", "globex"), ("item", "item-minutes"), ("subscription", "sub"))
] + [
    Wrong("I-64", "an integer of a line leads astray", _has_integer("line", "sub"), changed)
    for changed in (_with(line_id="x"), _with(id="x"), _with(pk="acme~1#number#line#999", id="x"))
]


@pytest.mark.parametrize("wrong", WRONG_INTEGERS, ids=lambda wrong: wrong.what)
def test_an_integer_that_leads_astray_is_found(settled: Begin, wrong: Wrong) -> None:
    assert made(wrong, settled).startswith(wrong.law)


def test_an_integer_of_an_entry_that_is_gone_is_none_that_leads_astray(settled: Begin) -> None:
    world = settled.world.copy()
    gone = {"pk": "acme~1#number#line#999", "sk": "META", "id": "sub", "line_id": "once"}
    world.billing.put(Put({**gone}))

    Auditor(world, settled.ledger, minutes).audit([*settled.subscriptions])


def test_a_thing_that_no_integer_leads_to_is_found(settled: Begin) -> None:
    world = settled.world.copy()
    head = keys.entity(SCOPE, "customer", "globex")
    world.billing.update(Update(head, None, set={"number": 999}))

    with pytest.raises(Broken, match="I-64"):
        Auditor(world, settled.ledger, minutes).audit([*settled.subscriptions])


def _is_entry(item: Item) -> bool:
    return item["pk"] == keys.external_id(SCOPE, "x").pk


def _is_count(item: Item) -> bool:
    return item["pk"] == keys.usage_count(SCOPE, "two").pk


_ANOTHER = replace(_fact("2026-10-05", 1, "101", "late"), external_id="x")
_ELSEWHERE = {"place": "2026-10-30T00:00:00Z#minutes"}
WRONG_NAMES = [
    Wrong("I-60", "an external id names two", _of_sub("2026-10-05"), _with(x="x")),
    Wrong("I-60", "an external id was told of another", told=_ANOTHER),
    Wrong("I-61", "an external id is in no register", _of_sub("2026-10-05"), _with(x="none")),
    Wrong("I-61", "an external id names nothing", _is_entry, _with(**_ELSEWHERE)),
    Wrong("I-62", "a usage is not counted", _is_count, _with(n=1)),
    Wrong("I-62", "a usage is counted twice", _is_count, _with(n=3)),
    Wrong("I-63", "a repeat was refused", refused_again="173"),
]


@pytest.mark.parametrize("wrong", WRONG_NAMES, ids=lambda wrong: wrong.what)
def test_what_is_wrong_of_external_ids_and_counts_is_found(named: Begin, wrong: Wrong) -> None:
    assert made(wrong, named).startswith(wrong.law)


# --- one-time charges


@pytest.fixture(scope="module")
def charged() -> Begin:
    """October is out with a charge of 2; the one of 7 was taken off in time; all at rest."""
    [begin] = [each for each in charging.begins() if each.name == "charged"]
    for actor in begin.actors:
        if actor.name in {"add-new", "take-off"}:
            handlers.note(begin.ledger, actor, Ended(actor.handler(begin.world)))
    handlers.heal(begin.world)
    return begin


type Spoil = Callable[[World, Charges], None]


def _both(*spoils: Spoil) -> Spoil:
    def spoil(world: World, books: Charges) -> None:
        for each in spoils:
            each(world, books)

    return spoil


def _item(which: Callable[[Item], bool], change: Callable[[Item], Item]) -> Spoil:
    def spoil(world: World, books: Charges) -> None:
        assert isinstance(world.billing, MemoryTable)
        [item] = filter(which, world.billing.items())
        world.billing.put(Put(change(item)))

    return spoil


def _is_charge(charge_id: str) -> Callable[[Item], bool]:
    return lambda item: item["sk"] == f"CHG#{charge_id}"


def _books(change: Callable[[Charges], object]) -> Spoil:
    def spoil(world: World, books: Charges) -> None:
        change(books)

    return spoil


def _told_as(name: str) -> Spoil:
    """Have the books say of what was told that it was refused, or that it is unknown."""

    def spoil(world: World, books: Charges) -> None:
        books.on.clear()
        getattr(books, name).update({_NEW, _THERE})

    return spoil


_ELSE = Charged("inv_none", "else", Decimal(11))
_NEW, _THERE = Decimal(2), Decimal(7)
_REMOVED = _item(_is_charge("new"), _with(removed_at="2026-11-01T00:30:00Z"))
_BACK = _item(_is_charge("there"), _without("removed_at"))
SPOILT: list[tuple[str, str, Spoil]] = [
    ("I-70", "a charge that was told is not there", _books(lambda books: books.on.add(_ELSE))),
    ("I-70", "a charge that was told was taken off", _REMOVED),
    (
        "I-70",
        "a charge is not on its invoice",
        _both(_BACK, _item(_is_head, _with(cv=2)), _books(lambda books: books.off.clear())),
    ),
    (
        "I-71",
        "a charge that was taken off is on its invoice",
        _both(_REMOVED, _item(_is_head, _with(cv=4)), _books(lambda books: books.off.add("new"))),
    ),
    ("I-71", "a charge that was taken off is there", _BACK),
    ("I-71", "what was refused is there", _told_as("refused")),
    ("I-72", "nobody asked for a charge", _books(lambda books: books.on.clear())),
    ("I-72", "nobody took a charge off", _both(_REMOVED, _told_as("unknown"))),
    ("I-63", "a repeat was refused", _books(lambda books: books.refused.add(_NEW))),
    ("I-73", "a change is not counted", _item(_is_head, _with(cv=2))),
    ("I-73", "two charges are at one place", _item(_is_charge("new"), _with(n=1))),
]


@pytest.mark.parametrize(("law", "what", "spoil"), SPOILT, ids=[row[1] for row in SPOILT])
def test_what_is_wrong_of_one_time_charges_is_found(
    charged: Begin, law: str, what: str, spoil: Spoil
) -> None:
    world, ledger = charged.world.copy(), handlers.copied(charged.ledger)
    Auditor(world, ledger, minutes).audit(["sub"])
    spoil(world, ledger.charges)

    with pytest.raises(Broken) as found:
        Auditor(world, ledger, minutes).audit(["sub"])

    assert str(found.value).startswith(law)


def test_another_price_of_a_charge_is_found(charged: Begin, monkeypatch: Any) -> None:
    monkeypatch.setattr(charges, "_CENTS", 101)

    with pytest.raises(Broken, match="I-71"):
        audit(charged)


# --- maxima, and what is wrong by itself


@pytest.mark.parametrize("maximum", [None, 1])
def test_more_than_there_may_be_is_found(named: Begin, maximum: int | None) -> None:
    world = named.world.copy()
    limited = world.billing.get(keys.entity(SCOPE, "subscription", "two"))
    assert limited is not None
    world.billing.put(Put({**limited, "usage_records_max": maximum}))

    with pytest.raises(Broken, match="I-62"):
        Auditor(world, named.ledger, minutes).audit(["two"])


def made(wrong: Wrong, settled: Begin) -> str:
    """Make something wrong; return what the auditor says of it."""
    world = settled.world.copy()
    ledger = handlers.copied(settled.ledger)
    if wrong.which is not None and wrong.change is not None:
        [(table, item)] = [
            (table, item)
            for table in (world.usages, world.billing)
            if isinstance(table, MemoryTable)
            for item in table.items()
            if wrong.which(item)
        ]
        table.put(Put(wrong.change(item)))
    if wrong.told is not None:
        ledger.facts.append(wrong.told)
    if wrong.refused is not None:
        ledger.facts = [fact for fact in ledger.facts if str(fact.quantity) != wrong.refused]
        ledger.refused.add(Decimal(wrong.refused))
    if wrong.refused_again is not None:
        ledger.refused.add(Decimal(wrong.refused_again))
    with pytest.raises(Broken) as found:
        Auditor(world, ledger, minutes).audit([*settled.subscriptions])
    return str(found.value)


def test_a_second_price_of_the_same_usage_is_found(settled: Begin) -> None:
    """I-16: the auditor reckons amounts by itself."""
    with pytest.raises(Broken, match="I-16"):
        Auditor(settled.world, settled.ledger, lambda quantity: int(quantity * 6)).audit(["sub"])


STEPS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("I-13", "billing", {"sk": "TERM#", "status": "FROZEN"}, {"status": "OPEN"}),
    ("I-13", "billing", {"sk": "TERM#", "status": "OPEN"}, {"status": "FROZEN"}),
    ("I-06", "billing", {"sk": "TERM#", "status": "FROZEN", "m": 1}, {"m": 3}),
    ("I-14", "billing", {"sk": "TERM#", "status": "FROZEN", "m": 1, "m0": "a"}, {"m0": "b"}),
    ("I-14", "billing", {"sk": "MAN#", "h": "a"}, {"h": "b"}),
    ("I-10", "billing", {"sk": "MAN#", "billed_in": "a"}, {"billed_in": "b"}),
    ("I-13", "billing", {"pk": "acme~1#invoice#a", "status": "VOIDED"}, {"status": "ISSUED"}),
    (
        "I-14",
        "billing",
        {"pk": "acme~1#invoice#a", "status": "ISSUED", "total": "1"},
        {"total": "2"},
    ),
    (
        "I-14",
        "billing",
        {"pk": "acme~1#invoice#a", "status": "ISSUED", "credit": "1"},
        {"status": "VOIDED", "credit": None},
    ),
    ("I-14", "billing", {"sk": "CHG#a", "n": 1}, {"n": 2}),
    ("I-14", "billing", {"sk": "CHG#a", "removed_at": "a"}, {"removed_at": "b"}),
    ("I-14", "billing", {"pk": "acme~1#invoice#a", "status": "ISSUED", "cv": 1}, {"cv": 2}),
    ("I-64", "billing", {"pk": "acme~1#number#invoice#1", "id": "a"}, {"id": "b"}),
    ("I-05", "usages", {"v": 1}, {"v": 3}),
    ("I-60", "usages", {"pk": "acme~1#~external#x", "place": "a"}, {"place": "b"}),
    ("I-62", "usages", {"pk": "acme~1#~count#sub", "n": 1}, {"n": 3}),
    ("I-62", "usages", {"pk": "acme~1#~count#sub", "n": 2}, {"n": 1}),
    ("I-40", "billing", {"pk": "other~1#invoice#a", "status": "ISSUED"}, {}),
    ("I-51", "usages", {"v": 1}, {"v": 2, "n": "n" * 1024}),
]


@pytest.mark.parametrize(("law", "table", "before", "changed"), STEPS)
def test_a_write_that_breaks_a_law_is_noted(
    law: str, table: str, before: dict[str, Any], changed: dict[str, Any]
) -> None:
    laws = Laws(SCOPE)
    was: Item = {"pk": "acme~1#subscription#sub", "sk": "META", "m": 1, **before}

    laws.watch(table)(was, {**was, **changed})

    assert [each.partition(":")[0] for each in laws.broken] == [law]


def test_lawful_writes_are_not_noted() -> None:
    laws = Laws(SCOPE)
    key = keys.term(SCOPE, "sub", OCTOBER.start)
    term: Item = {**Key(*key)._asdict(), "status": "OPEN", "m": 0}
    for status, m in (("GRACE", 0), ("CLOSING", 0), ("CLOSING", 0), ("FROZEN", 1), ("FROZEN", 2)):
        laws.watch("billing")(term, {**term, "status": status, "m": m})
        term = {**term, "status": status, "m": m}

    assert laws.broken == []
    assert at("2026-10-01") == OCTOBER.start
