"""How often handlers try anew, where that is bounded for speed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from postpaid.application import close_invoice, reconcile_term


@contextmanager
def few_tries() -> Iterator[None]:
    """Let a close or a reconciliation give up after two tries, for as long as this lasts.

    A guard that is gone shows at the first of them; two closers that take a term from each other
    eight times are a thousand times as many moments.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(close_invoice, "_TRIES", 2)
        patch.setattr(close_invoice, "_FREEZES", 2)
        patch.setattr(reconcile_term, "_TRIES", 2)
        yield
