"""How often handlers try anew, where that is bounded for speed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from postpaid.application import (
    close_invoice,
    delete_invoice,
    one_time_charges,
    reconcile_term,
    sync_invoice,
)


@contextmanager
def few_tries(count: int = 2) -> Iterator[None]:
    """Let what tries anew give up after so many tries, for as long as this lasts.

    A guard that is gone shows at the first of them; two closers that take a term from each other
    eight times are a thousand times as many moments, which are like those before.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(close_invoice, "_TRIES", count)
        patch.setattr(close_invoice, "_FREEZES", count)
        patch.setattr(delete_invoice, "_TRIES", count)
        patch.setattr(one_time_charges, "_TRIES", count)
        patch.setattr(reconcile_term, "_TRIES", count)
        patch.setattr(sync_invoice, "_TRIES", count)
        yield
