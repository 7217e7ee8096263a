"""The audit of numbers finds a gap, a repeat, a date out of order, and an answer that is not so."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.soak.findings import Kind
from tests.soak.numbering import audit_rush

COUNT = 5

type World = tuple[list[Any], dict[str, set[str]], list[str]]


def _honest() -> World:
    heads = [
        {
            "id": f"inv-{serial}",
            "number": f"INV-{serial:06d}",
            "status": "issued",
            "issued_on": f"2026-06-0{1 + serial // 3}",
        }
        for serial in range(COUNT, 0, -1)
    ]
    return heads, {head["id"]: {head["number"]} for head in heads}, []


def _found(world: World) -> set[tuple[Kind, str]]:
    return {(each.kind, each.invariant) for each in audit_rush(*world, COUNT)}


def test_numbers_in_order_are_as_they_should_be() -> None:
    assert _found(_honest()) == set()


def _gap_at_the_end(world: World) -> None:
    world[0][0]["number"] = "INV-000006"
    world[1]["inv-5"] = {"INV-000006"}


def _gap_at_the_start(world: World) -> None:
    world[0][-1]["number"] = "INV-000006"
    world[1]["inv-1"] = {"INV-000006"}


def _repeat(world: World) -> None:
    world[0][0]["number"] = "INV-000004"
    world[1]["inv-5"] = {"INV-000004"}


def _go_back_in_time(world: World) -> None:
    world[0][0]["issued_on"] = "2026-05-31"


def _lose_the_last(world: World) -> None:
    del world[0][0]


def _make_one_too_many(world: World) -> None:
    world[0].append(world[0][0] | {"id": "inv-6", "number": "INV-000006"})
    world[1]["inv-6"] = {"INV-000006"}


def _leave_one_pending(world: World) -> None:
    world[0][0] |= {"status": "pending", "number": None}


def _have_no_number(world: World) -> None:
    world[0][0]["number"] = None


def _tell_two_numbers_of_one_invoice(world: World) -> None:
    world[1]["inv-3"].add("INV-000004")


def _tell_nothing(world: World) -> None:
    del world[1]["inv-3"]


def _refuse(world: World) -> None:
    world[2].append("the close of inv-3 was refused")


@pytest.mark.parametrize(
    ("wrong", "kind", "invariant"),
    [
        (_gap_at_the_end, Kind.NUMBER, "I-15"),
        (_gap_at_the_start, Kind.NUMBER, "I-15"),
        (_repeat, Kind.NUMBER, "I-15"),
        (_go_back_in_time, Kind.NUMBER, "I-15"),
        (_lose_the_last, Kind.NUMBER, "I-15"),
        (_make_one_too_many, Kind.NUMBER, "I-15"),
        (_leave_one_pending, Kind.NUMBER, "I-15"),
        (_have_no_number, Kind.NUMBER, "I-15"),
        (_tell_two_numbers_of_one_invoice, Kind.NUMBER, "I-10"),
        (_tell_nothing, Kind.NUMBER, "I-10"),
        (_refuse, Kind.UNSETTLED, "I-30"),
    ],
)
def test_a_wrong_of_numbers_is_found(
    wrong: Callable[[World], None], kind: Kind, invariant: str
) -> None:
    world = _honest()
    wrong(world)

    assert (kind, invariant) in _found(world)
