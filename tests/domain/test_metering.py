"""From usages to one quantity per line."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.metering import metered
from postpaid.domain.usage import Aggregation, Usage
from tests.support.laws import plain_numbers
from tests.support.samples import a_usage

GONE = replace(a_usage("2026-10-06", "100"), deleted=True)

CASES: list[tuple[str, list[Usage], dict[str, str]]] = [
    ("no usage at all", [], {}),
    ("one usage", [a_usage(quantity="361")], {"minutes": "361"}),
    (
        "the usages of a line add up",
        [a_usage("2026-10-05", "361"), a_usage("2026-10-06", "0.5"), a_usage("2026-10-07", "9")],
        {"minutes": "370.5"},
    ),
    (
        "each line has its own sum",
        [
            a_usage("2026-10-05", "1", line_id="minutes"),
            a_usage("2026-10-05", "2", line_id="texts"),
            a_usage("2026-10-06", "3", line_id="minutes"),
        ],
        {"minutes": "4", "texts": "2"},
    ),
    (
        "events of one date all count",
        [a_usage(quantity="1", event_id="a"), a_usage(quantity="1", event_id="b")],
        {"minutes": "2"},
    ),
    ("a deleted usage does not count", [a_usage(quantity="361"), GONE], {"minutes": "361"}),
    ("a line whose usages are all deleted has no quantity", [GONE], {}),
    (
        "a small quantity is not lost beside a large one",
        [
            a_usage("2026-10-05", "999999999999999999"),
            a_usage("2026-10-06", "0.00000000000000000001"),
        ],
        {"minutes": "999999999999999999.00000000000000000001"},
    ),
]


def quantities(usages: Iterable[Usage], how: Aggregation = Aggregation.SUM) -> dict[str, Decimal]:
    return {line: found.aggregate(how) for line, found in metered(usages).items()}


@pytest.mark.parametrize(
    ("usages", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_live_usages_add_up_by_line(usages: list[Usage], expected: dict[str, str]) -> None:
    assert quantities(usages) == {line: Decimal(text) for line, text in expected.items()}
    assert quantities(reversed(usages)) == quantities(usages)


@pytest.mark.parametrize(
    ("how", "expected"),
    [(Aggregation.SUM, "20"), (Aggregation.LAST, "7"), (Aggregation.MAX, "9")],
)
def test_usages_become_one_quantity_as_the_item_says(how: Aggregation, expected: str) -> None:
    usages = [
        a_usage("2026-10-20", "7"),  # the last by its date, though recorded first
        a_usage("2026-10-05", "4"),
        a_usage("2026-10-06", "9"),
    ]

    assert quantities(usages, how) == {"minutes": Decimal(expected)}
    assert quantities([*usages, GONE], how) == {"minutes": Decimal(expected)}


def test_usages_are_kept_in_order_of_their_dates_and_event_ids() -> None:
    usages = [
        a_usage("2026-10-06", "3", event_id="a"),
        a_usage("2026-10-05", "2", event_id="b"),
        a_usage("2026-10-05", "1", event_id="a"),
    ]

    assert metered(usages)["minutes"].quantities == (Decimal(1), Decimal(2), Decimal(3))


_usages = st.lists(
    st.tuples(st.sampled_from(("minutes", "texts", "seats")), plain_numbers(), st.booleans())
)


@given(_usages)
def test_the_sum_is_exact_and_has_no_order(facts: list[tuple[str, str, bool]]) -> None:
    usages = [
        replace(a_usage(quantity=text, line_id=line), deleted=deleted)
        for line, text, deleted in facts
    ]
    live = [(line, Fraction(text)) for line, text, deleted in facts if not deleted]

    sums = quantities(usages)

    assert {line: Fraction(number) for line, number in sums.items()} == {
        line: sum(number for other, number in live if other == line)
        for line in {line for line, _ in live}
    }
