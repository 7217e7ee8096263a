"""`postpaid rate` and `postpaid terms`: the engine on JSON lines, without a stack.

One line in, one line out, in order, each written as soon as it is read; memory does not grow with
their number. A line that is refused answers `{"id", "error"}`, and the others go on.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO

import click

from postpaid.api.json_body import BODY_BYTES_MAX, parse_json
from postpaid.application.rate_line import rate_line
from postpaid.domain.calendar import (
    Cadence,
    Schedule,
    boundary,
    boundary_index,
    calendar_anchor,
    read_cadence,
)
from postpaid.domain.errors import BillingError, Invalid, Malformed
from postpaid.domain.instants import check_zone, instant_text, parse_instant, zone
from postpaid.domain.period import Period
from postpaid.domain.quantity import decimal_text

type Line = Mapping[str, Any]

_TERMS_MAX = 10_000


@click.command()
def rate() -> None:
    """Rate JSON lines from stdin: {"id", "pricing", "quantity" | "usages"} to {"id", "amount"}.

    Amounts are exact and unrounded. A line that cannot be rated answers {"id", "error"}; the
    others go on. docs/pricing-models.md has every field of a pricing.
    """
    _answer_lines(_rated)


@click.command()
def terms() -> None:
    """Tell where terms fall: {"id", "anchor", "interval", "count", "timezone", "n" | "at"}.

    To {"id", "start", "end"}: UTC instants, half-open. `anchor` is an instant, or `calendar` with
    `at`; `n` counts from 1, the term that starts at the anchor; `at` is an instant in the term.
    A bad line answers {"id", "error"}.
    """
    _answer_lines(_term)


def _rated(line: Line) -> dict[str, str]:
    _check_names(line, {"id", "pricing", "quantity", "usages"})
    amount = rate_line(line.get("pricing"), line.get("quantity"), line.get("usages"))
    return {"amount": decimal_text(amount)}


def _term(line: Line) -> dict[str, str]:
    _check_names(line, {"id", "anchor", "interval", "count", "timezone", "n", "at"})
    period = _period(line)
    return {"start": instant_text(period.start), "end": instant_text(period.end)}


def _period(line: Line) -> Period:
    place = zone(check_zone(line.get("timezone", "UTC"), "timezone"))
    cadence = _cadence(line)
    n, at = line.get("n"), line.get("at")
    if (n is None) == (at is None):
        raise Invalid("invalid_field", "give either n or at", field="n")
    instant = None if at is None else parse_instant(at, "at")
    if line.get("anchor") != "calendar":
        anchor = parse_instant(line.get("anchor"), "anchor")
    elif instant is not None:
        anchor = calendar_anchor(instant, place, cadence)
    else:
        raise Invalid("invalid_field", "calendar goes with at, not with n", field="anchor")
    schedule = Schedule(anchor, anchor, place, cadence)
    try:
        if instant is None:
            return schedule.term(_number(n) - 1)
        if instant >= anchor:
            return schedule.term(schedule.index(instant))
        # Before the anchor the same grid goes on backwards.
        k = boundary_index(anchor, place, cadence, instant)
        end = boundary(anchor, place, cadence, k + 1)
        return Period(boundary(anchor, place, cadence, k), min(end, anchor))
    except (OverflowError, ValueError):
        raise Invalid("invalid_field", "leads beyond the year 9999", field="n") from None


def _cadence(line: Line) -> Cadence:
    try:
        return read_cadence(line.get("interval", "month"), line.get("count", 1), "")
    except Invalid as refusal:
        field = "count" if refusal.field == "count" else "interval"
        raise Invalid(refusal.code, refusal.message, field=field) from None


def _number(n: object) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= _TERMS_MAX:
        raise Invalid("invalid_field", f"must be a whole number from 1 to {_TERMS_MAX}", field="n")
    return n


def _check_names(line: Line, names: set[str]) -> None:
    for name in line:
        if name not in names:
            raise Invalid("unknown_field", "is not a field of a line", field=name)


# --- lines -----------------------------------------------------------------------------------


def _answer_lines(answer: Callable[[Line], dict[str, str]]) -> None:
    output = sys.stdout.buffer
    try:
        for raw in _lines(sys.stdin.buffer):
            output.write(_answered(raw, answer) + b"\n")
            output.flush()  # who waits for an answer before the next question gets it
    except BrokenPipeError:
        # Whoever read our answers has enough of them. What is still buffered goes nowhere, else
        # the interpreter would try again while it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Read lines that are not blank; of one that is too long, only so much as shows it."""
    while raw := source.readline(BODY_BYTES_MAX + 1):
        rest = raw
        while rest and not rest.endswith(b"\n") and len(rest) > BODY_BYTES_MAX:
            rest = source.readline(BODY_BYTES_MAX + 1)
        if raw.strip():
            yield raw


def _answered(raw: bytes, answer: Callable[[Line], dict[str, str]]) -> bytes:
    identity = "null"
    try:
        if len(raw) > BODY_BYTES_MAX:
            raise Malformed("payload_too_large", f"the line has more than {BODY_BYTES_MAX} bytes")
        line = parse_json(raw, "the line")
        identity = _encoded(line.get("id"))
        members = answer(line)
    except BillingError as error:
        where = f"{error.field}: " if error.field else ""
        members = {"error": f"{where}{error.message}"}
    except RecursionError:
        members = {"error": "id: is nested too deeply"}
    shown = ", ".join(f"{json.dumps(name)}: {json.dumps(text)}" for name, text in members.items())
    return f'{{"id": {identity}, {shown}}}'.encode("ascii")


def _encoded(value: Any) -> str:
    """Write JSON as `json.dumps` does, but numbers as exactly as they were read."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Invalid("invalid_field", "is a number beyond any range", field="id")
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name)}: {_encoded(each)}" for name, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_encoded, value)) + "]"
    return json.dumps(value)
