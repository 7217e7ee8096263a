"""Fixtures that cost seconds and are shared: a bare engine, and the deployed stack."""

from typing import TYPE_CHECKING

import pytest

from postpaid_cli import engine as engines
from postpaid_cli.aws import LocalAws
from postpaid_cli.engine import Engine
from postpaid_cli.stack import LocalStack, bring_up

if TYPE_CHECKING:
    from collections.abc import Iterator

# An engine whose tests were killed ends by itself.
LIFETIME_SECONDS = 60 * 60


# Of one place: the deployed stack, and what is built.
_BUILT = ("test_built_layer.py", "test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and in one all that need the stack."""
    for item in items:
        is_stack = item.get_closest_marker("stack") is not None or item.path.name in _BUILT
        item.add_marker(pytest.mark.xdist_group("stack" if is_stack else str(item.path)))


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
def stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[LocalStack]":
    """The stack, built and deployed on an engine of its own, with a test site and its keys."""
    running = bring_up(tmp_path_factory.mktemp("stack"), lifetime_seconds=LIFETIME_SECONDS)
    yield running
    engines.stop(running.engine)
