from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from postpaid.domain.errors import LimitExceeded
from postpaid.domain.usage import Aggregation, UsageKey
from postpaid.domain.usage_statement import (
    USAGES_MAX,
    Counted,
    StatedLine,
    StatedUsage,
    UsageStatement,
    plain_statement,
    stated_lines,
    statement_from_plain,
    statement_hash,
    stored_statement,
)
from tests.support.samples import OCTOBER, PAYER, a_line, a_subscription, at


def usages(*quantities: str, before: str | None = None) -> tuple[StatedUsage, ...]:
    return tuple(
        StatedUsage(
            at=at("2026-10-05") + timedelta(hours=hour),
            name=f"u{hour}",
            quantity=Decimal(quantity),
            before=None if before is None else Decimal(before),
        )
        for hour, quantity in enumerate(quantities)
    )


def line(*rows: StatedUsage, **changes: Any) -> StatedLine:
    return StatedLine(
        **{
            "line_id": "minutes",
            "item_price_id": "minutes",
            "description": "Calls",
            "unit": "minute",
            "aggregation": Aggregation.SUM,
            "period": OCTOBER,
            "earlier": False,
            "usages": rows,
            **changes,
        }
    )


STATEMENT = UsageStatement(
    invoice_id="inv_1",
    number="INV-000361",
    draft=False,
    subscription_id="sub",
    customer_id="globex",
    period=OCTOBER,
    timezone="America/New_York",
    seller=replace(PAYER, name="Acme Voice"),
    customer=PAYER,
    lines=(
        line(*usages("1.50", "2")),
        line(*usages("3", before="0.5"), earlier=True, unit=None, aggregation=Aggregation.MAX),
    ),
)


@pytest.mark.parametrize(
    ("aggregation", "total"),
    [(Aggregation.SUM, "12.5"), (Aggregation.LAST, "3"), (Aggregation.MAX, "9")],
)
def test_a_total_is_what_the_aggregation_makes_of_the_usages(
    aggregation: Aggregation, total: str
) -> None:
    assert line(*usages("0.5", "9", "3"), aggregation=aggregation).total == Decimal(total)


@pytest.mark.parametrize(
    ("aggregation", "total"), [(Aggregation.SUM, "-3"), (Aggregation.LAST, None)]
)
def test_of_an_earlier_term_the_total_is_the_change_where_there_is_one(
    aggregation: Aggregation, total: str | None
) -> None:
    late = line(*usages("0", "2", before="2.5"), earlier=True, aggregation=aggregation)

    assert late.total == (None if total is None else Decimal(total))


def test_a_total_is_exact_however_many_digits_it_has() -> None:
    many = "0." + "0" * 19 + "1"

    assert str(line(*usages("9" * 18, many)).total) == "9" * 18 + many[1:]


def test_a_statement_is_read_back_from_what_is_stored_of_it() -> None:
    assert statement_from_plain(plain_statement(STATEMENT)) == STATEMENT
    assert STATEMENT.count == 3


def test_equal_statements_have_equal_bytes_and_others_do_not() -> None:
    same = replace(STATEMENT, lines=(line(*usages("1.5", "2.0")), STATEMENT.lines[1]))
    other = replace(STATEMENT, lines=(line(*usages("1.5", "2.1")), STATEMENT.lines[1]))

    assert stored_statement(same) == stored_statement(STATEMENT)
    assert statement_hash(stored_statement(other)) != statement_hash(stored_statement(STATEMENT))
    assert len(statement_hash(b"")) == 64


def test_a_statement_has_ten_thousand_usages_at_most() -> None:
    one = usages("1")[0]
    full = line(*(one,) * USAGES_MAX)
    assert replace(STATEMENT, lines=(full,)).count == USAGES_MAX

    with pytest.raises(LimitExceeded, match="bills 10001 usages"):
        replace(STATEMENT, lines=(full, line(one)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"usages": ()}, id="a line without usage"),
        pytest.param({"earlier": True}, id="what was billed before is not said"),
    ],
)
def test_a_line_that_contradicts_itself_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        replace(STATEMENT.lines[0], **change)


def counted(at_: str, line_id: str = "minutes", event: str | None = None) -> Counted:
    key = UsageKey("sub", at(at_), line_id, event)
    return Counted(key=key, name=f"{at_}{event or ''}", quantity=Decimal(1))


def test_usages_are_in_the_order_of_the_subscription_and_of_their_dates() -> None:
    subscription = a_subscription(lines=(a_line("b", number=1), a_line("a", number=2)))
    given = [
        counted("2026-10-07", "a"),
        counted("2026-10-06", "b", "y"),
        counted("2026-10-06", "b", "x"),
        counted("2026-10-05", "b"),
    ]

    lines = stated_lines(subscription, OCTOBER, given, descriptions={("a", "a"): "As invoiced"})

    assert [(each.line_id, [usage.name for usage in each.usages]) for each in lines] == [
        ("b", ["2026-10-05", "2026-10-06x", "2026-10-06y"]),
        ("a", ["2026-10-07"]),
    ]
    assert [each.description for each in lines] == [subscription.lines[0].name, "As invoiced"]


def test_usage_of_before_a_line_began_is_stated_with_its_first_entry() -> None:
    late = a_line("minutes", number=1, since=at("2026-10-20"))
    subscription = a_subscription(lines=(late,))

    [stated] = stated_lines(subscription, OCTOBER, [counted("2026-10-05")], descriptions={})

    assert stated.item_price_id == late.item_price_id
