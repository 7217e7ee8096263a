"""Examples in the domain's docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from postpaid import domain

MODULES = [
    module.name for module in pkgutil.walk_packages(domain.__path__, prefix=f"{domain.__name__}.")
]
# Those that are known to have examples: a run that finds none would prove nothing.
WITH_EXAMPLES = {"postpaid.domain.calendar", "postpaid.domain.quantity"}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))

    assert result.failed == 0
    assert result.attempted > 0 or name not in WITH_EXAMPLES


def test_the_modules_with_examples_are_there() -> None:
    assert set(MODULES) >= WITH_EXAMPLES
