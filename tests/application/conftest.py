"""The site that most cases are about."""

import pytest

from postpaid.store import keys
from tests.support.world import World


@pytest.fixture
def world() -> World:
    """A subscription to minutes on the fifth of October 2026."""
    return World.voip()


@pytest.fixture
def few_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen shards of what is due would be sixteen times the same place to fail at."""
    monkeypatch.setattr(keys, "DUE_SHARDS", 2)
