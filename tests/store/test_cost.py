"""What DynamoDB charges, where it depends on shards, sizes and policies.

What each operation calls is in `tests/functions/calls.py`.

An index of a transaction's item costs what it costs without one; only the item itself costs double.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import batched, pairwise
from typing import TYPE_CHECKING, Any

import pytest

from postpaid.application.close_invoice import close_invoice
from postpaid.application.due_terms import Due
from postpaid.application.edit_subscription import REQUESTS_KEPT
from postpaid.application.find_numbered import LineName
from postpaid.application.find_usage import find_usage
from postpaid.application.list_usages import list_usages
from postpaid.application.suspend_subscription import SUSPENSIONS_MAX
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX
from postpaid.domain.catalog import ItemType
from postpaid.domain.charge import Charge as Pricing
from postpaid.domain.line import ENTRIES_BYTES_MAX, bytes_of
from postpaid.domain.money import Money
from postpaid.domain.one_time import CHARGES_MAX, COMMENT_LENGTH_MAX
from postpaid.domain.period import Interval
from postpaid.domain.pricing.tiers import TIERS_MAX
from postpaid.domain.site import ClosingPolicy, Scope
from postpaid.domain.subscription import USAGE_SHARDS_MAX
from postpaid.domain.usage import NOTE_LENGTH_MAX, Usage, UsageKey
from postpaid.store import keys
from postpaid.store.subscriptions import item_from_subscription
from postpaid.store.tables import Absent, ConditionFailed, Item, Put
from postpaid.store.usage import item_from_usage
from tests.support.capacity import UNIT, item_size, read_units, typed
from tests.support.ledger import Call, kept
from tests.support.samples import (
    AUTO_AT_ONCE,
    MANUAL,
    OCTOBER,
    SCOPE,
    a_line,
    a_subscription,
    a_usage,
    at,
)
from tests.support.tables import create_table
from tests.support.world import World, record_command

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Charge = tuple[str, str, Decimal]  # operation, table, capacity units

ONE = Decimal(1)


@pytest.fixture(scope="module")
def client(connect: "Callable[[], DynamoDBClient]") -> "DynamoDBClient":
    """A client of this file's own, whose calls are entered in ledgers."""
    return connect()


@pytest.fixture
def world(client: "DynamoDBClient") -> World:
    """October of one metered subscription, an hour before its end."""
    world = World.at(
        "2026-10-31T23:00",
        usages=create_table(client, "UsageTable"),
        billing=create_table(client, "BillingTable"),
    )
    world.price("minutes", "0.05", base_fee="10.00")
    return world


@contextmanager
def bill(client: "DynamoDBClient") -> Iterator[list[Call]]:
    """Yield what is called inside the block, call by call."""
    with kept([client]) as ledger:
        yield ledger.calls


def charges(calls: list[Call]) -> list[Charge]:
    """Return what calls cost."""
    return [(call.operation, call.table, call.units) for call in calls]


def writes(calls: list[Call]) -> list[tuple[str, Decimal]]:
    """Return what the writes among the calls cost."""
    return [
        (call.operation, call.writes)
        for call in calls
        if call.operation in {"PutItem", "UpdateItem", "TransactWriteItems"}
    ]


# --- recording


@pytest.mark.engine
@pytest.mark.parametrize("usage_shards", [1, 8, USAGE_SHARDS_MAX])
def test_a_usage_costs_one_write_and_one_strong_look(
    client: "DynamoDBClient", world: World, usage_shards: int
) -> None:
    world.subscription("minutes", start="2026-10-01", usage_shards=usage_shards)
    with bill(client) as calls:
        first = world.record("361", "2026-10-05", note="n" * 300, request="f" * 64)
        replay = world.record("361", "2026-10-05")

    subscription = ("GetItem", "BillingTable", Decimal("0.5"))  # unless the process keeps it
    one = [subscription, ("PutItem", "UsageTable", ONE), ("Query", "BillingTable", ONE)]
    assert charges(calls) == one * 2, "the refused put is paid for, too"
    assert [call.note for call in calls] == ["eventual", "", "", "eventual", "refused", ""]
    assert (first.replayed, replay.replayed) == (False, True)


