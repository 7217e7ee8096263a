"""What can happen to one request to AWS, and which of it makes sense for which operation."""

from enum import StrEnum

READS = frozenset({"GetItem", "Query", "BatchGetItem", "GetObject", "HeadObject"})


class Kind(StrEnum):
    """A fault, by the letters of the fault model.

    LANDS_… are requests whose answer never comes and that take effect only later: after so many
    further calls, or when everything has come to rest. The last six are answers that only some
    operations have.
    """

    DROPPED = "dropped"
    LOST_ANSWER = "lost_answer"
    THROTTLED = "throttled"
    ERROR = "error"
    ERROR_APPLIED = "error_applied"
    DUPLICATED = "duplicated"
    LANDS_SOON = "lands_soon"
    LANDS_LATER = "lands_later"
    LANDS_LAST = "lands_last"
    KILLED_BEFORE = "killed_before"
    KILLED_AFTER = "killed_after"
    CONFLICT = "conflict"
    IN_PROGRESS = "in_progress"
    SHORT_PAGE = "short_page"
    UNPROCESSED = "unprocessed"
    STALE = "stale"
    PRECONDITION = "precondition"


class Mode(StrEnum):
    """ONCE: the SDK's own retry, or the next process, meets it no more. ALWAYS: all attempts do."""

    ONCE = "once"
    ALWAYS = "always"


LATER = {Kind.LANDS_SOON: 2, Kind.LANDS_LATER: 9, Kind.LANDS_LAST: 10**9}
KILLS = frozenset({Kind.KILLED_BEFORE, Kind.KILLED_AFTER})
_COMMON = (
    *(Kind.DROPPED, Kind.LOST_ANSWER, Kind.THROTTLED, Kind.ERROR),
    *(Kind.KILLED_BEFORE, Kind.KILLED_AFTER),
)
_OF_WRITES = (
    *(Kind.ERROR_APPLIED, Kind.DUPLICATED),
    *(Kind.LANDS_SOON, Kind.LANDS_LATER, Kind.LANDS_LAST),
)
_SPECIFIC = {
    "TransactWriteItems": (Kind.CONFLICT, Kind.IN_PROGRESS),
    "Query": (Kind.SHORT_PAGE,),
    "BatchGetItem": (Kind.UNPROCESSED, Kind.STALE),
    "PutObject": (Kind.PRECONDITION,),
}


def kinds_of(operation: str, *, consistent: bool = True) -> tuple[Kind, ...]:
    """Return the faults of an operation; only reads that are not *consistent* may be stale."""
    kinds: tuple[Kind, ...] = _COMMON if operation in READS else (*_COMMON, *_OF_WRITES)
    kinds += _SPECIFIC.get(operation, ())
    return kinds if consistent or Kind.STALE in kinds else (*kinds, Kind.STALE)
