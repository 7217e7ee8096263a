"""Guards without which nothing goes wrong, and why they are there all the same."""

_UNPARK = "closing.StoredClosing.unpark:TransactWriteItems"
# tests/store/test_parking.py and tests/application/test_sync_invoice.py show what these refuse.
_DUE_AGAIN = "what is done and due again is found done by the next sweep, which takes it off"
SPARE: dict[str, str] = {
    f"{_UNPARK} invoice META OneOf parked": _DUE_AGAIN,
    f"{_UNPARK} invoice META OneOf status": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM Absent due_at": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM OneOf due_at": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM OneOf run": _DUE_AGAIN,
    f"{_UNPARK} subscription TERM OneOf status": _DUE_AGAIN,
}
# Writes with conditions that no two handlers meet at, and what shows their conditions instead.
UNMET: dict[str, str] = {}