@pytest.mark.engine
def test_a_batch_costs_one_write_a_usage_and_one_strong_look_a_term(
    client: "DynamoDBClient", world: World
) -> None:
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.clock.now = at("2026-11-01T01:00")
    assert world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    october = [f"2026-10-05T00:00:{second:02d}Z" for second in range(24)]
    batch = [
        record_command("361", date, note="n" * 300, request="f" * 64)
        for date in (*october, "2026-11-01")
    ]

    with bill(client) as calls:
        results = world.record_batch(*batch)

    assert len({str(each) for each in results}) == len(batch) == 25
    assert charges(calls) == [
        ("GetItem", "BillingTable", ONE / 2),
        *([("PutItem", "UsageTable", ONE)] * 25),
        *([("Query", "BillingTable", ONE)] * 2),
    ]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("records_max", "external_id", "units"),
    [(None, "x" * 100, 4.0), (5, None, 4.0), (5, "x" * 100, 6.0)],
    ids=["external id", "maximum", "both"],
)
def test_what_goes_with_a_usage_costs_two_writes_each_and_doubles_its_own(
    client: "DynamoDBClient",
    world: World,
    records_max: int | None,
    external_id: str | None,
    units: float,
) -> None:
    world.subscription("minutes", start="2026-10-01", usage_records_max=records_max)
    named: dict[str, Any] = {"note": "n" * 300, "request": "f" * 64, "external_id": external_id}

    with bill(client) as calls:
        world.record("361", "2026-10-05", **named)
        world.record("361", "2026-10-06", **(named | {"external_id": None}))

    subscription, look = ("GetItem", "BillingTable", ONE / 2), ("Query", "BillingTable", ONE)
    # One that names no external id pays for none, beside others that do.
    plain = ("PutItem", "UsageTable", ONE)
    counted = ("TransactWriteItems", "UsageTable", Decimal(4))
    assert charges(calls) == [
        subscription,
        ("TransactWriteItems", "UsageTable", Decimal(units)),
        look,
        subscription,
        plain if records_max is None else counted,
        look,
    ]


@pytest.mark.engine
def test_what_becomes_of_a_named_and_counted_usage_costs_what_it_costs_others(
    client: "DynamoDBClient", world: World
) -> None:
    world.subscription("minutes", start="2026-10-01", usage_records_max=1)
    key = world.record("361", "2026-10-05", external_id="x").usage.key

    with bill(client) as calls:
        world.delete(key)
        world.record("5", "2026-10-05", external_id="x")

    # The refused transaction shows the tombstone; it is paid for, too.
    refused = ("TransactWriteItems", Decimal(6))
    assert writes(calls) == [("UpdateItem", ONE), refused, ("PutItem", ONE)]
    stores = world.stores
    with bill(client) as calls:
        subscriptions, ledger = stores.subscriptions, stores.ledger
        assert find_usage("x", subscriptions=subscriptions, ledger=ledger) is not None
    read = ("GetItem", "UsageTable", ONE)
    assert charges(calls) == [read, ("GetItem", "BillingTable", ONE / 2), read]


def fill(world: World, count: int) -> None:
    """Store so many usages of the one subscription, a minute apart, the first on the first."""
    shards = world.subscription_of().usage_shards
    for chunk in batched(range(count), 100, strict=False):
        dates = [at("2026-10-01") + timedelta(minutes=n) for n in chunk]
        found = [replace(a_usage(), key=UsageKey("sub", on, "minutes")) for on in dates]
        world.usages.transact([Put(stored(world.scope, usage, shards)) for usage in found])


@pytest.mark.engine
@pytest.mark.parametrize("usage_shards", [1, 8, USAGE_SHARDS_MAX])
def test_a_usage_is_read_by_its_identity_for_one_unit_however_it_is_spread(
    client: "DynamoDBClient", world: World, usage_shards: int
) -> None:
    world.subscription("minutes", start="2026-10-01", usage_shards=usage_shards)
    fill(world, 3)
    ledger = world.ledger()

    with bill(client) as calls:
        found = [ledger.get(UsageKey("sub", at(f"2026-10-01T00:0{n}"), "minutes")) for n in (0, 2)]

    assert None not in found

    assert charges(calls) == [("GetItem", "UsageTable", ONE)] * 2


