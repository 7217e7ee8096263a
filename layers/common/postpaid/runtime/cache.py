"""A small cache for a warm process: bounded in number and in age."""

from collections.abc import Callable, Hashable

from postpaid.runtime.clock import monotonic

AGE_MAX_SECONDS = 60.0
_SIZE_MAX = 10_000


class Cache[Value]:
    """Values by key, each at most a minute old; keys name the site, values stay with it."""

    def __init__(self, age_max_seconds: float = AGE_MAX_SECONDS) -> None:
        self._age_max = age_max_seconds
        self._entries: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable, read: Callable[[], Value | None]) -> Value | None:
        """Return the kept value, or read and keep it; that nothing is there is not kept."""
        entry = self._entries.get(key)
        if entry is not None and monotonic() - entry[0] < self._age_max:
            return entry[1]
        value = read()
        if value is not None:
            self.put(key, value)
        return value

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value that was just read."""
        if len(self._entries) >= _SIZE_MAX:
            self._entries.clear()
        self._entries[key] = (monotonic(), value)
