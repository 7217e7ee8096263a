"""Find things by the integer that they have beside their id."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from postpaid.application.ports import Subscriptions
from postpaid.domain.subscription import Subscription

# What has an integer, but for lines: an entry of a line names its line.
type Kind = Literal["customer", "item_family", "item", "item_price", "subscription", "invoice"]


@dataclass(frozen=True, slots=True)
class LineName:
    """Which line of which subscription an integer means."""

    subscription_id: str
    line_id: str


class Numbered(Protocol):
    """Which thing of one site has which integer; what is stored can be found at once."""

    def id_of(self, kind: Kind, number: int) -> str | None:
        """Read the id of the thing of a kind that has an integer, None if none has."""
        ...

    def line_of(self, number: int) -> LineName | None:
        """Read which line has, or had, an entry with an integer, None if none."""
        ...


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A subscription as it is now, and the id of the line of it that an integer means."""

    subscription: Subscription
    line_id: str


def find_numbered[Thing](
    kind: Kind, number: int, *, numbered: Numbered, read: Callable[[str], Thing | None]
) -> Thing | None:
    """Return the thing of a kind that has an integer, None if none has; *read* reads it by its id.

    Those that are archived, deleted or ended are found as they are by their ids.
    """
    identifier = numbered.id_of(kind, number)
    return None if identifier is None else read(identifier)


def find_line(number: int, *, numbered: Numbered, subscriptions: Subscriptions) -> FoundLine | None:
    """Return the line that an integer means, None if it means none.

    Each entry of a line has an integer of its own, and all of them mean the line, for ever: one
    that was replaced by a change of price or quantity, one that was to come and was taken back, and
    those of a line that was removed. What is in force, and when, the subscription says.
    """
    name = numbered.line_of(number)
    subscription = None if name is None else subscriptions.get(name.subscription_id)
    if name is None or subscription is None:
        return None
    return FoundLine(subscription, name.line_id)
