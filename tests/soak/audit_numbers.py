"""I-15: numbers of issued invoices are 1 to n, nothing else has one, and dates never go back."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.soak.ending import Shown
from tests.soak.findings import Finding, Kind

_TOLD_MAX = 10


def audit_numbers(invoices: Sequence[Shown], expected: int | None = None) -> Iterator[Finding]:
    """Find gaps, repeats and dates out of order; *expected* is how many numbers there must be."""
    issued = sorted((each for each in invoices if each["status"] == "issued"), key=serial)
    serials = [serial(each) for each in issued]
    wanted = range(1, (len(serials) if expected is None else expected) + 1)
    if missing := sorted({*wanted} - {*serials}):
        yield _finding(f"no invoice has the numbers {missing[:_TOLD_MAX]}")
    if beyond := sorted({*serials} - {*wanted}):
        yield _finding(f"of {len(wanted)} invoices some have the numbers {beyond[:_TOLD_MAX]}")
    if twice := sorted(each for each, times in Counter(serials).items() if times > 1):
        yield _finding(f"several invoices have the numbers {twice[:_TOLD_MAX]}")
    for before, after in pairwise(issued):
        if after["issued_on"] < before["issued_on"]:
            yield _finding(f"{after['number']} is dated before {before['number']}")
    for each in invoices:
        if each["status"] != "issued" and each["number"] is not None:
            yield _finding(f"{each['id']} is {each['status']} and has number {each['number']}")


def serial(invoice: Shown) -> int:
    """Return the number of an issued invoice without its prefix, 0 if it is none."""
    digits = str(invoice["number"]).rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _finding(text: str) -> Finding:
    return Finding(Kind.NUMBER, "I-15", text)
