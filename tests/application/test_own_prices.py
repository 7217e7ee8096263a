"""Lines with a price of their own: what they cost, how long they keep it, and what is refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.application.change_lines import LineChange
from postpaid.application.compose_invoice import upcoming_content
from postpaid.application.invoice_now import invoice_now
from postpaid.application.make_line import CreateLine
from postpaid.application.rate_line import rate_line
from postpaid.application.subscriptions import CreateSubscription
from postpaid.domain.errors import BillingError, Conflict, Invalid, LimitExceeded
from postpaid.domain.invoice import LineKind
from postpaid.domain.invoice_content import plain_line
from postpaid.domain.line import Line
from postpaid.domain.pricing.tiers import TIERS_MAX
from postpaid.domain.usage import Aggregation
from tests.support.changes import (
    Row,
    a_shop,
    add,
    by_unit,
    change,
    next_invoice,
    remove,
    rows,
    subscribed,
)
from tests.support.samples import AUTO_AT_ONCE, at
from tests.support.world import World

type Plain = Mapping[str, Any]

FLAT = {"pricing_model": "flat_fee", "amount": "93"}
TIERED = {
    "pricing_model": "tiered",
    "tiers": [{"up_to": "100", "unit_amount": "0.20"}, {"unit_amount": "0.01"}],
}


def agreed(*price_ids: str, own: Mapping[str, Plain], **more: Any) -> World:
    """Return the shop with a subscription since the first of October, at prices of its own."""
    world = a_shop()
    world.subscription(*price_ids, start="2026-10-01", closing=AUTO_AT_ONCE, own=own, **more)
    world.sweep()
    return world


def line_of(world: World, line_id: str) -> Line:
    """Return the entry of a line that came last."""
    return [line for line in world.subscription_of().lines if line.id == line_id][-1]


# --- what it costs


def test_a_line_is_charged_at_its_own_price_from_the_opening_invoice_on() -> None:
    world = agreed("seats", "minutes", own={"seats": by_unit("15.50"), "minutes": TIERED})
    [opening] = world.issued()
    assert rows(world, opening) == [("recurring", "seats", "15.50")]
    world.record("150", "2026-10-05")

    # A hundred at 0.20, fifty at 0.01; the base fee is the item price's.
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("recurring", "seats", "15.50"),
        ("base_fee", "minutes", "62.00"),
        ("usage", "minutes", "20.50"),
    ]


# from when, change, the invoice of the first of November
CHANGES: list[tuple[object, LineChange, list[Row]]] = [
    (
        "2026-10-22",
        change("seats", pricing=by_unit(62)),
        [
            ("credit", "seats", "-10.00"),
            ("recurring", "seats", "20.00"),
            ("recurring", "seats", "62.00"),
        ],
    ),
    ("term_end", change("seats", pricing=by_unit(62)), [("recurring", "seats", "62.00")]),
    (
        "2026-10-22",
        change("seats", quantity=3, pricing=FLAT),
        [
            ("credit", "seats", "-10.00"),
            ("recurring", "seats", "30.00"),
            ("recurring", "seats", "93.00"),
        ],
    ),
    (
        "2026-10-22",
        add("seats", "more", quantity=2, pricing=by_unit("15.50")),
        [
            ("recurring", "seats", "31.00"),
            ("recurring", "more", "10.00"),
            ("recurring", "more", "31.00"),
        ],
    ),
]


@pytest.mark.parametrize(("effective", "asked", "expected"), CHANGES)
def test_a_price_of_its_own_begins_an_entry_that_is_balanced_by_days(
    effective: object, asked: LineChange, expected: list[Row]
) -> None:
    world = subscribed("seats")

    world.change_lines(asked, effective=effective)

    assert next_invoice(world, "2026-11-01T00:10") == expected


def test_what_was_paid_in_advance_comes_back_at_the_price_it_was_paid_at() -> None:
    world = agreed("seats", "desks", own={"desks": by_unit(93)})
    world.clock.now = at("2026-10-22")

    world.change_lines(remove("desks"))

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("recurring", "seats", "31.00"),
        ("credit", "desks", "-30.00"),
    ]


def test_usage_is_rated_by_the_price_the_line_has_at_its_date() -> None:
    world = subscribed("minutes")
    world.record("100", "2026-10-05")
    world.record("200", "2026-10-20")

    world.change_lines(change("minutes", pricing=by_unit("0.05")), effective="2026-10-16")

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("base_fee", "minutes", "30.00"),
        ("usage", "minutes", "10.00"),
        ("base_fee", "minutes", "32.00"),
        ("usage", "minutes", "10.00"),
    ]


def test_a_level_is_charged_once_a_term_at_the_price_that_came_last() -> None:
    world = World.at("2026-10-01T08:00")
    world.price("stored", "1", aggregation=Aggregation.MAX)
    world.subscription("stored", start="2026-10-01", closing=AUTO_AT_ONCE)
    world.record("9", "2026-10-05", item_price_id="stored")

    world.change_lines(change("stored", pricing=by_unit(3)), effective="2026-10-10")

    assert next_invoice(world, "2026-11-01T00:10") == [("usage", "stored", "27.00")]


def test_a_minimum_of_its_own_is_shared_by_days() -> None:
    world = subscribed("minutes")
    least = by_unit("0.10") | {"minimum": "31"}

    world.change_lines(change("minutes", pricing=least), effective="2026-10-16")

    assert next_invoice(world, "2026-11-01T00:10")[1:] == [
        ("base_fee", "minutes", "32.00"),
        ("usage", "minutes", "16.00"),
    ]


def test_without_proration_it_counts_from_the_next_term_in_advance_and_at_once_for_usage() -> None:
    world = agreed("seats", "minutes", own={}, prorate=False)
    world.record("100", "2026-10-20")

    world.change_lines(
        change("seats", pricing=by_unit(20)),
        change("minutes", pricing=by_unit("0.05")),
        effective="2026-10-16",
    )

    assert next_invoice(world, "2026-11-01T00:10") == [
        ("recurring", "seats", "20.00"),
        ("base_fee", "minutes", "62.00"),
        ("usage", "minutes", "5.00"),
    ]


def test_an_invoice_now_bills_by_it_and_so_does_the_rest_of_the_term() -> None:
    world = agreed("seats", "minutes", own={"seats": by_unit(62), "minutes": by_unit("0.05")})
    world.record("100", "2026-10-05")
    world.clock.now = at("2026-10-11T12:00")

    invoice_now("sub", office=world.office)

    assert next_invoice(world, "2026-10-11T13:00") == [
        ("base_fee", "minutes", "20.00"),
        ("usage", "minutes", "5.00"),
    ]
    world.record("20", "2026-10-12")
    assert next_invoice(world, "2026-11-01T00:10") == [
        ("recurring", "seats", "62.00"),
        ("base_fee", "minutes", "42.00"),
        ("usage", "minutes", "1.00"),
    ]


def test_the_coming_invoice_is_foretold_by_it() -> None:
    world = agreed("seats", "minutes", own={"seats": by_unit(62), "minutes": TIERED})
    world.record("150", "2026-10-05")
    world.clock.now = at("2026-10-31T23:59")

    foretold = upcoming_content("sub", books=world.books)

    assert next_invoice(world, "2026-11-01T00:10") == [
        (line.kind.value, line.line_id, str(line.amount)) for line in foretold.lines
    ]
    assert [str(line.amount) for line in foretold.lines] == ["62.00", "62.00", "20.50"]


def test_what_comes_late_is_billed_at_the_price_that_the_line_had_then() -> None:
    world = agreed("minutes", own={"minutes": TIERED})
    world.record("90", "2026-10-05")
    next_invoice(world, "2026-11-01T00:10")
    [october] = world.issued()
    said = world.content(october)
    world.change_lines(change("minutes", pricing=by_unit(5)), effective="2026-11-01")
    world.reprice("minutes", pricing=by_unit(7))
    world.record("20", "2026-10-06")

    reconciled = world.reconcile()

    # 110 are a hundred at 0.20 and ten at 0.01; 18.00 were billed.
    assert reconciled is not None
    assert reconciled.supplement is not None
    [line] = reconciled.supplement.lines
    assert (str(line.amount), str(line.billed_before)) == ("2.10", "18.00")
    assert line.pricing == TIERED | {
        "tiers": [
            {"up_to": "100", "unit_amount": "0.2", "flat_amount": "0"},
            {"up_to": None, "unit_amount": "0.01", "flat_amount": "0"},
        ]
    }
    assert world.content(october) == said


def test_an_invoice_line_is_rated_again_from_what_it_says() -> None:
    own: dict[str, Plain] = {"seats": FLAT, "minutes": TIERED}
    world = agreed("seats", "minutes", own=own)
    world.record("150", "2026-10-05")
    next_invoice(world, "2026-11-01T00:10")

    for invoice in world.issued():
        for line in world.content(invoice).lines:
            plain = plain_line(line)
            again = rate_line(plain["pricing"], plain["quantity"] or "1", None)
            assert again == Decimal(plain["exact_amount"]) == line.amount.decimal
            if line.kind is not LineKind.BASE_FEE:
                assert line.pricing["pricing_model"] == own[line.line_id]["pricing_model"]


# --- how long it stays


def test_a_new_version_of_the_item_price_changes_all_but_the_price_of_the_line() -> None:
    world = agreed("seats", "minutes", own={"seats": by_unit(62), "minutes": by_unit("0.05")})
    world.reprice("seats", pricing=by_unit(1), name="Chairs")
    world.reprice("minutes", pricing=by_unit(1), base_fee="5")
    next_invoice(world, "2026-11-01T00:10")
    world.record("100", "2026-11-05")

    assert next_invoice(world, "2026-12-01T00:10") == [
        ("recurring", "seats", "62.00"),
        ("base_fee", "minutes", "5.00"),
        ("usage", "minutes", "5.00"),
    ]
    seats = world.content(world.issued()[-1]).lines[0]
    assert (seats.price_version, seats.description) == (2, "Chairs")


OWN = by_unit(62)
# change of a line at a price of its own, its own price afterwards, the version of its item price
STAYING: list[tuple[LineChange, Plain | None, int]] = [
    (change("seats", quantity=3), OWN, 1),
    (change("seats", item_price_id="seats"), OWN, 2),
    (change("seats", item_price_id="seats", quantity=3), OWN, 2),
    (change("seats", item_price_id="sofas"), None, 1),
    (change("seats", item_price_id="sofas", pricing=FLAT), FLAT, 1),
    (change("seats", pricing=FLAT), FLAT, 1),
    (change("seats", pricing=FLAT, quantity=2), FLAT, 1),
    (change("seats", pricing=None), None, 2),
    (change("seats", pricing=None, quantity=2), None, 2),
]


@pytest.mark.parametrize(("asked", "own", "version"), STAYING)
def test_a_price_of_its_own_stays_until_another_price_takes_its_place(
    asked: LineChange, own: Plain | None, version: int
) -> None:
    world = a_shop()
    world.price("sofas", "40", item_id="item-seats")
    world.subscription("seats", start="2026-10-01", own={"seats": OWN})
    world.reprice("seats", pricing=by_unit(33))
    before = line_of(world, "seats")

    world.change_lines(asked, effective="2026-10-11")

    line = line_of(world, "seats")
    assert line.number != before.number
    assert (None if line.charge is None else line.charge.to_plain()) == own
    assert line.price_version == version
    assert world.subscription_of().lines[0] == replace(before, until=at("2026-10-11"))
    # Asked again, it is so already.
    assert world.change_lines(asked, effective="2026-10-11").new is False


@pytest.mark.parametrize(
    "asked",
    [
        change("seats", pricing=by_unit("62.00")),
        change("seats", pricing=by_unit(62) | {"free_units": "0"}),
        change("seats", quantity="1.0"),
    ],
)
def test_a_price_that_says_the_same_in_other_words_is_no_change(asked: LineChange) -> None:
    world = agreed("seats", own={"seats": OWN})

    assert world.change_lines(asked, effective="2026-10-11").new is False


def test_a_line_without_a_price_of_its_own_has_none_to_take_away() -> None:
    world = subscribed("seats")
    world.reprice("seats", pricing=by_unit(33))

    assert world.change_lines(change("seats", pricing=None), effective="2026-10-11").new is False


def test_two_changes_of_a_line_in_one_request_add_up() -> None:
    world = subscribed("seats")

    world.change_lines(
        change("seats", pricing=OWN), change("seats", quantity=3), effective="2026-10-11"
    )

    line = line_of(world, "seats")
    assert (line.quantity, line.charge and line.charge.to_plain()) == (Decimal(3), OWN)
    assert len(world.subscription_of().lines) == 2


def test_a_line_that_was_added_may_be_asked_for_again_with_its_own_price_alone() -> None:
    world = subscribed("seats")
    asked = add("desks", "desk", pricing=OWN)
    world.change_lines(asked, effective="2026-10-11")

    assert world.change_lines(asked, effective="2026-10-11").new is False
    for other in (add("desks", "desk"), add("desks", "desk", pricing=FLAT)):
        with pytest.raises(Conflict) as refusal:
            world.change_lines(other, effective="2026-10-11")
        assert refusal.value.code == "already_exists"


# --- at creation


def command(*lines: CreateLine) -> CreateSubscription:
    return CreateSubscription(
        id="sub",
        customer_id="globex",
        timezone=None,
        start="2026-10-01",
        lines=lines,
        closing=None,
    )


def line(item_price_id: str, pricing: Plain | None = None, quantity: object = None) -> CreateLine:
    return CreateLine(item_price_id=item_price_id, id=None, quantity=quantity, pricing=pricing)


def test_creating_a_subscription_again_with_the_same_prices_changes_nothing() -> None:
    world = a_shop()
    first = world.subscribe(command(line("seats", OWN)))
    world.clock.now += timedelta(minutes=3)

    assert world.subscribe(command(line("seats", by_unit("62.0")))) == first
    for other in (None, FLAT, by_unit(61)):
        with pytest.raises(Conflict) as refusal:
            world.subscribe(command(line("seats", other)))
        assert (refusal.value.code, refusal.value.field) == ("already_exists", "id")


CLOSED = {"pricing_model": "tiered", "tiers": [{"up_to": "10", "unit_amount": "1"}]}
# item price, its own, quantity, code, field
REFUSED: list[tuple[str, Plain, object, str, str]] = [
    ("seats", {}, None, "invalid_field", "pricing.pricing_model"),
    ("seats", {"pricing_model": "free"}, None, "invalid_field", "pricing.pricing_model"),
    ("seats", {"pricing_model": "per_unit"}, None, "missing_field", "pricing.unit_amount"),
    ("seats", by_unit("-1"), None, "invalid_field", "pricing.unit_amount"),
    ("seats", by_unit(1) | {"base_fee": "1"}, None, "unknown_field", "pricing.base_fee"),
    ("seats", by_unit(1) | {"currency": "EUR"}, None, "unknown_field", "pricing.currency"),
    (
        *("seats", {"pricing_model": "volume", "tiers": [{"up_to": "0"}]}, None),
        *("invalid_field", "pricing.tiers[0].up_to"),
    ),
    (
        *("seats", by_unit(1) | {"transform": {"divide_by": "3"}}, None),
        *("invalid_field", "pricing.transform.divide_by"),
    ),
    ("seats", by_unit(1) | {"aggregation": "each"}, None, "invalid_field", "pricing"),
    ("seats", {"pricing_model": "percentage", "rate": "1"}, None, "invalid_field", "pricing"),
    ("seats", CLOSED, 11, "not_ratable", "quantity"),
    ("minutes", CLOSED, None, "invalid_field", "pricing.tiers"),
    ("minutes", by_unit("x"), None, "invalid_field", "pricing.unit_amount"),
]


@pytest.mark.parametrize(("item_price_id", "own", "quantity", "code", "field"), REFUSED)
def test_what_the_catalogue_would_refuse_is_refused_of_a_line_by_name(
    item_price_id: str, own: Plain, quantity: object, code: str, field: str
) -> None:
    world = subscribed("desks")
    before = world.subscription_of()
    other = replace(command(line("desks"), line(item_price_id, own, quantity)), id="other")
    refusals: list[tuple[str, Callable[[], object]]] = [
        ("lines[1]", lambda: world.subscribe(other)),
        ("changes[0]", lambda: world.change_lines(add(item_price_id, "x", quantity, own))),
    ]

    for place, ask in refusals:
        with pytest.raises(BillingError) as refusal:
            ask()
        assert (refusal.value.code, refusal.value.field) == (code, f"{place}.{field}")
    assert world.subscription_of() == before
    assert world.stores.subscriptions.get("other") is None


def test_a_change_to_a_price_that_cannot_rate_the_quantity_there_is_is_refused() -> None:
    world = a_shop()
    world.subscribe(command(line("seats", CLOSED, 10)))

    for asked in (change("seats", quantity=11), change("seats", pricing=CLOSED, quantity=12)):
        with pytest.raises(Invalid) as refusal:
            world.change_lines(asked)
        assert (refusal.value.code, refusal.value.field) == ("not_ratable", "changes[0].quantity")
    world.change_lines(change("seats", pricing=None, quantity=11))
    assert line_of(world, "seats").quantity == Decimal(11)


def test_prices_that_would_outgrow_the_stored_subscription_are_refused() -> None:
    world = a_shop()
    number = "9" * 18 + "." + "9" * 20
    tier = {"unit_amount": number, "flat_amount": number, "package_size": number}
    tiers = [tier | {"up_to": str(n)} for n in range(1, TIERS_MAX)]
    heavy = {"pricing_model": "tiered", "tiers": [*tiers, tier]}

    with pytest.raises(LimitExceeded):
        world.subscribe(command(*[line("seats", heavy)] * 20))

    assert world.stores.subscriptions.get("sub") is None
    world.subscribe(command(*[line("seats", heavy)] * 10))
    added = [add("seats", pricing=heavy) for _ in range(10)]
    with pytest.raises(LimitExceeded):
        world.change_lines(*added)
