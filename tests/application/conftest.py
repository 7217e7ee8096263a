"""The site that most cases are about."""

import pytest

from tests.support.world import World


@pytest.fixture
def world() -> World:
    """A subscription to minutes on the fifth of October 2026."""
    return World.voip()
