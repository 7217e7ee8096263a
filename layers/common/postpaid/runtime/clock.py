"""The only caller of "now": UTC, whole seconds."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from postpaid.domain.site import Site

# The header has whole seconds, and its answer was under way for a while.
AHEAD_MAX = timedelta(seconds=5)


class _Host:
    """By how much this host's clock was found to be ahead of the platform's."""

    ahead = timedelta()


def real_now() -> datetime:
    """Return the present instant, cut to the second; by the platform's clock if ours is ahead."""
    return (datetime.now(UTC) - _Host.ahead).replace(microsecond=0)


def note_server_date(date: str) -> None:
    """Hold this host's clock against the `Date` of an answer that has just come (RFC 9110, 6.6.1).

    A host that is ahead by more than five seconds goes by the platform's time, so that nothing
    closes early. One that is behind closes later, which does no harm.
    """
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return  # no date, no judgement
    if told.tzinfo is None:  # "-0000": a time of nobody knows where
        return
    ahead = datetime.now(UTC) - told
    _Host.ahead = ahead if ahead > AHEAD_MAX else timedelta()


def site_now(site: Site) -> datetime:
    """Return the present instant on a site's clock; a test site's may be moved, and ticks."""
    return real_now() + timedelta(seconds=site.clock_offset_seconds)


def monotonic() -> float:
    """Return seconds on a clock that only measures durations."""
    return time.monotonic()


def milliseconds() -> int:
    """Return whole milliseconds on that clock."""
    return time.monotonic_ns() // 1_000_000


def sleep(milliseconds: int) -> None:
    """Let some time pass."""
    time.sleep(milliseconds * 0.001)
