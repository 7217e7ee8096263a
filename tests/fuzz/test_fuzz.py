"""Requests at random find no fault with the Chargebee door; `make fuzz` sends ten times as many."""

from collections.abc import Callable, Iterator

import pytest

from postpaid.api.chargebee import families
from postpaid_cli.aws import LocalAws
from tests.fuzz.fuzzer import fuzz
from tests.support.functions import Functions, functions_on

pytestmark = pytest.mark.engine

SEED = 20261001


@pytest.fixture(scope="module")
def functions(aws: LocalAws) -> Iterator[Functions]:
    with functions_on(aws) as imported:
        yield imported


def test_500_requests_at_random_are_answered_as_they_may_be(
    functions: Functions, record_property: Callable[[str, object], None]
) -> None:
    report = fuzz(functions, cases=500, seed=SEED, seconds=900)
    record_property("came_to", f"Chargebee door: {report.line()}")

    assert [finding.text() for finding in report.findings] == []
    assert report.cases == 500
    assert len(report.operations) == 43
    assert len(report.answered) >= 36, "what is refused before it is looked at finds nothing"


def test_an_answer_that_may_not_be_is_found(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "without_none", dict)

    report = fuzz(functions, cases=12, seed=SEED, seconds=900, only="ItemFamily.list")

    [finding, *_] = report.findings
    assert "description" in finding.faults[0]
    assert f"SEED={SEED}" in finding.text()
