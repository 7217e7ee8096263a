"""Lines that took the place of others: an upgrade to another item. On the recording path.

ChargeOver gives such a line another integer, and its clients go on using the one they know. So what
is said of the old line, from when the new one took its place, is said of the new one.
"""

from datetime import datetime

from postpaid.domain.subscription import Subscription

SUCCESSOR = "successor"
_DOOR, _LINES = "chargeover", "lines"


def line_at(subscription: Subscription, line_id: str, at: datetime) -> str:
    """Return the id of the line that one means at an instant: itself, or what took its place.

    Nothing but the line itself is looked at while that is in force.
    """
    passed = {line_id}
    found = line_id
    while not any(line.id == found and line.in_force(at) for line in subscription.lines):
        lines = subscription.annotations.get(_DOOR, {}).get(_LINES) or {}
        after = lines.get(found, {}).get(SUCCESSOR)
        if after is None or after in passed:
            return line_id
        passed.add(after)
        found = after
    return found
