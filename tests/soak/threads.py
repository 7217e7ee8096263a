"""Threads that all end, and whose failure is not lost."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


def at_once(works: Sequence[Callable[[], None]]) -> None:
    """Run all works, each in a thread of its own, to their ends; then raise the first failure."""
    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(work) for work in works]
    for each in running:
        each.result()
