"""Lines that change in mid-term are charged by the day, on one invoice, and no usage moves."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.change_lines import LineAction, LineChange
from postpaid.application.edit_subscription import Request
from postpaid.application.make_line import CreateLine
from postpaid.application.subscriptions import CreateSubscription
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded, NotFound
from postpaid.domain.term import TermStatus
from postpaid.domain.usage import Aggregation
from tests.support.changes import (
    Row,
    a_shop,
    add,
    change,
    next_invoice,
    remove,
    rows,
    subscribed,
)
from tests.support.samples import AUTO_AT_ONCE, MANUAL, a_line, at
from tests.support.world import World

NOVEMBER_SEAT = ("recurring", "seats", "31.00")

# now, from when, changes, the invoice of the first of November
RECURRING: list[tuple[str, object, tuple[LineChange, ...], list[Row]]] = [
    # From the 11th two more seats: 21 days of three instead of one.
    (
        "2026-10-11T15:00",
        None,
        (change("seats", quantity=3),),
        [
            ("credit", "seats", "-21.00"),
            ("recurring", "seats", "63.00"),
            ("recurring", "seats", "93.00"),
        ],
    ),
    # The same at an instant: the day belongs to what is in force when it ends.
    (
        "2026-10-11T15:00",
        "now",
        (change("seats", quantity=3),),
        [
            ("credit", "seats", "-21.00"),
            ("recurring", "seats", "63.00"),
            ("recurring", "seats", "93.00"),
        ],
    ),
    # Backdated, but not before the open term.
    (
        "2026-10-11T15:00",
        "2026-10-01",
        (change("seats", quantity=3),),
        [
            ("credit", "seats", "-31.00"),
            ("recurring", "seats", "93.00"),
            ("recurring", "seats", "93.00"),
        ],
    ),
    # With the next term: nothing to balance.
    (
        "2026-10-11T15:00",
        "term_end",
        (change("seats", quantity=3),),
        [("recurring", "seats", "93.00")],
    ),
    # To come, in the open term and behind it.
    (
        "2026-10-11T15:00",
        "2026-10-22",
        (change("seats", quantity=2),),
        [
            ("credit", "seats", "-10.00"),
            ("recurring", "seats", "20.00"),
            ("recurring", "seats", "62.00"),
        ],
    ),
    ("2026-10-11T15:00", "2026-11-15", (change("seats", quantity=2),), [NOVEMBER_SEAT]),
    # Another line for 16 days; desks are 62 a month.
    (
        "2026-10-16T01:00",
        None,
        (add("desks"),),
        [
            NOVEMBER_SEAT,
            ("recurring", "desks", "32.00"),
            ("recurring", "desks", "62.00"),
        ],
    ),
    # A second line of the same price has its own name.
    (
        "2026-10-16T01:00",
        None,
        (add("seats"),),
        [
            NOVEMBER_SEAT,
            ("recurring", "seats.2", "16.00"),
            ("recurring", "seats.2", "31.00"),
        ],
    ),
    # One out, another in, together.
    (
        "2026-10-22T00:00",
        "now",
        (remove("seats"), add("desks")),
        [
            ("credit", "seats", "-10.00"),
            ("recurring", "desks", "20.00"),
            ("recurring", "desks", "62.00"),
        ],
    ),
    # A change to what is already so changes nothing.
    ("2026-10-11T15:00", None, (change("seats", quantity=1),), [NOVEMBER_SEAT]),
]


@pytest.mark.parametrize(("now", "effective", "changes", "expected"), RECURRING)
def test_recurring_lines_are_balanced_by_days_on_the_next_invoice(
    now: str, effective: object, changes: tuple[LineChange, ...], expected: list[Row]
) -> None:
    world = subscribed("seats")
    [opening] = world.issued()
    assert rows(world, opening) == [NOVEMBER_SEAT]
    world.clock.now = at(now)

    world.change_lines(*changes, effective=effective)

    assert next_invoice(world, "2026-11-01T00:10") == expected
    assert rows(world, opening) == [NOVEMBER_SEAT], "an issued invoice never changes"


def test_several_changes_in_one_term_add_up_to_the_days_of_each() -> None:
    world = subscribed("seats")
    for day, quantity in (("06", 2), ("11", 4), ("21", 1)):
        world.clock.now = at(f"2026-10-{day}")
        world.change_lines(change("seats", quantity=quantity))

    # 5 days of one, 5 of two, 10 of four and 11 of one: 66, of which 31 were paid.
    found = next_invoice(world, "2026-11-01T00:10")

    assert found == [
        ("credit", "seats", "-26.00"),
        ("recurring", "seats", "10.00"),
        ("recurring", "seats", "40.00"),
        ("recurring", "seats", "11.00"),
        NOVEMBER_SEAT,
    ]
    assert next_invoice(world, "2026-12-01T00:10") == [NOVEMBER_SEAT]


def test_a_change_takes_the_place_of_those_that_were_to_come_after_it() -> None:
    world = subscribed("seats")
    world.change_lines(change("seats", quantity=9), effective="2026-10-25")
    world.change_lines(change("seats", quantity=2), effective="2026-10-22")

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("credit", "seats", "-10.00"),
        ("recurring", "seats", "20.00"),
        ("recurring", "seats", "62.00"),
    ]


def test_what_is_given_back_beyond_an_invoice_is_the_customers_credit() -> None:
    world = subscribed("seats", "desks")
    world.clock.now = at("2026-10-02")
    world.change_lines(remove("desks"))

    found = next_invoice(world, "2026-11-01T00:10")

    assert found == [NOVEMBER_SEAT, ("credit", "desks", "-60.00")]
    november = world.issued()[-1]
    assert str(november.total) == "0.00", "a total is never negative"
    assert str(world.content(november).credit_granted) == "29.00"
    assert str(world.stores.credits.balance("globex", "USD").amount) == "29.00"
    # The next one draws on it: 31 less 29.
    next_invoice(world, "2026-12-01T00:10")
    december = world.issued()[-1]
    content = world.content(december)
    assert (str(content.balance), str(content.credit_applied)) == ("29.00", "29.00")
    assert str(december.total) == "2.00"
    assert str(world.stores.credits.balance("globex", "USD").amount) == "0.00"


def test_without_proration_a_change_counts_from_the_next_term() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-01", prorate=False, closing=AUTO_AT_ONCE)
    world.sweep()
    world.clock.now = at("2026-10-11")

    world.change_lines(change("seats", quantity=3), add("desks"))

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("recurring", "seats", "93.00"),
        ("recurring", "desks", "62.00"),  # a new line, whole for the term it came in
        ("recurring", "desks", "62.00"),
    ]


def test_usage_is_rated_by_the_price_of_its_date() -> None:
    world = subscribed("minutes")
    world.record("100", "2026-10-05")
    world.record("200", "2026-10-20")
    world.clock.now = at("2026-10-21")

    world.change_lines(change("minutes", item_price_id="cheap"), effective="2026-10-16")

    # 15 of 31 days at 62, 16 at 31: each is a unit a day, twice or once.
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "30.00"),
        ("usage", "minutes", "10.00"),
        ("base_fee", "minutes", "16.00"),
        ("usage", "minutes", "10.00"),
    ]


def test_a_former_price_names_its_line_still_and_the_date_says_which_counts() -> None:
    world = subscribed("minutes")
    world.change_lines(change("minutes", item_price_id="cheap"), effective="2026-10-16")

    asked = [("minutes", "2026-10-05"), ("minutes", "2026-10-17"), ("cheap", "2026-10-06")]
    found = [world.record("1", on, item_price_id=price_id).usage for price_id, on in asked]

    assert {usage.key.line_id for usage in found} == {"minutes"}
    assert [usage.item_price_id for usage in found] == ["minutes", "cheap", "minutes"]


def test_a_removed_metered_line_bills_what_was_used_and_takes_no_more() -> None:
    world = subscribed("minutes", "seats")
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-11T12:00")

    world.change_lines(remove("minutes"))

    with pytest.raises(Invalid):
        world.record("1", "2026-10-11")
    world.record("50", "2026-10-10T23:59:59+00:00")
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "20.00"),
        ("usage", "minutes", "15.00"),
        NOVEMBER_SEAT,
    ]
    assert next_invoice(world, "2026-12-01T00:10") == [NOVEMBER_SEAT]


def test_usage_that_came_by_an_older_copy_of_the_lines_is_billed_all_the_same() -> None:
    world = subscribed("minutes", "seats")
    other = world.another_process()
    world.clock.now = at("2026-10-11T12:00")
    copy = world.copy()
    copy.change_lines(remove("minutes"))
    # A recorder that has not seen it: its put lands behind the date of the removal.
    usage = other.record("70", "2026-10-12")
    copy.ledger().add(usage.usage)

    assert next_invoice(copy, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "20.00"),
        ("usage", "minutes", "7.00"),
        NOVEMBER_SEAT,
    ]


@pytest.mark.parametrize(
    ("how", "expected"), [(Aggregation.LAST, "8.00"), (Aggregation.MAX, "18.00")]
)
def test_a_level_is_charged_once_a_term_at_the_price_that_came_last(
    how: Aggregation, expected: str
) -> None:
    world = World.at("2026-10-01T08:00")
    world.price("stored", "1", aggregation=how)
    world.price("stored-new", "2", item_id="item-stored")
    world.subscription("stored", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("9", "2026-10-05", item_price_id="stored")
    world.record("4", "2026-10-20", item_price_id="stored")
    world.clock.now = at("2026-10-21")

    world.change_lines(change("stored", item_price_id="stored-new"), effective="2026-10-10")

    assert next_invoice(world, "2026-11-01T00:10") == [("usage", "stored", expected)]


def test_a_minimum_is_shared_by_days_between_two_prices() -> None:
    world = World.at("2026-10-01T08:00")
    for price_id, least in (("low", "31"), ("high", "62")):
        pricing = {"pricing_model": "per_unit", "unit_amount": "1", "minimum": least}
        world.priced(price_id, pricing, item_id="item-low" if price_id == "high" else None)
    world.subscription("low", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("20", "2026-10-05", item_price_id="low")

    world.change_lines(change("low", item_price_id="high"), effective="2026-10-16")

    # 15 days at least 15, of which 20 were used; 16 days at least 32, of which nothing was.
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("usage", "low", "20.00"),
        ("usage", "low", "32.00"),
    ]


NAMELESS = LineChange(action=LineAction.CHANGE, quantity=1)
# from when, changes, what is refused
REFUSED: list[tuple[object, tuple[LineChange, ...], type[BillingError], str, str | None]] = [
    (None, (change("nothing", quantity=1),), NotFound, "line_not_found", "changes[0].id"),
    (None, (remove("nothing"),), NotFound, "line_not_found", "changes[0].id"),
    (None, (remove("seats"),), Invalid, "invalid_field", "changes"),
    (None, (change("seats"),), Invalid, "missing_field", "changes[0]"),
    (
        None,
        (LineChange(action=LineAction.CHANGE, quantity=1),),
        Invalid,
        "missing_field",
        "changes[0].id",
    ),
    (
        None,
        (LineChange(action=LineAction.ADD),),
        Invalid,
        "missing_field",
        "changes[0].item_price_id",
    ),
    (None, (change("seats", quantity=0),), Invalid, "invalid_field", "changes[0].quantity"),
    (None, (change("seats", quantity="x"),), Invalid, "invalid_field", "changes[0].quantity"),
    (None, (add("desks", "seats"),), Conflict, "already_exists", "changes[0].id"),
    (None, (add("nothing"),), NotFound, "item_price_not_found", "changes[0].item_price_id"),
    (None, (add("minutes", quantity=2),), Invalid, "invalid_field", "changes[0].quantity"),
    (
        None,
        (change("seats", quantity=2), change("seats", item_price_id="desks")),
        Invalid,
        "invalid_field",
        "changes[1].item_price_id",
    ),
    (None, (add("euros"),), Invalid, "invalid_field", "changes[0].item_price_id"),
    (None, (), Invalid, "invalid_field", "changes"),
    ("2026-09-30", (change("seats", quantity=2),), Invalid, "invalid_field", "effective"),
    ("soon", (change("seats", quantity=2),), Invalid, "invalid_field", "effective"),
    ("2100-06-01", (change("seats", quantity=2),), Invalid, "invalid_field", "effective"),
]


@pytest.mark.parametrize(("effective", "changes", "kind", "code", "field"), REFUSED)
def test_a_change_that_cannot_be_is_refused_by_name_and_changes_nothing(
    effective: object,
    changes: tuple[LineChange, ...],
    kind: type[BillingError],
    code: str,
    field: str | None,
) -> None:
    world = subscribed("seats")
    world.price("euros", "1", metered=False, currency="EUR")
    before = world.subscription_of(), world.terms()

    with pytest.raises(kind) as refusal:
        world.change_lines(*changes, effective=effective)

    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert (world.subscription_of(), world.terms()) == before


def test_terms_that_ended_are_not_changed() -> None:
    world = subscribed("seats")
    world.skip_to("2026-11-03")

    with pytest.raises(Invalid) as refusal:
        world.change_lines(change("seats", quantity=2), effective="2026-10-20")

    assert "2026-11-01T00:00:00Z" in refusal.value.message
    # The term that was due ended on the way: a change is of the term that is open now.
    assert [term.status for term in world.terms()] == [TermStatus.GRACE, TermStatus.OPEN]


def test_a_line_that_was_added_may_be_asked_for_again_by_its_id() -> None:
    world = subscribed("seats")
    asked = add("desks", "desk", quantity=2)
    first = world.change_lines(asked, effective="2026-10-11").subscription

    again = world.change_lines(asked, effective="2026-10-11").subscription

    assert first == again
    world.change_lines(remove("desk"), effective="2026-10-21")
    assert world.change_lines(remove("desk"), effective="2026-10-21").new is False
    back = world.change_lines(add("desks", "desk"), effective="2026-10-25").subscription
    assert [(line.id, line.quantity) for line in back.lines][1:] == [
        ("desk", Decimal(2)),
        ("desk", Decimal(1)),
    ]


def test_a_request_that_comes_again_with_its_key_changes_nothing() -> None:
    world = subscribed("seats")
    key = Request(digest="k", content="c")
    first = world.change_lines(add("seats"), request=key)

    again = world.change_lines(add("seats"), request=key)

    assert (first.new, again.new) == (True, False)
    assert again.subscription == first.subscription
    with pytest.raises(Conflict) as refusal:
        world.change_lines(add("desks"), request=Request(digest="k", content="other"))
    assert refusal.value.code == "idempotency_key_reused"


def test_a_change_made_from_an_older_version_is_refused_with_the_newer() -> None:
    world = subscribed("seats")
    world.change_lines(change("seats", quantity=2), request=Request(version=1))

    with pytest.raises(Conflict) as refusal:
        world.change_lines(change("seats", quantity=3), request=Request(version=1))

    assert (refusal.value.code, refusal.value.details) == ("version_mismatch", {"version": 2})


def test_a_line_may_be_added_to_a_subscription_that_had_no_recurring_one() -> None:
    world = subscribed("minutes")
    world.clock.now = at("2026-10-31T10:00")

    world.change_lines(add("seats"))

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "62.00"),
        ("recurring", "seats", "1.00"),
        ("recurring", "seats", "31.00"),
    ]


def test_lines_of_one_price_change_each_for_itself() -> None:
    world = subscribed("seats")
    world.change_lines(add("seats", "upstairs"), effective="2026-10-01")
    world.clock.now = at("2026-10-22")

    world.change_lines(change("upstairs", quantity=2))

    assert next_invoice(world, "2026-11-01T00:10") == [
        NOVEMBER_SEAT,
        ("recurring", "upstairs", "21.00"),
        ("recurring", "upstairs", "20.00"),
        ("recurring", "upstairs", "62.00"),
    ]


def test_a_pending_invoice_does_not_feel_what_changes_in_the_next_term() -> None:
    world = a_shop()
    world.subscription("seats", start="2026-10-01", closing=MANUAL)
    world.skip_to("2026-11-01T00:10")
    world.sweep()
    [_, pending] = world.invoices()
    world.change_lines(change("seats", quantity=5), effective="2026-11-01")

    closed = world.close(pending)

    assert rows(world, closed) == [NOVEMBER_SEAT]
    # The change is balanced at the end of the term it is in, whenever the invoice before closed.
    world.skip_to("2026-12-01T00:10")
    world.sweep()
    assert rows(world, world.close(world.invoices()[-1])) == [
        ("credit", "seats", "-31.00"),
        ("recurring", "seats", "155.00"),
        ("recurring", "seats", "155.00"),
    ]


def test_a_quantity_that_the_tiers_cannot_rate_is_refused_at_once() -> None:
    world = subscribed("seats")
    tiers = [{"up_to": "10", "unit_amount": "1"}]
    world.priced("few", {"pricing_model": "tiered", "tiers": tiers}, metered=False)
    eleven = CreateLine(item_price_id="few", id=None, quantity=11)
    fields: dict[str, Any] = {
        "customer_id": "globex",
        "timezone": None,
        "start": None,
        "closing": None,
    }

    with pytest.raises(Invalid) as added:
        world.change_lines(add("few", quantity=11))
    with pytest.raises(Invalid) as created:
        world.subscribe(CreateSubscription(id="other", lines=[eleven], **fields))

    assert (added.value.code, created.value.code) == ("not_ratable", "not_ratable")
    assert added.value.field == "changes[0].quantity"
    assert created.value.field == "lines[0].quantity"


def test_a_change_that_would_outgrow_the_stored_subscription_is_refused_and_changes_nothing() -> (
    None
):
    world = subscribed("seats")
    there = world.subscription_of()
    heavy = [
        a_line(
            f"old-{n}",
            name="n" * 1000,
            since=there.start,
            until=there.start,
        )
        for n in range(280)
    ]
    full = replace(there, lines=(*there.lines, *heavy), version=there.version + 1)
    world.stores.subscriptions.replace(full)

    with pytest.raises(LimitExceeded):
        world.change_lines(change("seats", quantity=2))

    assert world.subscription_of() == full
