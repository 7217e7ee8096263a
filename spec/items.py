"""The items that are stored, as far as the protocol reads or writes them.

Dates are small integers, and a term of natural length has `LENGTH` of them.
"""

from enum import StrEnum
from typing import NamedTuple

LENGTH = 4


class Status(StrEnum):
    """Where a term stands."""

    OPEN = "OPEN"
    GRACE = "GRACE"
    CLOSING = "CLOSING"
    FROZEN = "FROZEN"


class Head(StrEnum):
    """Where an invoice stands."""

    PENDING = "PENDING"
    ISSUED = "ISSUED"
    SKIPPED = "SKIPPED"


class Billing(StrEnum):
    """What a recorded usage is told about its invoice."""

    ON_TIME = "on_time"
    PENDING = "pending"
    LATE = "late"


class Key(NamedTuple):
    """The identity of a usage: a line at a date."""

    line: str
    date: int

    def __str__(self) -> str:
        return f"{self.line}@{self.date}"


class Usage(NamedTuple):
    """One usage as it is stored; a deleted one is a tombstone, and *version* 0 is a hole."""

    key: Key
    version: int
    quantity: int
    deleted: bool = False
    request: str = ""
    external_id: str = ""

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"usage {self.key}"

    @property
    def billable(self) -> int:
        """The quantity that counts."""
        return 0 if self.deleted else self.quantity

    def __str__(self) -> str:
        if self.version == 0:
            return f"no {self.key}"
        named = f" named {self.external_id}" if self.external_id else ""
        what = "deleted" if self.deleted else f"= {self.quantity}"
        return f"{self.key} v{self.version} {what}{named}"


class Written(NamedTuple):
    """Every version of a usage that ever was: nobody but the invariants can read it."""

    key: Key
    versions: tuple[Usage, ...]

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"written {self.key}"


class Bound(NamedTuple):
    """An entry of the register: which usage an external id names."""

    external_id: str
    key: Key

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"external id {self.external_id}"

    def __str__(self) -> str:
        return f"{self.external_id} names {self.key}"


class Count(NamedTuple):
    """How many usages there ever were; *maximum* is how many there may be."""

    counted: int
    maximum: int

    @property
    def name(self) -> str:
        """Its key in the table."""
        return "count"

    def __str__(self) -> str:
        return f"{self.counted} of {self.maximum}"


class Entry(NamedTuple):
    """What a manifest says of a usage: from which billed version and quantity to which."""

    key: Key
    was: tuple[int, int]
    now: tuple[int, int]

    def __str__(self) -> str:
        (was, before), (now, after) = self.was, self.now
        return f"{self.key} v{was}:{before} to v{now}:{after}"


type Manifest = tuple[Entry, ...]


class Term(NamedTuple):
    """One term; *first* is its first manifest, *manifests* counts them all.

    *changes* counts what was changed while it was OPEN, *last* is noted when it ends without a
    successor, *run* is the close that holds it, and a parked one waits for a request.
    """

    start: int
    end: int
    status: Status = Status.OPEN
    run: str = ""
    changes: int = 0
    last: bool = False
    parked: bool = False
    manifests: int = 0
    first: Manifest | None = None

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"term {self.start}"

    def __str__(self) -> str:
        run = f" by {self.run}" if self.status is Status.CLOSING else ""
        return f"[{self.start}, {self.end}) {self.status}{run}{' parked' if self.parked else ''}"


class Bill(NamedTuple):
    """Which invoice: the k-th of the term that starts at *start*."""

    start: int
    k: int

    def __str__(self) -> str:
        return f"{self.start}.{self.k}"


class Appended(NamedTuple):
    """A later manifest of a term; *billed_in* is None while it waits for another term's invoice."""

    bill: Bill
    entries: Manifest
    billed_in: Bill | None

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"manifest {self.bill}"

    def __str__(self) -> str:
        return f"manifest {self.bill}"


class Invoice(NamedTuple):
    """The head of an invoice; one that is issued has a number."""

    bill: Bill
    head: Head = Head.PENDING
    number: int = 0

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"invoice {self.bill}"

    def __str__(self) -> str:
        return f"{self.head} {self.number or ''}".rstrip()


class Counter(NamedTuple):
    """The next number of the series."""

    upcoming: int

    @property
    def name(self) -> str:
        """Its key in the table."""
        return "counter"


class Number(NamedTuple):
    """A number of the series, and the invoice that drew it."""

    number: int
    bill: Bill

    @property
    def name(self) -> str:
        """Its key in the table."""
        return f"number {self.number}"


class Content(NamedTuple):
    """An object in the bucket, named by what it says: the manifest of an invoice."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """Its key in the bucket."""
        return f"content {self.manifest}"


class Subscription(NamedTuple):
    """What the protocol needs of a subscription: where it ends, if it does."""

    version: int = 1
    end: int | None = None

    @property
    def name(self) -> str:
        """Its key in the table."""
        return "subscription"

    def is_last(self, term: Term) -> bool:
        """Tell whether a term has no successor."""
        return self.end is not None and self.end <= term.end

    def successor(self, end: int) -> Term | None:
        """Return the term that begins where another ends; None after the last."""
        if self.end is not None and self.end <= end:
            return None
        return Term(end, self.term_end(end))

    def term_end(self, start: int) -> int:
        """Return where a term ends that is left alone."""
        natural = (start // LENGTH + 1) * LENGTH
        return natural if self.end is None else min(natural, self.end)

    def __str__(self) -> str:
        return f"ends at {self.end}" if self.end else "goes on"


type Item = (
    Usage
    | Written
    | Bound
    | Count
    | Term
    | Appended
    | Invoice
    | Counter
    | Number
    | Content
    | Subscription
)
