"""What an audit can find, and all there is to be told of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    LOST = "lost"  # acknowledged, or stored, and not there or not billed
    DOUBLED = "double-billed"  # recorded or billed more than once, or what is deleted is billed
    FALSE = "false on_time"  # told `on_time` and not on its own term's invoice
    INVENTED = "invented"  # there or billed, and nobody whose request might have counted asked
    STALE = "stale"  # a read that does not show what was acknowledged before it
    AMOUNT = "wrong amount"
    TERM = "wrong term"
    NUMBER = "wrong number"
    CHANGED = "changed"  # an issued invoice that says something else
    UNSETTLED = "unsettled"  # not at its end, or an answer that nobody should get


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which invariant it breaks, and what was asked and answered."""

    kind: Kind
    invariant: str
    text: str
    evidence: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the finding as it is printed."""
        yield f"{self.kind} ({self.invariant}): {self.text}"
        yield from (f"    {each}" for each in self.evidence)
