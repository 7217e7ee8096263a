"""The protocol holds in every small configuration, and without any of its rules it does not.

The larger configurations take minutes: `python -m spec`.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from spec.__main__ import main
from spec.configuration import Configuration
from spec.configurations import CONFIGURATIONS
from spec.invariants import QUIET_INVARIANTS, STEP_INVARIANTS, STORE_INVARIANTS, number_of
from spec.items import Billing, Status
from spec.mutants import MUTANTS, SPARES, Mutant
from spec.report import replay_command
from spec.rules import DESIGNED, LookRule, Rules
from spec.search import Visit, visit

BY_NAME = {configuration.name: configuration for configuration in CONFIGURATIONS}
QUICK = [configuration for configuration in CONFIGURATIONS if configuration.quick]
# I-34 is not a function: sweeps that do not come to an end break it.
INVARIANTS = {
    "I-34",
    *(number_of(each) for each in STORE_INVARIANTS),
    *(number_of(each) for each in STEP_INVARIANTS),
    *(number_of(each) for each in QUIET_INVARIANTS),
}
PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")

# A term that is OPEN may be edited, one that is CLOSING taken over, a FROZEN one counts manifests.
STATUS_STEPS = {
    (Status.OPEN, Status.OPEN),
    (Status.OPEN, Status.GRACE),
    (Status.GRACE, Status.CLOSING),
    (Status.CLOSING, Status.CLOSING),
    (Status.CLOSING, Status.FROZEN),
    (Status.FROZEN, Status.FROZEN),
}


@pytest.fixture(scope="module")
def visits() -> dict[str, Visit]:
    """What the searches of this module found, so that each is made once."""
    return {}


def by_name(each: Configuration | Mutant) -> str:
    return each.name


@pytest.mark.parametrize("configuration", QUICK, ids=by_name)
def test_the_protocol_holds_whatever_comes_between(
    configuration: Configuration, visits: dict[str, Visit]
) -> None:
    found = visits[configuration.name] = visit(configuration)

    assert found.violation is None, replay_command(configuration.name, found.violation)
    assert found.judged > 0
    assert found.states > 10_000


def test_everything_that_can_happen_to_a_term_and_a_client_does(visits: dict[str, Visit]) -> None:
    searched = [visits.get(each.name) or visit(each) for each in QUICK]

    assert {billing for found in searched for billing in found.billings} == set(Billing)
    assert {step for found in searched for step in found.status_steps} == STATUS_STEPS


@pytest.mark.parametrize("mutant", MUTANTS, ids=by_name)
def test_a_broken_rule_is_caught(mutant: Mutant) -> None:
    found = visit(BY_NAME[mutant.configuration], mutant.rules, mutant.but_for)

    assert found.violation is not None
    assert found.violation.number == mutant.caught_by


@pytest.mark.parametrize("spare", SPARES, ids=by_name)
def test_a_condition_that_another_makes_up_for_is_not_missed(spare: Mutant) -> None:
    assert visit(BY_NAME[spare.configuration], spare.rules).violation is None


def test_every_rule_is_broken_by_some_mutant() -> None:
    broken = {
        rule
        for mutant in (*MUTANTS, *SPARES)
        for rule in Rules.__slots__
        if getattr(mutant.rules, rule) != getattr(DESIGNED, rule)
    }

    assert broken == set(Rules.__slots__)


def test_every_invariant_catches_some_mutant() -> None:
    assert {mutant.caught_by for mutant in MUTANTS} == INVARIANTS


@pytest.mark.parametrize("name", ["look-before-put", "end-twice", "last-term-by-subscription"])
def test_a_violation_can_be_replayed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    [mutant] = [each for each in MUTANTS if each.name == name]
    found = visit(BY_NAME[mutant.configuration], mutant.rules)
    assert found.violation is not None
    *_, option, told_name, choices = replay_command(name, found.violation).split()

    assert main([option, told_name, choices]) == 0

    said = capsys.readouterr().out.splitlines()
    steps = [line for line in said if re.match(r" +\d+  ", line)]
    assert len(steps) == len(found.violation.choices)
    assert said[-1].endswith(f"{mutant.caught_by}: {found.violation.what}")


def test_choices_that_cannot_be_made_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--replay", "one-usage", "99"])

    assert "there are moves 0 to" in capsys.readouterr().err


def test_the_last_line_sums_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one-usage", "no-look", "parking-reopens"]) == 0

    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"[\d,]+ states, 0 violations, 2/2 mutants caught", last)


def test_a_mutant_that_is_not_caught_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = Mutant("harmless", "as designed", DESIGNED, "one-usage", "I-04")
    monkeypatch.setattr("spec.__main__.MUTANTS", (harmless,))
    monkeypatch.setattr("spec.__main__._MUTANTS", {"harmless": harmless})

    assert main(["harmless"]) == 1


def test_a_violation_is_told_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("spec.__main__.DESIGNED", replace(DESIGNED, look=LookRule.NEVER))

    assert main(["one-usage"]) == 1

    said = capsys.readouterr().out
    assert "VIOLATED I-04" in said
    assert "python -m spec --replay one-usage " in said
    assert "1 violations" in said


@pytest.mark.parametrize("number", sorted(INVARIANTS))
def test_every_invariant_is_explained(number: str) -> None:
    assert re.fullmatch(r"I-\d\d", number)
    assert f"**{number}**" in PAGE
