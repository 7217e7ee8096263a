"""What `postpaid demo` shows: a month on a test site's clock, with the totals it is known for."""

import io
import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdf
import pytest
from rich.console import Console

from postpaid.domain.instants import instant_text
from postpaid_cli import demo
from postpaid_cli.demo import OPENING, TRANSFER, VOIP, ZONE, Example, Month, daily_usage, run_demo
from postpaid_cli.provision import provision_local
from postpaid_cli.stack import LocalStack

pytestmark = pytest.mark.stack

MONTH = Month(date(2026, 9, 1))


@pytest.mark.parametrize(
    ("day", "first", "days"),
    [
        (date(2026, 1, 31), date(2025, 12, 1), 31),
        (date(2026, 3, 1), date(2026, 2, 1), 28),
        (date(2028, 3, 15), date(2028, 2, 1), 29),
        (date(2026, 11, 25), date(2026, 10, 1), 31),
    ],
)
def test_the_month_before_a_day_is_whole(day: date, first: date, days: int) -> None:
    month = Month.before(day)

    assert (month.first, len(month.days)) == (first, days)
    assert month.days[0] == first
    assert month.end.day == 1
    assert (month.end - month.days[-1]).days == 1


@pytest.mark.parametrize("example", [VOIP, TRANSFER], ids=["voip", "transfer"])
@pytest.mark.parametrize("first", [date(2026, 2, 1), date(2026, 9, 1), date(2026, 10, 1)])
def test_what_is_used_is_the_same_in_any_month(example: Example, first: date) -> None:
    usage = daily_usage(Month(first), example)

    assert sum(usage.values()) == example.used
    assert usage[first.replace(day=15)] == example.on_the_15th
    assert [*usage] == Month(first).days


def test_a_month_passes_and_both_invoices_close_by_themselves(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = instant_text(datetime.combine(MONTH.first, OPENING, ZoneInfo(ZONE)))
    keys = provision_local(stack.outputs, stack.engine.endpoint, began, site_id="demo")
    monkeypatch.setattr(demo, "OUTPUT", tmp_path / "out")
    shown = io.StringIO()

    run_demo(replace(stack, keys=keys), MONTH, Console(file=shown, width=100))

    text = shown.getvalue()
    totals = re.findall(r"Total +│ +│ +│ +([0-9.]+) USD", text)
    assert totals == ["54.50", "28.05"]
    tiers = re.findall(r"tier \d +│ +(\d+) │ +([0-9.]+) │ +\(([0-9.]+)\)", text)
    assert tiers == [("100", "0.10", "10.00"), ("400", "0.08", "32.00"), ("250", "0.05", "12.50")]
    assert "It is 1 September 2026, 09:00 in New York" in text
    assert "It is 2 October 2026: September has ended" in text
    assert text.count("1 October 2026") == len(totals), "both are dated the first"
    for number, total, customer in (
        ("INV-000001", "28.05", "Blue Harbor Café"),
        ("INV-000002", "54.50", "North Pier Hosting"),
    ):
        [page] = pypdf.PdfReader(tmp_path / "out" / f"{number}.pdf").pages
        document = page.extract_text()
        assert all(words in document for words in (number, total, customer, "Sep 1"))
