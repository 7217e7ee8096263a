"""Threads that all end, and whose failure is not lost."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait


def at_once(works: Sequence[Callable[[], None]], stop: Callable[[], None] = lambda: None) -> None:
    """Run all works, each in a thread of its own, to their ends; then raise the first failure.

    *stop* tells them to end; it is called when one has failed, or when we are interrupted.
    """
    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(work) for work in works]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop()
    for each in running:
        each.result()
