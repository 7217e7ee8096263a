"""What each operation calls and costs, held to a ledger of the calls that is kept at the SDK."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from postpaid.api.chargebee import routes as chargebee
from postpaid.api.native.routes import ROUTES, USAGE_WRITES
from tests.functions.calls import OPERATIONS, Operation
from tests.functions.calls_page import DOCS, page_with, sections
from tests.functions.operations import Stage, standing_clock
from tests.support.functions import TEMPLATE, Functions
from tests.support.ledger import Ledger, kept

# Settings, catalogue and customers come before any usage or money; to move a test site's clock is
# what the schedule does, at other times.
_ELSEWHERE = re.compile(
    r"v1/(site|test-clock|api-keys|items|item-prices|item-families)\b.*|v1/customers(/\{\})?"
)
NAMED = {operation.name: operation for operation in OPERATIONS}


@pytest.fixture(scope="module")
def stage(sweepable: Functions) -> Iterator[Stage]:
    """All functions on tables of this file's own, and a clock that stands."""
    with standing_clock(sweepable) as clock:
        yield Stage(sweepable, clock)
        sweepable.reset()


@pytest.fixture(scope="module")
def ledger(sweepable: Functions) -> Iterator[Ledger]:
    """The calls of all functions."""
    with kept(sweepable.clients()) as ledger:
        yield ledger


@pytest.mark.engine
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_operation_calls_exactly_what_the_table_says(
    stage: Stage, ledger: Ledger, operation: Operation
) -> None:
    stage.next()
    act = operation.prepare(stage)
    ledger.calls.clear()
    stage.started.clear()

    act()

    assert ledger.lines() == operation.lines
    assert sum(call.writes for call in ledger.calls) == operation.units("W")
    assert sum(call.reads for call in ledger.calls) == operation.units("R")
    [started] = stage.started
    path = started.partition("?")[0]
    assert re.fullmatch(operation.by.replace("{}", "[^/]+"), path), started


def test_every_operation_of_usage_or_money_is_in_the_table() -> None:
    routes = [(route.method, route.template) for route in ROUTES] + list(USAGE_WRITES)
    requests = {f"{method} /{path}" for method, path in routes if not _ELSEWHERE.fullmatch(path)}
    answering = {
        *("RecordUsageFunction", "NativeApiFunction", "ChargebeeApiFunction"),
        "ChargeoverApiFunction",
    }
    others = {function.name for function in TEMPLATE.functions()} - answering
    started = {operation.by for operation in OPERATIONS}
    at_a_door = {by for by in started if "/api/" in by}

    assert started - at_a_door == requests | others
    assert len(NAMED) == len(OPERATIONS)


def test_the_chargebee_door_s_operations_on_usage_are_in_the_table() -> None:
    routes = [(route.method, route.template) for route in chargebee.ROUTES]
    there = {f"{method} /{path}" for method, path in [*routes, *chargebee.USAGE_WRITES]}
    started = {operation.by for operation in OPERATIONS if "/api/v2/" in operation.by}

    assert started <= there
    assert started >= {f"{method} /{path}" for method, path in chargebee.USAGE_WRITES} | {
        "GET /api/v2/usages",
        "GET /api/v2/subscriptions/{}/usages",
    }


GRACE = ["end a term, grace to follow", "close a term after its grace"]
DOCUMENT = ["make a document", "settle a term"]
# What no change may exceed: operations that follow one another, their write units, their read
# units, and what a million of them cost at list prices.
BUDGETS = [
    (["record a usage"], "1", "1", "0.75"),
    # Half a unit for the key, and half a one for the subscription.
    (["record a usage, first request of a process"], "1", "2", "0.88"),
    (["record a usage again"], "1", "1", "0.75"),
    (["correct a usage"], "1", "2", "0.88"),
    (["delete a usage"], "1", "2", "0.88"),
    (["record a usage, Chargebee's way"], "1", "1", "0.75"),
    (["delete a usage, Chargebee's way"], "1", "3", "1.00"),
    # Two of the write units enter the invoice's integer.
    (GRACE, "21", "18", "21"),
    (["end a term that is closed by request", "close an invoice"], "21", "18", "21"),
    (["end and close a term at once"], "19", "18", "20"),
    ([*GRACE, *DOCUMENT], "24", "22", "29"),
    (["record a usage, ChargeOver's way"], "1", "1", "0.75"),
    (["record a usage, ChargeOver's way, first request of a process"], "1", "3.5", "1.07"),
    (["record a usage by a signed request"], "2", "1", "1.38"),
]


@pytest.mark.parametrize(("names", "writes", "reads", "dollars"), BUDGETS, ids=str)
def test_what_is_done_most_stays_within_its_budget(
    names: list[str], writes: str, reads: str, dollars: str
) -> None:
    done = [NAMED[name] for name in names]

    assert sum(operation.units("W") for operation in done) <= Decimal(writes)
    assert sum(operation.units("R") for operation in done) <= Decimal(reads)
    assert sum(operation.price() for operation in done) <= Decimal(dollars)


@pytest.mark.parametrize(
    "name", [each.name for each in OPERATIONS if "update counter" in each.calls]
)
def test_an_invoice_is_stored_by_one_put_and_numbered_by_one_transaction(name: str) -> None:
    lines = NAMED[name].lines

    assert lines.count("PutObject content") == 1
    [numbering] = [line for line in lines if "update counter" in line]
    assert "put number" in numbering
    assert lines.index("PutObject content") < lines.index(numbering)


@pytest.mark.parametrize(("page", "heading"), sections())
def test_the_docs_say_what_the_table_says(page: str, heading: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")

    assert page_with(text, heading, sections()[page, heading]) == text, (
        "run .venv/bin/python -m tests.functions.calls_page"
    )


def test_a_page_that_says_something_else_is_found() -> None:
    [(name, heading), *_] = sections()
    stale = page_with((DOCS / name).read_text(encoding="utf-8"), heading, "| record | 2 |")

    assert page_with(stale, heading, sections()[name, heading]) != stale
