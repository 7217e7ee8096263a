"""A first term that ends at an instant of its own, lines that begin later, and labels of lines."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from postpaid.application.change_lines import ChangeLines, LineAction, LineChange, change_lines
from postpaid.application.change_schedule import ChangeCadence, change_cadence
from postpaid.application.make_line import CreateLine
from postpaid.application.subscriptions import CreateSubscription, LaterLine
from postpaid.domain.annotations import SUBSCRIPTION_BYTES_MAX
from postpaid.domain.calendar import Cadence
from postpaid.domain.errors import BillingError, Conflict
from postpaid.domain.line import ENTRIES_BYTES_MAX, LABEL_LENGTH_MAX, bytes_of
from tests.support.changes import add, change, next_invoice, remove, rows
from tests.support.samples import AUTO_AT_ONCE, a_site, at
from tests.support.world import World

NOW = "2026-10-05T12:00"


@pytest.fixture
def shop() -> World:
    """A site in New York that sells minutes and seats."""
    world = World.at(NOW, site=a_site(timezone="America/New_York", created_at=at(NOW)))
    world.price("minutes", "0.05", base_fee="10")
    world.price("seats", "7", metered=False)
    world.price("desks", "31", metered=False, setup_fee="5")
    return world


def line(price: str, **more: Any) -> CreateLine:
    return CreateLine(item_price_id=price, id=None, quantity=None, **more)


def later(price: str, since: object, **more: Any) -> LaterLine:
    return LaterLine(item_price_id=price, id=None, quantity=None, since=since, **more)


def command(*lines: CreateLine, **changes: Any) -> CreateSubscription:
    fields: dict[str, Any] = {
        "id": "sub",
        "customer_id": "globex",
        "timezone": None,
        "start": "2026-10-05",
        "lines": lines or (line("minutes"),),
        "closing": AUTO_AT_ONCE,
        "prorate": False,
    }
    return CreateSubscription(**(fields | changes))


def ends(world: World, instant: str, until: str) -> list[str]:
    """Return where the terms end from one that lies around an instant."""
    found, subscription = [], world.subscription_of()
    period = subscription.term_at(at(instant))
    while period.end <= at(until):
        found.append(period.end.strftime("%m-%dT%H"))
        following = subscription.term_from(period.end)
        if following is None:
            break
        period = following
    return found


# --- where the first term ends


@pytest.mark.parametrize(
    ("anchor", "cadence", "expected"),
    [
        ("2026-10-20", Cadence(), ["10-20T04", "11-20T05", "12-20T05"]),
        ("2026-11-30", Cadence(), ["11-30T05", "12-30T05"]),
        ("2026-12-25T00:00:00Z", Cadence(), ["12-25T00"]),
        ("2026-11-01", Cadence("week", 4), ["11-01T04", "11-29T05", "12-27T05"]),
        ("2026-11-16", Cadence("half_month", 1), ["11-16T05", "12-01T05", "12-16T05"]),
        ("2026-10-06", Cadence("year", 1), ["10-06T04"]),
    ],
)
def test_the_first_term_ends_where_it_is_said_and_the_grid_begins_there(
    shop: World, anchor: str, cadence: Cadence, expected: list[str]
) -> None:
    made = shop.subscribe(command(anchor=anchor, cadence=cadence))

    [term] = shop.terms()
    assert (term.period.start, term.period.end) == (made.start, made.anchor)
    assert ends(shop, "2026-10-05T12:00", "2026-12-31") == expected
    assert ends(shop, "2026-10-06T03:59", "2026-12-31") == expected


def test_every_instant_lies_in_one_term(shop: World) -> None:
    made = shop.subscribe(command(anchor="2026-11-30"))

    assert made.term_at(at("2026-11-30T04:59")).start == made.start
    assert made.term_at(at("2026-11-30T05:00")).start == made.anchor
    assert made.whole_term(made.term_at(made.start)) == made.term_at(made.start)
    assert made.term_at(at("2027-03-01")).start == at("2027-02-28T05:00")


def test_a_first_term_is_a_whole_one_however_long_it_is(shop: World) -> None:
    shop.subscribe(command(anchor="2026-12-01", prorate=True))
    shop.record("361", "2026-10-06")
    shop.record("39", "2026-11-29")

    assert next_invoice(shop, "2026-12-01T06:00") == [
        ("base_fee", "minutes", "10.00"),
        ("usage", "minutes", "20.00"),
    ]
    assert next_invoice(shop, "2027-01-01T06:00") == [("base_fee", "minutes", "10.00")]


@pytest.mark.parametrize(("cycles", "end"), [(1, "2026-10-20T04"), (3, "2026-12-20T05")])
def test_cycles_count_the_first_term_too(shop: World, cycles: int, end: str) -> None:
    made = shop.subscribe(command(anchor="2026-10-20", cycles=cycles))

    assert made.end == at(f"{end}:00")
    assert len(ends(shop, NOW, "2027-12-31")) == cycles


def test_another_cadence_comes_behind_such_a_term(shop: World) -> None:
    shop.subscribe(command(anchor="2026-11-30"))

    change_cadence(
        ChangeCadence(subscription_id="sub", cadence=Cadence("week", 1)), office=shop.office
    )

    assert ends(shop, NOW, "2026-12-10") == ["11-30T05", "12-07T05"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"anchor": "2026-10-05"}, "anchor"),
        ({"anchor": "2026-10-01"}, "anchor"),
        ({"anchor": "soon"}, "anchor"),
        ({"anchor": "2046-10-01"}, "anchor"),
        ({"anchor": "2026-10-20", "by_calendar": True}, "anchor"),
        ({"anchor": "2026-10-20", "trial_end": "2026-10-10"}, "anchor"),
        ({"anchor": "2026-10-20", "cadence": Cadence("half_month", 1)}, "anchor"),
        ({"anchor": "2026-10-20", "cycles": 0}, "cycles"),
        ({"anchor": "2026-10-20", "cycles": 9999}, "cycles"),
    ],
    ids=str,
)
def test_an_end_of_the_first_term_that_cannot_be_is_refused(
    shop: World, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(BillingError) as refusal:
        shop.subscribe(command(**changes))

    assert refusal.value.field == field
    assert shop.terms() == []


# --- lines that begin later


def test_a_line_begins_where_it_is_said_and_is_charged_from_there(shop: World) -> None:
    lines = (line("minutes"), later("desks", "2026-11-30"))

    made = shop.subscribe(command(*lines, anchor="2026-11-30"))

    assert [each.since for each in made.lines] == [None, at("2026-11-30T05:00")]
    assert shop.invoices() == []
    assert next_invoice(shop, "2026-11-30T06:00") == [
        ("base_fee", "minutes", "10.00"),
        ("setup", "desks", "5.00"),
        ("recurring", "desks", "31.00"),
    ]


def test_a_line_that_begins_within_a_term_is_charged_by_days(shop: World) -> None:
    lines = (line("seats"), later("desks", "2026-10-17"))
    shop.subscribe(command(*lines, start="2026-10-01", prorate=True))
    shop.come_to_rest()
    [opening] = shop.invoices()
    assert rows(shop, opening) == [("recurring", "seats", "7.00")]

    assert next_invoice(shop, "2026-11-01T05:00") == [
        ("recurring", "seats", "7.00"),
        ("setup", "desks", "5.00"),
        ("recurring", "desks", "15.00"),
        ("recurring", "desks", "31.00"),
    ]


def test_a_subscription_may_begin_with_lines_to_come_alone(shop: World) -> None:
    shop.subscribe(command(later("seats", "2026-11-01"), anchor="2026-11-01"))

    assert next_invoice(shop, "2026-11-01T06:00") == [("recurring", "seats", "7.00")]


@pytest.mark.parametrize("since", ["2026-10-05", "2026-10-01", "soon", None, 7, "2046-10-01"])
def test_a_line_begins_behind_its_subscription(shop: World, since: object) -> None:
    asked = command(line("minutes"), later("seats", since))

    if since is None:
        assert [each.since for each in shop.subscribe(asked).lines] == [None, None]
        return
    with pytest.raises(BillingError) as refusal:
        shop.subscribe(asked)

    assert refusal.value.field == "lines[1].since"


# --- again


@pytest.mark.parametrize("start", ["2026-10-05", None])
def test_creating_it_again_changes_nothing(shop: World, start: str | None) -> None:
    lines = (line("minutes", label="Calls"), later("seats", "2026-11-30"))
    asked = command(*lines, start=start, anchor="2026-11-30")
    first = shop.subscribe(asked)
    shop.clock.now += timedelta(days=2)

    assert shop.subscribe(asked) == first

    shop.change_lines(add("desks"))
    assert shop.subscribe(asked) == shop.subscription_of()


@pytest.mark.parametrize(
    "asked",
    [
        command(line("minutes"), later("seats", "2026-11-30"), anchor="2026-12-01"),
        command(line("minutes"), later("seats", "2026-12-01"), anchor="2026-11-30"),
        command(line("minutes"), line("seats"), anchor="2026-11-30"),
        command(line("minutes"), anchor="2026-11-30"),
        command(line("minutes"), later("seats", "2026-11-30")),
        command(line("minutes"), later("seats", "2026-11-30"), start=None),
        command(line("minutes", label="Calls"), later("seats", "2026-11-30"), anchor="2026-11-30"),
    ],
)
def test_an_id_stands_for_one_subscription(shop: World, asked: CreateSubscription) -> None:
    first = shop.subscribe(
        command(line("minutes"), later("seats", "2026-11-30"), anchor="2026-11-30")
    )

    with pytest.raises(Conflict) as refusal:
        shop.subscribe(asked)

    assert refusal.value.code == "already_exists"
    assert shop.subscription_of() == first


# --- what a line is called


def labelled(line_id: str, label: str | None) -> LineChange:
    return LineChange(action=LineAction.CHANGE, id=line_id, label=label)


def descriptions(world: World) -> list[str]:
    return [line.description for line in world.content(world.issued()[-1]).lines]


def test_invoices_call_a_line_by_its_label(shop: World) -> None:
    shop.subscribe(command(line("minutes", label="Calls of the harbor"), anchor="2026-11-01"))
    shop.record("100", "2026-10-06")
    shop.reprice("minutes", name="Minutes, renamed")

    next_invoice(shop, "2026-11-01T06:00")

    assert descriptions(shop) == ["Calls of the harbor"] * 2


def test_a_label_changes_and_goes(shop: World) -> None:
    shop.subscribe(command(anchor="2026-11-01"))

    shop.change_lines(labelled("minutes", "Calls"))
    shop.change_lines(change("minutes", item_price_id="minutes"))
    assert shop.subscription_of().lines[-1].label == "Calls"
    version = shop.subscription_of().version
    shop.change_lines(labelled("minutes", "Calls"))
    assert shop.subscription_of().version == version

    shop.change_lines(labelled("minutes", None))
    assert shop.subscription_of().lines[-1].label is None


def test_a_line_that_is_added_may_have_a_label(shop: World) -> None:
    shop.subscribe(command())
    asked = replace(add("seats"), label="Chairs")

    shop.change_lines(asked)

    assert shop.subscription_of().lines[-1].label == "Chairs"


@pytest.mark.parametrize("label", ["", "x" * (LABEL_LENGTH_MAX + 1)])
def test_a_label_has_its_length(shop: World, label: str) -> None:
    with pytest.raises(BillingError) as refusal:
        shop.subscribe(command(line("minutes", label=label)))
    assert refusal.value.field == "lines[0].label"

    shop.subscribe(command())
    with pytest.raises(BillingError) as refusal:
        shop.change_lines(labelled("minutes", label))
    assert refusal.value.field == "changes[0].label"


def test_labels_count_where_entries_are_stored(shop: World) -> None:
    made = shop.subscribe(command(line("minutes", label="é" * 200)))
    bare = [replace(each, label=None) for each in made.lines]

    assert bytes_of(made.lines) - bytes_of(bare) == 400
    assert bytes_of(made.lines) < ENTRIES_BYTES_MAX


# --- what is kept with it


def test_what_a_door_keeps_changes_with_the_lines_or_not_at_all(shop: World) -> None:
    shop.subscribe(command(line("minutes"), line("seats"), annotations={"door": {"n": 1}}))

    def asked(*changes: LineChange, size: int = 1) -> None:
        change_lines(
            ChangeLines(
                subscription_id="sub",
                changes=changes,
                annotate=lambda there: {**there.annotations, "other": "x" * size},
            ),
            office=shop.office,
        )

    asked(remove("seats"))
    there = shop.subscription_of()
    assert there.annotations == {"door": {"n": 1}, "other": "x"}
    assert there.lines[-1].until is not None

    for changes, size in (((remove("minutes"),), 1), ((add("desks"),), SUBSCRIPTION_BYTES_MAX)):
        with pytest.raises(BillingError):
            asked(*changes, size=size)
        assert shop.subscription_of() == there
