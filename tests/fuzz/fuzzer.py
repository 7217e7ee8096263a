"""Requests that Schemathesis makes of the door's own OpenAPI document, and a judge of the answers.

One seed makes the same requests of the same site again. Half of them may well be accepted, a
quarter is all that the document allows, a quarter what it does not; they find what others left.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from zlib import crc32

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, strategies
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from postpaid.runtime import waiting
from tests.fuzz.town import SITES, Town, open_town
from tests.support.chargebee_judge import Exchange
from tests.support.chargebee_openapi import Known, document
from tests.support.events import sqs_event
from tests.support.functions import Functions

type Operation = APIOperation[Any, Any, Any, Any]

CASES_PER_TOWN = 500
_BASE = "http://door.example"
_ROOT = "/api/v2/"
# What takes things away comes last, or there would be little to find.
_LAST = ("close", "delete", "void", "cancel", "travel_forward", "start_afresh")


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that is wrong: to which request, by which seed, and why."""

    operation: str
    seed: int
    request: str
    status: int
    answer: str
    faults: Sequence[str]

    def text(self) -> str:
        """Return all there is to know, with the command that finds it again."""
        lines = [f"{self.operation}: {self.status}", self.request, self.answer, *self.faults]
        again = f"make fuzz SEED={self.seed} ARGS='--cases {CASES_PER_TOWN}'"
        return "\n  ".join([*lines, f"again: {again}"])


@dataclass
class Report:
    """What was sent, and what came of it."""

    seed: int
    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    is_cut_short: bool = False

    def line(self) -> str:
        """Return the one line that sums up."""
        each = sorted(self.statuses.items())
        counts = ", ".join(f"{count} of {status}" for status, count in each)
        parts = [
            f"{self.cases} cases",
            f"{len(self.answered)} of {len(self.operations)} operations answered 200",
            counts,
            f"never {', '.join(sorted(self.operations - self.answered)) or 'none'}",
            f"{len(self.findings)} findings",
            f"seed {self.seed}",
        ]
        return "; ".join(parts) + ("; cut short" if self.is_cut_short else "")


def fuzz(functions: Functions, *, cases: int, seed: int, seconds: float, only: str = "") -> Report:
    """Send so many cases, a new site for every few hundred; after *seconds* no more are begun.

    *only* is a part of the names of the operations that are meant.
    """
    report = Report(seed)
    until = monotonic() + seconds
    with pytest.MonkeyPatch.context() as patch:
        # Nobody sleeps: what is waited for is made in the meantime.
        patch.setattr(waiting, "sleep", lambda _: _render(functions))
        for number in range(-(-cases // CASES_PER_TOWN)):
            wanted = min(cases, (number + 1) * CASES_PER_TOWN)
            _visit(open_town(functions), report, wanted, seed + number, until, only)
    return report


def _render(functions: Functions) -> None:
    """Make what documents are asked for, and those of invoices that wait for theirs."""
    waiting_ones = [
        {"dynamodb": {"NewImage": item}}
        for item in functions.billing_items()
        if "r" in item and item["pk"]["S"].startswith(SITES)
    ]
    functions.invoke("RelayFunction", {"Records": waiting_ones})
    if messages := functions.messages("RenderQueue"):
        functions.invoke("RenderInvoiceFunction", sqs_event(messages))


def _visit(town: Town, report: Report, wanted: int, seed: int, until: float, only: str) -> None:
    """Send cases to one site until there are *wanted* in all."""
    found = zip(_operations(town.known), _operations(town.likely), strict=True)
    operations = sorted((pair for pair in found if only in _name(pair[0])), key=_order)
    report.operations |= {_name(each) for each, _ in operations}
    for turn in range(100):
        missing = wanted - report.cases
        if missing <= 0:
            return
        share = max(1, missing // len(operations))
        for each in operations:
            if monotonic() > until:
                report.is_cut_short = True
                return
            _send_some(town, each, report, min(share, wanted - report.cases), seed, turn)
            if report.cases >= wanted:
                return


def _operations(known: Known) -> Iterator[Operation]:
    schema = schemathesis.openapi.from_dict(document(known))
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


def _name(operation: Operation) -> str:
    return str(operation.definition.raw["operationId"])


def _order(pair: tuple[Operation, Operation]) -> tuple[int, str]:
    name = _name(pair[0])
    places = [place for place, word in enumerate(_LAST, start=1) if word in name]
    return max(places, default=0), name


def _send_some(
    town: Town,
    pair: tuple[Operation, Operation],
    report: Report,
    count: int,
    seed: int,
    turn: int,
) -> None:
    if count <= 0:
        return
    operation, likely = pair
    probable = likely.as_strategy(GenerationMode.POSITIVE)
    as_said = operation.as_strategy(GenerationMode.POSITIVE)
    otherwise = operation.as_strategy(GenerationMode.NEGATIVE)

    name = _name(operation)

    @hypothesis.seed(crc32(f"{seed} {turn} {name}".encode()))
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=strategies.one_of(probable, probable, as_said, otherwise))
    def send(case: Case[Any]) -> None:
        _send(town, case, report, seed)

    send()


def _send(town: Town, case: Case[Any], report: Report, seed: int) -> None:
    request = requests.Request(**case.as_transport_kwargs(_BASE)).prepare()
    assert request.method is not None
    assert request.url is not None
    target = request.url.removeprefix(_BASE)
    body = request.body.encode() if isinstance(request.body, str) else request.body
    assert isinstance(body, bytes | None)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    headers = {name: value for name, value in headers.items() if name != "content-length"}
    answer = town.functions.call(request.method, target, body, key=town.key, headers=headers)
    exchange = Exchange(
        method=request.method,
        path=target.partition("?")[0].removeprefix(_ROOT),
        status=answer.status,
        headers=answer.headers,
        text=answer.text,
    )
    name = _name(case.operation)
    report.cases += 1
    report.statuses[answer.status] += 1
    if answer.status == 200:
        report.answered.add(name)
    faults = exchange.faults() if answer.status < 500 else [f"the status is {answer.status}"]
    if faults and (name, faults[0]) not in {(f.operation, f.faults[0]) for f in report.findings}:
        sent = f"{request.method} {target} {(body or b'')[:2000]!r}"
        report.findings.append(Finding(name, seed, sent, answer.status, answer.text[:500], faults))
