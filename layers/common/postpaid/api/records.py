"""What a door records usage with, in whichever function it is. On the recording path."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from postpaid.application.find_numbered import Kind, LineName
from postpaid.application.ports import Subscriptions
from postpaid.application.record_batch import Outcome
from postpaid.application.record_usage import RecordedUsage, RecordUsage
from postpaid.domain.usage import Usage, UsageKey


class Records(Protocol):
    """The usages of one site, at one instant of its clock."""

    @property
    def now(self) -> datetime:
        """The present instant on the site's clock."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """The subscriptions, those the process knows first."""
        ...

    def record(self, command: RecordUsage) -> RecordedUsage:
        """Record a usage."""
        ...

    def record_batch(
        self, commands: Sequence[RecordUsage], *, whole: bool = False
    ) -> list[Outcome]:
        """Record usages, each for itself, or as a *whole* if one is judged wrong."""
        ...

    def read(self, key: UsageKey) -> Usage | None:
        """Read a usage, a deleted one too."""
        ...

    def named(self, text: str) -> UsageKey | None:
        """Read which usage of the site has an external id."""
        ...

    def number(self, usage: Usage) -> int:
        """Return the integer of a usage."""
        ...

    def line_of(self, number: int) -> LineName | None:
        """Read which line has, or had, an entry with an integer."""
        ...

    def id_of(self, kind: Kind, number: int) -> str | None:
        """Read the id of the thing of a kind that has an integer."""
        ...

    def subscriptions_of(self, customer_id: str, limit: int) -> list[str]:
        """Read at most *limit* ids of a customer's subscriptions, ended ones too."""
        ...

    def new_id(self) -> str:
        """Return an id that nothing has."""
        ...
