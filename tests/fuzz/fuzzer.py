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
_TURNS_MAX = 100
# What takes things away comes last, or there would be little to find.
_LAST = ("close", "delete", "void", "cancel", "travel_forward", "start_afresh")


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer that is wrong: to which request, by which seed, and why."""

    operation: str
    request: str
    status: int
    answer: str
    faults: Sequence[str]
    again: str

    def text(self) -> str:
        """Return all there is to know, with the command that finds it again."""
        lines = [f"{self.operation}: {self.status}", self.request, self.answer, *self.faults]
        return "\n  ".join([*lines, f"again: {self.again}"])


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
            wanted = min(CASES_PER_TOWN, cases - report.cases)
            visit = _Visit(open_town(functions), report, seed + number, wanted, only)
            visit.send_all(until)
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


@dataclass(frozen=True, slots=True)
class _Visit:
    """So many cases by one seed, to one site."""

    town: Town
    report: Report
    seed: int
    wanted: int
    only: str

    def send_all(self, until: float) -> None:
        """Send cases until there are as many as are wanted."""
        report, last = self.report, self.report.cases + self.wanted
        known, likely = self.town.known, self.town.likely
        found = zip(_operations(known), _operations(likely), strict=True)
        operations = sorted((pair for pair in found if self.only in _name(pair[0])), key=_order)
        report.operations |= {_name(each) for each, _ in operations}
        for turn in range(_TURNS_MAX):
            share = max(1, (last - report.cases) // len(operations))
            for pair in operations:
                if report.cases >= last:
                    return
                if monotonic() > until:
                    report.is_cut_short = True
                    return
                self._send_some(pair, min(share, last - report.cases), turn)

    def _send_some(self, pair: tuple[Operation, Operation], count: int, turn: int) -> None:
        operation, likely = pair
        probable = likely.as_strategy(GenerationMode.POSITIVE)
        as_said = operation.as_strategy(GenerationMode.POSITIVE)
        otherwise = operation.as_strategy(GenerationMode.NEGATIVE)

        @hypothesis.seed(crc32(f"{self.seed} {turn} {_name(operation)}".encode()))
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=strategies.one_of(probable, probable, as_said, otherwise))
        def send(case: Case[Any]) -> None:
            self._send(case)

        send()

    def _send(self, case: Case[Any]) -> None:
        request = requests.Request(**case.as_transport_kwargs(_BASE)).prepare()
        assert request.method is not None
        assert request.url is not None
        target = request.url.removeprefix(_BASE)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert isinstance(body, bytes | None)
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        headers = {name: value for name, value in headers.items() if name != "content-length"}
        town = self.town
        answer = town.functions.call(request.method, target, body, key=town.key, headers=headers)
        exchange = Exchange(
            method=request.method,
            path=target.partition("?")[0].removeprefix(_ROOT),
            status=answer.status,
            headers=answer.headers,
            text=answer.text,
        )
        sent = f"{request.method} {target} {(body or b'')[:2000]!r}"
        self._note(_name(case.operation), exchange, sent)

    def _note(self, name: str, exchange: Exchange, sent: str) -> None:
        report, status = self.report, exchange.status
        report.cases += 1
        report.statuses[status] += 1
        if status == 200:
            report.answered.add(name)
        faults = exchange.faults() if status < 500 else [f"the status is {status}"]
        if faults and (name, faults[0]) not in {
            (f.operation, f.faults[0]) for f in report.findings
        }:
            again = f"make fuzz SEED={self.seed} ARGS='--cases {self.wanted}'"
            report.findings.append(Finding(name, sent, status, exchange.text[:500], faults, again))
