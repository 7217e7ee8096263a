"""What an operator does on a stack with the command line, against the deployed one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from postpaid_cli import stack as stacks
from postpaid_cli.main import cli
from postpaid_cli.provision import SITE
from postpaid_cli.stack import LocalStack
from tests.support.client import HttpClient

pytestmark = pytest.mark.stack


@pytest.fixture
def _remembered(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let `--local` mean the stack of the tests."""
    monkeypatch.setattr(stacks, "STATE_FOLDER", tmp_path)
    monkeypatch.setattr(stacks, "STATE_FILE", tmp_path / "local.json")
    stacks.save(stack)
    yield
    assert stacks.load() is not None, "no command stopped the stack"


def _run(*arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(cli, [*arguments, "--local"], catch_exceptions=False)


@pytest.mark.usefixtures("_remembered")
def test_a_key_is_created_used_listed_and_revoked(stack: LocalStack) -> None:
    label = "reports of the finance department"
    made = _run("keys", "create", "--site", SITE, "--scope", "read", "--label", label)
    other = _run("keys", "create", "--site", SITE, "--scope", "read", "--scope", "usage:read")

    assert (made.exit_code, other.exit_code) == (0, 0)
    key, unused = json.loads(made.stdout), json.loads(other.stdout)
    client = HttpClient(stack, key["key"])
    assert client.send("GET", "/v1/site").status == 200
    assert client.send("PATCH", "/v1/site", {}).status == 403

    listed = _run("keys", "list", "--site", SITE).stdout
    assert key["id"] in listed  # whole, in however narrow a terminal
    assert "reports" in listed
    assert "admin" in listed
    assert key["key"].split("_")[3] not in listed

    revoked = _run("keys", "revoke", key["id"], "--site", SITE)
    again = _run("keys", "revoke", key["id"], "--site", SITE)
    _run("keys", "revoke", unused["id"], "--site", SITE)

    assert json.loads(revoked.stdout)["revoked_at"] == json.loads(again.stdout)["revoked_at"]
    # No process has kept this one, so it is refused at once.
    assert HttpClient(stack, unused["key"]).send("GET", "/v1/site").status == 401


@pytest.mark.usefixtures("_remembered")
def test_a_new_site_is_empty_and_alone(stack: LocalStack) -> None:
    made = _run("sites", "create", "acme", "--name", "Acme Ltd", "--timezone", "Europe/Berlin")
    key = json.loads(_run("keys", "create", "--site", "acme", "--scope", "admin").stdout)["key"]

    assert json.loads(made.stdout) == {"site": "acme", "test": False}
    assert key.startswith("pp_live_")
    acme = HttpClient(stack, key)
    shown = acme.must("GET", "/v1/site")
    assert (shown["id"], shown["timezone"], shown["seller"]["name"]) == (
        "acme",
        "Europe/Berlin",
        "Acme Ltd",
    )
    assert acme.must("GET", "/v1/items") == {"data": [], "next_cursor": None}


@pytest.mark.usefixtures("_remembered")
def test_a_sweep_says_how_much_was_due() -> None:
    swept = _run("sweep", "--look-back-hours", "2")

    assert swept.exit_code == 0
    assert json.loads(swept.stdout)["due"] >= 0


@pytest.mark.usefixtures("_remembered")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "list", "--site", "nobody"), "There is no site 'nobody' on this stack."),
        (("keys", "revoke", "nothing", "--site", SITE), "has no key 'nothing'"),
        (("keys", "create", "--site", "nobody", "--scope", "read"), "no site 'nobody'"),
        (("keys", "create", "--site", SITE, "--scope", "root"), "'root' is not one of"),
        (("sites", "create", SITE, "--name", "x"), f"there is a site '{SITE}'"),
        (("sites", "create", "No", "--name", "x"), "lower-case letters"),
        (("sites", "create", "x", "--name", "x", "--timezone", "Mars"), "timezone: must be"),
        (("sites", "create", "x", "--name", "x", "--clock", "2026-10-20"), "clock: must be"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = _run(*arguments)

    assert result.exit_code != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_without_a_stack_the_commands_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "STATE_FILE", tmp_path / "local.json")

    result = _run("keys", "list", "--site", SITE)

    assert result.exit_code == 1
    assert "No local stack is running" in result.stderr
