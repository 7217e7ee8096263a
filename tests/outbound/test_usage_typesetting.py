import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from postpaid.domain.period import Period
from postpaid.domain.site import Address
from postpaid.domain.usage import Aggregation
from postpaid.domain.usage_statement import StatedLine, StatedUsage, UsageStatement
from postpaid.outbound.usage_typesetting import TypstStatementTypesetter
from tests.outbound.test_typesetting import HOSTILE, squeezed
from tests.support.samples import at

ROOT = Path(__file__).parents[2]
RENDERER = ROOT / "functions" / "render_invoice"
TYPESETTER = TypstStatementTypesetter(RENDERER / "templates" / "usages.typ", RENDERER / "fonts")
OCTOBER = Period(at("2026-10-01T04:00"), at("2026-11-01T04:00"))
SEPTEMBER = Period(at("2026-09-01T04:00"), at("2026-10-01T04:00"))


def usage(on: str, quantity: str = "1", name: str = "cdr-7", **more: Any) -> StatedUsage:
    return StatedUsage(at=at(on), name=name, quantity=Decimal(quantity), **more)


def line(*usages: StatedUsage, **changes: Any) -> StatedLine:
    return StatedLine(
        **{
            "line_id": "voip-usd",
            "item_price_id": "voip-usd",
            "description": "VoIP calls",
            "unit": "minute",
            "aggregation": Aggregation.SUM,
            "period": OCTOBER,
            "earlier": False,
            "usages": usages,
            **changes,
        }
    )


CALLS = line(
    usage("2026-10-05T04:00", "22", "cdr-1"),
    usage("2026-10-06T14:30", "1339.5", "cdr-2"),
    usage("2026-11-01T03:59", "1", "cdr-3"),
)
STATEMENT = UsageStatement(
    invoice_id="inv_1",
    number="INV-000361",
    draft=False,
    subscription_id="harbor-voip",
    customer_id="CUST-00917",
    period=OCTOBER,
    timezone="America/New_York",
    seller=Address(name="Northwind Telecom Ltd", lines=("London E14 9GE",), tax_id="GB 417"),
    customer=Address(name="Blue Harbor Café", lines=("27 Quay Street",)),
    lines=(CALLS,),
)


def with_lines(*lines: StatedLine) -> UsageStatement:
    return replace(STATEMENT, lines=lines)