@pytest.mark.engine
@pytest.mark.parametrize(("usage_shards", "units"), [(1, 21), (8, 24), (16, 31)])
def test_a_close_queries_each_shard_once_and_pays_for_what_it_reads(
    client: "DynamoDBClient", world: World, usage_shards: int, units: int
) -> None:
    world.subscription("minutes", start="2026-10-01", usage_shards=usage_shards)
    fill(world, 1_000)
    world.clock.now = at("2026-11-01T00:30")
    world.dispatch()
    world.work()
    world.clock.now = at("2026-11-01T01:30")
    world.dispatch()

    with bill(client) as calls:
        world.work()

    asked = [call for call in calls if call.table == "UsageTable"]
    assert [call.operation for call in asked] == ["Query"] * usage_shards
    assert sum(call.reads for call in asked) == units
    assert [str(invoice.total) for invoice in world.issued()] == ["60.00"]


@pytest.mark.engine
@pytest.mark.parametrize(("usage_shards", "units"), [(1, 5), (8, 8), (16, 16)])
def test_a_page_queries_each_shard_for_its_share(
    client: "DynamoDBClient", world: World, usage_shards: int, units: int
) -> None:
    world.subscription("minutes", start="2026-10-01", usage_shards=usage_shards)
    fill(world, 300)
    subscription, ledger = world.subscription_of(), world.stores.ledger

    with bill(client) as calls:
        shown, after = list_usages(
            subscription,
            OCTOBER,
            line_id=None,
            item_price_id=None,
            after=None,
            limit=50,
            ledger=ledger,
        )

    assert (len(shown), after) == (50, shown[-1].key)
    assert [call.operation for call in calls] == ["Query"] * usage_shards
    assert {call.table for call in calls} == {"UsageTable"}
    assert sum(call.reads for call in calls) == units


def stored(scope: Scope, usage: Usage, shards: int = 1) -> Item:
    """Return what is stored of a usage."""
    return item_from_usage(keys.usage_key(scope, usage.key, shards), usage)


LONG = "i" * 100
WORST: dict[str, Any] = {
    "subscription_id": LONG,
    "line_id": LONG,
    "item_price_id": LONG,
    "quantity": "123456789012345678.12345678901234567891",
    "version": 999_999,
    "deleted": True,
    "request": "f" * 64,
}


@pytest.mark.parametrize(
    ("case", "note_bytes_max"),
    [
        ({}, 500),
        ({"event_id": LONG}, 408),
        ({"external_id": LONG}, 408),
        # A character that keys escape takes three bytes there.
        ({"subscription_id": "#" * 100, "line_id": "#" * 100}, 109),
    ],
    ids=["one per date", "events", "external id", "escaped"],
)
@pytest.mark.parametrize("shards", [1, USAGE_SHARDS_MAX])
def test_a_usage_fits_one_write_unit(
    case: dict[str, Any], note_bytes_max: int, shards: int
) -> None:
    scope = Scope("s" * 40, 9999)
    usage = a_usage(on="2026-10-05T23:59:59", **{**WORST, **case})
    bare = item_size(stored(scope, usage, shards))
    room = UNIT - bare - len("n")

    assert bare <= UNIT
    assert min(room, NOTE_LENGTH_MAX) == note_bytes_max
    fits = replace(usage, note="n" * note_bytes_max)
    assert item_size(stored(scope, fits, shards)) <= UNIT


