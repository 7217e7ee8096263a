"""What the docs say of the calls, made of the table: `python -m tests.functions.calls_page`.

It writes the sections below into the pages; the text around them is written by hand.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from tests.functions.calls import GROUPS, OPERATIONS, Operation

DOCS = Path(__file__).parents[2] / "docs"
WIDTH = 116
CENT = Decimal("0.01")


def sections() -> dict[tuple[str, str], str]:
    """Return what stands below a heading of a page."""
    found = {("costs.md", "Operation by operation"): _costs()}
    for title, group in GROUPS.items():
        found["calls.md", title] = "```\n" + "\n".join(map(_calls, group)) + "\n```"
    return found


def page_with(page: str, heading: str, text: str) -> str:
    """Return a page whose section says this."""
    before, found, rest = page.partition(f"\n## {heading}\n")
    assert found, heading
    _, next_heading, after = rest.partition("\n## ")
    return f"{before}{found}\n{text}\n{next_heading}{after}"


def main() -> None:
    """Write the sections."""
    for (name, heading), text in sections().items():
        path = DOCS / name
        page = path.read_text(encoding="utf-8")
        path.write_text(page_with(page, heading, text), encoding="utf-8")


def _costs() -> str:
    rows = [
        "What [each calls](calls.md), in order, comes to this. The price is that of the calls of a",
        "million; API Gateway, Lambda and the receipt of messages come on top.",
        "",
        "| | write units | read units | bucket and queues | $ a million |",
        "|---|---|---|---|---|",
    ]
    for title, group in GROUPS.items():
        rows.append(f"| **{title}** | | | | |")
        rows += map(_row, group)
    return "\n".join(rows)


def _row(operation: Operation) -> str:
    writes, reads = (_amount(operation.units(unit)) for unit in ("W", "R"))
    counted = Counter(call.split()[0] for call in operation.outside().elements())
    outside = ", ".join(
        call if times == 1 else f"{times} x {call}" for call, times in counted.items()
    )
    price = f"{operation.price().quantize(CENT, ROUND_HALF_UP)}"
    return f"| {operation.name} | {writes} | {reads} | {outside or '-'} | {price} |"


def _calls(operation: Operation) -> str:
    by = operation.by.replace("{}", "{id}")
    calls = textwrap.wrap(
        _unbroken(operation.lines), WIDTH, initial_indent="    ", subsequent_indent="    "
    )
    return "\n".join([f"{operation.name}: {by}", *(line.replace("~", " ") for line in calls)])


def _unbroken(lines: Iterable[str]) -> str:
    """Return calls as one text in which only what is between them looks like a space."""
    return "; ".join(line.replace(" ", "~") for line in lines)


def _amount(units: Decimal) -> str:
    return f"{units.normalize():f}"


if __name__ == "__main__":
    main()
    print(f"{len(OPERATIONS)} operations")  # noqa: T201 - said to who asked for it
