"""The clock of a test site as one that travels: where it began, where it goes, how far it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TravelStatus(StrEnum):
    """What has become of a travel; SUCCEEDED as well where there was none yet.

    NOT_ENABLED is for live sites, whose clock is the real one.
    """

    NOT_ENABLED = "not_enabled"
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Travel:
    """One travel of a clock, named by its *run*; *reason* says of a failed one what went wrong."""

    run: str
    destination: datetime
    status: TravelStatus = TravelStatus.IN_PROGRESS
    reason: str | None = None

    def __post_init__(self) -> None:
        assert self.status is not TravelStatus.NOT_ENABLED, "who cannot travel does not"
        assert (self.reason is None) == (self.status is not TravelStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMachine:
    """A site's clock: *now* on it, where it began, and its last travel, if there was one."""

    now: datetime
    genesis: datetime
    destination: datetime | None
    status: TravelStatus
    reason: str | None = None
