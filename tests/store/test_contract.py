"""The contract of a table, held against the twin and against MiniStack."""

import pytest

from postpaid.store.tables import Table
from tests.store.contract import PROMISES, Promise


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_contract(promise: Promise, billing: Table) -> None:
    promise(billing)