@pytest.mark.parametrize(
    ("sizes", "strong", "eventual"),
    [
        ([], "1", "0.5"),
        ([4 * UNIT], "1", "0.5"),
        ([4 * UNIT + 1], "2", "1"),
        ([UNIT] * 4, "1", "0.5"),
        ([UNIT] * 9, "3", "1.5"),
    ],
)
def test_a_read_is_charged_for_each_four_kilobytes_or_part(
    sizes: list[int], strong: str, eventual: str
) -> None:
    assert read_units(sizes, consistent=True) == Decimal(strong)
    assert read_units(sizes, consistent=False) == Decimal(eventual)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("there", "sent", "units"), [(100, 100, 1), (2_000, 100, 2), (100, 3_000, 3)]
)
def test_a_write_that_is_refused_is_charged_for_the_larger_item(
    client: "DynamoDBClient", there: int, sent: int, units: int
) -> None:
    table = create_table(client, "UsageTable")
    table.put(Put({"pk": "p", "sk": "s", "n": "n" * there}))

    with bill(client) as calls, pytest.raises(ConditionFailed):
        table.put(Put({"pk": "p", "sk": "s", "n": "n" * sent}, Absent()))

    assert charges(calls) == [("PutItem", "UsageTable", Decimal(units))]
    assert [call.note for call in calls] == ["refused"]


@pytest.mark.engine
def test_the_size_of_an_item_is_counted_as_the_engine_counts_it(client: "DynamoDBClient") -> None:
    table = create_table(client, "UsageTable")
    usage = a_usage(**WORST)
    room = UNIT - item_size(stored(Scope("acme"), usage)) - len("n")

    for length, units in ((room, ONE), (room + 1, ONE * 2)):
        item = stored(Scope("acme"), replace(usage, note="n" * length))
        with bill(client) as calls:
            client.put_item(
                TableName=table._name,
                Item={name: typed(value) for name, value in item.items()},
            )
        assert charges(calls) == [("PutItem", "UsageTable", units)]


# --- integers

NEW: dict[str, tuple[Callable[[World], object], int]] = {
    "customer": (lambda world: world.customer("initech"), 5),
    "family": (lambda world: world.family("phones"), 5),
    "item": (lambda world: world.item("disk"), 5),
    "price": (lambda world: world.price("disk", "1", item_id="item-minutes"), 7),
    "subscription": (lambda world: world.subscription("minutes", start="2026-10-01"), 14),
}


@pytest.mark.engine
@pytest.mark.parametrize("kind", NEW)
def test_a_thing_comes_with_its_integer_by_one_transaction(
    client: "DynamoDBClient", world: World, kind: str
) -> None:
    make, units = NEW[kind]
    for each in ("item_family", "subscription", "line"):
        world.worker.ids.number(each)  # one in twenty things reserves the ids of all

    with bill(client) as calls:
        make(world)

    assert writes(calls) == [("TransactWriteItems", Decimal(units))]


@pytest.mark.engine
def test_to_find_a_thing_by_its_integer_costs_one_read_beside_its_own(
    client: "DynamoDBClient", world: World
) -> None:
    stores = world.stores
    [there] = world.subscription("minutes", start="2026-10-01").lines
    payer = world.customer_of()

    with bill(client) as calls:
        assert stores.numbered.id_of("customer", payer.number) == "globex"
        assert stores.numbered.line_of(there.number) == LineName("sub", "minutes")
        assert stores.numbered.line_of(10**6) is None

    assert charges(calls) == [("GetItem", "BillingTable", ONE)] * 3


# --- closing


@pytest.mark.engine
@pytest.mark.parametrize(
    ("closing", "roll", "fence"),
    [
        (None, 12, 1),  # an hour after the end: the term moves on the list of what is due
        (AUTO_AT_ONCE, 10, 1),
        (MANUAL, 11, 2),  # off the list, and onto it again when it is closed
    ],
    ids=["after an hour", "at once", "manual"],
)
def test_closing_a_term_costs_at_most_twenty_one_writes(
    client: "DynamoDBClient",
    world: World,
    closing: ClosingPolicy | None,
    roll: int,
    fence: int,
) -> None:
    world.price("seats", "5", metered=False)
    world.subscription("minutes", start="2026-10-01", closing=closing)
    for day in range(1, 31):
        world.record(str(day), f"2026-10-{day:02d}")
    world.worker.ids.number("invoice")  # one in twenty invoices reserves the ids of all

    world.clock.now = at("2026-11-01T00:30")
    with bill(client) as rolling:
        world.dispatch()
        world.work()
    world.clock.now = at("2026-11-01T01:30")
    with bill(client) as closing_:
        if closing is MANUAL:
            world.close(world.invoices()[0])
        else:
            world.dispatch()
            world.work()

    spent = writes(rolling) + writes(closing_)
    transactions = [units for operation, units in spent if operation == "TransactWriteItems"]
    assert transactions == [Decimal(roll), Decimal(8)]
    assert ("UpdateItem", Decimal(fence)) in spent
    assert roll + fence + 8 <= 21
    assert [invoice.total for invoice in world.issued()] == [Money(3325, "USD")]


