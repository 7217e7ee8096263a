"""The functions in process, once for all tests that do not sweep what is due."""

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
