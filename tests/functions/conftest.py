"""The functions in process, imported twice: for tests that sweep all sites, and for the others."""

from typing import TYPE_CHECKING

import pytest

from postpaid_cli.aws import LocalAws
from tests.support.functions import Functions, functions_on

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def functions(aws: LocalAws) -> "Iterator[Functions]":
    """All functions on tables of their own; every test module makes sites of its own."""
    with functions_on(aws) as imported:
        yield imported


@pytest.fixture(scope="session")
def sweepable(aws: LocalAws) -> "Iterator[Functions]":
    """All functions on tables that hold little, for tests that sweep all there is on them."""
    with functions_on(aws) as imported:
        yield imported
