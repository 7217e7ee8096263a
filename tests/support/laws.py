"""What laws are tried with: the same examples on every run, and zones that do not depend on here.

Importing this file makes both so, for the whole process. `POSTPAID_SEARCH=50 pytest tests/domain`
searches fifty times as long, and elsewhere each time.
"""

import os
import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

SEARCH = int(os.environ.get("POSTPAID_SEARCH", "1"))

# A gate that fails by luck is no gate; a stalled machine is no failure either.
settings.register_profile(
    "laws", deadline=None, derandomize=SEARCH == 1, database=None, max_examples=60 * SEARCH
)
settings.load_profile("laws")


def tried(times: int) -> settings:
    """Try a law so many times where the usual sixty are too few."""
    return settings(max_examples=times * SEARCH)


# As in Lambda: from the locked tzdata, whatever the machine has.
zoneinfo.reset_tzpath(to=())
ZONE_NAMES = sorted(zoneinfo.available_timezones() - {"Factory"})

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_SECONDS = int((datetime(2100, 1, 1, tzinfo=UTC) - _FIRST).total_seconds())

zones: st.SearchStrategy[ZoneInfo] = st.sampled_from(ZONE_NAMES).map(ZoneInfo)
instants: st.SearchStrategy[datetime] = st.integers(0, _SECONDS - 1).map(
    lambda second: _FIRST + timedelta(seconds=second)
)


@st.composite
def plain_numbers(draw: st.DrawFn, *, signed: bool = False) -> str:
    """Write a number as clients must: up to 18 digits, a point, up to 20 digits."""
    sign = draw(st.sampled_from(("", "-"))) if signed else ""
    whole = draw(st.integers(0, 10**18 - 1))
    fraction = draw(st.text("0123456789", max_size=20))
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
