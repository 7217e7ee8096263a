"""`postpaid rate` and `postpaid terms`: the engine on JSON lines, without a stack."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import click

from postpaid.api.json_body import parse_json
from postpaid.application.rate_line import rate_line
from postpaid.domain.calendar import (
    boundary,
    boundary_index,
    calendar_anchor,
    read_cadence,
)
from postpaid.domain.errors import BillingError, Invalid
from postpaid.domain.instants import check_zone, instant_text, parse_instant, zone
from postpaid.domain.quantity import decimal_text

type Answer = Mapping[str, Any]


@click.command()
def rate() -> None:
    """Rate JSON lines from stdin: {"id", "pricing", "quantity" | "usages"} to {"id", "amount"}.

    Amounts are exact and unrounded. A line that cannot be rated answers {"id", "error"}; the
    others go on.
    """
    _stream(sys.stdin.buffer, lambda line: {"amount": _rated(line)})


@click.command()
def terms() -> None:
    """Answer where terms fall: {"id", "anchor", "interval", "count", "timezone", "n" | "at"}.

    To {"id", "start", "end"}: UTC instants, half-open. `anchor` is an instant, or `calendar` with
    `at`; `n` counts from 1, the term that starts at the anchor. A bad line answers {"id", "error"}.
    """
    _stream(sys.stdin.buffer, _term)


def _rated(line: Mapping[str, Any]) -> str:
    _known(line, {"id", "pricing", "quantity", "usages"})
    return decimal_text(rate_line(line.get("pricing"), line.get("quantity"), line.get("usages")))


def _term(line: Mapping[str, Any]) -> Answer:
    _known(line, {"id", "anchor", "interval", "count", "timezone", "n", "at"})
    place = zone(check_zone(line.get("timezone", "UTC"), "timezone"))
    cadence = read_cadence(line.get("interval", "month"), line.get("count", 1), "interval")
    n, at = line.get("n"), line.get("at")
    if (n is None) == (at is None):
        raise Invalid("invalid_field", "give either n or at", field="n")
    instant = None if at is None else parse_instant(at, "at")
    if line.get("anchor") == "calendar":
        if instant is None:
            raise Invalid("invalid_field", "needs at, not n", field="anchor")
        anchor = calendar_anchor(instant, place, cadence)
    else:
        anchor = parse_instant(line.get("anchor"), "anchor")
    if instant is not None:
        k = boundary_index(anchor, place, cadence, instant)
    elif isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= _TERMS_MAX:
        raise Invalid("invalid_field", f"must be a whole number from 1 to {_TERMS_MAX}", field="n")
    else:
        k = n - 1
    return {
        "start": instant_text(boundary(anchor, place, cadence, k)),
        "end": instant_text(boundary(anchor, place, cadence, k + 1)),
    }


_TERMS_MAX = 10_000


def _known(line: Mapping[str, Any], names: set[str]) -> None:
    for name in line:
        if name not in names:
            raise Invalid("unknown_field", "is not a field of a line", field=name)


def _stream(lines: Iterable[bytes], answer: Callable[[Mapping[str, Any]], Answer]) -> None:
    """Answer line by line; memory does not grow with their number."""
    write = sys.stdout.write
    for text in _answers(lines, answer):
        write(text + "\n")
    sys.stdout.flush()


def _answers(
    lines: Iterable[bytes], answer: Callable[[Mapping[str, Any]], Answer]
) -> Iterator[str]:
    for raw in lines:
        if not raw.strip():
            continue
        identity: Any = None
        try:
            line = parse_json(raw)
            identity = line.get("id")
            result: Answer = {"id": identity, **answer(line)}
        except BillingError as error:
            where = f"{error.field}: " if error.field else ""
            result = {"id": identity, "error": f"{where}{error.message}"}
        except OverflowError:
            result = {"id": identity, "error": "leads beyond the years that are supported"}
        yield json.dumps(result, ensure_ascii=False, separators=(",", ":"), default=str)
