"""Fixtures that cost seconds and are shared: a bare engine, and the deployed stack."""

import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

from postpaid_cli import engine as engines
from postpaid_cli.aws import LocalAws
from postpaid_cli.engine import Engine
from postpaid_cli.stack import LocalStack, bring_up

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
# An engine whose tests were killed ends by itself.
LIFETIME_SECONDS = 60 * 60


# Of one place: the deployed stack, and what is built.
_BUILT = ("test_built_layer.py", "test_demo.py")
# All meetings of two handlers take minutes, and are explored once in a process.
_MEETINGS = ("test_schedules.py", "test_guards.py")


class _ByPlace(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of a file in one process, and in one those of several that share much.

    xdist's own groups go by ids of tests that pytest 9.2 does not let a plugin write any more, and
    fail to group in silence (pytest-xdist, issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return place_of(nodeid.partition("::")[0])


@cache
def place_of(path: str) -> str:
    """Return what is run in one process: the file at a path, or what is of one place with it."""
    file = ROOT / path
    is_stack = file.name in _BUILT or "pytest.mark.stack" in file.read_text(encoding="utf-8")
    if is_stack:
        return "stack"
    return "meetings" if file.name in _MEETINGS else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Spread the tests over processes by their places."""
    return _ByPlace(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests say they came to, by `record_property("came_to", …)`."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "came_to" and report.when == "call":
                    terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Engine]":
    """A bare MiniStack on a free port, with nothing deployed."""
    running = engines.start(tmp_path_factory.mktemp("engine"), lifetime_seconds=LIFETIME_SECONDS)
    yield running
    engines.stop(running)


@pytest.fixture(scope="session")
def aws(engine: Engine) -> LocalAws:
    """Clients of the bare MiniStack."""
    return LocalAws(engine.endpoint)


@pytest.fixture(scope="session")
def usage_url_port() -> int:
    """A port on loopback that was free: usage URLs of the deployed stack may lead there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, usage_url_port: int) -> "Iterator[LocalStack]":
    """The stack, built and deployed on an engine of its own, with a test site and its keys."""
    running = bring_up(
        tmp_path_factory.mktemp("stack"),
        lifetime_seconds=LIFETIME_SECONDS,
        usage_url_test_hosts=f"127.0.0.1:{usage_url_port}",
    )
    yield running
    engines.stop(running.engine)
