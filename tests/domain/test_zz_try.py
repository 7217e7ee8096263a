from datetime import timedelta
from zoneinfo import ZoneInfo
from hypothesis import given, example, strategies as st
from postpaid.domain.calendar import *
from postpaid.domain.calendar import UNITS
from tests.support.laws import instants, zones, tried

SECOND = timedelta(seconds=1)
from datetime import datetime, UTC


def u(t):
    return datetime.fromisoformat(t).astimezone(UTC)


cad = st.builds(Cadence, st.sampled_from(UNITS), st.sampled_from((1, 1, 1, 2, 3, 7)))


@given(
    instants, zones, cad, st.integers(-(10**8), 10**8), st.integers(0, 60), st.integers(0, 10**8)
)
@example(u("2011-12-28T10:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day"), 0, 0, 0)
@example(u("2011-12-28T10:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day"), 3600, 0, 0)
@example(u("2011-12-28T10:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day", 2), 0, 0, 0)
@example(u("2011-12-29T10:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day", 3), 0, 0, 0)
@example(u("2011-12-30T09:59:59Z"), ZoneInfo("Pacific/Apia"), Cadence("day", 1), 0, 0, 0)
@example(u("2011-12-30T10:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day", 1), 0, 0, 0)
@example(
    u("2012-02-01T10:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day", 1), -3600 * 24 * 40, 0, 0
)
@example(
    u("2011-12-31T23:00:00Z"), ZoneInfo("Pacific/Apia"), Cadence("day", 1), -3600 * 24 * 3, 0, 0
)
@tried(400)
def test_tile(anchor, zone, cadence, offset, n0, stride):
    start = anchor + timedelta(seconds=offset)
    s = Schedule(start, anchor, zone, cadence)
    assert s.term(0).start == start
    for n in range(n0, n0 + 12):
        t = s.term(n)
        assert t.end == s.term(n + 1).start
        inside = t.start + (stride * (n + 1) * SECOND) % (t.end - t.start)
        assert s.index(t.start) == n
        assert s.index(inside) == n
        assert s.index(t.end - SECOND) == n
        assert s.index(t.end) == n + 1
        f = s.full_term(n)
        assert f.end == t.end and f.start <= t.start
        k = boundary_index(anchor, zone, cadence, t.start)
        assert (
            boundary(anchor, zone, cadence, k) <= t.start < boundary(anchor, zone, cadence, k + 1)
        )
    assert s.index(start - SECOND) == 0
