"""Ids that come from a seed: the same again for the same seed, and never for another."""

import re

import pytest

from postpaid.runtime.ids import new_id, seeded_ids

_SHAPE = re.compile(r"cus_[0-9a-z]{20}")


def test_a_seed_gives_the_same_ids_again() -> None:
    first, second = (seeded_ids("a") for _ in range(2))

    assert [first("cus") for _ in range(5)] == [second("cus") for _ in range(5)]


def test_what_is_made_of_another_kind_moves_no_id() -> None:
    """The second time something may be there already, and need no id."""
    first, second = (seeded_ids("a") for _ in range(2))
    second("price")

    assert first("cus") == second("cus")


def test_no_two_ids_are_the_same() -> None:
    made = [
        one(prefix)
        for one in (seeded_ids(f"seed-{n}") for n in range(50))
        for prefix in ("cus", "sub")
        for _ in range(20)
    ]

    assert len({each.partition("_")[2] for each in made}) == len(made) == 2000


@pytest.mark.parametrize("make", [new_id, seeded_ids("a")])
def test_a_seeded_id_looks_like_any_other(make: object) -> None:
    assert callable(make)
    assert _SHAPE.fullmatch(make("cus"))