@pytest.mark.engine
def test_a_close_reads_nothing_for_a_series_and_costs_the_same_in_any(
    client: "DynamoDBClient", world: World
) -> None:
    bills = []
    for series in (None, "main", "eu"):
        if series == "eu":
            world.add_series("eu", "EU-")
            world.customer("europe", series="eu")
        name = f"in-{series}"
        world.clock.now = at("2026-10-31T23:00")
        customer = "europe" if series == "eu" else "globex"
        world.subscription(
            "minutes", subscription_id=name, start="2026-10-01", customer_id=customer, series=series
        )
        world.record("361", "2026-10-05", subscription_id=name)
        world.clock.now = at("2026-11-01T00:30")
        world.visit(Due(*keys.term(SCOPE, name, OCTOBER.start)))
        pending = next(each for each in world.invoices() if each.subscription_id == name)
        world.clock.now = at("2026-11-01T01:30")
        books = world.books
        with bill(client) as calls:
            close_invoice(pending.id, books=books, run="run", now=world.now)
        bills.append(charges(calls))

    assert sorted(each.series for each in world.issued()) == ["eu", "main", "main"]
    assert bills[0] == bills[1] == bills[2]
    assert Counter(bills[0]) == {
        # The invoice, the subscription, its customer, the next term, the credit, the number; the
        # site once: for who sells, how tax is rounded, its bounds, zone and series.
        ("GetItem", "BillingTable", ONE): 7,
        ("BatchGetItem", "BillingTable", ONE / 2): 1,  # the version of the price
        ("Query", "BillingTable", ONE): 1,
        ("Query", "UsageTable", ONE): 1,
        ("UpdateItem", "BillingTable", ONE): 1,
        ("TransactWriteItems", "BillingTable", Decimal(8)): 1,
    }


@pytest.mark.engine
def test_what_follows_a_close_costs_three_writes(client: "DynamoDBClient", world: World) -> None:
    world.subscription("minutes", start="2026-10-01")
    world.clock.now = at("2026-11-01T01:30")
    world.dispatch()
    world.work()

    with bill(client) as rendering:
        world.render()
    world.clock.now = at("2026-11-01T01:40")
    [due] = [due for message in _due(world) for due in message]
    with bill(client) as settling:
        world.visit(due)

    assert writes(rendering) == [("UpdateItem", ONE)]
    assert writes(settling) == [("UpdateItem", Decimal(2))]


def _due(world: World) -> list[Any]:
    world.dispatch()
    return world.close_queue


@pytest.mark.engine
def test_a_payment_costs_four_writes_and_a_void_three_and_its_document(
    client: "DynamoDBClient", world: World
) -> None:
    world.price("seats", "31", metered=False)
    for name in ("paid", "voided"):
        world.subscription("seats", subscription_id=name, start="2026-10-01", closing=AUTO_AT_ONCE)
    for _ in range(2):  # issue them; make their documents and take them off the list
        world.dispatch()
        world.work()
        world.render()
        world.clock.now += timedelta(minutes=6)
    world.work()
    world.close_queue.clear()
    paid, voided = world.issued()

    with bill(client) as paying:
        world.pay(paid, "31.00", "p" * 100, method="m" * 50, reference="r" * 100)
    with bill(client) as voiding:
        world.void(voided, "r" * 250)

    assert writes(paying) == [("TransactWriteItems", Decimal(4))]
    assert writes(voiding) == [("TransactWriteItems", Decimal(3))]

    with bill(client) as marking:
        world.dispatch()
        world.work()
        world.render()
    world.clock.now += timedelta(minutes=6)
    [due] = [due for message in _due(world) for due in message]
    with bill(client) as settling:
        world.visit(due)

    assert [each for each in writes(marking) if each != ("UpdateItem", Decimal(0))] == [
        ("UpdateItem", Decimal(1))
    ]
    assert writes(settling) == [("UpdateItem", Decimal(2))]


