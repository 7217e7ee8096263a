"""The auditor's books: every request and what came of it, as its client was told.

An outcome is one of three: *ok* and *refused* are promises; *unknown*, that no answer came or that
the service could not say, is none.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from random import Random
from threading import Lock
from typing import Any

_RECENT = 60


class Act(StrEnum):
    RECORD = "record"
    CORRECT = "correct"
    DELETE = "delete"


class Outcome(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The identity of a usage: whose it is, and the instant and event that it is for."""

    subscription_id: str
    line_id: str
    at: str
    event_id: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.subscription_id, self.line_id, self.at, self.event_id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer said of a usage."""

    id: str
    version: int
    quantity: Fraction
    deleted: bool
    billing: str | None = None
    replayed: bool | None = None

    @property
    def counts(self) -> Fraction:
        """The quantity that is to be billed."""
        return Fraction(0) if self.deleted else self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to write, in seconds of one clock; *told* if it was answered with a 2xx."""

    client: int
    act: Act
    place: Place
    quantity: Fraction | None = None
    over: int | None = None
    key: str | None = None
    began: float
    ended: float
    outcome: Outcome
    code: str = ""
    told: Told | None = None

    def __str__(self) -> str:
        asked = "" if self.quantity is None else f" {shown(self.quantity)}"
        over = "" if self.over is None else f" over version {self.over}"
        said = self.code
        if self.told is not None:
            state = "deleted" if self.told.deleted else shown(self.told.quantity)
            replayed = ", replayed" if self.told.replayed else ""
            said = f"version {self.told.version}, {state}, {self.told.billing}{replayed}"
        when = f"{self.began:8.3f}-{self.ended:8.3f}"
        return f"{when} client {self.client}: {self.act}{asked}{over}: {self.outcome} {said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One reading of a usage; *told* is None where it was not found."""

    client: int
    place: Place
    began: float
    ended: float
    told: Told | None


class Books:
    """What all clients asked for and were told; safe to share between threads."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.sights: list[Sight] = []
        self.places: dict[tuple[str, str], Place] = {}
        self.issued: dict[str, dict[str, Any]] = {}
        self.changed: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.outcomes: Counter[Outcome] = Counter()
        self.faults: list[str] = []
        self._known: dict[Place, Told] = {}
        self._order: list[Place] = []
        self._lock = Lock()

    def count(self, outcome: Outcome) -> None:
        """Count a request of whatever kind."""
        with self._lock:
            self.outcomes[outcome] += 1

    def wrote(self, attempt: Attempt) -> None:
        """Enter a request to write."""
        with self._lock:
            self.attempts.append(attempt)
            self._learn(attempt.place, attempt.told)

    def saw(self, sight: Sight) -> None:
        """Enter a reading."""
        with self._lock:
            self.sights.append(sight)
            self._learn(sight.place, sight.told)

    def read_invoice(self, invoice: dict[str, Any]) -> None:
        """Enter what an issued invoice said: it may never say anything else."""
        with self._lock:
            before = self.issued.setdefault(invoice["id"], said(invoice))
            if before != said(invoice):
                self.changed.append((before, said(invoice)))

    def failed(self, fault: str) -> None:
        """Enter an answer that no request should ever get."""
        with self._lock:
            self.faults.append(fault)

    def pick(self, dice: Random) -> tuple[Place, Told] | None:
        """Return a usage that some client was told of, rather a recent one."""
        recent, lot = dice.random() < 0.6, dice.random()
        with self._lock:
            among = self._order[-_RECENT:] if recent else self._order
            if not among:
                return None
            place = among[int(lot * len(among))]
            return place, self._known[place]

    def of(self, place: Place) -> Iterator[Attempt]:
        """Yield what was asked of one usage, in order of the answers."""
        with self._lock:
            found = [attempt for attempt in self.attempts if attempt.place == place]
        yield from sorted(found, key=lambda attempt: attempt.ended)

    def _learn(self, place: Place, told: Told | None) -> None:
        if told is None:
            return
        self.places[place.subscription_id, told.id] = place
        known = self._known.get(place)
        if known is None:
            self._order.append(place)
        if known is None or known.version < told.version:
            self._known[place] = told


def said(invoice: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an issued invoice may never say differently."""
    moving = {"document", "amount_paid", "amount_due", "payment"}
    return {name: value for name, value in invoice.items() if name not in moving}


def shown(quantity: Fraction) -> str:
    """Return a quantity as it was sent."""
    return f"{(Decimal(quantity.numerator) / quantity.denominator).normalize():f}"
