"""The only caller of "now": UTC, whole seconds."""

import time
from datetime import UTC, datetime, timedelta

from postpaid.domain.site import Site


def real_now() -> datetime:
    """Return the present instant, cut to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def site_now(site: Site) -> datetime:
    """Return the present instant on a site's clock; a test site's may be moved, and ticks."""
    return real_now() + timedelta(seconds=site.clock_offset_seconds)


def monotonic() -> float:
    """Return seconds on a clock that only measures durations."""
    return time.monotonic()