@pytest.mark.engine
def test_a_one_time_charge_costs_four_writes_and_a_close_one_query_for_all_of_them(
    client: "DynamoDBClient", world: World
) -> None:
    world.price("setup", "49", metered=False, item_type=ItemType.CHARGE)
    world.subscription("minutes", start="2026-10-01", closing=MANUAL)
    world.clock.now = at("2026-11-01T01:00")
    assert world.visit(Due(*keys.term(SCOPE, "sub", OCTOBER.start)))
    [pending] = world.invoices()
    longest = {"comment": "c" * COMMENT_LENGTH_MAX, "start": "2026-10-05", "end": "2026-10-06"}

    with bill(client) as adding:
        world.add_charge(pending, "setup", "c" * 100, **longest)
    with bill(client) as removing:
        world.remove_charge(pending, "c" * 100)
    for number in range(1, CHARGES_MAX):
        world.add_charge(pending, "setup", f"{number:0100}", **longest)
    with bill(client) as closing:
        world.close(pending)

    assert writes(adding) == writes(removing) == [("TransactWriteItems", Decimal(4))]
    read = [call for call in closing if call.what == "charge"]
    assert [(call.operation, call.units <= Decimal(15)) for call in read] == [("Query", True)]
    [prices, again] = [call for call in closing if call.operation == "BatchGetItem"]
    assert (prices.units, again.units) == (Decimal("0.5"),) * 2, "one price is read once"


_LONGEST = "9" * 18 + "." + "9" * 20
_TIER = {"unit_amount": _LONGEST, "flat_amount": _LONGEST, "package_size": _LONGEST}
_TIERS = [{"up_to": f"{n}.{'9' * 20}"} | _TIER for n in range(10**17, 10**17 + TIERS_MAX - 1)]
# A price of a line's own, and how many such entries fit at least.
OWN_PRICES: list[tuple[str | None, int]] = [
    (None, 151),
    (Pricing.from_plain({"pricing_model": "dynamic"}).to_text(), 151),
    (Pricing.from_plain({"pricing_model": "volume", "tiers": [*_TIERS, _TIER]}).to_text(), 14),
]


@pytest.mark.parametrize(("own", "least"), OWN_PRICES, ids=["none", "shortest", "longest"])
def test_the_heaviest_lines_that_are_let_in_fit_into_one_item_with_all_the_rest(
    own: str | None, least: int
) -> None:
    line = a_line(
        "i" * 100,
        number=2**62,
        item_id="j" * 100,
        item_price_id="p" * 100,
        price_version=10**6,
        name="\N{GRINNING FACE}" * 250,
        unit="\N{GRINNING FACE}" * 50,
        quantity=Decimal("9" * 38),
        metered=False,
        since=at("2026-10-01"),
        until=at("2026-11-01"),
        charge_text=own,
    )
    fitting = ENTRIES_BYTES_MAX // bytes_of([line])
    entries = tuple(replace(line, number=2**62 + n, id=f"{n:0100}") for n in range(fitting))
    days = [at("2026-10-01") + timedelta(days=n) for n in range(SUSPENSIONS_MAX + 1)]
    spans = tuple(Interval(since, until) for since, until in pairwise(days))
    notes = tuple(("d" * 64, "c" * 64, "2026-10-01T00:00:00Z") for _ in range(REQUESTS_KEPT))
    heaviest = a_subscription(
        lines=entries,
        suspensions=spans,
        requests=notes,
        series="s" * 100,
        usage_shards=USAGE_SHARDS_MAX,
        annotations_text="a" * SUBSCRIPTION_BYTES_MAX,
    )

    assert fitting >= least
    assert item_size(item_from_subscription(Scope("acme"), heaviest)) < 400 * UNIT
