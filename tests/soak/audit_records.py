"""Is what was answered there? Each usage's versions, against what its clients asked and were told.

Versions of a usage rise by one and each is made by one request, so two answers of the same version
must say the same, only one of them may say that it is new, and none may be above what there is.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from tests.soak.books import Act, Attempt, Books, Outcome, Place, Sight, Told, shown
from tests.soak.ending import Ending
from tests.soak.findings import Finding, Kind


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of one usage; *live* is what there is in the end."""

    place: Place
    attempts: tuple[Attempt, ...]
    sights: tuple[Sight, ...]
    live: Told | None

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was asked and answered, in order of the answers."""
        end = "nothing, or deleted"
        if self.live is not None:
            end = f"version {self.live.version}, {shown(self.live.quantity)}"
        asked = sorted(self.attempts, key=lambda attempt: attempt.ended)
        return *map(str, asked), f"in the end: {end}"

    @property
    def told(self) -> list[Told]:
        """What the answers said of it."""
        return [attempt.told for attempt in self.attempts if attempt.told is not None]

    @property
    def last(self) -> Told | None:
        """The newest version that was acknowledged."""
        return max(self.told, key=lambda told: told.version, default=None)

    def fact(self, version: int) -> Told | None:
        """Return what answers said of a version."""
        return next((told for told in self.told if told.version == version), None)

    def finding(self, kind: Kind, invariant: str, text: str) -> Finding:
        """Return a finding about this usage, with its history."""
        return Finding(kind, invariant, f"{self.place}: {text}", self.evidence)

    def might_be(self, version: int, quantity: Fraction | None) -> bool:
        """Tell whether a request that was not refused asked for this; None: for a deletion."""
        return any(
            _makes(attempt, version, quantity)
            for attempt in self.attempts
            if attempt.outcome is not Outcome.REFUSED
        )

    def might_have_deleted(self, version: int, before: float | None = None) -> bool:
        """Tell whether a deletion may have come behind a version, and before an instant."""
        return any(
            attempt.told is None or attempt.told.version > version
            for attempt in self.attempts
            if attempt.act is Act.DELETE
            and attempt.outcome is not Outcome.REFUSED
            and (before is None or attempt.began < before)
        )


def histories(books: Books, ending: Ending) -> dict[Place, History]:
    """Return what is known of every usage that was asked for, seen, or is there."""
    attempts, sights = defaultdict(list), defaultdict(list)
    for attempt in books.attempts:
        attempts[attempt.place].append(attempt)
    for sight in books.sights:
        sights[sight.place].append(sight)
    return {
        place: History(place, tuple(attempts[place]), tuple(sights[place]), ending.live.get(place))
        for place in sorted({*attempts, *sights, *ending.live})
    }


def audit_records(known: Mapping[Place, History]) -> Iterator[Finding]:
    """Find what is not there, what is there and should not be, and what answers contradict."""
    for history in known.values():
        yield from _answers_agree(history)
        yield from _requests_count_once(history)
        yield from _nothing_lost(history)
        yield from _nothing_invented(history)
        yield from _reads_are_fresh(history)


def _answers_agree(history: History) -> Iterator[Finding]:
    """I-01, I-07: a version is one fact, and one request made it."""
    versions = defaultdict(list)
    for told in history.told:
        versions[told.version].append(told)
    for version, answers in versions.items():
        if len({(told.counts, told.deleted) for told in answers}) > 1:
            said = f"answers say different things of version {version}"
            yield history.finding(Kind.LOST, "I-01", said)
        if sum(told.replayed is False for told in answers) > 1:
            said = f"two requests were told that they made version {version}"
            yield history.finding(Kind.DOUBLED, "I-07", said)


def _requests_count_once(history: History) -> Iterator[Finding]:
    """I-07: a request that is repeated under its key is recorded once, also behind a deletion.

    It is known until another request records the usage.
    """
    made: dict[int, str | None] = {
        attempt.told.version: attempt.key
        for attempt in history.attempts
        if attempt.act is Act.RECORD and attempt.told and attempt.told.replayed is False
    }
    silent = any(
        attempt.act is Act.RECORD and attempt.outcome is Outcome.UNKNOWN
        for attempt in history.attempts
    )
    for (first, key), (again, other) in pairwise(sorted(made.items())):
        if key is not None and key == other and not silent:
            said = f"one request made the versions {first} and {again}"
            yield history.finding(Kind.DOUBLED, "I-07", said)


def _nothing_lost(history: History) -> Iterator[Finding]:
    """I-01, I-03, I-09: what was acknowledged last is there, or what may have come behind it."""
    last, live = history.last, history.live
    if last is None:
        return
    if live is None:
        if not last.deleted and not history.might_have_deleted(last.version):
            said = f"version {last.version} was acknowledged and is not there"
            yield history.finding(Kind.LOST, "I-01", said)
    elif live.version < last.version or (
        live.version == last.version and live.counts != last.counts
    ):
        invariant = "I-09" if last.deleted else "I-01"
        said = f"version {last.version} was acknowledged, and version {live.version} is there"
        yield history.finding(Kind.LOST, invariant, said)


def _nothing_invented(history: History) -> Iterator[Finding]:
    """I-02, I-03: every version that was shown is one that somebody asked for."""
    shown_versions = [*history.told, *(each.told for each in history.sights if each.told)]
    if history.live is not None:
        shown_versions.append(history.live)
    for version in sorted({told.version for told in shown_versions}):
        told = next(each for each in shown_versions if each.version == version)
        if not history.might_be(version, None if told.deleted else told.quantity):
            what = "a deletion" if told.deleted else shown(told.quantity)
            said = f"version {version}, {what}, was asked for by none but refused requests"
            yield history.finding(Kind.INVENTED, "I-02", said)


def _reads_are_fresh(history: History) -> Iterator[Finding]:
    """I-01: a read shows what was acknowledged before it began, or something newer."""
    for sight in history.sights:
        before = [
            attempt.told
            for attempt in history.attempts
            if attempt.told is not None and attempt.ended < sight.began
        ]
        last = max(before, key=lambda told: told.version, default=None)
        if last is None:
            continue
        if sight.told is None:
            stale = not last.deleted and not history.might_have_deleted(last.version, sight.ended)
        else:
            stale = sight.told.version < last.version
        if stale:
            said = f"client {sight.client} read it at {sight.began:.3f} without what was there"
            yield history.finding(Kind.STALE, "I-01", said)


def _makes(attempt: Attempt, version: int, quantity: Fraction | None) -> bool:
    if attempt.act is Act.DELETE:
        return quantity is None
    if attempt.quantity != quantity:
        return False
    return attempt.act is Act.RECORD or attempt.over == version - 1
