"""Cases from other billing engines' own tests and docs, and the few whose rule is not ours."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data")

# Case, and why it is left out. Everything else in the data must pass.
LEFT_OUT = {
    # rating.jsonl: a coupon, taken off a whole invoice
    "lago-coupon-001": "a fixed amount off an invoice: discounts are percentages of a line",
    "lago-coupon-002": "a fixed amount off an invoice: discounts are percentages of a line",
    "fp-discount-007": "a fixed amount off an invoice: discounts are percentages of a line",
    # calendar.jsonl
    "fp-096": "an unknown zone is taken for UTC: it is refused here",
    "fp-121": "starts of hours: no term is shorter than a day",
    "fp-122": "starts of hours: no term is shorter than a day",
    "kb-043": "every month has 30 days: proration here counts the days there are",
    "kb-044": "every month has 30 days: proration here counts the days there are",
    "kb-045": "every month has 30 days: proration here counts the days there are",
    "kb-047": "a fixed offset in place of a zone: it is refused here",
    "kb-057": "a fixed offset in place of a zone: it is refused here",
    "kb-058": "a fixed offset in place of a zone: it is refused here",
}
NO_ZONE = ("fp-096", "kb-047", "kb-057", "kb-058")


def read_cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of a file, left-out ones included; numbers are int or `Decimal`."""
    text = (DATA / name).read_text(encoding="utf-8")
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def cases_of(name: str, *kinds: str) -> list[dict[str, Any]]:
    """Return the cases of some kinds that must pass."""
    cases = [case for case in read_cases(name) if case["kind"] in kinds]
    assert cases, "a table without cases proves nothing"
    return [case for case in cases if case["id"] not in LEFT_OUT]
