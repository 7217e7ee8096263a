"""A line: an item price on a subscription, over the time it is in force."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from postpaid.domain.errors import LimitExceeded
from postpaid.domain.usage import Aggregation, Recording

if TYPE_CHECKING:
    from postpaid.domain.charge import Charge

LINES_MAX = 50  # in force at one time
ENTRIES_MAX = 300  # lines and all their changes, for ever
LABEL_LENGTH_MAX = 250
ENTRIES_BYTES_MAX = 350_000  # a subscription is one item of DynamoDB, which takes 409 600
_ENTRY_BYTES = 330  # names of fields, instants, numbers and words


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of a line: its price and quantity over `[since, until)`; usage belongs to a line.

    Another price or quantity ends one entry and begins the next under the same *id*, so that no
    usage moves; *number* is the entry's own integer. *since* None is the subscription's start,
    *until* None is without end. *quantity* is the number of units a recurring line is charged for;
    a metered line has none. *unit*, *metered*, *recording* and *aggregation* are copies of the
    item's, which never change there. *charge_text* is a charge of the line's own, as text;
    None if its item price's counts. Fees, tax and currency are the item price's in any case.
    *label* is what invoices call it, None for the item price's name.
    """

    id: str
    number: int
    item_id: str
    item_price_id: str
    price_version: int
    name: str
    unit: str | None
    metered: bool
    recording: Recording
    quantity: Decimal | None
    aggregation: Aggregation = Aggregation.SUM
    since: datetime | None = None
    until: datetime | None = None
    charge_text: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        # An entry that was replaced at its own start was never in force, but its line was there.
        assert self.since is None or self.until is None or self.since <= self.until

    @property
    def charge(self) -> "Charge | None":
        """The line's own charge, None if its item price's counts."""
        if self.charge_text is None:
            return None
        # Recording reads every line and prices none: it must not load what prices.
        from postpaid.domain.charge import Charge  # noqa: PLC0415

        return Charge.from_text(self.charge_text)

    def in_force(self, instant: datetime) -> bool:
        """Tell whether the entry is in force at an instant of the subscription's life."""
        began = self.since is None or self.since <= instant
        return began and (self.until is None or instant < self.until)


def bytes_of(entries: Iterable[Line]) -> int:
    """Return how many bytes entries take at most where they are stored, by their texts."""
    return sum(
        _ENTRY_BYTES + sum(len((text or "").encode()) for text in _texts(line)) for line in entries
    )


def _texts(line: Line) -> tuple[str | None, ...]:
    names = (line.id, line.item_id, line.item_price_id, line.name, line.unit)
    return *names, line.charge_text, line.label


def check_bytes(entries: Iterable[Line]) -> None:
    """Refuse entries that would not fit where they are stored; raises `LimitExceeded`."""
    if bytes_of(entries) > ENTRIES_BYTES_MAX:
        raise LimitExceeded(
            "limit_exceeded",
            f"its lines and their changes would take more than {ENTRIES_BYTES_MAX} bytes",
        )


def new_entries(entries: Iterable[Line], before: Iterable[Line]) -> tuple[Line, ...]:
    """Return the entries that were not there before; one that was only ended was."""
    known = {line.number for line in before}
    return tuple(line for line in entries if line.number not in known)


def default_line_id(item_price_id: str, taken: Iterable[str]) -> str:
    """Name a line after its item price; `price.2` and so on where that is taken.

    Ids have at most 100 characters, so a long name gives way to its counter.
    """
    used = set(taken)
    if item_price_id not in used:
        return item_price_id
    for n in range(2, ENTRIES_MAX + 2):
        suffix = f".{n}"
        candidate = item_price_id[: 100 - len(suffix)] + suffix
        if candidate not in used:
            return candidate
    raise AssertionError("more lines than a subscription can have")