def pages(statement: UsageStatement) -> list[str]:
    reader = PdfReader(io.BytesIO(TYPESETTER.typeset(statement)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def text(statement: UsageStatement) -> str:
    return " ".join(pages(statement))


def many(count: int) -> StatedLine:
    start = OCTOBER.start
    rows = [
        StatedUsage(at=start + timedelta(minutes=n), name=f"cdr-{n:05d}", quantity=Decimal(n + 1))
        for n in range(count)
    ]
    return line(*rows)


def test_a_statement_is_one_page_that_says_everything() -> None:
    (page,) = pages(STATEMENT)
    for said in (
        *("Usage", "Invoice INV-000361", "Northwind Telecom Ltd", "Tax ID GB 417"),
        *("Blue Harbor Café", "Reference CUST-00917", "America/New_York", "harbor-voip"),
        *(
            "Usage of",
            "Oct 1 \u2013 31, 2026",
            "VoIP calls voip-usd",
            "Date Time Usage Quantity Unit",
        ),
        "Oct 5, 2026 00:00 cdr-1 22 minute",
        "Oct 6, 2026 10:30 cdr-2 1,339.5 minute",
        "Oct 31, 2026 23:59 cdr-3 1 minute",
        "Total 3 usages 1,362.5 minute",
        "Page 1 of 1",
    ):
        assert said in page.replace("\u2009", " ")


def test_the_same_statement_gives_the_same_bytes_whatever_came_between() -> None:
    first = TYPESETTER.typeset(STATEMENT)
    other = TYPESETTER.typeset(with_lines(many(700)))  # a large one is forgotten

    assert other != first
    assert TYPESETTER.typeset(STATEMENT) == first


def test_fresh_processes_give_the_same_bytes() -> None:
    code = (
        "import sys; from tests.outbound.test_usage_typesetting import TYPESETTER, STATEMENT;"
        "sys.stdout.buffer.write(TYPESETTER.typeset(STATEMENT))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland"},
        capture_output=True,
        check=True,
    )
    assert run.stdout == TYPESETTER.typeset(STATEMENT)


def test_the_document_is_archivable_and_dated_by_what_it_is_about() -> None:
    body = TYPESETTER.typeset(STATEMENT)
    reader = PdfReader(io.BytesIO(body))
    assert b"pdfaid:part" in body
    assert "/StructTreeRoot" in reader.root_object
    assert reader.metadata is not None
    assert reader.metadata.title == "Usage · Invoice INV-000361"
    assert reader.metadata.author == "Northwind Telecom Ltd"
    assert reader.metadata.creation_date is not None
    assert str(reader.metadata.creation_date.date()) == "2026-10-31"


@pytest.mark.parametrize(("draft", "said"), [(True, "Draft invoice"), (False, "Nothing charged")])
def test_an_invoice_without_a_number_says_why(draft: bool, said: str) -> None:
    assert said in text(replace(STATEMENT, number=None, draft=draft))


def test_an_invoice_without_usage_says_so() -> None:
    assert "No usage." in text(with_lines())


@pytest.mark.parametrize(
    ("aggregation", "said"),
    [
        (Aggregation.SUM, "Total 3 usages 1,362.5 minute"),
        (Aggregation.LAST, "Last 3 usages 1 minute"),
        (Aggregation.MAX, "Highest 3 usages 1,339.5 minute"),
    ],
)
def test_a_line_ends_with_what_its_usages_come_to(aggregation: Aggregation, said: str) -> None:
    assert said in text(with_lines(replace(CALLS, aggregation=aggregation)))


def test_what_came_later_is_told_apart_with_what_was_billed_of_it() -> None:
    late = line(
        usage("2026-09-10T04:00", "30", "cdr-9", before=Decimal(22)),
        usage("2026-09-11T04:00", "0", "cdr-8", before=Decimal(5)),
        period=SEPTEMBER,
        earlier=True,
    )
    words = text(with_lines(CALLS, late)).replace("\u2009", " ")
    for said in (
        "Came or changed after Sep 1 \u2013 30, 2026 was billed",
        "Date Time Usage Billed before Now Unit",
        "Sep 10, 2026 00:00 cdr-9 22 30 minute",
        "Sep 11, 2026 00:00 cdr-8 5 0 minute",
        "Change 2 usages 3 minute",
    ):
        assert said in words
    level = replace(late, aggregation=Aggregation.MAX)
    assert "Changed 2 usages" in text(with_lines(level))


@pytest.mark.parametrize(
    ("instants", "said"),
    [
        pytest.param(["2026-10-05T04:00:00"], ["00:00 "], id="whole minutes"),
        pytest.param(
            ["2026-10-05T04:00:00", "2026-10-05T04:00:07"], ["00:00:00 ", "00:00:07 "], id="seconds"
        ),
        pytest.param(
            ["2026-11-01T05:30:00", "2026-11-01T06:30:00"],
            ["01:30 \N{MINUS SIGN}04:00 ", "01:30 \N{MINUS SIGN}05:00 "],
            id="an hour that comes twice",
        ),
    ],
)
def test_times_are_told_as_exactly_as_they_need(instants: list[str], said: list[str]) -> None:
    words = text(with_lines(line(*map(usage, instants))))
    for each in said:
        assert each in words


def test_a_line_of_another_name_than_its_price_says_both() -> None:
    assert "voip-usd · extension-7" in text(with_lines(replace(CALLS, line_id="extension-7")))


def test_without_a_unit_there_is_no_column_for_it() -> None:
    words = text(with_lines(replace(CALLS, unit=None)))
    assert "Unit" not in words
    assert "cdr-1 22 Oct 6" in words


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_in_any_field_appears_literally(hostile: str) -> None:
    party = Address(name=hostile, lines=(hostile,), email=hostile, tax_id=hostile)
    rows = (usage("2026-10-05", name=hostile), usage("2026-10-06", name=hostile))
    statement = replace(
        STATEMENT,
        number=hostile,
        subscription_id=hostile,
        customer_id=hostile,
        seller=party,
        customer=party,
        lines=(line(*rows, description=hostile, item_price_id=hostile, line_id=hostile),),
    )
    # The parties' nine, number and subscription, description and price, two usages; the footer may
    # repeat a short name and number.
    assert squeezed(text(statement)).count(squeezed(hostile)) in {15, 16, 17}


def test_a_long_name_wraps_and_is_copied_whole() -> None:
    name = "call_" + "Ab3dEf7hIj" * 12
    reader = PdfReader(
        io.BytesIO(TYPESETTER.typeset(with_lines(line(usage("2026-10-05", name=name)))))
    )
    assert reader.pages[0].extract_text().replace("\n", "").count(name) == 1


@pytest.mark.parametrize("quantity", ["9" * 18 + "." + "1" * 20, "0." + "0" * 19 + "1"])
def test_a_quantity_of_many_digits_is_printed_whole(quantity: str) -> None:
    row = usage("2026-10-05", quantity)
    digits = squeezed(text(with_lines(line(row)))).replace(",", "")
    assert digits.count(quantity) == 2


def test_rows_flow_over_pages_under_the_same_header() -> None:
    found = pages(with_lines(many(700)))
    assert len(found) > 10
    for number, page in enumerate(found[:-1], 1):
        assert "Date Time Usage Quantity Unit" in page
        assert f"Page {number} of {len(found)}" in page
    words = " ".join(found)
    assert all(f"cdr-{n:05d} " in words for n in range(700))
    assert "Total 700 usages 245,350 minute" in found[-1]


@pytest.mark.parametrize("unit", ["minute", None])
def test_a_total_is_never_left_alone_at_the_head_of_a_page(unit: str | None) -> None:
    for count in range(24, 36):
        [*_, last] = pages(with_lines(replace(many(count), unit=unit)))
        assert f"cdr-{count - 1:05d} {count} " in last
        assert f"Total {count} usages" in last


def test_a_few_usages_are_kept_together() -> None:
    one = line(usage("2026-10-05", name="only-one"), description="Texts and more")
    for count in range(16, 28):
        found = pages(with_lines(many(count), one))
        [page] = [each for each in found if "Texts and more" in each]
        assert "only-one" in page.partition("Texts and more")[2]
        assert "Total 1 usage" in page


def test_a_heading_is_never_left_alone_at_the_foot_of_a_page() -> None:
    for count in range(20, 34):
        found = pages(with_lines(many(count), replace(CALLS, description="Texts and more")))
        [page] = [each for each in found if "Texts and more" in each]
        assert "cdr-1" in page.partition("Texts and more")[2], count
