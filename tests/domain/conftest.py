"""The domain under a hostile decimal context."""

from collections.abc import Iterator
from decimal import (
    Context,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
    Rounded,
    localcontext,
)

import pytest


@pytest.fixture(autouse=True)
def _ambient_context_is_a_trap() -> Iterator[None]:
    """Make arithmetic fail that asks the process, not the code, how many digits to keep."""
    traps = [DivisionByZero, FloatOperation, InvalidOperation, Overflow, Rounded]
    with localcontext(Context(prec=1, traps=traps)):
        yield
