"""Wait, within a request, for what another process makes."""

from collections.abc import Callable

from postpaid.runtime.clock import monotonic, sleep

# In milliseconds. What is made at once is seen at once, what takes long not asked for too often.
_FIRST_PAUSES = (200, 300, 500)
_PAUSE = 1000


def wait_for[Found](look: Callable[[], Found | None], seconds: int) -> Found | None:
    """Look until something is there and return it; None if nothing is for so many seconds.

    It looks at least once and at most `seconds + 3` times. A look that takes long counts as time,
    so all of it ends within *seconds* and what one look takes. What a look raises is passed on.
    """
    began = monotonic()
    pauses = iter((*_FIRST_PAUSES, *[_PAUSE] * (seconds - 1)))
    while (found := look()) is None:
        left = seconds * 1000 - int((monotonic() - began) * 1000)
        pause = min(next(pauses, 0), left)
        if pause <= 0:
            return None
        sleep(pause)
    return found
