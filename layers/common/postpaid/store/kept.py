"""What a store may be given to repeat a read from memory."""

from collections.abc import Callable, Hashable
from typing import Protocol


class Kept[Value](Protocol):
    """Values that a warm process keeps for a bounded time, by primary key."""

    def get(self, key: Hashable, read: Callable[[], Value | None]) -> Value | None:
        """Return the kept value, or read and keep it."""
        ...

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value that was just read."""
        ...
