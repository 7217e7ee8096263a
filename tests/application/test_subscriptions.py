"""Creating subscriptions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.make_line import CreateLine
from postpaid.application.ports import Unavailable
from postpaid.application.subscriptions import CreateSubscription
from postpaid.domain.errors import BillingError, Conflict, Invalid, NotFound
from postpaid.domain.invoice import InvoiceStatus, invoice_id
from postpaid.domain.site import ClosingMode, ClosingPolicy
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import Recording
from postpaid.store.tables import TransactionRefused
from tests.support.faults import Moment, fail
from tests.support.samples import MANUAL, SCOPE, a_site, at
from tests.support.world import World

IN_TWO_DAYS = ClosingPolicy(ClosingMode.AUTO, after_hours=48)


@pytest.fixture
def shop() -> World:
    """A site in New York that sells minutes, seats and calls."""
    now = at("2026-10-05T12:00")
    world = World.at("2026-10-05T12:00", site=a_site(timezone="America/New_York", created_at=now))
    world.price("minutes", "0.05", base_fee="10")
    world.price("seats", "7", metered=False)
    world.price("calls", "0.01", recording=Recording.EVENTS)
    world.price("euros", "1", currency="EUR")
    return world


def line(item_price_id: str, line_id: str | None = None, quantity: object = None) -> CreateLine:
    return CreateLine(item_price_id=item_price_id, id=line_id, quantity=quantity)


def command(*lines: CreateLine, **changes: Any) -> CreateSubscription:
    fields = {
        "id": "sub",
        "customer_id": "globex",
        "timezone": None,
        "start": "2026-10-01",
        "lines": lines or (line("minutes"),),
        "closing": None,
    }
    return CreateSubscription(**(fields | changes))


# --- creating


def test_a_subscription_begins_with_its_first_term(shop: World) -> None:
    made = shop.subscribe(command(line("minutes"), line("calls", "c")))

    assert shop.stores.subscriptions.get("sub") == made
    assert made.start == at("2026-10-01T04:00")  # a day of the site's zone
    assert (made.timezone, made.currency) == ("America/New_York", "USD")
    assert made.created_at == shop.now
    [term] = shop.terms()
    assert term.status is TermStatus.OPEN
    assert (term.period.start, term.period.end) == (made.start, at("2026-11-01T04:00"))
    assert term.pins == {line.number: 1 for line in made.lines}
    minutes, calls = made.lines
    assert (minutes.id, minutes.item_price_id, minutes.unit) == ("minutes", "minutes", "minute")
    assert (calls.id, calls.recording) == ("c", Recording.EVENTS)
    assert shop.stores.customers.subscriptions("globex", after=None, limit=9) == ["sub"]


def test_a_start_that_is_left_to_the_clock_is_todays_midnight_where_the_subscription_is(
    shop: World,
) -> None:
    started = shop.subscribe(command(start=None, timezone="America/New_York"))

    assert started.start == at("2026-10-05T04:00")
    assert started.start < shop.now


@pytest.mark.parametrize(
    ("lines", "opens"),
    [
        (("minutes",), False),
        (("minutes", "calls"), False),
        (("seats",), True),
        (("minutes", "seats"), True),
    ],
)
def test_only_recurring_lines_make_an_opening_invoice(
    shop: World, lines: Sequence[str], opens: bool
) -> None:
    made = shop.subscribe(command(*map(line, lines)))

    invoices = shop.invoices()
    assert len(invoices) == opens
    for invoice in invoices:
        assert invoice.id == invoice_id(SCOPE, "sub", made.start, 0)
        assert invoice.status is InvoiceStatus.PENDING
        assert (invoice.term_start, invoice.period_end) == (None, made.start)
        assert invoice.due_at == made.start


def test_lines_are_named_after_their_item_prices(shop: World) -> None:
    made = shop.subscribe(
        command(line("minutes"), line("minutes"), line("calls", "minutes.3"), line("minutes", "m"))
    )

    assert [each.id for each in made.lines] == ["minutes", "minutes.2", "minutes.3", "m"]


def test_a_default_name_gives_way_to_one_that_was_asked_for(shop: World) -> None:
    made = shop.subscribe(command(line("minutes"), line("calls", "minutes")))

    assert [each.id for each in made.lines] == ["minutes.2", "minutes"]


@pytest.mark.parametrize(
    ("given", "quantity"), [(None, "1"), (3, "3"), ("2.50", "2.5"), (Decimal("0.1"), "0.1")]
)
def test_a_recurring_line_has_a_quantity(shop: World, given: object, quantity: str) -> None:
    made = shop.subscribe(command(line("seats", quantity=given)))

    assert made.lines[0].quantity == Decimal(quantity)
    assert not made.lines[0].metered


# --- creating it again


@pytest.mark.parametrize("start", ["2026-10-01", None])
def test_creating_a_subscription_again_changes_nothing(shop: World, start: str | None) -> None:
    asked = command(line("minutes"), line("seats", quantity="2"), start=start)
    first = shop.subscribe(asked)
    terms, invoices = shop.terms(), shop.invoices()
    shop.clock.now += timedelta(minutes=3)

    assert shop.subscribe(asked) == first
    assert shop.subscribe(replace(asked, timezone="America/New_York")) == first
    assert (shop.terms(), shop.invoices()) == (terms, invoices)


def test_a_closing_policy_that_changed_since_does_not_make_the_repeat_another_one(
    shop: World,
) -> None:
    first = shop.subscribe(command())

    assert shop.subscribe(command(closing=MANUAL)) == first


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_id": "initech"},
        {"timezone": "UTC"},
        {"start": "2026-10-02"},
        {"lines": (line("calls"),)},
        {"lines": (line("minutes", "m"),)},
        {"lines": (line("minutes"), line("calls"))},
        {"lines": (line("euros"),)},
    ],
    ids=str,
)
def test_an_id_stands_for_one_subscription(shop: World, changes: dict[str, Any]) -> None:
    shop.customer("initech")
    first = shop.subscribe(command())

    with pytest.raises(Conflict) as refusal:
        shop.subscribe(command(**changes))

    assert (refusal.value.code, refusal.value.field) == ("already_exists", "id")
    assert shop.stores.subscriptions.get("sub") == first


@pytest.mark.parametrize("moment", Moment)
def test_a_creation_without_an_answer_is_safe_to_repeat(shop: World, moment: Moment) -> None:
    shop.calls.arm("billing.transact", moment, fail(Unavailable("no answer")))
    with pytest.raises(Unavailable):
        shop.subscribe(command(line("seats")))

    shop.subscribe(command(line("seats")))

    assert len(shop.terms()) == len(shop.invoices()) == 1


def test_a_creation_that_meets_another_one_is_tried_again(shop: World) -> None:
    shop.calls.arm("billing.transact", Moment.BEFORE, fail(TransactionRefused({})))

    assert shop.subscribe(command(line("seats"))).id == "sub"
    assert shop.calls.sprung


# --- what is refused


@pytest.mark.parametrize(
    ("asked", "error", "code", "field"),
    [
        (command(id="a/b"), Invalid, "invalid_field", "id"),
        (command(customer_id="nobody"), NotFound, "customer_not_found", "customer_id"),
        (command(customer_id=""), Invalid, "invalid_field", "customer_id"),
        (command(timezone="Mars/Olympus"), Invalid, "invalid_field", "timezone"),
        (command(timezone=""), Invalid, "invalid_field", "timezone"),
        (command(start="soon"), Invalid, "invalid_field", "start"),
        (command(start=1), Invalid, "invalid_field", "start"),
        (command(lines=()), Invalid, "invalid_field", "lines"),
        (command(lines=(line("seats"),) * 51), Invalid, "invalid_field", "lines"),
        (command(line("nothing")), NotFound, "item_price_not_found", "lines[0].item_price_id"),
        (command(line("")), Invalid, "invalid_field", "lines[0].item_price_id"),
        (
            command(line("minutes"), line("euros")),
            Invalid,
            "invalid_field",
            "lines[1].item_price_id",
        ),
        (command(line("minutes", "a/b")), Invalid, "invalid_field", "lines[0].id"),
        (
            command(line("minutes", "m"), line("calls", "m")),
            Invalid,
            "invalid_field",
            "lines[1].id",
        ),
        (command(line("minutes", quantity=1)), Invalid, "invalid_field", "lines[0].quantity"),
        (command(line("seats", quantity=0)), Invalid, "invalid_field", "lines[0].quantity"),
        (command(line("seats", quantity=0.5)), Invalid, "invalid_field", "lines[0].quantity"),
        (command(line("seats", quantity=True)), Invalid, "invalid_field", "lines[0].quantity"),
    ],
)
def test_what_cannot_be_is_refused(
    shop: World, asked: CreateSubscription, error: type[BillingError], code: str, field: str
) -> None:
    with pytest.raises(error) as refusal:
        shop.subscribe(asked)

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert shop.stores.subscriptions.get(asked.id) is None


@pytest.mark.parametrize(
    ("start", "accepted"),
    [
        (at("2025-08-31T12:00"), True),  # 400 days back
        (at("2025-08-31T12:00") - timedelta(seconds=1), False),
        (at("2026-10-05T12:00") + timedelta(days=3660), True),
        (at("2026-10-05T12:00") + timedelta(days=3660, seconds=1), False),
    ],
)
def test_a_start_lies_in_a_window(shop: World, start: datetime, accepted: bool) -> None:
    asked = command(start=start.strftime("%Y-%m-%dT%H:%M:%SZ"))

    if accepted:
        assert shop.subscribe(asked).start == start
        return
    with pytest.raises(Invalid) as refusal:
        shop.subscribe(asked)
    assert refusal.value.field == "start"
